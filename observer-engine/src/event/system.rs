//! The stream about itself, and about units.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Killer, Memory, Relation, Subject, few};
use crate::measure::{Bytes, Timestamp};

/// The stream begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// The version of the events, `oomtrace/1`: it is raised where a field vanishes or means something else.
    pub schema: String,
    /// oomtrace's version.
    pub version: String,
    /// The kernel's release.
    pub kernel: String,
    /// The boot's id, 32 hexadecimal digits with dashes.
    pub boot_id: String,
    /// How memory cgroups are mounted.
    pub cgroup_version: Option<CgroupVersion>,
    /// Every probe, and the way it was attached.
    #[serde(deserialize_with = "few::few")]
    pub probes: Vec<Probe>,
}

/// How memory cgroups are mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CgroupVersion {
    /// One hierarchy.
    V2,
    /// One hierarchy a controller.
    V1,
    /// Memory on v1, and a v2 hierarchy beside it.
    Hybrid,
}

/// A probe and the way it was attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// The kernel function or tracepoint.
    pub name: String,
    /// The way.
    pub via: Via,
    /// Why no better way was taken.
    pub reason: Option<String>,
    /// What is not known without it, where it was not attached.
    #[serde(default)]
    pub loss: Option<String>,
}

/// A way to learn what a probe tells, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A BPF trampoline at a function's entry or exit.
    Fentry,
    /// A BPF iterator: all objects of a kind at once, whenever they are asked for.
    Iter,
    /// A kprobe or kretprobe.
    Kprobe,
    /// A tracepoint.
    Tracepoint,
    /// Reading files again and again.
    Poll,
    /// Not at all.
    None,
}

/// A unit came, ended, or is waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unit {
    /// Which unit.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// What it is now.
    pub state: UnitState,
    /// systemd's `Result=`, where it ended: `success`, `oom-kill`, `signal`, …
    pub result: Option<String>,
    /// `NRestarts=`.
    pub restarts: Option<u64>,
    /// How the main process ended, in systemd's terms: `killed/KILL`, `exited/1`.
    #[serde(default)]
    pub exit: Option<String>,
    /// How many of its processes were killed for memory in this run, where it ended.
    #[serde(default)]
    pub kills: Option<u64>,
    /// `Description=`.
    #[serde(default)]
    pub description: Option<String>,
    /// How many processes its cgroup holds.
    #[serde(default)]
    pub tasks: Option<u64>,
    /// When it came to this state, where that is known.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// What it uses now.
    #[serde(default)]
    pub memory: Option<Memory>,
    /// Its limits, and those above it.
    #[serde(default, deserialize_with = "few::few")]
    pub limits: Vec<UnitLimit>,
    /// The crash of a process that it ended with, where systemd-coredump told of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<Crash>,
}

/// A process that crashed, as systemd-coredump tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Crash {
    /// Its process: what `coredumpctl info` takes.
    pub pid: Option<u64>,
    /// Which program, by which signal.
    pub words: String,
}

/// A limit of a unit or above it, as it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnitLimit {
    /// The path of the cgroup that owns it; `/` for the host.
    pub cgroup: String,
    /// The unit that owns it.
    pub unit: Option<String>,
    /// Where the owner stands.
    pub relation: Relation,
    /// `memory.max` and the like.
    pub file: String,
    /// The limit; `null` = none.
    pub bytes: Option<Bytes>,
    /// What its owner uses now.
    pub usage: Option<Bytes>,
}

/// What a unit is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitState {
    /// It is not there yet, and is waited for.
    #[default]
    Waiting,
    /// It was there already when the stream began.
    Running,
    /// It started.
    Started,
    /// It ended as it should.
    Stopped,
    /// It failed.
    Failed,
}

/// Which records were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Kills.
    Kill,
    /// Growth: "look now" hints.
    Growth,
    /// Births and ends of cgroups.
    Cgroup,
    /// Deadly signals.
    Signal,
    /// Programs that begin: command lines.
    Exec,
    /// Lines of the kernel's log, where that stands in for probes.
    KernelLog,
    /// Lines that a reader was too slow for.
    Output,
    /// Kills, and signals that may have been kills, of users who send more of them than are told one by one.
    Repeated,
    /// Samples that were due at an interval and could not be taken within it.
    Sample,
}

/// Records were lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lost {
    /// Which.
    pub stream: Stream,
    /// How many since the last such line.
    pub count: u64,
    /// Whose kills they were, where that is known.
    #[serde(default)]
    pub killer: Option<Killer>,
}

/// A counter moved without an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unexplained {
    /// Whose counter.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// Its file and name.
    pub counter: String,
    /// How much it moved.
    pub counted: u64,
    /// How much was seen.
    pub seen: u64,
}

/// The stream ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stop {
    /// Why.
    pub reason: StopReason,
    /// How many lines were written before this one.
    pub written: u64,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// SIGINT or SIGTERM.
    Signal,
    /// `--duration` is over, or the input's end was reached.
    Duration,
    /// An error, told on stderr.
    Error,
    /// Without a word: a reader of captures found that a recorder began anew. Nothing is known from here to its `start`.
    Crash,
}
