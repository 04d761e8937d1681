//! The table of units: a row each, as many columns as there is room for.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::history::Point;
use super::ink::{BOLD, GREY, MARKED, PLAIN, RED, YELLOW, put};
use super::keys::WINDOW;
use super::model::{Key, Known};
use super::state::{Row, Sort, State, is_end};
use crate::event::{Class, UnitState};
use crate::human::{bytes, duration};
use crate::measure::Timestamp;
use crate::words::middle;
use crate::words::pace;

/// A kill marks its unit for so long, in seconds.
const MARKED_AFTER_KILL: f64 = 600.0;

/// Shares of a limit from which on its use stands in yellow, and in red.
const FILLING: f64 = 0.8;
const NEARLY_FULL: f64 = 0.95;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Used,
    Of,
    Share,
    Owner,
    Past,
    Trend,
    Class,
    Left,
    Interval,
    Anon,
    File,
    Swap,
    Stalled,
}

/// As they stand, from left to right.
const COLUMNS: [Column; 13] = [
    Column::Used,
    Column::Of,
    Column::Share,
    Column::Anon,
    Column::File,
    Column::Swap,
    Column::Stalled,
    Column::Owner,
    Column::Past,
    Column::Trend,
    Column::Class,
    Column::Left,
    Column::Interval,
];

/// As they are needed, most needed first: the others go where there is no room. Each with how narrow a name, its mark
/// included, may be cut for it.
const NEEDED: [(Column, u16); 13] = [
    (Column::Used, 15),
    (Column::Share, 15),
    (Column::Left, 15),
    (Column::Of, 20),
    (Column::Trend, 20),
    (Column::Past, 20),
    (Column::Owner, 26),
    (Column::Class, 26),
    (Column::Interval, 30),
    (Column::Anon, 40),
    (Column::File, 40),
    (Column::Swap, 40),
    (Column::Stalled, 40),
];

impl Column {
    fn width(self) -> u16 {
        match self {
            Self::Used | Self::Of | Self::Anon | Self::File | Self::Swap | Self::Stalled => 7,
            Self::Share => 5,
            Self::Owner => 14,
            Self::Past => 12,
            Self::Trend => 11,
            Self::Class => 9,
            Self::Left => 10,
            Self::Interval => 22,
        }
    }

    fn head(self) -> &'static str {
        match self {
            Self::Used => "USED",
            Self::Of => "OF",
            Self::Share => "%",
            Self::Owner => "LIMIT OWNER",
            Self::Past => "10 MIN",
            Self::Trend => "TREND",
            Self::Class => "CLASS",
            Self::Left => "TIME LEFT",
            Self::Interval => "BETWEEN",
            Self::Anon => "ANON",
            Self::File => "FILE",
            Self::Swap => "SWAP",
            Self::Stalled => "STALLED",
        }
    }

    /// The order that goes by it.
    fn sort(self) -> Option<Sort> {
        match self {
            Self::Left => Some(Sort::Left),
            Self::Share => Some(Sort::Share),
            Self::Used => Some(Sort::Used),
            Self::Trend => Some(Sort::Growth),
            Self::Of | Self::Owner | Self::Past | Self::Class | Self::Interval => None,
            Self::Anon | Self::File | Self::Swap | Self::Stalled => None,
        }
    }

    /// Figures stand right, words left.
    fn right(self) -> bool {
        match self {
            Self::Used | Self::Of | Self::Share | Self::Trend | Self::Left => true,
            Self::Anon | Self::File | Self::Swap | Self::Stalled => true,
            Self::Owner | Self::Past | Self::Class | Self::Interval => false,
        }
    }
}

/// The columns that have room beside the names.
fn fitting(width: u16) -> Vec<Column> {
    let mut taken = 0;
    let mut chosen = Vec::new();
    for (column, name) in NEEDED {
        taken += column.width() + 1;
        if taken + name > width {
            break;
        }
        chosen.push(column);
    }
    COLUMNS.into_iter().filter(|column| chosen.contains(column)).collect()
}

/// Draws the table; the marked row is always among those that are seen.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State, rows: &[Row]) {
    if rows.is_empty() {
        empty(buffer, area, state);
        return;
    }
    let columns = fitting(area.width);
    let taken: u16 = columns.iter().map(|column| column.width() + 1).sum();
    // No wider than the longest name needs with its mark: the figures stand beside it.
    let longest = rows.iter().map(|row| needed(state, row)).max().unwrap_or(0);
    let name = area.width.saturating_sub(taken).min(longest.max(15));
    let arrow = if state.reversed { "▲" } else { "▼" };
    let sorted = |is_it: bool| if is_it { arrow } else { "" };
    let by_name = state.sort == Sort::Name && !state.tree;
    put(buffer, area, 1, 0, &format!("UNIT{}", sorted(by_name)), BOLD);
    cells(buffer, area, name, 0, &columns, |column| {
        let is_it = column.sort() == Some(state.sort) && !state.tree;
        (format!("{}{}", column.head(), sorted(is_it)), BOLD)
    });
    let height = usize::from(area.height.saturating_sub(1));
    let place = state.place(rows);
    let first = (place + 1).saturating_sub(height);
    for (y, (place_of, row)) in (1..).zip(rows.iter().enumerate().skip(first).take(height)) {
        draw_row(buffer, area, state, row, (name, y), &columns);
        if place_of == place {
            let line = Rect {
                y: area.y + y,
                height: 1,
                ..area
            };
            buffer.set_style(line, MARKED);
        }
    }
}

