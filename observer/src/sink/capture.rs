//! Captures: the stream as zstd frames of NDJSON, in files that are rotated and thinned out.
//!
//! A frame holds a few seconds and is synced to the disk before the next begins, so that a crash or a power cut costs no
//! more; a kill ends its frame at once. A disk that takes nothing costs lines, which the gap in `seq` shows, and never
//! memory: own old files go first, and it goes on by itself when there is room again.

mod folder;
mod pack;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use super::Sink;
use crate::confine::Task;
use crate::event::{Event, Line};
use crate::measure::Timestamp;
use crate::notice::notice;
use crate::private;
use crate::words::counted;

pub use folder::{CaptureError, CaptureOptions};

use folder::Folder;
use pack::Packer;

/// A frame's length in time, in seconds.
const FRAME_SECONDS: f64 = 5.0;
/// A frame's length in bytes before it is packed, at most.
const FRAME_BYTES: usize = 4 << 20;
/// The longest time in one file: what is closed is packed better.
const FILE_AGE: Duration = Duration::from_secs(6 * 3600);
/// zstd's level: of five seconds more makes nothing smaller.
const LEVEL: i32 = 3;

/// The file that is written to. It is open while a frame is written only: a file system that is to be set read-only or
/// unmounted must not be busy for us.
struct Current {
    path: PathBuf,
    length: u64,
    since: SystemTime,
}

/// Writes captures.
pub struct Capture {
    folder: Folder,
    packer: Packer,
    boot_id: String,
    lines: Vec<u8>,
    line_count: u64,
    frame_since: Option<Timestamp>,
    current: Option<Current>,
    lost: u64,
    said_full: bool,
    /// Kept from frame to frame: to make its tables takes longer than to pack a kill.
    compressor: Compressor<'static>,
}

impl Capture {
    /// Takes the folder, making it where it isn't there.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn new(options: CaptureOptions) -> Result<Self, CaptureError> {
        let dir = options.dir.display().to_string();
        let folder = Folder::take(options)?;
        Ok(Self {
            compressor: compressor(LEVEL, &[]).map_err(|source| CaptureError::Unusable { dir, source })?,
            packer: Packer::new(folder.dir(), folder.newest()),
            folder,
            boot_id: "unknown".to_owned(),
            lines: Vec::new(),
            line_count: 0,
            frame_since: None,
            current: None,
            lost: 0,
            said_full: false,
        })
    }

    /// Ends, and waits until what was closed is packed. Dropped, it does not wait: the next recorder goes on with that.
    pub fn finish(mut self) {
        self.end_frame();
        self.close();
        self.packer.finish();
    }

    /// Packs what was gathered and puts it on the disk. What the disk does not take is lost, and said once.
    fn end_frame(&mut self) {
        self.frame_since = None;
        let count = std::mem::take(&mut self.line_count);
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return;
        }
        let packed = self.compressor.compress(&lines);
        let written = packed.and_then(|frame| self.put_somehow(&frame));
        let dir = self.folder.dir().display();
        match written {
            Ok(()) if self.lost > 0 => {
                notice(format_args!(
                    "recording into {dir} again; {} {} lost",
                    counted(self.lost, "line"),
                    if self.lost == 1 { "was" } else { "were" }
                ));
                self.lost = 0;
                self.said_full = false;
            }
            Ok(()) => {}
            Err(error) => {
                if self.lost == 0 {
                    notice(format_args!(
                        "cannot write to {dir}: {error}; lines are lost until it can be written to again"
                    ));
                }
                // It stays the current one: what comes after the gap goes where the gap can be seen.
                self.lost += count;
            }
        }
        // The buffer's room is used again.
        self.lines = lines;
        self.lines.clear();
    }

    /// Puts a frame on the disk; where that is full, our own oldest captures make room for it.
    fn put_somehow(&mut self, frame: &[u8]) -> io::Result<()> {
        loop {
            match self.put(frame) {
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    let current = self.current.as_ref().map(|current| current.path.as_path());
                    if !self.folder.delete_oldest(current) {
                        return Err(error);
                    }
                    if !std::mem::replace(&mut self.said_full, true) {
                        let dir = self.folder.dir().display();
                        notice(format_args!(
                            "the disk of {dir} is full; deleting the oldest recordings"
                        ));
                    }
                }
                result => return result,
            }
        }
    }

    fn put(&mut self, frame: &[u8]) -> io::Result<()> {
        self.rotate()?;
        let Some(current) = &mut self.current else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut file = private::append(&current.path)?;
        let result = file.write_all(frame).and_then(|()| file.sync_data());
        if result.is_err() {
            // Half a frame would hide what follows it.
            let _ = file.set_len(current.length);
        } else {
            current.length += frame.len() as u64;
        }
        result
    }

    /// Makes sure that there is a file to write to, a new one where the old one is full.
    fn rotate(&mut self) -> io::Result<()> {
        let age = FILE_AGE.min(self.folder.max_age());
        let is_full = self.current.as_ref().is_none_or(|current| {
            current.length >= self.folder.file_length()
                || current.since.elapsed().is_ok_and(|since| since >= age)
                || !current.path.exists()
        });
        if !is_full {
            return Ok(());
        }
        self.close();
        self.current = Some(Current {
            path: self.folder.create(&self.boot_id)?,
            length: 0,
            since: SystemTime::now(),
        });
        Ok(())
    }

    /// No more is written to the current file.
    fn close(&mut self) {
        if let Some(current) = self.current.take() {
            self.packer.closed(current.path);
        }
    }
}

