//! A cgroup's past, as far back as there is room: near in full, far in outline.

use std::collections::VecDeque;

use super::keys::WINDOW;
use crate::event::{Class, Forecast, Limit, Memory, Pressure, Relation, Sample};
use crate::measure::{Bytes, Timestamp};
use crate::words::is_early;

/// Points of all cgroups together. What fell silent keeps its share: there are twice as many at most.
const POINTS: usize = 512 * POINTS_AT_LEAST;

/// Points of a cgroup, where there are many of them, and where there are few.
pub(super) const POINTS_AT_LEAST: usize = 240;
const POINTS_AT_MOST: usize = 4096;

/// What is kept near, in seconds: as far back as the small plots show.
const NEAR: f64 = WINDOW.as_secs_f64();

/// A cgroup's share of the room.
pub(super) fn room(cgroups: usize) -> usize {
    (POINTS / cgroups.max(1)).clamp(POINTS_AT_LEAST, POINTS_AT_MOST)
}

/// A cgroup at a moment: what a row, a plot and the composition need.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) ts: Timestamp,
    pub(super) memory: Memory,
    pub(super) pressure: Option<Pressure>,
    pub(super) limit: Option<Held>,
    pub(super) slope: Option<(f64, Class)>,
    /// For how long it has grown like this, in seconds, where it grows.
    pub(super) growing: Option<f32>,
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
        let is_young = sample.trend.as_ref().is_some_and(is_early);
        Self {
            ts,
            memory: sample.memory,
            pressure: sample.pressure,
            limit: limit.map(|limit| Held {
                relation: limit.relation,
                bytes: limit.bytes,
                usage: limit.usage.unwrap_or_default(),
            }),
            slope: sample.trend.map(|trend| {
                let class = if is_early(&trend) { Class::Unknown } else { trend.class };
                (trend.bytes_per_second, class)
            }),
            #[expect(clippy::cast_possible_truncation, reason = "seconds, for a plot")]
            growing: sample
                .trend
                .filter(|trend| trend.bytes_per_second > 0.0 && trend.class != Class::Steady)
                .map(|trend| trend.window_seconds.clamp(0.0, 1e7) as f32),
            left: sample.forecast.as_ref().filter(|_| !is_young).map(Left::from),
        }
    }

    pub(super) fn current(&self) -> Bytes {
        self.memory.current.unwrap_or_default()
    }
}

/// Points in the order of time.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    points: VecDeque<Point>,
    /// How far apart those that are not near must be, in seconds.
    apart: f64,
}

impl History {
    /// Takes a point, where there is room for so many.
    pub(super) fn push(&mut self, point: Point, room: usize) {
        // A clock that was set back, or another capture of the same time, begins anew: order is what all else rests on.
        if self.points.back().is_some_and(|last| last.ts > point.ts) {
            *self = Self::default();
        }
        if self.points.len() >= room {
            self.thin(room);
        }
        self.points.push_back(point);
    }

    /// Half of the room is for the last minutes; the rest is evenly for all that was before, however long.
    fn thin(&mut self, room: usize) {
        let Some(newest) = self.points.back().map(|point| point.ts) else {
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let near = 2.0 * NEAR / room as f64;
        self.apart = self.apart.max(near);
        loop {
            let apart = self.apart;
            let mut kept: Option<Timestamp> = None;
            self.points.retain(|point| {
                // A little more: between the last far point and the first near one nothing is kept.
                let apart = if newest.seconds_since(point.ts) < NEAR + 2.0 * near {
                    near
                } else {
                    apart
                };
                let keep = point.ts == newest || kept.is_none_or(|kept| point.ts.seconds_since(kept) >= apart);
                if keep {
                    kept = Some(point.ts);
                }
                keep
            });
            if self.points.len() <= room * 3 / 4 || self.apart > 1e9 {
                break;
            }
            self.apart *= 2.0;
        }
        // Many at one and the same time: the newest few tell it.
        while self.points.len() >= room {
            self.points.pop_front();
        }
    }

    /// The cgroup as it stood: the last point up to then.
    pub(super) fn at(&self, ts: Timestamp) -> Option<&Point> {
        let after = self.points.partition_point(|point| point.ts <= ts);
        self.points.get(after.checked_sub(1)?)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    pub(super) fn first(&self) -> Option<&Point> {
        self.points.front()
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
        fn a_history_is_bounded_keeps_its_ends_its_order_and_its_last_minutes(count in 1_i64..20_000, back in 0_i64..600) {
            let mut history = History::default();
            for second in 0..count {
                history.push(point(second), POINTS_AT_LEAST);
                proptest::prop_assert!(history.len() <= POINTS_AT_LEAST);
            }
            let first = history.first().map(|point| point.ts);
            proptest::prop_assert_eq!(first, Some(at(0)));
            let last = history.at(at(count)).map(Point::current);
            proptest::prop_assert_eq!(last, Some(Bytes(u64::try_from(count - 1).unwrap())));
            proptest::prop_assert!(history.points.iter().is_sorted_by_key(|point| point.ts));
            let asked = at((count - 1 - back).max(0));
            let told = history.at(asked).unwrap().ts;
            proptest::prop_assert!(asked.seconds_since(told) <= 10.0, "{} s", asked.seconds_since(told));
        }
    }

    #[test]
    fn points_of_one_moment_are_bounded_too() {
        let mut history = History::default();
        for _ in 0..10_000 {
            history.push(point(7), POINTS_AT_LEAST);
        }
        assert!(history.len() <= POINTS_AT_LEAST);
    }

    #[test]
    fn between_two_points_the_earlier_one_stands() {
        let mut history = History::default();
        history.push(point(10), 9);
        history.push(point(20), 9);
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
