//! Looks at the processes of units that near a limit, are under pressure or are watched by name, in small steps.
//!
//! In: which unit is to be looked at. Out: [`Processes`]. All are glanced at; those that are largest or moved most, with their
//! ancestors, are read and told by themselves, the others by parent. Bounded in units, in processes of each, and in time: who
//! took long to be looked at is looked at less often.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::clock::Clock;
use crate::cgroup::{Birth, Glance, Hierarchy, Whole, birth, cmdline, environment, glance, pids, whole};
use crate::engine::ceiling;
use crate::event::{Process, Processes, Siblings, TaskSize, sum};
use crate::measure::{Bytes, CgroupId, Tgid};

/// Units whose processes are remembered from look to look, at most.
const MAX_UNITS: usize = 64;

/// Processes of a unit that are glanced at.
const MAX_PROCESSES: usize = 512;

/// Processes that are glanced at, and read, in a step: a fraction of a millisecond.
const GLANCES: usize = 32;
const READS: usize = 4;

/// Those that are told by themselves: the largest, those that moved most, and with the ancestors of these no more than so many.
const LARGEST: usize = 12;
const MOVED: usize = 8;
const TOLD: usize = 40;

/// What is or moved by less than this part of the largest is told with its siblings.
const LITTLE: u64 = 32;

/// Parents whose other children are told of together, and how many of these at least for the parent to be told by itself.
const PARENTS: usize = 16;
const MANY: u64 = 4;

/// Programs that began in a unit between two looks and are remembered, at most.
const BEGUN: usize = 1_024;

/// So many looks in a row are made closely: pressure may stay for days, and who grows is known by then.
const CLOSELY: u32 = 120;

/// Looks take no more than this part of the time, but are never so far apart for it that growth would go unseen.
const SHARE: u32 = 100;
const APART: Duration = Duration::from_secs(5);

/// The second look at a unit comes so soon after the first, the third after twice that.
const FIRST_AGAIN: Duration = Duration::from_millis(500);

/// What a glance told last.
#[derive(Debug, Clone, Copy)]
struct Known {
    seen: Glance,
    ppid: Option<Tgid>,
}

/// What is remembered of a unit.
#[derive(Debug, Default)]
struct Looked {
    /// When it was looked at last, in time since boot, and how long that took.
    at: Duration,
    took: Duration,
    known: HashMap<Tgid, Known>,
    /// Processes that began a program since, and their parents: many end before the next look.
    begun: Vec<(Tgid, Tgid)>,
    largest: Vec<TaskSize>,
    /// Whether it is looked at closely, and how often it was without a pause.
    is_close: bool,
    closely: u32,
    /// How often it was looked at.
    looks: u32,
}

/// The look that is worked on.
#[derive(Debug)]
struct Look {
    id: CgroupId,
    took: Duration,
    count: u64,
    /// To be glanced at.
    pids: Vec<Tgid>,
    seen: HashMap<Tgid, Known>,
    /// To be read, once all were glanced at.
    chosen: Option<Vec<Tgid>>,
    read: Vec<(Tgid, Whole)>,
}

/// All looks.
#[derive(Debug, Default)]
pub(super) struct Looks {
    of: HashMap<CgroupId, Looked>,
    queue: VecDeque<CgroupId>,
    look: Option<Look>,
}

impl Looks {
    /// A unit is to be looked at, at most so often; and closely, which is each time, as long as that is new.
    pub(super) fn want(&mut self, id: CgroupId, every: Duration, closely: Option<Duration>) {
        let now = Clock::boot();
        // The first looks follow on each other, for what was seen once has no growth.
        let looks = self.of.get(&id).map_or(0, |looked| looked.looks);
        let mut every = every.min(FIRST_AGAIN * 2_u32.saturating_pow(looks));
        if let Some(looked) = self.of.get_mut(&id) {
            looked.closely = closely.map_or(0, |_| looked.closely);
            every = closely.filter(|_| looked.closely < CLOSELY).unwrap_or(every);
            looked.is_close = closely.is_some();
        }
        let is_due = self
            .of
            .get(&id)
            .is_none_or(|looked| now.saturating_sub(looked.at) >= every.max((looked.took * SHARE).min(APART)));
        if is_due && self.queue.len() < MAX_UNITS && !self.is_waiting(id) {
            self.queue.push_back(id);
        }
    }

