//! The whole screen: a header, one view, a footer.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use super::ink::{BOLD, GREY, PLAIN, RED, YELLOW, fit, put, rule};
use super::state::{Prompt, State, View};
use super::{detail, help, kills, units};
use crate::event::Stream;
use crate::human::bytes;

/// Lines from which there is room for more than the table.
const ROOMY: u16 = 18;

/// Draws everything from the state alone.
pub(super) fn draw(frame: &mut Frame, state: &State) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    header(buffer, head, state);
    match &state.view {
        View::Units => overview(buffer, body, state),
        View::Detail(key) => detail::draw(buffer, body, state, key),
        View::Kills => kills::list(buffer, body, state, true),
        View::Verdict(number) => kills::verdict(buffer, body, state, *number),
        View::Help => help::draw(buffer, body, state),
    }
    footer(buffer, foot, state);
    fit(buffer, &state.look);
}

/// The table; where there is room, the marked unit and the last incidents below it.
fn overview(buffer: &mut Buffer, area: Rect, state: &State) {
    let rows = state.rows();
    if area.height < ROOMY {
        units::draw(buffer, area, state, &rows);
        return;
    }
    let below = (area.height / 3).clamp(7, 12);
    let [table, middle, last] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(below), Constraint::Length(4)]).areas(area);
    units::draw(buffer, table, state, &rows);
    rule(buffer, middle, 0);
    let inner = inset(middle);
    if let Some(row) = rows.get(state.place(&rows)) {
        detail::strip(buffer, inner, state, &row.key);
    }
    rule(buffer, last, 0);
    kills::list(buffer, inset(last), state, false);
}

/// Below a rule.
fn inset(area: Rect) -> Rect {
    Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    }
}

/// What is told of the machine, left first; the clock and how time stands at the right, whatever the width.
fn header(buffer: &mut Buffer, area: Rect, state: &State) {
    let now = state.now();
    let model = &state.model;
    let pace = state.look.replay.as_ref();
    let mode = match (state.at, pace, model.ended) {
        (Some(_), ..) => "paused".to_owned(),
        (None, Some(_), true) => "replay, end".to_owned(),
        (None, Some(pace), false) => match pace.shown(state.look.unicode) {
            Some(speed) => format!("replay {speed}"),
            None => "replay".to_owned(),
        },
        (None, None, _) => "● live".to_owned(),
    };
    let clock = if model.last.is_some() {
        state.clock(now)
    } else {
        String::new()
    };
    let right = format!("{clock}  {mode} ");
    let width = u16::try_from(right.chars().count()).unwrap_or(area.width);
    let start = area.width.saturating_sub(width);
    let style = if state.at.is_some() { YELLOW } else { PLAIN };
    put(buffer, area, start, 0, &right, style);

    let mut parts = vec!["oomtrace".to_owned()];
    parts.extend(match model.hosts.as_slice() {
        [] => None,
        [host] => Some(host.clone()),
        hosts => Some(format!("{} hosts", hosts.len())),
    });
    if model.hosts.len() == 1 {
        if !model.kernel.is_empty() {
            parts.push(format!("Linux {}", model.kernel));
        }
        if let Some((used, total)) = model.host_memory(now) {
            parts.push(format!("mem {}/{}", bytes(used), bytes(total)));
        }
        if let Some((used, total)) = model.host_swap(now) {
            let total = total.map(|total| format!("/{}", bytes(total))).unwrap_or_default();
            parts.push(format!("swap {}{total}", bytes(used)));
        }
        if let Some(pressure) = model.host_point(now).and_then(|point| point.pressure) {
            parts.push(format!(
                "psi some {:.1}% full {:.1}%",
                pressure.some_avg10, pressure.full_avg10
            ));
        }
    }
    let left = Rect { width: start, ..area };
    let mut x: u16 = 1;
    for (place, part) in parts.iter().enumerate() {
        let length = u16::try_from(part.chars().count()).unwrap_or(u16::MAX);
        // What has no room is left out whole: half a figure is a wrong one.
        if x.saturating_add(length).saturating_add(1) > start {
            continue;
        }
        x += put(buffer, left, x, 0, part, if place == 0 { BOLD } else { PLAIN }) + 2;
    }
}

