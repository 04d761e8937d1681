//! What a unit's earlier runs held at each age: whether this one goes the way of one of them.
//!
//! A cache that fills and a leak look the same until the cache is full. The second time one of them is known: growth that
//! an earlier run had too, at the same age and to the same size, goes on as it did there.

use std::collections::VecDeque;

use super::slot::short;
use crate::event::{Earlier, HeldAt, RunEnd, RunOutline};
use crate::measure::{Bytes, Timestamp, significant};

/// Ages that are told apart: from the first on one for each factor of the square root of two, 48 days in all.
const AGES: usize = 40;
const FIRST: f64 = 4.0;
/// Earlier runs that are kept.
const KEPT: usize = 3;
/// A shorter run is over before anyone could be warned of it.
const SHORTEST: f64 = 30.0;
/// Two runs are alike where they held the same within this, as a logarithm, at so many ages one after the other: up to a
/// third of the present one.
const ALIKE: f64 = 0.15;
const AGES_ALIKE: usize = 4;
/// And of different instances of a template, which may be given different work: up to a fifth.
const AGES_ALIKE_OF_TEMPLATE: usize = 6;
/// A run says nothing any more of one that has lived so many times as long.
const OUTLIVED: f32 = 1.25;
/// Nor one that stopped of itself of one that holds so many times as much as it ever did.
const OUTGROWN: f32 = 1.05;
/// A run has settled that grew by no more than this share in the last half of its life, or by no more than the other in the last
/// third: jobs read for as long as they work.
const SETTLED: f64 = 0.10;
const SETTLED_LATE: f64 = 0.03;

/// What was held on average at an age, in bytes, to 8 bits; 0 = not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held(u16);

impl Held {
    fn new(bytes: f64) -> Self {
        // Rounded, not cut: half of what falls away.
        Self((short(bytes).to_bits().saturating_add(0x8000) >> 16) as u16)
    }

    fn bytes(self) -> Option<f64> {
        (self.0 != 0).then(|| f64::from(f32::from_bits(u32::from(self.0) << 16)))
    }
}

/// A run in outline.
#[derive(Debug, Clone, PartialEq)]
struct Outline {
    held: [Held; AGES],
    /// How old it became, in seconds.
    seconds: f32,
    /// The most that it held, in bytes.
    peak: f32,
    end: RunEnd,
}

/// The present run, and those before it.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// When the present run was seen first, and what it held: most cgroups are seen once and never move.
    begun: Option<(Timestamp, f32)>,
    /// From the second time on.
    present: Option<Box<Present>>,
    earlier: VecDeque<Outline>,
}

#[derive(Debug)]
struct Present {
    since: Timestamp,
    outline: Outline,
    /// The age that it has now, and the sum and number of what it held there.
    age: usize,
    sum: f64,
    count: f64,
}

/// The path that the template of an instance would have: `/system.slice/a@.service` of `/system.slice/a@1.service`; `None`
/// where it is no instance.
pub(super) fn template(path: &str) -> Option<String> {
    let (above, name) = path.rsplit_once('/')?;
    let (prefix, rest) = name.split_once('@')?;
    let (instance, kind) = rest.rsplit_once('.')?;
    (!prefix.is_empty() && !instance.is_empty()).then(|| format!("{above}/{prefix}@.{kind}"))
}

/// Which of the ages it is; `None` before the first.
fn age(seconds: f64) -> Option<usize> {
    let place = 2.0 * (seconds / FIRST).log2();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and bounded"
    )]
    let age = |place: f64| (place as usize).min(AGES - 1);
    (place >= 0.0).then(|| age(place))
}

/// Where an age begins, in seconds.
fn begins(age: usize) -> f64 {
    FIRST * 2_f64.powf(age as f64 / 2.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size: saturating is right"
)]
fn whole(bytes: f64) -> Bytes {
    Bytes(bytes as u64)
}

