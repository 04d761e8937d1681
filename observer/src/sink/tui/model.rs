//! What the stream has told, kept for drawing. In: lines. Out: rows, as they stood at any time that is remembered.

use std::collections::{HashMap, VecDeque};

use super::history::{History, Point, room};
use super::then::Then;
use super::tree::Tree;
use crate::event::{
    Event, ForecastState, Kill, Limit, LimitRef, Line, Probe, Processes, Relation, Sample, Stream, TaskSize, Throttle,
    ThrottleState, Trend, Unit, UnitState, Via,
};
use crate::measure::{Bytes, Tgid, Timestamp};
use crate::words::{self, HOST, name, paragraph, standstill, unkilled, warning};

/// Cgroups that are kept; the one not heard of for longest goes first.
pub(super) const MAX_UNITS: usize = 512;

/// Kills, warnings and other incidents that are kept.
pub(super) const MAX_INCIDENTS: usize = 256;

/// A cgroup: by its host and path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) host: String,
    pub(super) path: String,
}

/// What is known of a cgroup.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) name: String,
    /// Of a container its name, where the runtime's files have it.
    container: Option<String>,
    pub(super) description: Option<String>,
    pub(super) tasks: Option<u64>,
    /// Its largest processes, and how fast each grew since the time before, in bytes a second.
    largest: Then<Largest>,
    /// Its processes as a tree.
    tree: Then<Tree>,
    /// Every limit as last told.
    pub(super) limits: Vec<Limit>,
    /// Every limit, without what was used of it.
    set: Then<Vec<Limit>>,
    /// How it grows, as last told.
    pub(super) trend: Option<Trend>,
    /// Which limit its time left is about.
    pub(super) bound: Then<Option<LimitRef>>,
    pub(super) history: History,
    /// Whether it waits at `memory.high`, and the share of time.
    throttled: Then<Option<Option<f64>>>,
    /// Whether a warning stands.
    warned: Then<bool>,
    /// What systemd said.
    state: Then<UnitState>,
    killed: Then<Timestamp>,
    heard: u64,
}

/// Processes as they were told, with their growth, in bytes a second.
#[derive(Debug, Clone, Default, PartialEq)]
struct Largest {
    ts: Option<Timestamp>,
    tasks: Vec<(TaskSize, Option<f64>)>,
}

/// What is told of processes is good for so long, in seconds: they come and go.
const TASKS_GOOD_FOR: f64 = 300.0;

/// Trees are kept so far apart, in seconds.
const TREE_EACH: f64 = 5.0;

impl Known {
    fn tasks(&mut self, ts: Timestamp, tasks: &[TaskSize]) {
        let last = self.largest.last();
        let seconds = last
            .and_then(|last| last.ts)
            .map_or(0.0, |looked| ts.seconds_since(looked));
        let slope = |task: &TaskSize| {
            let (before, _) = last?.tasks.iter().find(|(before, _)| before.pid == task.pid)?;
            (seconds > 0.0).then(|| (task.held.as_f64() - before.held.as_f64()) / seconds)
        };
        let tasks = tasks.iter().map(|task| (task.clone(), slope(task))).collect();
        self.largest.set(ts, Largest { ts: Some(ts), tasks });
    }

    fn processes(&mut self, ts: Timestamp, told: &Processes) {
        let last = self.tree.last();
        // A tree for each tick would push what was so some minutes ago out.
        if last.is_none_or(|last| !(0.0..TREE_EACH).contains(&ts.seconds_since(last.ts))) {
            let tree = Tree::new(ts, told, last);
            self.tree.set(ts, tree);
        }
    }

    /// Its processes as they were told last before then, where that was not long before.
    pub(super) fn tree_at(&self, ts: Timestamp) -> Option<&Tree> {
        let (_, tree) = self.tree.at(ts)?;
        (ts.seconds_since(tree.ts) <= TASKS_GOOD_FOR).then_some(tree)
    }

    /// A process that is dead is none of the largest.
    fn gone(&mut self, ts: Timestamp, is_gone: impl Fn(Tgid) -> bool) {
        if let Some(last) = self.largest.last() {
            let mut rest = last.clone();
            rest.tasks.retain(|(task, _)| !is_gone(task.pid));
            self.largest.set(ts, rest);
        }
        if let Some(tree) = self.tree.last() {
            let rest = tree.without(is_gone);
            self.tree.set(ts, rest);
        }
    }

    /// Its largest processes as they were told last before then, where that was not long before.
    pub(super) fn tasks_at(&self, ts: Timestamp) -> &[(TaskSize, Option<f64>)] {
        let told = self.largest.at(ts).map(|(_, largest)| largest);
        let fresh = told.filter(|told| told.ts.is_some_and(|of| ts.seconds_since(of) <= TASKS_GOOD_FOR));
        fresh.map_or(&[], |told| &told.tasks)
    }

