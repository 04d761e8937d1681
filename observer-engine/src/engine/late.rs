//! What was known of a cgroup some seconds ago, for a kill that is told late: it waits for what systemd says of the unit, or
//! for systemd-oomd's reason, and by then the unit may have been started again.

use std::collections::VecDeque;

use super::above::Owners;
use super::recent::Recent;
use crate::event::{Bursty, Forecast, Trend};
use crate::measure::Timestamp;

/// How long a kill may wait, in seconds.
const LATE: f64 = 60.0;

/// What was said with a sample.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) trend: Option<Trend>,
    /// The forecast that was said last, and when.
    pub(super) forecast: Option<(Timestamp, Forecast)>,
    pub(super) bursty: Option<Bursty>,
}

/// The last of it, oldest first.
#[derive(Debug, Default)]
pub(super) struct Sayings(VecDeque<(Timestamp, Said)>);

impl Sayings {
    fn push(&mut self, ts: Timestamp, said: Said, room: usize) {
        while self.0.len() >= room.max(1) {
            self.0.pop_front();
        }
        self.0.push_back((ts, said));
    }

    /// What had been said last by then; of what is all later the first, which is nearest.
    pub(super) fn at(&self, ts: Timestamp) -> Option<&Said> {
        let before = self.0.iter().rev().find(|(at, _)| *at <= ts);
        before.or_else(|| self.0.front()).map(|(_, said)| said)
    }
}

/// A unit's run before this one.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) last: Recent,
    pub(super) owners: Owners,
    pub(super) said: Sayings,
    /// When the next one was seen first.
    pub(super) ended: Timestamp,
}

/// All of it; most cgroups have none.
#[derive(Debug, Default)]
pub(super) struct Late {
    pub(super) said: Sayings,
    before: Option<Life>,
}

impl Late {
    /// Of a unit that has been started again.
    pub(super) fn after(before: Life) -> Self {
        Self {
            said: Sayings::default(),
            before: Some(before),
        }
    }

    /// Takes what was said, where that is kept: the last `room` of it. Forgets what nobody can ask for any more. Whether anything
    /// is left.
    pub(super) fn push(&mut self, ts: Timestamp, said: Option<Said>, room: usize) -> bool {
        match said {
            Some(said) => self.said.push(ts, said, room),
            None => self.said = Sayings::default(),
        }
        self.before.take_if(|life| ts.seconds_since(life.ended) > LATE);
        self.before.is_some() || !self.said.0.is_empty()
    }

    /// The run that it was then, where it was not this one.
    pub(super) fn life_at(&self, ts: Timestamp) -> Option<&Life> {
        self.before.as_ref().filter(|life| ts < life.ended)
    }

    /// What it takes on the heap, in bytes.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        let of = |said: &Sayings| {
            let told = said.0.iter().filter_map(|(_, said)| said.forecast.as_ref());
            let told: usize = told.map(|(_, forecast)| names(forecast)).sum();
            said.0.capacity() * size_of::<(Timestamp, Said)>() + told
        };
        let before = self.before.as_ref().map_or(0, |life| life.last.heap() + of(&life.said));
        size_of::<Self>() + of(&self.said) + before
    }
}

/// What a forecast's names take on the heap, in bytes.
#[cfg(test)]
pub(super) fn names(forecast: &Forecast) -> usize {
    let limit = &forecast.limit;
    limit.cgroup.capacity() + limit.file.capacity() + limit.unit.as_ref().map_or(0, String::capacity)
}
