use proptest::prelude::*;

use super::*;
use crate::event::{CgroupRef, Holder, KillLimit, Limit, LimitRef, Memory, Origin, Subject, Victim};
use crate::measure::{Bytes, Tgid};
use crate::verdict::{Constraint, OomFacts, OwnerFacts};

mod days;
mod kinds;

const MIB: u64 = 1 << 20;

fn at(seconds: f64) -> Timestamp {
    let start: jiff::Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
    Timestamp(start + jiff::SignedDuration::from_secs_f64(seconds))
}

fn subject(path: &str) -> Subject {
    Subject {
        unit: Some("leak.service".to_owned()),
        cgroup: CgroupRef {
            id: None,
            path: Some(path.to_owned()),
        },
        ..Subject::default()
    }
}

fn limit(relation: Relation, cgroup: &str, bytes: u64, usage: u64) -> Limit {
    Limit {
        cgroup: cgroup.to_owned(),
        unit: None,
        relation,
        file: "memory.max".to_owned(),
        bytes: Bytes(bytes),
        usage: Some(Bytes(usage)),
        reclaimable: None,
        swap_usage: None,
        swap_room: None,
    }
}

fn sample(anon: u64, file: u64, limits: Vec<Limit>) -> Sample {
    Sample {
        subject: subject("/system.slice/leak.service"),
        memory: Memory {
            current: Some(Bytes(anon + file)),
            anon: Some(Bytes(anon)),
            file: Some(Bytes(file)),
            ..Memory::default()
        },
        limits,
        ..Sample::default()
    }
}

/// Feeds a second apart, gives the last sample and all changes.
fn feed(engine: &mut Engine, seconds: u64, make: impl Fn(u64) -> Sample) -> (Sample, Vec<Event>) {
    let mut out = Vec::new();
    let mut last = Sample::default();
    for second in 0..seconds {
        last = make(second);
        #[expect(clippy::cast_precision_loss, reason = "small")]
        engine.sample(at(second as f64), &mut last, &mut out);
    }
    (last, out)
}

#[test]
fn without_a_list_of_limits_those_of_the_samples_above_count() {
    let mut engine = Engine::new(Config::default());
    let mut out = Vec::new();
    let mut last = Sample::default();
    for second in 0..300 {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let ts = at(second as f64);
        let mut slice = sample((100 + second) * MIB, 0, Vec::new());
        slice.subject = subject("/system.slice");
        slice.memory.max = Some(Bytes(512 * MIB));
        engine.sample(ts, &mut slice, &mut out);
        last = sample(second * MIB, 0, Vec::new());
        last.memory.max = Some(Bytes(900 * MIB));
        engine.sample(ts, &mut last, &mut out);
    }
    let forecast = last.forecast.unwrap();
    assert_eq!(forecast.limit.cgroup, "/system.slice");
    assert!((forecast.seconds / (512.0 - 399.0) - 1.0).abs() < 0.1, "{forecast:?}");
    // A slice that is gone from the stream says nothing any more.
    let mut late = sample(301 * MIB, 0, Vec::new());
    engine.sample(at(400.0), &mut late, &mut out);
    assert_eq!(late.limits, []);
}

