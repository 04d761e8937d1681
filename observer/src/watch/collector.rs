//! What is known of every cgroup, kept up to date: samples at each tick, and at once where the kernel says "look now".

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::clock::Clock;
use super::holders::Holders;
use super::kernel_log::KernelLog;
use super::kills::Joiner;
use super::ledger::Ledger;
use super::programs::Programs;
use super::reconcile::Reconciler;
use super::signals::Signals;
use super::stream::{Stream, StreamError};
use super::{Options, rings::Sees, units::UnitStates};
use crate::cgroup::host::{HostMemory, pressure};
use crate::cgroup::nodes;
use crate::cgroup::{Hierarchy, MemoryFiles, Reading, TaskInfo, Tree, tasks};
use crate::engine::{Config, Engine};
use crate::event::{
    BeforeSample, CgroupRef, CgroupVersion, Event, Limit, Relation, Run, Sample, Subject, TaskSize, Unexplained,
};
use crate::kernel::record::{CgroupChange, Change, Growth, Record};
use crate::measure::{Bytes, CgroupId, Timestamp};
use crate::unit::{Names, Selection, UnitPath, invocation_id, systemd::Systemd};

/// Where no probe tells of births: the tree is read anew this often.
const RESCAN: Duration = Duration::from_secs(5);

/// A cgroup that is told to have moved is looked at again this much later at the earliest, as a share of the interval.
const LOOK_AGAIN: u32 = 4;

/// Cgroups with memory nodes of their own, at most.
const MAX_CONFINED: usize = 4_096;

/// The processes of a cgroup that nears a limit are looked at so often.
const TASKS_EVERY: Duration = Duration::from_secs(10);

/// Of a cgroup with so many processes or more, none are looked at: it would cost more than it tells.
const MAX_TASKS: usize = 64;

/// Files kept open, at most.
const MAX_OPEN: usize = 1_024;

/// What was read in one turn: nothing is read twice in it, and what is told of it agrees.
#[derive(Default)]
pub(super) struct Turn {
    readings: HashMap<String, Reading>,
    /// Read when it is first asked for; `Some(None)` where `/proc` cannot be read.
    host: Option<Option<HostMemory>>,
}

impl Turn {
    pub(super) fn host(&mut self) -> Option<HostMemory> {
        *self.host.get_or_insert_with(HostMemory::read)
    }
}

pub(super) struct Collector {
    pub(super) clock: Clock,
    pub(super) hierarchy: Hierarchy,
    pub(super) tree: Tree,
    pub(super) engine: Engine,
    pub(super) selection: Selection,
    pub(super) systemd: Option<Systemd>,
    pub(super) units: UnitStates,
    pub(super) joiner: Joiner,
    pub(super) programs: Programs,
    pub(super) signals: Signals,
    pub(super) holders: Holders,
    pub(super) cmdline: bool,
    interval: Duration,
    pub(super) reconciler: Reconciler,
    pub(super) ledger: Ledger,
    pub(super) sees: Sees,
    pub(super) log: Option<KernelLog>,
    files: HashMap<String, MemoryFiles>,
    invocations: HashMap<CgroupId, String>,
    names: Names,
    /// Cgroups that name memory nodes of their own, by path; known past their end.
    pub(super) confined: HashSet<String>,
    /// Those that the kernel told to have moved since the last tick.
    moved: HashSet<CgroupId>,
    /// When each was sampled last, in time since boot.
    sampled: HashMap<CgroupId, Duration>,
    /// When the processes of each were looked at last, in time since boot.
    looked: HashMap<CgroupId, Duration>,
    /// `memory.events oom_kill` as last read, by path: for hosts where nothing tells of victims.
    counted: HashMap<String, u64>,
    /// `memory.events.local oom` as last read, by path: whose limit was met, where nobody saw the kernel choose.
    pub(super) ooms: HashMap<String, u64>,
    /// How earlier runs went, by path: told where the first sample is.
    known: HashMap<String, Vec<Run>>,
    scanned: Duration,
    first: bool,
}