    /// A unit is to be looked at now, from the beginning and before all others that wait.
    pub(super) fn want_first(&mut self, id: CgroupId) {
        self.look.take_if(|look| look.id == id);
        self.queue.retain(|waiting| *waiting != id);
        self.queue.push_front(id);
    }

    /// Whether a look at a unit is still to be made, or not at its end.
    pub(super) fn is_waiting(&self, id: CgroupId) -> bool {
        self.queue.contains(&id) || self.look.as_ref().is_some_and(|look| look.id == id)
    }

    /// A unit is not to be looked at any more.
    pub(super) fn forget(&mut self, id: CgroupId) {
        if self.of.is_empty() && self.queue.is_empty() {
            return;
        }
        self.of.remove(&id);
        self.queue.retain(|waiting| *waiting != id);
        self.look.take_if(|look| look.id == id);
    }

    /// Whether something is left to be done.
    pub(super) fn is_due(&self) -> bool {
        self.look.is_some() || !self.queue.is_empty()
    }

    /// Whether any unit is looked at.
    pub(super) fn is_idle(&self) -> bool {
        self.of.is_empty()
    }

    /// A process of a unit runs another program.
    pub(super) fn begun(&mut self, id: CgroupId, pid: Tgid, parent: Tgid) {
        if let Some(looked) = self.of.get_mut(&id).filter(|looked| looked.begun.len() < BEGUN) {
            looked.begun.push((pid, parent));
        }
    }

    /// The largest processes of a unit at the last look.
    pub(super) fn largest(&self, id: CgroupId) -> &[TaskSize] {
        self.of.get(&id).map_or(&[], |looked| &looked.largest)
    }

    /// The next small step: a list, some glances, or some processes read. Gives what a look has told at its end, without its
    /// subject; `path` says where a cgroup is.
    pub(super) fn step<'a>(
        &mut self,
        hierarchy: &Hierarchy,
        clock: &Clock,
        path: impl FnOnce(CgroupId) -> Option<&'a str>,
    ) -> Option<(CgroupId, Processes)> {
        let begun = Instant::now();
        let Some(look) = &mut self.look else {
            let id = self.queue.pop_front()?;
            let (pids, count) = pids(hierarchy, path(id)?, MAX_PROCESSES);
            self.look = Some(Look {
                id,
                took: begun.elapsed(),
                count,
                seen: HashMap::with_capacity(pids.len()),
                pids,
                chosen: None,
                read: Vec::new(),
            });
            return None;
        };
        let before = self.of.get(&look.id).map(|looked| &looked.known);
        look.go_on(before);
        look.took += begun.elapsed();
        let is_over = look.chosen.as_ref().is_some_and(Vec::is_empty);
        let look = self.look.take_if(|_| is_over)?;
        Some((look.id, self.end(look, clock)))
    }

    /// All was read.
    fn end(&mut self, look: Look, clock: &Clock) -> Processes {
        if self.of.len() >= MAX_UNITS && !self.of.contains_key(&look.id) {
            let oldest = self.of.iter().min_by_key(|(_, looked)| looked.at).map(|(id, _)| *id);
            oldest.and_then(|oldest| self.of.remove(&oldest));
        }
        let looked = self.of.entry(look.id).or_default();
        let told = look.tell(looked, clock);
        looked.largest = largest(&told.tasks);
        looked.begun.clear();
        looked.looks = looked.looks.saturating_add(1);
        looked.closely = looked.closely.saturating_add(u32::from(looked.is_close));
        (looked.at, looked.took) = (Clock::boot(), look.took);
        looked.known = look.seen;
        told
    }
}