#[test]
fn after_a_kill_at_a_slices_limit_its_next_one_is_seen_coming() {
    let mut engine = Engine::new(Config::default());
    let mut out = Vec::new();
    let mut forecasts = Vec::new();
    // Three lives of 200 s, each of which ends where the slice is full.
    for second in 0..600_u32 {
        let (life, age) = (second / 200, u64::from(second % 200));
        let used = (112 + age * 2) * MIB;
        let mut sample = sample(
            age * 2 * MIB,
            0,
            vec![limit(Relation::Ancestor, "/system.slice", 512 * MIB, used)],
        );
        sample.subject.invocation_id = Some(life.to_string());
        engine.sample(at(f64::from(second)), &mut sample, &mut out);
        if age == 120 {
            forecasts.push(sample.forecast.unwrap().seconds);
        }
    }
    for forecast in forecasts {
        assert!((forecast / 80.0 - 1.0).abs() < 0.15, "{forecast}");
    }
    let states: Vec<(ForecastState, Option<&str>)> = out
        .iter()
        .filter_map(|event| match event {
            Event::Forecast(change) if change.state != ForecastState::Updated => {
                Some((change.state, change.subject.invocation_id.as_deref()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        states,
        [
            (ForecastState::Raised, Some("0")),
            (ForecastState::Cleared, Some("0")),
            (ForecastState::Raised, Some("1")),
            (ForecastState::Cleared, Some("1")),
            (ForecastState::Raised, Some("2")),
        ]
    );
}

#[test]
fn a_linear_leak_has_its_slope_and_its_time_left() {
    let mut engine = Engine::new(Config::default());
    let own = |used| vec![limit(Relation::Own, "/system.slice/leak.service", 512 * MIB, used)];
    let (last, out) = feed(&mut engine, 300, |second| sample(second * MIB, 0, own(second * MIB)));
    let trend = last.trend.unwrap();
    assert_eq!(trend.class, Class::Leak);
    assert!((trend.bytes_per_second / Bytes(MIB).as_f64() - 1.0).abs() < 0.02);
    let forecast = last.forecast.unwrap();
    assert!((forecast.seconds / (512.0 - 299.0) - 1.0).abs() < 0.1, "{forecast:?}");
    assert!(
        matches!(&out[..], [Event::Forecast(change), ..] if change.state == ForecastState::Raised),
        "{out:?}"
    );
}

#[test]
fn a_page_cache_that_fills_is_no_leak_and_has_no_forecast() {
    let mut engine = Engine::new(Config::default());
    let own = |used| vec![limit(Relation::Own, "/system.slice/leak.service", 512 * MIB, used)];
    let (last, out) = feed(&mut engine, 120, |second| {
        sample(20 * MIB, second * MIB, own(second * MIB))
    });
    assert_eq!(last.trend.unwrap().class, Class::Cache);
    assert_eq!((last.forecast, out), (None, Vec::new()));
}

#[test]
fn noise_is_steady() {
    let mut engine = Engine::new(Config::default());
    let noise = |second: u64| 100 * MIB + second.wrapping_mul(2_654_435_761) % 997 * 1000;
    let (last, out) = feed(&mut engine, 200, |second| sample(noise(second), 0, Vec::new()));
    assert_eq!(last.trend.unwrap().class, Class::Steady);
    assert!(out.is_empty());
}

#[test]
fn what_is_little_of_the_size_is_growth_where_little_is_left() {
    // To nine tenths of a gigabyte, and from there on 1 MB in 20 s.
    let after = |second: u64, limit_bytes: u64| {
        let mut engine = Engine::new(Config::default());
        let (last, _) = feed(&mut engine, 600 + second, |second| {
            let usage = 1_500_000 * second.min(600) + 50_000 * second.saturating_sub(600);
            sample(usage, 0, vec![limit(Relation::Own, "/own", limit_bytes, usage)])
        });
        (
            last.trend.unwrap().class,
            last.forecast.map(|forecast| forecast.seconds),
        )
    };
    let (class, seconds) = after(150, 1_000_000_000);
    assert_eq!(class, Class::Leak);
    assert!((seconds.unwrap() / 1850.0 - 1.0).abs() < 0.1, "{seconds:?}");
    assert_eq!(after(150, 8_000_000_000), (Class::Steady, None));
}

#[test]
fn a_jump_is_no_growth_that_becomes_faster() {
    let mut engine = Engine::new(Config::default());
    let (last, out) = feed(&mut engine, 70, |second| {
        let jump = if second < 59 { 0 } else { 32 * MIB };
        let usage = 28 * MIB + second * MIB / 20 + jump;
        sample(usage, 0, vec![limit(Relation::Own, "/own", 100 * MIB, usage)])
    });
    assert_eq!(out, [], "{:?}", last.forecast);
}

#[test]
fn a_jump_in_whose_midst_a_sample_was_taken_is_one() {
    let mut engine = Engine::new(Config::default());
    let (last, _) = feed(&mut engine, 116, |second| {
        let jump = match second {
            ..110 => 0,
            110 => 8,
            _ => 17,
        };
        let usage = 150 * MIB + second * MIB * 3 / 4 + jump * MIB;
        sample(usage, 0, vec![limit(Relation::Own, "/own", 974 * MIB, usage)])
    });
    let seconds = last.forecast.map(|forecast| forecast.seconds);
    // At 0.75 MiB a second 720 MiB take 960 s.
    assert!(seconds.is_some_and(|seconds| seconds > 600.0), "{seconds:?}");
}

#[test]
fn a_warning_stands_while_reclaim_keeps_usage_just_below_the_limit() {
    let stands = |most: u64| {
        let mut engine = Engine::new(Config::default());
        let (last, out) = feed(&mut engine, 400, |second| {
            let usage = ((10 + second) * MIB).min(most * MIB);
            sample(usage, 0, vec![limit(Relation::Own, "/own", 200 * MIB, usage)])
        });
        let mut states = out.iter().filter_map(|event| match event {
            Event::Forecast(change) => Some(change.state),
            _ => None,
        });
        let stands = states.next_back() != Some(ForecastState::Cleared);
        (stands, last.forecast.map(|forecast| forecast.seconds))
    };
    // 190 MiB were held at 180 s: it has been due since, and takes as long again.
    assert_eq!(stands(196), (true, Some(219.0)));
    assert_eq!(stands(170), (false, None));
}

#[test]
fn what_should_have_come_and_has_not_is_not_said_to_come_at_once() {
    let mut engine = Engine::new(Config::default());
    let (last, _) = feed(&mut engine, 194, |second| {
        let noise = second * 7 % 5 * MIB / 3;
        let usage = ((9 + second) * MIB + noise).min(197 * MIB);
        sample(usage, 0, vec![limit(Relation::Own, "/own", 200 * MIB, usage)])
    });
    // The upper envelope met the limit at 190 s.
    let forecast = last.forecast.unwrap();
    assert!((2.0..=5.0).contains(&forecast.seconds), "{forecast:?}");
    assert!(forecast.low_seconds < 1.0 && forecast.high_seconds.unwrap() > 18.0);
}

#[test]
fn growth_that_pauses_below_the_limit_is_not_reckoned_on_without_it() {
    let mut engine = Engine::new(Config::default());
    let (last, _) = feed(&mut engine, 222, |second| {
        let usage = (second / 16 * 16).min(192) * MIB;
        sample(usage, 0, vec![limit(Relation::Own, "/own", 232 * MIB, usage)])
    });
    // 40 MiB are left at 1 MiB/s. It has stood still for half a minute, and would have grown by most of them.
    let forecast = last.forecast.unwrap();
    assert!(forecast.seconds > 30.0, "{forecast:?}");
}

#[test]
fn growth_that_changed_is_soon_told_from_more_than_the_last_samples() {
    let mut engine = Engine::new(Config::default());
    let (last, _) = feed(&mut engine, 100, |second| {
        let usage = (4 * second.min(30) + 2 * second.saturating_sub(30)) * MIB;
        sample(usage, 0, vec![limit(Relation::Own, "/own", 1024 * MIB, usage)])
    });
    // It has been so for 70 s. The finest 32 samples are less than half of that, four times as many go back too far.
    let trend = last.trend.unwrap();
    assert!((40.0..70.0).contains(&trend.window_seconds), "{trend:?}");
}

#[test]
fn the_first_seconds_of_growth_are_no_sign_of_the_next_ones() {
    let warned = |seconds: u64| {
        let mut engine = Engine::new(Config::default());
        let (_, out) = feed(&mut engine, seconds, |second| {
            // It was running before.
            let usage = (700 + 10 * second) * MIB;
            sample(usage, 0, vec![limit(Relation::Own, "/own", 1400 * MIB, usage)])
        });
        !out.is_empty()
    };
    // At 34 s it has lasted as long as it would have to go on.
    assert!(!warned(35));
    assert!(warned(45));
}

#[test]
fn what_is_seen_ten_times_as_rarely_is_warned_of_after_as_many_samples() {
    let warned_at = |every: u32| {
        let mut engine = Engine::new(Config {
            warn_within_seconds: 3600.0,
            ..Config::default()
        });
        let mut out = Vec::new();
        (0..100).find(|number| {
            let usage = u64::from(*number) * 10 * MIB;
            let mut sample = sample(usage, 0, vec![limit(Relation::Own, "/own", 700 * MIB, usage)]);
            engine.sample(at(f64::from(number * every)), &mut sample, &mut out);
            !out.is_empty()
        })
    };
    assert!(warned_at(1).is_some_and(|number| number > 30));
    assert_eq!(warned_at(10), warned_at(1));
}

#[test]
fn what_nears_its_limit_is_sampled_though_nothing_tells_that_it_moves() {
    let wants_samples = |max: u64| {
        let mut engine = Engine::new(Config::default());
        feed(&mut engine, 60, |second| {
            let usage = 10 * second * MIB;
            sample(usage, 0, vec![limit(Relation::Own, "/own", max, usage)])
        });
        engine.wants_samples("/system.slice/leak.service")
    };
    // Warned of is half an hour, and looked at more closely are two hours.
    assert!(wants_samples(60 * 1024 * MIB));
    assert!(!wants_samples(80 * 1024 * MIB));
}

/// A warning of the first second: what was left, for how long it had grown, and what was held.
fn warned(left: f64, lasted: f64, held: f64) -> Option<Box<Told>> {
    Some(Box::new(Told {
        left,
        at: at(0.0),
        lasted,
        held,
        quiet_since: None,
    }))
}

/// A cgroup's own limit in so many seconds.
fn within(seconds: f64, low_seconds: f64, high_seconds: Option<f64>) -> Forecast {
    Forecast {
        seconds,
        low_seconds,
        high_seconds,
        confidence: 0.8,
        limit: LimitRef {
            cgroup: "/own".to_owned(),
            unit: None,
            file: "memory.max".to_owned(),
            bytes: Bytes(MIB),
        },
    }
}

#[test]
fn a_warning_is_cleared_where_growth_has_slowed_to_a_crawl() {
    let is_cleared = |seconds: f64| {
        let mut history = History {
            told: warned(100.0, 90.0, 0.0),
            ..History::default()
        };
        let forecast = within(seconds, seconds, None);
        (0..60).any(|second| {
            let ts = at(f64::from(second));
            let case = warning::Case {
                class: Class::Leak,
                forecast: Some(&forecast),
                growth: None,
                ends_below: false,
                within: 1800.0,
            };
            let state = warning::change(ts, &mut history, &case);
            state == Some(ForecastState::Cleared)
        })
    };
    // What would raise it is no further off than growth has lasted, and a third: 120 s.
    assert!(!is_cleared(230.0));
    assert!(is_cleared(450.0));
}

#[test]
fn the_ancestor_that_is_full_first_binds() {
    let mut engine = Engine::new(Config::default());
    let (last, _) = feed(&mut engine, 60, |second| {
        let limits = vec![
            limit(Relation::Own, "/system.slice/leak.service", 1024 * MIB, second * MIB),
            limit(Relation::Ancestor, "/system.slice", 200 * MIB, (100 + second) * MIB),
        ];
        sample(second * MIB, 0, limits)
    });
    let forecast = last.forecast.unwrap();
    assert_eq!(forecast.limit.cgroup, "/system.slice");
    assert!((forecast.seconds - 41.0).abs() < 5.0, "{forecast:?}");
}

/// Warnings of two units below a slice of 1 GiB, of what each holds at a second, in MiB.
fn below_a_slice(seconds: u32, one: impl Fn(f64) -> f64, other: impl Fn(f64) -> f64) -> [Vec<u32>; 2] {
    let mut engine = Engine::new(Config::default());
    let mut raised = [Vec::new(), Vec::new()];
    for second in 0..seconds {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size of some MiB"
        )]
        let held = [one(f64::from(second)), other(f64::from(second))].map(|size| (size * Bytes(MIB).as_f64()) as u64);
        let all = held[0] + held[1];
        for (place, (held, raised)) in held.into_iter().zip(&mut raised).enumerate() {
            let mut sample = sample(held, 0, vec![limit(Relation::Ancestor, "/a.slice", 1024 * MIB, all)]);
            sample.subject.cgroup.path = Some(format!("/a.slice/{place}.service"));
            let mut out = Vec::new();
            engine.sample(at(f64::from(second)), &mut sample, &mut out);
            raised.extend(out.iter().filter_map(|event| match event {
                Event::Forecast(change) if change.state == ForecastState::Raised => Some(second),
                _ => None,
            }));
        }
    }
    raised
}

#[test]
fn who_has_a_small_part_in_what_fills_a_slice_is_not_blamed_for_it() {
    let innocent = |second: f64| 50.0 + second / 10.0;
    let [of_innocent, of_leak] = below_a_slice(500, innocent, |second| 20.0 + second);
    assert_eq!(of_innocent, Vec::<u32>::new());
    assert_eq!(of_leak.len(), 1);
}

#[test]
fn what_is_left_in_a_slice_is_what_is_left_to_a_unit_that_has_a_part_in_it() {
    // It gives back 30 MiB, and is 30 above its record at 600 s. Up to the slice's limit it would grow by 12, the slice by 80.
    let tide = |second: f64| if second < 300.0 { 60.0 } else { 30.0 } + (second - 300.0).max(0.0) / 5.0;
    let [raised, _] = below_a_slice(655, tide, |second| 130.0 + 1.2 * second);
    assert!(matches!(raised[..], [at] if at >= 600), "{raised:?}");
}

#[test]
fn all_of_eight_that_fill_a_slice_alike_have_a_part_in_it() {
    let raised = below_a_slice(900, |second| 10.0 + second / 8.0, |second| 10.0 + second * 7.0 / 8.0);
    assert!(raised.iter().all(|raised| raised.len() == 1), "{raised:?}");
}

#[test]
fn what_a_neighbour_takes_at_once_is_not_taken_to_go_on_for_as_long_as_the_own_growth_has() {
    // At the burst's pace what is left would be gone within two minutes; it lasts for three quarters of one.
    let burst = |second: f64| 290.0 + 3.0 * (second - 250.0).clamp(0.0, 45.0);
    let [raised, _] = below_a_slice(400, |second| 50.0 + second / 2.0, burst);
    assert_eq!(raised, Vec::<u32>::new());
}

#[test]
fn the_first_moments_of_growth_that_comes_back_do_not_say_when_it_ends() {
    let mut history = History {
        calmed: warned(300.0, 3000.0, 100.0),
        ..History::default()
    };
    let mut raised_after = |lasted: f64| {
        history.growth.push(at(lasted), 110.0 + lasted);
        let forecast = within(18.0, 10.0, Some(30.0));
        let case = warning::Case {
            class: Class::Leak,
            forecast: Some(&forecast),
            growth: Some(forecast::Growth {
                slowing: 0.0,
                left: 1e6,
                lasted,
            }),
            ends_below: false,
            within: 1800.0,
        };
        warning::change(at(lasted), &mut history, &case).is_some()
    };
    assert!(!raised_after(7.0));
    assert!(raised_after(40.0));
}

#[test]
fn a_restart_begins_a_new_life() {
    let mut engine = Engine::new(Config::default());
    let _ = feed(&mut engine, 60, |second| sample(second * MIB, 0, Vec::new()));
    let mut reborn = sample(MIB, 0, Vec::new());
    reborn.subject.invocation_id = Some("0".repeat(32));
    engine.sample(at(61.0), &mut reborn, &mut Vec::new());
    assert_eq!(reborn.trend, None);
}

/// A run's worth of samples: what of the seconds' warnings, by state, and the runs that ended came out.
fn run(
    engine: &mut Engine,
    invocation: &str,
    begin: u64,
    seconds: u64,
    anon: impl Fn(u64) -> u64,
) -> (Vec<(u64, ForecastState)>, Vec<Run>) {
    let (mut warnings, mut runs) = (Vec::new(), Vec::new());
    for second in 0..seconds {
        let anon = anon(second);
        let mut sample = sample(
            anon,
            0,
            vec![limit(Relation::Own, "/system.slice/leak.service", 100 << 20, anon)],
        );
        sample.subject.invocation_id = Some(invocation.to_owned());
        let mut out = Vec::new();
        engine.sample(at((begin + second) as f64), &mut sample, &mut out);
        for event in out {
            match event {
                Event::Forecast(change) => warnings.push((second, change.state)),
                Event::Run(run) => runs.push(run),
                _ => {}
            }
        }
    }
    (warnings, runs)
}

/// A cache that fills on a straight line to 60 MiB of 100.
fn filling(second: u64) -> u64 {
    (5 << 20) + (512 << 10) * second.min(110)
}

#[test]
fn a_cache_that_fills_again_is_not_warned_of_again() {
    let mut engine = Engine::new(Config::default());
    let (warnings, runs) = run(&mut engine, "1", 0, 400, filling);
    let states: Vec<_> = warnings.iter().map(|(_, state)| *state).collect();
    assert_eq!(states, [ForecastState::Raised, ForecastState::Cleared]);
    assert!(runs.is_empty());
    let (warnings, runs) = run(&mut engine, "2", 500, 400, filling);
    assert_eq!(warnings, []);
    assert_eq!(runs.len(), 1);
    let told = runs.first().unwrap();
    assert_eq!(
        (told.run.end, told.subject.invocation_id.as_deref()),
        (RunEnd::Stopped, Some("1"))
    );
    // Another oomtrace is told of it, and knows as much.
    let mut other = Engine::new(Config::default());
    other.know(told);
    assert_eq!(run(&mut other, "2", 500, 400, filling).0, []);
}

#[test]
fn a_leak_that_is_restarted_in_time_is_warned_of_again() {
    let mut engine = Engine::new(Config::default());
    let leak = |second: u64| (5 << 20) + (512 << 10) * second;
    for (number, begin) in [(1, 0), (2, 1000), (3, 2000)] {
        let (warnings, _) = run(&mut engine, &number.to_string(), begin, 140, leak);
        let raised = warnings.iter().filter(|(_, state)| *state == ForecastState::Raised);
        assert_eq!(raised.count(), 1, "run {number}");
    }
}

#[test]
fn a_leak_that_killed_before_is_warned_of_earlier() {
    let mut engine = Engine::new(Config::default());
    let leak = |second: u64| (5 << 20) + (512 << 10) * second;
    let (first, _) = run(&mut engine, "1", 0, 185, leak);
    engine.killed(&killed("/system.slice/leak.service", Some(95 << 20)));
    let (second, runs) = run(&mut engine, "2", 200, 185, leak);
    assert_eq!(runs.first().map(|run| run.run.end), Some(RunEnd::Killed));
    let raised = |warnings: &[(u64, ForecastState)]| {
        let raised = warnings.iter().find(|(_, state)| *state == ForecastState::Raised);
        raised.map(|(second, _)| *second).unwrap()
    };
    assert!(raised(&second) * 2 < raised(&first), "{second:?} {first:?}");
}

#[test]
fn a_run_that_goes_on_where_the_others_stopped_is_warned_of() {
    let mut engine = Engine::new(Config::default());
    run(&mut engine, "1", 0, 400, filling);
    // At 110 s the first one had come to its end, and at 190 s this one is killed.
    let leak = |second: u64| (5 << 20) + (512 << 10) * second;
    let (warnings, _) = run(&mut engine, "2", 500, 130, leak);
    assert_eq!(warnings.first().map(|(_, state)| *state), Some(ForecastState::Raised));
}

#[test]
fn a_lower_limit_leaves_no_room_to_settle_in() {
    let mut engine = Engine::new(Config::default());
    run(&mut engine, "1", 0, 400, filling);
    let mut warned = false;
    for second in 0..100 {
        let anon = filling(second);
        let mut sample = sample(
            anon,
            0,
            vec![limit(Relation::Own, "/system.slice/leak.service", 60 << 20, anon)],
        );
        sample.subject.invocation_id = Some("2".to_owned());
        let mut out = Vec::new();
        engine.sample(at((500 + second) as f64), &mut sample, &mut out);
        warned |= out
            .iter()
            .any(|event| matches!(event, Event::Forecast(change) if change.state == ForecastState::Raised));
    }
    assert!(warned);
}

fn facts(owner: Option<&str>, chosen: u32) -> KillFacts {
    KillFacts {
        holders: Vec::new(),
        held: Vec::new(),
        subject: subject("/system.slice/leak.service"),
        shared_mm: false,
        user: None,
        oom: Some(OomFacts {
            constraint: if owner.is_some() {
                Constraint::Memcg
            } else {
                Constraint::Host
            },
            order: Some(0),
            gfp: Some("GFP_KERNEL".to_owned()),
            owner: owner.map(|path| OwnerFacts {
                path: Some(path.to_owned()),
                unit: path.rsplit('/').next().map(str::to_owned),
                limit: Some(Bytes(64 * MIB)),
                usage: Some(Bytes(64 * MIB)),
                swap_usage: None,
                swap_max: None,
            }),
            lowering: None,
            chosen: Some(Tgid(chosen)),
        }),
        victim: Victim::new(Tgid(7), "leak".to_owned()),
        tasks: Vec::new(),
        trigger: None,
        evidence: Vec::new(),
        concluded_limit: None,
        in_memcg: None,
        shortage: None,
        ledger: None,
        outside: None,
        unfreed: None,
    }
}

#[test]
fn verdicts_name_the_owner_and_how_it_stands_to_the_victim() {
    let engine = Engine::new(Config::default());
    let kill = |facts| engine.kill(at(0.0), facts);
    let relation = |kill: &Kill| kill.limit.as_ref().and_then(|limit| limit.relation);
    let own = kill(facts(Some("/system.slice/leak.service"), 7));
    assert_eq!((own.origin, relation(&own)), (Origin::MemcgLimit, Some(Relation::Own)));
    let above = kill(facts(Some("/system.slice"), 7));
    assert_eq!(
        (above.origin, relation(&above)),
        (Origin::MemcgLimit, Some(Relation::Ancestor))
    );
    // A name that only begins alike is no ancestor.
    assert_eq!(relation(&kill(facts(Some("/system.slice/leak"), 7))), None);
    assert_eq!(kill(facts(None, 7)).origin, Origin::Host);
    let group = kill(facts(Some("/system.slice/leak.service"), 6));
    assert_eq!((group.origin, group.leader_pid), (Origin::OomGroup, Some(Tgid(6))));
    let unseen = kill(KillFacts {
        shared_mm: false,
        user: None,
        oom: None,
        ..facts(None, 7)
    });
    assert_eq!(
        (unseen.origin, unseen.confidence),
        (Origin::Unknown, crate::event::Confidence::Inferred)
    );
}

#[test]
fn the_samples_before_go_out_with_the_kill() {
    let mut engine = Engine::new(Config::default());
    let _ = feed(&mut engine, 30, |second| {
        let own = limit(Relation::Own, "/system.slice/leak.service", 512 * MIB, second * MIB);
        sample(second * MIB, 0, vec![own])
    });
    let mut below = facts(Some("/system.slice/leak.service"), 7);
    below.subject.cgroup.path = Some("/system.slice/leak.service/worker".to_owned());
    let before = engine.kill(at(30.0), below).before.unwrap();
    assert_eq!(before.samples.len(), 12);
    assert_eq!(before.samples.last().unwrap().memory.current, Some(Bytes(29 * MIB)));
}

#[test]
fn what_was_sampled_after_a_kill_that_is_told_late_is_not_from_before_it() {
    let limits = || {
        vec![
            limit(Relation::Own, "/system.slice/leak.service", 512 * MIB, MIB),
            limit(Relation::Ancestor, "/system.slice", 512 * MIB, MIB),
        ]
    };
    let mut engine = Engine::new(Config::default());
    for second in 0..30_u32 {
        engine.above(BeforeSample {
            ts: at(f64::from(second)),
            cgroup: Some("/system.slice".to_owned()),
            unit: None,
            memory: Memory::default(),
        });
    }
    let _ = feed(&mut engine, 30, |second| sample(second * MIB, 0, limits()));
    let kill = engine.kill(at(26.5), facts(Some("/system.slice/leak.service"), 7));
    let samples = &kill.before.as_ref().unwrap().samples;
    for path in ["/system.slice/leak.service", "/system.slice"] {
        let mut of_one = samples.iter().filter(|sample| sample.cgroup.as_deref() == Some(path));
        assert_eq!(of_one.next_back().unwrap().ts, at(26.0), "{path}");
    }
    let mut recalled = kill.clone();
    engine.recall(at(26.5), &mut recalled);
    assert_eq!(recalled, kill);
}

#[test]
fn a_kill_that_is_told_late_has_the_trend_and_the_forecast_of_its_time() {
    let path = "/system.slice/leak.service";
    let run = |engine: &mut Engine, seconds: std::ops::Range<u32>, run: &str, held: &dyn Fn(u32) -> u64| {
        for second in seconds {
            let used = held(second) * MIB;
            let mut told = sample(used, 0, vec![limit(Relation::Own, path, 512 * MIB, used)]);
            told.subject.invocation_id = Some(run.repeat(32));
            engine.sample(at(f64::from(second)), &mut told, &mut Vec::new());
        }
    };
    let mut engine = Engine::new(Config::default());
    run(&mut engine, 0..61, "a", &|second| u64::from(second) * 4);
    let at_once = engine.kill(at(60.5), facts(Some(path), 7));
    let known = at_once.before.clone().unwrap();
    assert_eq!(known.trend.unwrap().class, Class::Leak);
    assert_eq!(known.forecast_age_seconds, Some(0.5));
    // It loses its memory, and lives on.
    run(&mut engine, 61..66, "a", &|_| 8);
    // The samples after it have pushed some out that were before it.
    let is_as_then = |kill: &Kill| {
        let mut then = at_once.clone();
        let before = kill.before.as_ref().unwrap();
        let samples = &mut then.before.as_mut().unwrap().samples;
        samples.drain(..samples.len() - before.samples.len());
        assert_eq!(*kill, then);
    };
    is_as_then(&engine.kill(at(60.5), facts(Some(path), 7)));
    // It is started again.
    run(&mut engine, 66..70, "b", &|_| 8);
    let late = engine.kill(at(60.5), facts(Some(path), 7));
    is_as_then(&late);
    let mut recalled = late.clone();
    engine.recall(at(60.5), &mut recalled);
    assert_eq!(recalled, late);
    // A kill of the new run is of that.
    let of_next = engine.kill(at(69.5), facts(Some(path), 7)).before.unwrap();
    assert_eq!(of_next.samples.first().unwrap().ts, at(66.0));
    assert_eq!(of_next.forecast, None);
    // And what is longer ago than any kill waits is forgotten.
    run(&mut engine, 140..141, "b", &|_| 8);
    assert!(engine.cgroups.get(path).unwrap().late.is_none());
}

#[test]
fn advice_rests_on_the_limit_that_was_met_and_on_what_filled_it() {
    let grown = |second: u64| {
        let mut told = sample(
            second * MIB,
            0,
            vec![limit(Relation::Own, "/system.slice/leak.service", 64 * MIB, 0)],
        );
        told.memory.shmem = Some(Bytes(second * MIB * 3 / 4));
        told
    };
    let mut engine = Engine::new(Config::default());
    let _ = feed(&mut engine, 60, grown);
    let mut swapping = facts(Some("/system.slice/leak.service"), 7);
    if let Some(owner) = swapping.oom.as_mut().and_then(|oom| oom.owner.as_mut()) {
        owner.swap_usage = Some(Bytes(32 * MIB));
        owner.swap_max = Some(Bytes(32 * MIB));
    }
    let told = engine.kill(at(60.0), swapping).advice.join("\n");
    assert!(told.contains("Swap was full too: 32.0M"), "{told}");
    assert!(told.contains("which a kill does not free"), "{told}");
    // A cpuset's nodes are no MemoryMax=: more of that would buy nothing.
    let mut engine = Engine::new(Config::default());
    let _ = feed(&mut engine, 60, |second| {
        sample(second * MIB, 0, vec![limit(Relation::Host, "/", 512 * MIB, 0)])
    });
    let mut confined = facts(None, 7);
    confined.oom = confined.oom.map(|oom| OomFacts {
        constraint: Constraint::Cpuset,
        ..oom
    });
    confined.outside = Some(KillLimit {
        cgroup: Some("/system.slice/leak.service".to_owned()),
        unit: None,
        relation: None,
        file: "cpuset.mems".to_owned(),
        bytes: Some(Bytes(512 * MIB)),
        usage: None,
        swap_usage: None,
        swap_max: None,
    });
    let kill = engine.kill(at(60.0), confined);
    assert_eq!(kill.origin, Origin::Cpuset);
    assert_eq!(kill.limit.and_then(|limit| limit.relation), Some(Relation::Own));
    assert!(!kill.advice.join("\n").contains("MemoryMax="), "{:?}", kill.advice);
}

fn holder(unit: &str, mib: u64) -> Holder {
    Holder {
        unit: unit.to_owned(),
        cgroup: format!("/system.slice/{unit}"),
        current: Bytes(mib * MIB),
    }
}

#[test]
fn whoever_held_most_of_a_shared_limit_is_named_with_its_share() {
    let engine = Engine::new(Config::default());
    let told = |holders: Vec<Holder>, owner: Option<&str>| {
        let mut shared = facts(owner, 7);
        shared.holders = holders;
        engine.kill(at(0.0), shared).advice
    };
    let above = Some("/system.slice");
    let other = told(vec![holder("backup.service", 40), holder("leak.service", 16)], above);
    assert_eq!(
        other,
        ["backup.service held 62% of system.slice's 64.0M, leak.service 25%: look at backup.service first."]
    );
    let itself = told(vec![holder("leak.service", 60)], above);
    assert!(
        itself[0].starts_with("leak.service held 94% of system.slice's 64.0M: set MemoryMax= on it"),
        "{itself:?}"
    );
    let many = told(vec![holder("leak.service", 8), holder("b.service", 7)], above);
    assert!(many[0].ends_with("no single unit used most of it."), "{many:?}");
    assert!(told(vec![holder("leak.service", 60)], Some("/system.slice/leak.service")).is_empty());
}

#[test]
fn a_lowered_limit_is_told_with_what_was_used() {
    let mut engine = Engine::new(Config::default());
    let _ = feed(&mut engine, 10, |_| sample(100 * MIB, 0, Vec::new()));
    let mut lowered = facts(Some("/system.slice/leak.service"), 7);
    lowered.oom = lowered.oom.map(|oom| OomFacts {
        lowering: Some(true),
        ..oom
    });
    let kill = engine.kill(at(10.0), lowered);
    assert_eq!(kill.origin, Origin::LimitLowered);
    assert_eq!(
        kill.advice[0],
        "MemoryMax= was set to 64.0M while 100.0M was in use: the kernel kills until usage fits."
    );
    assert!(kill.advice.len() <= 3 && !kill.advice.iter().any(|told| told.contains("Doubling")));
}

#[test]
fn what_an_ancestor_held_goes_out_with_the_kill_and_comes_back_from_it() {
    let limits = || {
        vec![
            limit(Relation::Ancestor, "/system.slice", 512 * MIB, 99 * MIB),
            limit(Relation::Host, "/", 1024 * MIB, 0),
        ]
    };
    let above = |second: u64| BeforeSample {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        ts: at(second as f64),
        cgroup: Some("/system.slice".to_owned()),
        unit: Some("system.slice".to_owned()),
        memory: Memory {
            anon: Some(Bytes(77 * MIB)),
            ..Memory::default()
        },
    };
    let (mut live, mut replayed) = (Engine::new(Config::default()), Engine::new(Config::default()));
    for second in 0..30 {
        live.above(above(second));
    }
    let _ = feed(&mut live, 30, |second| sample(second * MIB, 0, limits()));
    let _ = feed(&mut replayed, 30, |second| sample(second * MIB, 0, limits()));
    let kill = live.kill(at(30.0), facts(Some("/system.slice"), 7));
    let samples = &kill.before.as_ref().unwrap().samples;
    let of_slice = samples
        .iter()
        .filter(|sample| sample.unit.as_deref() == Some("system.slice"));
    assert_eq!(of_slice.count(), 12);
    assert_eq!(samples.last().unwrap().memory.anon, Some(Bytes(77 * MIB)));
    let mut recalled = kill.clone();
    replayed.recall(at(30.0), &mut recalled);
    assert_eq!(recalled, kill);
    // An engine that knows nothing leaves what was recorded.
    Engine::new(Config::default()).recall(at(30.0), &mut recalled);
    assert_eq!(recalled, kill);
}

#[test]
fn an_owner_that_was_sampled_once_is_told_by_what_was_seen_of_it_last() {
    let slice = |second: u64| Sample {
        subject: Subject {
            unit: Some("system.slice".to_owned()),
            cgroup: CgroupRef {
                id: None,
                path: Some("/system.slice".to_owned()),
            },
            ..Subject::default()
        },
        memory: Memory {
            current: Some(Bytes(second * MIB)),
            ..Memory::default()
        },
        ..Sample::default()
    };
    let child = |second: u64| {
        let above = limit(Relation::Ancestor, "/system.slice", 512 * MIB, second * MIB);
        sample(second * MIB, 0, vec![above])
    };
    let (mut live, mut replayed) = (Engine::new(Config::default()), Engine::new(Config::default()));
    live.sample(at(0.0), &mut slice(1), &mut Vec::new());
    replayed.sample(at(0.0), &mut slice(1), &mut Vec::new());
    for second in 1_u32..300 {
        let held = u64::from(second);
        live.above(BeforeSample {
            ts: at(f64::from(second)),
            cgroup: Some("/system.slice".to_owned()),
            unit: Some("system.slice".to_owned()),
            memory: slice(held).memory,
        });
        live.sample(at(f64::from(second)), &mut child(held), &mut Vec::new());
        replayed.sample(at(f64::from(second)), &mut child(held), &mut Vec::new());
    }
    let kill = live.kill(at(300.0), facts(Some("/system.slice"), 7));
    let samples = &kill.before.as_ref().unwrap().samples;
    let of_slice: Vec<_> = samples
        .iter()
        .filter(|sample| sample.unit.as_deref() == Some("system.slice"))
        .map(|sample| sample.memory.current.unwrap().0 / MIB)
        .collect();
    assert_eq!(of_slice, (288..300).collect::<Vec<_>>());
    let mut recalled = kill.clone();
    replayed.recall(at(300.0), &mut recalled);
    assert_eq!(recalled, kill);
}

#[test]
fn room_in_swap_counts_and_what_is_in_swap_has_not_gone() {
    let path = "/system.slice/leak.service";
    let held = |second: u64| {
        // It grows to its limit, and from there into swap.
        let memory = (second * MIB).min(100 * MIB);
        let swap = second * MIB - memory;
        let mut told = sample(memory, 0, vec![limit(Relation::Own, path, 100 * MIB, memory)]);
        told.memory.swap_current = Some(Bytes(swap));
        told.memory.swap_max = Some(Bytes(64 * MIB));
        told
    };
    for (second, left) in [(80, 84.0), (140, 24.0)] {
        let (last, _) = feed(&mut Engine::new(Config::default()), second + 1, held);
        let forecast = last.forecast.unwrap();
        assert!((forecast.seconds - left).abs() < left * 0.1, "{second}: {forecast:?}");
    }
    // The host has less free than the cgroup may have.
    let (last, _) = feed(&mut Engine::new(Config::default()), 81, |second| {
        let mut told = held(second);
        told.limits[0].swap_room = Some(Bytes(10 * MIB));
        told
    });
    assert!((last.forecast.unwrap().seconds - 30.0).abs() < 3.0);
}

#[test]
fn memory_high_is_told_beside_the_limit_that_kills() {
    let path = "/system.slice/leak.service";
    let (last, _) = feed(&mut Engine::new(Config::default()), 61, |second| {
        let mut high = limit(Relation::Own, path, 100 * MIB, second * MIB);
        high.file = "memory.high".to_owned();
        let max = limit(Relation::Own, path, 200 * MIB, second * MIB);
        sample(second * MIB, 0, vec![high, max])
    });
    let (slowed, stopped) = (last.slowed.unwrap(), last.forecast.unwrap());
    assert_eq!(
        (slowed.limit.file.as_str(), stopped.limit.file.as_str()),
        ("memory.high", "memory.max")
    );
    assert!((slowed.seconds - 40.0).abs() < 4.0 && (stopped.seconds - 140.0).abs() < 14.0);
}

fn size(engine: &Engine, path: &str) -> usize {
    size_of::<History>() + size_of::<String>() + path.len() + engine.cgroups.get(path).unwrap().heap()
}

/// Samples until every level has a slot, and with it all the room that it will ever take.
const EVERY_LEVEL: u64 = 4_u64.pow(7) + 1;

#[test]
fn a_cgroup_takes_4_kib_6_with_a_limit_and_64_where_one_is_in_sight() {
    let path = "/system.slice/leak.service";
    let mut engine = Engine::new(Config::default());
    let noise = |second: u64| 100 * MIB + second.wrapping_mul(2_654_435_761) % 997 * 1000;
    let named = |mut told: Sample| {
        told.subject.invocation_id = Some("0".repeat(32));
        told
    };
    let full = |second: u64| {
        let mut told = named(sample(noise(second), 0, Vec::new()));
        // All is known, and as large as it gets on a large machine: the kernel counts slab and what is like it in bytes.
        let known = (0..).zip(told.memory.sizes());
        let sizes: Vec<_> = known
            .map(|(place, size)| size.or(Some(Bytes((20_u64 << 30) + u64::from(place % 4 == 0)))))
            .collect();
        told.memory = Memory::from_sizes(sizes.try_into().unwrap());
        told
    };
    let _ = feed(&mut engine, EVERY_LEVEL, full);
    assert!(size(&engine, path) <= 6144, "{}", size(&engine, path));
    let mut engine = Engine::new(Config::default());
    let _ = feed(&mut engine, EVERY_LEVEL, |second| {
        let mut told = full(second);
        (told.memory.max, told.memory.high) = (None, None);
        told
    });
    assert!(size(&engine, path) <= 4096, "{}", size(&engine, path));
    let mut engine = Engine::new(Config::default());
    let mut grow = |seconds| {
        let (last, _) = feed(&mut engine, seconds, |second| {
            let own = limit(Relation::Own, path, 1 << 40, second * MIB);
            named(sample(second * MIB, 0, vec![own]))
        });
        assert!(last.forecast.is_some());
        size(&engine, path)
    };
    let close = grow(4_u64.pow(4));
    // Half of the levels: the others take as much.
    assert!(close * 2 <= 64 * 1024 && close > 4096, "{close}");
}

#[test]
fn a_cgroup_that_was_seen_once_takes_little() {
    let path = "/system.slice/leak.service";
    let mut engine = Engine::new(Config::default());
    let _ = feed(&mut engine, 1, |_| {
        let mut told = sample(100 * MIB, 0, Vec::new());
        told.subject.invocation_id = Some("0".repeat(32));
        told
    });
    assert!(size(&engine, path) <= 600, "{}", size(&engine, path));
}

#[test]
fn only_so_many_are_looked_at_closely() {
    let mut engine = Engine::new(Config::default());
    for second in 0..8_u32 {
        for place in 0..MAX_CLOSE + 2 {
            let path = format!("/{place}");
            let grown = u64::from(second) * MIB;
            let mut told = sample(grown, 0, vec![limit(Relation::Own, &path, 1 << 30, grown)]);
            told.subject.cgroup.path = Some(path);
            engine.sample(at(f64::from(second)), &mut told, &mut Vec::new());
        }
    }
    assert_eq!(engine.close, MAX_CLOSE);
}

#[test]
fn the_one_not_seen_for_longest_makes_room() {
    let mut engine = Engine::new(Config {
        max_cgroups: 2,
        ..Config::default()
    });
    for (second, path) in ["/a", "/b", "/a", "/c"].into_iter().enumerate() {
        let mut told = sample(MIB, 0, Vec::new());
        told.subject.cgroup.path = Some(path.to_owned());
        #[expect(clippy::cast_precision_loss, reason = "small")]
        engine.sample(at(second as f64), &mut told, &mut Vec::new());
    }
    let known = ["/a", "/b", "/c"].map(|path| engine.last(path).is_some());
    assert_eq!((known, engine.cgroups.len()), ([true, false, true], 2));
}

/// Sizes as they come, and those that no arithmetic likes.
fn any_size() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..1_u64 << 40, Just(0), Just(u64::MAX), Just(1)]
}

