//! One thing that a log told, as it is to be drawn.

use oomtrace_engine::event::{Event, Kill, Origin, Shortage, Task};
use oomtrace_engine::human::bytes;
use oomtrace_engine::log::Told;
use oomtrace_engine::measure::{Bytes, Tgid};
use oomtrace_engine::shown::shown;
use oomtrace_engine::words::sentences;
use serde::Serialize;

/// One thing that a log told. Texts are as they are to be shown, shares are of 1.
#[derive(Debug, Serialize)]
pub struct View {
    headline: String,
    lines: Vec<(&'static str, String)>,
    rests: Option<String>,
    kill: Option<Killed>,
}

/// What is drawn of a kill beside its sentences.
#[derive(Debug, Serialize)]
struct Killed {
    pid: Option<Tgid>,
    origin: Origin,
    /// The path of the limit's owner.
    limit: Option<String>,
    /// What the victim held.
    held: Option<Bar>,
    zone: Option<Zone>,
    tasks: Vec<Row>,
}

/// A bar of parts.
#[derive(Debug, Serialize)]
struct Bar {
    caption: String,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    /// As the events name it: `anon`, `file`, `shmem`.
    name: &'static str,
    size: String,
    share: f64,
}

/// What was free in the zone that was short, beside its marks.
#[derive(Debug, Serialize)]
struct Zone {
    name: String,
    free: Part,
    marks: Vec<Part>,
}

/// A process of the kernel's table. What the kernel does not tell is `null`.
#[derive(Debug, Serialize)]
struct Row {
    pid: Tgid,
    comm: String,
    is_victim: bool,
    rss: Option<String>,
    swap: Option<String>,
    oom_score_adj: Option<i16>,
    /// Of the largest one's.
    share: f64,
}

impl View {
    /// What is to be drawn; `None` of what no log tells.
    #[must_use]
    pub fn of(told: &Told) -> Option<Self> {
        let said = sentences(told)?;
        let lines = said.lines.into_iter();
        Some(Self {
            headline: shown(&said.headline).into_owned(),
            lines: lines
                .map(|(label, words)| (label, shown(&words).into_owned()))
                .collect(),
            rests: said.rests.map(|rests| shown(&rests).into_owned()),
            kill: match &told.event {
                Event::Kill(kill) => Some(Killed::of(kill)),
                _ => None,
            },
        })
    }

    pub(crate) fn is_kill(&self) -> bool {
        self.kill.is_some()
    }
}

impl Killed {
    fn of(kill: &Kill) -> Self {
        let pid = kill.victim.as_ref().map(|victim| victim.pid);
        let limit = kill.limit.as_ref().and_then(|limit| limit.cgroup.as_deref());
        Self {
            pid,
            origin: kill.origin,
            limit: limit.map(|path| shown(path).into_owned()),
            held: held(kill),
            zone: kill.shortage.as_ref().and_then(zone),
            tasks: rows(&kill.tasks, pid),
        }
    }
}

/// What the victim held, of the limit that was reached where that is as large.
fn held(kill: &Kill) -> Option<Bar> {
    let victim = kill.victim.as_ref()?;
    let parts = [("anon", victim.anon), ("shmem", victim.shmem), ("file", victim.file)];
    let known: Vec<_> = parts
        .into_iter()
        .filter_map(|(name, size)| Some((name, size?)))
        .collect();
    let sum = known.iter().fold(0_u64, |sum, (_, size)| sum.saturating_add(size.0));
    if sum == 0 {
        return None;
    }
    let limit = kill.limit.as_ref().and_then(|limit| limit.bytes);
    let limit = limit.filter(|limit| limit.0 >= sum);
    let whole = limit.unwrap_or(Bytes(sum));
    let of = limit
        .map(|limit| format!(" of the limit's {}", bytes(limit)))
        .unwrap_or_default();
    Some(Bar {
        caption: format!("What it held, {}{of}", bytes(Bytes(sum))),
        parts: known
            .into_iter()
            .map(|(name, size)| Part::new(name, size, whole))
            .collect(),
    })
}

impl Part {
    fn new(name: &'static str, size: Bytes, whole: Bytes) -> Self {
        Self {
            name,
            size: bytes(size),
            share: share(size, whole),
        }
    }
}

fn share(size: Bytes, whole: Bytes) -> f64 {
    if whole.0 == 0 {
        return 0.0;
    }
    (size.as_f64() / whole.as_f64()).min(1.0)
}

/// The zone as a scale that ends somewhat above its highest mark, or above what was free.
fn zone(shortage: &Shortage) -> Option<Zone> {
    let (free, high) = (shortage.free?, shortage.high?);
    let whole = Bytes(free.max(high).0.saturating_mul(5) / 4);
    let marks = [("min", shortage.min), ("low", shortage.low), ("high", shortage.high)];
    let node = shortage.node.map(|node| format!("node {node}, "));
    let zone = shortage.zone.as_deref().unwrap_or("not named");
    Some(Zone {
        name: shown(&format!("{}zone {zone}", node.unwrap_or_default())).into_owned(),
        free: Part::new("free", free, whole),
        marks: marks
            .into_iter()
            .filter_map(|(name, size)| Some(Part::new(name, size?, whole)))
            .collect(),
    })
}

fn rows(tasks: &[Task], victim: Option<Tgid>) -> Vec<Row> {
    let resident = |task: &Task| {
        task.rss.or_else(|| {
            let parts = [task.anon, task.file, task.shmem];
            let known = parts.iter().flatten();
            known.map(|size| size.0).reduce(u64::saturating_add).map(Bytes)
        })
    };
    let largest = tasks.iter().filter_map(resident).max().unwrap_or_default();
    tasks
        .iter()
        .map(|task| Row {
            pid: task.pid,
            comm: shown(&task.comm).into_owned(),
            is_victim: victim == Some(task.pid),
            rss: resident(task).map(bytes),
            swap: task.swap.map(bytes),
            oom_score_adj: task.oom_score_adj,
            share: resident(task).map_or(0.0, |size| share(size, largest)),
        })
        .collect()
}
