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
        host: true,
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

/// A unit that grows fast from its start, and its slices.
fn fresh() -> String {
    let sample = |path: &str, unit: &str, second: u64, own: bool| {
        let used = (10 + second) << 20;
        let limits = if own {
            format!(
                r#"{{"cgroup":"{path}","unit":"{unit}","relation":"own","file":"memory.max","bytes":67108864,"usage":{used},"reclaimable":0}}"#
            )
        } else {
            String::new()
        };
        format!(
            r#"{{"event":"sample","ts":"2026-11-24T14:00:{second:02}Z","seq":0,"host":"h","unit":"{unit}","cgroup":{{"id":7,"path":"{path}"}},"memory":{{"current":{used},"anon":{used}}},"limits":[{limits}],"trend":{{"bytes_per_second":1048576.0,"low":1.0,"high":2.0,"window_seconds":{second}.0,"class":"leak"}},"forecast":{{"seconds":40.0,"low_seconds":30.0,"high_seconds":50.0,"confidence":0.8,"limit":{{"cgroup":"{path}","unit":"{unit}","file":"memory.max","bytes":67108864}}}}}}"#
        )
    };
    let name = "acme-order-fulfilment-reconciliation-worker-07.service";
    let lines = (0..50).flat_map(|second| {
        [
            sample("/acme.slice", "acme.slice", second, false),
            sample(&format!("/acme.slice/{name}"), name, second, true),
        ]
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_is_called_a_leak_before_it_has_lasted() {
    let shown = show(&fresh(), |options| options.width = None);
    let at = |line: &&str| {
        line.split(':')
            .nth(2)
            .unwrap()
            .get(..2)
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    for line in shown.lines() {
        let is_early = at(&line) < 30;
        assert_eq!(line.contains("a leak"), !is_early, "{line}");
        assert_eq!(line.contains("limit in"), !is_early, "{line}");
    }
    assert!(shown.contains("rising") && shown.contains("a leak"), "{shown}");
}

#[test]
fn in_a_pipe_names_are_whole_and_what_only_holds_others_is_not_told() {
    let shown = show(&fresh(), |options| options.width = None);
    assert!(
        shown.contains("acme-order-fulfilment-reconciliation-worker-07.service"),
        "{shown}"
    );
    assert!(!shown.contains("acme.slice"), "{shown}");
}

#[test]
fn in_a_pipe_a_line_is_a_change_of_state() {
    let terminal = show(OWN, |_| {});
    let pipe = show(OWN, |options| options.width = None);
    let samples = |shown: &str| {
        shown
            .lines()
            .filter(|line| line.contains(" / ") && line.contains('%'))
            .count()
    };
    assert!(samples(&pipe) < samples(&terminal), "{pipe}");
    assert!(samples(&pipe) > 0 && pipe.contains("KILLED"), "{pipe}");
}

#[test]
fn where_units_are_asked_for_the_host_has_no_lines() {
    let fixture = include_str!("fixtures/screen.jsonl").replace("/system.slice/nginx.service", "/");
    let with = show(&fixture, |_| {});
    let without = show(&fixture, |options| options.host = false);
    assert!(with.lines().count() > without.lines().count(), "{without}");
}
