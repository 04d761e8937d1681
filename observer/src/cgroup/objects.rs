//! What holds shared memory and the kernel's, of a unit's processes: files in memory by path, segments, pipes, sockets, BPF maps.
//!
//! In: processes. Out: [`Object`]s, most first. Nothing is opened that belongs to a process: its descriptors are links whose text and
//! status are read (proc_pid_fd(5)). It may take long, as a process with many descriptors or mappings does, and so it has a time after which it
//! ends with what it has.

mod descriptors;
mod mappings;
mod mounts;
mod segments;
mod slab;
mod tree;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::rc::Rc;
use std::time::Instant;

use crate::engine::raw;
use crate::event::{Memory, Object, ObjectKind, sum};
use crate::measure::{Bytes, Tgid};

use mounts::Mounts;
use segments::Segment;

pub use slab::{Cache, slab};

/// Descriptors that are looked at, of all processes together.
const MAX_DESCRIPTORS: usize = 65_536;

/// Objects that are kept in mind.
const MAX_KNOWN: usize = 16_384;

/// Objects that are told, at most.
const TOLD: usize = 64;

/// What holds less is not told.
const LITTLE: u64 = 64 << 10;

/// So many pipes, sockets or other descriptors of one process are worth a word: each takes a kilobyte at least, and a pipe 64.
const MANY: [(ObjectKind, u64); 3] = [
    (ObjectKind::Pipes, 16),
    (ObjectKind::Sockets, 64),
    (ObjectKind::Descriptors, 256),
];

/// The largest pipe that a user without privileges can make (pipe(7): `pipe-max-size`).
const LARGEST_PIPE: u64 = 1 << 20;

/// Characters of a name.
const NAME: usize = 512;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// How much shared memory is to be explained; 0: none.
    pub shared: Bytes,
    /// Whether the kernel's memory is.
    pub kernel: bool,
    /// Kernel memory that no counter names: that of pipes, if there are many. `None`: not known.
    pub unnamed: Option<Bytes>,
}

impl Wanted {
    /// Everything, of a unit with this memory.
    #[must_use]
    pub fn all(memory: &Memory) -> Self {
        Self {
            shared: memory.shmem.unwrap_or_default(),
            kernel: true,
            unnamed: unnamed(memory),
        }
    }
}

/// Kernel memory that no counter names.
fn unnamed(memory: &Memory) -> Option<Bytes> {
    // Without these two the rest would be most of it.
    memory.slab_unreclaimable.and(memory.pagetables)?;
    let named = [
        Some(memory.slab()),
        memory.pagetables,
        memory.sec_pagetables,
        memory.percpu,
        memory.vmalloc,
        memory.kernel_stack,
    ];
    Some(memory.kernel?.saturating_sub(sum(named)))
}

/// What a look found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Most first.
    pub objects: Vec<Object>,
    /// Whether it came to its end, or ended early with what it had.
    pub is_whole: bool,
}

/// A file by device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct FileId {
    device: u64,
    inode: u64,
}

/// Shared memory that was found.
#[derive(Debug)]
struct Shared {
    object: Object,
    /// The last process that was counted as an opener.
    counted: Tgid,
}

/// What the kernel has for one process, of one kind.
#[derive(Debug, Default)]
struct Counted {
    count: u64,
    names: BTreeSet<String>,
}

/// What is known so far.
struct Look {
    wanted: Wanted,
    begun: Instant,
    until: Instant,
    descriptors_left: usize,
    shared: HashMap<FileId, Shared>,
    counted: HashMap<(Tgid, ObjectKind, String), Counted>,
    /// Pipes and sockets, which processes share after a fork.
    seen: HashSet<(ObjectKind, u64)>,
    bpf: HashMap<u64, Object>,
    mounts: HashMap<u64, Rc<Mounts>>,
    segments: HashMap<u64, Segment>,
    own_ipc: Option<u64>,
    /// Whether something was not come to.
    is_cut: bool,
    /// Where only some files are looked for: what they are called, without their folders.
    only: Option<HashSet<Vec<u8>>>,
}