/// Columns that a row's name takes whole, with its mark and what it is set in by.
fn needed(state: &State, row: &Row) -> u16 {
    let title = title(state, &row.key);
    let indent = if state.tree { row.depth.min(6) * 2 } else { 0 };
    u16::try_from(title.chars().count() + indent + 3).unwrap_or(u16::MAX)
}

fn draw_row(buffer: &mut Buffer, area: Rect, state: &State, row: &Row, (width, y): (u16, u16), columns: &[Column]) {
    let indent = if state.tree { row.depth.min(6) * 2 } else { 0 };
    let room = usize::from(width).saturating_sub(3 + indent);
    let now = state.now();
    let told = state
        .model
        .units
        .get(&row.key)
        .and_then(|known| Some((known, known.history.at(now)?)));
    let Some((known, point)) = told else {
        // It holds others, and is known by its path.
        let last = state.model.leaf(&row.key);
        let x = 3 + u16::try_from(indent).unwrap_or_default();
        put(buffer, area, x, y, &middle(last, room, true), GREY);
        return;
    };
    let (mark, style) = mark(known, now);
    put(buffer, area, 1, y, mark, style);
    let title = title(state, &row.key);
    // Of a name that has no room the part that is implied goes first, as on the command line.
    let short = title.strip_suffix(".service").filter(|_| title.chars().count() > room);
    let title = middle(short.unwrap_or(&title), room, true);
    put(
        buffer,
        area,
        3 + u16::try_from(indent).unwrap_or_default(),
        y,
        &title,
        PLAIN,
    );
    cells(buffer, area, width, y, columns, |column| {
        cell(column, known, point, now, style)
    });
}

fn title(state: &State, key: &Key) -> String {
    if state.tree {
        state.model.leaf(key).to_owned()
    } else {
        state.model.title(key)
    }
}

fn cells(
    buffer: &mut Buffer,
    area: Rect,
    mut x: u16,
    y: u16,
    columns: &[Column],
    tell: impl Fn(Column) -> (String, Style),
) {
    for column in columns {
        let width = column.width();
        let (text, style) = tell(*column);
        let text = middle(&text, usize::from(width), true);
        let length = u16::try_from(text.chars().count()).unwrap_or(width).min(width);
        let lead = if column.right() { width - length } else { 0 };
        put(buffer, area, x + 1 + lead, y, &text, style);
        x += width + 1;
    }
}

fn cell(column: Column, known: &Known, point: &Point, now: Timestamp, style: Style) -> (String, Style) {
    let none = || "–".to_owned();
    match column {
        Column::Used => (bytes(point.current()), PLAIN),
        Column::Of => (point.limit.map_or_else(none, |held| bytes(held.bytes)), PLAIN),
        Column::Share => {
            let share = point.limit.map(|held| held.share());
            let style = match share {
                Some(share) if share >= NEARLY_FULL => RED,
                Some(share) if share >= FILLING => YELLOW,
                _ => PLAIN,
            };
            (share.map_or_else(none, |share| format!("{:.0}%", share * 100.0)), style)
        }
        Column::Owner => (
            point.limit.map_or_else(none, |held| known.owner(held.relation, now)),
            GREY,
        ),
        Column::Past => (spark(known, now, usize::from(Column::Past.width())), PLAIN),
        Column::Trend => (
            point.slope.map_or_else(none, |(slope, class)| pace(slope, class)),
            PLAIN,
        ),
        Column::Class => match known.throttled_at(now) {
            Some(_) => ("throttled".to_owned(), YELLOW),
            None => (
                match point.slope {
                    Some((slope, Class::Unknown)) if slope > 0.0 => "rising".to_owned(),
                    slope => slope.map_or_else(none, |(_, class)| class_word(class).to_owned()),
                },
                PLAIN,
            ),
        },
        Column::Left => (left(known, point, now), style),
        Column::Anon => (point.memory.anon.map_or_else(none, bytes), PLAIN),
        Column::File => {
            let shmem = point.memory.shmem.unwrap_or_default();
            let file = point.memory.file.map(|file| file.saturating_sub(shmem));
            (file.map_or_else(none, bytes), PLAIN)
        }
        Column::Swap => (point.memory.swap_current.map_or_else(none, bytes), PLAIN),
        // The share of the last 10 s in which some task waited for memory.
        Column::Stalled => {
            let some = point.pressure.map(|pressure| format!("{:.0}%", pressure.some_avg10));
            (some.unwrap_or_else(none), PLAIN)
        }
        Column::Interval => (point.left.map_or_else(String::new, |left| interval(&left)), GREY),
    }
}

