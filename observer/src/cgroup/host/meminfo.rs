//! `/proc/meminfo` (fs/proc/meminfo.c: `meminfo_proc_show`): its values, and the ledger that they make. Which of them overlap
//! docs/decisions/ledger.md says.

use std::collections::HashMap;

use crate::event::Ledger;
use crate::measure::Bytes;

/// The values by their names.
pub(super) struct Meminfo<'a>(HashMap<&'a str, u64>);

impl<'a> Meminfo<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let lines = text.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name, value.split_whitespace().next()?.parse().ok()?))
        });
        Self(lines.collect())
    }

    /// What is told in kB; `None` where this kernel has no such line.
    pub(super) fn size(&self, name: &str) -> Option<Bytes> {
        self.0.get(name).copied().map(Bytes::from_kib)
    }

    /// Pages of `vmalloc`, those of the kernel's stacks too. Since 5.3 they are counted; from 4.4 on `VmallocUsed` was 0, and
    /// before that the size of address ranges, of devices too, which `VmallocChunk` gives away: it is 0 since 4.4.
    pub(super) fn vmalloc(&self) -> Option<Bytes> {
        let counts_pages = self.size("VmallocChunk").unwrap_or_default() == Bytes(0);
        self.size("VmallocUsed").filter(|used| counts_pages && used.0 > 0)
    }

    /// The pools of huge pages: of all sizes since 4.15, before that of the usual size.
    fn hugetlb(&self) -> Option<Bytes> {
        let usual = || {
            let count = self.0.get("HugePages_Total")?;
            Some(Bytes(self.size("Hugepagesize")?.0.saturating_mul(*count)))
        };
        self.size("Hugetlb").or_else(usual)
    }

    /// What is in the swap cache and not in `AnonPages`. The LRU lists have each page once, the counters have a page that is
    /// mapped and in the swap cache twice: what the lists have beyond the other counters is the swap cache's alone.
    fn swap_cached(&self) -> Option<Bytes> {
        let cached = self.size("SwapCached")?;
        if cached.0 == 0 {
            return Some(cached);
        }
        let sum = |names: [&str; 3]| {
            let sizes = names.iter().map(|name| self.size(name).map(|size| size.0));
            sizes.sum::<Option<u64>>().map(Bytes)
        };
        let lists = sum(["Active", "Inactive", "Unevictable"])?;
        let others = sum(["AnonPages", "Cached", "Buffers"])?;
        Some(lists.saturating_sub(others).min(cached))
    }

    /// What all of it is used for. What zram devices take is told elsewhere.
    pub(super) fn ledger(&self) -> Ledger {
        let size = |name: &str| self.size(name);
        let less = |whole: Option<Bytes>, part: Option<Bytes>| Some(whole?.saturating_sub(part?));
        let cache = size("Buffers").zip(size("Cached"));
        let cache = cache.map(|(buffers, cached)| Bytes(buffers.0.saturating_add(cached.0)));
        let others = ["Bounce", "WritebackTmp", "Quicklists", "HardwareCorrupted"];
        let others = others.iter().filter_map(|name| size(name));
        Ledger {
            total: size("MemTotal"),
            free: size("MemFree"),
            anon: size("AnonPages"),
            file: less(cache, size("Shmem")),
            shmem: size("Shmem"),
            swap_cached: self.swap_cached(),
            slab_reclaimable: size("SReclaimable"),
            slab_unreclaimable: size("SUnreclaim"),
            misc_reclaimable: less(size("KReclaimable"), size("SReclaimable")),
            kernel_stack: size("KernelStack"),
            pagetables: size("PageTables"),
            sec_pagetables: size("SecPageTables"),
            percpu: size("Percpu"),
            vmalloc: less(self.vmalloc(), size("KernelStack")),
            hugetlb: self.hugetlb(),
            zram: None,
            zswap: size("Zswap"),
            gpu_active: size("GPUActive"),
            gpu_reclaim: size("GPUReclaim"),
            balloon: size("Balloon"),
            other: others.reduce(|sum, size| Bytes(sum.0.saturating_add(size.0))),
            unaccounted: None,
            cma_total: size("CmaTotal"),
            cma_free: size("CmaFree"),
        }
        .balanced()
    }
}

#[cfg(test)]
mod tests;
