//! Standstill: a unit that its own `memory.high` slows down until nothing of it gets on.
//!
//! The kernel lets whoever charges above `memory.high` sleep, up to two seconds for each batch of pages, and counts that as
//! a stall for memory (mm/memcontrol.c: `mem_cgroup_handle_over_high`, Documentation/admin-guide/cgroup-v2.rst). Without
//! anything to reclaim that never ends and never becomes a kill.

use crate::event::{Sample, Subject, Throttle, ThrottleState};
use crate::measure::Timestamp;

/// It stands still from this `full avg10` on, in per cent, and no more below the other.
///
/// Not near 100: where the unit's own program is in its page cache, reclaim takes that too, and the time in which its
/// pages are read again and mapped counts as running. On 6.12 such a unit did not grow by a page in ten seconds and was
/// stalled for 30 to 46 % of them.
const STANDS: f64 = 30.0;
const RUNS: f64 = 15.0;

/// It is at `memory.high` from this share on.
const AT_HIGH: f64 = 0.95;

/// A throttled unit meets its limit again within this time, in seconds: one sleep is two at most.
const AGAIN: f64 = 10.0;

/// How long it must stand still, or run, before that is told, in seconds.
const RAISED_AFTER: f64 = 5.0;
const CLEARED_AFTER: f64 = 10.0;

/// What is remembered of one cgroup.
#[derive(Debug, Default)]
pub(super) struct Throttling {
    /// `high` of `memory.events` when it was last seen to move, and when that was.
    moved: Option<(Timestamp, u64)>,
    /// `high` when the state changed.
    counted: u64,
    is_raised: bool,
    /// Since when the other state would be true.
    since: Option<Timestamp>,
}

impl Throttling {
    /// Whether it stands still as far as was told.
    pub(super) fn is_raised(&self) -> bool {
        self.is_raised
    }

    /// That whoever stood still is gone, where that was told.
    pub(super) fn over(&self, subject: Subject) -> Option<Throttle> {
        self.is_raised.then_some(Throttle {
            subject,
            state: ThrottleState::Cleared,
            high: None,
            high_events: None,
            stalled_share: None,
        })
    }

    /// Takes a sample; gives the change of state, where there is one.
    pub(super) fn push(&mut self, ts: Timestamp, sample: &Sample) -> Option<Throttle> {
        let memory = &sample.memory;
        let events = sample.events.map(|events| events.high);
        if let Some(high) = events
            && self.moved.is_none_or(|(_, before)| before != high)
        {
            let first = self.moved.is_none();
            self.moved = Some((ts, high));
            if first {
                // What was counted before is not of now.
                self.counted = high;
                return None;
            }
        }
        let full = sample
            .pressure
            .map(|pressure| pressure.full_avg10)
            .filter(|full| full.is_finite());
        let at_high = match (memory.current, memory.high) {
            (Some(current), Some(high)) => current.as_f64() >= high.as_f64() * AT_HIGH,
            _ => false,
        };
        let meets = self
            .moved
            .is_some_and(|(moved, high)| high > self.counted && ts.seconds_since(moved) <= AGAIN)
            || self.is_raised && self.moved.is_some_and(|(moved, _)| ts.seconds_since(moved) <= AGAIN);
        let stands = at_high && meets && full.is_some_and(|full| full >= if self.is_raised { RUNS } else { STANDS });
        if stands == self.is_raised {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(ts);
        let wait = if self.is_raised { CLEARED_AFTER } else { RAISED_AFTER };
        if ts.seconds_since(since) < wait {
            return None;
        }
        self.since = None;
        self.is_raised = stands;
        let high = events.unwrap_or(self.counted);
        let high_events = events.map(|high| high.saturating_sub(self.counted));
        self.counted = high;
        Some(Throttle {
            subject: sample.subject.clone(),
            state: if stands {
                ThrottleState::Raised
            } else {
                ThrottleState::Cleared
            },
            high: memory.high,
            high_events,
            stalled_share: full.map(|full| (full / 100.0).clamp(0.0, 1.0)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Memory, MemoryEvents, Pressure};
    use crate::measure::Bytes;

    fn at(second: i64) -> Timestamp {
        Timestamp(jiff::Timestamp::from_second(1_700_000_000 + second).unwrap())
    }

    fn sample(current: u64, high: Option<u64>, events: u64, full: f64) -> Sample {
        Sample {
            memory: Memory {
                current: Some(Bytes(current)),
                high: high.map(Bytes),
                ..Memory::default()
            },
            events: Some(MemoryEvents {
                high: events,
                ..MemoryEvents::default()
            }),
            pressure: Some(Pressure {
                some_avg10: full,
                full_avg10: full,
            }),
            ..Sample::default()
        }
    }

    fn run(samples: impl IntoIterator<Item = Sample>) -> Vec<(i64, Throttle)> {
        let mut throttling = Throttling::default();
        (0..)
            .zip(samples)
            .filter_map(|(second, sample)| Some((second, throttling.push(at(second), &sample)?)))
            .collect()
    }

    #[test]
    fn a_standstill_is_raised_once_and_cleared_once_when_the_limit_goes() {
        let stuck = (0..60).map(|second| sample(100, Some(100), second, 90.0));
        let free = (0..60).map(|_| sample(100, None, 60, 1.0));
        let told = run(stuck.chain(free));
        let states: Vec<_> = told.iter().map(|(_, told)| told.state).collect();
        assert_eq!(states, [ThrottleState::Raised, ThrottleState::Cleared]);
        assert_eq!(told[0].1.high, Some(Bytes(100)));
        assert!(told[0].1.high_events.unwrap() >= 5 && told[0].1.stalled_share == Some(0.9));
        assert!(told[0].0 <= 10 && told[1].0 >= 70, "{told:?}");
    }

    /// As seen where the unit's own program was read again and again: `full avg10` of a unit that did not get on.
    #[test]
    fn a_unit_whose_own_program_is_reclaimed_stands_still_too() {
        let full = [
            0.5, 1.5, 1.5, 8.9, 8.9, 21.4, 21.4, 28.7, 28.7, 32.6, 32.6, 35.7, 35.7, 43.0, 43.0, 46.5,
        ];
        let told = run((0..)
            .zip(full)
            .map(|(second, full)| sample(105, Some(100), 160 * second, full)));
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].0, told[0].1.state), (14, ThrottleState::Raised));
    }

    #[test]
    fn neither_reclaim_that_works_nor_stalls_for_another_reason_are_one() {
        // It meets its limit all the time, and gets on.
        assert!(run((0..60).map(|second| sample(100, Some(100), second * 50, 8.0))).is_empty());
        // It stalls, far below its limit.
        assert!(run((0..60).map(|second| sample(50, Some(100), second, 90.0))).is_empty());
        // It stalls at its limit, which has been quiet: the disk, not the limit.
        assert!(run((0..60).map(|_| sample(100, Some(100), 7, 90.0))).is_empty());
        // A moment now and then.
        assert!(
            run((0..60).map(|second| sample(100, Some(100), second, if second % 4 == 0 { 90.0 } else { 10.0 })))
                .is_empty()
        );
    }
}