/// What makes frames, each with its length and a checksum.
fn compressor(level: i32, more: &[CParameter]) -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(level)?;
    for parameter in more {
        compressor.set_parameter(*parameter)?;
    }
    compressor.include_checksum(true)?;
    Ok(compressor)
}

impl Sink for Capture {
    fn task(&self) -> Option<Task> {
        Some(Task::Write)
    }

    fn is_recording(&self) -> bool {
        true
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        if let Event::Start(start) = &line.event {
            self.boot_id = start.boot_id.replace('-', "");
        }
        serde_json::to_writer(&mut self.lines, line)?;
        self.lines.push(b'\n');
        self.line_count += 1;
        self.frame_since.get_or_insert(line.ts);
        let is_long = self.lines.len() >= FRAME_BYTES;
        if is_long || matches!(line.event, Event::Kill(_) | Event::Stop(_) | Event::Start(_)) {
            self.end_frame();
        }
        self.tick(line.ts)
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        // A clock that went back ends the frame too.
        let age = self.frame_since.map(|since| now.seconds_since(since));
        if age.is_some_and(|age| !(0.0..FRAME_SECONDS).contains(&age)) {
            self.end_frame();
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end_frame();
        Ok(())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.end_frame();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::event::{Stop, StopReason};

    fn line(seq: u64, seconds: i64) -> Line {
        Line {
            event: Event::Lost(crate::event::Lost {
                stream: crate::event::Stream::Growth,
                count: seq,
                killer: None,
            }),
            ts: Timestamp(jiff::Timestamp::from_second(1_800_000_000 + seconds).unwrap()),
            seq,
            host: "h".to_owned(),
        }
    }

    fn options(dir: &Path, max_size: u64) -> CaptureOptions {
        CaptureOptions {
            dir: dir.to_owned(),
            max_size,
            max_age: Duration::from_secs(3600),
        }
    }

    fn read(dir: &Path) -> Vec<u64> {
        let lines = crate::capture::open(dir).unwrap().into_iter().flatten();
        lines.map(|line| line.unwrap().seq).collect()
    }

    #[test]
    fn what_is_older_than_a_frame_is_on_the_disk_without_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut capture = Capture::new(options(dir.path(), 1 << 30)).unwrap();
        for second in 0..30 {
            capture.line(&line(second, i64::try_from(second).unwrap())).unwrap();
        }
        let seen = read(dir.path());
        assert!(seen.len() >= 25, "{seen:?}");
        drop(capture);
        assert_eq!(read(dir.path()), (0..30).collect::<Vec<_>>());
    }

    #[test]
    fn a_frame_ends_though_no_line_comes_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut capture = Capture::new(options(dir.path(), 1 << 30)).unwrap();
        capture.line(&line(0, 0)).unwrap();
        capture.tick(line(0, 4).ts).unwrap();
        assert!(crate::capture::open(dir.path()).is_err(), "nothing is written yet");
        capture.tick(line(0, 5).ts).unwrap();
        assert_eq!(read(dir.path()), [0]);
    }

    #[test]
    fn the_second_recorder_is_refused_and_the_first_named() {
        let dir = tempfile::tempdir().unwrap();
        let first = Capture::new(options(dir.path(), 1 << 30)).unwrap();
        let error = Capture::new(options(dir.path(), 1 << 30)).err().unwrap().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        assert!(Capture::new(options(dir.path(), 1 << 30)).is_ok());
    }

    #[test]
    fn the_oldest_goes_first_and_the_newest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let max_size = 4000;
        let mut capture = Capture::new(options(dir.path(), max_size)).unwrap();
        for seq in 0..2000 {
            capture.line(&line(seq, i64::try_from(seq).unwrap() * 6)).unwrap();
        }
        let mut stop = line(2000, 12_000);
        stop.event = Event::Stop(Stop {
            reason: StopReason::Signal,
            written: 2000,
        });
        capture.line(&stop).unwrap();
        let total = capture.folder.total();
        assert!(total <= max_size, "{total}");
        let seen = read(dir.path());
        assert_eq!(seen.last(), Some(&2000));
        assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seen:?}");
    }

    #[test]
    fn a_folder_that_goes_away_costs_lines_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("captures");
        let mut capture = Capture::new(options(&place, 1 << 30)).unwrap();
        fs::remove_dir_all(&place).unwrap();
        for seq in 0..10 {
            capture.line(&line(seq, i64::try_from(seq).unwrap() * 6)).unwrap();
        }
        fs::create_dir(&place).unwrap();
        for seq in 10..20 {
            capture.line(&line(seq, i64::try_from(seq).unwrap() * 6)).unwrap();
        }
        capture.flush().unwrap();
        let seen = read(&place);
        assert_eq!(seen.last(), Some(&19));
        assert!(seen.len() >= 10, "{seen:?}");
    }
}
