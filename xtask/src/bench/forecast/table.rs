//! The figures as tables that are read on a terminal and rendered by a page alike.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Own;
use super::score::{Score, quantile};

/// The line before and after what `insert` replaces.
const MARK: &str = "<!-- figures -->\n";

/// A rule a row.
pub(super) fn rules(title: &str, rows: &[(&str, Score)]) -> String {
    let head = [
        "rule",
        "error",
        "p90",
        "interval holds",
        "its width",
        "leaks warned",
        "at",
        "held",
        "others warned",
        "an hour",
        "of the time",
    ];
    let rows = rows.iter().map(|(name, score)| {
        vec![
            (*name).to_owned(),
            share(score.error(0.5).filter(|_| says_times(score))),
            share(score.error(0.9).filter(|_| says_times(score))),
            percent(score.coverage()),
            share(score.width()),
            format!("{} of {}", score.warned(), score.warned.len()),
            share(score.warned_at()),
            share(score.held_at()),
            format!("{} of {}", score.alarmed_traces(), score.alarms.len()),
            score
                .alarms_per_hour()
                .map_or_else(none, |alarms| format!("{alarms:.1}")),
            percent(score.alarmed_share()),
        ]
    });
    table(title, &head, rows)
}

/// A rule that never names a time has no error of it.
fn says_times(score: &Score) -> bool {
    score.errors.iter().any(|error| (*error - 1.0).abs() > f64::EPSILON)
}

/// A trace a row, of oomtrace alone.
pub(super) fn traces(owns: &[Own]) -> String {
    let head = [
        "trace",
        "for",
        "error",
        "worst",
        "interval holds",
        "warned at",
        "warnings",
        "of the time",
        "class is right",
    ];
    let rows = owns.iter().map(|own| {
        let score = &own.score;
        let warned: Vec<_> = score.warned.iter().map(|at| share(*at)).collect();
        vec![
            own.trace.name.clone(),
            format!("{:?}", own.trace.header.split).to_lowercase(),
            share(score.error(0.5)),
            share(score.error(1.0)),
            percent(score.coverage()),
            if warned.is_empty() { none() } else { warned.join(", ") },
            own.told.warnings.len().to_string(),
            percent(score.alarmed_share()),
            percent(quantile(score.rightly_classed.iter().copied(), 0.5)),
        ]
    });
    table("Each trace, as recorded", &head, rows)
}

/// What traces are, and what they are said to be in the last halves of their lives, in traces.
pub(super) fn classes(owns: &[Own]) -> String {
    let mut sum = Score::default();
    for own in owns {
        sum.add(&own.score);
    }
    let said: BTreeSet<&str> = sum.classes.keys().map(|(_, said)| said.as_str()).collect();
    let are: BTreeSet<&str> = sum.classes.keys().map(|(is, _)| is.as_str()).collect();
    let head: Vec<&str> = std::iter::once("is \\ said").chain(said.iter().copied()).collect();
    let rows = are.iter().map(|is| {
        let cells = said.iter().map(|said| {
            let share = sum.classes.get(&((*is).to_owned(), (*said).to_owned()));
            share.map_or_else(String::new, |share| format!("{share:.1}"))
        });
        std::iter::once((*is).to_owned()).chain(cells).collect()
    });
    let rightly = sum.rightly_classed.iter().sum::<f64>() / sum.rightly_classed.len().max(1) as f64;
    let title = format!("Classes, in traces; {:.0} % of the time a right one", rightly * 100.0);
    table(&title, &head, rows)
}

/// Puts the text between the marks of a file.
pub(super) fn insert(file: &Path, text: &str) -> Result<()> {
    let old = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let parts = old
        .split_once(MARK)
        .and_then(|(before, rest)| Some((before, rest.split_once(MARK)?.1)));
    let (before, after) =
        parts.with_context(|| format!("{} has no two lines '{}'", file.display(), MARK.trim_end()))?;
    Ok(fs::write(file, format!("{before}{MARK}{text}\n{MARK}{after}"))?)
}

fn table(title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len))
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = format!("\n### {title}\n\n");
    for (place, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell:<width$} ");
        }
        text += "|\n";
        if place == 0 {
            for width in &widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text += "|\n";
        }
    }
    text
}

fn none() -> String {
    "–".to_owned()
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(none, |value| format!("{value:.2}"))
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(none, |value| format!("{:.0} %", value * 100.0))
}