/// What these processes hold together, most first. Ends at `until` at the latest, but for what one read takes; where
/// files that nobody has open are looked for, it takes twice that time at most.
#[must_use]
pub fn objects(pids: &[Tgid], wanted: Wanted, until: Instant) -> Seen {
    let mut look = Look::new(wanted, until);
    if look.wants_shared() {
        look.segments = segments::read();
    }
    for pid in pids {
        look.process(*pid);
    }
    if look.wants_shared() {
        look.left_segments(pids);
        look.closed_files(pids);
    }
    Seen {
        is_whole: !look.is_cut && !look.is_over() && look.descriptors_left > 0,
        objects: look.told(),
    }
}

impl Look {
    fn new(wanted: Wanted, until: Instant) -> Self {
        Self {
            wanted,
            begun: Instant::now(),
            until,
            descriptors_left: MAX_DESCRIPTORS,
            shared: HashMap::new(),
            counted: HashMap::new(),
            seen: HashSet::new(),
            bpf: HashMap::new(),
            mounts: HashMap::new(),
            segments: HashMap::new(),
            own_ipc: mounts::namespace("self", "ipc"),
            is_cut: false,
            only: None,
        }
    }

    fn wants_shared(&self) -> bool {
        self.wanted.shared > Bytes(0)
    }

