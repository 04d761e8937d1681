//! The history of one cgroup at several time scales, bounded, and the straight line that tells most of it.
//!
//! Level 0 holds the samples themselves, every further level a slot for each four of the one before, with their least,
//! mean and greatest: a few hundred slots reach from seconds to days. Each level has its own line, by Theil's and Sen's
//! estimator (the median of the slopes between all pairs of points; Theil 1950, Sen 1968), with Sen's interval from the
//! variance of Kendall's S. The longest window whose end its own line still fits is believed (Lepski's idea of the
//! largest homogeneous window): old evidence counts until something changed.

use std::collections::VecDeque;

use crate::event::{Class, Memory, Trend};
use crate::measure::{Bytes, Timestamp};

/// Slots of a level.
const SLOTS: usize = 32;
/// Slots of a level that become one of the next.
const MERGE: usize = 4;
/// Levels: at a sample a second the last one reaches back six days.
const LEVELS: usize = 8;
/// A line through fewer slots is a guess.
const MIN_SLOTS: usize = 5;
/// A coarse level is believed from so many slots on; before that the finer one has them all.
const MIN_COARSE: usize = 8;
/// Slower than this share of the size a second is steady: 0.2 % an hour.
const STEADY_SHARE: f64 = 0.002 / 3600.0;
/// Quantile of the normal distribution for an interval of 80 %.
const Z: f64 = 1.2816;
/// A line fits its window's end where that is off by no more than this share of the window's growth.
const END_SHARE: f64 = 0.02;
/// Growth that slows to less than this share of what it was flattens.
const FLATTENING: f64 = 0.35;
/// What is off the line by more than so many steps of noise is no noise.
const BEYOND_NOISE: f64 = 2.5;
/// Growth in the last third that is faster than before by this much accelerates.
const ACCELERATES: f64 = 1.15;
/// A record is one over everything older than this many windows.
const RECORD_BEFORE: f64 = 1.2;
/// Beliefs kept.
const BELIEFS: usize = 24;
/// What a belief is taken to be wrong by before there is experience, as a logarithm, and for how many errors that counts.
const PRIOR_ERROR: f64 = 0.20;
const PRIOR_WEIGHT: f64 = 3.0;
/// An error beyond this is as good as any other.
const MAX_ERROR: f64 = 1.5;
/// Where the greatest of a slot is taken to be: this share of slots has a lower one.
const PEAK: f64 = 0.8;

/// A sample, or several.
#[derive(Debug, Clone, Copy)]
struct Slot {
    ts: Timestamp,
    mean: f64,
    min: f64,
    max: f64,
    parts: Parts,
    count: u32,
}

/// What usage is made of; NaN-free, `None` where a sample did not tell.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    anon: Option<f32>,
    cache: Option<f32>,
    shmem: Option<f32>,
    kernel: Option<f32>,
}

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
    pub(super) slope: Slope,
    /// The line's value at `end`.
    value: f64,
    end: Timestamp,
    /// How long the window is, in seconds.
    pub(super) window: f64,
    /// How far slots' greatest values stand above the line.
    pub(super) peak: f64,
    /// The median distance of slots from the line.
    scatter: f64,
    /// The median distance of the window's last third from the line, with its sign.
    bias: f64,
    /// How far the window's ends stand above its middle third, off the line.
    bend: f64,
    /// The mean step from slot to slot, off the line: what is no more than noise. Not the median: bursts are noise too.
    noise: f64,
    /// The slopes of the window's first two thirds and of its last.
    early: f64,
    late: f64,
    /// The slope of the slots' least values.
    floor: f64,
}

impl Line {
    /// The line's value at a time.
    pub(super) fn at(&self, ts: Timestamp) -> f64 {
        self.value + self.slope.middle * ts.seconds_since(self.end)
    }

    /// How long growth by `room` takes. Growth that becomes faster, and not by noise, goes on becoming so.
    fn seconds_for(&self, room: f64) -> f64 {
        let plain = room / self.slope.middle;
        let is_bent = self.bend > self.noise * BEYOND_NOISE;
        if !is_bent || self.early <= 0.0 || self.late < self.early * ACCELERATES {
            return plain;
        }
        // The middles of the first two thirds and of the last are half a window apart; `late` is a sixth before the end.
        let gain = (self.late - self.early) / (self.window / 2.0);
        let rate = self.late + gain * self.window / 6.0;
        let faster = ((rate * rate + 2.0 * gain * room).sqrt() - rate) / gain;
        if faster.is_finite() { faster.min(plain) } else { plain }
    }

