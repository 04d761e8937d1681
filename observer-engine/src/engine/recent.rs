//! The last samples of a cgroup, for the kill that may come.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::event::{BeforeSample, Memory};
use crate::measure::{Bytes, Timestamp};

/// The last few, of which only the newest names are kept.
#[derive(Debug, Default)]
pub(super) struct Recent {
    samples: VecDeque<(Timestamp, Kept)>,
    unit: Option<Box<str>>,
}

/// A [`Memory`] in a fraction of its size: which sizes are known, a bit each, and those in their order.
///
/// A size is mostly a number of pages, and kept as one then: in as many groups of seven bits as it has, of which the last
/// bit tells pages from bytes.
#[derive(Debug)]
struct Kept(Box<[u8]>);

/// Bytes of the bits that tell which sizes are known.
const KNOWN: usize = size_of::<u32>();
const _: () = assert!(Memory::COUNT <= u32::BITS as usize, "a bit for each size");

/// Bytes of a size at most: 65 bits in groups of seven.
const LONGEST: usize = 10;

/// The bytes of a page as a power of two.
const PAGE_SHIFT: u32 = 12;

impl Recent {
    /// Takes one, keeps `room`.
    pub(super) fn push(&mut self, ts: Timestamp, unit: Option<&str>, memory: &Memory, room: usize) {
        while self.samples.len() >= room.max(1) {
            self.samples.pop_front();
        }
        if self.samples.capacity() > room {
            self.samples.shrink_to(room);
        }
        // Most cgroups are seen once and never move.
        if self.samples.len() == self.samples.capacity() {
            let more = self.samples.len().max(1).min(room.saturating_sub(self.samples.len()));
            self.samples.reserve_exact(more);
        }
        self.samples.push_back((ts, Kept::from(memory)));
        if self.unit.as_deref() != unit {
            self.unit = unit.map(Box::from);
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
            unit: self.unit.as_deref().map(str::to_owned),
            memory: kept.memory(),
        })
    }

    /// What it takes on the heap, in bytes.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        let kept: usize = self.samples.iter().map(|(_, kept)| kept.0.len()).sum();
        self.samples.capacity() * size_of::<(Timestamp, Kept)>()
            + kept
            + self.unit.as_ref().map_or(0, |unit| unit.len())
    }
}

impl Kept {
    fn from(memory: &Memory) -> Self {
        let sizes = memory.sizes();
        let known = (0..)
            .zip(&sizes)
            .fold(0, |known, (place, size)| known | u32::from(size.is_some()) << place);
        let mut bytes: SmallVec<[u8; KNOWN + Memory::COUNT * LONGEST]> = SmallVec::new();
        bytes.extend_from_slice(&known.to_le_bytes());
        for Bytes(size) in sizes.into_iter().flatten() {
            let pages = size >> PAGE_SHIFT;
            let is_pages = pages << PAGE_SHIFT == size;
            let mut rest = u128::from(if is_pages { pages } else { size }) << 1 | u128::from(is_pages);
            while rest >= 0x80 {
                bytes.push(rest.to_le_bytes()[0] | 0x80);
                rest >>= 7;
            }
            bytes.push(rest.to_le_bytes()[0]);
        }
        Self(bytes.as_slice().into())
    }

    fn memory(&self) -> Memory {
        let (known, bytes) = self.0.split_first_chunk::<KNOWN>().unwrap_or((&[0; KNOWN], &[]));
        let known = u32::from_le_bytes(*known);
        let mut bytes = bytes.iter();
        let mut size = || {
            let (mut word, mut shift) = (0_u128, 0);
            for byte in bytes.by_ref() {
                word |= u128::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let size = u64::try_from(word >> 1).unwrap_or(u64::MAX);
            Bytes(if word & 1 == 1 { size << PAGE_SHIFT } else { size })
        };
        Memory::from_sizes(std::array::from_fn(|place| (known >> place & 1 == 1).then(&mut size)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_kept_is_what_was_told(
            sizes in proptest::array::uniform::<_, { Memory::COUNT }>(prop_oneof![
                Just(None),
                any::<u64>().prop_map(Some),
                (0_u64..1 << 24).prop_map(|pages| Some(pages << PAGE_SHIFT)),
                Just(Some(u64::MAX)),
                Just(Some(u64::MAX << PAGE_SHIFT)),
            ])
        ) {
            let memory = Memory::from_sizes(sizes.map(|size| size.map(Bytes)));
            prop_assert_eq!(Kept::from(&memory).memory(), memory);
        }
    }
}
