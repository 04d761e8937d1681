//! The straight line that tells most of a window, by Theil's and Sen's estimator.
//!
//! The slope is the median of the slopes between all pairs of points (Theil 1950, Sen 1968), its interval Sen's from the
//! variance of Kendall's S. What is off the line says whether it may be believed. Reckoned in 64 bits, kept in 32.

use smallvec::SmallVec;

use super::rank::{Ordered, select};
use super::slot::{MAX_SLOTS, Slot, Slots, Tick, short};

/// A line through fewer slots is a guess.
pub(super) const MIN_SLOTS: usize = 5;
/// Quantile of the normal distribution for an interval of 80 %.
pub(super) const Z: f64 = 1.2816;
/// A line fits its window's end where that is off by no more than this share of the window's growth.
const END_SHARE: f64 = 0.02;
/// What is off the line by more than so many steps of noise is no noise.
const BEYOND_NOISE: f64 = 2.5;
/// Growth in the last third that is faster than before by this much accelerates.
const ACCELERATES: f64 = 1.15;
/// What makes more than this share of the last third's growth at once is a jump: what comes after it is not faster.
const JUMP: f64 = 0.5;
/// Of so many steps two that follow each other make less than half of any growth that only becomes faster.
const MANY: usize = 8;
/// Growth that slows to less than this share of what it was flattens.
const FLATTENING: f64 = 0.35;
/// What goes from one side of the line to the other so often breathes: twice up and twice down. A side is reached beyond
/// half of what is off the line at most.
const BREATHS: u32 = 3;
const BREATH: f64 = 0.5;
/// And so often where a whole wave has come round.
const ROUND: u32 = 2;
/// Where the greatest of a slot is taken to be: this share of slots has a lower one.
const PEAK: f64 = 0.8;

/// A slope in units a second, and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slope {
    pub(super) middle: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// How a line lies in its window.
#[derive(Debug, Clone, Copy)]
struct Fit {
    middle: f32,
    /// The line's value at `end`.
    value: f32,
    end: Tick,
    /// How long the window is, in seconds.
    window: f32,
    /// The median distance of the window's last third from the line, with its sign.
    bias: f32,
    /// How far the window's ends stand above its middle third, off the line.
    bend: f32,
    /// The mean step from slot to slot, off the line: what is no more than noise. Not the median: bursts are noise too.
    noise: f32,
}

impl Fit {
    /// By how much it may be off at its window's end.
    fn tolerance(&self) -> f64 {
        f64::from(self.middle).abs() * f64::from(self.window) * END_SHARE
    }

    /// How far off is no more than noise.
    fn allowed(&self) -> f64 {
        (f64::from(self.noise) * BEYOND_NOISE).max(self.tolerance())
    }

    /// Whether it tells the end of its own window.
    fn is_true_to_its_end(&self) -> bool {
        let allowed = self.allowed();
        f64::from(self.bias).abs() <= allowed && f64::from(self.bend).abs() <= allowed
    }
}

/// The line through a level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    fit: Fit,
    low: f32,
    high: f32,
    /// How far slots' greatest values stand above the line, and in its later half no further; below it where the line is
    /// too high by now.
    peak: f32,
    /// The median distance of slots from the line.
    scatter: f32,
    /// The slopes of the window's first two thirds and of its last.
    early: f32,
    late: f32,
    /// Whether a jump makes most of the last third's growth.
    jumps: bool,
    /// The slopes of the slots' least values and of their greatest.
    floor: f32,
    ceiling: f32,
    /// Whether it goes up and down around the line, again and again, more slowly than noise does.
    breathes: bool,
}

impl Line {
    pub(super) fn slope(&self) -> Slope {
        Slope {
            middle: f64::from(self.fit.middle),
            low: f64::from(self.low),
            high: f64::from(self.high),
        }
    }

    /// How long the window is, in seconds.
    pub(super) fn window(&self) -> f64 {
        f64::from(self.fit.window)
    }

    /// Where the window ends.
    pub(super) fn end(&self) -> Tick {
        self.fit.end
    }

    /// How far the upper envelope stands above the line.
    pub(super) fn peak(&self) -> f64 {
        f64::from(self.peak)
    }

    /// How far it moves up and down around the line.
    pub(super) fn swing(&self) -> f64 {
        f64::from(self.peak.max(self.scatter))
    }

    /// The line's value at a time.
    pub(super) fn at(&self, at: Tick) -> f64 {
        f64::from(self.fit.value) + f64::from(self.fit.middle) * at.since(self.fit.end)
    }

