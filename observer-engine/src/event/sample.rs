//! A cgroup as it stands, its trend, and the time left.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Earlier, RunEnd, Subject, few};
use crate::human::{bytes, duration};
use crate::measure::{Bytes, Tgid, Timestamp};
use crate::unit::UnitPath;

/// A cgroup as it stands. Only `memory.current` is needed for a forecast; what else is missing is done without.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// Whose sample.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// The memory files.
    pub memory: Memory,
    /// `memory.events`.
    #[serde(default)]
    pub events: Option<MemoryEvents>,
    /// `memory.pressure`.
    #[serde(default)]
    pub pressure: Option<Pressure>,
    /// Every limit that can stop this cgroup's growth: its own, its ancestors', the host's memory.
    #[serde(default, deserialize_with = "few::few")]
    pub limits: Vec<Limit>,
    /// How it grows; `null` while too little is known.
    #[serde(default)]
    pub trend: Option<Trend>,
    /// When it reaches the limit that binds first; `null` = no statement.
    #[serde(default)]
    pub forecast: Option<Forecast>,
    /// Its largest processes, largest first: now and then where a limit is in sight, else none.
    #[serde(default, deserialize_with = "few::few", skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskSize>,
    /// When it reaches the `memory.high`, its own or one above, from which on the kernel slows it down; `null` = no
    /// statement.
    #[serde(default)]
    pub slowed: Option<Forecast>,
}

/// A process and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskSize {
    /// Its process.
    pub pid: Tgid,
    /// Its name.
    pub comm: String,
    /// Its anonymous and shared memory, resident or swapped out.
    pub held: Bytes,
}

impl TaskSize {
    /// So many processes are told of a cgroup that has more.
    pub const TOLD: usize = 4;
}

/// The process that takes most of a cgroup's growth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GrowingTask {
    /// Its process.
    pub pid: Tgid,
    /// Its name.
    pub comm: String,
    /// Its anonymous and shared memory, resident or swapped out.
    pub held: Bytes,
    /// How fast it grew since a limit came in sight.
    pub bytes_per_second: f64,
    /// Its share of the cgroup's growth in that time, 0 to 1.
    pub share: f64,
}