/// Seconds to the next sample: gaps, clocks that step back, times that repeat.
fn any_step() -> impl Strategy<Value = f64> {
    prop_oneof![Just(1.0), Just(0.0), Just(0.001), -100.0..10_000.0_f64, Just(6e7)]
}

#[test]
fn who_stood_still_and_is_started_anew_stands_still_no_more() {
    let mut engine = Engine::new(Config::default());
    let stuck = |second: u64, life: &str| {
        let mut told = sample(24 * MIB, 0, Vec::new());
        told.subject.invocation_id = Some(life.to_owned());
        told.memory.high = Some(Bytes(24 * MIB));
        told.pressure = Some(crate::event::Pressure {
            some_avg10: 90.0,
            full_avg10: 90.0,
        });
        told.events = Some(crate::event::MemoryEvents {
            high: second,
            ..crate::event::MemoryEvents::default()
        });
        told
    };
    let (_, mut out) = feed(&mut engine, 20, |second| stuck(second, "1"));
    engine.sample(at(21.0), &mut stuck(0, "2"), &mut out);
    let states: Vec<_> = out
        .iter()
        .filter_map(|event| match event {
            Event::Throttle(throttle) => Some((throttle.state, throttle.subject.invocation_id.as_deref())),
            _ => None,
        })
        .collect();
    use crate::event::ThrottleState::{Cleared, Raised};
    assert_eq!(states, [(Raised, Some("1")), (Cleared, Some("1"))]);
}

