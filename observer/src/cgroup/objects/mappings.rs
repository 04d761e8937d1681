//! What processes have mapped together, where no descriptor is open any more: files in memory, segments, anonymous memory.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::descriptors::memfd;
use super::mounts::{Mounts, device, namespace};
use super::{FileId, Look, name};
use crate::event::{Object, ObjectKind};
use crate::measure::{Bytes, Tgid};

/// What is read of a process's mappings, in bytes: some 100,000 of them, and a fifth of that with their sizes.
const MAX_BYTES: u64 = 16 << 20;

/// What a shared anonymous mapping is called (mm/shmem.c: `shmem_zero_setup`).
const ANONYMOUS: &[u8] = b"/dev/zero (deleted)";

/// And a segment of shmget(2), with its key behind (ipc/shm.c: `newseg`).
const SEGMENT: &[u8] = b"/SYSV";

/// A mapping that is shared, and has a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mapping<'a> {
    id: FileId,
    name: &'a [u8],
}

/// A line of `/proc/PID/maps`: `START-END rw-s OFFSET DEVICE INODE   NAME`.
pub(super) fn shared(line: &[u8]) -> Option<Mapping<'_>> {
    let mut words = line.splitn(6, |byte| *byte == b' ');
    words.next()?;
    if words.next()?.get(3) != Some(&b's') {
        return None;
    }
    let device = device(words.nth(1)?, 16)?;
    let inode = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let name = words.next()?.trim_ascii_start();
    (inode != 0).then_some(Mapping {
        id: FileId { device, inode },
        name,
    })
}

impl Look {
    pub(super) fn mappings(&mut self, pid: Tgid, mounts: &Mounts) {
        let mut unsized_ones = HashMap::new();
        let until = self.until;
        each_line(pid, "maps", until, |line| {
            let Some(Mapping { id, name: called }) = shared(line) else {
                return;
            };
            if !self.is_looked_for(called) {
                return;
            }
            let kind = match called {
                called if memfd(called).is_some() => ObjectKind::Memfd,
                called if called.starts_with(SEGMENT) => ObjectKind::SysvSegment,
                ANONYMOUS => ObjectKind::SharedMapping,
                _ if mounts.has_device(id.device) => ObjectKind::TmpfsFile,
                _ => return,
            };
            let object = match self.shared.get(&id) {
                Some(found) => found.object.clone(),
                None => self.mapped(pid, id, kind, called),
            };
            if object.bytes.is_none() {
                unsized_ones.insert(id, Bytes(0));
            }
            self.found(id, pid, || object);
        });
        if unsized_ones.is_empty() {
            return;
        }
        resident(pid, until, &mut unsized_ones);
        for (id, size) in unsized_ones {
            // Others that have it mapped may have touched more: it is a lower bound.
            if let Some(found) = self.shared.get_mut(&id) {
                found.object.bytes = found.object.bytes.max(Some(size));
            }
        }
    }

    fn mapped(&self, pid: Tgid, id: FileId, kind: ObjectKind, called: &[u8]) -> Object {
        let named = |called: &[u8]| Some(name(called));
        match kind {
            ObjectKind::SysvSegment => {
                let is_ours = self.own_ipc.is_some() && namespace(&pid.to_string(), "ipc") == self.own_ipc;
                // A segment's inode is its id (ipc/shm.c: `newseg`).
                match self.segments.get(&id.inode).filter(|_| is_ours) {
                    Some(segment) => segment.object(),
                    None => Object::new(kind, named(called.strip_prefix(SEGMENT).unwrap_or(called))),
                }
            }
            ObjectKind::TmpfsFile => {
                let seen = called.strip_prefix(b"/").unwrap_or(called);
                let path = PathBuf::from(format!("/proc/{pid}/root")).join(OsStr::from_bytes(seen));
                let status = fs::symlink_metadata(path).ok();
                let status = status.filter(|status| status.dev() == id.device && status.ino() == id.inode);
                Object {
                    bytes: status.map(|status| Bytes(status.blocks().saturating_mul(512))),
                    ..Object::new(kind, named(called))
                }
            }
            ObjectKind::Memfd => Object::new(kind, memfd(called).and_then(named)),
            _ => Object::new(kind, None),
        }
    }
}

/// What is resident or swapped out of some mappings of a process, which the kernel counts page by page.
fn resident(pid: Tgid, until: std::time::Instant, sizes: &mut HashMap<FileId, Bytes>) {
    let mut at = None;
    each_line(pid, "smaps", until, |line| {
        let size = |key: &[u8]| {
            let text = std::str::from_utf8(line.strip_prefix(key)?).ok()?;
            text.trim().strip_suffix(" kB")?.parse().ok().map(Bytes::from_kib)
        };
        if let Some(size) = size(b"Rss:").or_else(|| size(b"Swap:")) {
            if let Some(sum) = at.and_then(|id| sizes.get_mut(&id)) {
                *sum = Bytes(sum.0.saturating_add(size.0));
            }
        } else if line
            .first()
            .is_some_and(|first| first.is_ascii_digit() || (b'a'..=b'f').contains(first))
        {
            at = shared(line).map(|mapping| mapping.id);
        }
    });
}

fn each_line(pid: Tgid, file: &str, until: std::time::Instant, mut work: impl FnMut(&[u8])) {
    let Ok(file) = File::open(format!("/proc/{pid}/{file}")) else {
        return;
    };
    let mut reader = BufReader::new(file.take(MAX_BYTES));
    let mut line = Vec::new();
    while std::time::Instant::now() < until {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => work(line.strip_suffix(b"\n").unwrap_or(&line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_and_has_a_file_is_kept() {
        let line = b"7f0000000000-7f0000400000 rw-s 00000000 00:01 32771                      /SYSV0000002a (deleted)";
        let id = FileId {
            device: rustix::fs::makedev(0, 1),
            inode: 32771,
        };
        let name = b"/SYSV0000002a (deleted)";
        assert_eq!(shared(line), Some(Mapping { id, name }));
        for other in [
            &b"7f0000000000-7f0000400000 rw-p 00000000 00:01 7 /a"[..],
            b"7f0000000000-7f0000400000 rw-s 00000000 00:00 0 ",
            b"Rss:                   4 kB",
            b"",
        ] {
            assert_eq!(shared(other), None);
        }
    }

    #[test]
    fn memory_that_is_shared_with_children_has_the_size_of_what_was_touched() {
        use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
        const LENGTH: usize = 1 << 20;
        if !crate::cgroup::namespaces::pids_are_the_hosts() {
            return;
        }
        // SAFETY: a new mapping at a place of the kernel's choosing, half of which is written to; nothing else refers to it.
        unsafe {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            let start = mmap_anonymous(std::ptr::null_mut(), LENGTH, protection, MapFlags::SHARED).unwrap();
            start.cast::<u8>().write_bytes(1, LENGTH / 2);
        }
        let wanted = super::super::Wanted {
            shared: Bytes(1),
            kernel: false,
            unnamed: None,
        };
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let found = super::super::objects(&[Tgid(std::process::id())], wanted, until).objects;
        let found = found
            .iter()
            .find(|object| object.kind == ObjectKind::SharedMapping)
            .unwrap();
        assert_eq!(
            (found.bytes, found.name.as_deref()),
            (Some(Bytes(LENGTH as u64 / 2)), None)
        );
    }
}