    fn growth(&self) -> f64 {
        self.slope.middle.abs() * self.window
    }

    /// Whether it still tells the end of its own window, and where things are now.
    fn holds(&self, ts: Timestamp, now: f64) -> bool {
        let allowed = (self.noise * BEYOND_NOISE).max(self.growth() * END_SHARE);
        self.bias.abs() <= allowed
            && self.bend.abs() <= allowed
            && (now - self.at(ts)).abs() <= 2.0 * allowed + self.peak
    }
}

#[derive(Debug, Default)]
struct Level {
    slots: VecDeque<Slot>,
    /// What becomes the next level's slot.
    gathered: Vec<Slot>,
    line: Option<Line>,
}

/// What was believed at a time: to be held against what came.
#[derive(Debug, Clone, Copy)]
struct Belief {
    ts: Timestamp,
    value: f64,
    slope: f64,
}

/// The time until a value is reached, in seconds, and its interval of 80 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reach {
    pub(super) seconds: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Values over time, at several scales.
#[derive(Debug, Default)]
pub(super) struct Series {
    levels: Vec<Level>,
    since: Option<Timestamp>,
    beliefs: VecDeque<Belief>,
}

impl Series {
    pub(super) fn push(&mut self, ts: Timestamp, fixed: f64) {
        self.add(ts, fixed, Parts::default());
    }

