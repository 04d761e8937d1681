//! The open files of many cgroups, within a bound that is counted in files.
//!
//! A file that is held open is read for less than half of what opening it costs, but it takes a descriptor, of which a
//! service has 1,024 unless told otherwise, and a page of the kernel's memory once it was read (fs/seq_file.c keeps its
//! buffer). So the cgroup that was read longest ago is closed for the one that is to be read now.

use lru::LruCache;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Buffer, CgroupError, Hierarchy, MemoryFiles, Reading, Which};
use crate::measure::CgroupId;

/// Files held open, at most: 8 MiB of the kernel's memory.
const MOST: u64 = 2_048;

/// Descriptors left for everything else: rings, maps, programs, sockets, outputs, what is opened for a moment.
const RESERVED: u64 = 512;

/// The files of cgroups that were read lately.
#[derive(Debug)]
pub struct OpenFiles {
    cgroups: LruCache<CgroupId, MemoryFiles>,
    files: usize,
    most: usize,
    buffer: Buffer,
}

impl OpenFiles {
    /// With as many files as this process may have open, the soft limit raised as far as that takes and the hard one allows.
    #[must_use]
    pub fn within_limit() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let wanted = MOST + RESERVED;
        let mut current = limit.current.unwrap_or(u64::MAX);
        if current < wanted {
            let raised = Rlimit {
                current: Some(limit.maximum.map_or(wanted, |most| most.min(wanted))),
                maximum: limit.maximum,
            };
            // Where it may not be raised, fewer are held open.
            if setrlimit(Resource::Nofile, raised).is_ok() {
                current = raised.current.unwrap_or(current);
            }
        }
        let most = current.saturating_sub(RESERVED).max(current / 4).min(MOST);
        Self::with(usize::try_from(most).unwrap_or(usize::MAX))
    }

    fn with(most: usize) -> Self {
        Self {
            cgroups: LruCache::unbounded(),
            files: 0,
            most: most.max(MemoryFiles::MOST),
            buffer: Buffer::default(),
        }
    }

    /// Reads files of a cgroup.
    ///
    /// # Errors
    /// As [`MemoryFiles::open`] and [`MemoryFiles::read`].
    pub fn read(
        &mut self,
        hierarchy: &Hierarchy,
        id: CgroupId,
        path: &str,
        which: Which,
    ) -> Result<Reading, CgroupError> {
        if !self.cgroups.get(&id).is_some_and(|files| files.has(which)) {
            self.close(id);
            self.make_room(self.most.saturating_sub(MemoryFiles::MOST));
            let files = match MemoryFiles::open(hierarchy, path, which) {
                // Somebody else of this process has them, or of this machine.
                Err(CgroupError::Unreadable { source, .. }) if is_out_of_files(&source) => {
                    self.make_room(self.files / 2);
                    MemoryFiles::open(hierarchy, path, which)
                }
                opened => opened,
            }?;
            self.files += files.count();
            self.cgroups.put(id, files);
        }
        let files = self
            .cgroups
            .peek(&id)
            .ok_or_else(|| CgroupError::Gone(path.to_owned()))?;
        let reading = files.read(which, &mut self.buffer);
        if reading.is_err() {
            self.close(id);
        }
        reading
    }

    /// Closes the files of a cgroup that is gone.
    pub fn close(&mut self, id: CgroupId) {
        if let Some(files) = self.cgroups.pop(&id) {
            self.files -= files.count();
        }
    }

    /// Closes until so many files are left.
    fn make_room(&mut self, left: usize) {
        while self.files > left
            && let Some((_, files)) = self.cgroups.pop_lru()
        {
            self.files -= files.count();
        }
    }
}

fn is_out_of_files(error: &std::io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(number, Some(Errno::MFILE | Errno::NFILE))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::event::CgroupVersion;
    use crate::measure::Bytes;

    /// So many cgroups with two files each.
    fn cgroups(count: u64) -> (tempfile::TempDir, Hierarchy) {
        let dir = tempfile::tempdir().unwrap();
        for id in 0..count {
            let cgroup = dir.path().join(id.to_string());
            fs::create_dir(&cgroup).unwrap();
            fs::write(cgroup.join("memory.current"), format!("{id}\n")).unwrap();
            fs::write(cgroup.join("memory.max"), "4096\n").unwrap();
        }
        let hierarchy = Hierarchy::at(dir.path().to_owned(), CgroupVersion::V2, 0);
        (dir, hierarchy)
    }

    #[test]
    fn a_host_with_more_cgroups_than_files_is_read_whole_again_and_again() {
        let (_dir, hierarchy) = cgroups(50);
        let mut open = OpenFiles::with(30);
        for _ in 0..3 {
            for id in 0..50 {
                let reading = open
                    .read(&hierarchy, CgroupId(id), &format!("/{id}"), Which::All)
                    .unwrap();
                assert_eq!(
                    (reading.memory.current, reading.memory.max),
                    (Some(Bytes(id)), Some(Bytes(4096)))
                );
                assert!(open.files <= 30, "{}", open.files);
            }
        }
        // The one read last is still open.
        let is_open = |id| open.cgroups.contains(&CgroupId(id));
        assert!(is_open(49) && !is_open(0));
    }

    #[test]
    fn files_that_are_open_are_read_as_far_as_is_asked() {
        let (dir, hierarchy) = cgroups(1);
        std::fs::write(dir.path().join("0/memory.stat"), "anon 7\n").unwrap();
        let mut open = OpenFiles::with(30);
        let mut read = |which| {
            let memory = open.read(&hierarchy, CgroupId(0), "/0", which).unwrap().memory;
            (memory.anon, memory.max, open.files)
        };
        let (anon, max) = (Some(Bytes(7)), Some(Bytes(4096)));
        assert_eq!(read(Which::Composition), (anon, None, 1));
        assert_eq!(read(Which::All), (anon, max, 3));
        assert_eq!(read(Which::Composition), (anon, None, 3), "nothing is opened twice");
    }

    #[test]
    fn a_cgroup_that_went_takes_no_room() {
        let (dir, hierarchy) = cgroups(1);
        let mut open = OpenFiles::with(30);
        open.read(&hierarchy, CgroupId(0), "/0", Which::All).unwrap();
        open.close(CgroupId(0));
        fs::remove_dir_all(dir.path().join("0")).unwrap();
        let gone = open.read(&hierarchy, CgroupId(0), "/0", Which::All);
        assert!(matches!(gone, Err(CgroupError::Gone(_))), "{gone:?}");
        assert_eq!((open.files, open.cgroups.len()), (0, 0));
    }

    #[test]
    fn a_limit_that_cannot_be_read_is_no_missing_limit() {
        let (dir, hierarchy) = cgroups(1);
        // A folder in its place: there, and nothing that can be read.
        let file = dir.path().join("0/memory.max");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let unread = OpenFiles::with(30).read(&hierarchy, CgroupId(0), "/0", Which::All);
        assert!(matches!(unread, Err(CgroupError::Unreadable { .. })), "{unread:?}");
    }
}
