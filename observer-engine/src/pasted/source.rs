//! Where the lines come from: blocks of any reader, in bounded memory. Of megabytes of other lines only those are looked at
//! that have one of the kernel's or a killer's words, and those that may go on with what these began.

use std::io::{self, BufRead};
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::{Map, Value};

use super::hearsay::Hearsay;
use super::{Pasted, anchor};
use crate::log::Told;

/// What is read at once.
const BLOCK: usize = 256 << 10;

/// The longest line: longer ones are passed over.
const MAX_LINE: usize = 1 << 20;

/// What is passed over of one line, at most: what has no end of line in so much is no text, and may have no end at all.
const MAX_OVER: usize = 64 << 20;

/// Of one entry of the journal.
const MAX_ENTRY: usize = 1 << 20;

static WORTH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(anchor::WORTH.into_iter().chain(Hearsay::words()))
        .ok()
});

/// What was not read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Lines that were too long.
    pub long: u64,
}

/// Reads to the end, and hands over what is told as soon as it is known.
///
/// # Errors
/// Where reading fails, or `tell` does; what was read before is told.
pub fn read(
    mut reader: impl BufRead,
    pasted: &mut Pasted,
    tell: &mut dyn FnMut(Told) -> io::Result<()>,
) -> io::Result<Skipped> {
    let mut skipped = Skipped::default();
    let first = reader.fill_buf()?;
    let result = if first.starts_with(b"__CURSOR=") {
        entries(&mut reader, pasted, tell, &mut skipped)
    } else {
        lines(&mut reader, pasted, tell, &mut skipped)
    };
    for told in pasted.end() {
        tell(told)?;
    }
    result.map(|()| skipped)
}

fn lines(
    reader: &mut impl BufRead,
    pasted: &mut Pasted,
    tell: &mut dyn FnMut(Told) -> io::Result<()>,
    skipped: &mut Skipped,
) -> io::Result<()> {
    let mut kept: Vec<u8> = Vec::with_capacity(2 * BLOCK);
    // How much of a line that is too long was passed over; its rest is still to come.
    let mut within = None;
    loop {
        let block = match reader.fill_buf() {
            Ok(block) => block,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let at_end = block.is_empty();
        let length = block.len();
        let mut block = block;
        if let Some(over) = within {
            let end = block.iter().position(|byte| *byte == b'\n');
            within = end.is_none().then_some(over + block.len());
            block = end.and_then(|end| block.get(end + 1..)).unwrap_or_default();
        }
        if within.is_some_and(|over| over > MAX_OVER) {
            return Err(no_text());
        }
        kept.extend_from_slice(block);
        reader.consume(length);
        let whole = match kept.iter().rposition(|byte| *byte == b'\n') {
            _ if at_end => kept.len(),
            Some(end) => end + 1,
            None => 0,
        };
        take(kept.get(..whole).unwrap_or_default(), pasted, tell)?;
        kept.drain(..whole);
        if kept.len() > MAX_LINE {
            kept.clear();
            skipped.long += 1;
            within = Some(MAX_LINE);
        }
        if at_end {
            return Ok(());
        }
    }
}

fn no_text() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("no end of line in {} MiB: this is no text", MAX_OVER >> 20),
    )
}

/// Takes whole lines.
fn take(block: &[u8], pasted: &mut Pasted, tell: &mut dyn FnMut(Told) -> io::Result<()>) -> io::Result<()> {
    let mut rest = block;
    while !rest.is_empty() {
        if !pasted.is_open() {
            let Some(start) = next(rest) else { return Ok(()) };
            rest = rest.get(start..).unwrap_or_default();
        }
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        rest = after;
        for told in pasted.line(line) {
            tell(told)?;
        }
    }
    Ok(())
}

/// Where the next line begins that has a word worth reading.
fn next(block: &[u8]) -> Option<usize> {
    let Some(words) = WORTH.as_ref() else { return Some(0) };
    let found = words.find(block)?.start();
    let before = block.get(..found).unwrap_or_default();
    Some(before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1))
}

