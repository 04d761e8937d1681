//! What holds the shared and the kernel's memory of units that near a limit: looked at by a thread beside the watch, told with a kill.
//!
//! In: which unit, and its memory. Out: [`Object`]s with their growth. A process with a hundred thousand descriptors or mappings takes its
//! time, and its lock may be held by one that waits for memory: a kill waits for neither. Only where shared or kernel memory is a
//! part worth explaining is anything read, and the thread begins with the first such unit.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;

use super::clock::Clock;
use super::collector::Collector;
use crate::cgroup::{Buffer, Cache, Hierarchy, MemoryFiles, Seen, Wanted, Which, namespaces, objects, pids, slab};
use crate::engine::{Attention, KillFacts, holds};
use crate::event::{Limit, Memory, Object, ObjectKind, Relation};
use crate::measure::{Bytes, CgroupId};
use crate::unit::is_same_unit;

/// Units that are remembered.
const MAX_UNITS: usize = 64;

/// Processes of a unit that are looked at.
const MAX_PROCESSES: usize = 512;

/// A look ends after so long with what it has.
const AT_MOST: Duration = Duration::from_millis(500);

/// The second look at a unit comes so soon after the first, the third after twice that.
const FIRST_AGAIN: Duration = Duration::from_millis(500);
const FIRST: u32 = 4;

/// A unit that uses this part of a limit is looked at though no trend leads there: dentries count as memory that can be had back.
const FULL: f64 = 0.5;

/// Shared or kernel memory is worth explaining from this part of all on, and from so many bytes.
const PART: u64 = 16;
const LEAST: u64 = 1 << 20;

/// Caches of the kernel's that are remembered: the largest.
const CACHES: usize = 64;

/// A cache that grew by less than this part of what the unit's slab did is not told, and no more of them than so many.
const CACHE_PART: i64 = 8;
const CACHES_TOLD: usize = 3;

/// Objects of an earlier look that are kept where a later one ends early.
const MOST: usize = 64;

/// Objects that are told with a kill, of each: shared memory, the kernel's.
const TOLD: usize = 4;

/// How often a unit is looked at: so far apart, and for no more than a part of the time, but for that no further apart than so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    every: Duration,
    share: u32,
    most: Duration,
}

/// Where a limit is close or memory short, where a limit is in sight, and where much of one is used, which may be so for days.
const CLOSELY: Pace = pace(2, 50, 25);
const SELDOM: Pace = pace(10, 50, 25);
const RARELY: Pace = pace(10, 1_000, 60);

const fn pace(every: u64, share: u32, most: u64) -> Pace {
    Pace {
        every: Duration::from_secs(every),
        share,
        most: Duration::from_secs(most),
    }
}

/// A question to the thread.
struct Ask {
    id: CgroupId,
    path: String,
    /// Whether shared memory and the kernel's are to be explained, and of that slab.
    shared: bool,
    kernel: bool,
    caches: bool,
    memory: Memory,
}

/// What it found.
struct Found {
    ask: Ask,
    at: Duration,
    took: Duration,
    seen: Seen,
    caches: Option<HashMap<String, Cache>>,
}

/// What an object or a cache held when it was seen first.
#[derive(Debug, Clone, Copy)]
struct First {
    bytes: Bytes,
    at: Duration,
}

/// Tells objects apart.
type Key = (ObjectKind, Option<String>, Option<u32>);

/// The largest caches, as slab was looked at first.
#[derive(Debug)]
struct Caches {
    at: Duration,
    slab: Bytes,
    sizes: HashMap<String, Bytes>,
    /// No other was larger.
    floor: Bytes,
}

/// What is known of a unit.
#[derive(Debug, Default)]
struct Known {
    path: String,
    at: Duration,
    took: Duration,
    looks: u32,
    current: Bytes,
    first: HashMap<Key, First>,
    caches: Option<Caches>,
    last: Vec<Object>,
}

/// All units, and the thread.
#[derive(Debug, Default)]
pub(super) struct Objects {
    of: HashMap<CgroupId, Known>,
    asking: HashSet<CgroupId>,
    thread: Option<(SyncSender<Ask>, Receiver<Found>)>,
    is_broken: bool,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)
    }
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.ask.fmt(f)
    }
}

