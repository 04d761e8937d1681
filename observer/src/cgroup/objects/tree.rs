//! Files in memory that nobody has open: written, closed, and still there.
//!
//! The kernel does not tell whose charge they are. They count as the unit's if they are on a tmpfs that the unit sees, were written since the
//! unit's oldest process began, nobody else on the host has them open, and all of them fit into what of the unit's shared memory nothing
//! else explains. Where that is not certain none is told.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata, ReadDir};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::mounts::Mount;
use super::{FileId, LITTLE, Look, MAX_KNOWN, Shared, Wanted, name};
use crate::cgroup::processes::birth;
use crate::cgroup::tasks::processes;
use crate::event::{Object, ObjectKind};
use crate::measure::{Bytes, Tgid};

/// Directory entries that are looked at, all mounts together.
const MAX_ENTRIES: usize = 65_536;

/// Directories within each other: each is open while what lies below is looked at.
const MAX_DEPTH: usize = 24;

/// Processes whose start is looked up.
const STARTS: usize = 64;

/// Below this part of the shared memory, what is not explained is not looked for.
const LEFT: u64 = 8;

impl Look {
    pub(super) fn closed_files(&mut self, pids: &[Tgid]) {
        let left = self.wanted.shared.saturating_sub(self.explained());
        if left.0 < self.wanted.shared.0 / LEFT || left.0 < LITTLE {
            return;
        }
        let Some((pid, since)) = pids.first().zip(oldest(pids)) else {
            return;
        };
        let mounts = self.mounts_of(*pid);
        let mut tree = Tree {
            pid: *pid,
            since,
            entries: MAX_ENTRIES,
            found: HashMap::new(),
            is_whole: true,
        };
        let mut devices = Vec::new();
        for mount in &mounts.all {
            if !devices.contains(&mount.device) {
                devices.push(mount.device);
                tree.walk(mount, self.until);
            }
        }
        let mut found = tree.found;
        found.retain(|id, _| !self.shared.contains_key(id));
        self.is_cut |= !tree.is_whole;
        if found.is_empty() || self.is_cut {
            return;
        }
        let names = found.values().map(|file| file.name().to_vec()).collect();
        let Some(elsewhere) = self.open_elsewhere(pids, names) else {
            self.is_cut = true;
            return;
        };
        found.retain(|id, _| !elsewhere.contains(id));
        let all = total(found.values());
        // A file may have grown since the unit's memory was read.
        if all.0 <= left.0.saturating_add(left.0 / LEFT) {
            self.shared.extend(by_folder(found));
        }
    }

    /// Files in memory of these names that other processes of the host have open or mapped; `None` where not all could be looked at.
    fn open_elsewhere(&self, pids: &[Tgid], names: HashSet<Vec<u8>>) -> Option<HashSet<FileId>> {
        let wanted = Wanted {
            shared: self.wanted.shared,
            kernel: false,
            unnamed: None,
        };
        // All processes of the host are more than those of one unit.
        let time = self.until.saturating_duration_since(self.begun);
        let mut others = Look::new(wanted, Instant::now() + time);
        others.only = Some(names);
        for pid in processes().filter(|pid| !pids.contains(pid)) {
            others.process(pid);
        }
        let is_whole = !others.is_over() && others.descriptors_left > 0;
        is_whole.then(|| others.shared.into_keys().collect())
    }
}

/// A file that is looked at.
#[derive(Debug)]
struct Closed {
    /// As the unit sees it.
    path: Vec<u8>,
    size: Bytes,
}

impl Closed {
    fn name(&self) -> &[u8] {
        self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    fn folder(&self) -> &[u8] {
        let end = self.path.len() - self.name().len();
        self.path
            .get(..end.saturating_sub(1))
            .filter(|folder| !folder.is_empty())
            .unwrap_or(b"/")
    }
}

fn total<'a>(files: impl Iterator<Item = &'a Closed>) -> Bytes {
    files.fold(Bytes(0), |sum, file| Bytes(sum.0.saturating_add(file.size.0)))
}

/// Many small files are told by their folder, with their number.
fn by_folder(found: HashMap<FileId, Closed>) -> impl Iterator<Item = (FileId, Shared)> {
    let mut folders: HashMap<Vec<u8>, Vec<(FileId, Closed)>> = HashMap::new();
    for (id, file) in found {
        folders.entry(file.folder().to_vec()).or_default().push((id, file));
    }
    folders.into_iter().filter_map(|(folder, files)| {
        let (called, count) = match files.as_slice() {
            [(_, file)] => (file.path.as_slice(), None),
            files => (folder.as_slice(), u64::try_from(files.len()).ok()),
        };
        let object = Object {
            bytes: Some(total(files.iter().map(|(_, file)| file))),
            count,
            ..Object::new(ObjectKind::TmpfsFile, Some(name(called)))
        };
        let counted = Tgid(0);
        files.first().map(|(id, _)| (*id, Shared { object, counted }))
    })
}

