//! The processes of a cgroup, and which of them grow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Subject, few};
use crate::measure::{Bytes, Tgid, Timestamp};

/// The processes of a unit that nears a limit, is under memory pressure, or is watched by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Processes {
    /// The unit.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// How many processes it has, cgroups below it included.
    pub count: u64,
    /// How many of them were not looked at: those beyond the first 512.
    #[serde(default)]
    pub unseen: u64,
    /// The largest, those that changed most since the last look, and their ancestors in the unit.
    #[serde(default, deserialize_with = "few::few")]
    pub tasks: Vec<Process>,
    /// The others that were looked at, by parent, most memory first.
    #[serde(default, deserialize_with = "few::few", skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Siblings>,
    /// Those that ended since the last look, by parent.
    #[serde(default, deserialize_with = "few::few", skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<Siblings>,
}

/// A process: `pid` and `started` tell it from every other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// Process id.
    pub pid: Tgid,
    /// The process that started it, or that took it over.
    pub ppid: Option<Tgid>,
    /// Name (`comm`).
    pub comm: String,
    /// Start time, to a hundredth of a second.
    pub started: Option<Timestamp>,
    /// Resident anonymous memory.
    pub anon: Option<Bytes>,
    /// Resident shared memory.
    pub shmem: Option<Bytes>,
    /// Swapped out.
    pub swap: Option<Bytes>,
    /// Page tables.
    pub pgtables: Option<Bytes>,
    /// What it may take at most, by its command line or its environment (`-Xmx`, `maxmemory` and others): only of the
    /// largest process, and absent where neither names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Bytes>,
}

impl Process {
    /// What only its end would free, as far as that is known.
    #[must_use]
    pub fn held(&self) -> Bytes {
        sum([self.anon, self.shmem, self.swap, self.pgtables])
    }
}

/// The known ones of some sizes, together.
#[must_use]
pub fn sum<const N: usize>(sizes: [Option<Bytes>; N]) -> Bytes {
    let known = sizes.into_iter().flatten();
    known.fold(Bytes(0), |sum, size| Bytes(sum.0.saturating_add(size.0)))
}

/// Processes of one parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Siblings {
    /// Their parent.
    pub ppid: Option<Tgid>,
    /// How many.
    pub count: u64,
    /// What they hold together, or held when they were last looked at: resident memory without files.
    pub held: Bytes,
}

/// A process that grew, or one whose short-lived children did together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grower {
    /// Process id; `null` if it is known which unit grew, and not which process.
    pub pid: Option<Tgid>,
    /// Name (`comm`).
    pub comm: Option<String>,
    /// Its unit; a user's unit by its own name.
    pub unit: Option<String>,
    /// Path of the unit's cgroup.
    pub cgroup: String,
    /// Its ancestors in the unit, nearest first.
    #[serde(default, deserialize_with = "few::few")]
    pub ancestors: Vec<Ancestor>,
    /// What it held last: anonymous and shared memory, resident or swapped out, and page tables.
    pub held: Bytes,
    /// How much it grew.
    pub grown: Bytes,
    /// How much its lowest points rose; `grown` may be a peak of what comes and goes.
    pub grown_at_trough: Bytes,
    /// In what time, in seconds: some minutes at most.
    pub seconds: f64,
    /// Its share of the unit's growth in as much of that time as both were looked at, 0 to 1; `null` if that is not known.
    pub share: Option<f64>,
    /// Its short-lived children, where it is they that grew together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children: Option<Children>,
}

/// An ancestor of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ancestor {
    /// Process id.
    pub pid: Tgid,
    /// Name (`comm`).
    pub comm: String,
}

/// Children that a process started since it was first looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Children {
    /// Those that run.
    pub running: u64,
    /// Those that ended.
    pub ended: u64,
    /// What those that ended held when they were last looked at.
    pub ended_held: Bytes,
}
