//! The scores of what is known, what others' rules say of plain shapes, and the bounds of oomtrace's own figures on the
//! traces that nothing was chosen on.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use oomtrace_engine::event::{Event, Line};
use oomtrace_engine::{Config, Engine};
use oomtrace_tests::traces::{Header, Split};

use super::rules::{RULES, Rule};
use super::score::{Left, Score, Told};
use super::trace::{Life, Sample, Trace};
use super::{files, hear};

const MIB: f64 = 1_048_576.0;

/// A trace with a sample a second of what `size` says, in MiB below a limit of 100.
fn drawn(kind: &str, seconds: u32, size: impl Fn(f64) -> f64) -> Trace {
    let sample = |second| {
        let bytes = size(f64::from(second)) * MIB;
        Sample {
            at: f64::from(second),
            current: bytes,
            fixed: bytes,
            anon: bytes,
            limit: 100.0 * MIB,
            start: 0,
        }
    };
    Trace {
        name: "drawn".to_owned(),
        header: Header::parse(&format!(
            "trace: limit=100M seconds=1 kind={kind} class=leak split=score"
        ))
        .unwrap(),
        samples: (0..seconds).map(sample).collect(),
        lives: vec![Life {
            start: 0.0,
            end: f64::from(seconds),
            is_killed: kind == "leak",
            is_sudden: false,
        }],
        stream: String::new(),
        began: Timestamp::UNIX_EPOCH,
    }
}

/// Says at each sample what `left` says of it.
fn always(trace: &Trace, left: impl Fn(&Sample) -> Option<Left>) -> Told {
    let mut told = Told::default();
    for sample in &trace.samples {
        told.say(sample.at, left(sample), Some("leak".to_owned()));
    }
    told
}

fn rule(name: &str) -> Rule {
    *RULES.iter().find(|(known, _)| known.starts_with(name)).unwrap()
}

#[test]
fn who_knows_the_end_has_no_error_and_who_says_nothing_has_an_error_of_one() {
    let trace = drawn("leak", 100, |second| second);
    let knowing = always(&trace, |sample| {
        let seconds = 100.0 - sample.at;
        let interval = Some((seconds * 0.9, seconds * 1.1));
        Some(Left { seconds, interval })
    });
    let score = Score::of(&trace, &knowing);
    assert!(score.error(1.0).unwrap() < 1e-9);
    assert_eq!(score.coverage(), Some(1.0));
    assert!((score.width().unwrap() - 0.2).abs() < 1e-9);
    assert!((score.rightly_classed[0] - 1.0).abs() < 1e-9);
    let silent = Score::of(&trace, &always(&trace, |_| None));
    assert_eq!(silent.error(0.0), Some(1.0));
    assert_eq!(silent.coverage(), None);
}

#[test]
fn a_life_that_ended_in_a_burst_is_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drawn.jsonl");
    let lives = |size: fn(u64) -> u64| {
        let mut text = r#"{"trace":{"limit":"100M","seconds":1,"kind":"leak","split":"score"}}"#.to_owned();
        for second in 0..=200 {
            let ts = Timestamp::from_second(second).unwrap();
            let size = size(second.unsigned_abs());
            text += &format!(
                "\n{}",
                serde_json::json!({"event": "sample", "ts": ts, "memory": {"current": size, "max": 100}})
            );
        }
        text += "\n{\"event\":\"kill\",\"ts\":\"1970-01-01T00:03:21Z\"}\n";
        std::fs::write(&path, text).unwrap();
        let trace = Trace::read(&path, 1).unwrap();
        let told = always(&trace, |_| None);
        Score::of(&trace, &told).warned.len()
    };
    assert_eq!(lives(|second| second / 2), 1);
    assert_eq!(lives(|second| if second < 199 { second / 4 } else { 100 }), 0);
}

#[test]
fn a_warning_counts_where_it_stands_until_the_kill() {
    let trace = drawn("leak", 100, |second| second);
    let mut told = Told::default();
    told.raise(10.0);
    told.clear(20.0);
    assert_eq!(Score::of(&trace, &told).warned, [None]);
    told.raise(60.0);
    assert_eq!(Score::of(&trace, &told).warned, [Some(0.6)]);
}

#[test]
fn a_false_alarm_counts_once_and_as_long_as_it_stands() {
    let trace = drawn("calm", 101, |_| 10.0);
    let mut told = Told::default();
    for second in 0..=100 {
        told.alarm(f64::from(second), (40..60).contains(&second));
    }
    let score = Score::of(&trace, &told);
    assert_eq!(score.alarms, [1]);
    assert_eq!(score.alarmed_share(), Some(0.2));
}

#[test]
fn predict_linear_knows_a_straight_line_and_is_fooled_by_one_that_ends() {
    let (_, predict) = rule("predict_linear, 5 min");
    let trace = drawn("leak", 900, |second| second / 9.0);
    let score = Score::of(&trace, &predict(&trace));
    assert!(score.error(1.0).unwrap() < 0.2);
    assert_eq!(score.warned(), 1);
    let warm = drawn("calm", 900, |second| second.min(300.0) / 9.0);
    assert_eq!(Score::of(&warm, &predict(&warm)).alarmed_traces(), 1);
}