/// Files of some directories.
struct Tree {
    pid: Tgid,
    /// Written since, in seconds since 1970.
    since: i64,
    /// How many directory entries may still be looked at.
    entries: usize,
    found: HashMap<FileId, Closed>,
    /// Whether all that there is was looked at.
    is_whole: bool,
}

impl Tree {
    fn walk(&mut self, mount: &Mount, until: Instant) {
        let own_root = PathBuf::from(format!("/proc/{}/root", self.pid));
        let below = mount.at.strip_prefix(b"/").unwrap_or(&mount.at);
        let open = |path: &Path| {
            let status = fs::symlink_metadata(path).ok()?;
            let is_there = status.is_dir() && status.dev() == mount.device;
            is_there.then(|| fs::read_dir(path).ok()).flatten()
        };
        let mut open_ones: Vec<ReadDir> = open(&own_root.join(OsStr::from_bytes(below))).into_iter().collect();
        while let Some(dir) = open_ones.last_mut() {
            let Some(entry) = dir.next() else {
                open_ones.pop();
                continue;
            };
            if self.entries == 0 || self.found.len() >= MAX_KNOWN || Instant::now() >= until {
                self.is_whole = false;
                return;
            }
            self.entries -= 1;
            let Ok(entry) = entry else { continue };
            // Of the link itself, where it is one.
            let Ok(status) = entry.metadata() else { continue };
            let path = entry.path();
            if status.is_dir() && open_ones.len() < MAX_DEPTH {
                open_ones.extend(open(&path));
            } else if status.is_file() && status.dev() == mount.device {
                self.file(&status, path.strip_prefix(&own_root).unwrap_or(&path));
            }
        }
    }

    fn file(&mut self, status: &Metadata, seen: &Path) {
        let size = Bytes(status.blocks().saturating_mul(512));
        if status.mtime() < self.since || size == Bytes(0) {
            return;
        }
        let id = FileId {
            device: status.dev(),
            inode: status.ino(),
        };
        let path = [b"/", seen.as_os_str().as_bytes()].concat();
        self.found.entry(id).or_insert(Closed { path, size });
    }
}

/// When the oldest of these processes began, in seconds since 1970.
fn oldest(pids: &[Tgid]) -> Option<i64> {
    let started = pids
        .iter()
        .take(STARTS)
        .filter_map(|pid| Some(birth(*pid)?.started.0))
        .min()?;
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let up = Duration::new(u64::try_from(now.tv_sec).ok()?, u32::try_from(now.tv_nsec).ok()?);
    let ago = up.checked_sub(Duration::from_nanos(started))?;
    let at = SystemTime::now().checked_sub(ago)?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(at.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::objects;
    use super::*;
    use std::io::Write as _;

    #[test]
    fn many_files_are_told_by_their_folder_and_one_by_its_name() {
        let file = |inode, path: &str| {
            let size = Bytes(4096);
            let path = path.as_bytes().to_vec();
            (FileId { device: 1, inode }, Closed { path, size })
        };
        let found = [file(1, "/mnt/a"), file(2, "/mnt/b"), file(3, "/run/c/d"), file(4, "/e")];
        let told = by_folder(found.into_iter().collect()).map(|(_, shared)| shared.object);
        let mut told: Vec<_> = told
            .map(|object| (object.name.unwrap(), object.bytes.unwrap().0, object.count))
            .collect();
        told.sort();
        let expected = [("/e", 4096, None), ("/mnt", 8192, Some(2)), ("/run/c/d", 4096, None)];
        assert_eq!(told, expected.map(|(name, size, count)| (name.to_owned(), size, count)));
    }

    #[test]
    fn a_file_in_memory_that_is_closed_is_found_where_it_fits_in_what_is_not_explained() {
        if !crate::cgroup::namespaces::pids_are_the_hosts() {
            return;
        }
        let me = Tgid(std::process::id());
        // Alone in its folder, for else the folder is told.
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let mut file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
        file.write_all(&vec![1; 1 << 20]).unwrap();
        let path = file.into_temp_path();
        let look = |shared: u64| {
            let wanted = Wanted {
                shared: Bytes(shared),
                kernel: false,
                unnamed: None,
            };
            let found = objects(&[me], wanted, Instant::now() + Duration::from_secs(20)).objects;
            found.into_iter().find(|object| object.name.as_deref() == path.to_str())
        };
        // Whatever else lies there, written since this test began, has room in so much.
        let found = look(1 << 40).unwrap();
        assert_eq!(
            (found.kind, found.bytes, found.pid),
            (ObjectKind::TmpfsFile, Some(Bytes(1 << 20)), None)
        );
        // What makes it has the file open as long as it is there.
        let made = || {
            std::process::Command::new("sleep")
                .arg("600")
                .stdin(fs::File::open(&path).unwrap())
                .spawn()
        };
        let mut other = made().unwrap();
        let elsewhere = look(1 << 40);
        let _ = other.kill();
        let _ = other.wait();
        assert_eq!(elsewhere, None, "somebody else has it open");
        assert_eq!(look(512 << 10), None, "it is larger than all that is not explained");
    }
}
