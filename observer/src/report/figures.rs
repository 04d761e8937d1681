//! The plot in figures, for those who would rather read it, or hear it.

use super::markup::{Markup, put};
use super::past::Past;
use super::points::PARTS;
use super::words::{Words, size};
use crate::human::duration;

/// Rows of the table.
const ROWS: usize = 12;

pub(super) fn table(past: &Past, words: &Words, out: &mut Markup) {
    let points = past.points.plotted();
    if points.len() < 2 {
        return;
    }
    put!(
        out,
        "<details><summary>Values</summary>\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\" class=\"left\">Time</th><th scope=\"col\">Used</th>"
    );
    for part in PARTS {
        put!(out, "<th scope=\"col\">{}</th>", part);
    }
    put!(
        out,
        "<th scope=\"col\">Time left, as forecast</th></tr></thead>\n<tbody>\n"
    );
    let last = points.len() - 1;
    let rows = ROWS.min(points.len());
    for point in (0..rows).filter_map(|row| points.get(row * last / (rows - 1).max(1))) {
        put!(
            out,
            "<tr><th scope=\"row\" class=\"left\">{}</th><td>{}</td>",
            words.date(point.ts),
            size(point.current)
        );
        for part in point.parts {
            put!(out, "<td>{}</td>", size(part));
        }
        let left = point.left.map(|left| {
            let high = left.high.map_or_else(|| "open".to_owned(), duration);
            format!("{} ({} … {high})", duration(left.middle), duration(left.low))
        });
        put!(out, "<td>{}</td></tr>\n", left.as_deref().unwrap_or("none"));
    }
    put!(out, "</tbody>\n</table></div></details>\n");
}