/// Sizes that may each be unknown: a struct, and the same as an array in the order of its fields, so that a field is named
/// once.
macro_rules! sizes {
    ($(#[$outer:meta])* pub struct $name:ident { $($(#[$meta:meta])* pub $field:ident,)* }) => {
        $(#[$outer])*
        pub struct $name {
            $($(#[$meta])* pub $field: Option<Bytes>,)*
        }

        impl $name {
            /// How many sizes there are.
            pub(crate) const COUNT: usize = [$(stringify!($field)),*].len();

            /// All of them, in their order.
            pub(crate) fn sizes(&self) -> [Option<Bytes>; Self::COUNT] {
                [$(self.$field),*]
            }

            /// From all of them, in their order.
            pub(crate) fn from_sizes([$($field),*]: [Option<Bytes>; Self::COUNT]) -> Self {
                Self { $($field),* }
            }
        }
    };
}

sizes! {
/// The memory files of a cgroup, by the names of cgroup v2; on v1 the files that mean the same. `hugetlb`, `kernel_stack`,
/// `pagetables`, `percpu`, `sec_pagetables`, `vmalloc`, `zswap` and `zswapped` are left out where they are not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Memory {
    /// `memory.current`.
    pub current,
    /// `memory.peak`.
    pub peak,
    /// `memory.low`.
    pub low,
    /// `memory.high`; `null` = no limit.
    pub high,
    /// `memory.max`; `null` = no limit.
    pub max,
    /// `memory.swap.current`.
    pub swap_current,
    /// `memory.swap.max`; `null` = no limit.
    pub swap_max,
    /// `anon` of `memory.stat`.
    pub anon,
    /// `file` of `memory.stat`, shmem included.
    pub file,
    /// `shmem` of `memory.stat`.
    pub shmem,
    /// `kernel` of `memory.stat`, or the sum of its parts before 5.18.
    pub kernel,
    /// `slab_reclaimable` of `memory.stat`.
    pub slab_reclaimable,
    /// `slab_unreclaimable` of `memory.stat`.
    pub slab_unreclaimable,
    /// `sock` of `memory.stat`.
    pub sock,
    /// `kernel_stack` of `memory.stat`: the kernel's stacks of its threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_stack,
    /// `pagetables` of `memory.stat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagetables,
    /// `sec_pagetables` of `memory.stat`: page tables of a second kind, as of virtual machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sec_pagetables,
    /// `percpu` of `memory.stat`: what the kernel keeps once for each CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percpu,
    /// `vmalloc` of `memory.stat`; of the host `VmallocUsed`, which has the kernel's stacks too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmalloc,
    /// `hugetlb` of `memory.stat`: it is in `memory.current` only where cgroup2 is mounted so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hugetlb,
    /// `zswap` of `memory.stat`: what packed pages take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zswap,
    /// `zswapped` of `memory.stat`: what they were before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zswapped,
}
}

/// A part of the kernel's memory is what it is mostly, from this share on.
const MOST: f64 = 0.5;

impl Memory {
    /// What reclaim can give back, as far as these sizes tell: page cache but shmem, and the slab that has a shrinker. Dirty
    /// pages too: reclaim at a limit waits until they are written (mm/vmscan.c: `shrink_folio_list`) before anybody is killed.
    #[must_use]
    pub fn reclaimable(&self) -> Bytes {
        let cache = self
            .file
            .unwrap_or_default()
            .saturating_sub(self.shmem.unwrap_or_default());
        Bytes(cache.0.saturating_add(self.slab_reclaimable.unwrap_or_default().0))
    }

    /// What most of the kernel's memory is, by a name for people, and its size; `None` where no part of it is half, or none
    /// is told: what pipes hold, for one, has no name in `memory.stat`.
    #[must_use]
    pub fn mostly_kernel(&self) -> Option<(&'static str, Bytes)> {
        let slab = [self.slab_reclaimable, self.slab_unreclaimable].into_iter().flatten();
        let slab = slab.reduce(|sum, part| Bytes(sum.0.saturating_add(part.0)));
        let parts = [
            ("slab", slab),
            ("page tables", self.pagetables),
            ("page tables of virtual machines", self.sec_pagetables),
            ("per-CPU memory", self.percpu),
            ("vmalloc", self.vmalloc),
            ("kernel stacks", self.kernel_stack),
        ];
        let known = parts.into_iter().filter_map(|(name, size)| Some((name, size?)));
        let least = self.kernel?.as_f64() * MOST;
        known
            .max_by_key(|(_, size)| *size)
            .filter(|(_, size)| size.0 > 0 && size.as_f64() >= least)
    }
}

/// The counters of `memory.events`, the whole subtree's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MemoryEvents {
    /// Reclaimed although below `memory.low`.
    pub low: u64,
    /// Throttled at `memory.high`.
    pub high: u64,
    /// Usage was about to go over `memory.max`.
    pub max: u64,
    /// Out of memory at its limit.
    pub oom: u64,
    /// Processes killed.
    pub oom_kill: u64,
    /// Whole groups killed; 0 before 5.17, which does not count them.
    pub oom_group_kill: u64,
    /// Sockets were throttled for the cgroup's memory; not there before 7.2, which does not count it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sock_throttled: Option<u64>,
}

/// `memory.pressure`, shares of the last 10 s in per cent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pressure {
    /// Some task waited for memory.
    pub some_avg10: f64,
    /// Every task waited for memory.
    pub full_avg10: f64,
}

/// Where a limit stands, seen from the cgroup that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The cgroup's own limit.
    Own,
    /// The limit of a cgroup above it.
    Ancestor,
    /// The machine's memory.
    Host,
}

/// A limit, its owner, and how full it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// The path of the cgroup that owns the limit; `/` for the host.
    pub cgroup: String,
    /// The unit that owns the limit; `null` for the host.
    pub unit: Option<String>,
    /// Where the owner stands.
    pub relation: Relation,
    /// `memory.max`, `memory.high`, `memory.swap.max` or, for the host, `MemTotal`.
    pub file: String,
    /// The limit.
    pub bytes: Bytes,
    /// What its owner uses of it now; for the host `MemTotal` less `MemAvailable`.
    pub usage: Option<Bytes>,
    /// What of the usage reclaim could give back before a kill: page cache, what is still to be written too, and
    /// reclaimable slab.
    pub reclaimable: Option<Bytes>,
    /// What its owner has in swap.
    #[serde(default)]
    pub swap_usage: Option<Bytes>,
    /// What its owner could still put into swap: the least that its own `memory.swap.max`, those above and the host leave.
    #[serde(default)]
    pub swap_room: Option<Bytes>,
}

/// What people know a limit by: systemd's name for it, `MemoryMax`, where its owner is a unit's own cgroup; the file's
/// elsewhere, as below a unit that delegates: there the unit's setting is another limit.
#[must_use]
pub fn setting<'a>(file: &'a str, unit: Option<&str>, cgroup: Option<&str>) -> &'a str {
    let is_units = cgroup.map_or(unit.is_some(), |path| UnitPath::parse(path).is_unit);
    match file {
        "memory.max" if is_units => "MemoryMax",
        "memory.high" if is_units => "MemoryHigh",
        "memory.swap.max" if is_units => "MemorySwapMax",
        file => file,
    }
}

