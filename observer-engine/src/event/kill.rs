//! A kill: who, by whom, at which limit, and how that is known.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Bursty, Forecast, Grower, Ledger, Memory, Object, Relation, Subject, Trend, few};
use crate::measure::{Bytes, Tgid, Tid, Timestamp};
use crate::unit::is_same_unit;
use crate::words;

/// One victim's kill. The event's subject is the victim's cgroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
#[schemars(!remote, transform = with_message)]
pub struct Kill {
    /// The victim's cgroup.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// What caused the kill.
    pub origin: Origin,
    /// Of an unknown origin: whether a memory cgroup's limit was reached, where the kernel's words tell that much. Where it is
    /// false, the host's memory or that of some of its nodes ran out, or SysRq asked for the kill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_memcg: Option<bool>,
    /// Whether the origin was observed or inferred.
    pub confidence: Confidence,
    /// What the verdict is based on: probes, files, journal fields.
    #[serde(deserialize_with = "few::few")]
    pub evidence: Vec<String>,
    /// The limit that was reached; `null` if none was, or if the host had free memory that the allocation could not use.
    pub limit: Option<KillLimit>,
    /// The task whose allocation started the OOM killer.
    pub trigger: Option<Trigger>,
    /// The killed process; `null` only from `oomtrace why`, if the log or journal does not name it.
    // The stream always has it, and that is what the schema promises.
    #[schemars(with = "Victim")]
    pub victim: Option<Victim>,
    /// The process that the kernel chose, if this victim died along with it.
    pub leader_pid: Option<Tgid>,
    /// The user-space program that sent the kill.
    pub killer: Option<Killer>,
    /// The allocation that failed.
    pub request: Option<Request>,
    /// What was short, if no memory cgroup's limit caused the kill.
    #[serde(default)]
    pub shortage: Option<Shortage>,
    /// What all of the machine's memory was used for, of a kill that no memory cgroup's limit caused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Box<Ledger>>,
    /// State before the kill.
    pub before: Option<Before>,
    /// The processes in the victim's cgroup at the kill, largest first; from a log, all candidates.
    #[serde(default, deserialize_with = "few::few")]
    pub tasks: Vec<Task>,
    /// What grew before it, most growth first: where the pressure came from, which need not be the unit that was killed.
    #[serde(default, deserialize_with = "few::few", skip_serializing_if = "Vec::is_empty")]
    pub growers: Vec<Grower>,
    /// The units that held most of the memory that ran out, largest first: those below the limit's owner, or on the whole
    /// host. Empty if the limit was the victim's own unit's.
    #[serde(default, deserialize_with = "few::few")]
    pub holders: Vec<Holder>,
    /// What held the shared and the kernel's memory of what ran out, as it was last looked at before the kill, most first: files in
    /// memory, pipes, sockets, slab caches. Empty if that was little, or if nobody looked in time.
    #[serde(default, deserialize_with = "few::few", skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Object>,
    /// Advice in sentences, each with its figure.
    #[serde(default, deserialize_with = "few::few")]
    pub advice: Vec<String>,
}

/// A kill is written with what its fields say, in a sentence (`message`). The sentence is made when the kill is written, so that
/// it cannot say anything else than they do, and it is not read.
impl Serialize for Kill {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(flatten, serialize_with = "Kill::serialize")]
            kill: &'a Kill,
            message: String,
        }
        let message = words::message(self);
        Written { kill: self, message }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Kill {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

fn with_message(schema: &mut schemars::Schema) {
    let message = serde_json::json!({
        "description": "The verdict in a sentence, for alerts: who was killed, by whom, and whose limit was reached.",
        "type": "string"
    });
    if let Some(fields) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        fields.insert("message".to_owned(), message);
    }
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

    /// Whether it was for want of memory, as far as is known. Whoever writes to `cgroup.kill` may be a runtime that was asked to stop
    /// a container.
    #[must_use]
    pub fn is_for_memory(&self) -> bool {
        self.origin != Origin::CgroupKill
    }

    /// The victim in words: `python3[425]`.
    #[must_use]
    pub fn who(&self) -> String {
        self.victim.as_ref().map_or_else(
            || "a process that is not named".to_owned(),
            |victim| match victim.comm.as_str() {
                "" => format!("process {}", victim.pid),
                comm => format!("{comm}[{}]", victim.pid),
            },
        )
    }
}

