//! One unit: what it is made of, whose limits hold it, its past and what comes, its last incident.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::history::Point;
use super::ink::{BOLD, GREY, PLAIN, gravity, put};
use super::model::{Key, Known};
use super::plot;
use super::state::State;
use super::units::{class_word, interval, mark};
use crate::event::{Limit, Relation, TaskSize};
use crate::human::{bytes, duration, rate};
use crate::measure::{Bytes, Timestamp};
use crate::words::{counted, fold, middle};
use crate::words::{limit_owner, pace};

/// Cells of the longest composition bar.
const BAR: f64 = 24.0;

/// How the line of the largest processes begins.
const TASKS: &str = "tasks  ";

/// Lines of the plot at least: less tells nothing.
const PLOT_AT_LEAST: u16 = 4;

/// Below the table: a few lines and a plot beside them, where there is room.
pub(super) fn strip(buffer: &mut Buffer, area: Rect, state: &State, key: &Key) {
    let Some((known, point)) = stands(state, key) else {
        return;
    };
    let half = area.width / 2;
    let left = Rect { width: half, ..area };
    let lines = facts(state, key, known, point, half);
    write(buffer, left, &lines, 0);
    let right = Rect {
        x: area.x + half + 1,
        width: area.width.saturating_sub(half + 2),
        ..area
    };
    if right.width >= 24 {
        plot::draw(buffer, right, state, known);
    }
}

/// The whole screen.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State, key: &Key) {
    let Some((known, point)) = stands(state, key) else {
        put(buffer, area, 1, 1, "No data for this unit at this time.", GREY);
        return;
    };
    let mut lines = facts(state, key, known, point, area.width);
    let tree = known.tree_at(state.now());
    let tree = tree
        .map(|tree| tree.lines(usize::from(area.width.saturating_sub(2))))
        .unwrap_or_default();
    if !tree.is_empty() {
        lines.retain(|(line, _)| !line.starts_with(TASKS));
        let last = lines.len().saturating_sub(1);
        lines.splice(last..last, tree.into_iter().map(|line| (line, PLAIN)));
    }
    let incident = state.incidents().find(|incident| incident.key == *key);
    let room = usize::from(area.width.saturating_sub(4));
    let last = incident.map(|incident| {
        let text = format!("{}  {}", state.clock(incident.ts), incident.text);
        (fold(&text, room, 2, true), incident)
    });
    let below = last.as_ref().map_or(0, |(text, _)| text.lines().count().min(3));
    let below = u16::try_from(below).unwrap_or(0);
    let needed = u16::try_from(lines.len()).unwrap_or(area.height);
    // The plot before the last of the facts: they are scrolled to.
    let top = needed.min(area.height.saturating_sub(below + PLOT_AT_LEAST));
    write(buffer, Rect { height: top, ..area }, &lines, state.scroll);
    let plotted = Rect {
        y: area.y + top,
        height: area.height.saturating_sub(top + below),
        ..area
    };
    plot::draw(buffer, plotted, state, known);
    if let Some((text, incident)) = last {
        let start = area.height.saturating_sub(below);
        put(buffer, area, 1, start, incident.mark, gravity(incident.gravity));
        for (y, line) in (start..area.height).zip(text.lines()) {
            put(buffer, area, 3, y, line, PLAIN);
        }
    }
}

fn stands<'a>(state: &'a State, key: &Key) -> Option<(&'a Known, &'a Point)> {
    let known = state.model.units.get(key)?;
    Some((known, known.history.at(state.now())?))
}

fn write(buffer: &mut Buffer, area: Rect, lines: &[(String, ratatui::style::Style)], scroll: u16) {
    let skip = usize::from(scroll).min(lines.len().saturating_sub(usize::from(area.height)));
    for (y, (line, style)) in (0..area.height).zip(lines.iter().skip(skip)) {
        put(buffer, area, 1, y, line, *style);
    }
}

/// The facts, most needed first.
fn facts(state: &State, key: &Key, known: &Known, point: &Point, width: u16) -> Vec<(String, ratatui::style::Style)> {
    let room = usize::from(width.saturating_sub(2));
    let now = state.now();
    let mut lines = Vec::new();
    let (sign, style) = mark(known, now);
    let title = state.model.title(key);
    let described = known.description.as_ref().filter(|text| **text != title);
    let described = described.map(|text| format!(" - {text}")).unwrap_or_default();
    lines.push((
        middle(&format!("{sign} {title}{described}"), room, true),
        BOLD.patch(style),
    ));

    let mut growth = bytes(point.current());
    let soon = point.left.map(|left| format!("  limit in {}", duration(left.seconds)));
    let between = point.left.map(|left| format!(" {}", interval(&left)));
    let slope = point.slope;
    let slope = slope.map(|(slope, class)| format!("  {}, {}", pace(slope, class), class_word(class)));
    // What has no room is left out whole: half a figure is a wrong one.
    for part in [soon, between, slope].into_iter().flatten() {
        if growth.chars().count() + part.chars().count() <= room {
            growth += &part;
        }
    }
    lines.push((growth, PLAIN));
    lines.extend(composition(point, room).into_iter().map(|line| (line, PLAIN)));
    let is_now = state.model.is_now(now);
    let limits = if is_now { &known.limits } else { known.limits_at(now) };
    lines.extend(limits.iter().map(|limit| {
        let used = used(state, key, known, point, limit);
        (limit_line(limit, used, known, now, room), PLAIN)
    }));
    // Why it is taken for that is known of the newest moment only.
    if let Some(reason) = reason(known, point).filter(|_| is_now) {
        let told = fold(&reason, room, 2, true);
        lines.extend(told.lines().map(|line| (line.to_owned(), PLAIN)));
    }
    if let Some(pressure) = point.pressure {
        let text = format!(
            "pressure some {:.1}% full {:.1}% of 10 s",
            pressure.some_avg10, pressure.full_avg10
        );
        lines.push((text, PLAIN));
    }
    lines.extend(processes(known.tasks_at(now), room).map(|line| (line, PLAIN)));
    let watched = known.history.first().map(|first| duration(now.seconds_since(first.ts)));
    let tasks = known
        .tasks
        .filter(|_| is_now)
        .map(|tasks| format!(", {} when last sampled", counted(tasks, "task")));
    let mut seen = middle(&key.path, room, true);
    let watched = watched.map(|watched| format!(", seen for {watched}"));
    for part in [watched, tasks].into_iter().flatten() {
        if seen.chars().count() + part.chars().count() <= room {
            seen += &part;
        }
    }
    lines.push((seen, GREY));
    lines
}