    /// How long growth by `room` takes. Growth that becomes faster, and not by noise, goes on becoming so. Where what goes up and
    /// down does so further each time, as a heap that is collected when it has doubled, its peaks are what meets a limit.
    pub(super) fn seconds_for(&self, room: f64) -> f64 {
        let (middle, ceiling) = (f64::from(self.fit.middle), f64::from(self.ceiling));
        let widens = ceiling > middle * ACCELERATES && middle > f64::from(self.floor) * ACCELERATES;
        let plain = room / if widens { ceiling } else { middle };
        let (early, late) = (f64::from(self.early), f64::from(self.late));
        let is_bent = f64::from(self.fit.bend) > f64::from(self.fit.noise) * BEYOND_NOISE;
        if !is_bent || self.jumps || early <= 0.0 || late < early * ACCELERATES {
            return plain;
        }
        // The middles of the first two thirds and of the last are half a window apart; `late` is a sixth before the end.
        let gain = (late - early) / (self.window() / 2.0);
        let rate = late + gain * self.window() / 6.0;
        let faster = ((rate * rate + 2.0 * gain * room).sqrt() - rate) / gain;
        if faster.is_finite() { faster.min(plain) } else { plain }
    }

    /// How long growth by `room` takes where growth that slowed goes on slowing as it did: for ever, where it ends before; 0
    /// where it did not slow.
    ///
    /// The rate is taken to decay exponentially, as a cache's does that fills by misses and a pool's that is drawn from at
    /// random.
    pub(super) fn seconds_slowing(&self, room: f64) -> f64 {
        let (early, late) = (f64::from(self.early), f64::from(self.late));
        // Not where one slow part makes the last third slow; and the flank of a wave says nothing of the next one.
        if late >= early || self.fit.bend >= 0.0 || self.breathes {
            return 0.0;
        }
        // As above: half a window lies between the two, a sixth after the later.
        let decay = (early / late.max(0.0)).ln() / (self.window() / 2.0);
        let rate = late.max(0.0) * (-decay * self.window() / 6.0).exp();
        let rest = rate / decay;
        if rest.is_finite() && rest > room {
            -(1.0 - room / rest).ln() / decay
        } else {
            f64::INFINITY
        }
    }

    /// The same as one of growth that goes on through waves: what the last flank did says nothing of what comes.
    pub(super) fn through_waves(self) -> Self {
        Self {
            early: self.fit.middle,
            late: self.fit.middle,
            breathes: true,
            ..self
        }
    }

    /// Whether a whole wave goes around it, of points that end where its window does.
    pub(super) fn comes_round(&self, points: &[(f64, f64)]) -> bool {
        let residual = |(x, y): &(f64, f64)| y - (f64::from(self.fit.value) + f64::from(self.fit.middle) * x);
        let residuals: SmallVec<[f64; MAX_SLOTS]> = points.iter().map(residual).collect();
        turns(&residuals).0 >= ROUND
    }

    /// By how much it may be off at its window's end.
    pub(super) fn tolerance(&self) -> f64 {
        self.fit.tolerance()
    }

    /// Whether it still tells the end of its own window, and where things are now.
    pub(super) fn holds(&self, at: Tick, now: f64) -> bool {
        self.fit.is_true_to_its_end() && (now - self.at(at)).abs() <= 2.0 * self.fit.allowed() + self.peak().max(0.0)
    }

    /// Whether it grew more slowly at its end, by more than noise.
    pub(super) fn flattens(&self) -> bool {
        f64::from(self.late) < f64::from(self.early) * FLATTENING && -self.fit.bend > self.fit.noise
    }

    /// Whether it grew at all in the window's first two thirds.
    pub(super) fn grew_early(&self) -> bool {
        self.early > 0.0
    }

    /// Whether the lowest points rise too: what grows and comes back to where it was has no floor that does.
    pub(super) fn floor_rises(&self) -> bool {
        f64::from(self.floor) > f64::from(self.fit.middle) * FLATTENING
    }
}

/// Points of a window: a time and a value.
type Points = SmallVec<[(f64, f64); MAX_SLOTS]>;

/// Points in seconds before the last slot.
pub(super) fn points(slots: &Slots<'_>, value: impl Fn(&Slot) -> Option<f64>) -> Points {
    let Some(end) = slots.clone().next_back().map(|slot| slot.at) else {
        return Points::new();
    };
    slots
        .clone()
        .filter_map(|slot| Some((slot.at.since(end), value(slot)?)))
        .collect()
}

