//! A unit's plot: what it held, stacked, below its limits; and the time left as it was forecast at the time.
//!
//! Areas are drawn one over the other, the whole first, so that each costs one edge.

use std::fmt::Write as _;

use super::letters::{Anchor, Outline};
use super::markup::{Markup, put};
use super::past::Past;
use super::points::{PARTS, Point};
use super::scale::{Heights, LEFT, Path, RIGHT, Times, WIDTH};
use super::words::{self, Words, size};
use crate::event::{ForecastChange, ForecastState, Relation, ThrottleState};
use crate::human::duration;
use crate::measure::Timestamp;
use crate::words::warning;

/// The panel of what is held, and the one of the time left.
const TOP: i64 = 34;
const BOTTOM: i64 = 500;
const LEFT_TOP: i64 = 556;
const LEFT_BOTTOM: i64 = 716;

/// A limit further away than so many times the most that was used would leave nothing of the plot to see; one above the
/// unit's own is not to make that small.
const FAR: f64 = 2.5;
const FAR_ABOVE: f64 = 1.3;

/// Fans that are drawn of a unit.
const FANS: usize = 12;

/// Lines of words keep so far from each other.
const LINE: i64 = 30;

/// What is drawn, and where.
struct Plot<'a> {
    past: &'a Past,
    words: &'a Words,
    points: Vec<Point>,
    gaps: &'a [(Timestamp, Timestamp)],
    times: Times,
    sizes: Heights,
    left: Option<Heights>,
    lettering: Lettering,
    out: Markup,
}

/// How words are put into a plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lettering {
    /// As text, in a font of whoever shows it.
    Text,
    /// As outlines, for whoever has no fonts.
    Outlines,
}

/// How words of one kind look: their class, and what of it an outline has to know.
#[derive(Debug, Clone, Copy)]
struct Style {
    class: &'static str,
    /// As the class has it.
    size: f64,
    anchor: Anchor,
}

impl Style {
    const fn of(class: &'static str, anchor: Anchor) -> Self {
        Self {
            class,
            size: 22.0,
            anchor,
        }
    }
}

const TITLE: Style = Style {
    class: "title",
    size: 30.0,
    anchor: Anchor::Start,
};
const NAME: Style = Style::of("name", Anchor::Start);
const WORDS: Style = Style::of("words", Anchor::Start);
const AXIS: Style = Style::of("axis", Anchor::Start);
const AXIS_MIDDLE: Style = Style::of("axis middle", Anchor::Middle);
const AXIS_END: Style = Style::of("axis end", Anchor::End);

/// The plot as a part of the page; `None` without samples.
pub(super) fn within(past: &Past, gaps: &[(Timestamp, Timestamp)], words: &Words, id: &str) -> Option<Markup> {
    let mut plot = Plot::new(past, gaps, words, Lettering::Text)?;
    let height = plot.height();
    put!(
        plot.out,
        "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{}-t {}-d\">\n<title id=\"{}-t\">{}</title>\n<desc id=\"{}-d\">{}</desc>\n",
        WIDTH,
        height,
        id,
        id,
        id,
        format!("Memory of {}", past.name),
        id,
        plot.description()
    );
    plot.draw();
    put!(plot.out, "</svg>\n");
    Some(plot.out)
}

/// The plot as a file.
pub(super) fn alone(
    past: &Past,
    gaps: &[(Timestamp, Timestamp)],
    words: &Words,
    lettering: Lettering,
) -> Option<String> {
    let mut plot = Plot::new(past, gaps, words, lettering)?;
    let (head, foot) = (60, 50);
    let height = plot.height() + head + foot;
    put!(
        plot.out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\">\n<title>{}</title>\n<desc>{}</desc>\n<style>\n{}</style>\n<rect width=\"{}\" height=\"{}\" fill=\"#ffffff\"/>\n",
        WIDTH,
        height,
        WIDTH / 2,
        height / 2,
        format!("Memory of {}", past.name),
        plot.description(),
        Markup::style(&super::palette::plot()),
        WIDTH,
        height
    );
    plot.text(TITLE, LEFT, 44, &plot.heading());
    put!(plot.out, "<g transform=\"translate(0 {})\">\n", head);
    plot.draw();
    put!(plot.out, "</g>\n");
    let (mut x, y) = (LEFT, height - 18);
    for part in PARTS {
        put!(
            plot.out,
            "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"20\" height=\"20\"/>",
            part,
            x,
            y - 18
        );
        plot.text(AXIS, x + 30, y, part);
        x += 150;
    }
    put!(plot.out, "</svg>\n");
    Some(plot.out.into_text())
}

