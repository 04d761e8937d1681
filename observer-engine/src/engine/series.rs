//! The history of one cgroup at several time scales, bounded, and what it says of the future.
//!
//! Level 0 holds the samples themselves, every further level a slot for each four of the one before, with their least,
//! mean and greatest. Each level has a line through all of its slots, and one through the later half of them. The longest
//! window whose end its own line still fits is believed (Lepski's idea of the largest homogeneous window): old evidence
//! counts until something changed.
//!
//! A cgroup that stands still keeps eight slots of each scale; since a slot is four of the finer one, that reaches as far
//! back. One that nears a limit is looked at closely and keeps more.

use std::collections::VecDeque;

use super::forecast::MET;
use super::line::{Line, MIN_SLOTS, Z, median, points};
use super::slot::{Level, MAX_SLOTS, MERGE, Parts, Slot, Slots, Span, Tick, short};
use super::waves::{Belief, Through, wrong};
use crate::event::{Class, Memory, Trend};
use crate::measure::{Timestamp, significant};

/// Levels: at a sample a second the last one reaches back a day and a half, or six where it is looked at closely.
const LEVELS: usize = 8;
/// A coarse level is believed from so many slots on; before that the finer one has them all.
const MIN_COARSE: usize = 8;
/// Slower than this share of the size a second is steady: 0.2 % an hour.
const STEADY_SHARE: f64 = 0.002 / 3600.0;
/// Nor is it growth to have moved by less than this share of the size in all, in a window of minutes; a longer one shows
/// less as surely, in proportion.
const STEADY_RISE: f64 = 0.02;
const STEADY_WINDOW: f64 = 600.0;
/// It is growth all the same where what it moved by is this share of what is left to the limit: near it, little is much.
const NEARS: f64 = 0.05;
/// Growth goes on through a pause that is shorter than this share of it.
const PAUSE: f64 = 0.2;
/// A record is one over everything older than this many windows.
const RECORD_BEFORE: f64 = 1.2;
/// And one by so much, where more than that is left: what comes and goes is not each time the same.
const RECORD: f64 = 1.15;
/// It rises where it has come higher in such a part of its window by this share of what its line rises there.
const RISES: f64 = 0.25;
/// What a belief is taken to be wrong by before there is experience, as a logarithm, and for how many errors that counts.
const PRIOR_ERROR: f64 = 0.20;
const PRIOR_WEIGHT: f64 = 3.0;

/// A window whose line goes through waves is so many times as long as that of the last flank.
const LONGER: f64 = 1.5;
/// Growth that has come down to this share of what it was has ceased.
const CEASED: f64 = 0.05;
/// How wrong the time left is in a trough.
const TROUGH_ERROR: f64 = 0.6;
const TROUGH_LOOKS: f64 = 6.0;

/// What should have come some time ago, and has not, takes as long again in the median, and four times in five between a ninth
/// of that time and nine times it (Gott 1993): nothing is known of the page that reclaim will not find.
const LATE: f64 = 9.0;

/// How closely a series is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Detail {
    /// As one of many.
    #[default]
    Plain,
    /// As one that nears a limit.
    Close,
}

impl Detail {
    /// Slots of a level.
    fn slots(self) -> usize {
        match self {
            Self::Plain => MIN_COARSE,
            Self::Close => MAX_SLOTS,
        }
    }

    /// Beliefs kept.
    fn beliefs(self) -> usize {
        match self {
            Self::Plain => 12,
            Self::Close => 24,
        }
    }
}

/// The time until a value is reached, in seconds, and its interval of 80 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reach {
    pub(super) seconds: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// How long it takes where growth that slowed goes on slowing, in seconds: for ever, where it ends before; 0 where it did
    /// not slow.
    pub(super) slowing: f64,
    /// What it would grow by in that time, and for how long it has been seen to grow like this, in seconds.
    pub(super) left: f64,
    pub(super) lasted: f64,
}

