//! Small multiples: of each trace its usage, its limit, what was forecast when, the warnings and the kills.
//!
//! A forecast is a wedge from where usage stood to the times at which the limit was to be reached, first to last, with a
//! line to the most likely one. A good one ends at the kill.

use std::fmt::Write as _;

use super::Own;
use super::score::{Left, Said};
use super::trace::{Sample, Trace};

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 120.0;
const TITLE: f64 = 16.0;
const GAP: f64 = 14.0;
const COLUMNS: usize = 4;
/// Below the plot, where warnings are.
const BAND: f64 = 5.0;
/// Points of a curve, at most.
const POINTS: usize = 120;
/// Forecasts that are drawn of a trace.
const FANS: u32 = 9;
/// The time that is drawn, as a share of the trace.
const AHEAD: f64 = 1.12;

const STYLE: &str = "<style>
text{font:11px system-ui,sans-serif;fill:#333}
.frame{fill:#fff;stroke:#ccc}
.usage{fill:none;stroke:#9bb4cc;stroke-width:1}
.fixed{fill:none;stroke:#1b4b7a;stroke-width:1.5}
.limit{stroke:#333;stroke-dasharray:4 3}
.wedge{fill:#e8862e;fill-opacity:.13}
.likely{stroke:#e8862e;stroke-width:1;stroke-opacity:.8}
.warning{fill:#c62828}
.kill{stroke:#c62828;stroke-width:1.5}
.note{fill:#777}
</style>";

/// A page that needs nothing else.
pub(super) fn page(owns: &[Own]) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>oomtrace: forecasts</title>\n<body>\n{}\n</body></html>\n",
        sheet(owns)
    )
}

/// All traces, leaks first.
pub(super) fn sheet(owns: &[Own]) -> String {
    let mut order: Vec<&Own> = owns.iter().collect();
    order.sort_by_key(|own| (own.trace.header.kind, own.trace.header.split, own.trace.name.clone()));
    let rows = order.len().div_ceil(COLUMNS);
    let (step_x, step_y) = (WIDTH + GAP, HEIGHT + BAND + TITLE + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">{STYLE}\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        COLUMNS as f64 * step_x + GAP,
        rows as f64 * step_y + GAP + TITLE,
    );
    let _ = writeln!(
        svg,
        "<text x=\"{GAP}\" y=\"{TITLE}\">dark: what reclaim cannot give back; light: usage; dashed: the limit; wedge: when the limit was said to be reached (80 %); red: kills above, warnings below</text>"
    );
    for (place, own) in order.iter().enumerate() {
        let (x, y) = (
            GAP + (place % COLUMNS) as f64 * step_x,
            GAP + TITLE + (place / COLUMNS) as f64 * step_y,
        );
        let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">{}</g>", plot(own));
    }
    svg + "</svg>\n"
}

/// Where a time and a size are on a plot.
struct Axes {
    seconds: f64,
    bytes: f64,
}

impl Axes {
    fn x(&self, at: f64) -> f64 {
        (at / self.seconds).clamp(0.0, 1.0) * WIDTH
    }

    fn y(&self, bytes: f64) -> f64 {
        TITLE + (1.0 - (bytes / self.bytes).clamp(0.0, 1.0)) * HEIGHT
    }
}

fn plot(own: &Own) -> String {
    let trace = &own.trace;
    let (Some(last), Some(limit)) = (trace.samples.last(), trace.samples.first().map(|first| first.limit)) else {
        return String::new();
    };
    let axes = Axes {
        seconds: last.at * AHEAD,
        bytes: limit * 1.08,
    };
    let mut svg = format!(
        "<text y=\"11\">{} <tspan class=\"note\">{}, {:.0} MiB, {:.0} s</tspan></text><rect class=\"frame\" y=\"{TITLE}\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>",
        trace.name,
        format!("{:?}", trace.header.split).to_lowercase(),
        limit / f64::from(1 << 20),
        last.at,
    );
    for said in fans(own) {
        svg += &fan(&axes, trace, said, limit);
    }
    // One line where there is no cache to tell them apart.
    if trace
        .samples
        .iter()
        .any(|sample| sample.current - sample.fixed > limit * 0.02)
    {
        svg += &curve(&axes, trace, "usage", |sample| sample.current);
    }
    svg += &curve(&axes, trace, "fixed", |sample| sample.fixed);
    let _ = write!(
        svg,
        "<line class=\"limit\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>",
        axes.y(limit)
    );
    for warning in &own.told.warnings {
        let (from, to) = (axes.x(warning.raised), axes.x(warning.cleared.unwrap_or(last.at)));
        let _ = write!(
            svg,
            "<rect class=\"warning\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{BAND}\"/>",
            TITLE + HEIGHT,
            (to - from).max(1.0)
        );
    }
    for life in trace.lives.iter().filter(|life| life.is_killed) {
        let _ = write!(
            svg,
            "<line class=\"kill\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{TITLE}\" y2=\"{1}\"/>",
            axes.x(life.end),
            TITLE + HEIGHT
        );
    }
    svg
}

/// What was said at times spread over the trace.
fn fans(own: &Own) -> impl Iterator<Item = &Said> {
    let end = own.trace.samples.last().map_or(0.0, |last| last.at);
    (1..=FANS).filter_map(move |part| {
        let at = end * f64::from(part) / f64::from(FANS + 1);
        own.told.said.iter().rev().find(|said| said.at <= at)
    })
}

fn fan(axes: &Axes, trace: &Trace, said: &Said, limit: f64) -> String {
    let from = trace.samples.iter().rev().find(|sample| sample.at <= said.at);
    let (Some(from), Some(Left { seconds, interval })) = (from, said.left) else {
        return String::new();
    };
    let (low, high) = interval.unwrap_or((seconds, seconds));
    let start = (said.at, from.fixed);
    let to = |seconds: f64| end(axes, start, (said.at + seconds, limit));
    let (x, y) = (axes.x(start.0), axes.y(start.1));
    let ((x1, y1), (x2, y2), (x3, y3)) = (to(low), to(high), to(seconds));
    // The wedge's corner where one side ends at the limit and the other at the plot's edge.
    let corner = if y2 > y1 {
        format!(" {WIDTH:.1},{:.1}", axes.y(limit))
    } else {
        String::new()
    };
    format!(
        "<polygon class=\"wedge\" points=\"{x:.1},{y:.1} {x1:.1},{y1:.1}{corner} {x2:.1},{y2:.1}\"/><line class=\"likely\" x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{x3:.1}\" y2=\"{y3:.1}\"/>"
    )
}

/// Where a line from a point of the plot to another leaves it.
fn end(axes: &Axes, from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    let (right, up) = (to.0 - from.0, to.1 - from.1);
    // A line that never arrives, as one of no length, has a share of its own.
    let share = if right > 0.0 {
        ((axes.seconds - from.0) / right).min(1.0)
    } else {
        1.0
    };
    (axes.x(to.0), axes.y(from.1 + up * share))
}

fn curve(axes: &Axes, trace: &Trace, class: &str, value: fn(&Sample) -> f64) -> String {
    let every = trace.samples.len().div_ceil(POINTS).max(1);
    let mut path = String::new();
    let mut before: Option<&Sample> = None;
    for samples in trace.samples.chunks(every) {
        // Peaks are what matters: of several samples the greatest.
        let Some(sample) = samples.iter().max_by(|a, b| value(a).total_cmp(&value(b))) else {
            continue;
        };
        let command = if before.is_some_and(|before| before.start == sample.start) {
            'L'
        } else {
            'M'
        };
        let _ = write!(path, "{command}{:.1} {:.1}", axes.x(sample.at), axes.y(value(sample)));
        before = Some(sample);
    }
    format!("<path class=\"{class}\" d=\"{path}\"/>")
}
