//! From times and sizes to places in a plot, and where an axis has its ticks.
//!
//! Places are whole numbers, two a pixel: that is as fine as a screen shows, and short to write.

use std::borrow::Cow;

use super::markup::Part;
use crate::measure::Timestamp;

/// The width of a plot, and the room beside it for an axis.
pub(super) const WIDTH: i64 = 1920;
pub(super) const LEFT: i64 = 130;
pub(super) const RIGHT: i64 = 24;

/// Steps of a time axis, in seconds.
const TIMES: [i64; 24] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    1_209_600, 2_592_000, 7_776_000, 31_536_000,
];

/// The time axis, which the panels of a plot share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) first: Timestamp,
    pub(super) seconds: f64,
}

impl Times {
    pub(super) fn x(&self, ts: Timestamp) -> i64 {
        self.x_after(ts.seconds_since(self.first))
    }

    pub(super) fn x_after(&self, seconds: f64) -> i64 {
        LEFT + share(seconds / self.seconds, WIDTH - LEFT - RIGHT)
    }

    /// Whole steps in local time, and how long one is: at most eight.
    pub(super) fn ticks(&self, offset: i64) -> (i64, Vec<Timestamp>) {
        let step = step(&TIMES, self.seconds, 8);
        let begin = self.first.0.as_second() + offset;
        let ticks = (1..=9).map_while(|number| {
            let local = (begin.div_euclid(step) + number) * step;
            let ts = Timestamp(jiff::Timestamp::from_second(local - offset).ok()?);
            (ts.seconds_since(self.first) <= self.seconds).then_some(ts)
        });
        (step, ticks.collect())
    }
}

/// A panel's own axis, from 0 at the bottom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heights {
    pub(super) top: i64,
    pub(super) bottom: i64,
    pub(super) most: f64,
}

impl Heights {
    pub(super) fn y(&self, value: f64) -> i64 {
        self.bottom - share(value / self.most, self.bottom - self.top)
    }

    /// Whole steps of a size: powers of two.
    pub(super) fn sizes(&self) -> Vec<f64> {
        let mut step = 1.0;
        while self.most / step > 5.0 {
            step *= 2.0;
        }
        self.multiples(step)
    }

    /// Whole steps of a duration.
    pub(super) fn durations(&self) -> Vec<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a year has few enough seconds")]
        let step = step(&TIMES, self.most, 3) as f64;
        self.multiples(step)
    }

    fn multiples(&self, step: f64) -> Vec<f64> {
        (0..8)
            .map(|number| f64::from(number) * step)
            .take_while(|value| *value <= self.most)
            .collect()
    }
}

/// The smallest step of which there are at most so many.
#[expect(clippy::cast_precision_loss, reason = "a year has few enough seconds")]
fn step(steps: &[i64], length: f64, most: i64) -> i64 {
    let fits = |step: &&i64| length / **step as f64 <= most as f64;
    steps.iter().find(fits).or(steps.last()).copied().unwrap_or(1)
}

/// A share of a length, in whole places.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a share of a plot's width"
)]
fn share(share: f64, length: i64) -> i64 {
    (share.clamp(0.0, 1.0) * length as f64).round() as i64
}

/// A path through places, each as its distance from the one before.
#[derive(Debug, Default)]
pub(super) struct Path {
    text: String,
    at: Option<(i64, i64)>,
}

impl Path {
    /// Goes on to a place; begins there where nothing is begun.
    pub(super) fn to(&mut self, x: i64, y: i64) {
        use std::fmt::Write as _;
        let _ = match self.at {
            None => write!(self.text, "M{x} {y}"),
            Some((from_x, from_y)) if (from_x, from_y) == (x, y) => Ok(()),
            Some((from_x, from_y)) if from_y == y => write!(self.text, "h{}", x - from_x),
            Some((from_x, from_y)) if from_x == x => write!(self.text, "v{}", y - from_y),
            Some((from_x, from_y)) => write!(self.text, "l{} {}", x - from_x, y - from_y),
        };
        self.at = Some((x, y));
    }

    /// Ends what was begun.
    pub(super) fn lift(&mut self) {
        self.at = None;
    }

    /// Goes back to where it began.
    pub(super) fn close(&mut self) {
        self.text.push('z');
    }

    /// An area with this edge, where it has one.
    pub(super) fn area(&mut self, edge: &Self) {
        if !edge.text.is_empty() {
            self.text += &edge.text;
            self.close();
        }
    }

    /// Ends an area that was begun at `x` on the ground.
    pub(super) fn ground(&mut self, x: i64, bottom: i64) {
        if let Some((at, _)) = self.at {
            self.to(at, bottom);
            self.to(x, bottom);
            self.close();
            self.lift();
        }
    }
}

/// Made of numbers and of letters of ours, and of nothing else.
impl Part for Path {
    fn part(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.text)
    }
}
