//! Which processes grow, in the units whose processes are told of.
//!
//! In: [`Processes`], as a stream has them. Out: [`Grower`]s at a time. A process is its pid and its start; one that ended is
//! kept, since a kill is often told after it. A parent whose young children grow together grows as one: a build, a fork bomb.

use smallvec::SmallVec;

use crate::event::{Ancestor, Children, Grower, GrowingTask, Process, Processes, Siblings, Task, TaskSize, sum};
use crate::measure::{Bytes, Tgid, Timestamp, significant};

/// What lies further back is no guide, in seconds.
const WINDOW: f64 = 600.0;
/// Points of a history: the older, the sparser.
const POINTS: usize = 8;
/// Processes that are followed of a unit, at most; those not told of for longest go first.
const KEPT: usize = 48;
/// Parents whose other children are followed, at most.
const PARENTS: usize = 16;
/// Ancestors that are named.
const ANCESTORS: usize = 8;
/// Growers that are named.
const NAMED: usize = 3;
/// What grew by less than this share of what grew most is left out.
const LITTLE: f64 = 0.1;
/// And what grew by less than so many bytes.
const NOISE: f64 = 65_536.0;
/// A unit that grew by so many bytes of which no process has the most grew by something else.
const OTHER: f64 = 1_048_576.0;
/// For how long a process must have been followed to be told with a warning, in seconds.
const FOLLOWED: f64 = 5.0;
/// What takes this share of a unit's growth is what grows.
const MOST: f64 = 0.5;
/// So many young children or more may grow as one,
const MANY: u64 = 4;
/// where they grew so many times what the fastest of them did.
const TOGETHER: f64 = 2.0;
/// What started so many seconds before the first look has grown since its start.
const JUST_BEFORE: f64 = 60.0;
/// Starts are told to a hundredth of a second, and move with the wall clock, in seconds.
const SAME_START: f64 = 2.0;
/// Characters of a name at most: `TASK_COMM_LEN`, each byte one.
const NAME: usize = 16;
/// How long what was told before a kill stays true, in seconds.
const FRESH: f64 = 60.0;

/// How much was held when.
#[derive(Debug, Clone, Default)]
struct Points(SmallVec<[(Timestamp, u64); POINTS]>);

/// How a history went.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Growth {
    held: u64,
    grown: f64,
    at_trough: f64,
    seconds: f64,
}

impl Growth {
    /// What decides who grew most: a peak of what comes and goes counts half.
    fn score(&self) -> f64 {
        f64::midpoint(self.grown, self.at_trough)
    }

    /// Of several, as of one.
    fn with(self, other: Self) -> Self {
        Self {
            held: self.held.saturating_add(other.held),
            grown: self.grown + other.grown,
            at_trough: self.at_trough + other.at_trough,
            seconds: self.seconds.max(other.seconds),
        }
    }
}

fn least(points: &[(Timestamp, u64)]) -> f64 {
    Bytes(points.iter().map(|(_, held)| *held).min().unwrap_or(0)).as_f64()
}

impl Points {
    fn push(&mut self, ts: Timestamp, held: u64) {
        if self.0.last().is_some_and(|(last, _)| *last >= ts) {
            return;
        }
        let is_old = |at: &Timestamp| ts.seconds_since(*at) > WINDOW;
        while self.0.first().is_some_and(|(at, _)| is_old(at)) {
            self.0.remove(0);
        }
        if self.0.len() >= POINTS {
            let mut place = 0;
            self.0.retain(|_| {
                place += 1;
                place % 2 == 1
            });
        }
        self.0.push((ts, held));
    }

