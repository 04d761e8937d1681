//! What is kept of a unit.

use std::cmp::Reverse;
use std::collections::VecDeque;

use serde::Serialize;

use super::points::{Left, Point, Points, parts};
use crate::event::{
    Event, ForecastChange, ForecastState, Kill, Limit, Relation, Sample, Stacks, Throttle, Unit, UnitState,
};
use crate::human::bytes;
use crate::measure::{Bytes, Timestamp};
use crate::words::{code, is_code_of, limit};

/// Things of a kind that are kept of a unit; of more only how many.
const MAX_KEPT: usize = 100;

/// Limits that are followed of a unit, the first: its own and those above it.
const LIMITS: usize = 16;

/// Tasks of a kill that are told, and the victim among them.
const TASKS: usize = 6;

/// The share of its peak that a slice may hold beside the only unit in it, and still be the same plot.
const BESIDE: f64 = 0.1;

/// Room for what is kept of all units together, in bytes of JSON: about what it takes.
#[derive(Debug)]
pub(super) struct Room(pub(super) usize);

impl Room {
    /// Whether there was room for it.
    fn takes(&mut self, value: &impl Serialize) -> bool {
        let length = serde_json::to_vec(value).map_or(usize::MAX, |text| text.len());
        let left = self.0.checked_sub(length);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// The first of a kind, and how many there were.
#[derive(Debug)]
pub(super) struct Kept<T> {
    pub(super) kept: Vec<(Timestamp, T)>,
    pub(super) total: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            total: 0,
        }
    }
}

impl<T: Serialize> Kept<T> {
    fn push(&mut self, ts: Timestamp, value: T, room: &mut Room) {
        self.total += 1;
        if self.kept.len() < MAX_KEPT && room.takes(&value) {
            self.kept.push((ts, value));
        }
    }
}

/// A limit that held the unit.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) cgroup: String,
    pub(super) unit: Option<String>,
    pub(super) file: String,
    pub(super) relation: Relation,
    /// As it was last.
    pub(super) bytes: Bytes,
    /// The least room that it left, in bytes.
    pub(super) least_room: f64,
}

impl Held {
    pub(super) fn words(&self) -> String {
        let size = bytes(self.bytes);
        limit(
            Some(self.relation),
            self.unit.as_deref(),
            Some(&self.cgroup),
            &self.file,
            &size,
        )
    }
}

/// What the page tells of a kill.
fn outline(mut kill: Box<Kill>) -> Box<Kill> {
    let own = kill.last_sample().cloned();
    if let Some(before) = &mut kill.before {
        before.samples = own.into_iter().collect();
    }
    kill.tasks.truncate(TASKS);
    kill
}

/// A unit's history.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) host: String,
    pub(super) name: String,
    /// Its cgroup's path, where that is known.
    pub(super) path: Option<String>,
    pub(super) points: Points,
    pub(super) limits: Vec<Held>,
    pub(super) warnings: Kept<ForecastChange>,
    pub(super) kills: Kept<Box<Kill>>,
    pub(super) throttles: Kept<Throttle>,
    pub(super) ends: Kept<Unit>,
    /// Which code filled it, in words: the last.
    code: VecDeque<(Timestamp, String)>,
    run: Option<String>,
    life: u32,
}

impl Past {
    pub(super) fn new(host: String, name: String, path: Option<String>) -> Self {
        Self {
            host,
            name,
            path,
            points: Points::default(),
            limits: Vec::new(),
            warnings: Kept::default(),
            kills: Kept::default(),
            throttles: Kept::default(),
            ends: Kept::default(),
            code: VecDeque::new(),
            run: None,
            life: 0,
        }
    }

    pub(super) fn take(&mut self, ts: Timestamp, event: Event, points: usize, room: &mut Room) {
        match event {
            Event::Sample(sample) => self.sample(ts, &sample, points),
            Event::Forecast(change) => self.warnings.push(ts, change, room),
            Event::Throttle(throttle) => self.throttles.push(ts, throttle, room),
            Event::Kill(kill) => self.kills.push(ts, outline(kill), room),
            Event::Unit(unit) => match unit.state {
                UnitState::Started | UnitState::Stopped | UnitState::Failed => self.ends.push(ts, unit, room),
                UnitState::Waiting | UnitState::Running => {}
            },
            Event::Stacks(stacks) => self.stacks(ts, &stacks, room),
            Event::Start(_)
            | Event::Run(_)
            | Event::Processes(_)
            | Event::OomWithoutKill(_)
            | Event::Lost(_)
            | Event::Unexplained(_)
            | Event::Stop(_) => {}
        }
    }

