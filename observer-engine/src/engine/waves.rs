//! Growth under long waves: whether the line through all of them tells more of what comes than that of the last flank.
//!
//! A wave of a fifth of a life or longer looks like a change of slope each time it turns, and like one a line is fitted
//! anew. Whether it was one is seen in retrospect: where the line through the first part of a long window had told the
//! rest of it better than what was believed at the time, it goes on to be believed.

use super::line::{self, Line, points};
use super::slot::{Slots, Tick};

/// Points in time that are looked back at, at most.
const LOOKS: usize = 6;
/// And at least.
const LOOKS_AT_LEAST: usize = 3;
/// The first that are looked at have so many slots behind them.
const BEHIND: usize = 4;
/// And the last so much of the window before them, as a share.
const BEFORE: f64 = 0.25;
/// A line through waves is believed where it was wrong by so much less than what was believed, as a share of that, and by no
/// more than so much at all, as a logarithm.
const BETTER: f64 = 0.6;
const AT_MOST: f64 = 0.45;

/// What was believed at a time: to be held against what came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Belief {
    pub(super) at: Tick,
    pub(super) value: f32,
    pub(super) slope: f32,
}

/// An error beyond this is as good as any other.
const MAX_ERROR: f64 = 1.5;

/// How wrong it was to believe growth by `slope` a second, where it took `took` seconds to grow by `rise`: the logarithm of
/// the true time over the believed one.
pub(super) fn wrong(rise: f64, slope: f64, took: f64) -> f64 {
    let believed = rise / slope;
    let ratio = if believed > 0.0 {
        (took / believed).ln()
    } else {
        MAX_ERROR
    };
    ratio.clamp(-MAX_ERROR, MAX_ERROR)
}

/// A line through waves that told more than what was believed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Through {
    pub(super) line: Line,
    /// The sum of its squared errors in retrospect, and their number.
    pub(super) squares: f64,
    pub(super) looks: f64,
}

impl Through {
    /// Of a window, against what was believed in it.
    pub(super) fn of<'a>(slots: &Slots<'_>, beliefs: impl Iterator<Item = &'a Belief>) -> Option<Self> {
        let means = points(slots, |slot| Some(f64::from(slot.mean)));
        let (first, last) = (slots.clone().next()?.at, slots.clone().next_back()?);
        let (now, window) = (f64::from(last.mean), last.at.since(first));
        let seen: Vec<&Belief> = beliefs
            .filter(|belief| last.at.since(belief.at) >= window * BEFORE)
            .filter(|belief| means.partition_point(|(x, _)| *x <= belief.at.since(last.at)) >= BEHIND)
            .collect();
        if seen.len() < LOOKS_AT_LEAST {
            return None;
        }
        let (mut ours, mut theirs, mut looks) = (0.0, 0.0, 0.0);
        for belief in seen.iter().step_by(seen.len().div_ceil(LOOKS)) {
            let took = last.at.since(belief.at);
            let count = means.partition_point(|(x, _)| *x <= -took);
            let (slope, value) = line::first(&means, count)?;
            let (x, _) = means.get(count - 1)?;
            ours += wrong(now - value, slope, -x).powi(2);
            theirs += wrong(now - f64::from(belief.value), f64::from(belief.slope), took).powi(2);
            looks += 1.0;
        }
        let is_better = ours <= theirs * BETTER * BETTER && ours <= looks * AT_MOST * AT_MOST;
        let line = is_better.then(|| line::line(slots, true)).flatten()?.through_waves();
        (line.slope().low > 0.0 && line.floor_rises() && line.comes_round(&means)).then_some(Self {
            line,
            squares: ours,
            looks,
        })
    }
}
