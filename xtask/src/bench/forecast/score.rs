//! What was said of a trace, against what came.

use std::collections::BTreeMap;

use oomtrace_tests::traces::Kind;

use super::trace::{Life, Sample, Trace};

/// Where in the last half of a life the time left is asked for.
const POINTS: u32 = 10;

/// All that a rule said of a trace, in the order of time.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) said: Vec<Said>,
    pub(super) warnings: Vec<Warning>,
}

/// What was said at a time.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) at: f64,
    pub(super) left: Option<Left>,
    pub(super) class: Option<String>,
}

/// The time left, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    pub(super) seconds: f64,
    pub(super) interval: Option<(f64, f64)>,
}

/// When it was raised, and when cleared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Warning {
    pub(super) raised: f64,
    pub(super) cleared: Option<f64>,
}

impl Told {
    pub(super) fn say(&mut self, at: f64, left: Option<Left>, class: Option<String>) {
        self.said.push(Said { at, left, class });
    }

    pub(super) fn raise(&mut self, at: f64) {
        self.clear(at);
        self.warnings.push(Warning {
            raised: at,
            cleared: None,
        });
    }

    pub(super) fn clear(&mut self, at: f64) {
        if let Some(last) = self.warnings.last_mut() {
            last.cleared.get_or_insert(at);
        }
    }

    /// Of a rule that alarms as long as its condition holds.
    pub(super) fn alarm(&mut self, at: f64, holds: bool) {
        let stands = self.warnings.last().is_some_and(|last| last.cleared.is_none());
        match (stands, holds) {
            (false, true) => self.raise(at),
            (true, false) => self.clear(at),
            (true, true) | (false, false) => {}
        }
    }

    /// What was said last before a time.
    fn before(&self, at: f64) -> Option<&Said> {
        self.said
            .get(self.said.partition_point(|said| said.at <= at).checked_sub(1)?)
    }
}

/// How good it was, of one trace or of many.
#[derive(Debug, Clone, Default)]
pub(super) struct Score {
    /// Relative errors of the time left; silence is an error of 1.
    pub(super) errors: Vec<f64>,
    /// Of each interval, its width as a share of the true time left, and whether it held it.
    pub(super) intervals: Vec<(f64, bool)>,
    /// Of each life that was killed, how much of it was over when the warning came that stood until then.
    pub(super) warned: Vec<Option<f64>>,
    /// Of those that were warned of, the most that was held by then, as a share of what was held at the kill.
    pub(super) held: Vec<f64>,
    /// Of each trace that was not killed, how many warnings there were.
    pub(super) alarms: Vec<usize>,
    /// Seconds without danger, and those of them that were warned of.
    pub(super) calm: f64,
    pub(super) alarmed: f64,
    /// What each trace is, what it was said to be in the last halves of its lives, and for which share of them.
    pub(super) classes: BTreeMap<(String, String), f64>,
    pub(super) rightly_classed: Vec<f64>,
}

impl Score {
    pub(super) fn of(trace: &Trace, told: &Told) -> Self {
        let mut score = Self::default();
        match trace.header.kind {
            Kind::Leak => {
                let killed = trace.lives.iter().filter(|life| life.is_killed);
                for life in killed.filter(|life| !life.is_sudden) {
                    score.life(life, trace, told);
                }
            }
            Kind::Calm => {
                let end = trace.samples.last().map_or(0.0, |last| last.at);
                score.alarms.push(told.warnings.len());
                score.calm = end;
                for warning in &told.warnings {
                    score.alarmed += warning.cleared.unwrap_or(end) - warning.raised;
                }
            }
        }
        score.class(trace, told);
        score
    }

