//! Captures: reading the event stream back from files.
//!
//! In: zstd frames of NDJSON, plain NDJSON, folders of both. Out: lines, and a [`Damage`] for every place that could not
//! be read, after which reading goes on: at the next frame, at the next line.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use crate::event::Line;

/// How every zstd frame begins (RFC 8878, 3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Larger than any frame that is written: a few seconds of lines. More is no capture.
const MAX_FRAME: u64 = 1 << 28;

/// Longer than any line: a kill with 64 tasks is below 64 KiB.
const MAX_LINE: u64 = 1 << 24;

/// How the line of a sample begins.
const SAMPLE: &[u8] = br#"{"event":"sample","#;

/// A place that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// Where: a line's number, or a frame's offset.
    pub place: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file, self.place, self.reason)
    }
}

/// The lines of one file, in its order.
pub struct Lines {
    file: String,
    source: Source,
    number: u64,
    samples: bool,
}

enum Source {
    Plain(Box<dyn BufRead>),
    /// The compressed bytes, where the next frame begins, and what is left of the one before.
    Frames {
        bytes: Vec<u8>,
        next: usize,
        frame: io::Cursor<Vec<u8>>,
    },
    Ended,
}

/// Opens a capture, a plain file, every file of a folder by name, or, for `-`, standard input.
///
/// # Errors
/// Where it is not there or may not be read.
pub fn open(path: &Path) -> io::Result<Vec<Lines>> {
    if path == Path::new("-") {
        return Lines::new("standard input".to_owned(), Box::new(BufReader::new(io::stdin()))).map(|lines| vec![lines]);
    }
    if !path.is_dir() {
        let file = BufReader::new(File::open(path)?);
        return Lines::new(path.display().to_string(), Box::new(file)).map(|lines| vec![lines]);
    }
    let mut files = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        file.is_file() && (name.ends_with(".jsonl") || name.ends_with(".jsonl.zst"))
    });
    files.sort();
    if files.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no captures (*.jsonl, *.jsonl.zst) in this folder",
        ));
    }
    files
        .iter()
        .map(|file| open(file))
        .collect::<io::Result<Vec<_>>>()
        .map(|lines| lines.into_iter().flatten().collect())
}

impl Lines {
    /// What it is, is told by its first bytes.
    fn new(file: String, mut reader: Box<dyn BufRead>) -> io::Result<Self> {
        let source = if reader.fill_buf()?.starts_with(&MAGIC) {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes)?;
            Source::Frames {
                bytes,
                next: 0,
                frame: io::Cursor::default(),
            }
        } else {
            Source::Plain(reader)
        };
        Ok(Self {
            file,
            source,
            number: 0,
            samples: true,
        })
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Passes over samples without reading them: they are nearly all there is, and kills carry those that matter.
    #[must_use]
    pub fn without_samples(mut self) -> Self {
        self.samples = false;
        self
    }

    fn damage(&self, place: String, reason: String) -> Damage {
        Damage {
            file: self.file.clone(),
            place,
            reason,
        }
    }

    /// The next line's bytes.
    fn bytes(&mut self) -> Option<Result<Vec<u8>, Damage>> {
        loop {
            let mut line = Vec::new();
            let read = match &mut self.source {
                Source::Plain(reader) => reader.take(MAX_LINE).read_until(b'\n', &mut line),
                Source::Frames { frame, .. } => frame.read_until(b'\n', &mut line),
                Source::Ended => return None,
            };
            match read {
                Ok(0) => match self.next_frame()? {
                    Ok(()) => {}
                    Err(damage) => return Some(Err(damage)),
                },
                Ok(_) => {
                    self.number += 1;
                    return Some(Ok(line));
                }
                Err(error) => {
                    self.source = Source::Ended;
                    return Some(Err(
                        self.damage(format!("after line {}", self.number), error.to_string())
                    ));
                }
            }
        }
    }