/// Entries of the journal's export format (systemd's Journal Export Formats): a field a line, `NAME=VALUE`, or where the value
/// has more than one line its name, its length as 8 bytes, little-endian, and its bytes; an empty line between entries.
fn entries(
    reader: &mut impl BufRead,
    pasted: &mut Pasted,
    tell: &mut dyn FnMut(Told) -> io::Result<()>,
    skipped: &mut Skipped,
) -> io::Result<()> {
    let mut entry = Map::new();
    let mut line = Vec::new();
    let mut size = 0;
    loop {
        let at_end = field(reader, &mut line)?;
        if line.is_empty() {
            if !entry.is_empty() {
                pasted.entry(&std::mem::take(&mut entry));
                for told in pasted.take(super::WAITING) {
                    tell(told)?;
                }
            }
            size = 0;
            if at_end {
                return Ok(());
            }
            continue;
        }
        size += line.len();
        if size > MAX_ENTRY {
            skipped.long += u64::from(size - line.len() <= MAX_ENTRY);
            entry.clear();
        }
        let (name, value) = match line.iter().position(|byte| *byte == b'=') {
            Some(end) => (line.get(..end), line.get(end + 1..).map(<[u8]>::to_vec)),
            None => (Some(line.as_slice()), binary(reader)?),
        };
        let (Some(name), Some(value)) = (name, value) else {
            continue;
        };
        let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(&value));
        if size <= MAX_ENTRY {
            entry.insert(name.into_owned(), Value::String(value.into_owned()));
        }
    }
}

/// Reads a line without its end; whether there are no more. Of one that is too long the rest is passed over.
fn field(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut over = 0;
    loop {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Ok(true);
        }
        let end = block.iter().position(|byte| *byte == b'\n');
        let part = block.get(..end.unwrap_or(block.len())).unwrap_or_default();
        if line.len() + part.len() <= MAX_LINE {
            line.extend_from_slice(part);
        }
        over += part.len();
        if over > MAX_OVER {
            return Err(no_text());
        }
        let length = part.len() + usize::from(end.is_some());
        reader.consume(length);
        if end.is_some() {
            return Ok(false);
        }
    }
}

/// Reads a value that comes with its length; `None` where it is too long or not all there.
fn binary(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 8];
    if reader.read_exact(&mut length).is_err() {
        return Ok(None);
    }
    let length = u64::from_le_bytes(length);
    if usize::try_from(length).map_or(true, |length| length > MAX_OVER) {
        return Err(no_text());
    }
    let mut value = Vec::new();
    let mut left = length.saturating_add(1);
    while left > 0 {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Ok(None);
        }
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        if value.len() + part <= MAX_LINE {
            value.extend_from_slice(block.get(..part).unwrap_or_default());
        }
        reader.consume(part);
        left -= u64::try_from(part).unwrap_or(left);
    }
    let whole = u64::try_from(value.len()).is_ok_and(|read| read == length.saturating_add(1));
    value.pop();
    Ok(whole.then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &[u8]) -> (io::Result<Skipped>, usize) {
        let mut count = 0;
        let mut pasted = Pasted::default();
        let read = read(io::BufReader::with_capacity(777, text), &mut pasted, &mut |_| {
            count += 1;
            Ok(())
        });
        (read, count)
    }

    const KILL: &[u8] = b"[    1.000000] Out of memory: Killed process 7 (x) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0\n";

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_said() {
        let long = [vec![b'x'; 3 * MAX_LINE], b"\n".to_vec(), KILL.to_vec()].concat();
        let (read, count) = told(&long);
        assert_eq!((read.unwrap(), count), (Skipped { long: 1 }, 1));
    }

    #[test]
    fn what_has_no_lines_is_no_text() {
        let endless = io::BufReader::new(io::repeat(0));
        let error = read(endless, &mut Pasted::default(), &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let entry = [b"__CURSOR=x\nMESSAGE\n".to_vec(), vec![0xff; 8]].concat();
        assert!(told(&entry).0.is_err());
    }

    #[test]
    fn a_block_may_end_anywhere() {
        let other = b"Nov  2 03:00:01 web1 sshd[1]: nothing of interest here\n".repeat(20_000);
        let text = [other.clone(), KILL.to_vec(), other].concat();
        let (read, count) = told(&text);
        assert_eq!((read.unwrap(), count), (Skipped::default(), 1));
    }
}
