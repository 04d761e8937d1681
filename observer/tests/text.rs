//! What a person sees of a recorded run, on terminals of several kinds.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

use std::io::Write as _;

use jiff::tz::TimeZone;
use observer::event::Line;
use observer::sink::{Sink as _, Text, TextOptions};

const OWN: &str = include_str!("fixtures/own_limit.jsonl");
const SLICE: &str = include_str!("fixtures/slice_limit.jsonl");

fn lines(fixture: &str) -> Vec<Line> {
    fixture
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn show(fixture: &str, change: impl FnOnce(&mut TextOptions)) -> String {
    let lines = lines(fixture);
    let mut options = TextOptions {
        color: false,
        unicode: true,
        width: Some(100),
        time_zone: TimeZone::UTC,
        today: lines[0].ts.0.to_zoned_datetime(TimeZone::UTC).date(),
        quiet: false,
        names: true,
    };
    change(&mut options);
    let mut shown = Vec::new();
    let mut text = Text::new(&mut shown, options);
    for line in &lines {
        text.line(line).unwrap();
    }
    text.flush().unwrap();
    drop(text);
    shown.flush().unwrap();
    String::from_utf8(shown).unwrap()
}

#[test]
fn at_a_hundred_columns() {
    insta::assert_snapshot!(show(OWN, |_| {}));
}

#[test]
fn at_forty_columns_nothing_is_wider() {
    let shown = show(OWN, |options| options.width = Some(40));
    for line in shown.lines() {
        assert!(line.chars().count() <= 40, "{line}");
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn in_ascii_nothing_is_beyond_it() {
    let shown = show(OWN, |options| options.unicode = false);
    assert!(shown.is_ascii(), "{shown}");
}

#[test]
fn in_colour_the_words_are_the_same() {
    let plain = show(OWN, |_| {});
    let coloured = show(OWN, |options| options.color = true);
    assert_ne!(plain, coloured);
    let mut rest = coloured.as_str();
    let mut stripped = String::new();
    while let Some((before, after)) = rest.split_once('\x1b') {
        stripped += before;
        rest = after.split_once('m').unwrap().1;
    }
    stripped += rest;
    assert_eq!(plain, stripped);
}

#[test]
fn quietly_only_warnings_and_kills() {
    insta::assert_snapshot!(show(SLICE, |options| options.quiet = true));
}

#[test]
fn of_another_day_with_the_date() {
    let shown = show(SLICE, |options| {
        options.quiet = true;
        options.today = options.today.tomorrow().unwrap();
    });
    let day = lines(SLICE)[0]
        .ts
        .0
        .to_zoned_datetime(TimeZone::UTC)
        .strftime("%b %d")
        .to_string();
    assert!(shown.starts_with(&day), "{shown}");
}

#[test]
fn a_line_that_is_read_is_written_the_same() {
    for line in OWN.lines().chain(SLICE.lines()) {
        let parsed: Line = serde_json::from_str(line).unwrap();
        let before: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_value(&parsed).unwrap(), before);
    }
}