/// The line through slots. The finest are single samples: they have no least and greatest of their own, and their line is
/// told whatever it is like. Of the others one that does not fit its own window's end is none: nobody would believe it, and
/// most of the work is still to be done then.
pub(super) fn line(slots: &Slots<'_>, is_finest: bool) -> Option<Line> {
    let means = points(slots, |slot| Some(f64::from(slot.mean)));
    if means.len() < MIN_SLOTS {
        return None;
    }
    let mut room = Slopes::new();
    let Around { below, middle, above } = around(slopes(&means, &mut room))?;
    let (first, last) = (slots.clone().next()?, slots.clone().next_back()?);
    let value = median(means.iter().map(|(x, y)| y - middle * x))?;
    let residual = |(x, y): &(f64, f64)| y - (value + middle * x);
    let third = means.len().div_ceil(3).max(2);
    let (head, tail) = means.split_at(means.len() - third);
    let residuals: SmallVec<[f64; MAX_SLOTS]> = means.iter().map(residual).collect();
    let (first_third, rest) = residuals.split_at(third);
    let (middle_third, last_third) = rest.split_at(rest.len() - third);
    let middle_of = |part: &[f64]| median(part.iter().copied());
    let bias = middle_of(last_third)?;
    let bend = (middle_of(first_third)? + bias) / 2.0 - middle_of(middle_third).unwrap_or(0.0);
    let window = last.at.since(first.at);
    // A sample is no wave's: the finest level's line is told whatever it is like.
    let breath = if is_finest { 0.0 } else { breath(&residuals) };
    let fit = Fit {
        middle: short(middle),
        value: short(value),
        end: last.at,
        window: short(window),
        bias: short(bias),
        bend: short(bend),
        noise: short(mean_step(&residuals).max(breath / BEYOND_NOISE)),
    };
    if !is_finest && !fit.is_true_to_its_end() {
        return None;
    }
    let (low, high) = interval(means.len(), below, middle, above);
    let tops = points(slots, |slot| Some(f64::from(slot.max)));
    let (own_rise, floor, ceiling) = if is_finest {
        (0.0, middle, middle)
    } else {
        let width = window / (means.len() - 1) as f64;
        let floors = points(slots, |slot| Some(f64::from(slot.min)));
        let (floor, ceiling) = (plain_slope(&floors, &mut room), plain_slope(&tops, &mut room));
        (middle.max(0.0) * width / 2.0, floor, ceiling)
    };
    let peak = quantile(tops.iter().map(residual), PEAK)?;
    let late_tops = tops.iter().skip(tops.len() / 2).map(residual);
    let late_peak = late_tops.fold(f64::NEG_INFINITY, f64::max);
    Some(Line {
        fit,
        low: short(low),
        high: short(high),
        // A slot that grows is higher at its end than in its middle: that much is the line's own.
        peak: short(peak.min(late_peak) - own_rise),
        scatter: short(median(residuals.iter().map(|residual| residual.abs()))?),
        early: short(plain_slope(head, &mut room)),
        late: short(plain_slope(tail, &mut room)),
        jumps: jumps(tail),
        floor: short(floor),
        ceiling: short(ceiling),
        breathes: breath > 0.0,
    })
}

/// The slope of the first so many of a window's points, and the value of its line at the last of those.
pub(super) fn first(points: &[(f64, f64)], count: usize) -> Option<(f64, f64)> {
    let points = points.get(..count)?;
    let mut room = Slopes::new();
    let slope = around(slopes(points, &mut room))?.middle;
    let (end, _) = points.last()?;
    Some((slope, median(points.iter().map(|(x, y)| y - slope * (x - end)))?))
}

/// Whether a single step makes most of the growth, or two of many that follow each other: what takes memory at once may be seen
/// between two samples as it does.
fn jumps(points: &[(f64, f64)]) -> bool {
    let rise = |points: &[(f64, f64)]| match (points.first(), points.last()) {
        (Some((_, first)), Some((_, last))) => last - first,
        _ => 0.0,
    };
    let all = rise(points);
    let is_jump = |steps: usize| points.windows(steps + 1).any(|some| rise(some) > all * JUMP);
    let steps = points.len().saturating_sub(1);
    steps > 0 && (is_jump(1) || steps >= MANY && is_jump(2))
}

/// How far what breathes around the line goes from it at most; 0 where it does not come back often enough to be told from a
/// bend.
fn breath(residuals: &[f64]) -> f64 {
    let (turns, most) = turns(residuals);
    if turns >= BREATHS { most } else { 0.0 }
}

