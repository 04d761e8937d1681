//! Kills, warnings and other incidents: the list, and one in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::help::scrolled;
use super::ink::{GREY, MARKED, PLAIN, gravity, put};
use super::state::State;
use crate::sink::fold::{fold, middle};

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
        put(buffer, area, x + 3, y, &middle(&incident.text, room, true), PLAIN);
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
        put(
            buffer,
            area,
            1,
            0,
            "Nothing was killed, and nothing is near its limit.",
            GREY,
        );
    }
}

/// One in full.
pub(super) fn verdict(buffer: &mut Buffer, area: Rect, state: &State, number: u64) {
    let found = state.model.incidents.iter().find(|incident| incident.number == number);
    let Some(incident) = found else {
        put(buffer, area, 1, 0, "It is too long ago and was let go.", GREY);
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