impl Objects {
    /// A unit is not of interest any more.
    pub(super) fn forget(&mut self, id: CgroupId) {
        self.of.remove(&id);
        self.asking.remove(&id);
    }

    /// Asks, where it is time to.
    fn want(&mut self, hierarchy: &Hierarchy, id: CgroupId, path: &str, memory: &Memory, pace: Pace) {
        let (shared, kernel) = worth(memory);
        if self.is_broken || !shared && !kernel {
            return;
        }
        self.hear();
        let is_due = self.of.get(&id).is_none_or(|known| {
            let every = match known.looks {
                looks @ ..FIRST => FIRST_AGAIN * 2_u32.saturating_pow(looks),
                _ => pace.every.max((known.took * pace.share).min(pace.most)),
            };
            Clock::boot().saturating_sub(known.at) >= every
        });
        if !is_due || self.asking.len() >= MAX_UNITS || self.asking.contains(&id) {
            return;
        }
        let ask = Ask {
            id,
            path: path.to_owned(),
            shared,
            kernel,
            caches: kernel && memory.slab().0 >= LEAST,
            memory: *memory,
        };
        let thread = match &self.thread {
            Some(thread) => Some(thread),
            None => {
                self.thread = begin(hierarchy.clone());
                self.thread.as_ref()
            }
        };
        let is_asked = thread.is_some_and(|(asks, _)| asks.try_send(ask).is_ok());
        if is_asked {
            self.asking.insert(id);
        } else {
            self.is_broken = true;
        }
    }

    /// Takes what the thread has found by now.
    fn hear(&mut self) {
        while let Some((_, found)) = &self.thread {
            match found.try_recv() {
                Ok(found) => {
                    // One that was forgotten meanwhile is not of interest any more.
                    if self.asking.remove(&found.ask.id) {
                        self.learn(found);
                    }
                }
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.is_broken = true;
                    self.thread = None;
                }
            }
        }
    }

    fn learn(&mut self, found: Found) {
        let id = found.ask.id;
        if self.of.len() >= MAX_UNITS && !self.of.contains_key(&id) {
            let oldest = self.of.iter().min_by_key(|(_, known)| known.at).map(|(id, _)| *id);
            oldest.and_then(|oldest| self.of.remove(&oldest));
        }
        self.of.entry(id).or_default().learn(found);
    }

    /// What the units below a cgroup hold, most first, each with its unit's name; of a cgroup below a unit's own what the unit does.
    fn held(&mut self, scope: &str, name: impl Fn(&str) -> Option<String>) -> Vec<Object> {
        self.hear();
        let is_meant = |known: &&Known| holds(scope, &known.path) || is_same_unit(scope, &known.path);
        let mut units: Vec<&Known> = self.of.values().filter(is_meant).collect();
        // The innermost first, whose processes they are: a user's manager has those of all the user's units.
        units.sort_by(|one, other| (other.path.len(), &one.path).cmp(&(one.path.len(), &other.path)));
        let mut all: Vec<Object> = Vec::new();
        for known in units {
            let unit = name(&known.path);
            for object in known.last.iter().filter(|object| known.is_much(object)) {
                // A slab cache is the host's, and may have been looked at for several units.
                let is_slab = object.kind == ObjectKind::Slab;
                let is_same = |other: &Object| key(other) == key(object) && (is_slab || other.bytes == object.bytes);
                if !all.iter().any(is_same) {
                    all.push(Object {
                        unit: unit.clone().filter(|_| !is_slab),
                        ..object.clone()
                    });
                }
            }
        }
        all.sort_by_key(|object| std::cmp::Reverse(weight(object)));
        let (mut shared, mut kernel): (Vec<Object>, Vec<Object>) =
            all.into_iter().partition(|object| object.kind.is_shared());
        shared.truncate(TOLD);
        kernel.truncate(TOLD);
        let mut told = [shared, kernel].concat();
        told.sort_by_key(|object| std::cmp::Reverse(weight(object)));
        told
    }
}