impl<'a> Plot<'a> {
    fn new(past: &'a Past, gaps: &'a [(Timestamp, Timestamp)], words: &'a Words, lettering: Lettering) -> Option<Self> {
        let points = past.points.plotted();
        let (first, end) = (points.first()?.ts, past.ends()?);
        let times = Times {
            first,
            seconds: end.seconds_since(first).max(1.0),
        };
        let peak = past.peak().max(1.0);
        let own = past.limits.iter().filter(|held| held.relation == Relation::Own);
        let own = own
            .map(|held| held.bytes.as_f64())
            .filter(|limit| *limit <= peak * FAR)
            .fold(peak, f64::max);
        let above = past.limits.iter().map(|held| peak + held.least_room.max(0.0));
        let most = above.filter(|height| *height <= own * FAR_ABOVE).fold(own, f64::max) * 1.08;
        Some(Self {
            left: left_scale(&points, past, times),
            past,
            words,
            points,
            gaps,
            times,
            sizes: Heights {
                top: TOP,
                bottom: BOTTOM,
                most,
            },
            lettering,
            out: Markup::default(),
        })
    }

    fn height(&self) -> i64 {
        self.ground() + 40
    }

    /// Where the lowest panel ends.
    fn ground(&self) -> i64 {
        if self.left.is_some() { LEFT_BOTTOM } else { BOTTOM }
    }

    fn end(&self) -> Timestamp {
        self.past.ends().unwrap_or(self.times.first)
    }

    fn heading(&self) -> String {
        let host = if self.past.host.is_empty() {
            String::new()
        } else {
            format!(" on {}", self.past.host)
        };
        format!(
            "{}{host}, {} to {} ({})",
            self.past.name,
            self.words.date(self.times.first),
            self.words.date(self.end()),
            self.words.zone(self.times.first)
        )
    }

    /// The plot in words.
    fn description(&self) -> String {
        let last = self.points.last().map_or(0.0, |point| point.current);
        let mut text = format!(
            "From {} to {} it used {} at most and {} at last.",
            self.words.date(self.times.first),
            self.words.date(self.end()),
            size(self.past.peak()),
            size(last),
        );
        if let Some(held) = self.past.nearest() {
            let limit = held.words();
            let _ = write!(text, " The nearest limit was {limit}.");
        }
        if let Some((ts, _)) = self.past.raised().next() {
            let _ = write!(text, " First warned of on {}.", self.words.date(*ts));
        }
        for (ts, _) in self.past.kills.kept.iter().take(3) {
            let _ = write!(text, " Killed on {}.", self.words.date(*ts));
        }
        text
    }

    fn text(&mut self, style: Style, x: i64, y: i64, words: &str) {
        let Style { class, size, anchor } = style;
        match self.lettering {
            Lettering::Text => put!(
                self.out,
                "<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>\n",
                class,
                x,
                y,
                words
            ),
            Lettering::Outlines => put!(
                self.out,
                "<path class=\"{}\" d=\"{}\"/>\n",
                class,
                Outline::of(words, size, anchor, x, y)
            ),
        }
    }

    fn draw(&mut self) {
        self.grid();
        self.areas();
        self.fans();
        self.ceilings();
        self.time_left();
        self.throttles();
        self.marks();
    }

    fn grid(&mut self) {
        let (right, ground) = (WIDTH - RIGHT, self.ground());
        let mut panels = vec![(self.sizes, self.sizes.sizes(), words::size as fn(f64) -> String)];
        panels.extend(
            self.left
                .map(|left| (left, left.durations(), duration as fn(f64) -> String)),
        );
        for (heights, _, _) in &panels {
            let (top, height) = (heights.top, heights.bottom - heights.top);
            let width = right - LEFT;
            put!(
                self.out,
                "<rect class=\"ground\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n",
                LEFT,
                top,
                width,
                height
            );
        }
        for (from, to) in self.gaps {
            let (from, to) = (self.times.x(*from), self.times.x(*to));
            if to > from {
                put!(
                    self.out,
                    "<rect class=\"gap\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>nothing recorded</title></rect>\n",
                    from,
                    TOP,
                    to - from,
                    ground - TOP
                );
            }
        }
        for (heights, values, name) in panels {
            for value in values {
                let y = heights.y(value);
                put!(self.out, "<path class=\"grid\" d=\"M{} {}H{}\"/>", LEFT, y, right);
                self.text(AXIS_END, LEFT - 12, y + 8, &name(value));
            }
        }
        let (step, ticks) = self.times.ticks(self.words.offset(self.times.first));
        for ts in ticks {
            let x = self.times.x(ts);
            let style = if x > right - 60 { AXIS_END } else { AXIS_MIDDLE };
            put!(self.out, "<path class=\"grid\" d=\"M{} {}V{}\"/>", x, TOP, ground);
            self.text(style, x, ground + 30, &self.words.tick(ts, step));
        }
    }

