//! A cgroup as it stands, its trend, and the time left.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Earlier, GrowingPart, Ledger, RunEnd, Subject, few, sum};
use crate::human::{bytes, duration};
use crate::measure::{Bytes, Tgid, Timestamp};
use crate::unit::UnitPath;

/// Current state of a cgroup. A forecast needs `memory.current` only and uses the rest if present.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// The sampled cgroup.
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
    /// Its growth; `null` while too little is known.
    #[serde(default)]
    pub trend: Option<Trend>,
    /// When it reaches the first of its limits; `null` = no forecast.
    #[serde(default)]
    pub forecast: Option<Forecast>,
    /// Its largest processes, largest first: every 10 s if they are looked at (`processes`), else empty.
    #[serde(default, deserialize_with = "few::few", skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskSize>,
    /// When it reaches a `memory.high`, its own or an ancestor's, above which the kernel throttles it; `null` = no
    /// forecast.
    #[serde(default)]
    pub slowed: Option<Forecast>,
    /// What all of the machine's memory is used for; of the host alone, each 10 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Box<Ledger>>,
    /// That it grows in bursts, where there is no time left to tell; absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bursty: Option<Bursty>,
}

/// Growth in bursts, each of a third of what was left or more in two seconds at most, several times in ten minutes: when the
/// limit is met, no slope tells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bursty {
    /// The fastest of the last bursts, in bytes per second.
    pub bytes_per_second: f64,
    /// What is left to the nearest limit that kills.
    pub left: Bytes,
}

/// A process and its memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskSize {
    /// Process id.
    pub pid: Tgid,
    /// Name (`comm`).
    pub comm: String,
    /// Anonymous and shared memory, resident or swapped out.
    pub held: Bytes,
}

impl TaskSize {
    /// So many processes are told of a cgroup that has more.
    pub const TOLD: usize = 4;
}

/// The process with the largest part of a cgroup's growth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GrowingTask {
    /// Process id.
    pub pid: Tgid,
    /// Name (`comm`).
    pub comm: String,
    /// Anonymous and shared memory, resident or swapped out.
    pub held: Bytes,
    /// Its growth over the last minutes, in bytes per second.
    pub bytes_per_second: f64,
    /// Its share of the cgroup's growth, 0 to 1.
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
/// A cgroup's memory, by the names of its cgroup v2 files; on v1, of their equivalents. `hugetlb`, `kernel_stack`,
/// `pagetables`, `percpu`, `sec_pagetables`, `vmalloc`, `zswap` and `zswapped` are absent if unknown.
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
    /// `kernel_stack` of `memory.stat`: kernel stacks of its threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_stack,
    /// `pagetables` of `memory.stat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagetables,
    /// `sec_pagetables` of `memory.stat`: secondary page tables, as for virtual machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sec_pagetables,
    /// `percpu` of `memory.stat`: per-CPU memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percpu,
    /// `vmalloc` of `memory.stat`; for the host `VmallocUsed`, which includes kernel stacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmalloc,
    /// `hugetlb` of `memory.stat`; in `memory.current` only if cgroup2 is mounted with `memory_hugetlb_accounting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hugetlb,
    /// `zswap` of `memory.stat`: size of compressed pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zswap,
    /// `zswapped` of `memory.stat`: their size before compression.
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

    /// Slab, with a shrinker and without.
    #[must_use]
    pub fn slab(&self) -> Bytes {
        sum([self.slab_reclaimable, self.slab_unreclaimable])
    }

    /// What most of the kernel's memory is, by a name for people, and its size; `None` where no part of it is half, or none
    /// is told: what pipes hold, for one, has no name in `memory.stat`.
    #[must_use]
    pub fn mostly_kernel(&self) -> Option<(&'static str, Bytes)> {
        let parts = [
            ("slab", Some(self.slab())),
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

/// The counters of `memory.events`, descendants included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MemoryEvents {
    /// Reclaims below `memory.low`.
    pub low: u64,
    /// Throttlings at `memory.high`.
    pub high: u64,
    /// Attempts to exceed `memory.max`.
    pub max: u64,
    /// OOMs at its limit.
    pub oom: u64,
    /// Processes killed.
    pub oom_kill: u64,
    /// Groups killed; 0 before Linux 5.17, which does not count them.
    pub oom_group_kill: u64,
    /// Socket throttlings for the cgroup's memory; absent before Linux 7.2, which does not count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sock_throttled: Option<u64>,
}

/// `memory.pressure`: share of the last 10 s, in per cent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pressure {
    /// At least one task waited for memory.
    pub some_avg10: f64,
    /// All tasks waited for memory.
    pub full_avg10: f64,
}

/// Where a limit is, seen from the cgroup that it applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The cgroup's own limit.
    Own,
    /// An ancestor's limit.
    Ancestor,
    /// The host's memory.
    Host,
}

