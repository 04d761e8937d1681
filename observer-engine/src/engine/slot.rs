//! What a history is made of: slots of 28 bytes, so that ten thousand cgroups fit into little memory.
//!
//! Sizes are kept to 24 bits, a page in 64 GiB; times in hundredths of a second from where the history begins.

use std::cell::OnceCell;
use std::collections::{VecDeque, vec_deque};

use super::line::{Line, line};
use super::waves::Through;
use crate::event::Memory;
use crate::measure::Bytes;

/// Slots of a level that become one of the next.
pub(super) const MERGE: usize = 4;

/// Slots of a level at most.
pub(super) const MAX_SLOTS: usize = 32;

/// Hundredths of a second since a history began: 497 days of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u32);

impl Tick {
    const A_SECOND: f64 = 100.0;

    /// Where a history begins.
    pub(super) const ZERO: Self = Self(0);

    /// `None` where it lies before the beginning or further than a history reaches.
    pub(super) fn from_seconds(seconds: f64) -> Option<Self> {
        let ticks = (seconds * Self::A_SECOND).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in range by the condition"
        )]
        let tick = |ticks| Self(ticks as u32);
        (0.0..=f64::from(u32::MAX)).contains(&ticks).then(|| tick(ticks))
    }

    /// Since the beginning.
    pub(super) fn seconds(self) -> f64 {
        f64::from(self.0) / Self::A_SECOND
    }

    /// Seconds from `earlier`; negative where that is later.
    pub(super) fn since(self, earlier: Self) -> f64 {
        (f64::from(self.0) - f64::from(earlier.0)) / Self::A_SECOND
    }
}

/// To 24 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "24 bits of a size are enough for its growth"
)]
pub(super) fn short(value: f64) -> f32 {
    value as f32
}

/// What of the usage is not anonymous memory; `None` where a sample did not tell. What is left grows as the rest does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    /// NaN is unknown: an `Option` would double the size.
    kept: [f32; 3],
}

impl Parts {
    pub(super) const UNKNOWN: Self = Self { kept: [f32::NAN; 3] };

    pub(super) fn of(memory: &Memory) -> Self {
        let value = |size: Option<Bytes>| size.map_or(f32::NAN, |size| short(size.as_f64()));
        let shmem = memory.shmem.unwrap_or_default();
        let slab = memory.slab_reclaimable.unwrap_or_default();
        Self {
            kept: [
                value(memory.file.map(|file| file.saturating_sub(shmem))),
                value(memory.shmem),
                value(memory.kernel.map(|kernel| kernel.saturating_sub(slab))),
            ],
        }
    }

    pub(super) fn cache(&self) -> Option<f64> {
        known(self.kept[0])
    }

    pub(super) fn shmem(&self) -> Option<f64> {
        known(self.kept[1])
    }

    /// What the kernel holds, less what it would give back.
    pub(super) fn kernel(&self) -> Option<f64> {
        known(self.kept[2])
    }
}

fn known(value: f32) -> Option<f64> {
    (!value.is_nan()).then_some(f64::from(value))
}

/// A sample, or several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) at: Tick,
    pub(super) mean: f32,
    pub(super) min: f32,
    pub(super) max: f32,
    pub(super) parts: Parts,
}

impl Slot {
    /// All slots of a level stand for as many samples each.
    fn merged(slots: &Slots<'_>) -> Option<Self> {
        let count = slots.len() as f64;
        let mean = |of: &dyn Fn(&Self) -> f32| {
            let sum: f64 = slots.clone().map(|slot| f64::from(of(slot))).sum();
            short(sum / count)
        };
        // The middle of the time that it stands for.
        let (first, last) = (slots.clone().next()?.at, slots.clone().next_back()?.at);
        Some(Self {
            at: Tick(u32::midpoint(first.0, last.0)),
            mean: mean(&|slot| slot.mean),
            min: slots.clone().map(|slot| slot.min).fold(f32::INFINITY, f32::min),
            max: slots.clone().map(|slot| slot.max).fold(0.0, f32::max),
            parts: Parts {
                kept: [
                    mean(&|slot| slot.parts.kept[0]),
                    mean(&|slot| slot.parts.kept[1]),
                    mean(&|slot| slot.parts.kept[2]),
                ],
            },
        })
    }
}