    fn areas(&mut self) {
        // What lies highest is the whole; each part below covers what is not its own.
        for (count, part) in PARTS.iter().enumerate().rev() {
            let mut path = Path::default();
            let mut before: Option<(u32, i64)> = None;
            for point in &self.points {
                let x = self.times.x(point.ts);
                if let Some((life, last)) = before
                    && life != point.life
                {
                    path.ground(last, BOTTOM);
                }
                if before.is_none_or(|(life, _)| life != point.life) {
                    path.lift();
                    path.to(x, BOTTOM);
                }
                path.to(x, self.sizes.y(point.stacked(count)));
                before = Some((point.life, x));
            }
            if let Some((_, last)) = before {
                path.to(last, BOTTOM);
                path.close();
            }
            if self
                .points
                .iter()
                .any(|point| point.parts.get(count).is_some_and(|part| *part > 0.0))
            {
                put!(self.out, "<path class=\"{}\" d=\"{}\"/>\n", part, path);
            }
        }
    }

    fn ceilings(&mut self) {
        let mut told: Vec<i64> = Vec::new();
        for (number, held) in self.past.limits.iter().enumerate() {
            let mut path = Path::default();
            let mut height = None;
            let mut life = None;
            for point in &self.points {
                let ceiling = point
                    .ceilings
                    .iter()
                    .find(|(limit, _)| *limit == number)
                    .map(|(_, ceiling)| *ceiling);
                let seen = ceiling.filter(|ceiling| *ceiling <= self.sizes.most);
                if seen.is_none() || life.is_some_and(|life| life != point.life) && held.relation != Relation::Own {
                    path.lift();
                }
                if let Some(seen) = seen {
                    let y = self.sizes.y(seen);
                    path.to(self.times.x(point.ts), y);
                    // The words are of the limit as it was last.
                    height = Some(y);
                }
                life = Some(point.life);
            }
            let Some(mut y) = height.map(|y| y - 10) else { continue };
            while let Some(near) = told.iter().find(|near| (**near - y).abs() < LINE) {
                y = near + LINE;
            }
            told.push(y);
            let limit = held.words();
            let (class, limit) = if held.relation == Relation::Own {
                ("ceiling", limit)
            } else {
                ("ceiling above", format!("effective limit from {limit}"))
            };
            put!(self.out, "<path class=\"{}\" d=\"{}\"/>", class, path);
            self.text(WORDS, LEFT + 14, y, &limit);
        }
    }

    /// Forecasts as they stood at the warnings: from what was used then to the limit, early and late.
    fn fans(&mut self) {
        for (ts, change) in self.past.warnings.kept.iter().take(FANS) {
            let _ = self.fan(*ts, change);
        }
    }

    fn fan(&mut self, ts: Timestamp, change: &ForecastChange) -> Option<()> {
        let forecast = change
            .forecast
            .as_ref()
            .filter(|_| change.state != ForecastState::Cleared)?;
        let from = fixed(change)?;
        let number = self
            .past
            .limits
            .iter()
            .position(|held| held.file == forecast.limit.file && held.cgroup == forecast.limit.cgroup)?;
        let point = self.points.iter().min_by(|a, b| {
            let far = |point: &Point| point.ts.seconds_since(ts).abs();
            far(a).total_cmp(&far(b))
        })?;
        let (_, ceiling) = point.ceilings.iter().find(|(limit, _)| *limit == number)?;
        let at = ts.seconds_since(self.times.first);
        let late = forecast.high_seconds.unwrap_or(forecast.seconds * 4.0);
        let (x, y) = (self.times.x(ts), self.sizes.y(from));
        let height = self.sizes.y(*ceiling);
        let mut path = Path::default();
        path.to(x, y);
        path.to(self.times.x_after(at + forecast.low_seconds), height);
        path.to(self.times.x_after(at + late), height);
        put!(
            self.out,
            "<path class=\"fan\" d=\"{}z\"><title>{}</title></path>\n",
            path,
            warning(change)
        );
        Some(())
    }

