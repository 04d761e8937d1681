//! Captures: the stream as zstd frames of NDJSON, in files that are rotated and thinned out.
//!
//! A frame holds a few seconds and is synced to the disk before the next begins, so that a crash or a power cut costs no
//! more; a kill ends its frame at once. A disk that takes nothing costs lines, which the gap in `seq` shows, and never
//! memory: own old files go first, and it goes on by itself when there is room again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Sink;
use crate::event::{Event, Line};
use crate::measure::Timestamp;

/// A frame's length in time, in seconds.
const FRAME_SECONDS: f64 = 5.0;
/// A frame's length in bytes before it is packed, at most.
const FRAME_BYTES: usize = 4 << 20;
/// Files that a full folder consists of.
const FILES: u64 = 8;
/// The longest time in one file.
const FILE_AGE: Duration = Duration::from_secs(24 * 3600);
/// zstd's level: twice as fast as its default, and a tenth larger.
const LEVEL: i32 = 3;
/// What the names of captures begin and end with.
const PREFIX: &str = "oomtrace-";
const SUFFIX: &str = ".jsonl.zst";

/// Where captures go and how much is kept.
#[derive(Debug, Clone)]
pub struct CaptureOptions {
    /// The folder.
    pub dir: PathBuf,
    /// All captures of the folder together are kept below this, in bytes.
    pub max_size: u64,
    /// Captures older than this are deleted.
    pub max_age: Duration,
}

/// Why a folder cannot be recorded into.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Another recorder is at work there.
    #[error("{dir} is recorded into already, by pid {pid}; give another --dir, or stop that one")]
    InUse {
        /// The folder.
        dir: String,
        /// Who.
        pid: String,
    },
    /// It cannot be made or locked.
    #[error("cannot record into {dir}: {source}")]
    Unusable {
        /// The folder.
        dir: String,
        /// Why.
        source: io::Error,
    },
}

struct Current {
    file: File,
    length: u64,
    since: SystemTime,
}

/// Writes captures.
pub struct Capture {
    options: CaptureOptions,
    boot_id: String,
    lines: Vec<u8>,
    line_count: u64,
    frame_since: Option<Timestamp>,
    current: Option<Current>,
    lost: u64,
    said_full: bool,
    // Held for as long as this lives.
    _lock: File,
}