    /// When it begins.
    fn begun(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// What was gained from a moment to the last look until another. Histories are thinned each in its own way: between two points of
    /// one it is taken to have gone straight.
    fn gained(&self, from: Timestamp, until: Timestamp) -> Option<f64> {
        let told = self.0.iter().take_while(|(at, _)| *at <= until).count();
        let points = self.0.get(..told)?;
        let (_, held) = points.last().filter(|(last, _)| *last > from)?;
        let later = points.iter().position(|(at, _)| *at >= from)?;
        let (after, above) = points.get(later)?;
        let begin = if *after == from {
            Bytes(*above).as_f64()
        } else {
            let (before, below) = points.get(later.checked_sub(1)?)?;
            let part = from.seconds_since(*before) / after.seconds_since(*before);
            let (below, above) = (Bytes(*below).as_f64(), Bytes(*above).as_f64());
            below + part * (above - below)
        };
        Some(Bytes(*held).as_f64() - begin)
    }

    fn growth(&self, until: Timestamp) -> Option<Growth> {
        let told = self.0.iter().take_while(|(at, _)| *at <= until).count();
        let points = self.0.get(..told)?;
        let ((begun, first), (at, last)) = (points.first()?, points.last()?);
        let (early, late) = points.split_at_checked(told.div_ceil(2))?;
        let late = if late.is_empty() { points } else { late };
        Some(Growth {
            held: *last,
            grown: Bytes(*last).as_f64() - Bytes(*first).as_f64(),
            at_trough: least(late) - least(early),
            seconds: at.seconds_since(*begun),
        })
    }
}

/// Which part of a unit's growth it was: what it grew by and the unit did not was taken from others.
fn share(grown: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| significant((grown / whole).clamp(0.0, 1.0)))
}

/// A process that was told of.
#[derive(Debug, Clone)]
struct Seen {
    pid: Tgid,
    started: Option<Timestamp>,
    ppid: Option<Tgid>,
    comm: String,
    points: Points,
    /// Whether it started after the first look, or shortly before.
    is_young: bool,
    /// Whether it is known to have ended.
    is_gone: bool,
}

/// No longer than any that the kernel gives, whoever wrote the stream.
fn name(comm: &str) -> &str {
    let end = comm.char_indices().nth(NAME).map_or(comm.len(), |(end, _)| end);
    comm.get(..end).unwrap_or(comm)
}

impl Seen {
    fn is(&self, task: &Process) -> bool {
        let same = |one: Timestamp, other| one.seconds_since(other).abs() < SAME_START;
        let started = self.started.zip(task.started);
        self.pid == task.pid && started.is_none_or(|(one, other)| same(one, other))
    }
}

/// The children of a parent that were told of together.
#[derive(Debug, Clone)]
struct Others {
    ppid: Tgid,
    held: Points,
    running: u64,
    ended: u64,
    ended_held: u64,
}

/// From the first look to where much was given back at once.
#[derive(Debug, Clone)]
struct Life {
    since: Timestamp,
    at: Timestamp,
    /// What the unit held.
    whole: Points,
    seen: Vec<Seen>,
    others: Vec<Others>,
    /// What a process held at most that was there and not told of by itself.
    untold: u64,
}

/// The processes of a unit over the last minutes.
#[derive(Debug, Default)]
pub(super) struct Followed {
    unit: Option<String>,
    life: Option<Life>,
    /// The one before: kills of many are told one after the other, with looks in between.
    before: Option<Life>,
    /// Whether looks are told as such; in a stream that has none, samples name the largest processes.
    has_looks: bool,
    /// Where the unit's growth would end, in bytes, were it to end where its largest process was told to, and when that was seen.
    ends: Option<(Timestamp, f64)>,
}

impl Followed {
    /// Takes what was seen, of a unit that held so much then, in bytes.
    pub(super) fn look(&mut self, ts: Timestamp, held: Option<f64>, told: &Processes) {
        let subject = &told.subject;
        self.unit = subject.name().map(str::to_owned);
        self.has_looks = true;
        self.ends = held.and_then(|held| Some((ts, held + to_ceiling(held, told)?)));
        self.take(ts, held, told);
    }

