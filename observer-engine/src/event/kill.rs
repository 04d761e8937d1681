//! A kill: who, by whom, at which limit, and how that is known.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Forecast, Memory, Relation, Subject, Trend, few};
use crate::measure::{Bytes, Tgid, Tid, Timestamp};
use crate::unit::is_same_unit;

/// One victim. The line's subject is the victim's cgroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Kill {
    /// Where the victim lived.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// What made the kill.
    pub origin: Origin,
    /// Whether the origin was seen or concluded.
    pub confidence: Confidence,
    /// What the verdict rests on: probe names, file names, journal fields.
    #[serde(deserialize_with = "few::few")]
    pub evidence: Vec<String>,
    /// The limit that was reached.
    pub limit: Option<KillLimit>,
    /// Who asked for the memory.
    pub trigger: Option<Trigger>,
    /// Who was killed; `null` only in what `oomtrace why --log` writes, where the log does not tell it.
    // The stream always has it, and that is what the schema promises.
    #[schemars(with = "Victim")]
    pub victim: Option<Victim>,
    /// The chosen process, where this victim died with it.
    pub leader_pid: Option<Tgid>,
    /// The user-space program that killed.
    pub killer: Option<Killer>,
    /// The allocation that could not be met.
    pub request: Option<Request>,
    /// What was short, of a kill that no memory cgroup's limit caused.
    #[serde(default)]
    pub shortage: Option<Shortage>,
    /// What was known before.
    pub before: Option<Before>,
    /// The processes of the victim's cgroup at the kill, largest first; from a log, all that might have been chosen.
    #[serde(default, deserialize_with = "few::few")]
    pub tasks: Vec<Task>,
    /// Which units held most of the memory that ran out, largest first: those below the limit's owner, or of the whole
    /// host. Empty where the limit was the victim's unit's own.
    #[serde(default, deserialize_with = "few::few")]
    pub holders: Vec<Holder>,
    /// What follows, each sentence with its number.
    #[serde(default, deserialize_with = "few::few")]
    pub advice: Vec<String>,
}

impl Kill {
    /// The last sample of the victim's own unit or container.
    #[must_use]
    pub fn last_sample(&self) -> Option<&BeforeSample> {
        let path = self.subject.cgroup.path.as_deref()?;
        let samples = &self.before.as_ref()?.samples;
        let is_own = |sample: &&BeforeSample| {
            sample
                .cgroup
                .as_deref()
                .is_some_and(|cgroup| is_same_unit(cgroup, path))
        };
        samples.iter().rev().find(is_own)
    }

    /// Whether a memory cgroup's limit made it.
    #[must_use]
    pub fn in_a_limit(&self) -> bool {
        matches!(
            self.origin,
            Origin::MemcgLimit | Origin::OomGroup | Origin::LimitLowered
        )
    }

    /// The victim in words: `python3[425]`.
    #[must_use]
    pub fn who(&self) -> String {
        self.victim.as_ref().map_or_else(
            || "a process that is not named".to_owned(),
            |victim| format!("{}[{}]", victim.comm, victim.pid),
        )
    }
}

/// What made a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A memory cgroup's limit, the victim's own or an ancestor's.
    MemcgLimit,
    /// The machine's memory was used up.
    Host,
    /// A page fault failed for want of memory and the kernel's page-fault path killed, with no shortage shown: a driver's or
    /// a file system's error as a rule.
    PageFault,
    /// The nodes of a cpuset were used up.
    Cpuset,
    /// The nodes of a memory policy were used up.
    Mempolicy,
    /// Someone pressed the magic key.
    Sysrq,
    /// A limit was set below what was used.
    LimitLowered,
    /// It died with the chosen process: `memory.oom.group`.
    OomGroup,
    /// It shared the memory of the chosen process.
    SharedMm,
    /// systemd-oomd.
    SystemdOomd,
    /// Someone wrote to `cgroup.kill`.
    CgroupKill,
    /// systemd's `OOMPolicy=`, after a kernel kill.
    UnitOomPolicy,
    /// Another program.
    Userspace,
    /// Not known.
    Unknown,
}

/// How an origin is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Seen where it happened.
    Observed,
    /// Concluded from what was seen elsewhere.
    Inferred,
}

/// The limit that was reached at a kill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KillLimit {
    /// The path of the cgroup that owns it; `/` for the host.
    pub cgroup: Option<String>,
    /// The unit that owns it.
    pub unit: Option<String>,
    /// Where the owner stands, seen from the victim; `null` where the two are not known to be related.
    pub relation: Option<Relation>,
    /// `memory.max`, or what stands for it.
    pub file: String,
    /// The limit.
    pub bytes: Option<Bytes>,
    /// What its owner used.
    pub usage: Option<Bytes>,
    /// What its owner had in swap.
    pub swap_usage: Option<Bytes>,
    /// What its owner may have in swap; `null` where nothing limits it.
    #[serde(default)]
    pub swap_max: Option<Bytes>,
}

/// Who asked for the memory that was not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trigger {
    /// Its process; `null` where only its thread is known.
    pub pid: Option<Tgid>,
    /// Its thread.
    pub tid: Tid,
    /// Its name.
    pub comm: String,
    /// Its user.
    pub uid: Option<u32>,
    /// Its unit.
    pub unit: Option<String>,
    /// Its cgroup's path.
    pub cgroup: Option<String>,
}