impl Look {
    fn go_on(&mut self, before: Option<&HashMap<Tgid, Known>>) {
        if let Some(chosen) = &mut self.chosen {
            let now = chosen.split_off(chosen.len().saturating_sub(READS));
            self.read
                .extend(now.into_iter().filter_map(|pid| Some((pid, whole(pid)?))));
            return;
        }
        let now = self.pids.split_off(self.pids.len().saturating_sub(GLANCES));
        for pid in now {
            let Some(seen) = glance(pid) else { continue };
            let known = before.and_then(|before| before.get(&pid));
            let ppid = match known {
                Some(known) => known.ppid,
                None => birth(pid).and_then(|birth| birth.ppid),
            };
            self.seen.insert(pid, Known { seen, ppid });
        }
        if self.pids.is_empty() {
            self.chosen = Some(choose(&self.seen, before));
        }
    }

    /// Those that are told by themselves, and of the largest what it was told to take at most.
    fn told(&self, clock: &Clock) -> Vec<Process> {
        let told = self.read.iter().map(|(pid, whole)| process(*pid, whole, clock));
        let mut told: Vec<Process> = told.collect();
        if let Some(largest) = told.iter_mut().max_by_key(|task| task.held()) {
            let line = cmdline(largest.pid);
            largest.ceiling =
                ceiling::of_process(line.as_deref(), &environment(largest.pid)).and_then(|most| most.bytes);
        }
        told
    }

    /// What is told, of what was known at the look before.
    fn tell(&self, looked: &Looked, clock: &Clock) -> Processes {
        let told: HashSet<Tgid> = self.read.iter().map(|(pid, _)| *pid).collect();
        let others = self.seen.iter().filter(|(pid, _)| !told.contains(pid));
        let others = others.map(|(_, known)| (known.ppid, known.seen.anon));
        let unseen = self
            .count
            .saturating_sub(u64::try_from(self.seen.len()).unwrap_or(u64::MAX));
        // Where not all were listed, one that is missing may be there.
        let is_listed = usize::try_from(self.count).is_ok_and(|count| count <= MAX_PROCESSES);
        let gone = looked.known.iter().filter(|(pid, _)| !self.seen.contains_key(pid));
        let gone = gone.map(|(_, known)| (known.ppid, known.seen.anon));
        let is_unknown = |pid: &Tgid| !self.seen.contains_key(pid) && !looked.known.contains_key(pid);
        let never_seen: HashMap<Tgid, Tgid> = looked
            .begun
            .iter()
            .copied()
            .filter(|(pid, _)| is_unknown(pid))
            .collect();
        let never_seen = never_seen.into_values().map(|parent| (Some(parent), Bytes(0)));
        Processes {
            count: self.count,
            unseen,
            tasks: self.told(clock),
            others: by_parent(others),
            ended: if is_listed {
                by_parent(gone.chain(never_seen))
            } else {
                Vec::new()
            },
            ..Processes::default()
        }
    }
}

fn process(pid: Tgid, whole: &Whole, clock: &Clock) -> Process {
    let Whole {
        comm,
        birth,
        anon,
        shmem,
        swap,
        pgtables,
    } = whole.clone();
    Process {
        pid,
        ppid: birth.and_then(|birth: Birth| birth.ppid),
        comm,
        started: birth.map(|birth| clock.at(birth.started)),
        anon,
        shmem,
        swap,
        pgtables,
        ceiling: None,
    }
}

fn largest(tasks: &[Process]) -> Vec<TaskSize> {
    let size = |task: &Process| TaskSize {
        pid: task.pid,
        comm: task.comm.clone(),
        held: sum([task.anon, task.shmem, task.swap]),
    };
    let mut sizes: Vec<TaskSize> = tasks.iter().map(size).collect();
    sizes.sort_by_key(|task| std::cmp::Reverse(task.held));
    sizes.truncate(TaskSize::TOLD);
    sizes
}