    /// Where growth would end, were it to end where the process that has most of it was told to; `None` where none was.
    pub(super) fn ends(&self, ts: Timestamp) -> Option<f64> {
        self.ends
            .filter(|(at, _)| ts.seconds_since(*at) <= FRESH)
            .map(|(_, ends)| ends)
    }

    /// Takes the largest processes of a sample, where the stream has no looks.
    pub(super) fn sample(&mut self, ts: Timestamp, held: f64, tasks: &[TaskSize]) {
        if self.has_looks || tasks.is_empty() {
            return;
        }
        let process = |task: &TaskSize| Process {
            pid: task.pid,
            ppid: None,
            comm: task.comm.clone(),
            started: None,
            anon: Some(task.held),
            shmem: None,
            swap: None,
            pgtables: None,
            ceiling: None,
        };
        let told = Processes {
            unseen: u64::from(tasks.len() >= TaskSize::TOLD),
            tasks: tasks.iter().map(process).collect(),
            ..Processes::default()
        };
        self.take(ts, Some(held), &told);
    }

    fn take(&mut self, ts: Timestamp, held: Option<f64>, told: &Processes) {
        match &mut self.life {
            Some(life) => life.look(ts, held, told),
            life => *life = Some(Life::new(ts, held, told)),
        }
    }

    /// Much was given back at once: what stays begins anew.
    pub(super) fn freed(&mut self) {
        let Some(life) = self.life.take() else { return };
        // What is hardly begun is what others leave behind while they are killed one after the other.
        let is_rest = |before: &Life| {
            life.at.seconds_since(life.since) < FOLLOWED && life.since.seconds_since(before.at) <= FRESH
        };
        if !self.before.as_ref().is_some_and(is_rest) {
            self.before = Some(life);
        }
    }

    /// What was known at a time: of the life that was then, or of the one before where this has just begun.
    fn life_at(&self, ts: Timestamp) -> Option<&Life> {
        let is_known = |life: &&Life| life.since <= ts && ts.seconds_since(life.at) <= FRESH;
        // One that was followed for a while speaks for itself: the one before may be that of another run.
        let is_old = |life: &&Life| ts.min(life.at).seconds_since(life.since) >= FOLLOWED;
        if let Some(life) = self.life.as_ref().filter(is_known).filter(is_old) {
            return Some(life);
        }
        let lives = [&self.life, &self.before].into_iter().flatten();
        lives.filter(is_known).max_by(|one, other| {
            let score = |life: &Life| life.whole_score(ts);
            score(one).total_cmp(&score(other))
        })
    }

    /// What grew most until then, most first, each with what decides that; `tasks` is what a kill tells of this unit's processes.
    pub(super) fn growers(&self, ts: Timestamp, cgroup: &str, tasks: &[Task]) -> Vec<(f64, Grower)> {
        let Some(life) = self.life_at(ts) else {
            return Vec::new();
        };
        let mut growers = if tasks.is_empty() {
            life.growers(ts)
        } else {
            let mut life = life.clone();
            life.last_words(ts, tasks);
            life.growers(ts)
        };
        for (_, grower) in &mut growers {
            grower.unit.clone_from(&self.unit);
            cgroup.clone_into(&mut grower.cgroup);
        }
        growers
    }

    /// How much a process grew until then that holds so much now, in bytes.
    pub(super) fn grown(&self, ts: Timestamp, task: &Task) -> Option<i64> {
        let life = self.life_at(ts)?;
        let seen = life.seen.iter().rev().find(|seen| seen.pid == task.pid)?;
        let (_, first) = seen.points.0.first().filter(|(at, _)| *at <= ts)?;
        let known = [task.anon, task.shmem, task.swap];
        let held = known.iter().any(Option::is_some).then(|| sum(known))?;
        i64::try_from(held.0).ok()?.checked_sub(i64::try_from(*first).ok()?)
    }

    /// The parent of a process, where that was told.
    pub(super) fn parent(&self, pid: Tgid) -> Option<Tgid> {
        let lives = [&self.life, &self.before].into_iter().flatten();
        lives
            .flat_map(|life| life.seen.iter().rev())
            .find(|seen| seen.pid == pid)?
            .ppid
    }