/// What caused a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A memory cgroup's limit was reached, the victim's own or an ancestor's.
    MemcgLimit,
    /// The host was out of memory.
    Host,
    /// A page fault failed and the kernel's page-fault path killed, without a visible shortage: usually an error in a driver or
    /// a file system. Only on kernels before 5.16.
    PageFault,
    /// The memory nodes of a cpuset were full.
    Cpuset,
    /// The memory nodes of a memory policy were full.
    Mempolicy,
    /// Magic SysRq `f`.
    Sysrq,
    /// A limit was lowered below usage.
    LimitLowered,
    /// Killed along with the chosen process because of `memory.oom.group`.
    OomGroup,
    /// Killed because it shared the chosen process's memory.
    SharedMm,
    /// Killed by systemd-oomd.
    SystemdOomd,
    /// A program wrote to `cgroup.kill`, for memory or to stop a container.
    CgroupKill,
    /// Killed by systemd's `OOMPolicy=` after a kernel kill in the same unit.
    UnitOomPolicy,
    /// Killed by another user-space program, such as earlyoom.
    Userspace,
    /// Unknown.
    Unknown,
}

/// How an origin is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Seen where it happened.
    Observed,
    /// Concluded from other observations.
    Inferred,
}

/// The limit that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KillLimit {
    /// Path of the cgroup that owns the limit; `/` for the host.
    pub cgroup: Option<String>,
    /// Unit that owns the limit.
    pub unit: Option<String>,
    /// Where the owner is, seen from the victim; `null` if not known.
    pub relation: Option<Relation>,
    /// The file that holds it: `memory.max`, or its equivalent.
    pub file: String,
    /// The limit, in bytes.
    pub bytes: Option<Bytes>,
    /// The owner's usage.
    pub usage: Option<Bytes>,
    /// The owner's swap usage.
    pub swap_usage: Option<Bytes>,
    /// The owner's swap limit; `null` = none.
    #[serde(default)]
    pub swap_max: Option<Bytes>,
}

/// The task whose allocation could not be met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trigger {
    /// Process id; `null` if only the thread is known.
    pub pid: Option<Tgid>,
    /// Thread id; `null` only from `oomtrace why`, if the log has lost the line with it.
    #[schemars(with = "Tid")]
    pub tid: Option<Tid>,
    /// Name (`comm`).
    pub comm: String,
    /// User id.
    pub uid: Option<u32>,
    /// Unit.
    pub unit: Option<String>,
    /// Path of its cgroup.
    pub cgroup: Option<String>,
}

/// The killed process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Victim {
    /// Process id.
    pub pid: Tgid,
    /// Thread that the kernel named.
    pub tid: Option<Tid>,
    /// Name (`comm`); empty only from `oomtrace why`, if whoever wrote the log down left it out.
    pub comm: String,
    /// Command line, arguments joined with spaces.
    pub cmdline: Option<String>,
    /// User id.
    pub uid: Option<u32>,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// Address space.
    pub total_vm: Option<Bytes>,
    /// Resident anonymous memory. Since Linux 6.2 a probe reads this and the next ones without what each CPU has not added yet: up to
    /// 32 pages a CPU, or twice as many as there are CPUs where that is more (`percpu_counter_batch`).
    pub anon: Option<Bytes>,
    /// Resident file pages.
    pub file: Option<Bytes>,
    /// Resident shared memory.
    pub shmem: Option<Bytes>,
    /// Swapped out.
    pub swap: Option<Bytes>,
    /// Page tables.
    pub pgtables: Option<Bytes>,
    /// Start time.
    pub started: Option<Timestamp>,
    /// Whether it was already exiting when the kernel chose it: the kernel only waits for its memory then, and does
    /// not count it.
    #[serde(default)]
    pub exiting: Option<bool>,
    /// How much it may take at most, by an option that its runtime or its program knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Ceiling>,
}

/// What a program may take at most for its heap or its cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ceiling {
    /// The option or variable: `-Xmx`, `GOMEMLIMIT`, `shared_buffers`.
    pub name: String,
    /// How much; `null` where it is a share of what is not known.
    pub bytes: Option<Bytes>,
    /// The share of the memory that the program sees, in per cent, where it is one.
    pub percent: Option<f64>,
    /// Where it stands.
    pub source: CeilingSource,
}

/// Where a program has its ceiling from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CeilingSource {
    /// On its command line.
    Cmdline,
    /// In an environment variable.
    Environment,
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
            ceiling: None,
        }
    }
}