/// Who is to be read: taken from the end.
fn choose(seen: &HashMap<Tgid, Known>, before: Option<&HashMap<Tgid, Known>>) -> Vec<Tgid> {
    let size = |known: &Known| known.seen.resident;
    let moved = |(pid, known): &(&Tgid, &Known)| {
        let last = before.and_then(|before| before.get(pid)).map_or(Bytes(0), size);
        size(known).0.abs_diff(last.0)
    };
    let mut order: Vec<(&Tgid, &Known)> = seen.iter().collect();
    order.sort_by_key(|(pid, known)| (std::cmp::Reverse(size(known)), **pid));
    // Of a hundred that are alike none is worth a line.
    let least = order.first().map_or(0, |(_, known)| size(known).0 / LITTLE);
    let is_large = |known: &Known| known.seen.anon.0 >= least || size(known).0 / 4 >= least;
    let largest = order.iter().take(LARGEST).filter(|(_, known)| is_large(known));
    let mut chosen: Vec<Tgid> = largest.map(|(pid, _)| **pid).collect();
    order.sort_by_key(|entry| (std::cmp::Reverse(moved(entry)), *entry.0));
    // At the first look all have moved alike.
    let most = order
        .iter()
        .filter(|entry| before.is_some() && moved(entry) > least)
        .take(MOVED);
    chosen.extend(most.map(|(pid, _)| **pid));
    // Whose children are many and small.
    let mut children: HashMap<Tgid, (u64, u64)> = HashMap::new();
    for (ppid, known) in order.iter().filter_map(|(_, known)| Some((known.ppid?, known))) {
        let (count, held) = children.entry(ppid).or_default();
        (*count, *held) = (*count + 1, *held + known.seen.anon.0);
    }
    let mut parents: Vec<_> = children.into_iter().filter(|(_, (count, _))| *count >= MANY).collect();
    parents.sort_by_key(|(pid, (_, held))| (std::cmp::Reverse(*held), *pid));
    chosen.extend(
        parents
            .into_iter()
            .take(2)
            .map(|(pid, _)| pid)
            .filter(|pid| seen.contains_key(pid)),
    );
    let mut told: HashSet<Tgid> = HashSet::new();
    chosen.retain(|pid| told.insert(*pid));
    let mut place = 0;
    while let Some(pid) = chosen.get(place).copied().filter(|_| chosen.len() < TOLD) {
        place += 1;
        let parent = seen.get(&pid).and_then(|known| known.ppid);
        if let Some(parent) = parent.filter(|parent| seen.contains_key(parent) && told.insert(*parent)) {
            chosen.push(parent);
        }
    }
    chosen
}