    /// Its limits as they were set then.
    pub(super) fn limits_at(&self, ts: Timestamp) -> &[Limit] {
        self.set.at(ts).map_or(&[], |(_, limits)| limits)
    }

    /// What systemd had said of it then, and when.
    pub(super) fn state_at(&self, ts: Timestamp) -> Option<(Timestamp, UnitState)> {
        self.state.at(ts).map(|(since, state)| (since, *state))
    }

    pub(super) fn throttled_at(&self, ts: Timestamp) -> Option<Option<f64>> {
        self.throttled.at(ts).and_then(|(_, throttled)| *throttled)
    }

    pub(super) fn is_warned_at(&self, ts: Timestamp) -> bool {
        self.warned.at(ts).is_some_and(|(_, warned)| *warned)
    }

    /// When a process of it was last killed before then.
    pub(super) fn killed_at(&self, ts: Timestamp) -> Option<Timestamp> {
        self.killed.at(ts).map(|(_, killed)| *killed)
    }
}

/// How grave an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gravity {
    Kill,
    Warning,
    Note,
}

/// Something to be read again later.
#[derive(Debug, Clone)]
pub(super) struct Incident {
    /// From 0, in the order of the stream.
    pub(super) number: u64,
    pub(super) ts: Timestamp,
    pub(super) key: Key,
    pub(super) gravity: Gravity,
    pub(super) mark: &'static str,
    pub(super) text: String,
    /// For a list: whom it is about, what happened, and at whose limit.
    pub(super) brief: Option<Brief>,
    /// The rest of a verdict: labels and what belongs to them.
    pub(super) verdict: Vec<(&'static str, String)>,
}

/// A kill or a warning in a row of a list.
#[derive(Debug, Clone)]
pub(super) struct Brief {
    pub(super) who: String,
    pub(super) what: String,
    pub(super) limit: String,
}

/// What the stream has told.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) hosts: Vec<String>,
    pub(super) kernel: String,
    pub(super) probes: Vec<Probe>,
    pub(super) units: HashMap<Key, Known>,
    pub(super) waiting: Vec<String>,
    pub(super) incidents: VecDeque<Incident>,
    pub(super) lost: Vec<(Stream, u64)>,
    /// The first moment that has a sample: before it there is nothing to be seen.
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) ended: bool,
    told: u64,
    turn: u64,
}

impl Model {
    pub(super) fn line(&mut self, line: &Line) {
        let ts = line.ts;
        self.last = self.last.max(Some(ts));
        if !self.hosts.contains(&line.host) && self.hosts.len() < MAX_UNITS {
            self.hosts.push(line.host.clone());
        }
        let path = line
            .event
            .subject()
            .and_then(|subject| subject.cgroup.path.clone().or(subject.unit.clone()));
        let key = Key {
            host: line.host.clone(),
            path: path.unwrap_or_default(),
        };
        match &line.event {
            Event::Start(start) => {
                self.kernel.clone_from(&start.kernel);
                self.probes.clone_from(&start.probes);
                self.ended = false;
            }
            Event::Sample(sample) => self.sample(ts, &key, sample),
            Event::Forecast(change) => {
                let known = self.known(&key);
                known.warned.set(ts, change.state != ForecastState::Cleared);
                if change.state == ForecastState::Raised {
                    let brief = words::warning_brief(change).map(|(what, limit)| Brief {
                        who: name(&change.subject).to_owned(),
                        what,
                        limit,
                    });
                    self.incident(ts, key, Gravity::Warning, ("▲", warning(change)), brief);
                }
            }
            Event::Throttle(throttle) => self.throttle(ts, key, throttle),
            Event::Kill(kill) => self.kill(ts, key, kill),
            Event::OomWithoutKill(oom) => {
                let text = format!("out of memory: {}", unkilled(oom));
                self.incident(ts, key, Gravity::Warning, ("▲", text), None);
            }
            Event::Unit(unit) => self.unit(ts, key, unit),
            Event::Lost(lost) => match self.lost.iter_mut().find(|(stream, _)| *stream == lost.stream) {
                Some((_, count)) => *count = count.saturating_add(lost.count),
                None => self.lost.push((lost.stream, lost.count)),
            },
            Event::Unexplained(unexplained) => {
                let text = words::unexplained(unexplained);
                self.incident(ts, key, Gravity::Note, ("?", text), None);
            }
            Event::Processes(told) => self.known(&key).processes(ts, told),
            Event::Run(_) | Event::Stacks(_) => {}
            Event::Stop(_) => self.ended = true,
        }
    }

