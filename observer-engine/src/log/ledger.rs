//! What all of the machine's memory was used for, as `Mem-Info` shows it at a global OOM (mm/show_mem.c: `show_free_areas`,
//! `__show_mem`). It tells no per-CPU memory, no vmalloc, no zswap and no zram: those are within what is unaccounted.

use crate::event::Ledger;
use crate::measure::Bytes;

/// Counters in pages that every kernel tells once, or adds to: `name:count`.
const NAMES: [&str; 17] = [
    "active_anon",
    "inactive_anon",
    "isolated_anon",
    "active_file",
    "inactive_file",
    "isolated_file",
    "unevictable",
    "slab_reclaimable",
    "slab_unreclaimable",
    "kernel_misc_reclaimable",
    "shmem",
    "pagetables",
    "sec_pagetables",
    "bounce",
    "free",
    "free_pcp",
    "free_cma",
];

/// What is told of each node only, in KiB.
const OF_NODES: [&str; 3] = ["Balloon", "gpu_active", "gpu_reclaim"];

/// Lists that are told of the machine in pages, and of each node in KiB.
const BOTH: [&str; 5] = [
    "active_anon",
    "inactive_anon",
    "active_file",
    "inactive_file",
    "unevictable",
];

/// What stands on the LRU lists, each page once.
const LISTS: [&str; 7] = [
    "active_anon",
    "inactive_anon",
    "isolated_anon",
    "active_file",
    "inactive_file",
    "isolated_file",
    "unevictable",
];

/// What a page may be, as a power of two: 4 KiB to 256 KiB.
const PAGES: std::ops::RangeInclusive<u32> = 12..=18;

/// The counters of `Mem-Info`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// In pages, by the places of the names.
    pages: [Option<u64>; NAMES.len()],
    ram: Option<u64>,
    reserved: Option<u64>,
    poisoned: Option<u64>,
    cma: Option<u64>,
    /// All of the page cache, shared memory and the swap cache with it.
    cache: Option<u64>,
    swap_cache: Option<u64>,
    /// Told of each node or zone, in KiB.
    stacks: Option<u64>,
    /// As [`OF_NODES`] has them.
    nodes: [Option<u64>; OF_NODES.len()],
    /// The sum of [`BOTH`], of all nodes.
    lists: Option<u64>,
    hugetlb: Option<u64>,
}

impl Counters {
    /// Takes a line; whether it was one of these. Its parts may have been joined by what stands for a line's end.
    pub(super) fn line(&mut self, text: &str) -> bool {
        let text = text.trim();
        if let Some((count, what)) = text.split_once(' ')
            && let Ok(count) = count.parse()
        {
            let kept = match what {
                "pages RAM" => &mut self.ram,
                "pages reserved" => &mut self.reserved,
                "pages hwpoisoned" => &mut self.poisoned,
                "pages cma reserved" => &mut self.cma,
                "total pagecache pages" => &mut self.cache,
                "pages in swap cache" => &mut self.swap_cache,
                _ => return false,
            };
            *kept = Some(count);
            return true;
        }
        if text.contains("hugepages_total=") {
            self.pool(text);
            return true;
        }
        let mut known = false;
        for word in text.replace("#012", " ").replace("\\x0a", " ").split_whitespace() {
            let Some((name, count)) = word.trim_end_matches('"').split_once(':') else {
                continue;
            };
            let name = name.rsplit('>').next().unwrap_or_default();
            if name == "kernel_stack" {
                add(&mut self.stacks, count.strip_suffix("kB"));
            }
            if let Some(size) = count.strip_suffix("kB") {
                self.of_node(name, size);
            }
            // A node's or a zone's own are in KiB.
            let place = NAMES.iter().position(|known| *known == name);
            let kept = place.and_then(|place| self.pages.get_mut(place));
            if let (Some(kept), Ok(count)) = (kept, count.parse()) {
                *kept = Some(count);
                known = true;
            }
        }
        known
    }

    fn of_node(&mut self, name: &str, kib: &str) {
        let place = OF_NODES.iter().position(|known| *known == name);
        if let Some(sum) = place.and_then(|place| self.nodes.get_mut(place)) {
            add(sum, Some(kib));
        }
        if BOTH.contains(&name) {
            add(&mut self.lists, Some(kib));
        }
    }

    /// How large a page is: what is told in pages once, and of the nodes in KiB. The two are counted one after the other.
    pub(crate) fn page(&self) -> Option<Bytes> {
        let pages = BOTH.iter().map(|name| self.of(name)).sum::<Option<u64>>()?;
        let bytes = self.lists?.checked_mul(1024)?;
        let fits = |page: u64| {
            let expected = page.saturating_mul(pages);
            expected.abs_diff(bytes) < expected / 20
        };
        PAGES.map(|shift| 1_u64 << shift).find(|page| fits(*page)).map(Bytes)
    }

    /// What is told of each node or zone, from a line that is about more than that.
    pub(super) fn stacks(&mut self, values: &str) {
        for value in values.split(' ') {
            if let Some(size) = value.strip_prefix("kernel_stack:") {
                add(&mut self.stacks, size.strip_suffix("kB"));
            }
        }
    }