impl Known {
    fn learn(&mut self, found: Found) {
        let Found {
            ask,
            at,
            took,
            seen,
            caches,
        } = found;
        let Seen { mut objects, is_whole } = seen;
        let before = (self.looks > 0).then_some(self.at);
        let mut first = HashMap::with_capacity(objects.len());
        for object in &mut objects {
            let Some(bytes) = object.bytes else { continue };
            // What was not there at the last look has grown by all that it holds.
            let new = before.map_or(First { bytes, at }, |before| First {
                bytes: Bytes(0),
                at: before,
            });
            let since = self.first.get(&key(object)).copied().unwrap_or(new);
            (object.grown, object.seconds) = grown(since, bytes, at);
            first.insert(key(object), since);
        }
        if !is_whole {
            // Of what it did not come to, the look before counts on.
            let is_seen = |old: &Object| objects.iter().any(|object| key(object) == key(old));
            let old: Vec<Object> = self.last.drain(..).filter(|old| !is_seen(old)).collect();
            let is_slab = |object: &Object| object.kind == ObjectKind::Slab && caches.is_some();
            objects.extend(old.into_iter().filter(|old| !is_slab(old)).take(MOST));
            first.extend(
                self.first
                    .drain()
                    .filter(|(key, _)| objects.iter().any(|object| self::key(object) == *key)),
            );
        }
        if let Some(caches) = caches {
            objects.extend(self.caches_grown(&caches, ask.memory.slab(), at));
        }
        *self = Self {
            path: ask.path,
            at,
            took,
            looks: self.looks.saturating_add(1),
            current: ask.memory.current.unwrap_or_default(),
            first,
            caches: self.caches.take(),
            last: objects,
        };
    }

    /// The caches that grew on the host while the unit's slab did, by as much as to matter.
    fn caches_grown(&mut self, caches: &HashMap<String, Cache>, slab: Bytes, at: Duration) -> Vec<Object> {
        let Some(first) = &self.caches else {
            self.caches = Some(Caches::new(caches, slab, at));
            return Vec::new();
        };
        let of_unit = difference(slab, first.slab);
        if of_unit < signed(Bytes(LEAST)) {
            return Vec::new();
        }
        let mut grew: Vec<Object> = caches
            .iter()
            .map(|(name, cache)| {
                let since = First {
                    bytes: first.sizes.get(name).copied().unwrap_or(first.floor),
                    at: first.at,
                };
                let (grown, seconds) = grown(since, cache.bytes, at);
                Object {
                    bytes: Some(cache.bytes),
                    count: Some(cache.objects),
                    grown,
                    seconds,
                    ..Object::new(ObjectKind::Slab, Some(name.clone()))
                }
            })
            .filter(|object| object.grown.is_some_and(|grown| grown >= of_unit / CACHE_PART))
            .collect();
        grew.sort_by(|one, other| (other.grown, &other.name).cmp(&(one.grown, &one.name)));
        grew.truncate(CACHES_TOLD);
        grew
    }

    /// Whether it explains a part of what the unit uses.
    fn is_much(&self, object: &Object) -> bool {
        // Caches were chosen by their growth.
        object.kind == ObjectKind::Slab || object.at_least().0 >= self.current.0 / PART
    }
}

impl Caches {
    fn new(caches: &HashMap<String, Cache>, slab: Bytes, at: Duration) -> Self {
        let mut largest: Vec<(&String, Bytes)> = caches.iter().map(|(name, cache)| (name, cache.bytes)).collect();
        largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let floor = largest.get(CACHES).map(|(_, bytes)| *bytes).unwrap_or_default();
        largest.truncate(CACHES);
        Self {
            at,
            slab,
            sizes: largest.into_iter().map(|(name, bytes)| (name.clone(), bytes)).collect(),
            floor,
        }
    }
}

/// A file is the same whoever is found to have it open; pipes are of a process.
fn key(object: &Object) -> Key {
    let pid = object.pid.filter(|_| !object.kind.is_shared()).map(|pid| pid.0);
    (object.kind, object.name.clone(), pid)
}

/// What decides the order: of a slab cache, which is the whole host's, its growth.
fn weight(object: &Object) -> u64 {
    match object.kind {
        ObjectKind::Slab => object
            .grown
            .and_then(|grown| u64::try_from(grown).ok())
            .unwrap_or_default(),
        _ => object.at_least().0,
    }
}

fn grown(first: First, now: Bytes, at: Duration) -> (Option<i64>, Option<f64>) {
    let seconds = at.saturating_sub(first.at).as_secs_f64();
    if seconds <= 0.0 {
        return (None, None);
    }
    // To a hundredth: no more is known.
    (
        Some(difference(now, first.bytes)),
        Some((seconds * 100.0).round() / 100.0),
    )
}