/// A limit, its owner, and how full it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// Path of the cgroup that owns the limit; `/` for the host.
    pub cgroup: String,
    /// Unit that owns the limit; `null` for the host.
    pub unit: Option<String>,
    /// Where the owner is.
    pub relation: Relation,
    /// `memory.max`, `memory.high`, `memory.swap.max` or, for the host, `MemTotal`.
    pub file: String,
    /// The limit, in bytes.
    pub bytes: Bytes,
    /// The owner's usage; for the host `MemTotal` less `MemAvailable` and `GPUReclaim`.
    pub usage: Option<Bytes>,
    /// The reclaimable part of the usage: page cache, dirty pages included, and
    /// reclaimable slab.
    pub reclaimable: Option<Bytes>,
    /// The owner's swap usage.
    #[serde(default)]
    pub swap_usage: Option<Bytes>,
    /// Swap that the owner can still use: the least that its `memory.swap.max`, its ancestors' and the host leave.
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

/// The limit that a forecast is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitRef {
    /// Path of the cgroup that owns the limit; `/` for the host.
    pub cgroup: String,
    /// Unit that owns the limit; `null` for the host.
    pub unit: Option<String>,
    /// The file that holds it.
    pub file: String,
    /// The limit, in bytes.
    pub bytes: Bytes,
}

/// The kind of growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// No significant growth.
    Steady,
    /// Unreclaimable memory grows and never falls back.
    Leak,
    /// Page cache grows.
    Cache,
    /// Shared memory or tmpfs grows.
    Shmem,
    /// Kernel memory grows: slab, page tables, sockets.
    Kernel,
    /// A jump, too short to be a trend.
    Burst,
    /// Up and down, like a garbage collector.
    Sawtooth,
    /// Growth since the start, flattening.
    Warmup,
    /// Usage falls.
    Shrinking,
    /// Unknown.
    Unknown,
}

/// A cgroup's growth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// Slope, in bytes per second.
    pub bytes_per_second: f64,
    /// Lower end of the slope's interval.
    pub low: f64,
    /// Upper end of the slope's interval.
    pub high: f64,
    /// Window that the slope is computed over, in seconds.
    pub window_seconds: f64,
    /// The kind of growth.
    pub class: Class,
    /// Start of this growth.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// An earlier run of the unit that grew the same way up to this age; absent if there is none.
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
                RunEnd::Killed => format!("an earlier run grew like this and was killed after {lived}"),
                RunEnd::Stopped => format!(
                    "an earlier run grew like this and stopped growing at {}",
                    bytes(earlier.peak)
                ),
            });
        }
        Some(match self.class {
            Class::Leak => format!("unreclaimable memory has grown for {window}, and so have its low points"),
            Class::Cache => "page cache grows, which the kernel reclaims before it kills".to_owned(),
            Class::Shmem => {
                "shared memory or tmpfs files grow: only swapping them out or deleting them frees memory".to_owned()
            }
            Class::Kernel => "kernel memory charged to it grows: files, pipes, sockets".to_owned(),
            Class::Burst => "it grows in bursts and is steady in between".to_owned(),
            Class::Sawtooth => "it keeps rising and falling back to where it was".to_owned(),
            Class::Warmup => "its growth is slowing down".to_owned(),
            Class::Shrinking => format!("it has been shrinking for {window}"),
            Class::Steady => format!("it has been steady for {window}"),
            Class::Unknown => return None,
        })
    }
}

/// Time left until a limit is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forecast {
    /// Most likely time left, in seconds.
    pub seconds: f64,
    /// Early end of the interval, in seconds.
    pub low_seconds: f64,
    /// Late end of the interval, in seconds; `null` = open.
    pub high_seconds: Option<f64>,
    /// Share of such intervals that contain the true time, 0 to 1.
    pub confidence: f64,
    /// The limit that will be reached.
    pub limit: LimitRef,
}

/// A forecast that was raised, updated or cleared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForecastChange {
    /// The cgroup.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// The change.
    pub state: ForecastState,
    /// The kind of growth.
    pub class: Class,
    /// The trend that it is based on.
    pub trend: Option<Trend>,
    /// The forecast; `null` when cleared.
    pub forecast: Option<Forecast>,
    /// The cgroup's memory at that time.
    #[serde(default)]
    pub memory: Option<Memory>,
    /// The process that grows, if it is a single one.
    #[serde(default)]
    pub task: Option<GrowingTask>,
    /// The part of the machine's memory that grows most; of the host alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<GrowingPart>,
    /// Why it is classified like this, in a clause.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Change of a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForecastState {
    /// A limit came in sight.
    Raised,
    /// The time left changed.
    Updated,
    /// No limit is in sight any more.
    Cleared,
}

/// `memory.high` throttles a unit to a halt, or no longer does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Throttle {
    /// The throttled cgroup.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// Whether it began or ended.
    pub state: ThrottleState,
    /// `memory.high`.
    pub high: Option<Bytes>,
    /// Throttlings since the state last changed.
    pub high_events: Option<u64>,
    /// Share of time in which all tasks were stalled, 0 to 1.
    pub stalled_share: Option<f64>,
}

/// Whether throttling began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThrottleState {
    /// Began.
    Raised,
    /// Ended.
    Cleared,
}
