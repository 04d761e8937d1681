//! How the runs of units grew, as far as captures have it: enough for a line of a few signs.

use std::collections::HashMap;

use crate::event::{Sample, Subject, Trend};
use crate::measure::{Bytes, Timestamp};
use crate::unit::unit_cgroup;

/// Runs that are remembered, and what of each.
const RUNS: usize = 4096;
const KEPT: usize = 512;

/// Signs of the line.
const SIGNS: usize = 24;

/// Every run by its unit's cgroup and, of that, its invocation, or where systemd gave none the cgroup's id: a new one each
/// time.
#[derive(Debug, Default)]
pub(super) struct Growth {
    runs: HashMap<(String, Option<String>), Run>,
    /// Every unit as it was seen last, by its cgroup.
    last: HashMap<String, Seen>,
}

/// A unit as it was seen last.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Its run.
    run: Option<String>,
    pub(super) ts: Timestamp,
    pub(super) current: Bytes,
    pub(super) trend: Option<Trend>,
    /// The time left as it was told, in seconds.
    pub(super) left: Option<f64>,
}

/// One run.
#[derive(Debug)]
pub(super) struct Run {
    values: Vec<(Timestamp, f64)>,
    /// Of so many samples one is kept, and how many came since the last.
    every: usize,
    since: usize,
}

impl Growth {
    pub(super) fn push(&mut self, ts: Timestamp, sample: &Sample) {
        let (Some(key), Some(current)) = (key(&sample.subject), sample.memory.current) else {
            return;
        };
        if self.last.len() < RUNS || self.last.contains_key(&key.0) {
            let seen = Seen {
                run: key.1.clone(),
                ts,
                current,
                trend: sample.trend,
                left: sample.forecast.as_ref().map(|forecast| forecast.seconds),
            };
            self.last.insert(key.0.clone(), seen);
        }
        if self.runs.len() >= RUNS && !self.runs.contains_key(&key) {
            return;
        }
        let run = self.runs.entry(key).or_insert(Run {
            values: Vec::new(),
            every: 1,
            since: 0,
        });
        run.push(ts, current);
    }

    /// The unit as it was seen last, where that was after its kill.
    pub(super) fn last(&self, subject: &Subject, killed: Timestamp) -> Option<&Seen> {
        let (place, _) = key(subject)?;
        self.last.get(&place).filter(|seen| seen.ts > killed)
    }

    /// The run that ended with a kill.
    pub(super) fn run(&self, subject: &Subject, killed: Timestamp) -> Option<&Run> {
        self.runs.get(&key(subject)?).filter(|run| run.begins() < killed)
    }
}

impl Seen {
    /// Whether it is another run than the one that a process was killed in; `None` where nothing tells runs apart. A cgroup
    /// may stay long after its last process.
    pub(super) fn is_next(&self, killed: &Subject) -> Option<bool> {
        let (_, run) = key(killed)?;
        Some(self.run.as_ref()? != run.as_ref()?)
    }
}

fn key(subject: &Subject) -> Option<(String, Option<String>)> {
    // A name stands for what has no path: a stream that somebody made.
    let path = subject.cgroup.path.as_deref().map(unit_cgroup);
    let place = path.or(subject.user_unit.as_deref()).or(subject.unit.as_deref())?;
    let id = || subject.cgroup.id.map(|id| id.0.to_string());
    Some((place.to_owned(), subject.invocation_id.clone().or_else(id)))
}

impl Run {
    fn push(&mut self, ts: Timestamp, current: Bytes) {
        if self.since == 0 {
            self.values.push((ts, current.as_f64()));
        }
        self.since = (self.since + 1) % self.every;
        if self.values.len() > KEPT {
            let mut place = 0;
            self.values.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.every *= 2;
            self.since = 0;
        }
    }

    pub(super) fn begins(&self) -> Timestamp {
        self.values
            .first()
            .map_or(Timestamp(jiff::Timestamp::MAX), |(ts, _)| *ts)
    }

    /// `▁▂▃▅▆█`, from 0 to the most.
    pub(super) fn sparkline(&self, end: Timestamp) -> String {
        const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let before = || self.values.iter().filter(|(ts, _)| *ts <= end);
        let most = before().map(|(_, size)| *size).fold(1.0, f64::max);
        let length = end.seconds_since(self.begins());
        let signs = SIGNS.min(before().count());
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a few signs and levels"
        )]
        let sign = |number: usize| {
            let at = length * (number + 1) as f64 / signs as f64;
            let past = before().take_while(|(ts, _)| ts.seconds_since(self.begins()) <= at);
            let size = past.last().map_or(0.0, |(_, size)| *size);
            LEVELS[((size / most * 7.0).round() as usize).min(7)]
        };
        (0..signs).map(sign).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_growth_is_a_rising_line() {
        let mut run = Run {
            values: Vec::new(),
            every: 1,
            since: 0,
        };
        let at = |second| Timestamp(jiff::Timestamp::from_second(second).unwrap());
        for second in 0..10_000 {
            run.push(at(second), Bytes(u64::try_from(second).unwrap() << 10));
        }
        assert!(run.values.len() <= KEPT + 1);
        assert_eq!(run.sparkline(at(10_000)), "▁▂▂▂▂▃▃▃▄▄▄▅▅▅▅▆▆▆▇▇▇▇██");
    }
}
