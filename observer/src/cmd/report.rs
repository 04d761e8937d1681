//! `oomtrace report`: a capture as one page: what each unit held, its limits, the warnings as they stood, the kills.
//!
//! One file without scripts, without anything from elsewhere: to be attached, mailed and printed. Plots are SVG, made of
//! few enough points to stay small.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::anyhow;
use html_escape::encode_text as safe;

use super::output::{self, Damages};
use crate::cli::{Exit, Failure, Report};
use crate::event::{Event, ForecastChange, ForecastState, Kill, Line, Relation, Sample, Subject};
use crate::human::{bytes, duration};
use crate::measure::{Bytes, Timestamp};
use crate::sink::{name, paragraph, warning};

/// Points of a plot.
const POINTS: usize = 360;

/// Points that are kept of a unit while reading; over that every two become one.
const KEPT: usize = 4 * POINTS;

/// Units with a plot: those that were killed or warned of first, then the largest.
const PLOTS: usize = 60;

/// The plot's size in its own units, and the room around it.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// A limit further away than this many times the most that was used would leave nothing of the plot to see.
const FAR: f64 = 2.5;

const STYLE: &str = include_str!("report.css");

/// Reads captures and writes the page.
///
/// # Errors
/// Where nothing can be read or the page cannot be written, or not everything could be read; what could be is in the page.
pub fn run(options: &Report) -> Result<(), Failure> {
    let selection = output::selection(&options.which)?;
    let mut units: BTreeMap<String, Past> = BTreeMap::new();
    let (mut damages, mut lines) = (Damages::default(), 0_u64);
    for line in output::captures(&options.paths)? {
        match line {
            Ok(line) => {
                let outside = options.since.is_some_and(|since| line.ts.0 < since)
                    || options.until.is_some_and(|until| line.ts.0 > until);
                let Some(subject) = subject(&line.event).filter(|subject| !outside && selection.covers(subject)) else {
                    continue;
                };
                lines += 1;
                let key = format!("{}\u{0}{}", line.host, name(subject));
                units.entry(key).or_default().take(line);
            }
            Err(damage) => damages.tell(damage),
        }
    }
    if lines == 0 {
        let message =
            anyhow!("nothing to report: the captures hold no line of the units and the time that are asked for");
        return Err(Failure::new(Exit::NotFound, message));
    }
    let page = page(&units);
    write(&options.html, &page)?;
    damages.end()
}

fn write(path: &Path, page: &str) -> Result<(), Failure> {
    fs::write(path, page).map_err(|error| Failure::from(anyhow!("cannot write {}: {error}", path.display())))
}

fn subject(event: &Event) -> Option<&Subject> {
    match event {
        Event::Sample(sample) => Some(&sample.subject),
        Event::Forecast(change) => Some(&change.subject),
        Event::Kill(kill) => Some(&kill.subject),
        _ => None,
    }
}

/// What a unit held at a time.
#[derive(Debug, Clone, Copy)]
struct Point {
    ts: Timestamp,
    /// Anonymous memory, shared memory, the kernel's, page cache, and what is none of these.
    parts: [f64; 5],
    current: f64,
}

const PARTS: [&str; 5] = ["anon", "shmem", "kernel", "cache", "rest"];

#[derive(Debug, Default)]
struct Past {
    host: String,
    name: String,
    points: Vec<Point>,
    /// How many samples become one point now, and how many have come since the last.
    every: usize,
    since: usize,
    /// The last limits, by owner and file.
    limits: BTreeMap<(String, String), (Bytes, Relation)>,
    warnings: Vec<(Timestamp, ForecastChange)>,
    kills: Vec<(Timestamp, Box<Kill>)>,
}

impl Past {
    fn take(&mut self, line: Line) {
        let Line { event, ts, host, .. } = line;
        self.host = host;
        match event {
            Event::Sample(sample) => self.sample(ts, &sample),
            Event::Forecast(change) => {
                name(&change.subject).clone_into(&mut self.name);
                self.warnings.push((ts, change));
            }
            Event::Kill(kill) => {
                name(&kill.subject).clone_into(&mut self.name);
                self.kills.push((ts, kill));
            }
            _ => {}
        }
    }

