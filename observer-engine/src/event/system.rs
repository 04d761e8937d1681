//! The stream about itself, and about units.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Killer, Memory, Relation, Subject, few};
use crate::measure::{Bytes, Timestamp};

/// Start of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// Schema version, `oomtrace/1`: raised when a field is removed or changes its meaning.
    pub schema: String,
    /// Version of oomtrace.
    pub version: String,
    /// Kernel release.
    pub kernel: String,
    /// Boot id: 32 hexadecimal digits with dashes.
    pub boot_id: String,
    /// How memory cgroups are mounted.
    pub cgroup_version: Option<CgroupVersion>,
    /// Every probe and how it is attached.
    #[serde(deserialize_with = "few::few")]
    pub probes: Vec<Probe>,
}

/// How memory cgroups are mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CgroupVersion {
    /// Unified hierarchy.
    V2,
    /// A hierarchy per controller.
    V1,
    /// Memory controller on v1, with a v2 hierarchy beside it.
    Hybrid,
}

/// A probe and how it is attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// Kernel function or tracepoint.
    pub name: String,
    /// How it is attached.
    pub via: Via,
    /// Why a better way did not work.
    pub reason: Option<String>,
    /// What is unknown without it, if it is not attached.
    #[serde(default)]
    pub loss: Option<String>,
}

/// A way to attach a probe, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A BPF trampoline at a function's entry or exit.
    Fentry,
    /// A BPF iterator, read on demand.
    Iter,
    /// A kprobe or kretprobe.
    Kprobe,
    /// A tracepoint.
    Tracepoint,
    /// Polling files.
    Poll,
    /// Not available.
    None,
}

/// A unit started, ended, or is awaited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unit {
    /// The unit.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// Its new state.
    pub state: UnitState,
    /// systemd's `Result=`, if it ended: `success`, `oom-kill`, `signal`, …
    pub result: Option<String>,
    /// `NRestarts=`.
    pub restarts: Option<u64>,
    /// How the main process ended, as systemd writes it: `killed/KILL`, `exited/1`.
    #[serde(default)]
    pub exit: Option<String>,
    /// Memory kills in this run, if it ended.
    #[serde(default)]
    pub kills: Option<u64>,
    /// `Description=`.
    #[serde(default)]
    pub description: Option<String>,
    /// Number of processes in its cgroup.
    #[serde(default)]
    pub tasks: Option<u64>,
    /// Time of the change to this state, if known.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Current memory.
    #[serde(default)]
    pub memory: Option<Memory>,
    /// Its limits and its ancestors'.
    #[serde(default, deserialize_with = "few::few")]
    pub limits: Vec<UnitLimit>,
    /// The crash that ended it, if systemd-coredump logged one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<Crash>,
}

/// A crashed process, from systemd-coredump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Crash {
    /// Process id, for `coredumpctl info`.
    pub pid: Option<u64>,
    /// The program and the signal.
    pub words: String,
}

/// A configured limit of a unit or its ancestors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnitLimit {
    /// Path of the cgroup that owns the limit; `/` for the host.
    pub cgroup: String,
    /// Unit that owns the limit.
    pub unit: Option<String>,
    /// Where the owner is.
    pub relation: Relation,
    /// The file that holds it, such as `memory.max`.
    pub file: String,
    /// The limit, in bytes; `null` = none.
    pub bytes: Option<Bytes>,
    /// The owner's usage.
    pub usage: Option<Bytes>,
}

/// State of a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitState {
    /// Not there yet, awaited.
    #[default]
    Waiting,
    /// Already running when the stream began.
    Running,
    /// Started.
    Started,
    /// Ended without failure.
    Stopped,
    /// Failed.
    Failed,
}

/// What was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Kill records.
    Kill,
    /// Hints that a cgroup grows.
    Growth,
    /// Creation and removal of cgroups.
    Cgroup,
    /// Fatal signals.
    Signal,
    /// Program starts, from which command lines are known.
    Exec,
    /// Kernel log lines, if the log replaces probes.
    KernelLog,
    /// Events that an output could not take: disk full or reader too slow.
    Output,
    /// Kills by users who send more of them than are reported one by one.
    Repeated,
    /// Samples that could not be taken within their interval.
    Sample,
}

/// Records or events were lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lost {
    /// What was lost.
    pub stream: Stream,
    /// Number since the last such event.
    pub count: u64,
    /// Who killed, if known.
    #[serde(default)]
    pub killer: Option<Killer>,
}

/// The kernel or systemd counted kills that oomtrace did not see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unexplained {
    /// The counter's owner.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// File and name of the counter.
    pub counter: String,
    /// Increase of the counter.
    pub counted: u64,
    /// Kills that oomtrace saw.
    pub seen: u64,
}

/// End of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stop {
    /// Reason.
    pub reason: StopReason,
    /// Number of lines written before this one.
    pub written: u64,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// SIGINT or SIGTERM.
    Signal,
    /// `--duration` elapsed, or the input ended.
    Duration,
    /// An error, reported on stderr.
    Error,
    /// Unclean stop, inferred by the reader from the recorder's next start. No data from here to that `start`.
    Crash,
}