    pub(super) fn push_parts(&mut self, ts: Timestamp, fixed: f64, memory: &Memory) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "24 bits of a size are enough for its growth"
        )]
        let value = |size: Option<Bytes>| size.map(|size| size.as_f64() as f32);
        let shmem = memory.shmem.unwrap_or_default();
        let parts = Parts {
            anon: value(memory.anon),
            cache: value(memory.file.map(|file| file.saturating_sub(shmem))),
            shmem: value(memory.shmem),
            kernel: value(memory.kernel),
        };
        self.add(ts, fixed, parts);
    }

    fn add(&mut self, ts: Timestamp, fixed: f64, parts: Parts) {
        // A clock that went back: what is ahead of now was measured by another clock.
        if self.newest().is_some_and(|last| last.ts >= ts) {
            let repeated = self.newest().is_some_and(|last| last.ts == ts);
            if repeated {
                return;
            }
            *self = Self::default();
        }
        self.believe();
        self.since.get_or_insert(ts);
        let mut slot = Slot {
            ts,
            mean: fixed,
            min: fixed,
            max: fixed,
            parts,
            count: 1,
        };
        for place in 0..LEVELS {
            if self.levels.len() <= place {
                self.levels.push(Level::default());
            }
            let Some(level) = self.levels.get_mut(place) else {
                return;
            };
            level.slots.push_back(slot);
            if level.slots.len() > SLOTS {
                level.slots.pop_front();
            }
            level.line = line(&level.slots);
            level.gathered.push(slot);
            if level.gathered.len() < MERGE {
                return;
            }
            slot = merged(&level.gathered);
            level.gathered.clear();
        }
    }

    /// Remembers what is believed now, so that the beliefs span the whole life evenly.
    fn believe(&mut self) {
        let (Some(line), Some(newest)) = (self.line(), self.newest()) else {
            return;
        };
        let belief = Belief {
            ts: newest.ts,
            value: line.at(newest.ts),
            slope: line.slope.middle,
        };
        let spacing = self.age() / BELIEFS as f64 * 2.0;
        if self
            .beliefs
            .back()
            .is_some_and(|last| belief.ts.seconds_since(last.ts) < spacing)
        {
            return;
        }
        self.beliefs.push_back(belief);
        if self.beliefs.len() > BELIEFS {
            let mut keep = false;
            self.beliefs.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// How wrong earlier beliefs were about times like `seconds`: the standard deviation of the logarithm of the true
    /// time over the believed one, with a prior.
    fn error(&self, line: &Line, seconds: f64) -> f64 {
        let Some(newest) = self.newest() else {
            return PRIOR_ERROR;
        };
        let now = line.at(newest.ts);
        let (mut sum, mut count) = (PRIOR_ERROR * PRIOR_ERROR * PRIOR_WEIGHT, PRIOR_WEIGHT);
        for belief in &self.beliefs {
            let took = newest.ts.seconds_since(belief.ts);
            // What was said of the next moment says little of a time that is far.
            // And what was believed before things changed says nothing of what is believed now.
            let is_old = line.end.seconds_since(belief.ts) > line.window;
            if took < seconds * 0.2 || took <= 0.0 || is_old {
                continue;
            }
            let believed = (now - belief.value) / belief.slope;
            let ratio = if believed > 0.0 {
                (took / believed).ln()
            } else {
                MAX_ERROR
            };
            sum += ratio.clamp(-MAX_ERROR, MAX_ERROR).powi(2);
            count += 1.0;
        }
        (sum / count).sqrt()
    }

    /// When `target` is reached; `None` where it does not grow towards it.
    pub(super) fn reach(&self, target: f64, now: f64) -> Option<Reach> {
        let line = self.line()?;
        let newest = self.newest()?;
        if line.slope.low <= 0.0 || !line.slope.middle.is_finite() {
            return None;
        }
        let room = (target - now.max(line.at(newest.ts) + line.peak)).max(0.0);
        let seconds = line.seconds_for(room);
        let error = (Z * self.error(&line, seconds)).exp();
        Some(Reach {
            seconds,
            low: seconds / error,
            high: seconds * error,
        })
    }

    fn newest(&self) -> Option<&Slot> {
        self.levels.first()?.slots.back()
    }

    /// For how long it has been watched, in seconds.
    pub(super) fn age(&self) -> f64 {
        match (self.newest(), self.since) {
            (Some(newest), Some(since)) => newest.ts.seconds_since(since),
            _ => 0.0,
        }
    }

    /// Whether it stands higher than it ever did before the growth that is believed: what comes and goes does not.
    pub(super) fn is_record(&self) -> bool {
        let (Some(line), Some(newest)) = (self.line(), self.newest()) else {
            return false;
        };
        let before = self
            .levels
            .iter()
            .flat_map(|level| &level.slots)
            .filter(|slot| line.end.seconds_since(slot.ts) > line.window * RECORD_BEFORE);
        before.map(|slot| slot.max).fold(0.0, f64::max) <= newest.mean
    }

    /// The level that is believed.
    fn believed(&self) -> Option<&Level> {
        let newest = self.newest()?;
        let finest = self.levels.first().filter(|level| level.slots.len() >= MIN_SLOTS)?;
        let coarse = self.levels.iter().skip(1).rev().find(|level| {
            level.slots.len() >= MIN_COARSE && level.line.is_some_and(|line| line.holds(newest.ts, newest.mean))
        });
        Some(coarse.unwrap_or(finest))
    }

    /// The line that is believed; `None` from too few samples.
    pub(super) fn line(&self) -> Option<Line> {
        self.believed()?.line
    }

    /// How it grows; `None` from too few points.
    pub(super) fn trend(&self) -> Option<Trend> {
        let level = self.believed()?;
        let line = level.line?;
        let newest = self.newest()?;
        Some(Trend {
            bytes_per_second: line.slope.middle,
            low: line.slope.low,
            high: line.slope.high,
            window_seconds: line.window,
            class: self.class(level, &line),
            since: level
                .slots
                .front()
                .map(|first| first.ts)
                .filter(|first| *first < newest.ts),
        })
    }

    fn class(&self, level: &Level, line: &Line) -> Class {
        let newest = self.newest().map_or(0.0, |newest| newest.mean);
        let steady = (newest * STEADY_SHARE).max(1.0);
        let rises = line.slope.low > steady;
        let falls = line.slope.high < -steady;
        // What grows and comes back to where it was has no floor that rises.
        let flattens = line.late < line.early * FLATTENING && -line.bend > line.noise;
        let floor_rises = line.floor > line.slope.middle * FLATTENING;
        if rises && floor_rises && !flattens {
            return growing(level);
        }
        if falls {
            return Class::Shrinking;
        }
        let cache = part(level, |parts| parts.cache);
        if cache > steady && cache > line.slope.middle.abs() {
            return Class::Cache;
        }
        if rises && flattens && line.early > 0.0 {
            return Class::Warmup;
        }
        let swing = line.peak.max(line.scatter);
        if swing > newest * 0.05 && self.age() > 10.0 {
            return if rises { Class::Burst } else { Class::Sawtooth };
        }
        if rises { Class::Unknown } else { Class::Steady }
    }
}

/// What of it grows most names the growth.
fn growing(level: &Level) -> Class {
    let (anon, shmem, kernel) = (
        part(level, |parts| parts.anon),
        part(level, |parts| parts.shmem),
        part(level, |parts| parts.kernel),
    );
    if shmem > anon && shmem > kernel {
        Class::Shmem
    } else if kernel > anon && kernel > shmem {
        Class::Kernel
    } else {
        Class::Leak
    }
}

/// The growth of one part over a level's window, in units a second, from the medians of its first and last third; 0 where
/// it was not told.
fn part(level: &Level, of: impl Fn(&Parts) -> Option<f32>) -> f64 {
    let points = points(&level.slots, |slot| of(&slot.parts).map(f64::from));
    let third = points.len().div_ceil(3);
    let middle = |part: &[(f64, f64)]| {
        let time = median(part.iter().map(|(x, _)| *x))?;
        Some((time, median(part.iter().map(|(_, y)| *y))?))
    };
    let ends = || {
        let first = middle(points.get(..third)?)?;
        let last = middle(points.get(points.len() - third..)?)?;
        Some((last.1 - first.1) / (last.0 - first.0))
    };
    ends().filter(|growth: &f64| growth.is_finite()).unwrap_or(0.0)
}

fn merged(slots: &[Slot]) -> Slot {
    let count: u32 = slots.iter().map(|slot| slot.count).sum();
    let share = |slot: &Slot| f64::from(slot.count) / f64::from(count.max(1));
    let mean = slots.iter().map(|slot| slot.mean * share(slot)).sum();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "24 bits of a size are enough for its growth"
    )]
    let part = |of: fn(&Parts) -> Option<f32>| {
        slots
            .iter()
            .map(|slot| of(&slot.parts).map(|value| f64::from(value) * share(slot)))
            .sum::<Option<f64>>()
            .map(|value| value as f32)
    };
    // The middle of the time that it stands for.
    let ts = match (slots.first(), slots.last()) {
        (Some(first), Some(last)) => first.ts.between(last.ts),
        _ => Timestamp(jiff::Timestamp::UNIX_EPOCH),
    };
    Slot {
        ts,
        mean,
        min: slots.iter().map(|slot| slot.min).fold(f64::INFINITY, f64::min),
        max: slots.iter().map(|slot| slot.max).fold(0.0, f64::max),
        parts: Parts {
            anon: part(|parts| parts.anon),
            cache: part(|parts| parts.cache),
            shmem: part(|parts| parts.shmem),
            kernel: part(|parts| parts.kernel),
        },
        count,
    }
}