/// The filter as it is typed, what oomtrace said, what was lost, or the keys.
fn footer(buffer: &mut Buffer, area: Rect, state: &State) {
    let lost = state
        .model
        .lost
        .iter()
        .map(|(stream, count)| format!("{count} {}", stream_name(*stream)));
    let lost: Vec<String> = lost.collect();
    let area = place(buffer, area, state);
    if let Some(prompt) = &state.prompt {
        prompted(buffer, area, state, prompt);
    } else if let Some(message) = state.messages.last() {
        put(buffer, area, 1, 0, message, YELLOW);
    } else if lost.is_empty() {
        put(buffer, area, 1, 0, &keys(state, area.width.saturating_sub(1)), GREY);
    } else {
        let x = 1 + put(buffer, area, 1, 0, &format!("lost: {}", lost.join(", ")), RED);
        put(
            buffer,
            area,
            x + 2,
            0,
            &keys(state, area.width.saturating_sub(x + 2)),
            GREY,
        );
    }
}

/// What is typed, and, where there is room, what may be.
fn prompted(buffer: &mut Buffer, area: Rect, state: &State, prompt: &Prompt) {
    let (text, hint) = match prompt {
        Prompt::Filter => (format!("/{}_", state.filter), ""),
        Prompt::Time(text) => (format!("go to time: {text}_"), "14:05, '2026-11-28 14:05' or -10min"),
    };
    let x = 1 + put(buffer, area, 1, 0, &text, BOLD) + 2;
    if usize::from(area.width.saturating_sub(x)) >= hint.chars().count() {
        put(buffer, area, x, 0, hint, GREY);
    }
}

/// What is filtered and where in the list the mark stands, at the right edge; what is left of the line.
fn place(buffer: &mut Buffer, area: Rect, state: &State) -> Rect {
    let (place, count) = match state.view {
        View::Units => {
            let rows = state.rows();
            (state.place(&rows), rows.len())
        }
        View::Kills => (state.incident, state.incidents().count()),
        View::Detail(_) | View::Verdict(_) | View::Help => return area,
    };
    let filter = match state.view {
        View::Units if !state.filter.is_empty() && state.prompt != Some(Prompt::Filter) => {
            format!("filter: {}  ", state.filter)
        }
        _ => String::new(),
    };
    let text = format!("{filter}{}/{count} ", (place + 1).min(count));
    let length = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
    if length.saturating_add(8) > area.width {
        return area;
    }
    let start = area.width - length;
    put(
        buffer,
        area,
        start,
        0,
        &text,
        if filter.is_empty() { GREY } else { YELLOW },
    );
    Rect {
        width: start - 1,
        ..area
    }
}

/// The keys, as many as there is room for, each whole.
fn keys(state: &State, room: u16) -> String {
    let all = match state.view {
        View::Units => {
            "? help  q quit  <> speed  Enter detail  ! kills  / filter  s sort  [ ] incidents  : time  ←→ step  Space pause  t tree  +- zoom"
        }
        View::Detail(_) => {
            "Esc back  q quit  <> speed  Enter last incident  [ ] incidents  : time  ←→ step  Space pause  +- zoom  ? help"
        }
        View::Kills => "Esc back  q quit  Enter whole verdict  ↑↓ choose  [ ] go to",
        View::Verdict(_) | View::Help => "Esc back  q quit  ↑↓ scroll",
    };
    let has_speed = state.look.replay.as_ref().is_some_and(|pace| pace.get().is_finite());
    let mut shown = String::new();
    for key in all.split("  ").filter(|key| has_speed || *key != "<> speed") {
        let gap = if shown.is_empty() { "" } else { "  " };
        if shown.chars().count() + gap.len() + key.chars().count() > usize::from(room) {
            break;
        }
        shown += gap;
        shown += key;
    }
    shown
}

fn stream_name(stream: Stream) -> &'static str {
    match stream {
        Stream::Kill => "kill records",
        Stream::Growth => "growth hints",
        Stream::Cgroup => "cgroup records",
        Stream::Signal => "signal records",
        Stream::Exec => "command lines",
        Stream::Repeated => "kills of one user",
        Stream::KernelLog => "lines of the kernel's log",
        Stream::Output => "lines",
        Stream::Sample => "samples",
    }
}