    /// The process that grows, where it is one.
    pub(super) fn growing(&self) -> Option<GrowingTask> {
        let life = self.life.as_ref()?;
        if life.at.seconds_since(life.since) < FOLLOWED {
            return None;
        }
        let grower = life.growers(life.at).into_iter().next()?.1;
        // A parent of many is none that grows itself.
        let pid = grower.pid.filter(|_| grower.children.is_none());
        let (pid, comm) = pid.zip(grower.comm)?;
        Some(GrowingTask {
            pid,
            comm,
            held: grower.held,
            bytes_per_second: significant(grower.grown.as_f64() / grower.seconds.max(1.0)),
            share: grower.share.filter(|share| *share >= MOST)?,
        })
    }

    /// What it takes on the heap at most, in bytes.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        let lives = [&self.life, &self.before].into_iter().flatten();
        let of_life = |life: &Life| {
            let names: usize = life.seen.iter().map(|seen| seen.comm.capacity()).sum();
            names + life.seen.capacity() * size_of::<Seen>() + life.others.capacity() * size_of::<Others>()
        };
        lives.map(of_life).sum()
    }
}

/// How much the largest process may still grow by its own word, where it has most of what its unit holds.
fn to_ceiling(held: f64, told: &Processes) -> Option<f64> {
    let largest = told.tasks.iter().max_by_key(|task| task.held())?;
    let own = largest.held().as_f64();
    // What holds more than that is not bound by it.
    let rest = largest.ceiling?.as_f64() - own;
    (rest >= 0.0 && own >= held * MOST).then_some(rest)
}

impl Life {
    fn new(ts: Timestamp, held: Option<f64>, told: &Processes) -> Self {
        let mut life = Self {
            since: ts,
            at: ts,
            whole: Points::default(),
            seen: Vec::new(),
            others: Vec::new(),
            untold: u64::MAX,
        };
        life.look(ts, held, told);
        life
    }

    fn look(&mut self, ts: Timestamp, held: Option<f64>, told: &Processes) {
        self.at = ts;
        if let Some(held) = held {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size in bytes")]
            self.whole.push(ts, held.max(0.0) as u64);
        }
        let is_all = told.others.is_empty() && told.unseen == 0;
        for seen in self.seen.iter_mut().filter(|_| is_all) {
            seen.is_gone |= !told.tasks.iter().any(|task| seen.is(task));
        }
        for task in &told.tasks {
            self.process(ts, task);
        }
        for siblings in &told.others {
            if let Some(others) = self.of_parent(siblings.ppid) {
                others.held.push(ts, siblings.held.0);
                others.running = siblings.count;
            }
        }
        for Siblings { ppid, count, held } in &told.ended {
            if let Some(others) = self.of_parent(*ppid) {
                others.ended = others.ended.saturating_add(*count);
                others.ended_held = others.ended_held.saturating_add(held.0);
            }
        }
        let of_untold = told.tasks.iter().map(|task| task.held().0).min();
        self.untold = of_untold.filter(|_| !is_all).unwrap_or(0);
        if self.seen.len() > KEPT {
            self.seen
                .sort_by_key(|seen| std::cmp::Reverse(seen.points.0.last().map(|(at, _)| *at)));
            self.seen.truncate(KEPT);
            self.seen.shrink_to(KEPT);
        }
    }