impl Collector {
    pub(super) fn new(
        options: Options,
        clock: Clock,
        hierarchy: Hierarchy,
        systemd: Option<Systemd>,
        sees: Sees,
        log: Option<KernelLog>,
    ) -> Self {
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
        Self {
            clock,
            tree: Tree::scan(&hierarchy),
            hierarchy,
            engine: Engine::new(config),
            selection: options.selection,
            systemd,
            units: UnitStates::default(),
            joiner: Joiner::default(),
            programs: Programs::read(),
            signals: Signals::default(),
            holders: Holders::default(),
            cmdline: options.cmdline,
            interval: options.interval,
            reconciler: Reconciler::new(),
            ledger: Ledger::default(),
            sees,
            log,
            files: HashMap::new(),
            invocations: HashMap::new(),
            names: Names::default(),
            confined: HashSet::new(),
            moved: HashSet::new(),
            sampled: HashMap::new(),
            looked: HashMap::new(),
            counted: HashMap::new(),
            ooms: HashMap::new(),
            known,
            scanned: Clock::boot(),
            first: true,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Works on what the kernel told, in its order.
    pub(super) async fn records(&mut self, records: Vec<Record>, stream: &mut Stream) -> Result<(), StreamError> {
        // Ends are worked on last: what died in this batch is still to be named.
        let mut ends = Vec::new();
        for record in records {
            match record {
                Record::Cgroup(change) if change.change == Change::Gone => ends.push(change.id),
                Record::Cgroup(change) => self.cgroup(&change, stream).await?,
                Record::Oom(oom) => self.chosen(oom),
                Record::Victim(victim) => self.victim(&victim, stream).await?,
                Record::Exec(exec) => self.programs.begun(exec),
                Record::OomWithoutKill(oom) => self.oom_without_kill(&oom, stream)?,
                Record::Signal(signal) => self.signal(signal, stream).await?,
                Record::SignalDeath(death) => self.signal_death(&death, stream).await?,
                Record::Growth(growth) => self.growth(growth, stream)?,
            }
        }
        for id in ends {
            self.gone(id);
        }
        Ok(())
    }

    fn gone(&mut self, id: CgroupId) {
        if let Some(path) = self.tree.path(id) {
            self.files.remove(path);
            self.counted.remove(path);
            self.ooms.remove(path);
            // A successor's counter begins anew.
            if self.tree.id(path) == Some(id) {
                self.ledger.gone(path);
            }
        }
        self.tree.gone(id);
        self.moved.remove(&id);
        self.sampled.remove(&id);
        self.looked.remove(&id);
    }

    async fn cgroup(&mut self, change: &CgroupChange, stream: &mut Stream) -> Result<(), StreamError> {
        // A move tells nothing new of a cgroup whose birth was seen.
        if change.change == Change::Joined && self.tree.path(change.id) == Some(change.path.as_str()) {
            return Ok(());
        }
        self.files.remove(&change.path);
        self.tree.born(change.id, &change.path);
        let unit = UnitPath::parse(&change.path);
        if let Some(name) = unit.name().filter(|_| unit.is_unit && self.selection.is_empty()) {
            self.units.seen(name);
        } else if unit.is_unit && self.selection.matches(&unit, &change.path) {
            self.started(&change.path, stream).await?;
        }
        Ok(())
    }

    /// "Look now": a selected cgroup is sampled at once, within reason; the others at the next tick.
    fn growth(&mut self, growth: Growth, stream: &mut Stream) -> Result<(), StreamError> {
        let Some(path) = self.tree.path(growth.cgroup).map(str::to_owned) else {
            return Ok(());
        };
        self.first_charge(growth.cgroup, &path);
        let unit = UnitPath::parse(&path);
        let due = self
            .sampled
            .get(&growth.cgroup)
            .is_none_or(|last| Clock::boot().saturating_sub(*last) >= self.interval / LOOK_AGAIN);
        if !self.selection.is_empty() && unit.is_unit && due && self.selection.matches(&unit, &path) {
            self.sample(growth.cgroup, &path, &mut Turn::default(), stream)
        } else {
            self.moved.insert(growth.cgroup);
            Ok(())
        }
    }

    /// Whoever charges runs already: systemd has written the invocation id and the nodes by now.
    fn first_charge(&mut self, id: CgroupId, path: &str) {
        let known = self.invocations.contains_key(&id) || self.sampled.contains_key(&id) || self.moved.contains(&id);
        self.invocation(id, path);
        if !known {
            self.learn_nodes(path);
        }
    }

    /// Whether a cgroup names memory nodes.
    pub(super) fn learn_nodes(&mut self, path: &str) {
        if nodes::confines(&self.hierarchy, path) {
            if self.confined.len() >= MAX_CONFINED {
                self.confined.clear();
            }
            self.confined.insert(path.to_owned());
        } else {
            self.confined.remove(path);
        }
    }

    /// The invocation id that belongs to a cgroup, from where systemd wrote it, remembered past the cgroup's end.
    pub(super) fn invocation(&mut self, id: CgroupId, path: &str) -> Option<String> {
        if let Some(known) = self.invocations.get(&id) {
            return Some(known.clone());
        }
        // Only while the path is still this cgroup's, not its successor's.
        if self.hierarchy.id_of(path).ok() != Some(id) {
            return None;
        }
        let unit = UnitPath::parse(path);
        // A cgroup below the unit's own has none of its own.
        let own: String = match (unit.name(), unit.is_unit) {
            (Some(name), false) => {
                let end = path.find(name).map_or(path.len(), |start| start + name.len());
                path.get(..end).unwrap_or(path).to_owned()
            }
            _ => path.to_owned(),
        };
        let found = invocation_id(&self.hierarchy, &own, &unit)?;
        if self.invocations.len() > 8_192 {
            let tree = &self.tree;
            self.invocations.retain(|id, _| tree.path(*id).is_some());
        }
        self.invocations.insert(id, found.clone());
        Some(found)
    }

    /// Whether this is the run that a cgroup is known to have belonged to.
    pub(super) fn knows_run(&self, id: CgroupId, invocation: Option<&str>) -> bool {
        invocation.is_some() && self.invocations.get(&id).map(String::as_str) == invocation
    }

    pub(super) fn subject(&mut self, id: Option<CgroupId>, path: &str) -> Subject {
        let invocation = id.and_then(|id| self.invocation(id, path));
        let mut subject = UnitPath::parse(path).into_subject(id, path, invocation);
        if let Some(container) = &mut subject.container {
            self.names.name(container);
        }
        subject
    }

    /// Samples what is selected, or what moved; in the first turn everything.
    pub(super) async fn tick(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        if !self.sees.births && Clock::boot().saturating_sub(self.scanned) >= RESCAN.min(self.interval * 5) {
            self.rescan(stream).await?;
        }
        self.oomd_waited(false, stream)?;
        self.reconcile(stream)?;
        let selected = !self.selection.is_empty();
        let polled = !(self.sees.births && self.sees.growth);
        let due: Vec<(CgroupId, String)> = self
            .tree
            .live()
            .filter(|(id, path)| {
                selected || polled || self.first || self.moved.contains(id) || self.engine.wants_samples(path)
            })
            .filter(|(_, path)| {
                let unit = UnitPath::parse(path);
                (unit.is_unit || unit.unit.is_none() && *path != "/") && self.selection.matches(&unit, path)
            })
            .map(|(id, path)| (id, path.to_owned()))
            .collect();
        self.first = false;
        self.moved.clear();
        // Where nothing that is selected is there, the machine itself is what can be told.
        let mut turn = Turn::default();
        if !selected || due.is_empty() {
            self.sample_host(&mut turn, stream)?;
        }
        for (id, path) in due {
            self.sample(id, &path, &mut turn, stream)?;
        }
        Ok(())
    }

    fn sample_host(&mut self, turn: &mut Turn, stream: &mut Stream) -> Result<(), StreamError> {
        let Some(host) = turn.host() else { return Ok(()) };
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
            ..Sample::default()
        };
        self.tell(self.now().to_millisecond(), sample, stream)
    }

    async fn rescan(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        self.scanned = Clock::boot();
        let scanned = Tree::scan(&self.hierarchy);
        let live: HashSet<CgroupId> = scanned.live().map(|(id, _)| id).collect();
        let ends: Vec<CgroupId> = self
            .tree
            .live()
            .map(|(id, _)| id)
            .filter(|id| !live.contains(id))
            .collect();
        let births: Vec<(CgroupId, String)> = scanned
            .live()
            .filter(|(id, path)| self.tree.id(path) != Some(*id))
            .map(|(id, path)| (id, path.to_owned()))
            .collect();
        for id in ends {
            self.gone(id);
        }
        for (id, path) in births {
            let change = CgroupChange {
                change: Change::Born,
                time: crate::measure::BootNanos(0),
                id,
                path,
            };
            self.cgroup(&change, stream).await?;
        }
        Ok(())
    }

    /// Reads a cgroup's files; `None` where it is gone. What was read in this turn is not read again.
    pub(super) fn read(&mut self, path: &str, turn: &mut Turn) -> Option<Reading> {
        if let Some(reading) = turn.readings.get(path) {
            return Some(*reading);
        }
        if !self.files.contains_key(path) {
            if self.files.len() >= MAX_OPEN {
                self.files.clear();
            }
            let files = MemoryFiles::open(&self.hierarchy, path).ok()?;
            self.files.insert(path.to_owned(), files);
        }
        let reading = self.files.get(path)?.read();
        match reading {
            Ok(reading) => {
                if let Some(events) = reading.events_local {
                    self.ooms.insert(path.to_owned(), events.oom);
                }
                turn.readings.insert(path.to_owned(), reading);
                Some(reading)
            }
            Err(_) => {
                self.files.remove(path);
                None
            }
        }
    }

    /// Every limit that can stop this cgroup: its own, those above, the host.
    pub(super) fn limits(&mut self, path: &str, turn: &mut Turn) -> Vec<Limit> {
        let mut limits = Vec::new();
        let mut at = path;
        while !at.is_empty() && at != "/" {
            if let Some(reading) = self.read(at, turn) {
                let relation = if at == path { Relation::Own } else { Relation::Ancestor };
                let unit = UnitPath::parse(at);
                let unit = unit.user_unit.or(unit.unit);
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

    fn sample(&mut self, id: CgroupId, path: &str, turn: &mut Turn, stream: &mut Stream) -> Result<(), StreamError> {
        let Some(reading) = self.read(path, turn) else {
            return Ok(());
        };
        let ts = self.now().to_millisecond();
        if self.sampled.insert(id, Clock::boot()).is_none() && !self.sees.growth {
            self.learn_nodes(path);
        }
        let sample = Sample {
            subject: self.subject(Some(id), path),
            memory: reading.memory,
            events: reading.events,
            pressure: reading.pressure,
            limits: self.limits(path, turn),
            trend: None,
            forecast: None,
            tasks: self.largest_tasks(id, path),
            slowed: None,
        };
        for run in self.known.remove(path).unwrap_or_default() {
            self.engine.know(&run);
            stream.write(ts, Event::Run(run))?;
        }
        self.look_above(ts, &sample, turn);
        let subject = sample.subject.clone();
        self.tell(ts, sample, stream)?;
        self.count(ts, subject, path, reading, stream)
    }

    /// The largest processes of a cgroup that nears a limit; none where they were told a moment ago, or are too many to
    /// know the largest.
    fn largest_tasks(&mut self, id: CgroupId, path: &str) -> Vec<TaskSize> {
        let now = Clock::boot();
        let is_due = self
            .looked
            .get(&id)
            .is_none_or(|last| now.saturating_sub(*last) >= TASKS_EVERY);
        if !is_due || !self.engine.wants_tasks(path) {
            return Vec::new();
        }
        self.looked.insert(id, now);
        let found = tasks(&self.hierarchy, path, MAX_TASKS);
        if found.len() >= MAX_TASKS {
            return Vec::new();
        }
        let size = |task: TaskInfo| TaskSize {
            held: [task.anon, task.shmem, task.swap]
                .into_iter()
                .flatten()
                .fold(Bytes(0), |sum, part| Bytes(sum.0.saturating_add(part.0))),
            pid: task.pid,
            comm: task.comm,
        };
        let mut sizes: Vec<TaskSize> = found.into_iter().map(size).collect();
        sizes.sort_by_key(|task| std::cmp::Reverse(task.held));
        sizes.truncate(TaskSize::TOLD);
        sizes
    }

    /// The owners of limits above a cgroup were read with it: what they held goes out with a kill.
    fn look_above(&mut self, ts: Timestamp, sample: &Sample, turn: &mut Turn) {
        for limit in sample.limits.iter().filter(|limit| limit.relation != Relation::Own) {
            let memory = match limit.relation {
                Relation::Host => turn.host().map(|host| host.memory()),
                Relation::Own | Relation::Ancestor => turn.readings.get(&limit.cgroup).map(|reading| reading.memory),
            };
            if let Some(memory) = memory {
                self.engine.above(BeforeSample {
                    ts,
                    cgroup: Some(limit.cgroup.clone()),
                    unit: limit.unit.clone(),
                    memory,
                });
            }
        }
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
        subject: Subject,
        path: &str,
        reading: Reading,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        let Some(events) = reading.events_local.or(reading.events) else {
            return Ok(());
        };
        let before = self.counted.insert(path.to_owned(), events.oom_kill);
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

/// No limit's owner has more room in swap than what holds it leaves.
fn narrow_swap(limits: &mut [Limit], room: Bytes) {
    for limit in limits {
        limit.swap_room = Some(limit.swap_room.map_or(room, |own| own.min(room)));
    }
}