#[test]
fn coroot_wants_an_hour_and_a_last_quarter_that_still_grows() {
    let (_, coroot) = rule("Coroot");
    let alarms = |trace: &Trace| coroot(trace).warnings.len();
    assert_eq!(alarms(&drawn("leak", 2000, |second| 20.0 + second / 100.0)), 0);
    assert_eq!(alarms(&drawn("leak", 5000, |second| 20.0 + second / 100.0)), 1);
    assert_eq!(
        alarms(&drawn("calm", 3700, |second| 20.0 + second.min(900.0) / 30.0)),
        0
    );
}

#[test]
fn linnix_wants_fifty_mebibytes_on_a_line_in_fifteen_minutes() {
    let (_, linnix) = rule("linnix");
    let alarms = |trace: &Trace| linnix(trace).warnings.len();
    assert_eq!(alarms(&drawn("leak", 1000, |second| second / 12.0)), 1);
    assert_eq!(alarms(&drawn("leak", 1000, |second| second / 25.0)), 0);
    assert_eq!(alarms(&drawn("calm", 1000, |second| second % 60.0)), 0);
}

#[test]
fn kerno_speaks_above_85_per_cent_whatever_comes() {
    let (_, kerno) = rule("kerno");
    assert_eq!(kerno(&drawn("calm", 100, |_| 90.0)).warnings.len(), 1);
    assert_eq!(kerno(&drawn("calm", 100, |_| 80.0)).warnings.len(), 0);
    let leak = drawn("leak", 100, |second| second);
    assert!(Score::of(&leak, &kerno(&leak)).error(0.0).unwrap() < 0.1);
}

/// What the engine of this build says of a trace.
fn told(trace: &Trace) -> Told {
    let mut engine = Engine::new(Config::default());
    let mut told = Told::default();
    for line in trace.stream.lines() {
        let mut line: Line = serde_json::from_str(line).unwrap();
        let mut changes = Vec::new();
        match &mut line.event {
            Event::Sample(sample) => engine.sample(line.ts, sample, &mut changes),
            Event::Kill(kill) => engine.killed(kill),
            other => panic!("a trace holds samples and kills, not {other:?}"),
        }
        let rest = changes.into_iter().map(|event| Line { event, ..line.clone() });
        for line in std::iter::once(line.clone()).chain(rest) {
            hear(&serde_json::to_value(line).unwrap(), trace.began, &mut told).unwrap();
        }
    }
    told
}

/// Of the traces of minutes, or of those of hours.
fn scored(hours: bool, stretch: u32) -> Score {
    let traces: Vec<Trace> = files(hours)
        .unwrap()
        .iter()
        .map(|file| Trace::read(file, stretch).unwrap())
        .filter(|trace| trace.header.split == Split::Score)
        .collect();
    let mut sum = Score::default();
    // An engine that is not optimised takes its time.
    std::thread::scope(|scope| {
        let threads: Vec<_> = traces
            .chunks(traces.len().div_ceil(4))
            .map(|traces| {
                scope.spawn(|| {
                    traces
                        .iter()
                        .map(|trace| Score::of(trace, &told(trace)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for score in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            sum.add(&score);
        }
    });
    sum
}

#[test]
fn forecasts_of_traces_that_were_not_tuned_on_stay_as_good_as_they_are() {
    holds_what_is_meant(&scored(false, 1), &MEANT);
}

#[test]
fn they_stay_so_where_a_sample_a_second_is_one_in_ten() {
    holds_what_is_meant(&scored(false, 10), &MEANT);
}

#[test]
fn forecasts_of_lives_of_an_hour_stay_as_good_as_they_are() {
    holds_what_is_meant(&scored(true, 1), &OF_HOURS);
}

/// The figures that are to be reached; of errors, and of when half of the leaks are warned of, as a share of their life, the
/// greatest.
struct Meant {
    median: f64,
    p90: f64,
    coverage: RangeInclusive<f64>,
    at: f64,
    /// Of those that do not leak such a share may be warned of, for such a share of the time.
    falsely: f64,
    share: f64,
}

const MEANT: Meant = Meant {
    median: 0.08,
    p90: 0.60,
    coverage: 0.75..=0.90,
    at: 0.50,
    falsely: 1.0 / 18.0,
    share: 0.01,
};

/// What holds of lives of an hour, where not all is reached that is meant: docs/forecast.md says what is missing.
const OF_HOURS: Meant = Meant {
    median: 0.15,
    p90: 0.80,
    coverage: 0.75..=0.90,
    at: 0.60,
    falsely: 0.55,
    share: 0.06,
};

fn holds_what_is_meant(score: &Score, meant: &Meant) {
    println!("{}", super::table::rules("scored only", &[("oomtrace", score.clone())]));
    let (median, p90) = (score.error(0.5).unwrap(), score.error(0.9).unwrap());
    assert!(
        median <= meant.median && p90 <= meant.p90,
        "errors of {median} and {p90}"
    );
    let coverage = score.coverage().unwrap();
    assert!(meant.coverage.contains(&coverage), "the interval holds {coverage}");
    let (warned, lives) = (score.warned(), score.warned.len());
    assert!(warned == lives, "{warned} leaks of {lives} warned of");
    let at = score.warned_at().unwrap();
    assert!(at <= meant.at, "warned when {at} of a life is over");
    let (alarmed, others) = (score.alarmed_traces(), score.alarms.len());
    assert!(
        alarmed as f64 <= others as f64 * meant.falsely,
        "{alarmed} of {others} warned of falsely"
    );
    let share = score.alarmed_share().unwrap();
    assert!(share < meant.share, "falsely warned {share} of the time");
}