    fn life(&mut self, life: &Life, trace: &Trace, told: &Told) {
        let length = life.end - life.start;
        for point in 0..POINTS {
            let at = life.start + length * (0.5 + 0.5 * f64::from(point) / f64::from(POINTS));
            let Some(said) = told.before(at) else {
                self.errors.push(1.0);
                continue;
            };
            // A rule that looks seldom has said it some time ago: the time since is gone.
            let (left, gone) = (life.end - at, at - said.at);
            self.errors.push(
                said.left
                    .map_or(1.0, |said| ((said.seconds - gone).max(0.0) - left).abs() / left),
            );
            if let Some((low, high)) = said.left.and_then(|said| said.interval) {
                let is_held = low - gone <= left && left <= high - gone;
                self.intervals.push(((high - low) / left, is_held));
            }
        }
        let standing = told
            .warnings
            .iter()
            .find(|warning| warning.raised < life.end && warning.cleared.is_none_or(|cleared| cleared >= life.end));
        self.warned
            .push(standing.map(|warning| (warning.raised - life.start).max(0.0) / length));
        let most = |until: f64| {
            let of_life = |sample: &&Sample| life.start <= sample.at && sample.at <= until;
            let held = trace.samples.iter().filter(of_life).map(|sample| sample.current);
            held.fold(0.0, f64::max)
        };
        self.held
            .extend(standing.map(|warning| most(warning.raised) / most(life.end)));
    }

    fn class(&mut self, trace: &Trace, told: &Told) {
        let late = |said: &&Said| {
            trace
                .lives
                .iter()
                .any(|life| (life.start + life.end) / 2.0 <= said.at && said.at <= life.end)
        };
        let classes: Vec<&str> = told
            .said
            .iter()
            .filter(late)
            .filter_map(|said| said.class.as_deref())
            .collect();
        let (Some(truth), false) = (trace.header.class.first(), classes.is_empty()) else {
            return;
        };
        let share = 1.0 / classes.len() as f64;
        let mut right = 0.0;
        for class in classes {
            *self.classes.entry((truth.clone(), class.to_owned())).or_default() += share;
            right += if trace.header.class.iter().any(|truth| truth == class) {
                share
            } else {
                0.0
            };
        }
        self.rightly_classed.push(right);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.errors.extend(&other.errors);
        self.intervals.extend(&other.intervals);
        self.warned.extend(&other.warned);
        self.held.extend(&other.held);
        self.alarms.extend(&other.alarms);
        self.calm += other.calm;
        self.alarmed += other.alarmed;
        for (key, share) in &other.classes {
            *self.classes.entry(key.clone()).or_default() += share;
        }
        self.rightly_classed.extend(&other.rightly_classed);
    }

    pub(super) fn error(&self, share: f64) -> Option<f64> {
        quantile(self.errors.iter().copied(), share)
    }

    /// The share of intervals that held the true time.
    pub(super) fn coverage(&self) -> Option<f64> {
        let held = self.intervals.iter().filter(|(_, is_held)| *is_held).count();
        (!self.intervals.is_empty()).then(|| held as f64 / self.intervals.len() as f64)
    }

    /// The median width, as a share of the true time left.
    pub(super) fn width(&self) -> Option<f64> {
        quantile(self.intervals.iter().map(|(width, _)| *width), 0.5)
    }

    /// How many lives were warned of.
    pub(super) fn warned(&self) -> usize {
        self.warned.iter().flatten().count()
    }

    /// The share of a life that is over at the warning, in the median.
    pub(super) fn warned_at(&self) -> Option<f64> {
        quantile(self.warned.iter().flatten().copied(), 0.5)
    }

    /// What was held at the warning, as a share of what was held at the kill, in the median.
    pub(super) fn held_at(&self) -> Option<f64> {
        quantile(self.held.iter().copied(), 0.5)
    }

    /// How many of the traces without danger were warned of.
    pub(super) fn alarmed_traces(&self) -> usize {
        self.alarms.iter().filter(|alarms| **alarms > 0).count()
    }

    pub(super) fn alarms_per_hour(&self) -> Option<f64> {
        let alarms: usize = self.alarms.iter().sum();
        (self.calm > 0.0).then(|| alarms as f64 * 3600.0 / self.calm)
    }

    pub(super) fn alarmed_share(&self) -> Option<f64> {
        (self.calm > 0.0).then(|| self.alarmed / self.calm)
    }
}

pub(super) fn quantile(values: impl Iterator<Item = f64>, share: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len().checked_sub(1)? as f64).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    sorted.get(place as usize).copied()
}
