//! What a unit held over time, as few points as a plot can show.
//!
//! Of the samples that fall together the least and the most are kept: a sawtooth stays one.

use crate::event::{Forecast, Sample};
use crate::measure::{Bytes, Timestamp};

/// Points of a plot, and the most that are kept while reading.
pub(super) const POINTS: usize = 400;
pub(super) const KEPT: usize = 4 * POINTS;

/// What a use consists of, from what cannot be given back to what can.
pub(super) const PARTS: [&str; 5] = ["anon", "shmem", "kernel", "other", "cache"];

/// A unit at a time.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) ts: Timestamp,
    /// Which run of the unit.
    pub(super) life: u32,
    pub(super) current: f64,
    pub(super) parts: [f64; 5],
    /// Up to where it could grow then, by the number of the limit.
    pub(super) ceilings: Vec<(usize, f64)>,
    pub(super) left: Option<Left>,
}

/// The time left as it was forecast, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    pub(super) low: f64,
    pub(super) middle: f64,
    pub(super) high: Option<f64>,
}

impl From<&Forecast> for Left {
    fn from(forecast: &Forecast) -> Self {
        Self {
            low: forecast.low_seconds,
            middle: forecast.seconds,
            high: forecast.high_seconds,
        }
    }
}

/// What the parts of a sample are, as the files say.
pub(super) fn parts(sample: &Sample, current: f64) -> [f64; 5] {
    let size = |size: Option<Bytes>| size.map_or(0.0, Bytes::as_f64);
    let memory = &sample.memory;
    let shmem = size(memory.shmem);
    let (anon, kernel) = (size(memory.anon), size(memory.kernel));
    let cache = (size(memory.file) - shmem).max(0.0);
    let other = (current - anon - shmem - kernel - cache).max(0.0);
    [anon, shmem, kernel, other, cache]
}

impl Point {
    /// The parts one upon the other, up to the one of this number. The files are read one after the other: together the parts may
    /// be a little more than the whole, and are drawn as high as that.
    pub(super) fn stacked(&self, count: usize) -> f64 {
        let sum: f64 = self.parts.iter().sum();
        let share = if sum > self.current && sum > 0.0 {
            self.current / sum
        } else {
            1.0
        };
        let below: f64 = self.parts.iter().take(count + 1).sum();
        below * share
    }
}

/// The points of a unit.
#[derive(Debug, Default)]
pub(super) struct Points {
    kept: Vec<Point>,
    /// How many samples become two points.
    every: usize,
    /// Those that have not yet: how many, the least and the most of them.
    open: Option<(usize, Point, Point)>,
}

impl Points {
    /// Takes a point; of all together `most` are kept.
    pub(super) fn push(&mut self, point: Point, most: usize) {
        let (count, lower, upper) = match self.open.take() {
            None => (1, point.clone(), point),
            Some((count, lower, upper)) if point.current > upper.current => (count + 1, lower, point),
            Some((count, lower, upper)) if point.current < lower.current => (count + 1, point, upper),
            Some((count, lower, upper)) => (count + 1, lower, upper),
        };
        if count < self.every.max(1) {
            self.open = Some((count, lower, upper));
            return;
        }
        self.kept.extend(in_time(lower, upper));
        if self.kept.len() > most {
            self.kept = thinned(&self.kept, most / 2);
            self.every = self.every.max(1) * 2;
        }
    }

    pub(super) fn last(&self) -> Option<&Point> {
        let open = self
            .open
            .as_ref()
            .map(|(_, least, most)| if least.ts > most.ts { least } else { most });
        open.or_else(|| self.kept.last())
    }

    pub(super) fn first(&self) -> Option<&Point> {
        self.kept
            .first()
            .or_else(|| self.open.as_ref().map(|(_, least, _)| least))
    }

    /// At most so many that a plot shows all that there is to see.
    pub(super) fn plotted(&self) -> Vec<Point> {
        let mut points = thinned(&self.kept, POINTS);
        if let Some((_, least, most)) = &self.open {
            points.extend(in_time(least.clone(), most.clone()));
        }
        points
    }

    /// Whether there was anything of each part.
    pub(super) fn sums(&self) -> [f64; 5] {
        let mut sums = [0.0; 5];
        for point in &self.kept {
            for (sum, part) in sums.iter_mut().zip(point.parts) {
                *sum += part;
            }
        }
        sums
    }

    pub(super) fn peak(&self) -> f64 {
        let open = self.open.iter().map(|(_, _, most)| most);
        self.kept
            .iter()
            .chain(open)
            .map(|point| point.current)
            .fold(0.0, f64::max)
    }
}

/// Two points in the order of time; one, where they are the same.
fn in_time(least: Point, most: Point) -> impl Iterator<Item = Point> {
    let (first, second) = if least.ts <= most.ts {
        (least, most)
    } else {
        (most, least)
    };
    let second = (second.ts != first.ts).then_some(second);
    std::iter::once(first).chain(second)
}

/// At most `count` points: of those that fall together the least and the most.
fn thinned(points: &[Point], count: usize) -> Vec<Point> {
    if points.len() <= count {
        return points.to_vec();
    }
    let size = points.len().div_ceil((count / 2).max(1));
    let chunks = points.chunks(size).filter_map(|chunk| {
        let by = |a: &&Point, b: &&Point| a.current.total_cmp(&b.current);
        Some(in_time(
            chunk.iter().min_by(by)?.clone(),
            chunk.iter().max_by(by)?.clone(),
        ))
    });
    chunks.flatten().collect()
}
