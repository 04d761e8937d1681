//! What all of a machine's memory is used for: each page once, and what is left that no counter has.
//!
//! Which counters overlap, and how that is taken out, docs/decisions/ledger.md says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::Bytes;

/// The machine's memory by what it is used for. No page is in two parts. What is not known is `null`, and is then within
/// `unaccounted`; the log of a kill tells fewer parts than `/proc/meminfo`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ledger {
    /// All memory that the kernel manages: `MemTotal`.
    pub total: Option<Bytes>,
    /// Free pages: `MemFree`.
    pub free: Option<Bytes>,
    /// Anonymous memory of processes: `AnonPages`, huge pages with it. From a log what is in the swap cache too.
    pub anon: Option<Bytes>,
    /// Page cache, of block devices too, and without shared memory: `Buffers` and `Cached` less `Shmem`.
    pub file: Option<Bytes>,
    /// Shared memory and files on a tmpfs: `Shmem`.
    pub shmem: Option<Bytes>,
    /// What is in swap and in memory, and that no process has mapped: a part of `SwapCached`.
    pub swap_cached: Option<Bytes>,
    /// `SReclaimable`.
    pub slab_reclaimable: Option<Bytes>,
    /// `SUnreclaim`.
    pub slab_unreclaimable: Option<Bytes>,
    /// What drivers hold and give back when asked: `KReclaimable` less `SReclaimable`.
    pub misc_reclaimable: Option<Bytes>,
    /// `KernelStack`.
    pub kernel_stack: Option<Bytes>,
    /// `PageTables`.
    pub pagetables: Option<Bytes>,
    /// Page tables of a second kind, as of virtual machines: `SecPageTables`.
    pub sec_pagetables: Option<Bytes>,
    /// What the kernel keeps once for each CPU: `Percpu`.
    pub percpu: Option<Bytes>,
    /// `VmallocUsed` less the kernel's stacks; `null` where that counts addresses and not pages, as before 5.3.
    pub vmalloc: Option<Bytes>,
    /// The pools of huge pages, used or not: `Hugetlb`.
    pub hugetlb: Option<Bytes>,
    /// What compressed pages take in zram devices: the third figure of `/sys/block/zram*/mm_stat`.
    pub zram: Option<Bytes>,
    /// What compressed pages take in front of swap: `Zswap`.
    pub zswap: Option<Bytes>,
    /// Pages of graphics objects: `GPUActive`.
    pub gpu_active: Option<Bytes>,
    /// Pages that graphics drivers keep and give back when asked: `GPUReclaim`.
    pub gpu_reclaim: Option<Bytes>,
    /// What was handed to the host of a virtual machine, as far as the machine's total still has it: `Balloon`.
    pub balloon: Option<Bytes>,
    /// `Bounce`, `WritebackTmp`, `Quicklists` and `HardwareCorrupted`.
    pub other: Option<Bytes>,
    /// What is left: pages that no counter has, as drivers take them directly.
    pub unaccounted: Option<Bytes>,
    /// The area that is set aside for large contiguous pieces: `CmaTotal`. Its pages are in the other parts.
    pub cma_total: Option<Bytes>,
    /// What of it is free, and in `free` too: `CmaFree`.
    pub cma_free: Option<Bytes>,
}

