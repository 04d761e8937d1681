//! A process's descriptors, by what their links say (proc_pid_fd(5)).

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::mounts::Mounts;
use super::{FileId, Look, MAX_KNOWN, name};
use crate::engine::raw;
use crate::event::{Object, ObjectKind};
use crate::measure::{Bytes, Tgid};

/// Sockets of a process that are asked for their protocol.
const ASKED: u64 = 16;

/// What a descriptor is of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Link<'a> {
    Pipe(u64),
    Socket(u64),
    Memfd(&'a [u8]),
    Path(&'a [u8]),
    BpfMap,
    /// `[eventfd]`, `inotify`.
    Other(&'a [u8]),
}

/// A link's text: `pipe:[7]`, `socket:[7]`, `anon_inode:[eventfd]`, `/memfd:name (deleted)`, or a path.
pub(super) fn link(text: &[u8]) -> Option<Link<'_>> {
    let number = |text: &[u8]| std::str::from_utf8(text.strip_suffix(b"]")?).ok()?.parse().ok();
    if let Some(rest) = text.strip_prefix(b"pipe:[") {
        return number(rest).map(Link::Pipe);
    }
    if let Some(rest) = text.strip_prefix(b"socket:[") {
        return number(rest).map(Link::Socket);
    }
    if let Some(rest) = text.strip_prefix(b"anon_inode:") {
        let rest = rest.strip_prefix(b"[").unwrap_or(rest);
        let rest = rest.strip_suffix(b"]").unwrap_or(rest);
        return Some(if rest == b"bpf-map" {
            Link::BpfMap
        } else {
            Link::Other(rest)
        });
    }
    if let Some(rest) = memfd(text) {
        return Some(Link::Memfd(rest));
    }
    text.starts_with(b"/").then_some(Link::Path(text))
}

/// The name of a memfd (mm/memfd.c); a file of that name would not be deleted from the root, or its mount is known.
pub(super) fn memfd(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"/memfd:")?.strip_suffix(b" (deleted)")
}

impl Look {
    pub(super) fn descriptors(&mut self, pid: Tgid, mounts: &Mounts) {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            if self.descriptors_left == 0 || self.is_over() {
                return;
            }
            self.descriptors_left -= 1;
            let path = entry.path();
            let Ok(text) = fs::read_link(&path) else { continue };
            match link(text.as_os_str().as_bytes()) {
                Some(Link::Memfd(called)) if self.wants_shared() => self.file(pid, &path, ObjectKind::Memfd, called),
                // Its mount takes another file to be read.
                Some(Link::Path(called))
                    if self.wants_shared() && self.is_looked_for(called) && mounts.has(mount(pid, &path)) =>
                {
                    self.file(pid, &path, ObjectKind::TmpfsFile, called);
                }
                Some(Link::Pipe(inode)) => self.counted(pid, ObjectKind::Pipes, Some(inode), ""),
                Some(Link::Socket(inode)) => {
                    self.counted(pid, ObjectKind::Sockets, Some(inode), "");
                    self.protocol(pid, &path);
                }
                Some(Link::BpfMap) if self.wanted.kernel => self.bpf(pid, &path),
                Some(Link::Other(kind)) => self.counted(pid, ObjectKind::Descriptors, None, &name(kind)),
                Some(Link::Memfd(_) | Link::Path(_) | Link::BpfMap) | None => {}
            }
        }
    }

    /// A file in memory: the link leads to it without opening it.
    fn file(&mut self, pid: Tgid, path: &Path, kind: ObjectKind, called: &[u8]) {
        let Ok(status) = fs::metadata(path) else { return };
        if !status.is_file() {
            return;
        }
        let id = FileId {
            device: status.dev(),
            inode: status.ino(),
        };
        self.found(id, pid, || Object {
            bytes: Some(Bytes(status.blocks().saturating_mul(512))),
            ..Object::new(kind, Some(name(called)))
        });
    }

    /// One more of a kind; what a fork shares counts once.
    fn counted(&mut self, pid: Tgid, kind: ObjectKind, inode: Option<u64>, called: &str) {
        if !self.wanted.kernel || inode.is_some_and(|inode| !self.seen.insert((kind, inode))) {
            return;
        }
        let key = (pid, kind, called.to_owned());
        if self.counted.len() < MAX_KNOWN || self.counted.contains_key(&key) {
            self.counted.entry(key).or_default().count += 1;
        }
    }

    /// A socket's protocol (net/socket.c: `sockfs_xattr_get`).
    fn protocol(&mut self, pid: Tgid, path: &Path) {
        let key = (pid, ObjectKind::Sockets, String::new());
        let Some(counted) = self.counted.get_mut(&key).filter(|counted| counted.count <= ASKED) else {
            return;
        };
        let mut buffer = [0; 64];
        if let Ok(length) = rustix::fs::getxattr(path, "system.sockprotoname", &mut buffer[..]) {
            let protocol = buffer.get(..length).unwrap_or_default();
            let protocol = protocol.split(|byte| *byte == 0).next().unwrap_or_default();
            counted.names.insert(raw::text(protocol));
        }
    }

    /// A BPF map: what it takes its own descriptor says (kernel/bpf/syscall.c: `bpf_map_show_fdinfo`).
    fn bpf(&mut self, pid: Tgid, path: &Path) {
        let Some(info) = info(pid, path) else { return };
        let number = |key| field(&info, key)?.parse().ok();
        let (Some(id), Some(size)) = (number("map_id"), number("memlock")) else {
            return;
        };
        if self.bpf.len() < MAX_KNOWN {
            self.bpf.entry(id).or_insert_with(|| Object {
                bytes: Some(Bytes(size)),
                pid: Some(pid),
                ..Object::new(ObjectKind::BpfMap, Some(format!("id {id}")))
            });
        }
    }
}

fn info(pid: Tgid, path: &Path) -> Option<String> {
    let number = path.file_name()?.to_str()?;
    fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).ok()
}

/// The mount that a descriptor's file is on.
fn mount(pid: Tgid, path: &Path) -> Option<u64> {
    field(&info(pid, path)?, "mnt_id")?.parse().ok()
}

fn field<'a>(info: &'a str, key: &str) -> Option<&'a str> {
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(line.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_what_a_descriptor_is_of() {
        let cases: [(&[u8], Option<Link>); 9] = [
            (b"pipe:[431]", Some(Link::Pipe(431))),
            (b"socket:[7]", Some(Link::Socket(7))),
            (b"anon_inode:bpf-map", Some(Link::BpfMap)),
            (b"anon_inode:[eventfd]", Some(Link::Other(b"eventfd"))),
            (b"anon_inode:inotify", Some(Link::Other(b"inotify"))),
            (b"/memfd:a b (deleted)", Some(Link::Memfd(b"a b"))),
            (b"/memfd:a b", Some(Link::Path(b"/memfd:a b"))),
            (b"/dev/shm/x (deleted)", Some(Link::Path(b"/dev/shm/x (deleted)"))),
            (b"pipe:[x]", None),
        ];
        for (text, expected) in cases {
            assert_eq!(link(text), expected, "{}", raw::text(text));
        }
        assert_eq!(field("pos:\t0\nmnt_id:\t17\n", "mnt_id"), Some("17"));
    }
}