fn killed(path: &str, anon: Option<u64>) -> Kill {
    let mut facts = facts(None, 7);
    facts.subject = subject(path);
    facts.victim.anon = anon.map(Bytes);
    Engine::new(Config::default()).kill(at(0.0), facts)
}

#[test]
fn all_of_a_group_are_told_what_was_known_before_it_was_killed() {
    let mut engine = Engine::new(Config::default());
    let own = |used| vec![limit(Relation::Own, "/system.slice/leak.service", 64 * MIB, used)];
    let (last, _) = feed(&mut engine, 63, |second| sample(second * MIB, 0, own(second * MIB)));
    for pid in 0..3 {
        let kill = engine.kill(at(63.0), facts(Some("/system.slice/leak.service"), pid));
        assert_eq!(kill.before.as_ref().unwrap().trend, last.trend);
        engine.killed(&kill);
    }
    let mut next = sample(MIB, 0, own(MIB));
    let mut out = Vec::new();
    engine.sample(at(64.0), &mut next, &mut out);
    assert_eq!(next.trend, None);
    // What it was warned of has come.
    assert!(
        matches!(&out[..], [Event::Run(run), Event::Forecast(change)]
            if run.run.end == RunEnd::Killed && change.state == ForecastState::Cleared),
        "{out:?}"
    );
}