/// Slots of a level, oldest first.
pub(super) type Slots<'a> = vec_deque::Iter<'a, Slot>;

/// How much of a level a window takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    Whole,
    /// The later half.
    Half,
}

impl Span {
    /// The longest first.
    pub(super) const ALL: [Self; 2] = [Self::Whole, Self::Half];
}

/// What is worth believing through waves, by span.
type Spans = [OnceCell<Option<Box<Through>>>; 2];

/// A history at one time scale.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) slots: VecDeque<Slot>,
    /// The last ones that have no slot of the next level yet.
    pending: usize,
    /// Reckoned when it is asked for: of a growth that goes on the finest one seldom is, and it changes with each sample.
    whole: OnceCell<Option<Line>>,
    /// Apart: few have use for it.
    half: OnceCell<Box<Option<Line>>>,
    /// The lines through waves, of the whole and of its half: only where a limit is in sight.
    through: OnceCell<Box<Spans>>,
}

impl Level {
    /// Takes a slot, keeps `room` of them; gives what the next level gets.
    pub(super) fn push(&mut self, slot: Slot, room: usize) -> Option<Slot> {
        while self.slots.len() >= room {
            self.slots.pop_front();
        }
        // Most cgroups are seen once and never move: room comes with the slots.
        if self.slots.len() == self.slots.capacity() {
            let more = self.slots.len().max(1).min(room.saturating_sub(self.slots.len()));
            self.slots.reserve_exact(more);
        }
        self.slots.push_back(slot);
        self.forget_lines();
        self.pending += 1;
        if self.pending < MERGE {
            return None;
        }
        self.pending = 0;
        let last = self.slots.len().saturating_sub(MERGE);
        Slot::merged(&self.slots.range(last..))
    }

    /// The last slots that a window takes.
    pub(super) fn window(&self, span: Span) -> Slots<'_> {
        let count = match span {
            Span::Whole => self.slots.len(),
            Span::Half => self.slots.len() / 2,
        };
        self.slots.range(self.slots.len() - count..)
    }

    /// How long a window is, in seconds.
    pub(super) fn reaches(&self, span: Span) -> f64 {
        let slots = self.window(span);
        let ends = slots.clone().next().zip(slots.clone().next_back());
        ends.map_or(0.0, |(first, last)| last.at.since(first.at))
    }

    /// The line through a window; `None` from too few slots.
    pub(super) fn line(&self, span: Span, is_finest: bool) -> Option<Line> {
        let line = || line(&self.window(span), is_finest);
        match span {
            Span::Whole => *self.whole.get_or_init(line),
            Span::Half => **self.half.get_or_init(|| Box::new(line())),
        }
    }

    /// The line through all, whether or not it tells its own end.
    pub(super) fn rough_line(&self) -> Option<Line> {
        line(&self.window(Span::Whole), true)
    }

    /// What a window's line through waves is worth, as `judge` has it; reckoned once for each slot.
    pub(super) fn through(&self, span: Span, judge: impl FnOnce(&Slots<'_>) -> Option<Through>) -> Option<&Through> {
        let [whole, half] = &**self.through.get_or_init(Box::default);
        let cell = match span {
            Span::Whole => whole,
            Span::Half => half,
        };
        cell.get_or_init(|| judge(&self.window(span)).map(Box::new)).as_deref()
    }

    /// What it takes on the heap, in bytes.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        let through = self.through.get().map_or(0, |spans| {
            let lines = spans.iter().filter_map(|cell| cell.get()?.as_ref());
            size_of::<Spans>() + lines.count() * size_of::<Through>()
        });
        let half = self.half.get().map_or(0, |_| size_of::<Option<Line>>());
        self.slots.capacity() * size_of::<Slot>() + half + through
    }

    /// Gives back what is more than `room`.
    pub(super) fn shrink(&mut self, room: usize) {
        while self.slots.len() > room {
            self.slots.pop_front();
        }
        self.slots.shrink_to(room);
        self.forget_lines();
    }

    fn forget_lines(&mut self) {
        self.whole.take();
        self.half.take();
        self.through.take();
    }
}