impl Reach {
    /// Of what should have come so many seconds ago: nothing is known of when.
    pub(super) fn overdue(seconds: f64) -> Self {
        Self {
            seconds,
            low: seconds / LATE,
            high: seconds * LATE,
            slowing: 0.0,
            left: 0.0,
            lasted: 0.0,
        }
    }
}

/// How far a line through waves is to be trusted.
#[derive(Debug, Clone, Copy)]
struct Waves {
    /// How wrong it was in retrospect, as a sum of squares, and how often it was looked at.
    squares: f64,
    looks: f64,
    /// Whether it is a guess: growth has become slow, in a trough or for good.
    is_trough: bool,
}

/// What is believed of it now.
#[derive(Debug, Clone, Copy)]
struct Judged {
    line: Line,
    class: Class,
    /// The beginning of the line's window.
    since: Tick,
    /// Until when it told the truth.
    until: Tick,
    /// The mean time between the window's samples, in seconds.
    spacing: f64,
    /// The line of the last flank, which would be believed were there no waves.
    last: Line,
    /// Where it is a line through waves.
    waves: Option<Waves>,
}

impl Judged {
    fn grows(&self) -> bool {
        matches!(self.class, Class::Leak | Class::Shmem | Class::Kernel)
    }
}

/// Values over time, at several scales.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// The first sample while it is the only one: most cgroups are seen once and never move.
    first: Option<Slot>,
    levels: Vec<Level>,
    judged: Option<Box<Judged>>,
    /// What ticks are counted from.
    since: Option<Timestamp>,
    beliefs: VecDeque<Belief>,
    detail: Detail,
    /// What was left to the nearest limit at the last sample.
    left: Option<f32>,
}

impl Series {
    pub(super) fn push(&mut self, ts: Timestamp, fixed: f64) {
        self.add(ts, fixed, Parts::UNKNOWN);
    }

    pub(super) fn push_parts(&mut self, ts: Timestamp, fixed: f64, memory: &Memory) {
        self.add(ts, fixed, Parts::of(memory));
    }

    fn add(&mut self, ts: Timestamp, fixed: f64, parts: Parts) {
        let tick = Tick::from_seconds(self.since.map_or(0.0, |since| ts.seconds_since(since)));
        let newest = self.newest().map(|newest| newest.at);
        let at = match tick {
            Some(tick) if newest == Some(tick) => return,
            Some(tick) if newest.is_none_or(|newest| newest < tick) => tick,
            // A clock that went back: what is ahead of now was measured by another clock.
            _ => {
                self.begin_anew();
                Tick::ZERO
            }
        };
        self.believe();
        self.since.get_or_insert(ts);
        let value = short(fixed);
        let slot = Slot {
            at,
            mean: value,
            min: value,
            max: value,
            parts,
        };
        if self.newest().is_none() {
            self.first = Some(slot);
            return;
        }
        if let Some(first) = self.first.take() {
            self.keep(first);
        }
        self.keep(slot);
        let judged = self.judge();
        match (&mut self.judged, judged) {
            (Some(before), Some(now)) => **before = now,
            (before, now) => *before = now.map(Box::new),
        }
    }

    /// Puts a slot into the finest level, and what comes of it into the others.
    fn keep(&mut self, mut slot: Slot) {
        for place in 0..LEVELS {
            if self.levels.len() <= place {
                self.levels.reserve_exact(1);
                self.levels.push(Level::default());
            }
            let Some(merged) = self
                .levels
                .get_mut(place)
                .and_then(|level| level.push(slot, self.detail.slots()))
            else {
                break;
            };
            slot = merged;
        }
    }

    /// Forgets it all: what comes has nothing to do with what was.
    pub(super) fn begin_anew(&mut self) {
        *self = Self {
            detail: self.detail,
            ..Self::default()
        };
    }

    /// What it was last; `None` before the first.
    pub(super) fn last(&self) -> Option<f64> {
        self.newest().map(|newest| f64::from(newest.mean))
    }