    fn process(&mut self, ts: Timestamp, task: &Process) {
        let held = task.held().0;
        if let Some(seen) = self.seen.iter_mut().find(|seen| seen.is(task)) {
            seen.points.push(ts, held);
            // It may run another program by now, and have another parent.
            if seen.comm != name(&task.comm) {
                name(&task.comm).clone_into(&mut seen.comm);
            }
            (seen.ppid, seen.is_gone) = (task.ppid, false);
            return;
        }
        let mut points = Points::default();
        let is_first = self.since == ts;
        // What a new one holds it has grown by since it started; another was there, and held what its siblings did on average, or
        // no more than all that were told.
        let average = self.average(task.ppid);
        let is_new = |started: Timestamp| self.since.seconds_since(started) < JUST_BEFORE;
        let is_young = task.started.map_or(!is_first && self.untold == 0, is_new);
        match task.started.filter(|started| is_young && *started < ts) {
            Some(started) => points.push(started, 0),
            None if is_first => {}
            None => points.push(self.look_before(ts), average.unwrap_or(self.untold).min(held)),
        }
        points.push(ts, held);
        self.seen.push(Seen {
            pid: task.pid,
            started: task.started,
            ppid: task.ppid,
            comm: name(&task.comm).to_owned(),
            points,
            is_young,
            is_gone: false,
        });
    }

    /// What each of a parent's children that were told of together held at the last look.
    fn average(&self, ppid: Option<Tgid>) -> Option<u64> {
        let others = self.others.iter().find(|others| Some(others.ppid) == ppid)?;
        let (_, held) = others.held.0.last()?;
        held.checked_div(others.running)
    }

    /// When the look before this one was.
    fn look_before(&self, ts: Timestamp) -> Timestamp {
        let earlier = self.whole.0.iter().rev().map(|(at, _)| *at);
        earlier.into_iter().find(|at| *at < ts).unwrap_or(self.since)
    }

    fn of_parent(&mut self, ppid: Option<Tgid>) -> Option<&mut Others> {
        let ppid = ppid?;
        if let Some(place) = self.others.iter().position(|others| others.ppid == ppid) {
            return self.others.get_mut(place);
        }
        if self.others.len() >= PARENTS {
            return None;
        }
        self.others.push(Others {
            ppid,
            held: Points::default(),
            running: 0,
            ended: 0,
            ended_held: 0,
        });
        self.others.last_mut()
    }

    fn whole_score(&self, ts: Timestamp) -> f64 {
        self.whole.growth(ts).map_or(0.0, |growth| growth.score())
    }

    /// What is known of processes from their end: only more, since who dies lets go of its memory.
    fn last_words(&mut self, ts: Timestamp, tasks: &[Task]) {
        let mut more = 0_u64;
        for task in tasks {
            let held = sum([task.anon, task.shmem, task.swap]).0;
            let seen = self.seen.iter_mut().rev().find(|seen| seen.pid == task.pid);
            if let Some(seen) = seen
                && let Some(last) = seen.points.0.last().map(|(_, last)| *last).filter(|last| held > *last)
            {
                more = more.saturating_add(held - last);
                seen.points.push(ts, held);
            }
        }
        if let Some((_, whole)) = self.whole.0.last().copied().filter(|_| more > 0) {
            self.whole.push(ts, whole.saturating_add(more));
        }
    }

    fn growers(&self, ts: Timestamp) -> Vec<(f64, Grower)> {
        let whole = self.whole.begun();
        let whole = whole.and_then(|from| Some((from, self.whole.gained(from, ts)?)));
        // In as much of the time as both were looked at.
        let of_whole = |points: &Points| {
            let from = points.begun()?.max(self.whole.begun()?);
            share(points.gained(from, ts)?, self.whole.gained(from, ts)?)
        };
        let single = |seen: &Seen| {
            let growth = seen.points.growth(ts)?;
            let share = of_whole(&seen.points);
            Some((growth.score(), self.grower(seen.pid, growth, share, None)))
        };
        let mut growers: Vec<(f64, Grower)> = Vec::new();
        let mut families: Vec<Tgid> = Vec::new();
        for parent in self.parents() {
            if let Some((score, grower)) = self.family(parent, ts, whole) {
                families.push(parent);
                growers.push((score, grower));
            }
        }
        let is_of_family = |seen: &&Seen| seen.is_young && seen.ppid.is_some_and(|ppid| families.contains(&ppid));
        growers.extend(self.seen.iter().filter(|seen| !is_of_family(seen)).filter_map(single));
        growers.extend(self.no_process(ts, &growers));
        growers.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let most = growers.first().map_or(0.0, |(score, _)| *score);
        growers.retain(|(score, _)| *score >= NOISE.max(most * LITTLE));
        growers.truncate(NAMED);
        growers
    }

