//! The folder of captures: who records there, and what is kept.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::capture::{began, is_capture};
use crate::private;

/// Files that a full folder consists of.
const FILES: u64 = 8;

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
    #[error("pid {pid} is already recording into {dir}; give another --dir, or stop that one")]
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

/// A folder that this process alone records into.
pub(super) struct Folder {
    options: CaptureOptions,
    // Held for as long as this lives.
    _lock: File,
}

/// A capture that is there.
struct Kept {
    modified: SystemTime,
    length: u64,
    path: PathBuf,
}

impl Folder {
    /// Takes the folder, making it where it isn't there.
    pub(super) fn take(options: CaptureOptions) -> Result<Self, CaptureError> {
        let dir = options.dir.display().to_string();
        let unusable = |source| CaptureError::Unusable {
            dir: dir.clone(),
            source,
        };
        if options.dir.exists() && !options.dir.is_dir() {
            let words = "it is no folder; choose another --dir";
            return Err(unusable(io::Error::new(io::ErrorKind::NotADirectory, words)));
        }
        private::folder(&options.dir).map_err(unusable)?;
        let path = options.dir.join("lock");
        let mut writing = private::lock(&path).map_err(unusable)?;
        // Held open for as long as it is recorded, and so not for writing: that would keep the file system busy.
        let lock = private::read(&path).map_err(unusable)?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                let _ = (&lock).take(32).read_to_string(&mut pid);
                let pid = pid.trim().to_owned();
                return Err(CaptureError::InUse { dir, pid });
            }
            Err(error) => return Err(unusable(error.into())),
        }
        // A full disk has no room for the pid, which is no reason not to record as soon as it has.
        let pid = format!("{}\n", std::process::id());
        let _ = writing.set_len(0).and_then(|()| writing.write_all(pid.as_bytes()));
        Ok(Self { options, _lock: lock })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.options.dir
    }

    /// Captures older than this are deleted.
    pub(super) fn max_age(&self) -> Duration {
        self.options.max_age
    }

    /// The length at which a file is full: what is deleted at once is a file, and must leave most of what there is.
    pub(super) fn file_length(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.dir()).map_or(u64::MAX, |disk| disk.f_blocks.saturating_mul(disk.f_frsize));
        self.options.max_size.min(disk) / FILES
    }

    /// A new capture, after room was made for it.
    pub(super) fn create(&self, boot: &str) -> io::Result<PathBuf> {
        self.thin_out();
        let path = self.options.dir.join(began(boot, jiff::Timestamp::now()));
        private::create_new(&path)?;
        Ok(path)
    }

    /// Our own captures, oldest first: by what was written to last.
    fn captures(&self) -> Vec<Kept> {
        let Ok(entries) = fs::read_dir(self.dir()) else {
            return Vec::new();
        };
        let mut captures: Vec<_> = entries
            .flatten()
            .filter(|entry| is_capture(&entry.path()))
            .filter_map(|entry| {
                // Of the entry itself: what is no file is no capture of ours.
                let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some(Kept {
                    modified: meta.modified().ok()?,
                    length: meta.len(),
                    path: entry.path(),
                })
            })
            .collect();
        captures.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
        captures
    }

    /// Deletes the oldest capture but the one that is written to; false where there is none.
    pub(super) fn delete_oldest(&self, but: Option<&Path>) -> bool {
        let captures = self.captures();
        let mut others = captures.iter().filter(|kept| Some(kept.path.as_path()) != but);
        // One that cannot be deleted does not keep the others.
        others.any(|kept| fs::remove_file(&kept.path).is_ok())
    }

    /// Deletes what is too old, and the oldest while all together are too large with one more file.
    fn thin_out(&self) {
        let mut captures = self.captures();
        captures.retain(|kept| {
            let is_old = kept.modified.elapsed().is_ok_and(|age| age >= self.options.max_age);
            !(is_old && fs::remove_file(&kept.path).is_ok())
        });
        let mut total: u64 = captures.iter().fold(0, |total, kept| total.saturating_add(kept.length));
        for kept in &captures {
            if total <= self.options.max_size.saturating_sub(self.file_length()) {
                break;
            }
            if fs::remove_file(&kept.path).is_ok() {
                total = total.saturating_sub(kept.length);
            }
        }
    }

    /// The capture that was written to last, as a recorder before this one left it.
    pub(super) fn newest(&self) -> Option<PathBuf> {
        self.captures().pop().map(|kept| kept.path)
    }

    #[cfg(test)]
    pub(super) fn total(&self) -> u64 {
        self.captures().iter().map(|kept| kept.length).sum()
    }
}