    fn judge(&self) -> Option<Judged> {
        let (place, slots, last) = self.believed()?;
        let through = self.through_waves(place, &last).map(|(place, slots, through)| {
            let Through { line, squares, looks } = *through;
            let is_trough = false;
            (
                place,
                slots,
                line,
                Some(Waves {
                    squares,
                    looks,
                    is_trough,
                }),
            )
        });
        let through = through.or_else(|| self.through_trough(place, &slots, &last));
        let (place, slots, line, waves) = through.unwrap_or((place, slots, last, None));
        let steps = (slots.len() - 1) * MERGE.pow(u32::try_from(place).ok()?);
        let now = Judged {
            line,
            class: self.classify(&slots, &line, self.left),
            since: slots.clone().next()?.at,
            until: self.newest()?.at,
            spacing: line.window() / steps as f64,
            last,
            waves,
        };
        let before = self
            .judged
            .as_deref()
            .filter(|before| !now.grows() && before.grows() && self.pauses(before));
        Some(before.copied().unwrap_or(now))
    }

    /// The line through waves that is believed in place of the last flank's, of which level, of which slots.
    fn through_waves(&self, flank: usize, last: &Line) -> Option<(usize, Slots<'_>, &Through)> {
        if self.detail == Detail::Plain {
            return None;
        }
        let levels = self.levels.iter().enumerate().skip(flank.max(1)).rev();
        let mut windows = levels.flat_map(|level| Span::ALL.map(|span| (level, span)));
        windows.find_map(|((place, level), span)| {
            let slots = level.window(span);
            if slots.len() < MIN_COARSE || level.reaches(span) < last.window() * LONGER {
                return None;
            }
            let through = level.through(span, |slots| Through::of(slots, self.beliefs.iter()))?;
            Some((place, slots, through))
        })
    }

    /// The line of all that is known, where growth that was believed has become slow and not ceased: a trough, as likely as an
    /// end.
    fn through_trough(
        &self,
        flank: usize,
        slots: &Slots<'_>,
        last: &Line,
    ) -> Option<(usize, Slots<'_>, Line, Option<Waves>)> {
        let slope = last.slope();
        let before = self.judged.as_deref().filter(|before| before.grows())?;
        // Against its size: a trough near the limit is one, too.
        let is_slow = self.classify(slots, last, None) == Class::Steady;
        if self.detail == Detail::Plain || slope.low <= 0.0 || !is_slow {
            return None;
        }
        let levels = self.levels.iter().enumerate().skip(flank.max(1)).rev();
        let mut levels = levels.filter(|(_, level)| level.slots.len() >= MIN_COARSE);
        let (place, level) = levels.next()?;
        let line = level.rough_line()?.through_waves();
        let is_trough = line.slope().low > 0.0
            && line.floor_rises()
            && line.window() > last.window() * LONGER
            && slope.middle > line.slope().middle * CEASED
            && slope.middle > before.line.slope().middle * CEASED;
        let guess = Waves {
            squares: TROUGH_ERROR * TROUGH_ERROR * TROUGH_LOOKS,
            looks: TROUGH_LOOKS,
            is_trough,
        };
        is_trough.then(|| (place, level.window(Span::Whole), line, Some(guess)))
    }

    /// Whether growth that lasted has only paused: for a short time against its own, and without giving anything back.
    fn pauses(&self, growth: &Judged) -> bool {
        let line = &growth.line;
        self.newest().is_some_and(|newest| {
            newest.at.since(growth.until) < line.window() * PAUSE
                && f64::from(newest.mean) >= line.at(growth.until) - line.swing()
        })
    }

    /// So much is left to the nearest limit.
    pub(super) fn nears(&mut self, left: Option<f64>) {
        self.left = left.map(short);
    }

    /// How closely it is looked at.
    pub(super) fn detail(&self) -> Detail {
        self.detail
    }