impl Ledger {
    /// The parts by names for people, `free` and `unaccounted` among them: together they are the total.
    fn named(&self) -> [(&'static str, Option<Bytes>); 21] {
        [
            ("free", self.free),
            ("anon", self.anon),
            ("file", self.file),
            ("shmem", self.shmem),
            ("swap cache", self.swap_cached),
            ("reclaimable slab", self.slab_reclaimable),
            ("unreclaimable slab", self.slab_unreclaimable),
            ("reclaimable by drivers", self.misc_reclaimable),
            ("kernel stacks", self.kernel_stack),
            ("page tables", self.pagetables),
            ("page tables of virtual machines", self.sec_pagetables),
            ("per-CPU memory", self.percpu),
            ("vmalloc", self.vmalloc),
            ("huge pages", self.hugetlb),
            ("zram", self.zram),
            ("zswap", self.zswap),
            ("graphics", self.gpu_active),
            ("reclaimable graphics", self.gpu_reclaim),
            ("balloon", self.balloon),
            ("other", self.other),
            (UNACCOUNTED, self.unaccounted),
        ]
    }

    /// Every part that is known, but for free pages, with a name for people.
    pub fn used(&self) -> impl Iterator<Item = (&'static str, Bytes)> {
        let parts = self.named().into_iter().skip(1);
        parts.filter_map(|(name, size)| Some((name, size?)))
    }

    /// With what is left of the total. That is known where the parts are that every kernel tells; and the balloon's pages,
    /// which some drivers take out of the total, count for no more than is left.
    #[must_use]
    pub fn balanced(mut self) -> Self {
        self.unaccounted = None;
        let basic = [
            self.free,
            self.anon,
            self.file,
            self.shmem,
            self.slab_reclaimable,
            self.slab_unreclaimable,
            self.pagetables,
        ];
        let Some(total) = self.total.filter(|_| basic.iter().all(Option::is_some)) else {
            return self;
        };
        let balloon = self.balloon.take();
        let known = self.named().into_iter().filter_map(|(_, size)| size);
        let rest = known.fold(total, Bytes::saturating_sub);
        self.balloon = balloon.map(|balloon| balloon.min(rest));
        self.unaccounted = Some(rest.saturating_sub(self.balloon.unwrap_or_default()));
        self
    }

    /// The names of the parts that are not told, and so are within what is unaccounted.
    pub fn untold(&self) -> impl Iterator<Item = &'static str> {
        let parts = self.named().into_iter();
        parts.filter_map(|(name, size)| size.is_none().then_some(name))
    }

    /// Whether no part of the kernel's own is missing that a machine may have much of.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.vmalloc.is_some() && self.percpu.is_some()
    }
}

/// What people read of memory that no counter has.
pub const UNACCOUNTED: &str = "unaccounted";

/// The part of the machine's memory that grows most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GrowingPart {
    /// Its name: `anon`, `unaccounted`.
    pub part: String,
    /// What it is now.
    pub held: Bytes,
    /// How fast it grew over the trend's window.
    pub bytes_per_second: f64,
    /// Its share of what all parts that grew did, 0 to 1.
    pub share: f64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each size in its turn, by the order of their names.
    fn ledger(sizes: impl IntoIterator<Item = Option<u64>>) -> Ledger {
        let mut fields = serde_json::to_value(Ledger::default()).unwrap();
        for (field, size) in fields.as_object_mut().unwrap().values_mut().zip(sizes) {
            *field = size.into();
        }
        serde_json::from_value(fields).unwrap()
    }

    fn sum(ledger: &Ledger) -> u64 {
        let known = ledger.named().into_iter().filter_map(|(_, size)| size);
        known.map(|size| size.0).sum()
    }

    proptest! {
        #[test]
        fn the_parts_are_the_total_and_nothing_is_counted_twice(
            sizes in proptest::array::uniform24(proptest::option::of(0..1_u64 << 40)),
            total in 0..1_u64 << 46,
        ) {
            let ledger = Ledger { total: Some(Bytes(total)), ..ledger(sizes) };
            let balanced = ledger.balanced();
            match balanced.unaccounted {
                None => prop_assert!(balanced.untold().next().is_some()),
                // Counters are read one after the other, and may be more together.
                Some(Bytes(0)) => prop_assert!(sum(&balanced) >= total),
                Some(_) => prop_assert_eq!(sum(&balanced), total),
            }
            prop_assert_eq!(balanced.balanced().unaccounted, balanced.unaccounted);
        }
    }

    #[test]
    fn without_a_part_that_every_kernel_tells_nothing_is_left_to_tell() {
        let all = Ledger {
            total: Some(Bytes(100)),
            ..ledger([Some(1); 24])
        }
        .balanced();
        assert_eq!(all.unaccounted, Some(Bytes(80)));
        assert_eq!(
            Ledger {
                slab_unreclaimable: None,
                ..all
            }
            .balanced()
            .unaccounted,
            None
        );
        let larger = Ledger { zram: None, ..all }.balanced();
        assert_eq!(larger.unaccounted, Some(Bytes(81)));
    }

    #[test]
    fn a_balloon_that_is_out_of_the_total_is_not_taken_from_it() {
        let all = Ledger {
            total: Some(Bytes(30)),
            balloon: Some(Bytes(1000)),
            ..ledger([Some(1); 24])
        };
        let all = all.balanced();
        assert_eq!((all.balloon, all.unaccounted), (Some(Bytes(11)), Some(Bytes(0))));
    }
}