impl Capture {
    /// Takes the folder, making it where it isn't there.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn new(options: CaptureOptions) -> Result<Self, CaptureError> {
        let dir = options.dir.display().to_string();
        let unusable = |source| CaptureError::Unusable {
            dir: dir.clone(),
            source,
        };
        fs::create_dir_all(&options.dir).map_err(unusable)?;
        let path = options.dir.join("lock");
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unusable)?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let pid = fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
                return Err(CaptureError::InUse { dir, pid });
            }
            Err(error) => return Err(unusable(error.into())),
        }
        lock.set_len(0)
            .and_then(|()| writeln!(&lock, "{}", std::process::id()))
            .map_err(unusable)?;
        Ok(Self {
            options,
            boot_id: "unknown".to_owned(),
            lines: Vec::new(),
            line_count: 0,
            frame_since: None,
            current: None,
            lost: 0,
            said_full: false,
            _lock: lock,
        })
    }

    /// Packs what was gathered and puts it on the disk. What the disk does not take is lost, and said once.
    fn end_frame(&mut self) {
        self.frame_since = None;
        let count = std::mem::take(&mut self.line_count);
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return;
        }
        let written = pack(&lines).and_then(|frame| match self.put(&frame) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                // The oldest of our own goes first.
                if !std::mem::replace(&mut self.said_full, true) {
                    let dir = self.options.dir.display();
                    eprintln!("oomtrace: the disk of {dir} is full; the oldest captures are deleted to go on");
                }
                self.current = None;
                self.delete_oldest()?;
                self.put(&frame)
            }
            result => result,
        });
        let dir = self.options.dir.display();
        match written {
            Ok(()) if self.lost > 0 => {
                eprintln!("oomtrace: {dir} takes captures again; {} lines were lost", self.lost);
                self.lost = 0;
            }
            Ok(()) => {}
            Err(error) => {
                if self.lost == 0 {
                    eprintln!("oomtrace: cannot write to {dir}: {error}; lines are lost until there is room again");
                }
                self.lost += count;
                self.current = None;
            }
        }
        // The buffer's room is used again.
        self.lines = lines;
        self.lines.clear();
    }

    fn put(&mut self, frame: &[u8]) -> io::Result<()> {
        self.rotate()?;
        let Some(current) = &mut self.current else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let result = current.file.write_all(frame).and_then(|()| current.file.sync_data());
        if result.is_err() {
            // Half a frame would hide what follows it.
            let _ = current.file.set_len(current.length);
        } else {
            current.length += frame.len() as u64;
        }
        result
    }

    /// Makes sure that there is a file to write to, a new one where the old one is full.
    fn rotate(&mut self) -> io::Result<()> {
        let is_full = self.current.as_ref().is_none_or(|current| {
            current.length >= self.options.max_size / FILES
                || current
                    .since
                    .elapsed()
                    .is_ok_and(|age| age >= FILE_AGE.min(self.options.max_age))
        });
        if !is_full {
            return Ok(());
        }
        self.current = None;
        self.thin_out();
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ").to_string();
        let path = self
            .options
            .dir
            .join(format!("{PREFIX}{}-{time}{SUFFIX}", self.boot_id));
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        self.current = Some(Current {
            file,
            length: 0,
            since: SystemTime::now(),
        });
        Ok(())
    }

    /// Our own captures, oldest first: when each was written to last, and its size.
    fn captures(&self) -> Vec<(SystemTime, u64, PathBuf)> {
        let Ok(entries) = fs::read_dir(&self.options.dir) else {
            return Vec::new();
        };
        let mut captures: Vec<_> = entries
            .flatten()
            .filter(|entry| is_capture(&entry.path()))
            .filter_map(|entry| {
                let meta = entry.metadata().ok()?;
                Some((meta.modified().ok()?, meta.len(), entry.path()))
            })
            .collect();
        captures.sort();
        captures
    }

    fn delete_oldest(&self) -> io::Result<()> {
        match self.captures().first() {
            Some((_, _, path)) => fs::remove_file(path),
            None => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    /// Deletes what is too old, and the oldest while all together are too large with one more file.
    fn thin_out(&self) {
        let mut captures = self.captures();
        captures.retain(|(modified, _, path)| {
            let is_old = modified.elapsed().is_ok_and(|age| age >= self.options.max_age);
            !(is_old && fs::remove_file(path).is_ok())
        });
        let mut total: u64 = captures.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in &captures {
            if total <= self.options.max_size - self.options.max_size / FILES {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= length;
            }
        }
    }
}

fn is_capture(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// One frame, with a checksum.
fn pack(lines: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(lines.len() as u64))?;
    encoder.write_all(lines)?;
    encoder.finish()
}

impl Sink for Capture {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        if let Event::Start(start) = &line.event {
            self.boot_id = start.boot_id.replace('-', "");
        }
        serde_json::to_writer(&mut self.lines, line)?;
        self.lines.push(b'\n');
        self.line_count += 1;
        let since = *self.frame_since.get_or_insert(line.ts);
        // A clock that went back ends the frame too.
        let age = line.ts.seconds_since(since);
        let is_long = !(0.0..FRAME_SECONDS).contains(&age) || self.lines.len() >= FRAME_BYTES;
        if is_long || matches!(line.event, Event::Kill(_) | Event::Stop(_) | Event::Start(_)) {
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
    use super::*;
    use crate::event::{Stop, StopReason};

    fn line(seq: u64, seconds: i64) -> Line {
        Line {
            event: Event::Lost(crate::event::Lost {
                stream: crate::event::Stream::Growth,
                count: seq,
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
        let total: u64 = capture.captures().iter().map(|(_, length, _)| length).sum();
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