    fn stacks(&mut self, ts: Timestamp, stacks: &Stacks, room: &mut Room) {
        if let Some(code) = code(stacks).filter(|code| room.takes(code)) {
            self.code.push_back((ts, code));
            if self.code.len() > MAX_KEPT {
                self.code.pop_front();
            }
        }
    }

    /// Which code filled it before a kill.
    pub(super) fn code_of(&self, kill: Timestamp) -> Option<&str> {
        let mut last_first = self.code.iter().rev();
        last_first
            .find(|(told, _)| is_code_of(*told, kill))
            .map(|(_, code)| code.as_str())
    }

    fn sample(&mut self, ts: Timestamp, sample: &Sample, points: usize) {
        let Some(current) = sample.memory.current.map(Bytes::as_f64) else {
            return;
        };
        if sample.subject.invocation_id.is_some() && sample.subject.invocation_id != self.run {
            self.run.clone_from(&sample.subject.invocation_id);
            self.life += 1;
        }
        let ceilings = sample
            .limits
            .iter()
            .filter_map(|limit| self.ceiling(limit, current))
            .collect();
        self.points.push(
            Point {
                ts,
                life: self.life,
                current,
                parts: parts(sample, current),
                ceilings,
                left: sample.forecast.as_ref().map(Left::from),
            },
            points,
        );
    }

    /// Up to where a limit lets the unit grow while the others below it stay as they are.
    fn ceiling(&mut self, limit: &Limit, current: f64) -> Option<(usize, f64)> {
        // Another resource, with another height.
        if limit.file.contains("sw") {
            return None;
        }
        let room = match (limit.relation, limit.usage) {
            (Relation::Own, _) => limit.bytes.as_f64() - current,
            (Relation::Ancestor | Relation::Host, Some(usage)) => limit.bytes.as_f64() - usage.as_f64(),
            (Relation::Ancestor | Relation::Host, None) => return None,
        };
        let known = self
            .limits
            .iter()
            .position(|held| held.cgroup == limit.cgroup && held.file == limit.file);
        if known.is_none() && self.limits.len() >= LIMITS {
            return None;
        }
        let place = known.unwrap_or_else(|| {
            self.limits.push(Held {
                cgroup: limit.cgroup.clone(),
                unit: limit.unit.clone(),
                file: limit.file.clone(),
                relation: limit.relation,
                bytes: limit.bytes,
                least_room: room,
            });
            self.limits.len() - 1
        });
        let held = self.limits.get_mut(place)?;
        held.bytes = limit.bytes;
        held.least_room = held.least_room.min(room);
        Some((place, current + room.max(0.0)))
    }

    /// Its place on the page: killed first, then by the least headroom that it had, as a share of the limit, then by size.
    pub(super) fn rank(&self) -> (bool, u64, Reverse<u64>, String) {
        let share = self
            .nearest()
            .map_or(f64::MAX, |held| held.least_room.max(0.0) / held.bytes.as_f64().max(1.0));
        // As whole numbers, for their order is total, and that of what is not negative is the same.
        let (share, peak) = (share.to_bits(), self.peak().max(0.0).to_bits());
        (self.kills.total == 0, share, Reverse(peak), self.name.clone())
    }

    /// Whether all that it shows is what the one below it shows: nothing happened to it, it has no limit of its own, and it holds
    /// next to nothing beside it.
    pub(super) fn is_the_same_as(&self, below: &Self) -> bool {
        let failed = self.ends.kept.iter().any(|(_, unit)| unit.state == UnitState::Failed);
        let is_calm = self.kills.total + self.warnings.total + self.throttles.total == 0 && !failed;
        let is_free = self.limits.iter().all(|held| held.relation != Relation::Own);
        is_calm && is_free && self.peak() - below.peak() <= self.peak() * BESIDE
    }

    pub(super) fn peak(&self) -> f64 {
        self.points.peak()
    }

    pub(super) fn begins(&self) -> Option<Timestamp> {
        let kill = self.kills.kept.first().map(|(ts, _)| *ts);
        self.points.first().map(|point| point.ts).into_iter().chain(kill).min()
    }

    pub(super) fn ends(&self) -> Option<Timestamp> {
        let kill = self.kills.kept.last().map(|(ts, _)| *ts);
        self.points.last().map(|point| point.ts).into_iter().chain(kill).max()
    }

    /// The limit that was nearest.
    pub(super) fn nearest(&self) -> Option<&Held> {
        let hard = self.limits.iter().filter(|held| held.file != "memory.high");
        hard.min_by(|a, b| a.least_room.total_cmp(&b.least_room))
    }

    /// Warnings that began, in the order of time.
    pub(super) fn raised(&self) -> impl Iterator<Item = &(Timestamp, ForecastChange)> {
        let began = |(_, change): &&(Timestamp, ForecastChange)| change.state == ForecastState::Raised;
        self.warnings.kept.iter().filter(began)
    }
}