impl Trigger {
    /// In words: `python3[425]`, of which the number may be unknown.
    #[must_use]
    pub fn who(&self) -> String {
        let number = self.pid.map(|pid| pid.0).or(self.tid.map(|tid| tid.0));
        match number {
            Some(number) => format!("{}[{number}]", self.comm),
            None => self.comm.clone(),
        }
    }
}

/// The user-space program that sent the kill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Killer {
    /// Process id.
    pub pid: Option<Tgid>,
    /// The name it gave itself; `evidence` says how it was identified.
    pub comm: Option<String>,
    /// Effective user id when it killed.
    #[serde(default)]
    pub uid: Option<u32>,
    /// Unit.
    pub unit: Option<String>,
    /// Its reason, as a keyword: `memory-pressure`.
    pub reason: Option<String>,
    /// Its reason, as it logged it, with figures.
    #[serde(default)]
    pub words: Option<String>,
}

/// The allocation that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// 2^order pages.
    pub order: i32,
    /// Allocation flags by name.
    pub gfp: String,
}

/// What was short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shortage {
    /// The kind of shortage.
    pub kind: ShortageKind,
    /// The zone's memory node.
    pub node: Option<u32>,
    /// The zone that the figures below describe: the highest one the allocation could use.
    pub zone: Option<String>,
    /// 2^order pages were requested.
    pub order: Option<i32>,
    /// Free memory in the zone.
    pub free: Option<Bytes>,
    /// The zone's `min` watermark: reserved.
    pub min: Option<Bytes>,
    /// The zone's `low` watermark: below it the kernel starts to reclaim.
    pub low: Option<Bytes>,
    /// The zone's `high` watermark: the kernel reclaims up to it.
    pub high: Option<Bytes>,
    /// Free memory that only movable allocations may use.
    pub free_cma: Option<Bytes>,
    /// Free swap.
    pub swap_free: Option<Bytes>,
    /// Total swap.
    pub swap_total: Option<Bytes>,
}

/// What was short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShortageKind {
    /// The whole host's memory.
    Machine,
    /// The zones that the allocation could use; others had free memory.
    Zone,
    /// The memory nodes that it could use.
    Node,
    /// Contiguous pages: there was free memory, in smaller pieces.
    Order,
    /// No shortage visible in what the kernel shows.
    None,
}

/// State before the kill.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Before {
    /// The last samples, oldest first, of the unit and of each ancestor with a limit.
    #[serde(deserialize_with = "few::samples")]
    pub samples: Vec<BeforeSample>,
    /// The last trend.
    pub trend: Option<Trend>,
    /// The last forecast.
    pub forecast: Option<Forecast>,
    /// Age of that forecast at the kill, in seconds.
    #[serde(default)]
    pub forecast_age_seconds: Option<f64>,
    /// That it grew in bursts, where there was no time left to tell; absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursty: Option<Bursty>,
}

/// A sample from before a kill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BeforeSample {
    /// Time of the sample.
    pub ts: Timestamp,
    /// Path of the cgroup.
    pub cgroup: Option<String>,
    /// Unit of the cgroup.
    pub unit: Option<String>,
    /// Its memory.
    pub memory: Memory,
}

/// A process in the victim's cgroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// Process id.
    pub pid: Tgid,
    /// The process that started it, or that took it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppid: Option<Tgid>,
    /// Name (`comm`).
    pub comm: String,
    /// Resident memory in total, if the log gives only that.
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
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// How much it grew in the minutes before, in bytes; negative where it shrank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grown: Option<i64>,
}

/// A unit and its usage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// The unit; a user's unit by its own name.
    pub unit: String,
    /// Path of its cgroup.
    pub cgroup: String,
    /// Usage: of the victim's unit from before the kill, of the others at the kill.
    pub current: Bytes,
}

/// The kernel was out of memory and found nothing to kill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OomWithoutKill {
    /// The owner of the limit.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// `no_killable_task`, or what else prevented a kill.
    pub reason: String,
    /// The limit that was reached.
    #[serde(default)]
    pub limit: Option<KillLimit>,
    /// The task whose allocation failed; a page fault retries at once, a system call fails.
    #[serde(default)]
    pub trigger: Option<Trigger>,
    /// The allocation that failed.
    #[serde(default)]
    pub request: Option<Request>,
    /// OOMs of the owner since the counter was last read: `oom` in its `memory.events.local`.
    #[serde(default)]
    pub ooms: Option<u64>,
}