    /// Looks at it so closely from now on.
    pub(super) fn look(&mut self, detail: Detail) {
        if self.detail == detail {
            return;
        }
        self.detail = detail;
        for level in &mut self.levels {
            level.shrink(detail.slots());
        }
        while self.beliefs.len() > detail.beliefs() {
            self.beliefs.pop_front();
        }
        self.beliefs.shrink_to(detail.beliefs());
    }

    /// Remembers what is believed now, so that the beliefs span the whole life evenly.
    fn believe(&mut self) {
        let (Some(Judged { last: line, .. }), Some(newest)) = (self.judged.as_deref(), self.newest()) else {
            return;
        };
        let belief = Belief {
            at: newest.at,
            value: short(line.at(newest.at)),
            slope: short(line.slope().middle),
        };
        let room = self.detail.beliefs();
        let spacing = self.age() / room as f64 * 2.0;
        if self
            .beliefs
            .back()
            .is_some_and(|last| belief.at.since(last.at) < spacing)
        {
            return;
        }
        if self.beliefs.len() >= room {
            let mut keep = true;
            self.beliefs.retain(|_| {
                keep = !keep;
                keep
            });
        }
        if self.beliefs.capacity() < room {
            self.beliefs.reserve_exact(room - self.beliefs.len());
        }
        self.beliefs.push_back(belief);
    }

    /// How wrong earlier beliefs were about times like `seconds`: the standard deviation of the logarithm of the true
    /// time over the believed one, with a prior.
    fn error(&self, line: &Line, seconds: f64) -> f64 {
        let Some(newest) = self.newest() else {
            return PRIOR_ERROR;
        };
        let now = line.at(newest.at);
        let (mut sum, mut count) = (PRIOR_ERROR * PRIOR_ERROR * PRIOR_WEIGHT, PRIOR_WEIGHT);
        if let Some(waves) = self.judged.as_deref().and_then(|judged| judged.waves) {
            return ((sum + waves.squares) / (count + waves.looks)).sqrt();
        }
        for belief in &self.beliefs {
            let took = newest.at.since(belief.at);
            // What was said of the next moment says little of a time that is far.
            // And what was believed before things changed says nothing of what is believed now.
            let is_old = line.end().since(belief.at) > line.window();
            if took < seconds * 0.2 || took <= 0.0 || is_old {
                continue;
            }
            sum += wrong(now - f64::from(belief.value), f64::from(belief.slope), took).powi(2);
            count += 1.0;
        }
        (sum / count).sqrt()
    }

    /// When `target` is reached; `None` where it does not grow towards it.
    pub(super) fn reach(&self, target: f64, now: f64) -> Option<Reach> {
        let Judged { line, until, waves, .. } = *self.judged.as_deref()?;
        if line.slope().low <= 0.0 || !line.slope().middle.is_finite() {
            return None;
        }
        // The upper envelope meets the limit first. A line whose growth has stopped of late runs on without it.
        let newest = self.newest()?;
        let reached = self.greatest(newest, |ago| ago <= line.window() * PAUSE);
        let envelope = (line.at(until) + line.peak()).min(reached + line.tolerance());
        let room = (target - now.max(envelope)).max(0.0);
        let seconds = line.seconds_for(room);
        let error = (Z * self.error(&line, seconds)).exp();
        let late = Reach::overdue((line.at(newest.at) + line.peak() - target) / line.slope().middle);
        let seconds_left = seconds.max(late.seconds);
        Some(Reach {
            seconds: seconds_left,
            low: seconds.max(late.low) / error,
            // Where the limit is near, what goes up and down around the line decides.
            high: (seconds * error)
                .max(line.seconds_for(room + line.swing()))
                .max(late.high),
            slowing: if waves.is_some_and(|waves| waves.is_trough) {
                f64::INFINITY
            } else {
                line.seconds_slowing(room)
            },
            left: seconds_left * line.slope().middle,
            lasted: line.window(),
        })
    }