    fn known(&mut self, key: &Key) -> &mut Known {
        self.turn += 1;
        if self.units.len() >= MAX_UNITS && !self.units.contains_key(key) {
            let oldest = self.units.iter().min_by_key(|(_, known)| known.heard);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.units.remove(&oldest);
            }
        }
        let known = self.units.entry(key.clone()).or_default();
        known.heard = self.turn;
        if known.name.is_empty() {
            known.name.clone_from(&key.path);
        }
        known
    }

    fn sample(&mut self, ts: Timestamp, key: &Key, sample: &Sample) {
        self.first.get_or_insert(ts);
        let limit = binding(sample);
        let point = Point::new(ts, sample, limit);
        let room = room(self.units.len());
        let known = self.known(key);
        name(&sample.subject).clone_into(&mut known.name);
        let container = sample.subject.container.as_ref();
        known.container = container.and_then(|container| container.name.clone());
        known.limits.clone_from(&sample.limits);
        known.trend = sample.trend;
        let bound = limit.map(|limit| LimitRef {
            cgroup: limit.cgroup.clone(),
            unit: limit.unit.clone(),
            file: limit.file.clone(),
            bytes: limit.bytes,
        });
        known.bound.set(ts, bound);
        let set = sample.limits.iter().cloned().map(|limit| Limit {
            usage: None,
            reclaimable: None,
            swap_usage: None,
            swap_room: None,
            ..limit
        });
        known.set.set(ts, set.collect());
        if !sample.tasks.is_empty() {
            known.tasks(ts, &sample.tasks);
        }
        known.history.push(point, room);
    }

    fn throttle(&mut self, ts: Timestamp, key: Key, throttle: &Throttle) {
        let known = self.known(&key);
        let throttled = match throttle.state {
            ThrottleState::Raised => Some(throttle.stalled_share),
            ThrottleState::Cleared => None,
        };
        known.throttled.set(ts, throttled);
        self.incident(ts, key, Gravity::Warning, ("≋", standstill(throttle)), None);
    }

    fn kill(&mut self, ts: Timestamp, key: Key, kill: &Kill) {
        let known = self.known(&key);
        known.killed.set(ts, ts);
        let victim = kill.victim.as_ref().map(|victim| victim.pid);
        known.gone(ts, |pid| Some(pid) == victim);
        let (head, lines) = paragraph(kill, ts);
        self.push(Incident {
            number: self.told,
            ts,
            key,
            gravity: Gravity::Kill,
            mark: "✖",
            text: head,
            brief: Some(Brief {
                who: name(&kill.subject).to_owned(),
                what: format!("killed {}", kill.who()),
                limit: words::limit_brief(kill),
            }),
            verdict: lines,
        });
    }

    fn unit(&mut self, ts: Timestamp, key: Key, unit: &Unit) {
        let name = name(&unit.subject).to_owned();
        self.waiting.retain(|waiting| *waiting != name);
        if unit.state == UnitState::Waiting {
            if self.waiting.len() < MAX_UNITS {
                self.waiting.push(name);
            }
            return;
        }
        let known = self.known(&key);
        known.name.clone_from(&name);
        known.state.set(ts, unit.state);
        if unit.description.is_some() {
            known.description.clone_from(&unit.description);
        }
        known.tasks = unit.tasks.or(known.tasks);
        let result = unit
            .result
            .as_ref()
            .map(|result| format!(" (Result={result})"))
            .unwrap_or_default();
        match unit.state {
            UnitState::Waiting | UnitState::Running => {}
            UnitState::Started => self.incident(ts, key, Gravity::Note, ("●", format!("{name}: started")), None),
            UnitState::Stopped => {
                self.still(ts, &key);
                self.incident(ts, key, Gravity::Note, ("○", format!("{name}: stopped{result}")), None);
            }
            UnitState::Failed => {
                self.still(ts, &key);
                self.incident(
                    ts,
                    key,
                    Gravity::Warning,
                    ("○", format!("{name}: failed{result}")),
                    None,
                );
            }
        }
    }

    /// What has ended neither grows nor waits.
    fn still(&mut self, ts: Timestamp, key: &Key) {
        let known = self.known(key);
        known.throttled.set(ts, None);
        known.warned.set(ts, false);
        known.gone(ts, |_| true);
    }

    fn incident(
        &mut self,
        ts: Timestamp,
        key: Key,
        gravity: Gravity,
        (mark, text): (&'static str, String),
        brief: Option<Brief>,
    ) {
        self.push(Incident {
            number: self.told,
            ts,
            key,
            gravity,
            mark,
            text,
            brief,
            verdict: Vec::new(),
        });
    }

    fn push(&mut self, incident: Incident) {
        if self.incidents.len() >= MAX_INCIDENTS {
            // Kills are what is looked for later: they outlive the rest.
            let least = self.incidents.iter().position(|old| old.gravity != Gravity::Kill);
            self.incidents.remove(least.unwrap_or(0));
        }
        self.told += 1;
        self.incidents.push_back(incident);
    }

    /// The name as it stands below what holds it: a container's own, else the last part of a path.
    pub(super) fn leaf<'a>(&'a self, key: &'a Key) -> &'a str {
        let known = self.units.get(key);
        let container = known.and_then(|known| known.container.as_deref());
        let name = container
            .or(known.map(|known| known.name.as_str()))
            .unwrap_or(&key.path);
        name.rsplit('/').find(|part| !part.is_empty()).unwrap_or(name)
    }

    /// The name as it stands in lists: with the host where there are several.
    pub(super) fn title(&self, key: &Key) -> String {
        let name = self.units.get(key).map_or(key.path.as_str(), |known| &known.name);
        if self.hosts.len() > 1 {
            format!("{}: {name}", key.host)
        } else {
            name.to_owned()
        }
    }

    /// Whether that is the newest moment: what is known of it alone may be shown.
    pub(super) fn is_now(&self, at: Timestamp) -> bool {
        self.last.is_none_or(|last| at >= last)
    }

    /// What a cgroup held then, where it was sampled.
    pub(super) fn used_at(&self, host: &str, path: &str, at: Timestamp) -> Option<Bytes> {
        let key = Key {
            host: host.to_owned(),
            path: path.to_owned(),
        };
        let point = self.units.get(&key)?.history.at(at)?;
        point.memory.current
    }

    /// The machine's memory as it stood: used and all of it.
    pub(super) fn host_memory(&self, at: Timestamp) -> Option<(Bytes, Bytes)> {
        let told = self.host_point(at).and_then(|point| point.limit);
        // Where units are selected, the host stands in their limits.
        let is_now = self.is_now(at);
        told.map(|held| (held.usage, held.bytes)).or_else(|| {
            let mut limits = self.units.values().filter(|_| is_now).flat_map(|known| &known.limits);
            let limit = limits.find(|limit| limit.relation == Relation::Host)?;
            Some((limit.usage?, limit.bytes))
        })
    }

    /// The machine's swap as it stood: used, and all of it where that is told.
    pub(super) fn host_swap(&self, at: Timestamp) -> Option<(Bytes, Option<Bytes>)> {
        let limits = self.units.values().flat_map(|known| &known.limits);
        let host = limits
            .filter(|limit| limit.relation == Relation::Host)
            .find_map(|host| host.swap_usage.zip(host.swap_room));
        let then = self.host_point(at).and_then(|point| point.memory.swap_current);
        // How much there is at all is of no moment.
        let total = host.map(|(used, room)| Bytes(used.0.saturating_add(room.0)));
        let now = host.map(|(used, _)| used).filter(|_| self.is_now(at));
        Some((then.or(now)?, total))
    }

    /// The machine's last point up to then.
    pub(super) fn host_point(&self, at: Timestamp) -> Option<&Point> {
        let host = self.units.iter().find(|(key, _)| key.path == "/");
        host.and_then(|(_, known)| known.history.at(at))
    }

    /// What cannot be known here, in words.
    pub(super) fn blind(&self) -> impl Iterator<Item = String> {
        let missing = self.probes.iter().filter(|probe| probe.via == Via::None);
        missing.filter_map(|probe| Some(format!("without {}: {}", probe.name, probe.loss.as_ref()?)))
    }
}

/// The limit that the time left is about, else the unit's own, else the one that is nearest to being full.
fn binding(sample: &Sample) -> Option<&Limit> {
    let share = |limit: &&Limit| limit.usage.unwrap_or_default().as_f64() / limit.bytes.as_f64().max(1.0);
    let told = sample.forecast.as_ref().map(|forecast| &forecast.limit);
    let hard = || sample.limits.iter().filter(|limit| limit.file != "memory.high");
    hard()
        .find(|limit| told.is_some_and(|told| told.cgroup == limit.cgroup && told.file == limit.file))
        .or_else(|| hard().find(|limit| limit.relation == Relation::Own))
        .or_else(|| hard().max_by(|a, b| share(a).total_cmp(&share(b))))
}

impl Known {
    /// Whose limit held it then.
    pub(super) fn owner(&self, relation: Relation, at: Timestamp) -> String {
        match (relation, self.bound.at(at).and_then(|(_, bound)| bound.as_ref())) {
            (Relation::Own, _) => "own".to_owned(),
            (Relation::Host, _) | (Relation::Ancestor, None) => HOST.to_owned(),
            (Relation::Ancestor, Some(bound)) => words::limit_owner(relation, bound.unit.as_deref(), &bound.cgroup),
        }
    }
}