proptest! {
    #[test]
    fn any_sequence_gives_finite_numbers_in_order(
        steps in prop::collection::vec(
            (any_step(), any_size(), any_size(), any_size(), any_size(), prop::option::of(any_size()), 0_u64..6),
            1..200,
        )
    ) {
        let mut engine = Engine::new(Config { max_cgroups: 4, ..Config::default() });
        let mut out = Vec::new();
        let mut now = 0.0;
        for (step, anon, file, usage, bytes, swap, which) in steps {
            now += step;
            let path = format!("/{which}");
            let mut told = sample(0, 0, Vec::new());
            if let Some(room) = swap {
                for (relation, owner) in [(Relation::Own, path.as_str()), (Relation::Ancestor, "/above")] {
                    let mut limit = limit(relation, owner, bytes, usage);
                    limit.swap_room = Some(Bytes(room));
                    limit.reclaimable = Some(Bytes(file));
                    told.limits.push(limit);
                }
            }
            told.memory.current = Some(Bytes(anon));
            told.memory.anon = Some(Bytes(anon));
            told.memory.file = Some(Bytes(file));
            told.memory.shmem = swap.map(Bytes);
            told.memory.kernel = Some(Bytes(bytes));
            told.memory.swap_current = swap.map(Bytes);
            told.subject.cgroup.path = Some(path.clone());
            // Every so often a life ends, and some by a kill.
            told.subject.invocation_id = Some((anon % 7 / 6).to_string());
            if file % 11 == 0 {
                engine.killed(&killed(&path, swap));
            }
            engine.sample(at(now), &mut told, &mut out);
            if let Some(trend) = told.trend {
                prop_assert!(trend.bytes_per_second.is_finite() && trend.window_seconds.is_finite());
                prop_assert!(trend.low <= trend.bytes_per_second && trend.bytes_per_second <= trend.high);
            }
            for forecast in [told.forecast, told.slowed].into_iter().flatten() {
                prop_assert!(forecast.seconds.is_finite() && forecast.seconds >= 0.0);
                prop_assert!(forecast.low_seconds >= 0.0 && forecast.low_seconds <= forecast.seconds);
                prop_assert!(forecast.high_seconds.is_none_or(|high| high.is_finite() && high >= forecast.seconds));
            }
            prop_assert!(size(&engine, &path) <= 64 * 1024);
        }
        prop_assert!(engine.cgroups.len() <= 4 && engine.close <= 4);
    }
}

