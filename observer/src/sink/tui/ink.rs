//! Text onto cells: where it ends, what it means, and what of it a plain terminal can show.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::model::Gravity;
use super::state::Look;
use crate::shown::shown;

pub(super) const PLAIN: Style = Style::new();
/// Secondary: dim, and no colour, since bright black is invisible on some backgrounds.
pub(super) const GREY: Style = Style::new().add_modifier(Modifier::DIM);
pub(super) const YELLOW: Style = Style::new().fg(Color::Yellow);
pub(super) const RED: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
pub(super) const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
pub(super) const MARKED: Style = Style::new().add_modifier(Modifier::REVERSED);

pub(super) fn gravity(gravity: Gravity) -> Style {
    match gravity {
        Gravity::Kill => RED,
        Gravity::Warning => YELLOW,
        Gravity::Note => GREY,
    }
}

/// Writes a line within an area; what is beyond it is cut. Tells how many columns it took.
pub(super) fn put(buffer: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
    if y >= area.height || x >= area.width {
        return 0;
    }
    let room = usize::from(area.width - x);
    let (end, _) = buffer.set_stringn(area.x + x, area.y + y, shown(text), room, style);
    end.saturating_sub(area.x + x)
}

/// A rule across.
pub(super) fn rule(buffer: &mut Buffer, area: Rect, y: u16) {
    put(buffer, area, 0, y, &"─".repeat(usize::from(area.width)), GREY);
}

/// What the terminal cannot or must not show becomes what it can: one place, after everything is drawn.
pub(super) fn fit(buffer: &mut Buffer, look: &Look) {
    for cell in &mut buffer.content {
        if !look.color {
            // Reversed marks a row and is no colour.
            let kept = cell.modifier & Modifier::REVERSED;
            cell.set_style(Style::reset().add_modifier(kept));
        }
        if !look.unicode && !cell.symbol().is_ascii() {
            let plain = cell.symbol().chars().next().map_or(' ', ascii);
            cell.set_char(plain);
        }
    }
}

fn ascii(symbol: char) -> char {
    match symbol {
        '█' => '#',
        '▇' => '@',
        '▆' => '*',
        '▅' => '+',
        '▄' => '=',
        '▃' | '─' | '–' => '-',
        '▂' => '.',
        '▁' => '_',
        '░' => ':',
        '•' => 'o',
        '·' => '.',
        '…' => '~',
        '●' => '*',
        '○' => 'o',
        '✖' => 'x',
        '▲' => '!',
        '≋' | '≈' => '~',
        '←' => '<',
        '→' => '>',
        '↑' => '^',
        '↓' => 'v',
        '│' => '|',
        _ => '?',
    }
}
