//! Which part of the machine's memory grows: what each was now and then, as far back as a trend may look.

use std::collections::VecDeque;

use crate::event::{GrowingPart, Ledger};
use crate::measure::{Timestamp, significant};

/// Ledgers that are kept. Where there is no more room every second one goes, so that they span the whole time evenly.
const KEPT: usize = 32;

/// The ledgers of a machine.
#[derive(Debug)]
pub(super) struct PartsOverTime {
    kept: VecDeque<(Timestamp, Ledger)>,
    last: (Timestamp, Ledger),
    /// The least time between two that are kept, in seconds.
    spacing: f64,
}

impl PartsOverTime {
    pub(super) fn new(ts: Timestamp, ledger: &Ledger) -> Self {
        Self {
            kept: VecDeque::from([(ts, *ledger)]),
            last: (ts, *ledger),
            spacing: 0.0,
        }
    }

    pub(super) fn push(&mut self, ts: Timestamp, ledger: &Ledger) {
        self.last = (ts, *ledger);
        // A clock that went back: what is ahead of now was measured by another clock.
        if self
            .kept
            .back()
            .is_some_and(|(newest, _)| ts.seconds_since(*newest) < 0.0)
        {
            self.kept.clear();
            self.spacing = 0.0;
        }
        if self
            .kept
            .back()
            .is_some_and(|(newest, _)| ts.seconds_since(*newest) < self.spacing)
        {
            return;
        }
        if self.kept.len() >= KEPT {
            let mut keep = false;
            self.kept.retain(|_| {
                keep = !keep;
                keep
            });
            let span = self.kept.front().map_or(0.0, |(oldest, _)| ts.seconds_since(*oldest));
            self.spacing = span / KEPT as f64 * 2.0;
        }
        self.kept.push_back((ts, *ledger));
    }

    /// The part that grew most in so many seconds up to now; `None` where none did.
    pub(super) fn growing(&self, window: f64) -> Option<GrowingPart> {
        let (now, last) = &self.last;
        let ago = |(then, _): &&(Timestamp, Ledger)| now.seconds_since(*then);
        let then = self
            .kept
            .iter()
            .rev()
            .find(|then| ago(then) >= window)
            .or(self.kept.front())?;
        let seconds = ago(&then);
        let grown = last.used().filter_map(|(part, held)| {
            let before = then.1.used().find(|(name, _)| *name == part)?.1;
            let grown = held.saturating_sub(before).as_f64();
            (grown > 0.0).then_some((part, held, grown))
        });
        let grown: Vec<_> = grown.collect();
        let all: f64 = grown.iter().map(|(_, _, grown)| grown).sum();
        let (part, held, most) = grown.into_iter().max_by(|one, other| one.2.total_cmp(&other.2))?;
        (seconds > 0.0).then(|| GrowingPart {
            part: part.to_owned(),
            held,
            bytes_per_second: significant(most / seconds),
            share: significant(most / all),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Bytes;

    fn at(second: i64) -> Timestamp {
        Timestamp(jiff::Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn the_part_that_grows_most_is_named_however_long_it_takes() {
        let ledger = |second: i64| Ledger {
            anon: Some(Bytes(1 << 30)),
            slab_unreclaimable: Some(Bytes(second.unsigned_abs() * 100)),
            unaccounted: Some(Bytes(second.unsigned_abs() * 300)),
            ..Ledger::default()
        };
        let mut parts = PartsOverTime::new(at(0), &ledger(0));
        for second in 1..100_000 {
            parts.push(at(second), &ledger(second));
        }
        assert!(parts.kept.len() <= KEPT);
        let grows = parts.growing(3600.0).unwrap();
        assert_eq!((grows.part.as_str(), grows.share), ("unaccounted", 0.75));
        assert!((grows.bytes_per_second - 300.0).abs() < 1.0, "{grows:?}");
        parts.push(at(5), &ledger(5));
        assert_eq!(parts.growing(3600.0), None, "another clock");
    }
}
