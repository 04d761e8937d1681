//! What holds memory that is no process's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::{Bytes, Tgid};

/// What holds memory that the end of one process need not free: shared memory by file, the kernel's by what it is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name: a file's path as its process sees it, or that of the folder of several which nobody has open, a memfd's name, a segment's key and id, the protocols of sockets, a slab
    /// cache's name; `null` if it has none.
    pub name: Option<String>,
    /// What it holds, resident or swapped out. Of pipes an estimate: what the unit's kernel memory has beyond its named parts,
    /// shared out by their number. Of a slab cache what the whole host has in it, whoever's. `null` if nothing tells.
    pub bytes: Option<Bytes>,
    /// How much that grew in `seconds`; negative where it shrank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grown: Option<i64>,
    /// Time from the first to the last look at it, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// How many pipes, sockets, descriptors; of a slab cache, objects in use; of a folder, files that nobody has open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// A process that has it open or mapped; `null` if none of the unit's has.
    #[serde(default)]
    pub pid: Option<Tgid>,
    /// That process's name (`comm`).
    #[serde(default)]
    pub comm: Option<String>,
    /// How many of the unit's processes have it open or mapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openers: Option<u64>,
    /// The unit; `null` of a slab cache, which is the whole host's.
    #[serde(default)]
    pub unit: Option<String>,
}

/// What holds memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A file on a tmpfs, POSIX segments included: these are files in `/dev/shm`.
    TmpfsFile,
    /// A file of memfd_create(2).
    Memfd,
    /// A segment of shmget(2).
    SysvSegment,
    /// Memory that processes share and no name leads to: a shared anonymous mapping.
    SharedMapping,
    /// Pipes of one process.
    Pipes,
    /// Sockets of one process.
    Sockets,
    /// A map of BPF programs.
    BpfMap,
    /// Other descriptors of one process that have no file, of one kind.
    Descriptors,
    /// A cache of the kernel's for objects of one kind, of the whole host.
    Slab,
}

impl ObjectKind {
    /// Whether it is shared memory; else it is the kernel's.
    #[must_use]
    pub fn is_shared(self) -> bool {
        match self {
            Self::TmpfsFile | Self::Memfd | Self::SysvSegment | Self::SharedMapping => true,
            Self::Pipes | Self::Sockets | Self::BpfMap | Self::Descriptors | Self::Slab => false,
        }
    }
}

/// What a pipe, a socket or another descriptor takes of the kernel's memory at least, about, in bytes.
const EACH: u64 = 1 << 10;

impl Object {
    /// What it holds; where nothing tells, what so many take at least.
    #[must_use]
    pub fn at_least(&self) -> Bytes {
        let by_count = || Bytes(self.count.unwrap_or_default().saturating_mul(EACH));
        self.bytes.unwrap_or_else(by_count)
    }

    /// One of which no more is known than its kind and name.
    #[must_use]
    pub fn new(kind: ObjectKind, name: Option<String>) -> Self {
        Self {
            kind,
            name,
            bytes: None,
            grown: None,
            seconds: None,
            count: None,
            pid: None,
            comm: None,
            openers: None,
            unit: None,
        }
    }
}