impl Present {
    fn new(since: Timestamp, peak: f32) -> Self {
        Self {
            since,
            outline: Outline {
                held: [Held::default(); AGES],
                seconds: 0.0,
                peak,
                end: RunEnd::Stopped,
            },
            age: 0,
            sum: 0.0,
            count: 0.0,
        }
    }

    fn push(&mut self, seconds: f64, held: f64) {
        self.outline.seconds = short(seconds);
        self.outline.peak = self.outline.peak.max(short(held));
        let Some(now) = age(seconds) else { return };
        if now > self.age {
            self.close();
            // Where nothing was told in between, nothing moved.
            let still = self.outline.held.get(self.age).copied().unwrap_or_default();
            let between = self.outline.held.get_mut(self.age + 1..now).unwrap_or_default();
            between.fill(still);
            self.age = now;
        }
        self.sum += held;
        self.count += 1.0;
    }

    /// Writes down what it held at its present age.
    fn close(&mut self) {
        if self.count > 0.0
            && let Some(place) = self.outline.held.get_mut(self.age)
        {
            *place = Held::new(self.sum / self.count);
        }
        (self.sum, self.count) = (0.0, 0.0);
    }
}

impl Outline {
    /// Whether it held at the last ages that `present` has been through what that did, and lived about as long at least.
    fn is_like(&self, present: &Present, ages: usize) -> bool {
        if self.seconds * OUTLIVED < present.outline.seconds {
            return false;
        }
        let pairs = self.held.iter().zip(&present.outline.held).take(present.age);
        let mut count = 0;
        let mut known = pairs
            .filter_map(|(earlier, now)| earlier.bytes().zip(now.bytes()))
            .rev();
        known
            .by_ref()
            .take(ages)
            .inspect(|_| count += 1)
            .all(|(earlier, now)| (now / earlier).ln().abs() <= ALIKE)
            && count == ages
    }

    /// Whether it had stopped growing: what was restarted while it grew says nothing of where it would have ended.
    fn has_settled(&self) -> bool {
        let mut last = self.held.iter().rev().filter_map(|held| held.bytes());
        match (last.next(), last.next(), last.next()) {
            (Some(end), Some(third), Some(half)) => {
                end <= half * (1.0 + SETTLED) || end <= third * (1.0 + SETTLED_LATE)
            }
            _ => false,
        }
    }

    /// Whether `present` already holds more than it ever did.
    fn is_outgrown_by(&self, present: &Present) -> bool {
        present.outline.peak > self.peak * OUTGROWN
    }

    fn told(&self) -> RunOutline {
        let held = self.held.iter().enumerate().filter_map(|(age, held)| {
            Some(HeldAt {
                age_seconds: significant(begins(age)),
                bytes: whole(held.bytes()?),
            })
        });
        RunOutline {
            end: self.end,
            seconds: significant(f64::from(self.seconds)),
            peak: whole(f64::from(self.peak)),
            held: held.collect(),
        }
    }
}

impl Runs {
    pub(super) fn push(&mut self, ts: Timestamp, held: f64) {
        let Some((since, peak)) = self.begun else {
            self.begun = Some((ts, short(held)));
            return;
        };
        let present = self.present.get_or_insert_with(|| Box::new(Present::new(since, peak)));
        let seconds = ts.seconds_since(present.since);
        if seconds < f64::from(present.outline.seconds) {
            // A clock that went back: its age is not known any more.
            **present = Present::new(ts, 0.0);
        }
        present.push(ts.seconds_since(present.since), held);
    }

    /// When the present run was seen first, and what it held, in bytes; `None` before that.
    pub(super) fn begun(&self) -> Option<(Timestamp, f64)> {
        self.begun.map(|(since, held)| (since, f64::from(held)))
    }

    /// The present run is over; what is told of it, where it was long enough to tell something.
    pub(super) fn end(&mut self, end: RunEnd) -> Option<RunOutline> {
        self.begun = None;
        let mut present = self.present.take()?;
        if f64::from(present.outline.seconds) < SHORTEST {
            return None;
        }
        present.close();
        present.outline.end = end;
        let told = present.outline.told();
        self.keep(present.outline);
        Some(told)
    }