    /// Growth that is mostly none of a process's own: files on a tmpfs, the kernel's memory.
    fn no_process(&self, ts: Timestamp, growers: &[(f64, Grower)]) -> Option<(f64, Grower)> {
        let growth = self.whole.growth(ts)?;
        let known: f64 = growers.iter().map(|(score, _)| score.max(0.0)).sum();
        let is_other = growth.score() >= OTHER && known < growth.score() * MOST;
        is_other.then(|| {
            let grower = Grower {
                pid: None,
                ..self.grower(Tgid(0), growth, None, None)
            };
            (growth.score() - known, grower)
        })
    }

    /// Who has children, each once.
    fn parents(&self) -> Vec<Tgid> {
        let mut parents: Vec<Tgid> = self.others.iter().map(|others| others.ppid).collect();
        parents.extend(
            self.seen
                .iter()
                .filter(|seen| seen.is_young)
                .filter_map(|seen| seen.ppid),
        );
        parents.sort_unstable();
        parents.dedup();
        parents
    }

    /// A parent whose young children grew together, and none of them by most of it.
    fn family(&self, parent: Tgid, ts: Timestamp, whole: Option<(Timestamp, f64)>) -> Option<(f64, Grower)> {
        let others = self.others.iter().find(|others| others.ppid == parent);
        let is_child = |seen: &&Seen| seen.is_young && seen.ppid == Some(parent);
        let living: Vec<&Seen> = self.seen.iter().filter(is_child).collect();
        let growths = || living.iter().filter_map(|seen| seen.points.growth(ts));
        let fastest = growths().map(|growth| growth.score()).fold(0.0, f64::max);
        let running = living.iter().filter(|seen| !seen.is_gone).count();
        let running = others.map_or(0, |others| others.running) + u64::try_from(running).unwrap_or(u64::MAX);
        let ended = others.map_or(0, |others| others.ended);
        if running + ended < MANY {
            return None;
        }
        let growth = growths()
            .chain(others.and_then(|others| others.held.growth(ts)))
            .reduce(Growth::with)?;
        let children = Children {
            running,
            ended,
            ended_held: Bytes(others.map_or(0, |others| others.ended_held)),
        };
        let is_together = growth.score() >= TOGETHER * fastest;
        let share = whole.and_then(|(_, whole)| share(growth.grown, whole));
        is_together.then(|| (growth.score(), self.grower(parent, growth, share, Some(children))))
    }

    fn grower(&self, pid: Tgid, growth: Growth, share: Option<f64>, children: Option<Children>) -> Grower {
        let of = |pid: Tgid| self.seen.iter().rev().find(|seen| seen.pid == pid);
        let mut ancestors: Vec<Ancestor> = Vec::new();
        let mut at = of(pid).and_then(|seen| seen.ppid);
        // A pid that was used twice may make a ring.
        while let Some(seen) = at.and_then(of).filter(|_| ancestors.len() < ANCESTORS) {
            ancestors.push(Ancestor {
                pid: seen.pid,
                comm: seen.comm.clone(),
            });
            at = seen.ppid;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size in bytes")]
        let size = |bytes: f64| Bytes(bytes.max(0.0) as u64);
        Grower {
            pid: Some(pid),
            comm: of(pid).map(|seen| seen.comm.clone()),
            unit: None,
            cgroup: String::new(),
            ancestors,
            held: Bytes(growth.held),
            grown: size(growth.grown),
            grown_at_trough: size(growth.at_trough),
            seconds: significant(growth.seconds),
            share,
            children,
        }
    }
}

#[cfg(test)]
mod tests;