    fn sample(&mut self, ts: Timestamp, sample: &Sample) {
        name(&sample.subject).clone_into(&mut self.name);
        let memory = &sample.memory;
        let Some(current) = memory.current.map(Bytes::as_f64) else {
            return;
        };
        let size = |size: Option<Bytes>| size.map_or(0.0, Bytes::as_f64);
        let shmem = size(memory.shmem);
        let mut parts = [
            size(memory.anon),
            shmem,
            size(memory.kernel),
            (size(memory.file) - shmem).max(0.0),
            0.0,
        ];
        // The files are read one after the other: together they may be a little more than the whole.
        let told: f64 = parts.iter().sum();
        if told > current && told > 0.0 {
            parts = parts.map(|part| part * current / told);
        } else {
            let [.., rest] = &mut parts;
            *rest = current - told;
        }
        for limit in &sample.limits {
            let owner = limit.unit.clone().unwrap_or_else(|| limit.cgroup.clone());
            self.limits
                .insert((owner, limit.file.clone()), (limit.bytes, limit.relation));
        }
        let point = Point { ts, parts, current };
        self.since += 1;
        match self.points.last_mut() {
            // The largest stands for those that it is drawn for.
            Some(last) if self.since < self.every => {
                if point.current > last.current {
                    *last = point;
                }
            }
            _ => {
                self.points.push(point);
                self.since = 0;
            }
        }
        if self.points.len() > KEPT {
            self.points = thinned(&self.points, KEPT / 2);
            self.every = self.every.max(1) * 2;
        }
    }

    fn peak(&self) -> f64 {
        self.points.iter().map(|point| point.current).fold(0.0, f64::max)
    }

    fn limit(&self) -> Option<(&str, Bytes)> {
        let own = self.limits.iter().find(|(_, (_, relation))| *relation == Relation::Own);
        let nearest = self.limits.iter().min_by_key(|(_, (bytes, _))| *bytes);
        own.or(nearest).map(|((owner, _), (bytes, _))| (owner.as_str(), *bytes))
    }
}

/// At most `count` points: of those that fall together the largest.
fn thinned(points: &[Point], count: usize) -> Vec<Point> {
    let size = points.len().div_ceil(count.max(1)).max(1);
    points
        .chunks(size)
        .filter_map(|chunk| chunk.iter().max_by(|a, b| a.current.total_cmp(&b.current)).copied())
        .collect()
}

fn date(ts: Timestamp) -> String {
    let zoned = ts.0.to_zoned_datetime(jiff::tz::TimeZone::system());
    zoned.strftime("%a %Y-%m-%d %H:%M:%S").to_string()
}

fn page(units: &BTreeMap<String, Past>) -> String {
    let mut order: Vec<&Past> = units.values().collect();
    order.sort_by(|a, b| {
        let rank = |past: &Past| (past.kills.len(), past.warnings.len());
        rank(b)
            .cmp(&rank(a))
            .then(b.peak().total_cmp(&a.peak()))
            .then_with(|| a.name.cmp(&b.name))
    });
    let mut hosts: Vec<&str> = order
        .iter()
        .map(|past| past.host.as_str())
        .filter(|host| !host.is_empty())
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    let times = order.iter().flat_map(|past| past.points.iter().map(|point| point.ts));
    let (first, last) = (times.clone().min(), times.max());
    let span = first.zip(last).map_or_else(String::new, |(first, last)| {
        format!(
            "{} to {} ({})",
            date(first),
            date(last),
            duration(last.seconds_since(first))
        )
    });
    let kills: usize = order.iter().map(|past| past.kills.len()).sum();
    let warned = order.iter().filter(|past| !past.warnings.is_empty()).count();
    let mut text = String::new();
    let title = format!(
        "Memory of {}",
        if hosts.is_empty() {
            "a host".to_owned()
        } else {
            hosts.join(", ")
        }
    );
    let _ = write!(
        text,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n<p>{span}. {kills} killed for memory, {warned} units warned of, {} units seen.</p>\n</header>\n<main>\n",
        order.len(),
        title = safe(&title),
    );
    table(&order, &mut text);
    for past in order.iter().take(PLOTS) {
        section(past, &mut text);
    }
    if order.len() > PLOTS {
        let _ = writeln!(
            text,
            "<p>{} more units are in the table alone.</p>",
            order.len() - PLOTS
        );
    }
    let _ = write!(
        text,
        "</main>\n<footer><p>Made by oomtrace {} from its captures.</p></footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    text
}

fn table(order: &[&Past], text: &mut String) {
    text.push_str("<section>\n<h2>Units</h2>\n<table>\n<thead><tr><th scope=\"col\">Unit</th><th scope=\"col\">Most used</th><th scope=\"col\">Limit</th><th scope=\"col\">Whose</th><th scope=\"col\">Warnings</th><th scope=\"col\">Kills</th></tr></thead>\n<tbody>\n");
    for (place, past) in order.iter().enumerate() {
        let limit = past.limit();
        let name = safe(&past.name).into_owned();
        let name = if place < PLOTS {
            format!("<a href=\"#u{}\">{name}</a>", anchor(past))
        } else {
            name
        };
        let raised = past
            .warnings
            .iter()
            .filter(|(_, change)| change.state == ForecastState::Raised)
            .count();
        let _ = writeln!(
            text,
            "<tr><th scope=\"row\">{name}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td{}>{}</td></tr>",
            size(past.peak()),
            limit.map_or_else(|| "none".to_owned(), |(_, limit)| bytes(limit)),
            safe(limit.map_or("", |(owner, _)| if owner == past.name { "own" } else { owner })),
            raised,
            if past.kills.is_empty() { "" } else { " class=\"killed\"" },
            past.kills.len(),
        );
    }
    text.push_str("</tbody>\n</table>\n</section>\n");
}

/// A name for a link: letters and digits of the unit's.
fn anchor(past: &Past) -> String {
    let word = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    word(&format!("{}/{}", past.host, past.name))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are whole, not negative and below 2^53"
)]
fn size(size: f64) -> String {
    bytes(Bytes(size as u64))
}