/// `leak: unreclaimable memory has grown for 1min 44s, and so have its low points`; back in time, while that was so.
fn reason(known: &Known, point: &Point) -> Option<String> {
    let (_, class) = point.slope?;
    let reason = known.trend.filter(|trend| trend.class == class)?.reason()?;
    Some(format!("{}: {reason}", class_word(class)))
}

/// `tasks   python3[2051] 398.0M +3.1M/min · worker[2077] 11.0M`, as many as there is room for.
fn processes(largest: &[(TaskSize, Option<f64>)], room: usize) -> Option<String> {
    let mut line = String::new();
    for (task, slope) in largest {
        let slope = slope.filter(|slope| *slope != 0.0);
        let slope = slope.map(|slope| format!(" {}", rate(slope))).unwrap_or_default();
        let before = if line.is_empty() { TASKS } else { " · " };
        let told = format!("{before}{}[{}] {}{slope}", task.comm, task.pid, bytes(task.held));
        if line.chars().count() + told.chars().count() > room {
            break;
        }
        line += &told;
    }
    (!line.is_empty()).then_some(line)
}

/// Bars as long as their share of what is used, and all of them together as long as the longest.
fn composition(point: &Point, room: usize) -> Vec<String> {
    let memory = &point.memory;
    let file = memory
        .file
        .map(|file| file.saturating_sub(memory.shmem.unwrap_or_default()));
    let parts = [
        ("anon", memory.anon),
        ("file", file),
        ("shmem", memory.shmem),
        ("kernel", memory.kernel),
        ("swap", memory.swap_current),
    ];
    let swap = memory.swap_current.unwrap_or_default();
    let whole = Bytes(point.current().0.saturating_add(swap.0));
    let longest = BAR.min(f64::from(u32::try_from(room.saturating_sub(18)).unwrap_or(0)));
    let told = parts.iter().filter_map(|(name, size)| Some((name, (*size)?)));
    told.filter(|(_, size)| *size > Bytes(0))
        .map(|(name, size)| {
            let length = (size.as_f64() / whole.as_f64().max(1.0)).min(1.0) * longest;
            format!("{name:<7}{:>7} {}", bytes(size), plot::bar(length))
        })
        .collect()
}

/// What the owner of a limit used of it at the moment that is shown.
fn used(state: &State, key: &Key, known: &Known, point: &Point, limit: &Limit) -> Option<Bytes> {
    let now = state.now();
    let binding = known.bound.at(now).and_then(|(_, bound)| bound.as_ref());
    let binds = binding.is_some_and(|bound| bound.cgroup == limit.cgroup && bound.file == limit.file);
    match limit.relation {
        Relation::Own => Some(point.current()),
        Relation::Ancestor | Relation::Host if limit.usage.is_some() => limit.usage,
        Relation::Ancestor | Relation::Host if binds => point.limit.map(|held| held.usage),
        Relation::Ancestor => state.model.used_at(&key.host, &limit.cgroup, now),
        Relation::Host => state.model.host_memory(now).map(|(used, _)| used),
    }
}

/// `system.slice memory.max 2.0G, 1.1G used, 55%`; the one that binds is marked.
fn limit_line(limit: &Limit, usage: Option<Bytes>, known: &Known, now: Timestamp, room: usize) -> String {
    let bound = known.bound.at(now).and_then(|(_, bound)| bound.as_ref());
    let binds = bound.is_some_and(|bound| bound.cgroup == limit.cgroup && bound.file == limit.file);
    let owner = limit_owner(limit.relation, limit.unit.as_deref(), &limit.cgroup);
    let share = usage.map(|usage| format!(", {:.0}% used", usage.as_f64() / limit.bytes.as_f64().max(1.0) * 100.0));
    let sign = if binds { "→" } else { " " };
    let text = format!(
        "{sign} {owner} {} {}{}",
        limit.file,
        bytes(limit.bytes),
        share.unwrap_or_default()
    );
    middle(&text, room, true)
}
