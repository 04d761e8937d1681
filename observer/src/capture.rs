//! Captures: reading the event stream back from files.
//!
//! In: zstd frames of NDJSON, plain NDJSON, folders of both. Out: lines, and a [`Damage`] for every place that could not
//! be read, after which reading goes on: at the next frame, at the next line. What a stream itself shows to be missing is
//! told in it: `lost` where `seq` has a gap, `stop` where a recorder began anew without having ended.

mod ahead;
mod frames;
mod merge;
mod places;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use crate::again::Again;
use crate::event::{Event, Line, Lost, Stop, StopReason, Stream};
use crate::measure::Timestamp;

pub(crate) use frames::{Frames, Text};
pub use merge::Merged;
pub(crate) use places::{CAPTURES, began, is_capture};

use frames::MAGIC;

/// Longer than any line: a kill with 64 tasks is below 64 KiB.
const MAX_LINE: u64 = 1 << 20;

/// What is passed over of a line that is longer, at most, and how many lines in a row may be none: then it is no capture.
const MAX_PASSED: u64 = 1 << 30;
const MAX_BAD: u64 = 100_000;

/// How much of a plain file is read at once.
const STEP: usize = 64 << 10;

/// Whether a line is a sample, as oomtrace writes it, without reading all of it.
pub(crate) fn is_sample(line: &[u8]) -> bool {
    line.starts_with(br#"{"event":"sample","#)
}

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

/// A capture that is not there or may not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}: {source}")]
pub struct OpenError {
    /// Which.
    pub path: String,
    /// Why.
    pub source: io::Error,
}

/// The lines of one stream, in its order: of a file, or of the files that a recorder wrote one after the other.
pub struct Lines {
    /// Files that come after this one.
    rest: VecDeque<PathBuf>,
    file: String,
    source: Source,
    number: u64,
    /// Bytes of a line too long that were passed over, as long as its end is looked for.
    too_long: Option<u64>,
    /// Lines before this one that were none.
    bad: u64,
    /// The last line's length in bytes.
    weight: usize,
    /// Which lines are not read.
    passed_over: Option<IsPassedOver>,
    boot: Option<String>,
    /// The last line.
    last: Option<Last>,
    /// A line that waits for what is told before it.
    held: Option<Box<Line>>,
    /// The bytes of the line that is read.
    bytes: Vec<u8>,
}

/// Whether a line, by its bytes, is not to be read.
type IsPassedOver = Box<dyn Fn(&[u8]) -> bool + Send>;

/// Where a stream stands, and whose it is.
struct Last {
    place: Place,
    host: String,
}

/// Where a stream stands.
struct Place {
    seq: u64,
    ts: Timestamp,
    stopped: bool,
}

enum Source {
    Plain(BufReader<Again<Box<dyn Read + Send>>>),
    Frames { frames: Frames, text: Text },
    Ended,
}

/// Opens a capture, a plain file, every stream of a folder, or, for `-`, standard input.
///
/// # Errors
/// Where it is not there or may not be read.
pub fn open(path: &Path) -> Result<Vec<Lines>, OpenError> {
    let error = |source| OpenError {
        path: path.display().to_string(),
        source,
    };
    if path == Path::new("-") {
        let mut lines = Lines::of(VecDeque::new());
        "standard input".clone_into(&mut lines.file);
        // By a descriptor of its own: a screen puts the terminal where standard input was.
        let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(error)?;
        lines.source = Source::new(Box::new(File::from(stdin))).map_err(error)?;
        return Ok(vec![lines]);
    }
    let streams = places::streams(path).map_err(error)?;
    let streams = streams.into_iter().map(|files| {
        let first = files.front().map(|path| first_look(path)).transpose()?;
        let mut lines = Lines::of(files);
        // What is read once only is read from here on; a file is opened again when its time comes, so that not all of
        // them are open at once.
        if first.is_some_and(|is_file| !is_file) {
            lines.next_file().transpose()?;
        }
        Ok(lines)
    });
    streams.collect::<io::Result<_>>().map_err(error)
}

/// What was recorded last of a boot: its newest files of a folder, as many as `count`.
///
/// # Errors
/// As [`open`].
pub(crate) fn newest(path: &Path, boot: &str, count: usize) -> Result<Vec<Lines>, OpenError> {
    let mut streams = open(path)?;
    streams.retain(|lines| lines.boot() == Some(boot));
    for lines in &mut streams {
        let old = lines.rest.len().saturating_sub(count);
        lines.rest.drain(..old);
    }
    Ok(streams)
}

/// Whether it is a file that can be read, and not a pipe.
fn first_look(path: &Path) -> io::Result<bool> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_char_device() || kind.is_block_device() {
        return Err(io::Error::other("it is a device, and no recording"));
    }
    if kind.is_file() {
        File::open(path)?;
    }
    Ok(kind.is_file())
}

