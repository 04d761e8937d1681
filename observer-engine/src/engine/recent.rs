//! The last samples of a cgroup, for the kill that may come.

use std::collections::VecDeque;

use crate::event::{BeforeSample, Memory};
use crate::measure::Timestamp;

/// The last few, of which only the newest names are kept.
#[derive(Debug, Default)]
pub(super) struct Recent {
    samples: VecDeque<(Timestamp, Kept)>,
    unit: Option<String>,
}

/// A [`Memory`] in half its size.
#[derive(Debug, Clone, Copy)]
struct Kept([u64; 14]);

/// Stands for what is not known: no size, since the kernel's greatest has 63 bits of pages' bytes.
const UNKNOWN: u64 = u64::MAX;

impl Recent {
    /// Takes one, keeps `room`.
    pub(super) fn push(&mut self, ts: Timestamp, unit: Option<&String>, memory: &Memory, room: usize) {
        while self.samples.len() >= room.max(1) {
            self.samples.pop_front();
        }
        if self.samples.capacity() > room {
            self.samples.shrink_to(room);
        }
        // Most cgroups are seen once and never move.
        if self.samples.len() == self.samples.capacity() {
            self.samples
                .reserve_exact(room.div_ceil(3).min(room - self.samples.len()));
        }
        self.samples.push_back((ts, Kept::from(memory)));
        if self.unit.as_ref() != unit {
            self.unit = unit.cloned();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The newest.
    pub(super) fn memory(&self) -> Option<Memory> {
        self.samples.back().map(|(_, kept)| kept.memory())
    }

    /// When the newest was.
    pub(super) fn last_seen(&self) -> Option<Timestamp> {
        self.samples.back().map(|(ts, _)| *ts)
    }

    /// The newest, with its names.
    pub(super) fn last(&self, path: &str) -> Option<BeforeSample> {
        self.all(path).next_back()
    }

    /// In their order.
    pub(super) fn all(&self, path: &str) -> impl DoubleEndedIterator<Item = BeforeSample> {
        self.samples.iter().map(move |(ts, kept)| BeforeSample {
            ts: *ts,
            cgroup: Some(path.to_owned()),
            unit: self.unit.clone(),
            memory: kept.memory(),
        })
    }

    /// What it takes on the heap, in bytes.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        self.samples.capacity() * size_of::<(Timestamp, Kept)>() + self.unit.as_ref().map_or(0, String::capacity)
    }
}

impl Kept {
    fn from(memory: &Memory) -> Self {
        let Memory {
            current,
            peak,
            low,
            high,
            max,
            swap_current,
            swap_max,
            anon,
            file,
            shmem,
            kernel,
            slab_reclaimable,
            slab_unreclaimable,
            sock,
        } = *memory;
        let sizes = [
            current,
            peak,
            low,
            high,
            max,
            swap_current,
            swap_max,
            anon,
            file,
            shmem,
            kernel,
            slab_reclaimable,
            slab_unreclaimable,
            sock,
        ];
        Self(sizes.map(|size| size.map_or(UNKNOWN, |size| size.0)))
    }

    fn memory(&self) -> Memory {
        let [
            current,
            peak,
            low,
            high,
            max,
            swap_current,
            swap_max,
            anon,
            file,
            shmem,
            kernel,
            slab_reclaimable,
            slab_unreclaimable,
            sock,
        ] = self
            .0
            .map(|size| (size != UNKNOWN).then_some(crate::measure::Bytes(size)));
        Memory {
            current,
            peak,
            low,
            high,
            max,
            swap_current,
            swap_max,
            anon,
            file,
            shmem,
            kernel,
            slab_reclaimable,
            slab_unreclaimable,
            sock,
        }
    }
}
