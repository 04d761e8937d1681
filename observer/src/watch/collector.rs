//! What is known of every cgroup, kept up to date: samples at each tick, and at once where the kernel says "look now".

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::ahead::{Ahead, Dying};
use super::cgroups::{Cgroup, Cgroups, Limits};
use super::clock::Clock;
use super::holders::Holders;
use super::kernel_log::KernelLog;
use super::kills::Joiner;
use super::ledger::Ledger;
use super::looks::Looks;
use super::objects::{Objects, is_full};
use super::placeless::Placeless;
use super::prekills::Prekills;
use super::programs::Programs;
use super::questions::{Answer, Question, Questions};
use super::reconcile::Reconciler;
use super::reports::Reports;
use super::signals::Signals;
use super::stream::{Stream, StreamError};
use super::{Options, rings::Sees, standing, units::UnitStates};
use crate::cgroup::host::{HostMemory, pressure};
use crate::cgroup::nodes;
use crate::cgroup::{CgroupError, Hierarchy, OpenFiles, Reading, Which, scan, usage};
use crate::engine::{Config, Engine};
use crate::event::{
    self, BeforeSample, CgroupRef, CgroupVersion, Event, Limit, Lost, Relation, Run, Sample, Subject, Unexplained,
    UnitState,
};
use crate::heap;
use crate::kernel::record::{CgroupChange, Change, Record};
use crate::kernel::walk::{self, Pass, Row, Walk};
use crate::measure::{Bytes, CgroupId, Timestamp};
use crate::notice::notice;
use crate::unit::invocation_id;

/// Where no probe tells of births: the tree is read anew this often.
const RESCAN: Duration = Duration::from_secs(5);

/// A cgroup that is told to have moved is looked at again this much later at the earliest, as a share of the interval.
const LOOK_AGAIN: u32 = 4;

/// Where nothing tells who moved, all of so many cgroups are sampled at each tick; of more, those that moved: to look at
/// what one uses costs a tenth of a sample.
const MAX_ALL: usize = 256;

/// Cgroups that one pass of a walk tells: a fraction of a millisecond, in which a kill waits and no cgroup can be made.
const WALK_ROWS: u32 = 1_024;

/// Cgroups that are walked over in a turn, on average: 5 million instructions. With more of them they are walked over in one
/// turn of some only, where the kernel tells who grows.
const WALKED_A_TURN: usize = 2_048;

/// What the machine's memory is used for is told so often, and not at each tick: a capture would hold two dozen figures more a second.
const LEDGER_EACH: Duration = Duration::from_secs(10);

/// What was read in one turn: nothing is read twice in it, and what is told of it agrees, its time included.
pub(super) struct Turn {
    pub(super) ts: Timestamp,
    /// `None` of a cgroup that could not be read.
    readings: HashMap<CgroupId, Option<Reading>>,
    /// Read when it is first asked for; `Some(None)` where `/proc` cannot be read.
    host: Option<Option<HostMemory>>,
    sampled: HashSet<CgroupId>,
}

impl Turn {
    pub(super) fn at(now: Timestamp) -> Self {
        Self {
            ts: now.to_millisecond(),
            readings: HashMap::new(),
            host: None,
            sampled: HashSet::new(),
        }
    }

    pub(super) fn host(&mut self) -> Option<HostMemory> {
        *self.host.get_or_insert_with(HostMemory::read)
    }
}

/// How far the start has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before the first turn.
    Starting,
    /// Every cgroup is looked at once.
    FirstLook,
    Settled,
}

/// What is left to be done in a turn, in this order.
#[derive(Default)]
struct Due {
    /// Whether the walk over all cgroups is not at its end.
    is_walking: bool,
    /// To be sampled: they moved, or are waited for.
    samples: Queue,
    /// To be sampled if they moved, where nothing tells of that.
    looks: Queue,
    /// To be sampled once, at the start.
    first: Vec<CgroupId>,
}

impl Due {
    fn is_empty(&self) -> bool {
        !self.is_walking && self.samples.order.is_empty() && self.looks.order.is_empty() && self.first.is_empty()
    }
}

/// Cgroups in the order in which they came, each once.
#[derive(Default)]
struct Queue {
    order: VecDeque<CgroupId>,
    members: HashSet<CgroupId>,
}

impl Queue {
    fn push(&mut self, id: CgroupId) -> bool {
        let is_new = self.members.insert(id);
        if is_new {
            self.order.push_back(id);
        }
        is_new
    }