impl Source {
    /// What it is, is told by its first bytes.
    fn new(reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(STEP, Again(reader));
        Ok(if reader.fill_buf()?.starts_with(&MAGIC) {
            Self::Frames {
                frames: Frames::new(Box::new(reader)),
                text: Text::default(),
            }
        } else {
            Self::Plain(reader)
        })
    }
}

impl Lines {
    fn of(files: VecDeque<PathBuf>) -> Self {
        let boot = files.front().and_then(|path| places::boot(path));
        Self {
            boot: boot.map(str::to_owned),
            rest: files,
            file: String::new(),
            source: Source::Ended,
            number: 0,
            too_long: None,
            bad: 0,
            weight: 0,
            passed_over: None,
            last: None,
            held: None,
            bytes: Vec::new(),
        }
    }

    /// The boot that the last line is from, 32 hexadecimal digits, as far as the file's name or its lines tell.
    #[must_use]
    pub fn boot(&self) -> Option<&str> {
        self.boot.as_deref()
    }

    /// Passes over lines without reading them: samples are nearly all there is, and kills carry those that matter. What is
    /// missing is not told then.
    #[must_use]
    pub(crate) fn passing_over(mut self, line: impl Fn(&[u8]) -> bool + Send + 'static) -> Self {
        self.passed_over = Some(Box::new(line));
        self
    }

    /// When the stream begins, as its first file's name tells, for as long as it is not open.
    fn begins(&self) -> Option<Timestamp> {
        let first = self.rest.front().filter(|_| matches!(self.source, Source::Ended))?;
        places::time(first)
    }

    fn damage(&self, place: String, reason: String) -> Damage {
        Damage {
            file: self.file.clone(),
            place,
            reason,
        }
    }