/// Points in seconds before the last slot.
fn points(slots: &VecDeque<Slot>, value: impl Fn(&Slot) -> Option<f64>) -> Vec<(f64, f64)> {
    let Some(end) = slots.back().map(|slot| slot.ts) else {
        return Vec::new();
    };
    slots
        .iter()
        .filter_map(|slot| Some((slot.ts.seconds_since(end), value(slot)?)))
        .collect()
}

fn line(slots: &VecDeque<Slot>) -> Option<Line> {
    let means = points(slots, |slot| Some(slot.mean));
    let found = slope(&means)?;
    let (first, last) = (slots.front()?, slots.back()?);
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
    let tops = points(slots, |slot| Some(slot.max));
    let width = last.ts.seconds_since(first.ts) / (means.len() - 1) as f64;
    let own_rise = if last.count > 1 {
        found.middle.max(0.0) * width / 2.0
    } else {
        0.0
    };
    // Single samples are their own floor.
    let floor = if last.count > 1 {
        let floors = points(slots, |slot| Some(slot.min));
        median(pairs(&floors).into_iter()).unwrap_or(0.0)
    } else {
        found.middle
    };
    Some(Line {
        slope: found,
        value,
        end: last.ts,
        window: last.ts.seconds_since(first.ts),
        // A slot that grows is higher at its end than in its middle: that much is the line's own.
        peak: (quantile(tops.iter().map(residual), PEAK)? - own_rise).max(0.0),
        scatter: median(residuals.iter().map(|residual| residual.abs()))?,
        bias,
        bend,
        noise: mean_step(&residuals),
        early: plain_slope(head),
        late: plain_slope(tail),
        floor,
    })
}

fn mean_step(values: &[f64]) -> f64 {
    let steps = values.iter().zip(values.iter().skip(1));
    let sum: f64 = steps.map(|(one, two)| (two - one).abs()).sum();
    sum / values.len().saturating_sub(1).max(1) as f64
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

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
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