fn section(past: &Past, text: &mut String) {
    let _ = write!(
        text,
        "<section id=\"u{}\">\n<h2>{}</h2>\n",
        anchor(past),
        safe(&past.name)
    );
    plot(past, text);
    for (ts, kill) in &past.kills {
        let (head, lines) = paragraph(kill, *ts);
        let _ = write!(
            text,
            "<article class=\"kill\">\n<h3><span aria-hidden=\"true\">✖</span> Killed on {}</h3>\n<p>{}</p>\n<dl>\n",
            date(*ts),
            safe(&head)
        );
        for (label, words) in lines {
            let label = if label == "→" { "advice" } else { label };
            let _ = writeln!(text, "<div><dt>{label}</dt><dd>{}</dd></div>", safe(&words));
        }
        text.push_str("</dl>\n</article>\n");
    }
    if !past.warnings.is_empty() {
        text.push_str("<h3>Warnings</h3>\n<ul>\n");
        for (ts, change) in &past.warnings {
            let _ = writeln!(text, "<li>{}: {}</li>", date(*ts), safe(&warning(change)));
        }
        text.push_str("</ul>\n");
    }
    text.push_str("</section>\n");
}

/// From times and sizes to places.
struct Scale {
    first: Timestamp,
    seconds: f64,
    top: f64,
}

impl Scale {
    fn x(&self, ts: Timestamp) -> f64 {
        self.x_seconds(ts.seconds_since(self.first))
    }

    fn x_seconds(&self, seconds: f64) -> f64 {
        LEFT + (seconds / self.seconds).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, size: f64) -> f64 {
        HEIGHT - BOTTOM - (size / self.top).clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    }
}

fn plot(past: &Past, text: &mut String) {
    let points = thinned(&past.points, POINTS);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        text.push_str("<p>No samples.</p>\n");
        return;
    };
    let end = past.kills.iter().map(|(ts, _)| *ts).fold(last.ts, Timestamp::max);
    let peak = past.peak().max(1.0);
    let near = |bytes: &Bytes| bytes.as_f64() <= peak * FAR;
    let top = past
        .limits
        .values()
        .map(|(bytes, _)| bytes)
        .filter(|bytes| near(bytes))
        .map(|bytes| bytes.as_f64())
        .fold(peak, f64::max)
        * 1.06;
    let scale = Scale {
        first: first.ts,
        seconds: end.seconds_since(first.ts).max(1.0),
        top,
    };
    let label = format!(
        "{} from {} to {}: at most {}, at last {}, {} killed",
        past.name,
        date(first.ts),
        date(end),
        size(past.peak()),
        size(last.current),
        past.kills.len()
    );
    let _ = writeln!(
        text,
        "<figure>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        html_escape::encode_double_quoted_attribute(&label)
    );
    axes(&scale, text);
    // Stacked from below, the upper edge of each part and back along the one below it.
    let mut below = vec![0.0; points.len()];
    for (place, part) in PARTS.iter().enumerate() {
        let above: Vec<f64> = points
            .iter()
            .zip(&below)
            .map(|(point, below)| below + point.parts.get(place).copied().unwrap_or_default())
            .collect();
        let mut path = String::new();
        for (point, size) in points.iter().zip(&above) {
            let _ = write!(path, "{:.1},{:.1} ", scale.x(point.ts), scale.y(*size));
        }
        for (point, size) in points.iter().zip(&below).rev() {
            let _ = write!(path, "{:.1},{:.1} ", scale.x(point.ts), scale.y(*size));
        }
        let _ = writeln!(text, "<polygon class=\"{part}\" points=\"{}\"/>", path.trim_end());
        below = above;
    }
    for ((owner, file), (limit, relation)) in past.limits.iter().filter(|(_, (bytes, _))| near(bytes)) {
        let y = scale.y(limit.as_f64());
        let whose = if *relation == Relation::Own { "own" } else { owner };
        let _ = writeln!(
            text,
            "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"limit\" x=\"{:.1}\" y=\"{:.1}\">{} {file} {}</text>",
            WIDTH - RIGHT,
            LEFT + 6.0,
            y - 4.0,
            safe(whose),
            bytes(*limit)
        );
    }
    for (ts, change) in &past.warnings {
        fan(*ts, change, &scale, text);
    }
    for (ts, _) in &past.kills {
        let x = scale.x(*ts);
        let _ = writeln!(
            text,
            "<line class=\"kill\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"><title>killed on {}</title></line>",
            HEIGHT - BOTTOM,
            date(*ts)
        );
    }
    text.push_str("</svg>\n<figcaption>");
    for part in PARTS {
        let _ = write!(text, "<span class=\"key {part}\"></span>{part} ");
    }
    text.push_str("<span class=\"key limit\"></span>limit <span class=\"key fan\"></span>forecast at a warning <span class=\"key killline\"></span>kill</figcaption>\n</figure>\n");
}

