//! Lists as they are read: no longer than any that is written.
//!
//! A stream may come from anybody, and what is done with a list may cost its length squared. What is beyond the bound is
//! read over.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// Entries of a list at most: a kill tells of so many processes, and a path has few limits.
pub(super) const FEW: usize = 64;

/// Entries of a list of samples: those of a unit and of each limit above it.
const SAMPLES: usize = 1_024;

pub(super) fn few<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(List(FEW, PhantomData))
}

/// Frames of a stack at most: what is followed of it has no room for more (observer-common: `STACK_LEN`).
pub const FRAMES: usize = 256;

pub(super) fn frames<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(List(FRAMES, PhantomData))
}

pub(super) fn samples<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(List(SAMPLES, PhantomData))
}

struct List<T>(usize, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while list.len() < self.0 {
            match seq.next_element()? {
                Some(entry) => list.push(entry),
                None => return Ok(list),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(list)
    }
}
