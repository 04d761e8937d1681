//! The kernel's caches for objects of one kind, of the whole host: of one cgroup the kernel tells the sum alone.

use std::collections::HashMap;
use std::fs;

use crate::measure::{Bytes, Pages};
use crate::page;

/// Caches that are kept: a kernel has some 200.
const MAX: usize = 1_024;

/// A cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cache {
    /// What it holds.
    pub bytes: Bytes,
    /// Objects in use.
    pub objects: u64,
}

/// All caches by name; `None` where they may not be read. Reading takes the kernel some milliseconds on a large host: it looks at every
/// partly filled slab (mm/slub.c: `count_partial`).
#[must_use]
pub fn slab() -> Option<HashMap<String, Cache>> {
    let text = fs::read("/proc/slabinfo").ok()?;
    let lines = text.split(|byte| *byte == b'\n');
    Some(lines.filter_map(cache).take(MAX).collect())
}

/// A line of `/proc/slabinfo` (slabinfo(5)): `dentry 21000 21042 192 21 1 : tunables 0 0 0 : slabdata 1002 1002 0`.
pub(super) fn cache(line: &[u8]) -> Option<(String, Cache)> {
    let (objects, slabs) = std::str::from_utf8(line).ok()?.split_once(" : slabdata")?;
    let words: Vec<&str> = objects.split_ascii_whitespace().collect();
    let number = |place: usize| words.get(place)?.parse::<u64>().ok();
    let slabs = slabs.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()?;
    let cache = Cache {
        bytes: Pages(slabs.saturating_mul(number(5)?)).to_bytes(page::size()),
        objects: number(1)?,
    };
    Some(((*words.first()?).to_owned(), cache))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_read_with_what_its_slabs_take() {
        let line = b"kmalloc-8k            36     36   8192    4    8 : tunables    0    0    0 : slabdata      9      9      0";
        let (name, cache) = cache(line).unwrap();
        assert_eq!((name.as_str(), cache.objects), ("kmalloc-8k", 36));
        assert_eq!(cache.bytes, Pages(72).to_bytes(page::size()));
        assert_eq!(super::cache(b"slabinfo - version: 2.1"), None);
        assert_eq!(
            super::cache(b"# name            <active_objs> <num_objs> : tunables <limit> : slabdata <active_slabs>"),
            None
        );
    }
}