/// Processes by parent, most memory first.
fn by_parent(processes: impl Iterator<Item = (Option<Tgid>, Bytes)>) -> Vec<Siblings> {
    let mut parents: HashMap<Option<Tgid>, Siblings> = HashMap::new();
    for (ppid, held) in processes {
        let siblings = parents.entry(ppid).or_insert(Siblings {
            ppid,
            count: 0,
            held: Bytes(0),
        });
        siblings.count += 1;
        siblings.held = Bytes(siblings.held.0.saturating_add(held.0));
    }
    let mut parents: Vec<Siblings> = parents.into_values().collect();
    parents.sort_by_key(|siblings| std::cmp::Reverse((siblings.held, siblings.count, siblings.ppid)));
    parents.truncate(PARENTS);
    parents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(sizes: &[(u32, u32, u64)]) -> HashMap<Tgid, Known> {
        let known = |(pid, ppid, size): &(u32, u32, u64)| {
            let seen = Glance {
                resident: Bytes(*size),
                anon: Bytes(*size),
            };
            let ppid = (*ppid != 0).then_some(Tgid(*ppid));
            (Tgid(*pid), Known { seen, ppid })
        };
        sizes.iter().map(known).collect()
    }

    #[test]
    fn the_largest_those_that_moved_and_their_ancestors_are_chosen_of_hundreds() {
        // A chain of three, three hundred sleepers below its end, and one of these that grows.
        let mut sizes = vec![(1, 0, 5), (2, 1, 5), (3, 2, 5)];
        sizes.extend((10..310).map(|pid| (pid, 3, 100)));
        let before = known(&sizes);
        sizes.push((400, 200, 99));
        let mut now = known(&sizes);
        now.insert(Tgid(250), *known(&[(250, 3, 140)]).get(&Tgid(250)).unwrap());
        let chosen = choose(&now, Some(&before));
        for pid in [250, 400, 200, 3, 2, 1] {
            assert!(chosen.contains(&Tgid(pid)), "{pid} of {chosen:?}");
        }
        assert!(chosen.len() <= TOLD, "{}", chosen.len());
        let mut once = chosen.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), chosen.len());
    }

    #[test]
    fn who_ended_is_in_its_parents_sum_whether_it_was_seen_or_only_began() {
        let look = |sizes: &[(u32, u32, u64)]| Look {
            id: CgroupId(1),
            took: Duration::ZERO,
            count: sizes.len() as u64,
            pids: Vec::new(),
            seen: known(sizes),
            chosen: Some(Vec::new()),
            read: Vec::new(),
        };
        let mut looks = Looks::default();
        let clock = Clock::new();
        looks.end(look(&[(1, 0, 10), (7, 1, 100), (8, 1, 50)]), &clock);
        // One that is still there, one that was there, two that came and went.
        for pid in [8, 7, 20, 21, 21] {
            looks.begun(CgroupId(1), Tgid(pid), Tgid(1));
        }
        let told = looks.end(look(&[(1, 0, 10), (8, 1, 60)]), &clock);
        let ended = Siblings {
            ppid: Some(Tgid(1)),
            count: 3,
            held: Bytes(100),
        };
        assert_eq!(told.ended, [ended]);
        let others: Vec<_> = told
            .others
            .iter()
            .map(|others| (others.ppid, others.count, others.held.0))
            .collect();
        assert_eq!(others, [(Some(Tgid(1)), 1, 60), (None, 1, 10)]);
        let told = looks.end(look(&[(1, 0, 10), (8, 1, 60)]), &clock);
        assert!(told.ended.is_empty(), "told once");
    }

    #[test]
    fn a_close_look_does_not_go_on_for_days() {
        let id = CgroupId(1);
        let mut looks = Looks::default();
        let (seldom, closely) = (Duration::from_secs(3600), Some(Duration::ZERO));
        let mut looked = 0;
        let look = |looks: &mut Looks, closely| {
            looks.want(id, seldom, closely);
            let is_due = looks.queue.pop_front().is_some();
            if is_due {
                let none = Look {
                    id,
                    took: Duration::ZERO,
                    count: 0,
                    pids: Vec::new(),
                    seen: HashMap::new(),
                    chosen: Some(Vec::new()),
                    read: Vec::new(),
                };
                looks.end(none, &Clock::new());
            }
            is_due
        };
        while look(&mut looks, closely) && looked < 1_000 {
            looked += 1;
        }
        assert!((100..200).contains(&looked), "{looked}");
        assert!(!look(&mut looks, None), "it was looked at just now");
        assert!(look(&mut looks, closely), "after a pause it is new");
    }

    #[test]
    fn units_that_are_remembered_are_bounded() {
        let mut looks = Looks::default();
        for id in 0..1000 {
            looks.want(CgroupId(id), Duration::ZERO, None);
        }
        assert!(looks.queue.len() <= MAX_UNITS);
        for id in 0..1000 {
            let look = Look {
                id: CgroupId(id),
                took: Duration::ZERO,
                count: 0,
                pids: Vec::new(),
                seen: HashMap::new(),
                chosen: Some(Vec::new()),
                read: Vec::new(),
            };
            looks.end(look, &Clock::new());
        }
        assert!(looks.of.len() <= MAX_UNITS);
    }

    #[test]
    fn this_process_is_told_by_a_look_at_its_cgroup() {
        use crate::cgroup::cgroup_of;

        let Ok(hierarchy) = Hierarchy::detect() else { return };
        let me = Tgid(std::process::id());
        let Some(path) = cgroup_of(&hierarchy, me) else { return };
        let mut looks = Looks::default();
        looks.want(CgroupId(1), Duration::ZERO, None);
        let (clock, mut told) = (Clock::new(), None);
        while looks.is_due() {
            told = looks.step(&hierarchy, &clock, |_| Some(path.as_str())).or(told);
        }
        let (_, told) = told.unwrap();
        let others: u64 = told.others.iter().map(|others| others.count).sum();
        assert!(
            told.count >= 1 && told.tasks.len() as u64 + others + told.unseen >= 1,
            "{told:?}"
        );
        assert!(told.tasks.iter().all(|task| task.started.is_some()), "{told:?}");
    }
}