fn signed(bytes: Bytes) -> i64 {
    i64::try_from(bytes.0).unwrap_or(i64::MAX)
}

fn difference(now: Bytes, before: Bytes) -> i64 {
    signed(now) - signed(before)
}

/// Whether shared memory, and whether the kernel's, is worth explaining.
fn worth(memory: &Memory) -> (bool, bool) {
    let least = (memory.current.unwrap_or_default().0 / PART).max(LEAST);
    let is_worth = |part: Option<Bytes>| part.is_some_and(|part| part.0 >= least);
    (is_worth(memory.shmem), is_worth(memory.kernel))
}

/// Whether much of a limit is used, of which not the host's: that is as a rule.
pub(super) fn is_full(limits: &[Limit]) -> bool {
    let cgroups = limits.iter().filter(|limit| limit.relation != Relation::Host);
    let mut used = cgroups.filter_map(|limit| Some((limit.usage?, limit.bytes)));
    used.any(|(usage, bytes)| usage.as_f64() >= bytes.as_f64() * FULL)
}

/// The thread that looks; it ends with the watch. `None` where there can be none.
fn begin(hierarchy: Hierarchy) -> Option<(SyncSender<Ask>, Receiver<Found>)> {
    let (asks, asked) = sync_channel::<Ask>(MAX_UNITS);
    let (finds, found) = sync_channel(MAX_UNITS);
    let work = move || {
        // It is not what the watch's haste is for.
        let _ = setpriority_process(None, 0);
        while let Ok(ask) = asked.recv() {
            if finds.send(look(&hierarchy, ask)).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("objects".to_owned()).spawn(work);
    thread.ok().map(|_| (asks, found))
}

fn look(hierarchy: &Hierarchy, mut ask: Ask) -> Found {
    let begun = Instant::now();
    // It may have waited for others; what is found is compared with this.
    let read = MemoryFiles::open(hierarchy, &ask.path, Which::All)
        .and_then(|files| files.read(Which::All, &mut Buffer::default()));
    if let Ok(reading) = read {
        ask.memory = reading.memory;
    }
    let all = Wanted::all(&ask.memory);
    let wanted = Wanted {
        shared: if ask.shared { all.shared } else { Bytes(0) },
        kernel: ask.kernel,
        ..all
    };
    let (pids, _) = pids(hierarchy, &ask.path, MAX_PROCESSES);
    let seen = objects(&pids, wanted, begun + AT_MOST);
    Found {
        caches: ask.caches.then(slab).flatten(),
        at: Clock::boot(),
        took: begun.elapsed(),
        seen,
        ask,
    }
}

impl Collector {
    /// What fills a limit that no process does is looked for where one nears, where memory is short, and where somebody
    /// asked for the unit.
    pub(super) fn want_objects(&mut self, id: CgroupId, path: &str, memory: &Memory, is_full: bool) {
        let pace = match self.engine.attention(path) {
            Some(Attention::Close) => CLOSELY,
            Some(Attention::Seldom) => SELDOM,
            None if !self.is_whole_host() => SELDOM,
            None if is_full => RARELY,
            None => return self.objects.forget(id),
        };
        if !path.ends_with(".slice") && namespaces::pids_are_the_hosts() {
            self.objects.want(&self.hierarchy, id, path, memory, pace);
        }
    }

    /// What held the shared and the kernel's memory of the limit that was reached; of a kill by user space, of the victim's unit.
    pub(super) fn held_objects(&mut self, facts: &KillFacts) -> Vec<Object> {
        let owner = match (&facts.user, &facts.oom) {
            (Some(_), _) => None,
            (None, Some(oom)) => oom.owner.as_ref().map_or(Some("/"), |owner| owner.path.as_deref()),
            (None, None) => facts.concluded_limit.as_ref().and_then(|limit| limit.cgroup.as_deref()),
        };
        let Some(scope) = owner.or(facts.subject.cgroup.path.as_deref()) else {
            return Vec::new();
        };
        let cgroups = &self.cgroups;
        self.objects
            .held(scope, |path| cgroups.unit(path).name().map(str::to_owned))
    }
}

#[cfg(test)]
mod tests;
