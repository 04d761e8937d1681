//! Segments of shmget(2): they stay when all who had them attached have ended.

use std::collections::HashMap;
use std::fs;

use super::mounts::namespace;
use super::{FileId, Look};
use crate::event::{Object, ObjectKind};
use crate::measure::{Bytes, Tgid};

/// Segments that are read.
const MAX: usize = 4_096;

/// A segment, of our own IPC namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    key: u32,
    id: u64,
    creator: u32,
    held: Bytes,
}

impl Segment {
    pub(super) fn object(&self) -> Object {
        let name = format!("{:#010x}, id {}", self.key, self.id);
        Object {
            bytes: Some(self.held),
            ..Object::new(ObjectKind::SysvSegment, Some(name))
        }
    }
}

/// All of them, by id.
pub(super) fn read() -> HashMap<u64, Segment> {
    let text = fs::read("/proc/sysvipc/shm").unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n');
    lines
        .filter_map(segment)
        .take(MAX)
        .map(|segment| (segment.id, segment))
        .collect()
}

/// A line of `/proc/sysvipc/shm` (ipc/shm.c: `sysvipc_shm_proc_show`): key, id, permissions, size, creator, last user, number attached,
/// four owners, three times, then what is resident and what is swapped out.
pub(super) fn segment(line: &[u8]) -> Option<Segment> {
    let words: Vec<&str> = std::str::from_utf8(line).ok()?.split_ascii_whitespace().collect();
    let number = |place: usize| words.get(place)?.parse::<u64>().ok();
    // The key is written as a signed number.
    let key = words.first()?.parse::<i32>().ok()?.cast_unsigned();
    Some(Segment {
        key,
        id: number(1)?,
        creator: u32::try_from(number(4)?).ok()?,
        held: Bytes(number(14)?.saturating_add(number(15)?)),
    })
}

impl Look {
    /// Segments that one of these made and nobody of them has attached now.
    pub(super) fn left_segments(&mut self, pids: &[Tgid]) {
        if self.segments.is_empty() {
            return;
        }
        let mapped = |id: u64, look: &Self| {
            let mut known = look.shared.iter();
            known.any(|(file, shared)| file.inode == id && shared.object.kind == ObjectKind::SysvSegment)
        };
        let made: Vec<Segment> = self.segments.values().copied().collect();
        for segment in made {
            let creator = Tgid(segment.creator);
            let is_ours = pids.contains(&creator) && namespace(&creator.to_string(), "ipc") == self.own_ipc;
            if is_ours && !mapped(segment.id, self) {
                let id = FileId {
                    device: u64::MAX,
                    inode: segment.id,
                };
                self.found(id, creator, || segment.object());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_read_with_what_is_resident_and_swapped_out() {
        let head = b"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap";
        assert_eq!(segment(head), None);
        let line = b"        -1      32771  1600              16777216  4711  4712      2     0     0     0     0 1700000000          0 1700000000              12582912               4194304";
        let read = segment(line).unwrap();
        assert_eq!((read.id, read.creator, read.held), (32771, 4711, Bytes(16 << 20)));
        assert_eq!(read.object().name.as_deref(), Some("0xffffffff, id 32771"));
    }
}