    /// Takes an earlier run that was told.
    pub(super) fn know(&mut self, run: &RunOutline) {
        let mut outline = Outline {
            held: [Held::default(); AGES],
            seconds: short(run.seconds),
            peak: short(run.peak.as_f64()),
            end: run.end,
        };
        for at in &run.held {
            // In the middle of it: where an age begins was rounded.
            if let Some(place) = age(at.age_seconds * 2_f64.powf(0.25)).and_then(|age| outline.held.get_mut(age)) {
                *place = Held::new(at.bytes.as_f64());
            }
        }
        self.keep(outline);
    }

    fn keep(&mut self, outline: Outline) {
        if self.earlier.capacity() < KEPT {
            self.earlier.reserve_exact(KEPT);
        }
        if self.earlier.len() >= KEPT {
            self.earlier.pop_front();
        }
        self.earlier.push_back(outline);
    }

    /// The earlier run that the present one is like, where it says how that goes on: it was killed, or it settled. One that
    /// was killed says more than one that was not. A unit without runs of its own is held against those of its template's
    /// other instances.
    pub(super) fn alike(&self, siblings: Option<&Self>) -> Option<Earlier> {
        let present = self.present.as_deref()?;
        let (runs, ages) = match siblings.filter(|_| self.earlier.is_empty()) {
            Some(siblings) => (&siblings.earlier, AGES_ALIKE_OF_TEMPLATE),
            None => (&self.earlier, AGES_ALIKE),
        };
        let alike = || runs.iter().rev().filter(|outline| outline.is_like(present, ages));
        let killed = alike().find(|outline| outline.end == RunEnd::Killed);
        let settles = |outline: &&Outline| outline.has_settled() && !outline.is_outgrown_by(present);
        let outline = killed.or_else(|| alike().find(settles))?;
        Some(Earlier {
            end: outline.end,
            seconds: significant(f64::from(outline.seconds)),
            peak: whole(f64::from(outline.peak)),
        })
    }