    /// The panel below: what was believed then, and, where a kill says it, what was true.
    fn time_left(&mut self) {
        let Some(heights) = self.left else { return };
        let (mut band, mut belief) = (Path::default(), Path::default());
        let told = |a: &Point, b: &Point| a.life == b.life && a.left.is_some() == b.left.is_some();
        for run in self.points.chunk_by(told) {
            let lefts = || {
                run.iter()
                    .filter_map(|point| Some((self.times.x(point.ts), point.left?)))
            };
            let mut edge = Path::default();
            for (x, left) in lefts() {
                edge.to(x, heights.y(left.high.unwrap_or(heights.most)));
                if left.middle <= heights.most {
                    belief.to(x, heights.y(left.middle));
                } else {
                    belief.lift();
                }
            }
            belief.lift();
            let back: Vec<_> = lefts().collect();
            for (x, left) in back.into_iter().rev() {
                edge.to(x, heights.y(left.low));
            }
            band.area(&edge);
        }
        let mut truth = Path::default();
        let mut since = self.times.first;
        for (ts, _) in &self.past.kills.kept {
            let long = ts.seconds_since(since).min(heights.most);
            let at = ts.seconds_since(self.times.first);
            truth.to(self.times.x_after(at - long), heights.y(long));
            truth.to(self.times.x(*ts), heights.y(0.0));
            truth.lift();
            since = *ts;
        }
        put!(
            self.out,
            "<path class=\"band\" d=\"{}\"/><path class=\"belief\" d=\"{}\"/><path class=\"truth\" d=\"{}\"/>",
            band,
            belief,
            truth
        );
        let name = if self.past.kills.total > 0 {
            "time left, as it was forecast at the time; dotted: as it was"
        } else {
            "time left, as it was forecast at the time"
        };
        self.text(NAME, LEFT, heights.top - 12, name);
    }

    /// When it stood still at its `memory.high`: a bar on the ground.
    fn throttles(&mut self) {
        let mut since = None;
        let mut bars = Vec::new();
        for (ts, throttle) in &self.past.throttles.kept {
            match throttle.state {
                ThrottleState::Raised => since = since.or(Some(*ts)),
                ThrottleState::Cleared => bars.extend(since.take().map(|since| (since, *ts))),
            }
        }
        bars.extend(since.map(|since| (since, self.end())));
        for (from, to) in bars {
            let x = self.times.x(from);
            put!(
                self.out,
                "<rect class=\"throttled\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"12\"><title>throttled to a halt from {} to {}</title></rect>\n",
                x,
                BOTTOM - 12,
                (self.times.x(to) - x).max(4),
                self.words.date(from),
                self.words.date(to)
            );
        }
    }

    fn marks(&mut self) {
        for (ts, change) in self
            .past
            .warnings
            .kept
            .iter()
            .filter(|(_, change)| change.state != ForecastState::Cleared)
        {
            let Some(fixed) = fixed(change) else { continue };
            let (x, y) = (self.times.x(*ts), self.sizes.y(fixed));
            put!(
                self.out,
                "<path class=\"warning\" d=\"M{} {}l13 23h-26z\"><title>{}: {}</title></path>\n",
                x,
                y - 14,
                self.words.date(*ts),
                warning(change)
            );
        }
        for (ts, kill) in &self.past.kills.kept {
            let x = self.times.x(*ts);
            let label = format!("{}: {} killed", self.words.date(*ts), kill.who());
            put!(
                self.out,
                "<g role=\"img\" aria-label=\"{}\"><title>{}</title><path class=\"killed\" d=\"M{} {}V{}\"/><path class=\"cross\" d=\"M{} {}l24 24m-24 0l24 -24\"/></g>\n",
                label,
                label,
                x,
                TOP,
                BOTTOM,
                x - 12,
                TOP - 28
            );
        }
    }
}

/// What could not be given back when it was warned of: that is what a forecast is about.
fn fixed(change: &ForecastChange) -> Option<f64> {
    let memory = change.memory?;
    let cache = memory
        .file
        .unwrap_or_default()
        .saturating_sub(memory.shmem.unwrap_or_default());
    Some(memory.current?.saturating_sub(cache).as_f64())
}

/// The axis of the time left: as long as what was true at the first forecast, or most of what was believed. Of a unit that
/// was neither killed nor warned of nobody asks.
fn left_scale(points: &[Point], past: &Past, times: Times) -> Option<Heights> {
    if past.kills.total == 0 && past.warnings.total == 0 {
        return None;
    }
    let mut lefts: Vec<f64> = points.iter().filter_map(|point| Some(point.left?.middle)).collect();
    let first = points.iter().find(|point| point.left.is_some())?;
    lefts.sort_by(f64::total_cmp);
    let usual = lefts.get(lefts.len() * 3 / 4).copied()?;
    let kill = past
        .kills
        .kept
        .iter()
        .map(|(ts, _)| ts.seconds_since(first.ts))
        .find(|left| *left > 0.0);
    let most = kill.map_or(usual * 1.3, |kill| kill.max(usual.min(kill * 3.0)) * 1.2);
    Some(Heights {
        top: LEFT_TOP,
        bottom: LEFT_BOTTOM,
        most: most.clamp(1.0, times.seconds.max(1.0) * 10.0),
    })
}
