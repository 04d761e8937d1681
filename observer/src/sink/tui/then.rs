//! What was so when: values in the order of time, kept where they changed. The screen asks for a moment, and gets what held
//! then and nothing of what came later.

use std::collections::VecDeque;

use crate::measure::Timestamp;

/// Changes that are kept; of more the newest.
const KEPT: usize = 64;

#[derive(Debug, Clone)]
pub(super) struct Then<T>(VecDeque<(Timestamp, T)>);

impl<T> Default for Then<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: PartialEq> Then<T> {
    /// From this time on it is this.
    pub(super) fn set(&mut self, ts: Timestamp, value: T) {
        // A clock that was set back, or another capture of the same time: what came later is not known any more.
        while self.0.back().is_some_and(|(last, _)| *last > ts) {
            self.0.pop_back();
        }
        if self.0.back().is_some_and(|(_, last)| *last == value) {
            return;
        }
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back((ts, value));
    }

    /// What held then, and since when.
    pub(super) fn at(&self, ts: Timestamp) -> Option<(Timestamp, &T)> {
        let after = self.0.partition_point(|(since, _)| *since <= ts);
        let (since, value) = self.0.get(after.checked_sub(1)?)?;
        Some((*since, value))
    }

    /// What holds.
    pub(super) fn last(&self) -> Option<&T> {
        self.0.back().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(jiff::Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_moment_knows_what_held_then_and_nothing_of_later() {
        let mut then = Then::default();
        then.set(at(10), "warned");
        then.set(at(15), "warned");
        then.set(at(20), "calm");
        assert_eq!(then.at(at(9)), None);
        assert_eq!(then.at(at(19)), Some((at(10), &"warned")));
        assert_eq!(then.at(at(20)), Some((at(20), &"calm")));
        for second in 21..1_000 {
            then.set(at(second), if second % 2 == 0 { "a" } else { "b" });
        }
        assert!(then.0.len() <= KEPT);
    }
}
