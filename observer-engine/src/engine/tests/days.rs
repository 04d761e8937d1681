//! Services that live for hours under a load that breathes.

use std::f64::consts::TAU;

use super::*;
use crate::event::Process;

/// What is told of a life at a sample a second that holds what `size` says, in MiB below a limit of 100, until it meets it:
/// when warnings were raised and cleared, and when it met the limit, in seconds.
pub(super) struct Lived {
    pub(super) warnings: Vec<(u32, ForecastState)>,
    pub(super) end: u32,
    /// Its growth at the end.
    pub(super) class: Option<Class>,
}

pub(super) fn live(seconds: u32, size: impl Fn(f64) -> f64) -> Lived {
    let mut engine = Engine::new(Config::default());
    let mut warnings = Vec::new();
    let mut class = None;
    for second in 0..seconds {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size of some MiB"
        )]
        let usage = (size(f64::from(second)) * Bytes(MIB).as_f64()) as u64;
        if usage >= 100 * MIB {
            let end = second;
            return Lived { warnings, end, class };
        }
        let mut sample = sample(usage, 0, vec![limit(Relation::Own, "/own", 100 * MIB, usage)]);
        let mut out = Vec::new();
        engine.sample(at(f64::from(second)), &mut sample, &mut out);
        class = sample.trend.map(|trend| trend.class);
        warnings.extend(out.iter().filter_map(|event| match event {
            Event::Forecast(change) if change.state != ForecastState::Updated => Some((second, change.state)),
            _ => None,
        }));
    }
    let end = seconds;
    Lived { warnings, end, class }
}

/// A leak with its load: `mean` MiB a second in the mean, from a tenth of that to 1.9 times it.
pub(super) fn wave(period: f64, phase: f64, mean: f64) -> impl Fn(f64) -> f64 {
    let part = move |angle: f64| -0.9 * period / TAU * angle.cos();
    move |second| 2.0 + mean * (second + part(TAU * second / period + phase) - part(phase))
}

#[test]
fn a_trough_of_half_an_hours_wave_is_no_end() {
    let lived = live(8000, wave(1860.0, -1.5, 98.0 / 4100.0));
    assert!(
        matches!(lived.warnings[..], [(at, ForecastState::Raised)] if at < lived.end * 3 / 4),
        "{:?}",
        lived.warnings
    );
}

#[test]
fn above_seven_eighths_of_a_limit_what_is_left_decides() {
    // It stands at 88 MiB for a quarter of an hour, and takes the rest within five minutes.
    let lived = live(4000, |second| {
        88.0 * (second / 20.0).min(1.0) + (second - 900.0).max(0.0) / 25.0
    });
    let last = lived.warnings.last();
    assert!(
        matches!(last, Some((at, ForecastState::Raised)) if *at > 900),
        "{:?}",
        lived.warnings
    );
}

#[test]
fn a_warning_that_was_cleared_comes_back_as_soon_as_growth_goes_on() {
    // It grows for ten minutes, stands still for five, and goes on.
    let lived = live(4000, |second| {
        5.0 + (second.min(600.0) + (second - 900.0).max(0.0)) / 10.0
    });
    let back = lived.warnings.get(2).map(|(at, _)| *at);
    assert!(back.is_some_and(|at| at < 990), "{:?}", lived.warnings);
}

#[test]
fn what_filled_and_was_given_back_is_a_new_growth_again() {
    let once = live(500, |second| 5.0 + (second % 600.0) / 10.0);
    let again = live(1100, |second| 5.0 + (second % 600.0) / 10.0);
    assert_eq!(once.warnings.len() + 1, again.warnings.len(), "{:?}", again.warnings);
}

#[test]
fn what_would_fill_its_limit_within_a_minute_of_its_start_is_starting() {
    let warned_at = |first: u64, room: u64| {
        let mut engine = Engine::new(Config::default());
        let mut out = Vec::new();
        (0..room).find(|second| {
            let usage = (first + second) * MIB;
            let mut sample = sample(
                usage,
                0,
                vec![limit(Relation::Own, "/own", (first + room) * MIB, usage)],
            );
            #[expect(clippy::cast_precision_loss, reason = "small")]
            engine.sample(at(*second as f64), &mut sample, &mut out);
            !out.is_empty()
        })
    };
    // Three quarters full, as many a runtime and cache are in the end, it is not warned of; just before the kill it is.
    assert!(warned_at(0, 55).is_some_and(|second| second > 49));
    // What takes longer is warned of sooner, a leak of two minutes well within the first half of its life; what was running
    // before is no start.
    assert!(warned_at(0, 80).is_some_and(|second| (60..70).contains(&second)));
    for life in 112..140 {
        let warned = warned_at(0, life);
        assert!(
            warned.is_some_and(|second| second * 100 < life * 48),
            "{life}: {warned:?}"
        );
    }
    assert!(warned_at(55, 55).is_some_and(|second| second < 40));
}

#[test]
fn growth_that_ends_where_its_program_was_told_to_is_not_warned_of() {
    let is_warned = |ceiling: Option<u64>| {
        let mut engine = Engine::new(Config::default());
        let mut out = Vec::new();
        for second in 0..400 {
            let usage = (300 + second) * MIB;
            let mut sample = sample(usage, 0, vec![limit(Relation::Own, "/own", 1000 * MIB, usage)]);
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let ts = at(second as f64);
            engine.sample(ts, &mut sample, &mut out);
            let task = Process {
                pid: Tgid(7),
                ppid: None,
                comm: "java".to_owned(),
                started: None,
                anon: Some(Bytes(usage - 10 * MIB)),
                shmem: None,
                swap: None,
                pgtables: None,
                ceiling: ceiling.map(Bytes),
            };
            engine.processes(
                ts,
                &Processes {
                    subject: sample.subject,
                    count: 1,
                    tasks: vec![task],
                    ..Processes::default()
                },
            );
        }
        !out.is_empty()
    };
    assert!(is_warned(None));
    assert!(!is_warned(Some(800 * MIB)));
    // Below the limit, and without room for what else the program takes.
    assert!(is_warned(Some(950 * MIB)));
    // What holds more already is not bound by it.
    assert!(is_warned(Some(400 * MIB)));
}

#[test]
fn a_leak_stays_warned_of_through_the_troughs_of_waves_of_two_fifths_of_its_life() {
    let size = wave(1200.0, 1.0, 0.03);
    let (first, mut worst) = (size(0.0), 0.0_f64);
    let size = |second: f64| 8.0 + size(second) - first;
    let end = (0..9000_i32)
        .map(f64::from)
        .find(|second| size(*second) >= 100.0)
        .unwrap();
    let mut engine = Engine::new(Config::default());
    let mut warnings = Vec::new();
    for second in (0..9000_i32).map(f64::from).take_while(|second| *second < end) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size of some MiB"
        )]
        let usage = (size(second) * Bytes(MIB).as_f64()) as u64;
        let mut sample = sample(usage, 0, vec![limit(Relation::Own, "/own", 100 * MIB, usage)]);
        engine.sample(at(second), &mut sample, &mut warnings);
        if second > end * 0.8 && second < end * 0.95 {
            let left = sample.forecast.unwrap().seconds;
            worst = worst.max((left / (end - second)).ln().abs());
        }
    }
    assert!(worst < 0.8, "{worst}");
    let cleared = warnings
        .iter()
        .any(|event| matches!(event, Event::Forecast(change) if change.state == ForecastState::Cleared));
    assert!(!cleared && !warnings.is_empty());
}