    /// Unpacks the next frame; `None` at the end.
    fn next_frame(&mut self) -> Option<Result<(), Damage>> {
        let Source::Frames { bytes, next, frame } = &mut self.source else {
            return None;
        };
        let start = *next;
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let unpacked = zstd::zstd_safe::find_frame_compressed_size(rest)
            .map_err(|_| "a frame is cut or damaged".to_owned())
            .and_then(|size| {
                let whole = rest.get(..size).unwrap_or(rest);
                let mut text = Vec::new();
                let decoder = zstd::Decoder::with_buffer(whole).map_err(|error| error.to_string())?;
                // What was unpacked before the damage counts as much as any other line.
                let result = decoder.single_frame().take(MAX_FRAME).read_to_end(&mut text);
                Ok((size, text, result.err().map(|error| error.to_string())))
            });
        let (size, text, error) = match unpacked {
            Ok(unpacked) => unpacked,
            // The frame's own size is not to be had: the next one begins where the magic number stands again.
            Err(reason) => {
                let size = rest
                    .windows(MAGIC.len())
                    .skip(1)
                    .position(|window| window == MAGIC)
                    .map_or(rest.len(), |place| place + 1);
                let mut text = Vec::new();
                if let Some(Ok(decoder)) = rest.get(..size).map(zstd::Decoder::with_buffer) {
                    let _ = decoder.single_frame().take(MAX_FRAME).read_to_end(&mut text);
                }
                (size, text, Some(reason))
            }
        };
        *next = start + size.max(1);
        *frame = io::Cursor::new(text);
        match error {
            None => Some(Ok(())),
            Some(reason) => Some(Err(self.damage(format!("the frame at byte {start}"), reason))),
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let bytes = match self.bytes()? {
                Ok(bytes) => bytes,
                Err(damage) => return Some(Err(damage)),
            };
            if bytes.trim_ascii().is_empty() || !self.samples && bytes.starts_with(SAMPLE) {
                continue;
            }
            let parsed = serde_json::from_slice(&bytes);
            return Some(parsed.map_err(|error| {
                let place = format!("line {}", self.number);
                self.damage(place, format!("no event of oomtrace: {error}"))
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const LINE: &str =
        r#"{"event":"stop","ts":"2026-11-24T09:00:00Z","seq":1,"host":"h","reason":"signal","written":1}"#;

    fn read(bytes: &[u8]) -> (usize, usize) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl.zst");
        fs::write(&path, bytes).unwrap();
        let lines: Vec<_> = open(dir.path()).unwrap().into_iter().flatten().collect();
        let good = lines.iter().filter(|line| line.is_ok()).count();
        (good, lines.len() - good)
    }

    fn frames(count: usize) -> Vec<Vec<u8>> {
        let frame = || {
            let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
            encoder.include_checksum(true).unwrap();
            writeln!(encoder, "{LINE}\n{LINE}").unwrap();
            encoder.finish().unwrap()
        };
        (0..count).map(|_| frame()).collect()
    }

    #[test]
    fn frames_and_plain_lines_are_read_alike() {
        assert_eq!(read(&frames(3).concat()), (6, 0));
        assert_eq!(read(format!("{LINE}\n\n{LINE}").as_bytes()), (2, 0));
        assert_eq!(read(b""), (0, 0));
    }

    #[test]
    fn a_cut_costs_the_last_frame_and_damage_its_own() {
        let whole = frames(3).concat();
        let (good, bad) = read(&whole[..whole.len() - 3]);
        assert!(good >= 4 && bad >= 1, "{good} {bad}");
        let mut parts = frames(3);
        let middle = parts[1].len() / 2;
        parts[1][middle] ^= 0xff;
        let (good, bad) = read(&parts.concat());
        assert!(good >= 4 && bad >= 1, "{good} {bad}");
    }

    #[test]
    fn a_bad_line_is_named_and_the_next_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        fs::write(&path, format!("{LINE}\n{{\"event\":\n{LINE}\n")).unwrap();
        let lines: Vec<_> = open(&path).unwrap().into_iter().flatten().collect();
        assert_eq!(lines.len(), 3);
        let damage = lines[1].as_ref().unwrap_err();
        assert_eq!(damage.place, "line 2");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_flipped_is_read_without_end_or_panic(flips in proptest::collection::vec((0_usize..400, 0_u8..8), 0..40)) {
            let mut bytes = frames(4).concat();
            for (place, bit) in flips {
                let length = bytes.len();
                bytes[place % length] ^= 1 << bit;
            }
            let (good, _) = read(&bytes);
            proptest::prop_assert!(good <= 8);
        }
    }
}
