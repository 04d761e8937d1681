//! Services that live for hours under a load that breathes.

use std::f64::consts::TAU;

use super::*;

/// What is told of a life at a sample a second that holds what `size` says, in MiB below a limit of 100, until it meets it:
/// when warnings were raised and cleared, and when it met the limit, in seconds.
struct Lived {
    warnings: Vec<(u32, ForecastState)>,
    end: u32,
}

fn live(seconds: u32, size: impl Fn(f64) -> f64) -> Lived {
    let mut engine = Engine::new(Config::default());
    let mut warnings = Vec::new();
    for second in 0..seconds {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size of some MiB"
        )]
        let usage = (size(f64::from(second)) * Bytes(MIB).as_f64()) as u64;
        if usage >= 100 * MIB {
            return Lived { warnings, end: second };
        }
        let mut sample = sample(usage, 0, vec![limit(Relation::Own, "/own", 100 * MIB, usage)]);
        let mut out = Vec::new();
        engine.sample(at(f64::from(second)), &mut sample, &mut out);
        warnings.extend(out.iter().filter_map(|event| match event {
            Event::Forecast(change) if change.state != ForecastState::Updated => Some((second, change.state)),
            _ => None,
        }));
    }
    Lived { warnings, end: seconds }
}

/// A leak with its load: `mean` MiB a second in the mean, from a tenth of that to 1.9 times it.
fn wave(period: f64, phase: f64, mean: f64) -> impl Fn(f64) -> f64 {
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