/// Who was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Victim {
    /// Its process.
    pub pid: Tgid,
    /// The thread the kernel named.
    pub tid: Option<Tid>,
    /// Its name.
    pub comm: String,
    /// Its command line, words joined with spaces.
    pub cmdline: Option<String>,
    /// Its user.
    pub uid: Option<u32>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// Address space.
    pub total_vm: Option<Bytes>,
    /// Resident anonymous memory.
    pub anon: Option<Bytes>,
    /// Resident file pages.
    pub file: Option<Bytes>,
    /// Resident shared memory.
    pub shmem: Option<Bytes>,
    /// Swapped out.
    pub swap: Option<Bytes>,
    /// Page tables.
    pub pgtables: Option<Bytes>,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// Whether it was ending already when the kernel chose it: its memory only had to be waited for, and the kernel does
    /// not count it.
    #[serde(default)]
    pub exiting: Option<bool>,
}

impl Victim {
    /// A process of which no more is known than this.
    #[must_use]
    pub fn new(pid: Tgid, comm: String) -> Self {
        Self {
            pid,
            tid: None,
            comm,
            cmdline: None,
            uid: None,
            oom_score_adj: None,
            total_vm: None,
            anon: None,
            file: None,
            shmem: None,
            swap: None,
            pgtables: None,
            started: None,
            exiting: None,
        }
    }
}

/// The user-space program that killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Killer {
    /// Its process.
    pub pid: Option<Tgid>,
    /// Its name, as it calls itself: who it is `evidence` says.
    pub comm: Option<String>,
    /// Its effective user as it killed.
    #[serde(default)]
    pub uid: Option<u32>,
    /// Its unit.
    pub unit: Option<String>,
    /// Why, by its own name for it: `memory-pressure`.
    pub reason: Option<String>,
    /// Why, in its own words, with the figures.
    #[serde(default)]
    pub words: Option<String>,
}

/// The allocation that could not be met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// 2^order pages.
    pub order: i32,
    /// The allocation's flags by name.
    pub gfp: String,
}

/// What was short at a kill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shortage {
    /// What kind of thing it was.
    pub kind: ShortageKind,
    /// The memory node whose zone follows.
    pub node: Option<u32>,
    /// The zone that the figures are of: the highest that might be used.
    pub zone: Option<String>,
    /// 2^order pages were asked for.
    pub order: Option<i32>,
    /// What was free in the zone.
    pub free: Option<Bytes>,
    /// The zone's lowest watermark: what must stay.
    pub min: Option<Bytes>,
    /// Its next one: below it the kernel reclaims.
    pub low: Option<Bytes>,
    /// Its highest: up to it the kernel reclaims.
    pub high: Option<Bytes>,
    /// How much of the free memory only movable pages may have.
    pub free_cma: Option<Bytes>,
    /// What was free in swap.
    pub swap_free: Option<Bytes>,
    /// All swap.
    pub swap_total: Option<Bytes>,
}

/// What was short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShortageKind {
    /// All of the machine's memory.
    Machine,
    /// The zones that the request might use; others had memory.
    Zone,
    /// The memory nodes that it might use.
    Node,
    /// Contiguous pages: there was memory, in smaller pieces.
    Order,
    /// Nothing that the log shows.
    None,
}

/// What was known before the kill.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Before {
    /// The last samples, oldest first: the unit's, and every ancestor's with a limit.
    #[serde(deserialize_with = "few::samples")]
    pub samples: Vec<BeforeSample>,
    /// The trend as it stood.
    pub trend: Option<Trend>,
    /// The forecast as it stood.
    pub forecast: Option<Forecast>,
    /// How long before the kill the forecast was made, in seconds.
    #[serde(default)]
    pub forecast_age_seconds: Option<f64>,
}

/// A sample from before a kill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BeforeSample {
    /// When.
    pub ts: Timestamp,
    /// The cgroup's path.
    pub cgroup: Option<String>,
    /// The cgroup's unit.
    pub unit: Option<String>,
    /// What it held.
    pub memory: Memory,
}

/// A process of the victim's cgroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// Its process.
    pub pid: Tgid,
    /// Its name.
    pub comm: String,
    /// All that is resident, where it is told as one: in logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss: Option<Bytes>,
    /// Resident anonymous memory.
    pub anon: Option<Bytes>,
    /// Resident file pages.
    pub file: Option<Bytes>,
    /// Resident shared memory.
    pub shmem: Option<Bytes>,
    /// Swapped out.
    pub swap: Option<Bytes>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
}

/// A unit, and what it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// The unit, or a user's unit by its own name.
    pub unit: String,
    /// Its cgroup's path.
    pub cgroup: String,
    /// What it used: the victim's unit as last seen before the kill, the others as the kill was told.
    pub current: Bytes,
}

/// The kernel was out of memory and killed nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OomWithoutKill {
    /// The limit's owner.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// `no_killable_task` or what else stopped it.
    pub reason: String,
    /// The limit that was reached.
    #[serde(default)]
    pub limit: Option<KillLimit>,
    /// Who asked for the memory, and goes on asking: the kernel lets a page fault try again at once, a system call fail.
    #[serde(default)]
    pub trigger: Option<Trigger>,
    /// The allocation that could not be met.
    #[serde(default)]
    pub request: Option<Request>,
    /// How often the owner was out of memory since it was last looked at: `oom` of its `memory.events.local`.
    #[serde(default)]
    pub ooms: Option<u64>,
}
