//! The straight line that tells most of a window, by Theil's and Sen's estimator.
//!
//! The slope is the median of the slopes between all pairs of points (Theil 1950, Sen 1968), its interval Sen's from the
//! variance of Kendall's S. What is off the line says whether it may be believed. Reckoned in 64 bits, kept in 32.

use super::slot::{Slot, Slots, Tick, short};

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
/// A single step that makes more than this share of the last third's growth is a jump: what comes after it is not faster.
const JUMP: f64 = 0.5;
/// Growth that slows to less than this share of what it was flattens.
const FLATTENING: f64 = 0.35;
/// Where the greatest of a slot is taken to be: this share of slots has a lower one.
const PEAK: f64 = 0.8;

/// A slope in units a second, and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slope {
    pub(super) middle: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The line through a level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    middle: f32,
    low: f32,
    high: f32,
    /// The line's value at `end`.
    value: f32,
    pub(super) end: Tick,
    /// How long the window is, in seconds.
    window: f32,
    /// How far slots' greatest values stand above the line, and in its later half no further; below it where the line is
    /// too high by now.
    peak: f32,
    /// The median distance of slots from the line.
    scatter: f32,
    /// The median distance of the window's last third from the line, with its sign.
    bias: f32,
    /// How far the window's ends stand above its middle third, off the line.
    bend: f32,
    /// The mean step from slot to slot, off the line: what is no more than noise. Not the median: bursts are noise too.
    noise: f32,
    /// The slopes of the window's first two thirds and of its last.
    early: f32,
    late: f32,
    /// Whether a single step makes most of the last third's growth.
    jumps: bool,
    /// The slope of the slots' least values.
    floor: f32,
}

impl Line {
    pub(super) fn slope(&self) -> Slope {
        Slope {
            middle: f64::from(self.middle),
            low: f64::from(self.low),
            high: f64::from(self.high),
        }
    }

    /// How long the window is, in seconds.
    pub(super) fn window(&self) -> f64 {
        f64::from(self.window)
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
        f64::from(self.value) + f64::from(self.middle) * at.since(self.end)
    }

    /// How long growth by `room` takes. Growth that becomes faster, and not by noise, goes on becoming so.
    pub(super) fn seconds_for(&self, room: f64) -> f64 {
        let plain = room / f64::from(self.middle);
        let (early, late) = (f64::from(self.early), f64::from(self.late));
        let is_bent = f64::from(self.bend) > f64::from(self.noise) * BEYOND_NOISE;
        if !is_bent || self.jumps || early <= 0.0 || late < early * ACCELERATES {
            return plain;
        }
        // The middles of the first two thirds and of the last are half a window apart; `late` is a sixth before the end.
        let gain = (late - early) / (self.window() / 2.0);
        let rate = late + gain * self.window() / 6.0;
        let faster = ((rate * rate + 2.0 * gain * room).sqrt() - rate) / gain;
        if faster.is_finite() { faster.min(plain) } else { plain }
    }

    /// How much it will still grow where growth that slowed goes on slowing as it did: `None` where it did not slow.
    ///
    /// The rate is taken to decay exponentially, as a cache's does that fills by misses and a pool's that is drawn from at
    /// random.
    pub(super) fn still_to_come(&self) -> Option<f64> {
        let (early, late) = (f64::from(self.early), f64::from(self.late));
        if late >= early {
            return None;
        }
        // As above: half a window lies between the two, a sixth after the later.
        let decay = (early / late.max(0.0)).ln() / (self.window() / 2.0);
        let rate = late.max(0.0) * (-decay * self.window() / 6.0).exp();
        let rest = rate / decay;
        Some(if rest.is_finite() { rest } else { 0.0 })
    }

    /// By how much it may be off at its window's end.
    pub(super) fn tolerance(&self) -> f64 {
        f64::from(self.middle).abs() * self.window() * END_SHARE
    }

    /// Whether it still tells the end of its own window, and where things are now.
    pub(super) fn holds(&self, at: Tick, now: f64) -> bool {
        let allowed = (f64::from(self.noise) * BEYOND_NOISE).max(self.tolerance());
        f64::from(self.bias).abs() <= allowed
            && f64::from(self.bend).abs() <= allowed
            && (now - self.at(at)).abs() <= 2.0 * allowed + self.peak().max(0.0)
    }

    /// Whether it grew more slowly at its end, by more than noise.
    pub(super) fn flattens(&self) -> bool {
        f64::from(self.late) < f64::from(self.early) * FLATTENING && -self.bend > self.noise
    }

    /// Whether it grew at all in the window's first two thirds.
    pub(super) fn grew_early(&self) -> bool {
        self.early > 0.0
    }

    /// Whether the lowest points rise too: what grows and comes back to where it was has no floor that does.
    pub(super) fn floor_rises(&self) -> bool {
        f64::from(self.floor) > f64::from(self.middle) * FLATTENING
    }
}