    fn newest(&self) -> Option<&Slot> {
        match self.levels.first() {
            Some(finest) => finest.slots.back(),
            None => self.first.as_ref(),
        }
    }

    /// For how long it has been watched, in seconds.
    pub(super) fn age(&self) -> f64 {
        self.newest().map_or(0.0, |newest| newest.at.seconds())
    }

    /// The mean time between the samples that the line is believed from, in seconds; 0 where there is none.
    pub(super) fn spacing(&self) -> f64 {
        self.judged.as_deref().map_or(0.0, |judged| judged.spacing)
    }

    /// Whether it rises beyond what it ever held, where so much is left: what comes and goes does not.
    pub(super) fn rises_beyond(&self, left: f64) -> bool {
        let (Some(line), Some(newest)) = (self.line(), self.newest()) else {
            return false;
        };
        // It rises now: a heap that is collected from time to time comes back to where it was, one that leaks comes back higher,
        // and what stands still has come to its end or is in a trough of its waves. Peaks of a moment that are long gone are not
        // waited for.
        // Nor is what was given back: it counts what is held.
        let lately = line.window() * PAUSE;
        let earlier = self.meant(newest, |ago| ago > lately).map(|slot| slot.mean);
        let risen = f64::from(newest.mean - earlier.fold(0.0, f32::max));
        if risen < line.slope().middle * lately * RISES {
            return false;
        }
        // Before the growth that is believed it held less, by a share, and by as much as it gave back since then: tides are not
        // each time as high. Near the limit less by what is left is enough.
        let lag = newest.at.since(line.end());
        let is_before = |ago: f64| ago - lag > line.window() * RECORD_BEFORE;
        let before = self.greatest(newest, is_before);
        let given_back = before - self.least(newest, |ago| !is_before(ago));
        f64::from(newest.mean) - before >= (before * (RECORD - 1.0)).max(given_back).min(left)
    }

    /// The greatest that is remembered at any scale, of so many seconds ago as is meant; 0 where there is none.
    fn greatest(&self, newest: &Slot, is_meant: impl Fn(f64) -> bool) -> f64 {
        f64::from(self.meant(newest, is_meant).map(|slot| slot.max).fold(0.0, f32::max))
    }

    /// The least; infinite where there is none.
    fn least(&self, newest: &Slot, is_meant: impl Fn(f64) -> bool) -> f64 {
        f64::from(
            self.meant(newest, is_meant)
                .map(|slot| slot.min)
                .fold(f32::INFINITY, f32::min),
        )
    }

    /// The slots of any scale that are so many seconds ago as is meant.
    fn meant(&self, newest: &Slot, is_meant: impl Fn(f64) -> bool) -> impl Iterator<Item = &Slot> {
        let slots = self.levels.iter().flat_map(|level| &level.slots);
        let now = newest.at;
        slots.filter(move |slot| is_meant(now.since(slot.at)))
    }

    /// Which level is believed, of which slots, and their line.
    fn believed(&self) -> Option<(usize, Slots<'_>, Line)> {
        let newest = self.newest()?;
        let finest = self.levels.first().filter(|level| level.slots.len() >= MIN_SLOTS)?;
        let levels = self.levels.iter().enumerate().skip(1).rev();
        let mut windows = levels.flat_map(|level| Span::ALL.map(|span| (level, span)));
        let coarse = windows.find_map(|((place, level), span)| {
            let slots = level.window(span);
            // Half of few slots is what the finer level has of them.
            let is_full = match span {
                Span::Whole => slots.len() >= MIN_COARSE,
                Span::Half => slots.len() > MIN_COARSE,
            };
            let line = is_full.then(|| level.line(span, false)).flatten()?;
            line.holds(newest.at, f64::from(newest.mean))
                .then_some((place, slots, line))
        });
        coarse.or_else(|| Some((0, finest.window(Span::Whole), finest.line(Span::Whole, true)?)))
    }

