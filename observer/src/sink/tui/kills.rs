//! Kills, warnings and other incidents: the list, and one in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::help::scrolled;
use super::ink::{GREY, MARKED, PLAIN, gravity, put};
use super::model::{Brief, Incident};
use super::state::State;
use crate::words::{fold, middle};

/// The newest first. With a mark one can be opened.
pub(super) fn list(buffer: &mut Buffer, area: Rect, state: &State, marked: bool) {
    let height = usize::from(area.height);
    let first = if marked {
        (state.incident + 1).saturating_sub(height)
    } else {
        0
    };
    let mut any = false;
    for (y, (place, incident)) in (0..area.height).zip(state.incidents().enumerate().skip(first)) {
        any = true;
        let clock = state.clock(incident.ts);
        let x = 1 + put(buffer, area, 1, y, &clock, GREY);
        put(buffer, area, x + 1, y, incident.mark, gravity(incident.gravity));
        let room = usize::from(area.width.saturating_sub(x + 3));
        put(buffer, area, x + 3, y, &row(incident, room), PLAIN);
        if marked && place == state.incident {
            let line = Rect {
                y: area.y + y,
                height: 1,
                ..area
            };
            buffer.set_style(line, MARKED);
        }
    }
    if !any && area.height > 0 {
        put(buffer, area, 1, 0, "No kills or warnings.", GREY);
    }
}

/// Whose, what and whose limit; of what has no room the name is cut first, then who was killed, and the limit last.
fn row(incident: &Incident, room: usize) -> String {
    const NAME_AT_LEAST: usize = 12;
    let Some(Brief { who, what, limit }) = &incident.brief else {
        return middle(&incident.text, room, true);
    };
    let length = |text: &str| text.chars().count();
    let name = room.saturating_sub(length(what) + length(limit) + 4);
    if name >= NAME_AT_LEAST.min(length(who)) {
        return format!("{}  {what}  {limit}", middle(who, name, true));
    }
    let name = room.saturating_sub(length(limit) + 2).max(NAME_AT_LEAST.min(room / 3));
    middle(&format!("{}  {limit}", middle(who, name, true)), room, true)
}

/// One in full.
pub(super) fn verdict(buffer: &mut Buffer, area: Rect, state: &State, number: u64) {
    let found = state.model.incidents.iter().find(|incident| incident.number == number);
    let Some(incident) = found else {
        put(buffer, area, 1, 0, "This incident is no longer in memory.", GREY);
        return;
    };
    let width = usize::from(area.width.saturating_sub(2));
    let indent = if width < 60 { 2 } else { 10 };
    let mut lines = vec![
        format!("{} {}", incident.mark, state.clock(incident.ts)),
        fold(&incident.text, width, 2, true),
        String::new(),
    ];
    let label = |(label, text): &(&str, String)| fold(&format!("{label:<9} {text}"), width, indent, true);
    lines.extend(incident.verdict.iter().map(label));
    scrolled(buffer, area, &lines.join("\n"), state.scroll);
}
