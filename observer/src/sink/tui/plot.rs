//! Use over time, the limit above it, and the forecast as the fan that it is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::history::Point;
use super::ink::{GREY, PLAIN, RED, YELLOW, put};
use super::model::Known;
use super::state::State;
use crate::human::{bytes, duration};
use crate::measure::{Bytes, Timestamp};

/// Columns for the figures at the left.
const SCALE: u16 = 8;

/// The part of the width that is the future's, where something is forecast.
const FUTURE: u16 = 3;

const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// A horizontal bar; whatever is there at all has a cell.
pub(super) fn bar(length: f64) -> String {
    "█".repeat(whole(length.round().max(1.0)))
}

fn whole(number: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturating, and a screen is small"
    )]
    let whole = number.max(0.0) as usize;
    whole
}

struct Plot {
    area: Rect,
    top: f64,
}

impl Plot {
    /// How many eighths of a cell high.
    fn eighths(&self, value: f64) -> usize {
        let height = f64::from(self.area.height) * 8.0;
        whole((value / self.top * height).round().min(height))
    }

    /// The row that a value falls into.
    fn row(&self, value: f64) -> u16 {
        let up = u16::try_from(self.eighths(value).saturating_sub(1) / 8).unwrap_or(0);
        self.area.height.saturating_sub(1 + up)
    }
}

/// Draws a unit's last minutes and, where something is forecast, those that follow.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State, known: &Known) {
    let now = state.now();
    let window = state.window_for(Some(known));
    let Some(point) = known.history.at(now) else { return };
    if area.height < 2 || area.width <= SCALE + 4 {
        return;
    }
    let width = area.width - SCALE;
    let future = if point.left.is_some() { width / FUTURE } else { 0 };
    let past = width - future;
    let step = window / u32::from(past.max(1));
    let points: Vec<Option<&Point>> = (0..past)
        .rev()
        .map(|back| {
            let at = now.0.checked_sub(step * u32::from(back)).ok()?;
            known.history.at(Timestamp(at))
        })
        .collect();
    let allowed = |point: &Point| point.limit.map(|held| held.allowed(point.current()));
    let highest = points.iter().flatten().map(|point| point.current().as_f64());
    let highest = highest.fold(1.0, f64::max);
    // A limit far above is out of the picture, and said so: the growth below it is what is looked at.
    let limit = allowed(point).filter(|limit| *limit <= highest * 4.0 || point.left.is_some());
    let plot = Plot {
        area: Rect {
            x: area.x + SCALE,
            width,
            height: area.height - 1,
            ..area
        },
        top: limit.unwrap_or(0.0).max(highest) * 1.08,
    };
    let inner = plot.area;
    for (x, point) in (0..past).zip(&points) {
        let Some(point) = point else { continue };
        let eighths = plot.eighths(point.current().as_f64());
        for y in 0..inner.height {
            let above = usize::from(inner.height - 1 - y) * 8;
            let level = eighths.saturating_sub(above).min(8);
            put(buffer, inner, x, y, EIGHTHS.get(level).copied().unwrap_or(" "), PLAIN);
        }
        if let Some(held) = allowed(point).filter(|_| limit.is_some()) {
            put(buffer, inner, x, plot.row(held), "─", RED);
        }
    }
    if future > 0 {
        fan(buffer, &plot, point, (past, future), limit);
    }
    scale(buffer, area, &plot, point, limit);
    let span = duration(window.as_secs_f64());
    let begins = now.0.checked_sub(window).map(|begins| state.clock(Timestamp(begins)));
    let axis = format!("{} ({span})", begins.unwrap_or_default());
    let told = match (point.left, allowed(point), limit) {
        (Some(left), ..) => format!("now, then {}", duration(reach(&left))),
        (None, Some(_), None) => "now; limit far above".to_owned(),
        (None, ..) => "now".to_owned(),
    };
    let length = u16::try_from(told.chars().count()).unwrap_or(0);
    let start = (SCALE + past).saturating_sub(3).min(area.width.saturating_sub(length));
    // What has no room is left out whole.
    if usize::from(start.saturating_sub(SCALE)) > axis.chars().count() {
        put(buffer, area, SCALE, area.height - 1, &axis, GREY);
    }
    put(buffer, area, start, area.height - 1, &told, GREY);
}

/// How far the fan reaches: to its late end where that is near enough to be of use.
fn reach(left: &super::history::Left) -> f64 {
    left.high
        .unwrap_or(left.seconds * 2.0)
        .clamp(left.seconds, left.seconds * 3.0)
        * 1.1
}

/// From now to the limit: between the early and the late end, with the most likely in its middle.
fn fan(buffer: &mut Buffer, plot: &Plot, point: &Point, (past, future): (u16, u16), limit: Option<f64>) {
    let (Some(left), Some(limit)) = (point.left, limit) else {
        return;
    };
    let current = point.current().as_f64();
    let height = |seconds: f64, ahead: f64| {
        let share = (ahead / seconds.max(1.0)).min(1.0);
        current + (limit - current) * share
    };
    for x in 0..future {
        let ahead = reach(&left) * f64::from(x + 1) / f64::from(future);
        put(buffer, plot.area, past + x, plot.row(limit), "─", RED);
        let early = plot.row(height(left.low, ahead));
        let late = plot.row(left.high.map_or(current, |high| height(high, ahead)));
        for y in early..=late {
            if y != plot.row(limit) {
                put(buffer, plot.area, past + x, y, "░", GREY);
            }
        }
        put(
            buffer,
            plot.area,
            past + x,
            plot.row(height(left.seconds, ahead)),
            "•",
            YELLOW,
        );
    }
}

/// The limit and the use, each at its height.
fn scale(buffer: &mut Buffer, area: Rect, plot: &Plot, point: &Point, limit: Option<f64>) {
    let figure = |buffer: &mut Buffer, y: u16, size: f64| {
        let size = Bytes(u64::try_from(whole(size)).unwrap_or(u64::MAX));
        put(buffer, area, 0, y, &format!("{:>7}", bytes(size)), GREY);
    };
    figure(buffer, plot.row(point.current().as_f64()), point.current().as_f64());
    // Where both fall into one row the line there is the limit's; the use is told beside the plot.
    if let Some(limit) = limit {
        figure(buffer, plot.row(limit), limit);
    }
}