    /// Whether a file of this path is looked for.
    fn is_looked_for(&self, path: &[u8]) -> bool {
        let last = || path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        self.only.as_ref().is_none_or(|only| only.contains(last()))
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    fn process(&mut self, pid: Tgid) {
        if self.is_over() {
            return;
        }
        let mounts = if self.wants_shared() {
            self.mounts_of(pid)
        } else {
            Rc::default()
        };
        self.descriptors(pid, &mounts);
        if self.wants_shared() {
            self.mappings(pid, &mounts);
        }
    }

    /// The mounts that a process sees: most see the same.
    fn mounts_of(&mut self, pid: Tgid) -> Rc<Mounts> {
        let Some(namespace) = mounts::namespace(&pid.to_string(), "mnt") else {
            return Rc::default();
        };
        let read = || Rc::new(Mounts::read(pid));
        Rc::clone(self.mounts.entry(namespace).or_insert_with(read))
    }

    /// Shared memory of a process; `make` is asked where it is new.
    fn found(&mut self, id: FileId, pid: Tgid, make: impl FnOnce() -> Object) {
        if self.shared.len() >= MAX_KNOWN && !self.shared.contains_key(&id) {
            return;
        }
        let shared = self.shared.entry(id).or_insert_with(|| Shared {
            object: Object {
                pid: Some(pid),
                openers: Some(0),
                ..make()
            },
            counted: Tgid(0),
        });
        if shared.counted != pid {
            shared.counted = pid;
            shared.object.openers = shared.object.openers.map(|openers| openers + 1);
        }
    }

    /// How much of the shared memory is explained.
    fn explained(&self) -> Bytes {
        let sizes = self.shared.values().filter_map(|shared| shared.object.bytes);
        sizes.fold(Bytes(0), |sum, size| Bytes(sum.0.saturating_add(size.0)))
    }

    /// Everything, most first.
    fn told(self) -> Vec<Object> {
        let shared = self.shared.into_values().map(|shared| shared.object);
        let shared = shared.filter(|object| object.bytes.is_none_or(|size| size.0 >= LITTLE));
        let mut told: Vec<Object> = shared.chain(self.bpf.into_values()).collect();
        let pipes: u64 = of_kind(&self.counted, ObjectKind::Pipes)
            .map(|(_, counted)| counted.count)
            .sum();
        let of_pipes = self
            .wanted
            .unnamed
            .filter(|size| size.0 <= pipes.saturating_mul(LARGEST_PIPE));
        for ((pid, kind, name), counted) in self.counted {
            let enough = MANY.iter().find(|(of, _)| *of == kind).map_or(0, |(_, enough)| *enough);
            if counted.count < enough {
                continue;
            }
            let names: Vec<String> = counted.names.into_iter().collect();
            let name = if name.is_empty() { names.join(", ") } else { name };
            let part = |size: Bytes| Bytes(size.0 / pipes.max(1) * counted.count);
            told.push(Object {
                count: Some(counted.count),
                pid: Some(pid),
                openers: Some(1),
                bytes: of_pipes.filter(|_| kind == ObjectKind::Pipes).map(part),
                ..Object::new(kind, (!name.is_empty()).then_some(name))
            });
        }
        told.sort_by(|one, other| {
            let key = |object: &Object| (object.at_least(), object.count);
            key(other)
                .cmp(&key(one))
                .then_with(|| (one.kind, &one.name, one.pid).cmp(&(other.kind, &other.name, other.pid)))
        });
        told.truncate(TOLD);
        for object in &mut told {
            object.comm = object.pid.and_then(comm);
        }
        told
    }
}

fn of_kind(
    counted: &HashMap<(Tgid, ObjectKind, String), Counted>,
    kind: ObjectKind,
) -> impl Iterator<Item = (&(Tgid, ObjectKind, String), &Counted)> {
    counted.iter().filter(move |((_, of, _), _)| *of == kind)
}

fn comm(pid: Tgid) -> Option<String> {
    let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(raw::text(name.strip_suffix(b"\n").unwrap_or(&name)))
}

/// A name as text, no longer than is of use.
fn name(bytes: &[u8]) -> String {
    raw::text(bytes).chars().take(NAME).collect()
}

/// Every parser of this module, for `super::feed`.
pub(super) fn feed(bytes: &[u8]) {
    let _ = (
        descriptors::link(bytes),
        mappings::shared(bytes),
        mounts::in_memory(bytes),
    );
    let _ = (segments::segment(bytes), slab::cache(bytes));
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;
    use crate::cgroup::namespaces;

    fn own(wanted: Wanted) -> Vec<Object> {
        let me = Tgid(std::process::id());
        objects(&[me], wanted, Instant::now() + Duration::from_secs(20)).objects
    }

    const ALL: Wanted = Wanted {
        shared: Bytes(1 << 20),
        kernel: true,
        unnamed: Some(Bytes(640 << 10)),
    };

    #[test]
    fn a_memfd_is_named_with_its_size_and_who_has_it_open() {
        if !namespaces::pids_are_the_hosts() {
            return;
        }
        let memfd = rustix::fs::memfd_create("mine to find", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut memfd = File::from(memfd);
        memfd.write_all(&vec![1; 1 << 20]).unwrap();
        let found = own(ALL);
        let found = found
            .iter()
            .find(|object| object.name.as_deref() == Some("mine to find"))
            .unwrap();
        assert_eq!(found.kind, ObjectKind::Memfd);
        assert_eq!(found.pid, Some(Tgid(std::process::id())));
        assert_eq!((found.openers, found.comm.is_some()), (Some(1), true));
        assert!(found.bytes.unwrap() >= Bytes(1 << 20), "{found:?}");
    }

    #[test]
    fn pipes_are_counted_once_and_share_what_no_counter_names() {
        if !namespaces::pids_are_the_hosts() {
            return;
        }
        let pipes: Vec<_> = (0..40).map(|_| rustix::pipe::pipe().unwrap()).collect();
        let found = own(Wanted {
            shared: Bytes(0),
            ..ALL
        });
        let found: Vec<&Object> = found.iter().filter(|object| object.kind == ObjectKind::Pipes).collect();
        // Other tests of this process have some, too.
        let [found] = found[..] else { panic!("{found:?}") };
        let count = found.count.unwrap();
        assert!((40..80).contains(&count), "both ends are one pipe: {count}");
        assert_eq!(found.bytes, Some(Bytes((640 << 10) / count * count)));
        drop(pipes);
        assert!(
            own(Wanted { kernel: false, ..ALL })
                .iter()
                .all(|object| object.kind.is_shared())
        );
    }

    #[test]
    fn what_no_counter_names_is_known_only_beside_those_that_do() {
        const MIB: u64 = 1 << 20;
        let mut known = Memory {
            kernel: Some(Bytes(50 * MIB)),
            ..Memory::default()
        };
        assert_eq!(unnamed(&known), None, "slab is not told");
        (known.slab_unreclaimable, known.pagetables) = (Some(Bytes(3 * MIB)), Some(Bytes(MIB)));
        assert_eq!(unnamed(&known), Some(Bytes(46 * MIB)));
    }

    #[test]
    fn what_has_no_time_left_tells_nothing() {
        let me = Tgid(std::process::id());
        assert_eq!(objects(&[me], ALL, Instant::now()), Seen::default());
        let seen = objects(
            &[me],
            Wanted {
                shared: Bytes(0),
                ..ALL
            },
            Instant::now() + Duration::from_secs(20),
        );
        assert!(seen.is_whole);
    }
}