    /// What it takes on the heap, in bytes.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        self.earlier.capacity() * size_of::<Outline>() + self.present.as_ref().map_or(0, |_| size_of::<Present>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(jiff::Timestamp::from_second(second).unwrap())
    }

    fn live(runs: &mut Runs, seconds: i64, held: impl Fn(f64) -> f64) {
        for second in 0..seconds {
            runs.push(at(1_000 + second), held(second as f64));
        }
    }

    fn fills(second: f64) -> f64 {
        1e7 + 1e6 * second.min(100.0)
    }

    #[test]
    fn a_run_goes_the_way_of_one_that_settled() {
        let mut runs = Runs::default();
        live(&mut runs, 400, fills);
        assert!(runs.end(RunEnd::Stopped).is_some());
        live(&mut runs, 50, fills);
        let alike = runs.alike(None).unwrap();
        assert_eq!((alike.end, alike.seconds), (RunEnd::Stopped, 399.0));
        assert!((alike.peak.as_f64() / 1.1e8 - 1.0).abs() < 0.01, "{:?}", alike.peak);
        // What goes on where that stopped is another thing.
        live(&mut runs, 300, |second| 1e7 + 1e6 * second);
        assert_eq!(runs.alike(None), None);
    }

    #[test]
    fn what_holds_more_than_one_that_settled_ever_did_is_not_like_it_any_more() {
        let mut runs = Runs::default();
        live(&mut runs, 400, fills);
        runs.end(RunEnd::Stopped);
        let leak = |second| 1e7 + 1e6 * second;
        // Where that one stopped, the ages that are over are still the same.
        live(&mut runs, 104, leak);
        assert!(runs.alike(None).is_some());
        for second in 104..110 {
            runs.push(at(1_000 + second), leak(second as f64));
        }
        assert_eq!(runs.alike(None), None);
    }

    #[test]
    fn an_instance_goes_the_way_of_another_one_of_its_template_where_it_has_no_runs_itself() {
        assert_eq!(
            template("/a.slice/b@1.2.service").as_deref(),
            Some("/a.slice/b@.service")
        );
        for other in [
            "/a.slice/b.service",
            "/a.slice/b@.service",
            "/user@1.service/b.scope",
            "/b",
        ] {
            assert_eq!(template(other), None, "{other}");
        }
        let mut other = Runs::default();
        live(&mut other, 400, fills);
        other.end(RunEnd::Stopped);
        let mut runs = Runs::default();
        live(&mut runs, 50, fills);
        assert_eq!(runs.alike(Some(&other)).map(|alike| alike.end), Some(RunEnd::Stopped));
        assert_eq!(runs.alike(None), None);
        // It takes longer to tell than of its own.
        let mut runs = Runs::default();
        live(&mut runs, 25, fills);
        assert_eq!(runs.alike(Some(&other)), None);
        runs.earlier.clone_from(&other.earlier);
        assert!(runs.alike(None).is_some());
        // Its own runs count, where there are some.
        let mut runs = Runs::default();
        live(&mut runs, 100, |second| 1e6 + 1e5 * second);
        runs.end(RunEnd::Stopped);
        live(&mut runs, 50, fills);
        assert_eq!(runs.alike(Some(&other)), None);
    }

    #[test]
    fn a_job_that_reads_for_half_of_its_life_has_settled() {
        let mut runs = Runs::default();
        live(&mut runs, 150, fills);
        runs.end(RunEnd::Stopped);
        live(&mut runs, 50, fills);
        assert_eq!(runs.alike(None).map(|alike| alike.end), Some(RunEnd::Stopped));
    }

    #[test]
    fn what_was_ended_while_it_grew_says_nothing() {
        let mut runs = Runs::default();
        live(&mut runs, 400, |second| 1e7 + 1e6 * second);
        runs.end(RunEnd::Stopped);
        live(&mut runs, 100, |second| 1e7 + 1e6 * second);
        assert_eq!(runs.alike(None), None);
    }

    #[test]
    fn one_that_was_killed_says_more_than_one_that_was_not() {
        let mut runs = Runs::default();
        live(&mut runs, 200, fills);
        runs.end(RunEnd::Killed);
        live(&mut runs, 400, fills);
        runs.end(RunEnd::Stopped);
        live(&mut runs, 50, fills);
        assert_eq!(runs.alike(None).unwrap().end, RunEnd::Killed);
    }

    #[test]
    fn what_is_told_of_a_run_is_all_that_another_needs() {
        let mut runs = Runs::default();
        live(&mut runs, 4_991, |second| 3e7 + 2e4 * second);
        let told = runs.end(RunEnd::Killed).unwrap();
        let mut other = Runs::default();
        other.know(&told);
        assert_eq!(other.earlier.back().unwrap().told(), told);
        assert_eq!(other.earlier, runs.earlier);
    }

    #[test]
    fn it_is_bounded() {
        let mut runs = Runs::default();
        for _ in 0..10 {
            live(&mut runs, 100, fills);
            runs.end(RunEnd::Stopped);
        }
        live(&mut runs, 100, fills);
        assert!(runs.heap() <= 600, "{}", runs.heap());
    }

    #[test]
    fn a_run_that_was_looked_at_rarely_is_known_in_between() {
        let mut runs = Runs::default();
        for second in [0, 10, 400] {
            runs.push(at(second), 1e8);
        }
        let told = runs.end(RunEnd::Stopped).unwrap();
        assert!(told.held.len() > 10, "{told:?}");
        assert!(
            told.held
                .iter()
                .all(|held| (held.bytes.as_f64() / 1e8 - 1.0).abs() < 0.01)
        );
    }
}
