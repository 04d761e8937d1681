//! The history of one cgroup, bounded, and its trend: a robust slope with an interval.
//!
//! The slope is the median of the slopes between all pairs of points (Theil 1950, Sen 1968), its interval Sen's, from
//! the variance of Kendall's S; a slope counts as growth only where the whole interval is on one side of zero.

use std::collections::VecDeque;

use crate::event::{Class, Memory, Trend};
use crate::measure::{Bytes, Timestamp};

/// Points kept. When it is full every other one goes, so that they reach back twice as far.
const MAX_POINTS: usize = 48;
/// A slope from fewer points is a guess.
const MIN_POINTS: usize = 5;
/// Slower than this share of the size a second is steady: 0.2 % an hour.
const STEADY_SHARE: f64 = 0.002 / 3600.0;
/// Quantile of the normal distribution for an interval of 80 %.
const Z: f64 = 1.2816;

#[derive(Debug, Clone, Copy)]
struct Point {
    ts: Timestamp,
    fixed: f64,
    anon: Option<f64>,
    cache: Option<f64>,
    shmem: Option<f64>,
    kernel: Option<f64>,
}

/// Points over time.
#[derive(Debug, Default)]
pub(super) struct Series {
    points: VecDeque<Point>,
    /// Points closer together than this, in seconds, replace one another.
    spacing: f64,
}

/// A slope in units a second, and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slope {
    pub(super) middle: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Series {
    pub(super) fn push(&mut self, ts: Timestamp, fixed: f64) {
        self.add(Point {
            ts,
            fixed,
            anon: None,
            cache: None,
            shmem: None,
            kernel: None,
        });
    }

    pub(super) fn push_parts(&mut self, ts: Timestamp, fixed: f64, memory: &Memory) {
        let value = |size: Option<Bytes>| size.map(Bytes::as_f64);
        let shmem = memory.shmem.unwrap_or_default();
        self.add(Point {
            ts,
            fixed,
            anon: value(memory.anon),
            cache: value(memory.file.map(|file| file.saturating_sub(shmem))),
            shmem: value(memory.shmem),
            kernel: value(memory.kernel),
        });
    }

    fn add(&mut self, point: Point) {
        // A clock that went back: what is ahead of now was measured by another clock.
        while self.points.back().is_some_and(|last| last.ts >= point.ts) {
            self.points.pop_back();
        }
        // The newest point is always kept; the one before it gives way where it stands too close to its own.
        let count = self.points.len();
        if count >= 2
            && let (Some(before), Some(last)) = (self.points.get(count - 2), self.points.back())
            && last.ts.seconds_since(before.ts) < self.spacing
        {
            self.points.pop_back();
        }
        self.points.push_back(point);
        if self.points.len() > MAX_POINTS {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            let (first, last) = (self.points.front(), self.points.back());
            if let (Some(first), Some(last)) = (first, last) {
                self.spacing = last.ts.seconds_since(first.ts) / self.points.len() as f64 * 0.9;
            }
        }
    }

    /// The slope of what cannot be reclaimed, over the newest `most` points.
    pub(super) fn slope(&self, most: usize) -> Option<Slope> {
        self.slope_of(most, |point| Some(point.fixed))
    }

    fn slope_of(&self, most: usize, part: impl Fn(&Point) -> Option<f64>) -> Option<Slope> {
        let skip = self.points.len().saturating_sub(most);
        let newest = self.points.back()?.ts;
        let points: Vec<(f64, f64)> = self
            .points
            .iter()
            .skip(skip)
            .filter_map(|point| Some((point.ts.seconds_since(newest), part(point)?)))
            .collect();
        theil_sen(&points)
    }

    /// How it grows; `None` from too few points.
    pub(super) fn trend(&self) -> Option<Trend> {
        let whole = self.slope(MAX_POINTS)?;
        let recent = self.slope((self.points.len() / 2).max(MIN_POINTS)).unwrap_or(whole);
        let (first, last) = (self.points.front()?, self.points.back()?);
        let steady = last.fixed * STEADY_SHARE;
        let rises = |slope: Slope| slope.low > steady;
        let falls = |slope: Slope| slope.high < -steady;
        let class = if rises(whole) && rises(recent) {
            self.growing()
        } else if falls(whole) && falls(recent) {
            Class::Shrinking
        } else if self.slope_of(MAX_POINTS, |point| point.cache).is_some_and(rises) {
            Class::Cache
        } else if rises(whole) && recent.middle < whole.middle / 4.0 {
            Class::Warmup
        } else if rises(whole) || falls(whole) {
            Class::Unknown
        } else {
            Class::Steady
        };
        Some(Trend {
            bytes_per_second: recent.middle,
            low: recent.low,
            high: recent.high,
            window_seconds: last.ts.seconds_since(first.ts),
            class,
            since: Some(first.ts),
        })
    }

    /// What of it grows most names the growth.
    fn growing(&self) -> Class {
        let rate = |part: fn(&Point) -> Option<f64>| {
            self.slope_of(MAX_POINTS, part)
                .map_or(0.0, |slope| slope.middle.max(0.0))
        };
        let (anon, shmem, kernel) = (rate(|p| p.anon), rate(|p| p.shmem), rate(|p| p.kernel));
        if shmem > anon && shmem > kernel {
            Class::Shmem
        } else if kernel > anon && kernel > shmem {
            Class::Kernel
        } else {
            Class::Leak
        }
    }
}

/// The median of all pairwise slopes, and Sen's interval of 80 % around it.
fn theil_sen(points: &[(f64, f64)]) -> Option<Slope> {
    let count = points.len();
    if count < MIN_POINTS {
        return None;
    }
    let mut slopes = Vec::with_capacity(count * (count - 1) / 2);
    for (place, (x1, y1)) in points.iter().enumerate() {
        for (x2, y2) in points.iter().skip(place + 1) {
            let slope = (y2 - y1) / (x2 - x1);
            if slope.is_finite() {
                slopes.push(slope);
            }
        }
    }
    if slopes.is_empty() {
        return None;
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let n = count as f64;
    let half = Z * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt() / 2.0;
    let middle = slopes.len() as f64 / 2.0;
    let at = |place: f64| {
        let last = slopes.len() - 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the slice"
        )]
        let place = place.clamp(0.0, last as f64) as usize;
        slopes.get(place).copied().unwrap_or_default()
    };
    Some(Slope {
        middle: at(middle),
        low: at(middle - half),
        high: at(middle + half),
    })
}
