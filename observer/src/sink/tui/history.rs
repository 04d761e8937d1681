//! A cgroup's past, as far back as there is room: near in full, far in outline.

use std::collections::VecDeque;

use crate::event::{Class, Forecast, Limit, Memory, Pressure, Relation, Sample};
use crate::measure::{Bytes, Timestamp};

/// Points of a cgroup that are kept.
pub(super) const MAX_POINTS: usize = 240;

/// Every second point goes from what is older than the newest so many.
const KEPT_IN_FULL: usize = MAX_POINTS / 2;

/// A cgroup at a moment: what a row, a plot and the composition need.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) ts: Timestamp,
    pub(super) memory: Memory,
    pub(super) pressure: Option<Pressure>,
    pub(super) limit: Option<Held>,
    pub(super) slope: Option<(f64, Class)>,
    pub(super) left: Option<Left>,
}

/// The limit that holds a cgroup.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) relation: Relation,
    pub(super) bytes: Bytes,
    pub(super) usage: Bytes,
}

/// The time left, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Left {
    pub(super) seconds: f64,
    pub(super) low: f64,
    pub(super) high: Option<f64>,
}

impl Held {
    /// How full it is, 0 to 1 and, where it was lowered, beyond.
    pub(super) fn share(&self) -> f64 {
        self.usage.as_f64() / self.bytes.as_f64().max(1.0)
    }

    /// How much of it a cgroup that uses `current` may have, the others under it as they are.
    pub(super) fn allowed(&self, current: Bytes) -> f64 {
        let others = self.usage.saturating_sub(current);
        match self.relation {
            Relation::Own => self.bytes.as_f64(),
            Relation::Ancestor | Relation::Host => self.bytes.saturating_sub(others).as_f64(),
        }
    }
}

impl From<&Forecast> for Left {
    fn from(forecast: &Forecast) -> Self {
        Self {
            seconds: forecast.seconds,
            low: forecast.low_seconds,
            high: forecast.high_seconds,
        }
    }
}

impl Point {
    pub(super) fn new(ts: Timestamp, sample: &Sample, limit: Option<&Limit>) -> Self {
        Self {
            ts,
            memory: sample.memory,
            pressure: sample.pressure,
            limit: limit.map(|limit| Held {
                relation: limit.relation,
                bytes: limit.bytes,
                usage: limit.usage.unwrap_or_default(),
            }),
            slope: sample.trend.map(|trend| (trend.bytes_per_second, trend.class)),
            left: sample.forecast.as_ref().map(Left::from),
        }
    }

    pub(super) fn current(&self) -> Bytes {
        self.memory.current.unwrap_or_default()
    }
}

/// Points in the order of time.
#[derive(Debug, Clone, Default)]
pub(super) struct History(VecDeque<Point>);

impl History {
    pub(super) fn push(&mut self, point: Point) {
        // A clock that was set back, or another capture of the same time, begins anew: order is what all else rests on.
        if self.0.back().is_some_and(|last| last.ts > point.ts) {
            self.0.clear();
        }
        if self.0.len() >= MAX_POINTS {
            self.thin();
        }
        self.0.push_back(point);
    }

    fn thin(&mut self) {
        let old = self.0.len().saturating_sub(KEPT_IN_FULL);
        let mut place = 0;
        self.0.retain(|_| {
            place += 1;
            // The first stays: how long it has been watched is never forgotten.
            place > old || place % 2 == 1
        });
    }

    /// The cgroup as it stood: the last point up to then.
    pub(super) fn at(&self, ts: Timestamp) -> Option<&Point> {
        let after = self.0.partition_point(|point| point.ts <= ts);
        self.0.get(after.checked_sub(1)?)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn first(&self) -> Option<&Point> {
        self.0.front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(jiff::Timestamp::from_second(second).unwrap())
    }

    fn point(second: i64) -> Point {
        let mut sample = Sample::default();
        sample.memory.current = Some(Bytes(u64::try_from(second).unwrap()));
        Point::new(at(second), &sample, None)
    }

    proptest::proptest! {
        #[test]
        fn a_history_is_bounded_keeps_its_ends_and_its_order(count in 1_i64..5_000) {
            let mut history = History::default();
            for second in 0..count {
                history.push(point(second));
                proptest::prop_assert!(history.len() <= MAX_POINTS);
            }
            let first = history.first().map(|point| point.ts);
            proptest::prop_assert_eq!(first, Some(at(0)));
            let last = history.at(at(count)).map(Point::current);
            proptest::prop_assert_eq!(last, Some(Bytes(u64::try_from(count - 1).unwrap())));
            proptest::prop_assert!(history.0.iter().is_sorted_by_key(|point| point.ts));
        }
    }

    #[test]
    fn between_two_points_the_earlier_one_stands() {
        let mut history = History::default();
        history.push(point(10));
        history.push(point(20));
        assert!(history.at(at(9)).is_none());
        assert_eq!(history.at(at(19)).map(Point::current), Some(Bytes(10)));
        assert_eq!(history.at(at(20)).map(Point::current), Some(Bytes(20)));
    }

    #[test]
    fn under_a_shared_limit_the_others_take_from_what_is_allowed() {
        let held = Held {
            relation: Relation::Ancestor,
            bytes: Bytes(100),
            usage: Bytes(70),
        };
        assert_eq!(held.allowed(Bytes(50)), 80.0);
    }
}