/// Points in seconds before the last slot.
pub(super) fn points(slots: &Slots<'_>, value: impl Fn(&Slot) -> Option<f64>) -> Vec<(f64, f64)> {
    let Some(end) = slots.clone().next_back().map(|slot| slot.at) else {
        return Vec::new();
    };
    slots
        .clone()
        .filter_map(|slot| Some((slot.at.since(end), value(slot)?)))
        .collect()
}

/// The line through slots. The finest are single samples: they have no least and greatest of their own.
pub(super) fn line(slots: &Slots<'_>, is_finest: bool) -> Option<Line> {
    let means = points(slots, |slot| Some(f64::from(slot.mean)));
    let found = slope(&means)?;
    let (first, last) = (slots.clone().next()?, slots.clone().next_back()?);
    let value = median(means.iter().map(|(x, y)| y - found.middle * x))?;
    let residual = |(x, y): &(f64, f64)| y - (value + found.middle * x);
    let third = means.len().div_ceil(3).max(2);
    let (head, tail) = means.split_at(means.len() - third);
    let residuals: Vec<f64> = means.iter().map(residual).collect();
    let (first_third, rest) = residuals.split_at(third);
    let (middle_third, last_third) = rest.split_at(rest.len() - third);
    let middle_of = |part: &[f64]| median(part.iter().copied());
    let bias = middle_of(last_third)?;
    let bend = (middle_of(first_third)? + bias) / 2.0 - middle_of(middle_third).unwrap_or(0.0);
    let tops = points(slots, |slot| Some(f64::from(slot.max)));
    let window = last.at.since(first.at);
    let (own_rise, floor) = if is_finest {
        (0.0, found.middle)
    } else {
        let width = window / (means.len() - 1) as f64;
        let floors = points(slots, |slot| Some(f64::from(slot.min)));
        (found.middle.max(0.0) * width / 2.0, plain_slope(&floors))
    };
    let peak = quantile(tops.iter().map(residual), PEAK)?;
    let late_tops = tops.iter().skip(tops.len() / 2).map(residual);
    let late_peak = late_tops.fold(f64::NEG_INFINITY, f64::max);
    Some(Line {
        middle: short(found.middle),
        low: short(found.low),
        high: short(found.high),
        value: short(value),
        end: last.at,
        window: short(window),
        // A slot that grows is higher at its end than in its middle: that much is the line's own.
        peak: short(peak.min(late_peak) - own_rise),
        scatter: short(median(residuals.iter().map(|residual| residual.abs()))?),
        bias: short(bias),
        bend: short(bend),
        noise: short(mean_step(&residuals)),
        early: short(plain_slope(head)),
        late: short(plain_slope(tail)),
        jumps: jumps(tail),
        floor: short(floor),
    })
}

/// Whether a single step makes most of the growth.
fn jumps(points: &[(f64, f64)]) -> bool {
    let (Some((_, first)), Some((_, last))) = (points.first(), points.last()) else {
        return false;
    };
    let steps = points.windows(2).map(|two| match two {
        [(_, before), (_, after)] => after - before,
        _ => 0.0,
    });
    steps.fold(0.0, f64::max) > (last - first) * JUMP
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
fn plain_slope(points: &[(f64, f64)]) -> f64 {
    median(pairs(points).into_iter()).unwrap_or(0.0)
}

fn pairs(points: &[(f64, f64)]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (place, (x1, y1)) in points.iter().enumerate() {
        for (x2, y2) in points.iter().skip(place + 1) {
            let slope = (y2 - y1) / (x2 - x1);
            if slope.is_finite() {
                slopes.push(slope);
            }
        }
    }
    slopes
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    quantile(values, 0.5)
}

fn quantile(values: impl Iterator<Item = f64>, share: f64) -> Option<f64> {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let rank = share * values.len().saturating_sub(1) as f64;
    at(&mut values, rank)
}

/// The value at a rank, ranks beyond the ends being the ends.
fn at(values: &mut [f64], rank: f64) -> Option<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the indices"
    )]
    let place = rank.round().clamp(0.0, values.len().saturating_sub(1) as f64) as usize;
    if values.is_empty() {
        return None;
    }
    Some(*values.select_nth_unstable_by(place, f64::total_cmp).1)
}

/// The median of all pairwise slopes, and Sen's interval of 80 % around it.
fn slope(points: &[(f64, f64)]) -> Option<Slope> {
    let count = points.len();
    if count < MIN_SLOTS {
        return None;
    }
    let mut slopes = pairs(points);
    if slopes.is_empty() {
        return None;
    }
    let middle = (slopes.len() - 1) as f64 / 2.0;
    // The standard deviation of Kendall's S without ties.
    let n = count as f64;
    let half = Z * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt() / 2.0;
    Some(Slope {
        middle: at(&mut slopes, middle)?,
        low: at(&mut slopes, middle - half)?,
        high: at(&mut slopes, middle + half)?,
    })
}
