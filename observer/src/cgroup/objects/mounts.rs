//! Which of the mounts that a process sees are in memory.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use crate::measure::Tgid;

/// What is read of a list of mounts, in bytes: those of some thousand containers.
const MAX_BYTES: u64 = 4 << 20;

/// Mounts in memory, of one namespace.
const MAX_MOUNTS: usize = 1_024;

/// A mount in memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    id: u64,
    pub(super) device: u64,
    /// Where, as bytes, seen from the process's root.
    pub(super) at: Vec<u8>,
}

/// The mounts in memory that a process sees.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    pub(super) all: Vec<Mount>,
    ids: HashSet<u64>,
    devices: HashSet<u64>,
}

impl Mounts {
    pub(super) fn read(pid: Tgid) -> Self {
        let mut text = Vec::new();
        if let Ok(file) = File::open(format!("/proc/{pid}/mountinfo")) {
            // What could be read of it is good.
            let _ = file.take(MAX_BYTES).read_to_end(&mut text);
        }
        let lines = text.split(|byte| *byte == b'\n');
        let all: Vec<Mount> = lines.filter_map(in_memory).take(MAX_MOUNTS).collect();
        Self {
            ids: all.iter().map(|mount| mount.id).collect(),
            devices: all.iter().map(|mount| mount.device).collect(),
            all,
        }
    }

    pub(super) fn has(&self, id: Option<u64>) -> bool {
        id.is_some_and(|id| self.ids.contains(&id))
    }

    pub(super) fn has_device(&self, device: u64) -> bool {
        self.devices.contains(&device)
    }
}

/// A line of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)), where it is of a tmpfs or a ramfs: `36 35 0:31 / /run rw - tmpfs tmpfs rw`.
pub(super) fn in_memory(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let id = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let device = device(words.nth(1)?, 10)?;
    let at = unescaped(words.nth(1)?);
    // Optional fields end with a hyphen.
    words.by_ref().find(|word| word == b"-")?;
    let is_in_memory = matches!(words.next()?, b"tmpfs" | b"ramfs");
    is_in_memory.then_some(Mount { id, device, at })
}

/// `0:31`, as `st_dev` has it.
pub(super) fn device(text: &[u8], radix: u32) -> Option<u64> {
    let (major, minor) = std::str::from_utf8(text).ok()?.split_once(':')?;
    let number = |text| u32::from_str_radix(text, radix).ok();
    Some(rustix::fs::makedev(number(major)?, number(minor)?))
}

/// Spaces and the like stand there as `\040` (fs/proc_namespace.c: `mangle`).
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| *first == b'\\');
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() {
            after.get(3..).unwrap_or_default()
        } else {
            after
        };
    }
    bytes
}

/// A process's namespace, by the inode that stands for it.
pub(super) fn namespace(process: &str, kind: &str) -> Option<u64> {
    Some(fs::metadata(format!("/proc/{process}/ns/{kind}")).ok()?.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_mounts_those_in_memory_are_kept() {
        let line = br"36 35 0:31 / /mnt/a\040b rw,nosuid shared:13 master:2 - tmpfs tmpfs rw,size=64k";
        let expected = Mount {
            id: 36,
            device: rustix::fs::makedev(0, 31),
            at: b"/mnt/a b".to_vec(),
        };
        assert_eq!(in_memory(line), Some(expected));
        assert_eq!(in_memory(b"36 35 8:1 / / rw - ext4 /dev/sda1 rw"), None);
        assert_eq!(in_memory(b"36 35 0:31 / /run rw tmpfs"), None, "it has no hyphen");
        assert_eq!(in_memory(b""), None);
        assert_eq!(unescaped(br"\04 \9"), br"\04 \9", "no code");
    }
}