    /// `Node 0 hugepages_total=4 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB`
    fn pool(&mut self, text: &str) {
        let value = |name: &str| text.split(' ').find_map(|word| word.strip_prefix(name));
        let count: Option<u64> = value("hugepages_total=").and_then(|count| count.parse().ok());
        let size: Option<u64> = value("hugepages_size=").and_then(|size| size.strip_suffix("kB")?.parse().ok());
        if let Some(sum) = count.zip(size).map(|(count, size)| count.saturating_mul(size)) {
            self.hugetlb = Some(self.hugetlb.unwrap_or(0).saturating_add(sum));
        }
    }

    /// How many free pages lie where only movable ones may, in all zones.
    pub(crate) fn free_cma(&self) -> Option<u64> {
        self.of("free_cma")
    }

    fn of(&self, name: &str) -> Option<u64> {
        let place = NAMES.iter().position(|known| *known == name)?;
        self.pages.get(place).copied().flatten()
    }

    /// What it was used for; `None` where nothing of it is told. A page is as large as this.
    #[must_use]
    pub fn ledger(&self, page: Bytes) -> Option<Ledger> {
        let size = |pages: Option<u64>| pages.map(|pages| Bytes(pages.saturating_mul(page.0)));
        let total = self.ram?.checked_sub(self.reserved?);
        let lists = LISTS.iter().map(|name| self.of(name));
        let lists = lists.sum::<Option<u64>>();
        // Not told by a kernel without swap.
        let swap_cache = self.swap_cache.unwrap_or(0);
        let cache = self.cache.and_then(|cache| cache.checked_sub(swap_cache));
        let shmem = self.of("shmem");
        // On kernels that keep them, free pages of the CPUs' own lists.
        let free = self
            .of("free")
            .map(|free| free.saturating_add(self.of("free_pcp").unwrap_or(0)));
        let other = [self.of("bounce"), self.poisoned].into_iter().flatten();
        let [balloon, gpu_active, gpu_reclaim] = self.nodes;
        let of_nodes = |size: Option<u64>| size.map(Bytes::from_kib);
        let ledger = Ledger {
            total: size(total),
            free: size(free),
            anon: size(lists.zip(cache).map(|(lists, cache)| lists.saturating_sub(cache))),
            file: size(cache.zip(shmem).map(|(cache, shmem)| cache.saturating_sub(shmem))),
            shmem: size(shmem),
            slab_reclaimable: size(self.of("slab_reclaimable")),
            slab_unreclaimable: size(self.of("slab_unreclaimable")),
            misc_reclaimable: size(self.of("kernel_misc_reclaimable")),
            kernel_stack: self.stacks.map(Bytes::from_kib),
            pagetables: size(self.of("pagetables")),
            sec_pagetables: size(self.of("sec_pagetables")),
            hugetlb: self.hugetlb.map(Bytes::from_kib),
            gpu_active: of_nodes(gpu_active),
            gpu_reclaim: of_nodes(gpu_reclaim),
            balloon: of_nodes(balloon),
            other: size(other.reduce(u64::saturating_add)),
            cma_total: size(self.cma),
            cma_free: size(self.of("free_cma")),
            ..Ledger::default()
        };
        Some(ledger.balanced())
    }
}

fn add(sum: &mut Option<u64>, more: Option<&str>) {
    if let Some(more) = more.and_then(|more| more.parse::<u64>().ok()) {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn read(text: &str) -> Ledger {
        let mut counters = Counters::default();
        for line in text.lines() {
            counters.line(line);
        }
        counters.ledger(Bytes(4096)).unwrap()
    }

    #[test]
    fn what_no_counter_has_is_told_of_a_log() {
        // 1,024 MiB, of which 600 are no counter's.
        let text = "active_anon:25600 inactive_anon:25600 isolated_anon:0\n active_file:256 inactive_file:256 isolated_file:0
 unevictable:0 dirty:0 writeback:0\n slab_reclaimable:2560 slab_unreclaimable:2560\n mapped:256 shmem:2560 pagetables:2560
 sec_pagetables:0 bounce:0\n kernel_misc_reclaimable:0\n free:40000 free_pcp:448 free_cma:0
Node 0 active_anon:102400kB inactive_anon:102400kB shmem:10240kB kernel_stack:2560kB pagetables:10240kB
Node 0 hugepages_total=4 hugepages_free=4 hugepages_surp=0 hugepages_size=2048kB
3584 total pagecache pages\n512 pages in swap cache\n270000 pages RAM\n7856 pages reserved";
        let ledger = read(text);
        let mib = |size: Option<Bytes>| size.map(|size| size.0 / MIB);
        assert_eq!((mib(ledger.total), mib(ledger.free)), (Some(1024), Some(158)));
        assert_eq!(
            (mib(ledger.anon), mib(ledger.shmem), mib(ledger.file)),
            (Some(190), Some(10), Some(2))
        );
        assert_eq!(
            (ledger.kernel_stack, mib(ledger.hugetlb)),
            (Some(Bytes(2_621_440)), Some(8))
        );
        assert_eq!((ledger.vmalloc, ledger.percpu, ledger.zram), (None, None, None));
        assert_eq!(mib(ledger.unaccounted), Some(623));
    }

    #[test]
    fn a_log_that_does_not_tell_all_leaves_nothing_to_conclude() {
        let text = "270000 pages RAM\n7856 pages reserved\nactive_anon:1 inactive_anon:1 isolated_anon:0";
        assert_eq!(read(text).unaccounted, None);
        assert_eq!(Counters::default().ledger(Bytes(4096)), None);
    }
}