    /// Puts some behind those that still wait; returns how many of them do so already.
    fn refill(&mut self, ids: impl IntoIterator<Item = CgroupId>) -> u64 {
        ids.into_iter().map(|id| u64::from(!self.push(id))).sum()
    }

    fn pop(&mut self) -> Option<CgroupId> {
        let id = self.order.pop_front()?;
        self.members.remove(&id);
        Some(id)
    }
}

pub(super) struct Collector {
    pub(super) clock: Clock,
    pub(super) hierarchy: Hierarchy,
    pub(super) cgroups: Cgroups,
    files: OpenFiles,
    walk: Option<Walk>,
    turns_since_walk: usize,
    /// Whether cgroups have files of swap: the kernel's counters are there all the same.
    has_swap_files: bool,
    pub(super) engine: Engine,
    pub(super) questions: Questions,
    pub(super) units: UnitStates,
    pub(super) joiner: Joiner,
    pub(super) ahead: Option<Ahead>,
    /// Whether the kernel has another CPU than ours.
    pub(super) has_cpus: bool,
    pub(super) dying: Dying,
    pub(super) reports: Option<Reports>,
    pub(super) programs: Programs,
    pub(super) looks: Looks,
    pub(super) objects: Objects,
    pub(super) prekills: Prekills,
    pub(super) signals: Signals,
    pub(super) holders: Holders,
    pub(super) cmdline: bool,
    pub(super) interval: Duration,
    pub(super) reconciler: Reconciler,
    /// What the cgroups' own counters said before the rings were emptied last, by path, where that is asked for.
    pub(super) counted: Option<HashMap<String, u64>>,
    pub(super) ledger: Ledger,
    pub(super) placeless: Placeless,
    pub(super) sees: Sees,
    pub(super) log: Option<KernelLog>,
    /// Those that the kernel told to have moved since the last tick.
    moved: HashSet<CgroupId>,
    /// Those that are to be sampled at each tick, whether they move or not: a limit is near.
    awaited: HashSet<CgroupId>,
    /// Those that moved, and are to be sampled once more when they are at rest.
    settling: HashSet<CgroupId>,
    due: Due,
    /// The turn that is worked on.
    turn: Turn,
    /// How earlier runs went, by path: told where the first sample is.
    known: HashMap<String, Vec<Run>>,
    /// The kinds of files that could not be read, which were said.
    unread: HashSet<String>,
    scanned: Duration,
    /// When what all of the machine's memory is used for was told last.
    ledger_told: Option<Duration>,
    phase: Phase,
}

