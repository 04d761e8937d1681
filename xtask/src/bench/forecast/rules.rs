//! What others do, from their published rules: none of it is their code.
//!
//! Each rule sees a trace at its own pace (a scrape, a poll) and says what it would have said. A rule that names no time
//! says none here; an alarm lasts as long as its condition holds.

use super::score::{Left, Told};
use super::trace::{Sample, Trace};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// A rule's name, and the rule.
pub(super) type Rule = (&'static str, fn(&Trace) -> Told);

pub(super) const RULES: [Rule; 6] = [
    ("predict_linear, 5 min, 20 min ahead", |trace| {
        predict_linear(trace, 5.0 * MINUTE, 20.0 * MINUTE, 0.0)
    }),
    ("predict_linear, 1 h, 4 h ahead", |trace| {
        predict_linear(trace, HOUR, 4.0 * HOUR, 0.0)
    }),
    ("predict_linear, the same above 70 %", |trace| {
        predict_linear(trace, HOUR, 4.0 * HOUR, 0.7)
    }),
    ("Coroot, growth of 10 % an hour", coroot),
    ("linnix, R² of 0.8 in 15 min", linnix),
    ("kerno, above 85 %", kerno),
];

/// A line by least squares.
struct Fit {
    slope: f64,
    /// Its value at a time.
    at: f64,
    value: f64,
    r_squared: f64,
}

impl Fit {
    fn through(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        let (x, y) = (
            points.iter().map(|(x, _)| x).sum::<f64>() / count,
            points.iter().map(|(_, y)| y).sum::<f64>() / count,
        );
        let sum = |of: fn(f64, f64) -> f64| points.iter().map(|(px, py)| of(px - x, py - y)).sum::<f64>();
        let (xx, xy, yy) = (sum(|x, _| x * x), sum(|x, y| x * y), sum(|_, y| y * y));
        (xx > 0.0).then(|| Self {
            slope: xy / xx,
            at: x,
            value: y,
            r_squared: if yy > 0.0 { xy * xy / (xx * yy) } else { 0.0 },
        })
    }

    fn at(&self, time: f64) -> f64 {
        self.value + self.slope * (time - self.at)
    }
}

/// The samples that a rule which looks every so many seconds sees.
fn every(trace: &Trace, seconds: f64) -> Vec<Sample> {
    let mut seen: Vec<Sample> = Vec::new();
    for sample in &trace.samples {
        // A poller is late, never early; half a sample is no delay.
        if seen.last().is_none_or(|last| sample.at >= last.at + seconds - 0.5) {
            seen.push(*sample);
        }
    }
    seen
}

/// What was seen in the window that ends with the last sample.
fn window(seen: &[Sample], seconds: f64, value: fn(&Sample) -> f64) -> Vec<(f64, f64)> {
    let end = seen.last().map_or(0.0, |last| last.at);
    let inside = seen.iter().filter(|sample| sample.at >= end - seconds);
    inside.map(|sample| (sample.at, value(sample))).collect()
}

/// What a rule says at each of its looks, from all that it saw until then: the time left, and whether it alarms.
fn look(trace: &Trace, seconds: f64, rule: impl Fn(&[Sample], &Sample) -> (Option<f64>, bool)) -> Told {
    let mut told = Told::default();
    let seen = every(trace, seconds);
    for (place, now) in seen.iter().enumerate() {
        let (left, alarm) = rule(seen.get(..=place).unwrap_or_default(), now);
        told.say(
            now.at,
            left.map(|seconds| Left {
                seconds,
                interval: None,
            }),
            None,
        );
        told.alarm(now.at, alarm);
    }
    told
}

/// Prometheus: `predict_linear(container_memory_working_set_bytes[window], ahead) > limit`, a scrape every 15 s. The
/// working set (usage less inactive page cache) is not in a trace; usage less all page cache is kinder to the rule. Where
/// it woke too many, people add that so much of the limit must be in use (sapcc/helm-charts, pull request 808).
fn predict_linear(trace: &Trace, span: f64, ahead: f64, used: f64) -> Told {
    look(trace, 15.0, |seen, now| {
        let points = window(seen, span, |sample| sample.fixed);
        let Some(fit) = Fit::through(&points) else {
            return (None, false);
        };
        let left = (now.limit - fit.at(now.at)) / fit.slope;
        (
            Some(left.max(0.0)).filter(|left| fit.slope > 0.0 && left.is_finite()),
            fit.at(now.at + ahead) > now.limit && now.fixed > now.limit * used,
        )
    })
}

/// Coroot's check for leaks (coroot/coroot, `MemoryGrowthPct` in auditor/memory.go): resident size of an hour; the
/// longest stretch without a drop by more than half; a line through it, whose last quarter (15 min at least) must still
/// have three tenths of its slope; by that line it must have grown by 5 % of the limit in the hour, and by 10 % of itself.
fn coroot(trace: &Trace) -> Told {
    look(trace, 15.0, |seen, now| (None, coroot_grows(seen, now).is_some()))
}

fn coroot_grows(seen: &[Sample], now: &Sample) -> Option<()> {
    let points = window(seen, HOUR, |sample| sample.anon);
    // Of the hour, 80 % must have been measured.
    let spacing = seen.get(1)?.at - seen.first()?.at;
    let measured = points.len() as f64 * spacing.max(15.0) / HOUR;
    let cuts = points.windows(2).enumerate().filter_map(|(place, pair)| match pair {
        [(_, before), (_, after)] if *after < before * 0.5 => Some(place + 1),
        _ => None,
    });
    let ends: Vec<usize> = std::iter::once(0).chain(cuts).chain([points.len()]).collect();
    let longest = ends
        .windows(2)
        .filter_map(|pair| points.get(*pair.first()?..*pair.last()?))
        .max_by_key(|part| part.len())?;
    if measured < 0.8 || longest.len() < 10 || longest.len() < points.len() / 3 {
        return None;
    }
    let fit = Fit::through(longest).filter(|fit| fit.slope > 0.0)?;
    let end = longest.last()?.0;
    let quarter = longest.get(longest.len() - longest.len() / 4)?.0;
    let from = quarter.min(end - 15.0 * MINUTE);
    let tail: Vec<_> = longest.iter().copied().filter(|(x, _)| *x >= from).collect();
    let late = Fit::through(&tail).filter(|late| tail.len() >= 5 && late.slope >= fit.slope * 0.3)?;
    let (start, end) = (fit.at(now.at - HOUR), fit.at(now.at));
    let grown = end - start;
    let share = if start > 0.0 { grown / start } else { grown / end };
    (late.slope > 0.0 && end > 0.0 && grown >= now.limit * 0.05 && share > 0.1).then_some(())
}

/// linnix's trend (linnix-os/linnix, pull request 113): the resident size of a process every 30 s; a line through 15 min
/// of it, from half of that on, with R² of 0.8 and 50 MiB of growth. The cgroup's anonymous memory stands for the process.
fn linnix(trace: &Trace) -> Told {
    look(trace, 30.0, |seen, now| {
        let own: Vec<_> = seen
            .iter()
            .copied()
            .filter(|sample| sample.start == now.start)
            .collect();
        let points = window(&own, 15.0 * MINUTE, |sample| sample.anon);
        let span = now.at - points.first().map_or(now.at, |(first, _)| *first);
        let enough = points.len() >= 15 || span >= 7.5 * MINUTE;
        let alarm = Fit::through(&points).is_some_and(|fit| {
            enough && fit.slope > 0.0 && fit.r_squared >= 0.8 && fit.slope * span >= 50.0 * 1024.0 * 1024.0
        });
        (None, alarm)
    })
}

/// kerno's rules (optiqor/kerno, issue 21): usage every 5 s; a warning above 85 % of the limit, with
/// (limit − usage) / (growth since the last look) as the time left.
fn kerno(trace: &Trace) -> Told {
    look(trace, 5.0, |seen, now| {
        let alarm = now.current > now.limit * 0.85;
        let left = match seen {
            [.., before, last] if alarm && last.current > before.current => {
                Some((last.limit - last.current) * (last.at - before.at) / (last.current - before.current))
            }
            _ => None,
        };
        (left, alarm)
    })
}
