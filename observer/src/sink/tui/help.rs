//! Keys and marks, and what cannot be known on this host.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::ink::{PLAIN, put};
use super::state::State;
use crate::words::fold;

/// What each key does, and what the marks mean: for the help and for the manual page.
pub(crate) const KEYS: [(&str, &str); 19] = [
    (
        "↑ ↓ k j",
        "choose, or scroll; PgUp and PgDn by ten, g and G to the ends",
    ),
    ("Enter", "the unit, the whole verdict"),
    ("Esc", "back, or clear the filter"),
    ("! K", "kills, warnings and other incidents"),
    ("/", "filter by name"),
    ("s r", "sort by time left, share, use, growth, name; reverse"),
    ("t", "as a tree, by slice"),
    ("Space", "pause / resume"),
    ("← →", "10 seconds back and on; with Shift 10 minutes"),
    (":", "go to a time: 14:05, 2026-11-28 14:05, -10min, +1h"),
    ("[ ]", "to the kill or warning before, after"),
    ("Home End", "start of history / now"),
    ("< >", "replay half / twice as fast, with --speed"),
    ("+ -", "zoom the plot in / out"),
    ("✖ ▲", "killed in the last 10 minutes; a limit is near"),
    ("≋ ○", "stands still at its MemoryHigh=; has ended"),
    ("10 MIN", "how full the limit was: a full cell is a full limit"),
    ("STALLED", "share of 10 s in which tasks waited for memory (PSI, some)"),
    ("q", "quit"),
];

/// Draws the help.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State) {
    let width = usize::from(area.width.saturating_sub(2));
    let mut lines: Vec<String> = KEYS
        .iter()
        .map(|(key, text)| fold(&format!("{key:<9} {text}"), width, 10, true))
        .collect();
    lines.push(format!("\nSorted by {}.", state.sort.name()));
    let kept = state.model.probes.iter().map(|probe| probe.name.as_str());
    let probes: Vec<&str> = kept.collect();
    if !probes.is_empty() {
        lines.push(fold(&format!("Probes: {}", probes.join(", ")), width, 2, true));
    }
    lines.extend(state.model.blind().map(|loss| fold(&loss, width, 2, true)));
    scrolled(buffer, area, &lines.join("\n"), state.scroll);
}

/// Text from a line on; the last line stays in sight.
pub(super) fn scrolled(buffer: &mut Buffer, area: Rect, text: &str, scroll: u16) {
    let count = u16::try_from(text.lines().count()).unwrap_or(u16::MAX);
    let skip = scroll.min(count.saturating_sub(area.height));
    for (y, line) in (0..area.height).zip(text.lines().skip(usize::from(skip))) {
        put(buffer, area, 1, y, line, PLAIN);
    }
}