impl Collector {
    pub(super) fn new(
        options: Options,
        clock: Clock,
        hierarchy: Hierarchy,
        questions: Questions,
        probes: (Sees, Option<Walk>),
        log: Option<KernelLog>,
    ) -> Self {
        let (sees, mut walk) = probes;
        if let Some(walk) = &mut walk {
            walk.set_room(WALK_ROWS);
        }
        let config = Config {
            warn_within_seconds: options.warn_within.as_secs_f64(),
            ..Config::default()
        };
        let mut known: HashMap<String, Vec<Run>> = HashMap::new();
        for run in options.known {
            if let Some(path) = run.subject.cgroup.path.clone() {
                known.entry(path).or_default().push(run);
            }
        }
        let mut cgroups = Cgroups::new(options.selection);
        for (id, path) in scan(&hierarchy) {
            cgroups.born(id, &path);
        }
        let has_swap = |path: &str| hierarchy.dir(path).join("memory.swap.current").exists();
        let has_swap_files = cgroups.live().any(|(_, cgroup)| has_swap(&cgroup.path));
        Self {
            turn: Turn::at(clock.now()),
            clock,
            has_swap_files,
            cgroups,
            files: OpenFiles::within_limit(),
            walk,
            turns_since_walk: 0,
            hierarchy,
            engine: Engine::new(config),
            questions,
            units: UnitStates::default(),
            joiner: Joiner::default(),
            ahead: None,
            has_cpus: std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1),
            dying: Dying::default(),
            reports: sees.choices.then(Reports::open).flatten(),
            programs: Programs::read(),
            looks: Looks::default(),
            objects: Objects::default(),
            prekills: Prekills::default(),
            signals: Signals::default(),
            holders: Holders::default(),
            cmdline: options.cmdline,
            interval: options.interval,
            reconciler: Reconciler::new(),
            counted: None,
            ledger: Ledger::default(),
            placeless: Placeless::default(),
            sees,
            log,
            moved: HashSet::new(),
            awaited: HashSet::new(),
            settling: HashSet::new(),
            due: Due::default(),
            known,
            unread: HashSet::new(),
            scanned: Clock::boot(),
            ledger_told: None,
            phase: Phase::Starting,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Goes on with what waited for systemd's answer.
    pub(super) fn answered(&mut self, ticket: u64, answer: Answer, stream: &mut Stream) -> Result<(), StreamError> {
        match self.questions.take(ticket) {
            Some(question) => self.go_on(question, answer, stream),
            None => Ok(()),
        }
    }

    /// Goes on with all that still waits, without an answer.
    pub(super) fn unanswered(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        let open = self.questions.take_all();
        open.into_iter()
            .try_for_each(|question| self.go_on(question, None, stream))
    }

    /// Whether anything waits for systemd.
    pub(super) fn is_asking(&self) -> bool {
        !self.questions.is_empty()
    }

    fn go_on(&mut self, question: Question, answer: Answer, stream: &mut Stream) -> Result<(), StreamError> {
        match question {
            Question::Run(ts, facts) => self.run_told(ts, *facts, answer, stream),
            Question::Consequence(consequence) => self.consequence_told(*consequence, answer, stream),
            Question::There { path, state } => self.there_told(&path, state, answer, stream),
            Question::Changed(name) => self.change_told(&name, answer, stream),
        }
    }

    /// Works on what the kernel told, in its order.
    pub(super) fn records(&mut self, records: Vec<Record>, stream: &mut Stream) -> Result<(), StreamError> {
        // Ends are worked on last: what died in this batch is still to be named.
        let mut ends = Vec::new();
        let mut turn = None;
        for record in records {
            match record {
                Record::Cgroup(change) if change.change == Change::Gone => ends.push(change.id),
                Record::Cgroup(change) => self.cgroup(&change, stream)?,
                Record::Oom(oom) => self.chosen(oom),
                Record::Victim(victim) => self.victim(victim, stream)?,
                Record::Exec(exec) => self.begun(exec),
                Record::OomWithoutKill(oom) => self.oom_without_kill(&oom, stream)?,
                Record::Signal(signal) => self.signal(&signal, stream)?,
                Record::SignalDeath(death) => self.signal_death(&death, stream)?,
                Record::Growth(id) => {
                    let turn = turn.get_or_insert_with(|| Turn::at(self.clock.now()));
                    self.growth(id, turn, stream)?;
                }
            }
        }
        for id in ends {
            self.gone(id, stream);
        }
        Ok(())
    }

    fn gone(&mut self, id: CgroupId, stream: &Stream) {
        stream.gone(id);
        self.files.close(id);
        self.looks.forget(id);
        self.objects.forget(id);
        self.moved.remove(&id);
        self.awaited.remove(&id);
        self.settling.remove(&id);
        let path = self.cgroups.path(id).map(str::to_owned);
        // A successor's counter begins anew.
        if let (true, Some(path)) = (self.cgroups.gone(id), path) {
            self.ledger.gone(&path);
        }
    }

    fn cgroup(&mut self, change: &CgroupChange, stream: &mut Stream) -> Result<(), StreamError> {
        // A move tells nothing new of a cgroup whose birth was seen.
        if change.change == Change::Joined && self.cgroups.path(change.id) == Some(change.path.as_str()) {
            return Ok(());
        }
        self.cgroups.born(change.id, &change.path);
        let is_whole_host = self.is_whole_host();
        let Some(cgroup) = self.cgroups.get(change.id).filter(|cgroup| cgroup.unit.is_unit) else {
            return Ok(());
        };
        if let Some(name) = cgroup.unit.name().filter(|_| is_whole_host) {
            self.units.seen(name);
        } else if cgroup.is_selected {
            self.there(&change.path, UnitState::Started, stream)?;
        }
        Ok(())
    }

    /// Whether every unit is watched, not some by name.
    pub(super) fn is_whole_host(&self) -> bool {
        self.cgroups.selection().is_empty()
    }

    /// "Look now": a selected cgroup is sampled at once, within reason; the others at the next tick.
    fn growth(&mut self, id: CgroupId, turn: &mut Turn, stream: &mut Stream) -> Result<(), StreamError> {
        self.first_charge(id);
        let is_whole_host = self.is_whole_host();
        let Some(cgroup) = self.cgroups.get(id) else {
            return Ok(());
        };
        let is_due = cgroup
            .sampled
            .is_none_or(|last| Clock::boot().saturating_sub(last) >= self.interval / LOOK_AGAIN);
        if !is_whole_host && cgroup.unit.is_unit && cgroup.is_selected && is_due {
            return self.sample(id, turn, stream);
        }
        if cgroup.is_sampled() {
            self.moved.insert(id);
        }
        Ok(())
    }

    /// A charge means that processes run in the cgroup: systemd has set its invocation id and memory nodes by now.
    fn first_charge(&mut self, id: CgroupId) {
        if self.cgroups.get(id).is_some_and(|cgroup| cgroup.is_confined.is_none()) {
            self.learn_nodes(id);
        }
        if self.invocation(id).is_none()
            && let Some(cgroup) = self.cgroups.get_mut(id)
        {
            cgroup.has_no_invocation();
        }
    }

    /// Whether a cgroup names memory nodes.
    fn learn_nodes(&mut self, id: CgroupId) {
        if let Some(cgroup) = self.cgroups.get_mut(id) {
            cgroup.is_confined = Some(nodes::confines(&self.hierarchy, &cgroup.path));
        }
    }

    /// The invocation id that belongs to a cgroup, from where systemd wrote it, remembered past the cgroup's end.
    pub(super) fn invocation(&mut self, id: CgroupId) -> Option<String> {
        let cgroup = self.cgroups.get_mut(id)?;
        if !cgroup.wants_invocation() {
            return cgroup.invocation.clone();
        }
        // Only while the path is still this cgroup's, not its successor's.
        if self.hierarchy.id_of(&cgroup.path).ok() != Some(id) {
            return None;
        }
        cgroup.invocation = invocation_id(&self.hierarchy, own_path(cgroup), &cgroup.unit);
        cgroup.invocation.clone()
    }

    /// Whether this is the run that a cgroup is known to have belonged to.
    pub(super) fn knows_run(&self, id: CgroupId, invocation: Option<&str>) -> bool {
        let known = self.cgroups.get(id).and_then(|cgroup| cgroup.invocation.as_deref());
        invocation.is_some() && known == invocation
    }

    pub(super) fn subject(&mut self, id: Option<CgroupId>, path: &str) -> Subject {
        let invocation = id.and_then(|id| self.invocation(id));
        let mut subject = self.cgroups.unit(path).into_subject(id, path, invocation);
        self.cgroups.name(&mut subject.container, path);
        subject
    }

    /// Begins a turn: says what is to be sampled in it. [`Collector::step`] does that, one cgroup after the other.
    pub(super) fn tick(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        if !self.sees.births && Clock::boot().saturating_sub(self.scanned) >= RESCAN.min(self.interval * 5) {
            self.rescan(stream)?;
        }
        self.pass_over_log();
        self.oomd_waited(false, stream)?;
        self.repeats_over(false, stream)?;
        self.reconcile(stream)?;
        self.turn = Turn::at(self.clock.now());
        let mut wanted = std::mem::take(&mut self.moved);
        wanted.extend(&self.awaited);
        let now = Clock::boot();
        let is_at_rest = |id: &CgroupId| self.cgroups.get(*id).is_some_and(|cgroup| cgroup.is_at_rest(now));
        wanted.extend(self.settling.extract_if(is_at_rest));
        let is_told_of = self.sees.births && self.sees.growth;
        let missed = if !self.is_whole_host() {
            let all: Vec<CgroupId> = self.sampled_ones().collect();
            self.due.samples.refill(all)
        } else if self.walk.is_some() || is_told_of {
            self.begin_walk(is_told_of);
            self.due.samples.refill(wanted)
        } else {
            let all: Vec<CgroupId> = self.sampled_ones().collect();
            // A kill may leave a cgroup as large as it was.
            if all.len() <= MAX_ALL || self.reconciler.has_counted() {
                self.due.samples.refill(all)
            } else {
                self.due.samples.refill(wanted) + self.due.looks.refill(all)
            }
        };
        // Whoever has waited since the last tick is not sampled twice for it.
        if missed > 0 {
            let lost = Lost {
                stream: event::Stream::Sample,
                count: missed,
                killer: None,
            };
            stream.write(self.turn.ts, Event::Lost(lost))?;
        }
        if self.phase == Phase::Starting {
            self.phase = Phase::FirstLook;
            let mut first: Vec<CgroupId> = self.sampled_ones().collect();
            // By name, and taken from the end.
            first.sort_unstable_by(|a, b| self.cgroups.path(*b).cmp(&self.cgroups.path(*a)));
            self.due.first = first;
        }
        // Nothing selected is running: the host is what can be told.
        if self.is_whole_host() || self.due.is_empty() {
            self.in_turn(|collector, turn| collector.sample_host(turn, stream))?;
        }
        Ok(())
    }

    /// What was sampled beside the turn that is worked on, and later, is not sampled in that one.
    pub(super) fn is_sampled_in(&mut self, turn: &Turn) {
        self.turn.sampled.extend(&turn.sampled);
    }

    fn in_turn<T>(&mut self, work: impl FnOnce(&mut Self, &mut Turn) -> T) -> T {
        let empty = Turn::at(self.turn.ts);
        let mut turn = std::mem::replace(&mut self.turn, empty);
        let done = work(self, &mut turn);
        self.turn = turn;
        done
    }

    /// Whether something is left to be sampled in this turn.
    pub(super) fn is_due(&self) -> bool {
        !self.due.is_empty() || self.looks.is_due() || self.programs.has_unread() || !self.prekills.is_empty()
    }

    /// Looks at what systemd-oomd waits to kill; else samples the next cgroup that is due; with none left, looks at a process that was there at the start.
    pub(super) fn step(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        if !self.prekills.is_empty() {
            return self.look_before_kill(stream);
        }
        if self.due.is_empty() {
            if self.phase == Phase::FirstLook {
                self.phase = Phase::Settled;
                self.settle();
            }
            if self.looks.is_due() {
                return self.look_on(stream);
            }
            self.programs.read_next();
            return Ok(());
        }
        if self.due.is_walking {
            self.walk_on();
            return Ok(());
        }
        let next = self.due.samples.pop().or_else(|| match self.due.looks.pop() {
            Some(id) => Some(id).filter(|id| self.has_moved(*id)),
            None => {
                let first = self.due.first.pop();
                first.filter(|id| self.is_unseen(*id))
            }
        });
        match next {
            Some(id) => self.in_turn(|collector, turn| collector.sample(id, turn, stream)),
            None => Ok(()),
        }
    }

    /// The first look is over: what it took is given back, what a kill will need is there.
    fn settle(&mut self) {
        self.due.first = Vec::new();
        self.rehearse();
        heap::give_back();
        standing::stay_in_memory();
    }

    /// Begins to walk over all cgroups, unless the last walk is still on its way, or is good for some more turns.
    fn begin_walk(&mut self, is_told_of: bool) {
        let Some(walk) = self.walk.as_mut().filter(|_| !self.due.is_walking) else {
            return;
        };
        // Where the kernel tells who grows, it is only who shrinks that a walk finds.
        let turns = if is_told_of {
            self.cgroups.len().div_ceil(WALKED_A_TURN)
        } else {
            1
        };
        self.turns_since_walk += 1;
        if self.turns_since_walk >= turns {
            self.turns_since_walk = 0;
            walk.begin();
            self.due.is_walking = true;
        }
    }

    /// Whether the kernel lets it walk over the cgroups, with what capabilities are in effect; yes where it does not walk.
    pub(super) fn can_walk(&self) -> bool {
        self.walk.as_ref().is_none_or(Walk::can_run)
    }

    /// One pass of the walk: who moved is to be sampled. A walk that fails is not tried again: files are read instead.
    fn walk_on(&mut self) {
        let Some(walk) = &mut self.walk else {
            self.due.is_walking = false;
            return;
        };
        let (cgroups, samples, ts) = (&mut self.cgroups, &mut self.due.samples, self.turn.ts);
        let is_first = !self.due.first.is_empty();
        let passed = walk.pass(|row| {
            let Some(cgroup) = cgroups.get_mut(row.cgroup) else {
                return;
            };
            let has_moved = cgroup.met(ts, row);
            let is_its_turn = cgroup.sampled.is_some() || !is_first;
            if has_moved && is_its_turn && cgroup.is_sampled() {
                samples.push(row.cgroup);
            }
        });
        match passed {
            Ok(Pass::More) => {}
            Ok(Pass::Last | Pass::Broken) => self.due.is_walking = false,
            Err(error) => {
                notice(format_args!("{error}; each cgroup's files are read instead"));
                self.walk = None;
                self.due.is_walking = false;
            }
        }
    }

    /// How many cgroups are sampled.
    pub(super) fn watched(&self) -> usize {
        self.sampled_ones().count()
    }

    /// The cgroups that have samples of their own.
    fn sampled_ones(&self) -> impl Iterator<Item = CgroupId> {
        let live = self.cgroups.live();
        live.filter(|(_, cgroup)| cgroup.is_sampled()).map(|(id, _)| id)
    }

    /// Whether a cgroup uses other than when it was sampled last.
    fn has_moved(&self, id: CgroupId) -> bool {
        let Some(cgroup) = self.cgroups.get(id) else {
            return false;
        };
        usage(&self.hierarchy, &cgroup.path).is_some_and(|usage| cgroup.has_moved(usage))
    }

    fn is_unseen(&self, id: CgroupId) -> bool {
        self.cgroups.get(id).is_some_and(|cgroup| cgroup.sampled.is_none())
    }

    pub(super) fn sample_host(&mut self, turn: &mut Turn, stream: &mut Stream) -> Result<(), StreamError> {
        let Some(host) = turn.host() else { return Ok(()) };
        let now = Clock::boot();
        let is_due = self
            .ledger_told
            .is_none_or(|told| now.saturating_sub(told) >= LEDGER_EACH);
        let ledger = is_due.then(|| Box::new(host.ledger()));
        if is_due {
            self.ledger_told = Some(now);
        }
        let sample = Sample {
            subject: Subject {
                cgroup: CgroupRef {
                    id: None,
                    path: Some("/".to_owned()),
                },
                ..Subject::default()
            },
            memory: host.memory(),
            pressure: pressure(),
            limits: vec![host.limit()],
            ledger,
            ..Sample::default()
        };
        self.tell(turn.ts, sample, stream)
    }

    fn rescan(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        self.scanned = Clock::boot();
        let scanned = scan(&self.hierarchy);
        let live: HashSet<CgroupId> = scanned.iter().map(|(id, _)| *id).collect();
        let ends: Vec<CgroupId> = self
            .cgroups
            .live()
            .map(|(id, _)| id)
            .filter(|id| !live.contains(id))
            .collect();
        let births: Vec<(CgroupId, String)> = scanned
            .into_iter()
            .filter(|(id, path)| self.cgroups.id(path) != Some(*id))
            .collect();
        for id in ends {
            self.gone(id, stream);
        }
        for (id, path) in births {
            let change = CgroupChange {
                change: Change::Born,
                time: crate::measure::BootNanos(0),
                id,
                path,
            };
            self.cgroup(&change, stream)?;
        }
        Ok(())
    }

    /// Reads a cgroup's files; `None` where it is gone or cannot be read. What was read in this turn is not read again.
    pub(super) fn read(&mut self, path: &str, turn: &mut Turn) -> Option<Reading> {
        let id = self.cgroups.id(path).or_else(|| {
            // Its birth is still to be told.
            let id = self.hierarchy.id_of(path).ok()?;
            self.cgroups.born(id, path);
            Some(id)
        })?;
        if let Some(reading) = turn.readings.get(&id) {
            return *reading;
        }
        let cgroup = self.cgroups.get(id);
        let row = cgroup.and_then(|cgroup| cgroup.row(turn.ts));
        let limits = cgroup.and_then(|cgroup| cgroup.limits(turn.ts));
        let which = match (row, limits) {
            (Some(_), _) => Which::Composition,
            (None, Some(_)) => Which::Counters,
            (None, None) => Which::All,
        };
        let reading = match self.files.read(&self.hierarchy, id, path, which) {
            Ok(mut reading) => {
                if let Some(row) = row {
                    counters(&mut reading, &row, self.has_swap_files);
                }
                if let Some(limits) = limits {
                    set(&mut reading.memory, limits, self.has_swap_files);
                }
                Some(reading)
            }
            Err(error) => {
                self.say_unread(&error);
                None
            }
        };
        if let (Some(events), Some(cgroup)) = (
            reading.and_then(|reading| reading.events_local),
            self.cgroups.get_mut(id),
        ) {
            cgroup.ooms = Some(events.oom);
        }
        turn.readings.insert(id, reading);
        reading
    }

    /// Says once of each kind of file that it cannot be read, and why. That a cgroup has gone is no news.
    fn say_unread(&mut self, error: &CgroupError) {
        let CgroupError::Unreadable { path, source } = error else {
            return;
        };
        let file = path.rsplit('/').next().unwrap_or(path);
        if self.unread.insert(format!("{file}: {}", source.kind())) {
            notice(format_args!(
                "{error}; such cgroups have no samples until they can be read"
            ));
        }
    }

    /// Every limit that can stop this cgroup: its own, those above, the host.
    pub(super) fn limits(&mut self, path: &str, turn: &mut Turn) -> Vec<Limit> {
        let mut limits = Vec::new();
        let mut at = path;
        while !at.is_empty() && at != "/" {
            if let Some(reading) = self.may_limit(at, turn).then(|| self.read(at, turn)).flatten() {
                let relation = if at == path { Relation::Own } else { Relation::Ancestor };
                let unit = self
                    .cgroups
                    .at(at)
                    .and_then(|cgroup| cgroup.unit.name())
                    .map(str::to_owned);
                let memory = reading.memory;
                for (file, bytes) in [("memory.max", memory.max), ("memory.high", memory.high)] {
                    limits.extend(bytes.map(|bytes| Limit {
                        cgroup: at.to_owned(),
                        unit: unit.clone(),
                        relation,
                        file: file.to_owned(),
                        bytes,
                        usage: memory.current,
                        reclaimable: reading.reclaimable,
                        swap_usage: memory.swap_current,
                        swap_room: None,
                    }));
                }
                // It holds for everything below.
                if let Some((most, usage)) = memory.swap_max.zip(memory.swap_current) {
                    narrow_swap(&mut limits, most.saturating_sub(usage));
                }
            }
            at = at.rsplit_once('/').map_or("", |(above, _)| above);
        }
        if let Some(host) = turn.host() {
            // On v1 a limit holds memory and swap together: what that leaves is not read.
            if self.hierarchy.version() == CgroupVersion::V2 {
                narrow_swap(&mut limits, host.swap_free);
            }
            limits.push(host.limit());
        }
        limits
    }

    /// Whether a cgroup may have a limit: not where a walk told lately that it has none.
    fn may_limit(&self, path: &str, turn: &Turn) -> bool {
        let cgroup = self.cgroups.id(path).and_then(|id| self.cgroups.get(id));
        cgroup.is_none_or(|cgroup| cgroup.may_limit(turn.ts))
    }

    /// Samples a cgroup, and those that own its limits: who moved, moved those above it too. Each once a turn.
    pub(super) fn sample(&mut self, id: CgroupId, turn: &mut Turn, stream: &mut Stream) -> Result<(), StreamError> {
        if turn.sampled.contains(&id) {
            return Ok(());
        }
        let Some(path) = self.cgroups.get(id).map(|cgroup| cgroup.path.clone()) else {
            return Ok(());
        };
        let Some(reading) = self.read(&path, turn) else {
            return Ok(());
        };
        turn.sampled.insert(id);
        self.first_charge(id);
        let now = Clock::boot();
        let has_moved = self.cgroups.get_mut(id).is_some_and(|cgroup| {
            cgroup.sampled = Some(now);
            cgroup.held(&reading.memory)
        });
        if has_moved && self.is_whole_host() && self.phase == Phase::Settled {
            self.settling.insert(id);
        }
        let sample = Sample {
            subject: self.subject(Some(id), &path),
            memory: reading.memory,
            events: reading.events,
            pressure: reading.pressure,
            limits: self.limits(&path, turn),
            trend: None,
            forecast: None,
            tasks: self.largest_tasks(id),
            slowed: None,
            ledger: None,
            bursty: None,
        };
        for run in self.known.remove(&*path).unwrap_or_default() {
            self.engine.know(&run);
            stream.write(turn.ts, Event::Run(run))?;
        }
        let owners = self.look_above(&sample, turn);
        let is_full = is_full(&sample.limits);
        let subject = sample.subject.clone();
        self.tell(turn.ts, sample, stream)?;
        self.want_look(id, &path);
        self.want_objects(id, &path, &reading.memory, is_full);
        if self.engine.wants_samples(&path) {
            self.awaited.insert(id);
        } else {
            self.awaited.remove(&id);
        }
        self.count(turn.ts, id, subject, reading, stream)?;
        for owner in owners {
            self.sample(owner, turn, stream)?;
        }
        Ok(())
    }

    /// The owners of the limits above a cgroup: those that are watched are returned, to be sampled; what the others held
    /// goes out with a kill, and is told nowhere else.
    fn look_above(&mut self, sample: &Sample, turn: &mut Turn) -> Vec<CgroupId> {
        let mut watched = Vec::new();
        for limit in sample.limits.iter().filter(|limit| limit.relation != Relation::Own) {
            let owner = self.cgroups.id(&limit.cgroup);
            let is_sampled = owner
                .and_then(|id| self.cgroups.get(id))
                .is_some_and(Cgroup::is_sampled);
            if let Some(id) = owner.filter(|_| is_sampled) {
                watched.push(id);
                continue;
            }
            let memory = match limit.relation {
                Relation::Host => turn.host().map(|host| host.memory()),
                Relation::Own | Relation::Ancestor => {
                    let reading = owner.and_then(|id| *turn.readings.get(&id)?);
                    reading.map(|reading| reading.memory)
                }
            };
            if let Some(memory) = memory {
                self.engine.above(BeforeSample {
                    ts: turn.ts,
                    cgroup: Some(limit.cgroup.clone()),
                    unit: limit.unit.clone(),
                    memory,
                });
            }
        }
        watched
    }

    /// Through the engine into the stream, with what follows from it.
    fn tell(&mut self, ts: Timestamp, mut sample: Sample, stream: &mut Stream) -> Result<(), StreamError> {
        let mut changes = Vec::new();
        self.engine.sample(ts, &mut sample, &mut changes);
        stream.write(ts, Event::Sample(sample))?;
        for change in changes {
            stream.write(ts, change)?;
        }
        Ok(())
    }

    /// Where nothing tells of victims, a counter that moved is all there is: it is told.
    fn count(
        &mut self,
        ts: Timestamp,
        id: CgroupId,
        subject: Subject,
        reading: Reading,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        let events = reading.events_local.or(reading.events);
        let (Some(events), Some(cgroup)) = (events, self.cgroups.get_mut(id)) else {
            return Ok(());
        };
        let before = cgroup.oom_kills.replace(events.oom_kill);
        let counted = events.oom_kill.saturating_sub(before.unwrap_or(events.oom_kill));
        if self.sees.victims || self.log.is_some() || counted == 0 {
            return Ok(());
        }
        let counter = "memory.events oom_kill".to_owned();
        stream.write(
            ts,
            Event::Unexplained(Unexplained {
                subject,
                counter,
                counted,
                seen: 0,
            }),
        )
    }
}

/// What a walk told of a cgroup, beside what was read from its files.
fn counters(reading: &mut Reading, row: &Row, has_swap_files: bool) {
    let memory = &mut reading.memory;
    (memory.current, memory.peak) = (row.current, row.peak);
    memory.swap_current = row.swap_current.filter(|_| has_swap_files);
    (reading.events, reading.events_local) = (row.events, row.events_local);
}

/// The limits that a walk told of.
fn set(memory: &mut event::Memory, limits: Limits, has_swap_files: bool) {
    let bytes = |limit: Option<walk::Limit>| limit.and_then(walk::Limit::bytes);
    memory.low = bytes(limits.low);
    memory.high = bytes(limits.high);
    memory.max = bytes(limits.max);
    memory.swap_max = bytes(limits.swap_max).filter(|_| has_swap_files);
}

/// The path of the unit that a cgroup belongs to. A cgroup below the unit's own has no invocation id of its own.
fn own_path(cgroup: &Cgroup) -> &str {
    let path = &*cgroup.path;
    match cgroup.unit.name().filter(|_| !cgroup.unit.is_unit) {
        Some(name) => {
            let end = path.find(name).map_or(path.len(), |start| start + name.len());
            path.get(..end).unwrap_or(path)
        }
        None => path,
    }
}

/// No limit's owner has more room in swap than what holds it leaves.
fn narrow_swap(limits: &mut [Limit], room: Bytes) {
    for limit in limits {
        limit.swap_room = Some(limit.swap_room.map_or(room, |own| own.min(room)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_still_waits_is_counted_and_not_sampled_twice() {
        let ids = |range: std::ops::Range<u64>| range.map(CgroupId);
        let mut queue = Queue::default();
        assert_eq!(queue.refill(ids(0..4)), 0);
        assert_eq!((queue.pop(), queue.pop()), (Some(CgroupId(0)), Some(CgroupId(1))));
        assert_eq!(queue.refill(ids(1..6)), 2, "2 and 3 have waited since the last time");
        let order: Vec<CgroupId> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [2, 3, 1, 4, 5].map(CgroupId), "they come first");
    }

    #[test]
    fn what_a_walk_told_stands_in_for_all_but_the_composition() {
        let row = Row {
            cgroup: CgroupId(1),
            current: Some(Bytes(4096)),
            peak: None,
            low: Some(walk::Limit::At(Bytes(0))),
            high: Some(walk::Limit::Unlimited),
            max: Some(walk::Limit::At(Bytes(8192))),
            swap_current: Some(Bytes(0)),
            swap_max: Some(walk::Limit::Unlimited),
            events: None,
            events_local: None,
        };
        let mut composition = Reading::default();
        composition.memory.anon = Some(Bytes(1024));
        let walked = |has_swap_files| {
            let mut reading = composition;
            counters(&mut reading, &row, has_swap_files);
            set(&mut reading.memory, Limits::of(&row), has_swap_files);
            reading.memory
        };
        let memory = walked(false);
        assert_eq!((memory.current, memory.anon), (Some(Bytes(4096)), Some(Bytes(1024))));
        assert_eq!((memory.max, memory.high), (Some(Bytes(8192)), None));
        assert_eq!(
            memory.swap_current, None,
            "the kernel accounts no swap: there is no such file"
        );
        assert_eq!(walked(true).swap_current, Some(Bytes(0)));
    }
}