    /// Goes to the next file that is there; `None` after the last. One that a recorder has deleted meanwhile is none.
    fn next_file(&mut self) -> Option<io::Result<()>> {
        loop {
            self.source = Source::Ended;
            let path = self.rest.pop_front()?;
            self.file = path.display().to_string();
            (self.number, self.bad, self.too_long) = (0, 0, None);
            if let Some(boot) = places::boot(&path) {
                self.boot = Some(boot.to_owned());
            }
            let opened = File::open(&path).and_then(|file| Source::new(Box::new(file)));
            match opened {
                Ok(source) => {
                    self.source = source;
                    return Some(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.last.is_some() => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Whether the next line has been read from its file, so that it can be had without waiting.
    fn is_at_hand(&self) -> bool {
        self.held.is_some()
            || match &self.source {
                Source::Plain(reader) => reader.buffer().contains(&b'\n'),
                Source::Frames { text, .. } => text.is_at_hand(),
                Source::Ended => false,
            }
    }

    /// Reads the next line's bytes.
    fn read(&mut self) -> Option<Result<(), Damage>> {
        loop {
            self.bytes.clear();
            let reader: &mut dyn BufRead = match &mut self.source {
                Source::Plain(reader) => reader,
                Source::Frames { text, .. } => text.reader(),
                Source::Ended => &mut io::empty(),
            };
            if let Some(passed) = self.too_long {
                match pass_line(reader, passed) {
                    Ok(passed) => self.too_long = passed,
                    Err(error) => return Some(Err(self.end(error.to_string()))),
                }
                continue;
            }
            match pass_blank(reader) {
                Ok(0) => {}
                Ok(count) => {
                    self.number += count;
                    continue;
                }
                Err(error) => return Some(Err(self.end(error.to_string()))),
            }
            match reader.take(MAX_LINE).read_until(b'\n', &mut self.bytes) {
                Ok(0) => match self.next_text()? {
                    Ok(()) => {}
                    Err(damage) => return Some(Err(damage)),
                },
                Ok(length) => {
                    self.number += 1;
                    self.weight = length;
                    if length as u64 == MAX_LINE && self.bytes.last() != Some(&b'\n') {
                        self.too_long = Some(0);
                        let reason = "longer than any that oomtrace writes (1M)".to_owned();
                        return Some(Err(self.damage(format!("line {}", self.number), reason)));
                    }
                    return Some(Ok(()));
                }
                Err(error) => return Some(Err(self.end(error.to_string()))),
            }
        }
    }

    /// A damage after which nothing more is read of the file.
    fn end(&mut self, reason: String) -> Damage {
        self.source = Source::Ended;
        self.damage(format!("after line {}", self.number), reason)
    }

    /// A line that is none; of a file that has no other for long nothing more is read.
    fn bad(&mut self, error: &serde_json::Error) -> Damage {
        self.bad += 1;
        if self.bad >= MAX_BAD {
            return self.end(format!(
                "{MAX_BAD} lines in a row are not oomtrace events; gave up on this file"
            ));
        }
        self.damage(
            format!("line {}", self.number),
            // The line is that of the file, and not the first.
            format!(
                "not an oomtrace event: {}",
                error.to_string().replace(" at line 1 column ", ", column ")
            ),
        )
    }

    /// Goes to the next frame, or to the next file; `None` at the end.
    fn next_text(&mut self) -> Option<Result<(), Damage>> {
        if let Source::Frames { frames, text } = &mut self.source {
            match frames.next() {
                Ok(Some(frame)) => {
                    *text = frame.text;
                    return Some(match frame.fault {
                        None => Ok(()),
                        Some(fault) => Err(self.damage(format!("the frame at byte {}", frame.at), fault)),
                    });
                }
                Ok(None) => {}
                Err(error) => {
                    self.source = Source::Ended;
                    return Some(Err(self.damage("in a frame".to_owned(), error.to_string())));
                }
            }
        }
        let opened = self.next_file()?;
        Some(opened.map_err(|error| self.damage("the file".to_owned(), error.to_string())))
    }

    /// What is missing before a line, as the stream itself shows.
    fn missing(&mut self, line: &Line) -> Option<Line> {
        let is_start = matches!(line.event, Event::Start(_));
        let now = Place {
            seq: line.seq,
            ts: line.ts,
            stopped: matches!(line.event, Event::Stop(_)),
        };
        let (before, is_same_host) = match &mut self.last {
            Some(last) => {
                let is_same_host = last.host == line.host;
                last.host.clone_from(&line.host);
                (std::mem::replace(&mut last.place, now), is_same_host)
            }
            None => {
                let host = line.host.clone();
                self.last = Some(Last { place: now, host });
                return None;
            }
        };
        // Without some of its lines a stream has gaps of its own.
        if self.passed_over.is_some() || !is_same_host {
            return None;
        }
        // It was said already, in place of the last of those that are missing.
        if matches!(&line.event, Event::Lost(lost) if lost.stream == Stream::Output) {
            return None;
        }
        let event = if is_start && !before.stopped {
            return Some(Line {
                event: Event::Stop(Stop {
                    reason: StopReason::Crash,
                    written: before.seq.saturating_add(1),
                }),
                ts: before.ts,
                seq: before.seq.saturating_add(1),
                host: line.host.clone(),
            });
        } else {
            let count = line
                .seq
                .checked_sub(before.seq.checked_add(1)?)
                .filter(|count| *count > 0)?;
            Event::Lost(Lost {
                stream: Stream::Output,
                count,
                killer: None,
            })
        };
        Some(Line { event, ..line.clone() })
    }
}

impl Iterator for Lines {
    /// In a box: a line is large, and is handed on several times.
    type Item = Result<Box<Line>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(line) = self.held.take() {
            return Some(Ok(line));
        }
        loop {
            if let Err(damage) = self.read()? {
                return Some(Err(damage));
            }
            let is_passed = self.passed_over.as_ref().is_some_and(|passed| passed(&self.bytes));
            if self.bytes.trim_ascii().is_empty() || is_passed {
                continue;
            }
            let line = match Line::from_json(&self.bytes) {
                Ok(line) => Box::new(line),
                Err(error) => return Some(Err(self.bad(&error))),
            };
            self.bad = 0;
            if let Event::Start(start) = &line.event {
                self.boot = Some(start.boot_id.replace('-', ""));
            }
            return Some(Ok(match self.missing(&line) {
                Some(missing) => {
                    self.held = Some(line);
                    Box::new(missing)
                }
                None => line,
            }));
        }
    }
}

/// Passes over empty lines, as many as are at hand; a frame may be nothing else. Tells how many there were.
fn pass_blank(reader: &mut dyn BufRead) -> io::Result<u64> {
    let buffer = reader.fill_buf()?;
    let count = buffer.iter().position(|byte| *byte != b'\n').unwrap_or(buffer.len());
    reader.consume(count);
    Ok(count as u64)
}

/// Goes on to the end of a line of which so much was passed; `None` there.
///
/// # Errors
/// Where it does not end, or cannot be read.
fn pass_line(reader: &mut dyn BufRead, passed: u64) -> io::Result<Option<u64>> {
    let buffer = reader.fill_buf()?;
    let end = buffer.iter().position(|byte| *byte == b'\n');
    let length = end.map_or(buffer.len(), |end| end + 1);
    let is_over = end.is_some() || buffer.is_empty();
    reader.consume(length);
    let passed = passed.saturating_add(length as u64);
    match is_over {
        true => Ok(None),
        false if passed > MAX_PASSED => Err(io::Error::other(
            "a line without an end; the rest of the file is not read",
        )),
        false => Ok(Some(passed)),
    }
}