pub(super) fn interval(left: &super::history::Left) -> String {
    let high = left.high.map_or_else(|| "open".to_owned(), duration);
    format!("({} … {high})", duration(left.low))
}

/// What is next for it: its end, a standstill, or the limit.
fn left(known: &Known, point: &Point, now: Timestamp) -> String {
    match known.state_at(now).map(|(_, state)| state) {
        Some(UnitState::Failed) => return "failed".to_owned(),
        Some(UnitState::Stopped) => return "stopped".to_owned(),
        Some(UnitState::Waiting | UnitState::Running | UnitState::Started) | None => {}
    }
    if let Some(share) = known.throttled_at(now) {
        return share.map_or_else(|| "stalled".to_owned(), |share| format!("{:.0}% stall", share * 100.0));
    }
    point.left.map_or_else(|| "–".to_owned(), |left| duration(left.seconds))
}

/// The gravest that holds now.
pub(super) fn mark(known: &Known, now: Timestamp) -> (&'static str, Style) {
    let killed = known.killed_at(now).map(|ts| now.seconds_since(ts));
    if killed.is_some_and(|age| (0.0..MARKED_AFTER_KILL).contains(&age)) {
        ("✖", RED)
    } else if known.is_warned_at(now) {
        ("▲", YELLOW)
    } else if known.throttled_at(now).is_some() {
        ("≋", YELLOW)
    } else if known.state_at(now).is_some_and(|(_, state)| is_end(state)) {
        ("○", GREY)
    } else {
        (" ", PLAIN)
    }
}

pub(super) fn class_word(class: Class) -> &'static str {
    match class {
        Class::Steady => "steady",
        Class::Leak => "leak",
        Class::Cache => "cache",
        Class::Shmem => "shmem",
        Class::Kernel => "kernel",
        Class::Burst => "burst",
        Class::Sawtooth => "sawtooth",
        Class::Warmup => "warm-up",
        Class::Shrinking => "shrinking",
        Class::Unknown => "–",
    }
}

/// The last ten minutes, each cell as high as the limit was full: what is near the top is near its end.
fn spark(known: &Known, now: Timestamp, width: usize) -> String {
    const LEVELS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let step = WINDOW / u32::try_from(width).unwrap_or(1).max(1);
    (0..width)
        .rev()
        .map(|back| {
            let at = now.0.checked_sub(step * u32::try_from(back).unwrap_or_default());
            let point = at.ok().and_then(|at| known.history.at(Timestamp(at)));
            let share = point.and_then(|point| point.limit).map(|held| held.share());
            share.map_or(" ", |share| {
                let level = LEVELS
                    .iter()
                    .zip(1..)
                    .find(|(_, level)| share * 8.0 < f64::from(*level));
                level.map_or("█", |(symbol, _)| symbol)
            })
        })
        .collect()
}

/// Nothing to show: why, and what is waited for.
fn empty(buffer: &mut Buffer, area: Rect, state: &State) {
    let model = &state.model;
    let mut lines = Vec::new();
    if !state.filter.is_empty() {
        lines.push(format!("No unit matches '{}'; Esc clears the filter.", state.filter));
    } else if !model.waiting.is_empty() {
        lines.push("Waiting for what is not running yet:".to_owned());
        lines.extend(model.waiting.iter().map(|name| format!("  {name}")));
    } else if model.ended {
        lines.push("No data for any unit at this time.".to_owned());
    } else {
        lines.push("No unit has moved yet…".to_owned());
    }
    lines.extend(model.blind().map(|loss| format!("  {loss}")));
    let width = usize::from(area.width.saturating_sub(2));
    let folded = lines.iter().map(|line| crate::words::fold(line, width, 2, true));
    let text = folded.collect::<Vec<_>>().join("\n");
    for (y, line) in (1..area.height).zip(text.lines()) {
        put(buffer, area, 1, y, line, PLAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_width_has_more_columns_than_room_and_wider_has_no_less() {
        let mut before = 0;
        for width in 20..=200 {
            let columns = fitting(width);
            let taken: u16 = columns.iter().map(|column| column.width() + 1).sum();
            assert!(taken + 15 <= width || columns.is_empty(), "{width}");
            assert!(columns.len() >= before, "{width}");
            before = columns.len();
        }
        assert_eq!(before, COLUMNS.len());
    }
}