/// What people call the owner of a limit: the unit whose own cgroup it is, a user's unit by its own name and not by its
/// manager's, else the cgroup.
#[must_use]
pub fn owner_name(unit: Option<&str>, cgroup: Option<&str>) -> Option<String> {
    let Some(path) = cgroup else {
        return unit.map(str::to_owned);
    };
    let parsed = UnitPath::parse(path);
    let name = parsed.name().filter(|_| parsed.is_unit);
    Some(name.unwrap_or(path).to_owned())
}

/// The limit a forecast speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitRef {
    /// The path of the cgroup that owns the limit; `/` for the host.
    pub cgroup: String,
    /// The unit that owns the limit; `null` for the host.
    pub unit: Option<String>,
    /// The file that holds the limit.
    pub file: String,
    /// The limit.
    pub bytes: Bytes,
}

/// What kind of growth it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// No growth that matters.
    Steady,
    /// Memory that cannot be reclaimed grows and does not come back.
    Leak,
    /// The page cache fills.
    Cache,
    /// Shared memory or tmpfs grows.
    Shmem,
    /// Kernel memory grows: slab, page tables, sockets.
    Kernel,
    /// A jump, too short to be a trend.
    Burst,
    /// Up and down, as a garbage collector does.
    Sawtooth,
    /// Growth since the start that flattens.
    Warmup,
    /// It becomes smaller.
    Shrinking,
    /// Not known.
    Unknown,
}

/// How a cgroup grows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// The slope, in bytes a second.
    pub bytes_per_second: f64,
    /// The lower end of the slope's interval.
    pub low: f64,
    /// The upper end of the slope's interval.
    pub high: f64,
    /// How far back the slope looks, in seconds.
    pub window_seconds: f64,
    /// What kind of growth it is.
    pub class: Class,
    /// Since when it grows like this.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// The earlier run of the unit that grew the same way up to this age; not there where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
}

impl Trend {
    /// Why it is taken for this kind of growth, in a clause; `None` where nothing is known.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let window = duration(self.window_seconds);
        if let Some(earlier) = &self.earlier {
            let lived = duration(earlier.seconds);
            return Some(match earlier.end {
                RunEnd::Killed => format!("an earlier run grew the same way, and was killed after {lived}"),
                RunEnd::Stopped => format!(
                    "an earlier run grew the same way, and stopped growing at {}",
                    bytes(earlier.peak)
                ),
            });
        }
        Some(match self.class {
            Class::Leak => format!("what reclaim cannot give back has grown for {window}, its lowest points too"),
            Class::Cache => "what grows is page cache, which the kernel gives back before it kills".to_owned(),
            Class::Shmem => {
                "shared memory or files on a tmpfs grow: nothing but swap or deleting takes them back".to_owned()
            }
            Class::Kernel => "what the kernel holds for it grows: files, pipes, sockets".to_owned(),
            Class::Burst => "it rises at times and stands in between".to_owned(),
            Class::Sawtooth => "it rises and comes back to where it was, again and again".to_owned(),
            Class::Warmup => "it grows ever more slowly".to_owned(),
            Class::Shrinking => format!("it has given memory back for {window}"),
            Class::Steady => format!("it has not moved for {window}"),
            Class::Unknown => return None,
        })
    }
}

/// The time left until the binding limit is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forecast {
    /// The most likely time left, in seconds.
    pub seconds: f64,
    /// The early end of the interval.
    pub low_seconds: f64,
    /// The late end of the interval; `null` = open.
    pub high_seconds: Option<f64>,
    /// The share of such intervals that hold the true time, 0 to 1.
    pub confidence: f64,
    /// The limit that is reached.
    pub limit: LimitRef,
}

/// A forecast that began, changed or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForecastChange {
    /// Whose forecast.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// What became of it.
    pub state: ForecastState,
    /// What kind of growth it is.
    pub class: Class,
    /// The trend it rests on.
    pub trend: Option<Trend>,
    /// The forecast; `null` when cleared.
    pub forecast: Option<Forecast>,
    /// The cgroup as it stood.
    #[serde(default)]
    pub memory: Option<Memory>,
    /// The process that grows, where it is one.
    #[serde(default)]
    pub task: Option<GrowingTask>,
    /// Why it is taken for this kind of growth, in a clause.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What became of a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForecastState {
    /// A limit is now in sight.
    Raised,
    /// It is still in sight, and the time left changed.
    Updated,
    /// It is no longer in sight.
    Cleared,
}

/// `memory.high` slows a unit down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Throttle {
    /// Who is slowed down.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// Began or ended.
    pub state: ThrottleState,
    /// `memory.high`.
    pub high: Option<Bytes>,
    /// How often it was throttled since the state changed.
    pub high_events: Option<u64>,
    /// The share of time in which every task stood still, 0 to 1.
    pub stalled_share: Option<f64>,
}

/// Whether a unit is slowed down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThrottleState {
    /// It began.
    Raised,
    /// It ended.
    Cleared,
}
