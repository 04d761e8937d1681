//! Closed captures are packed anew, in larger frames.
//!
//! A frame of five seconds is what a crash may cost, and five seconds of samples pack badly: what repeats, repeats from
//! frame to frame. Once a file is closed nothing more can be lost of it, and a frame of some hundred samples takes a sixth
//! of the room. A thread of the lowest priority does it, on a copy that replaces the file when it is on the disk.

use std::fs;
use std::io::{self, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use zstd::zstd_safe::CParameter;

use super::compressor;
use crate::capture::{Frames, Text};
use crate::confine::{self, Task};
use crate::{private, rights};

/// A frame's length before it is packed. More makes it hardly smaller, and less is to be unpacked at once.
const FRAME: usize = 1 << 20;

/// zstd's nineteenth level, with tables as small as such a frame needs. A unit and a day take it half a minute of one core
/// at the lowest priority, and a sixth less room than the ninth level.
const LEVEL: i32 = 19;
const TABLES: [CParameter; 3] = [
    CParameter::WindowLog(20),
    CParameter::HashLog(16),
    CParameter::ChainLog(17),
];

/// Closed files that wait; more stay as they are.
const QUEUE: usize = 4;

/// How the copy is named while it is made.
const COPY: &str = "packing";

/// Where closed files go.
pub(super) struct Packer {
    files: Option<SyncSender<PathBuf>>,
    thread: Option<JoinHandle<()>>,
}

impl Packer {
    /// Begins with what a recorder before this one left: its last file, and the copy that it may have been at.
    pub(super) fn new(dir: &Path, left: Option<PathBuf>) -> Self {
        let copy = dir.join(COPY);
        let _ = fs::remove_file(&copy);
        let (files, closed) = sync_channel::<PathBuf>(QUEUE);
        let work = move || {
            rights::for_writing();
            confine::thread(Task::Write);
            // Without the thread's own priority it takes what the recorder could use.
            let _ = rustix::process::setpriority_process(None, 19);
            for file in closed {
                // A file that cannot be packed is as good as it was.
                if pack(&file, &copy).is_err() {
                    let _ = fs::remove_file(&copy);
                }
            }
        };
        let thread = std::thread::Builder::new().name("pack".to_owned()).spawn(work).ok();
        let packer = Self {
            files: thread.is_some().then_some(files),
            thread,
        };
        if let Some(left) = left {
            packer.closed(left);
        }
        packer
    }

    /// Takes a file that nobody writes to any more.
    pub(super) fn closed(&self, file: PathBuf) {
        if let Some(files) = &self.files {
            let _ = files.try_send(file);
        }
    }

    /// Waits until all that was given is packed, and takes no more.
    pub(super) fn finish(&mut self) {
        self.files = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Replaces a file by one that says the same in larger frames, where all of it can be read and it becomes smaller.
fn pack(file: &Path, copy: &Path) -> io::Result<()> {
    let old = private::read(file)?;
    let meta = old.metadata()?;
    let mut frames = Frames::new(Box::new(BufReader::new(old)));
    let mut new = private::replace(copy)?;
    let mut compressor = compressor(LEVEL, &TABLES)?;
    let mut text = Vec::new();
    while let Some(frame) = frames.next()? {
        // One that is longer than ours is somebody else's.
        let (Text::Whole(whole), None) = (frame.text, frame.fault) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        text.extend(whole.into_inner());
        if text.len() >= FRAME {
            new.write_all(&compressor.compress(&text)?)?;
            text.clear();
        }
    }
    if !text.is_empty() {
        new.write_all(&compressor.compress(&text)?)?;
    }
    if new.metadata()?.len() >= meta.len() {
        return fs::remove_file(copy);
    }
    // What is deleted for its age, is so by when it was written.
    new.set_modified(meta.modified()?)?;
    new.sync_all()?;
    // Who may read it is as somebody wanted it.
    if meta.gid() != new.metadata()?.gid() {
        std::os::unix::fs::fchown(&new, None, Some(meta.gid()))?;
    }
    new.set_permissions(meta.permissions())?;
    take_the_place(copy, file)
}

/// Puts a copy in the place of a file. That may have been the oldest and deleted meanwhile: it is not to come back.
fn take_the_place(copy: &Path, file: &Path) -> io::Result<()> {
    match renameat_with(CWD, copy, CWD, file, RenameFlags::EXCHANGE) {
        Ok(()) => fs::remove_file(copy),
        Err(Errno::NOENT) => fs::remove_file(copy),
        // A file system that cannot exchange: nearly as good.
        Err(Errno::INVAL | Errno::NOSYS) if file.try_exists()? => fs::rename(copy, file),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(lines: &[u8]) -> Vec<u8> {
        compressor(3, &[]).unwrap().compress(lines).unwrap()
    }

    fn lines(number: u64) -> String {
        let line = |seq: u64| {
            format!(
                "{{\"event\":\"lost\",\"stream\":\"growth\",\"count\":{seq},\"ts\":\"2026-11-24T09:00:00Z\",\"seq\":{seq},\"host\":\"h\"}}\n"
            )
        };
        (number * 5..number * 5 + 5).map(line).collect()
    }

    #[test]
    fn what_is_packed_anew_says_the_same_in_less_room() {
        let dir = tempfile::tempdir().unwrap();
        let (file, copy) = (dir.path().join("a.jsonl.zst"), dir.path().join(COPY));
        let loose: Vec<Vec<u8>> = (0..200).map(|number| frame(lines(number).as_bytes())).collect();
        fs::write(&file, loose.concat()).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o640);
        fs::set_permissions(&file, mode).unwrap();
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        pack(&file, &copy).unwrap();
        let packed = fs::read(&file).unwrap();
        assert!(packed.len() * 4 < loose.concat().len(), "{}", packed.len());
        let text = zstd::decode_all(packed.as_slice()).unwrap();
        assert_eq!(text, (0..200).map(lines).collect::<String>().into_bytes());
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), modified);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        // A second time there is nothing to win.
        pack(&file, &copy).unwrap();
        assert_eq!(fs::read(&file).unwrap(), packed);
        assert!(!copy.exists());
    }

    #[test]
    fn what_was_deleted_meanwhile_does_not_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let (file, copy) = (dir.path().join("a.jsonl.zst"), dir.path().join(COPY));
        fs::write(&copy, "new").unwrap();
        take_the_place(&copy, &file).unwrap();
        assert!(!file.exists() && !copy.exists());
    }

    #[test]
    fn a_damaged_file_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.jsonl.zst");
        let mut bytes = [frame(lines(0).as_bytes()), frame(lines(1).as_bytes())].concat();
        bytes[20] ^= 1;
        fs::write(&file, &bytes).unwrap();
        assert!(pack(&file, &dir.path().join(COPY)).is_err());
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
}