#[test]
fn page_cache_that_is_still_to_be_written_is_page_cache_and_no_leak() {
    let path = "/system.slice/leak.service";
    // A stream of a recorder that took dirty pages for what reclaim cannot give back.
    let make = |second: u64| {
        let used = (8 + 3 * second) * MIB;
        let mut own = limit(Relation::Own, path, 512 * MIB, used);
        own.reclaimable = Some(Bytes(0));
        let mut told = sample(8 * MIB, 3 * second * MIB, vec![own]);
        told.memory.shmem = Some(Bytes(0));
        told.memory.kernel = Some(Bytes(MIB));
        told
    };
    let (last, out) = feed(&mut Engine::new(Config::default()), 150, make);
    let class = last.trend.map(|trend| trend.class);
    assert_eq!(class, Some(Class::Cache));
    assert_eq!(last.forecast, None);
    assert!(out.is_empty(), "{out:?}");
}

/// A host whose driver takes pages, while its page cache is larger than all that is in use otherwise.
#[test]
fn what_no_counter_has_is_warned_of_by_its_name_though_the_page_cache_is_large() {
    let host = |second: u64| {
        let unaccounted = (200 + 4 * second) * MIB;
        let used = 600 * MIB + unaccounted;
        let mut limit = limit(Relation::Host, "/", 8192 * MIB, used);
        limit.reclaimable = Some(Bytes(0));
        let mut host = sample(600 * MIB, 7000 * MIB, vec![limit]);
        host.subject = Subject {
            unit: None,
            ..subject("/")
        };
        host.memory.current = Some(Bytes(used));
        host.ledger = Some(Box::new(Ledger {
            total: Some(Bytes(8192 * MIB)),
            anon: Some(Bytes(600 * MIB)),
            file: Some(Bytes(4096 * MIB)),
            unaccounted: Some(Bytes(unaccounted)),
            ..Ledger::default()
        }));
        host
    };
    let (_, out) = feed(&mut Engine::new(Config::default()), 1500, host);
    let raised = out.iter().find_map(|event| match event {
        Event::Forecast(change) if change.state == ForecastState::Raised => Some(change),
        _ => None,
    });
    let raised = raised.unwrap();
    let part = raised.part.as_ref().unwrap();
    assert_eq!((part.part.as_str(), part.share), ("unaccounted", 1.0));
    assert!(
        (part.bytes_per_second / (4.0 * (MIB as f64)) - 1.0).abs() < 0.1,
        "{part:?}"
    );
    assert_eq!(raised.subject.cgroup.path.as_deref(), Some("/"));
    let forecast = raised.forecast.as_ref().unwrap();
    assert_eq!(forecast.limit.file, "memory.max");
    // Without growth nothing is said.
    let (_, out) = feed(&mut Engine::new(Config::default()), 1500, |_| host(0));
    assert!(out.is_empty(), "{out:?}");
}
