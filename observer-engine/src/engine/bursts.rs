//! Growth in bursts: what takes a third of what is left at once, again and again, meets its limit when the next burst is large
//! enough, and no slope tells when that is.

use crate::event::Bursty;
use crate::measure::{Bytes, Timestamp, significant};

/// A burst takes this share of what was left, and this one of the limit, between two samples so far apart at most, in seconds.
const OF_LEFT: f64 = 1.0 / 3.0;
const OF_LIMIT: f64 = 0.05;
const APART: f64 = 2.5;
/// Bursts that are remembered, so many in such a time, in seconds, are a habit.
const HABIT: usize = 3;
const LATELY: f64 = 600.0;

/// What there is to burst into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// What is left to the nearest limit that kills, in bytes.
    pub(super) left: f64,
    /// That limit, in bytes.
    pub(super) limit: f64,
}

/// The last bursts, where there were some: most never burst.
#[derive(Debug, Default)]
pub(super) struct Bursts(Option<Box<Last>>);

#[derive(Debug, Default)]
struct Last {
    /// When, and how fast, in bytes a second.
    bursts: [Option<(Timestamp, f64)>; HABIT],
    /// What was told last.
    told: Option<Bursty>,
}

impl Bursts {
    /// Takes growth by so many bytes since the sample before, and tells where it is a habit.
    pub(super) fn push(
        &mut self,
        ts: Timestamp,
        before: Option<Timestamp>,
        rise: f64,
        room: Option<Room>,
    ) -> Option<Bursty> {
        let room = room?;
        let apart = before.map(|before| ts.seconds_since(before));
        if let Some(apart) = apart.filter(|apart| *apart > 0.0 && *apart <= APART)
            && rise >= (room.left + rise) * OF_LEFT
            && rise >= room.limit * OF_LIMIT
        {
            let last = self.0.get_or_insert_default();
            last.bursts.rotate_right(1);
            last.bursts[0] = Some((ts, rise / apart));
        }
        let last = self.0.as_deref_mut()?;
        let is_late = |(at, _): &&(Timestamp, f64)| ts.seconds_since(*at) <= LATELY;
        let lately = || last.bursts.iter().flatten().filter(is_late);
        let fastest = lately().map(|(_, rate)| *rate).fold(0.0, f64::max);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size: saturating is right"
        )]
        let left = Bytes(room.left.max(0.0) as u64);
        let bursty = Bursty {
            bytes_per_second: significant(fastest),
            left,
        };
        last.told = (lately().count() >= HABIT).then_some(bursty);
        last.told
    }

    /// What was told last.
    pub(super) fn told(&self) -> Option<Bursty> {
        self.0.as_ref()?.told
    }

    /// What it takes on the heap, in bytes.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        self.0.as_ref().map_or(0, |_| size_of::<Last>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(jiff::Timestamp::from_second(second).unwrap())
    }

    /// Samples of what is held below a limit of 100, a second apart; what is told at the end.
    fn told(held: impl Fn(i64) -> f64, seconds: i64) -> Option<Bursty> {
        let mut bursts = Bursts::default();
        (1..seconds).fold(None, |_, second| {
            let room = Room {
                left: 100.0 - held(second),
                limit: 100.0,
            };
            let rise = held(second) - held(second - 1);
            bursts.push(at(second), Some(at(second - 1)), rise, Some(room))
        })
    }

    #[test]
    fn a_third_of_what_is_left_within_two_samples_again_and_again_is_a_habit() {
        let renders = |second: i64| if second % 50 < 5 { 70.0 } else { 20.0 };
        let bursty = told(renders, 240).unwrap();
        assert_eq!((bursty.bytes_per_second, bursty.left), (50.0, Bytes(80)));
        assert_eq!(told(renders, 90), None, "twice is none");
        // Ten minutes later it is none any more.
        assert_eq!(
            told(|second| if second < 240 { renders(second) } else { 20.0 }, 1000),
            None
        );
        // What is small, if large against what is left, and what is steady, is no burst.
        assert_eq!(told(|second| if second % 50 < 5 { 97.0 } else { 95.0 }, 500), None);
        assert_eq!(told(|second| if second % 50 < 5 { 24.0 } else { 20.0 }, 500), None);
        assert_eq!(told(|second| second as f64 / 5.0, 499), None);
    }
}