    /// The line that is believed; `None` from too few samples.
    pub(super) fn line(&self) -> Option<Line> {
        Some(self.judged.as_deref()?.line)
    }

    /// What kind of growth it is; `None` from too few points.
    pub(super) fn class(&self) -> Option<Class> {
        Some(self.judged.as_deref()?.class)
    }

    /// How it grows; `None` from too few points.
    pub(super) fn trend(&self) -> Option<Trend> {
        let Judged { line, class, since, .. } = *self.judged.as_deref()?;
        let slope = line.slope();
        Some(Trend {
            bytes_per_second: significant(slope.middle),
            low: significant(slope.low),
            high: significant(slope.high),
            window_seconds: significant(line.window()),
            class,
            since: self.since?.after_seconds(since.seconds()),
            earlier: None,
        })
    }

    /// What kind of growth it is, where so much is left to the limit.
    fn classify(&self, slots: &Slots<'_>, line: &Line, left: Option<f32>) -> Class {
        let newest = self.newest().map_or(0.0, |newest| f64::from(newest.mean));
        let slope = line.slope();
        let rise = STEADY_RISE * (STEADY_WINDOW / line.window()).min(1.0);
        let steady = (newest * STEADY_SHARE).max(newest * rise / line.window()).max(1.0);
        let nears = left.map_or(f64::INFINITY, |left| f64::from(left).max(0.0) * NEARS / line.window());
        let rises = slope.low > steady.min(nears.max(1.0));
        let falls = slope.high < -steady;
        // At the limit it is reclaim that slows growth down, and says nothing of the program.
        let is_met = left.is_some_and(|left| f64::from(left) <= newest * (1.0 / MET - 1.0));
        let flattens = !is_met && line.flattens();
        if rises && line.floor_rises() && !flattens {
            return growing(slots, slope.middle);
        }
        if falls {
            return Class::Shrinking;
        }
        let cache = part(slots, Parts::cache);
        if cache > steady && cache > slope.middle.abs() {
            return Class::Cache;
        }
        if rises && flattens && line.grew_early() {
            return Class::Warmup;
        }
        if line.swing() > newest * 0.05 && self.age() > 10.0 {
            return if rises { Class::Burst } else { Class::Sawtooth };
        }
        if rises { Class::Unknown } else { Class::Steady }
    }

    /// What it takes on the heap, in bytes.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        self.levels.capacity() * size_of::<Level>()
            + self.levels.iter().map(Level::heap).sum::<usize>()
            + self.judged.as_ref().map_or(0, |_| size_of::<Judged>())
            + self.beliefs.capacity() * size_of::<Belief>()
    }
}

/// What of it grows most names the growth.
fn growing(slots: &Slots<'_>, slope: f64) -> Class {
    let (shmem, kernel) = (part(slots, Parts::shmem), part(slots, Parts::kernel));
    let anon = slope - shmem - kernel;
    if shmem > anon && shmem > kernel {
        Class::Shmem
    } else if kernel > anon && kernel > shmem {
        Class::Kernel
    } else {
        Class::Leak
    }
}

/// The growth of one part over a level's window, in units a second, from the medians of its first and last third; 0 where
/// it was not told.
fn part(slots: &Slots<'_>, of: impl Fn(&Parts) -> Option<f64>) -> f64 {
    let points = points(slots, |slot| of(&slot.parts));
    let third = points.len().div_ceil(3);
    let middle = |part: &[(f64, f64)]| {
        let time = median(part.iter().map(|(x, _)| *x))?;
        Some((time, median(part.iter().map(|(_, y)| *y))?))
    };
    let ends = || {
        let first = middle(points.get(..third)?)?;
        let last = middle(points.get(points.len() - third..)?)?;
        Some((last.1 - first.1) / (last.0 - first.0))
    };
    ends().filter(|growth: &f64| growth.is_finite()).unwrap_or(0.0)
}