/// How often it goes from one side of the line to the other, and how far it goes from it at most.
fn turns(residuals: &[f64]) -> (u32, f64) {
    let most = residuals
        .iter()
        .fold(0.0, |most: f64, residual| most.max(residual.abs()));
    let sides = residuals.iter().filter(|residual| residual.abs() > most * BREATH);
    let (mut turns, mut before) = (0, 0.0);
    for side in sides.map(|residual| residual.signum()) {
        turns += u32::from(side * before < 0.0);
        before = side;
    }
    (turns, most)
}

/// The mean step from value to value that no smooth curve explains: second differences, which have three times the variance
/// of first ones where all is noise.
fn mean_step(values: &[f64]) -> f64 {
    let bends = values.windows(3).map(|three| match three {
        [before, here, after] => (after - 2.0 * here + before).abs(),
        _ => 0.0,
    });
    let sum: f64 = bends.sum();
    sum / values.len().saturating_sub(2).max(1) as f64 / 3.0_f64.sqrt()
}

/// The median of slopes between pairs, without an interval; 0 from too few points.
fn plain_slope(points: &[(f64, f64)], room: &mut Slopes) -> f64 {
    around(slopes(points, room)).map_or(0.0, |around| around.middle)
}

/// Room for the slopes between all pairs of a window's points.
type Slopes = SmallVec<[Ordered; MAX_SLOTS * (MAX_SLOTS - 1) / 2]>;

/// The slopes of all pairs, in the room that there is for them: it is large for what is handed about.
fn slopes<'a>(points: &[(f64, f64)], room: &'a mut Slopes) -> &'a mut [Ordered] {
    let count = points.len() * points.len().saturating_sub(1) / 2;
    room.resize(count, Ordered::default());
    let mut rest = room.as_mut_slice();
    let mut is_whole = true;
    for (place, (x2, y2)) in points.iter().enumerate() {
        let (row, behind) = std::mem::take(&mut rest).split_at_mut(place);
        for (slope, (x1, y1)) in row.iter_mut().zip(points) {
            let value = (y2 - y1) / (x2 - x1);
            is_whole &= value.is_finite();
            *slope = Ordered::new(value);
        }
        rest = behind;
    }
    if !is_whole {
        room.retain(|slope| slope.value().is_finite());
    }
    room
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    quantile(values, 0.5)
}

fn quantile(values: impl Iterator<Item = f64>, share: f64) -> Option<f64> {
    let finite = values.filter(|value| value.is_finite()).map(Ordered::new);
    let mut values: SmallVec<[Ordered; MAX_SLOTS]> = finite.collect();
    if values.is_empty() {
        return None;
    }
    let place = place(share * (values.len() - 1) as f64, values.len());
    select(&mut values, place).map(|(_, value, _)| value.value())
}

/// The place of a rank among so many, ranks beyond the ends being the ends.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the indices"
)]
fn place(rank: f64, count: usize) -> usize {
    rank.round().clamp(0.0, count.saturating_sub(1) as f64) as usize
}

/// The median, those that are no greater and those that are no less.
struct Around<'a> {
    below: &'a mut [Ordered],
    middle: f64,
    above: &'a mut [Ordered],
}

fn around(slopes: &mut [Ordered]) -> Option<Around<'_>> {
    if slopes.is_empty() {
        return None;
    }
    let place = place((slopes.len() - 1) as f64 / 2.0, slopes.len());
    let (below, middle, above) = select(slopes, place)?;
    let middle = middle.value();
    Some(Around { below, middle, above })
}