fn axes(scale: &Scale, text: &mut String) {
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let (y, value) = (scale.y(scale.top * share), scale.top * share);
        let _ = writeln!(
            text,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"axis\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            size(value)
        );
    }
    // Of a day or more the day is told too.
    let form = if scale.seconds > 86_400.0 {
        "%b %d %H:%M"
    } else {
        "%H:%M:%S"
    };
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let at = jiff::SignedDuration::try_from_secs_f64(scale.seconds * share).unwrap_or_default();
        let Ok(ts) = scale.first.0.checked_add(at) else {
            continue;
        };
        let clock = ts
            .to_zoned_datetime(jiff::tz::TimeZone::system())
            .strftime(form)
            .to_string();
        let anchor = match step {
            0 => "start",
            4 => "end",
            _ => "middle",
        };
        let _ = writeln!(
            text,
            "<text class=\"axis\" text-anchor=\"{anchor}\" x=\"{:.1}\" y=\"{:.1}\">{clock}</text>",
            scale.x_seconds(scale.seconds * share),
            HEIGHT - 8.0
        );
    }
}

/// The forecast as it stood at a warning: from what was used then to the limit, early and late.
fn fan(ts: Timestamp, change: &ForecastChange, scale: &Scale, text: &mut String) {
    let Some(forecast) = change
        .forecast
        .as_ref()
        .filter(|_| change.state != ForecastState::Cleared)
    else {
        return;
    };
    let Some(current) = change.memory.and_then(|memory| memory.current).map(Bytes::as_f64) else {
        return;
    };
    let at = ts.seconds_since(scale.first);
    let own = forecast.limit.unit.as_deref() == Some(name(&change.subject));
    // What is left below an ancestor's limit is not for this unit alone: its own height is not known then.
    let height = if own { forecast.limit.bytes.as_f64() } else { scale.top };
    let late = forecast.high_seconds.unwrap_or(forecast.seconds * 4.0);
    let reach = |seconds: f64| (scale.x_seconds(at + seconds), scale.y(height));
    let ((low_x, y), (high_x, _)) = (reach(forecast.low_seconds), reach(late));
    let (x, from) = (scale.x_seconds(at), scale.y(current));
    let _ = writeln!(
        text,
        "<polygon class=\"fan\" points=\"{x:.1},{from:.1} {low_x:.1},{y:.1} {high_x:.1},{y:.1}\"/><circle class=\"warning\" cx=\"{x:.1}\" cy=\"{from:.1}\" r=\"4\"><title>{}: {}</title></circle>",
        date(ts),
        safe(&warning(change))
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(seconds: i64) -> Past {
        let mut past = Past::default();
        for second in 0..seconds {
            let ts = jiff::Timestamp::from_second(1_763_694_764 + second).unwrap();
            let current = 1_000_000 + second * 1_000;
            let line = format!(
                r#"{{"event":"sample","ts":"{ts}","seq":1,"host":"h","unit":"<b>&.service","cgroup":{{"id":7,"path":"/x"}},"memory":{{"current":{current},"anon":{current},"file":5000,"max":99000000}}}}"#
            );
            past.take(serde_json::from_str(&line).unwrap());
        }
        past
    }

    #[test]
    fn a_days_page_is_small_and_names_are_safe() {
        let units = BTreeMap::from([("h".to_owned(), past(86_400))]);
        let page = page(&units);
        assert!(page.len() < 64 << 10, "{}", page.len());
        assert!(page.contains("&lt;b&gt;&amp;.service") && !page.contains("<b>"));
        assert!(
            !page.contains("http") && !page.contains("<script"),
            "nothing from elsewhere"
        );
    }

    #[test]
    fn what_is_kept_is_bounded_and_keeps_the_peak() {
        let past = past(50_000);
        assert!(past.points.len() <= KEPT);
        assert!((past.peak() - 50_999_000.0).abs() < 1.0);
        let sum: f64 = past.points[9].parts.iter().sum();
        assert!((sum - past.points[9].current).abs() < 1.0);
    }
}