/// Sen's interval of 80 % around the median slope of so many points.
fn interval(points: usize, below: &mut [Ordered], middle: f64, above: &mut [Ordered]) -> (f64, f64) {
    let count = below.len() + 1 + above.len();
    // The standard deviation of Kendall's S without ties.
    let n = points as f64;
    let half = Z * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt() / 2.0;
    let rank = (count - 1) as f64 / 2.0;
    // What is beyond the median lies on one side of it.
    let (low, high) = (place(rank - half, count), place(rank + half, count));
    let beyond = high.checked_sub(below.len() + 1);
    let of = |values, rank| select(values, rank).map_or(middle, |(_, value, _)| value.value());
    (of(below, low), beyond.map_or(middle, |rank| of(above, rank)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::slot::Parts;

    #[test]
    fn a_bend_does_not_breathe_and_waves_do() {
        let of = |value: fn(f64) -> f64| breath(&(0..32).map(|at| value(f64::from(at) / 31.0)).collect::<Vec<_>>());
        assert!(of(|at| (at * 3.0 * std::f64::consts::TAU).sin()) > 0.9);
        assert!(of(|at| 6.0 * (at - 0.5).powi(2) - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn a_wave_comes_round_and_a_bend_does_not() {
        let comes_round = |value: fn(f64) -> f64| {
            let values: Vec<_> = (0..32).map(|at| value(f64::from(at) / 31.0)).collect();
            let slots = slots(&values);
            let points = points(&slots.range(..), |slot| Some(f64::from(slot.mean)));
            line(&slots.range(..), true).unwrap().comes_round(&points)
        };
        assert!(comes_round(|at| 9.0 * at + (at * 2.0 * std::f64::consts::TAU).sin()));
        assert!(!comes_round(|at| 9.0 * at.powi(2)));
        assert!(!comes_round(|at| 9.0 * at.min(0.6)));
    }

    /// A median and an interval as they are defined: all slopes, sorted.
    fn defined(points: &[(f64, f64)]) -> (f64, f64, f64) {
        let mut slopes = Vec::new();
        for (place, (x1, y1)) in points.iter().enumerate() {
            slopes.extend(points[place + 1..].iter().map(|(x2, y2)| (y2 - y1) / (x2 - x1)));
        }
        slopes.retain(|slope| slope.is_finite());
        slopes.sort_by(f64::total_cmp);
        let (n, rank) = (points.len() as f64, (slopes.len() - 1) as f64 / 2.0);
        let half = Z * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt() / 2.0;
        let at = |rank| slopes[place(rank, slopes.len())];
        (at(rank - half), at(rank), at(rank + half))
    }

    fn slots(values: &[f64]) -> std::collections::VecDeque<Slot> {
        let slot = |(second, value): (f64, &f64)| Slot {
            at: Tick::from_seconds(second).unwrap(),
            mean: short(*value),
            min: short(*value),
            max: short(*value),
            parts: Parts::UNKNOWN,
        };
        (0..32).map(f64::from).zip(values).map(slot).collect()
    }

    proptest! {
        #[test]
        fn the_slope_and_its_interval_are_those_of_all_pairs_in_their_order(
            values in proptest::collection::vec(prop_oneof![-1e9_f64..1e9, Just(0.0), Just(-0.0), Just(f64::NAN)], MIN_SLOTS..=MAX_SLOTS)
        ) {
            let points: Vec<_> = (0..32).map(f64::from).zip(values.iter().copied()).collect();
            prop_assume!(values.iter().filter(|value| value.is_finite()).count() > 1);
            let mut room = Slopes::new();
            let Around { below, middle, above } = around(slopes(&points, &mut room)).unwrap();
            let (low, high) = interval(points.len(), below, middle, above);
            let told = (low.to_bits(), middle.to_bits(), high.to_bits());
            let (low, middle, high) = defined(&points);
            prop_assert_eq!(told, (low.to_bits(), middle.to_bits(), high.to_bits()));
        }
    }

    #[test]
    fn where_peaks_rise_faster_and_troughs_do_not_the_peaks_meet_a_limit_first() {
        let seconds = |trough: f64, peak: f64| {
            let values: Vec<_> = (0..32).map(|second| 1e6 * f64::from(second)).collect();
            let mut slots = slots(&values);
            for slot in &mut slots {
                (slot.min, slot.max) = (short(f64::from(slot.mean) * trough), short(f64::from(slot.mean) * peak));
            }
            line(&slots.range(..), false).unwrap().seconds_for(9e7)
        };
        assert!((seconds(0.5, 1.5) - 60.0).abs() < 0.1, "{}", seconds(0.5, 1.5));
        // By no more than noise does, or all of it together.
        assert!((seconds(0.5, 1.1) - 90.0).abs() < 0.1, "{}", seconds(0.5, 1.1));
        assert!((seconds(1.0, 1.5) - 90.0).abs() < 0.1, "{}", seconds(1.0, 1.5));
    }

    #[test]
    fn what_misses_its_own_end_has_a_line_of_samples_only() {
        let bent: Vec<_> = (0..32_i32).map(|second| 1e6 * 1.2_f64.powi(second)).collect();
        let bent = slots(&bent);
        assert!(line(&bent.range(..), false).is_none());
        assert!(line(&bent.range(..), true).is_some());
        let straight: Vec<_> = (0..32).map(|second| 1e6 * f64::from(second)).collect();
        assert!(line(&slots(&straight).range(..), false).is_some());
    }
}
