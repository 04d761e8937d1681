use super::*;

/// 2.6.18: neither shared memory nor the two kinds of slab are told.
const V2_6_18: &str = "MemTotal: 24675128 kB\nMemFree: 1017340 kB\nBuffers: 172424 kB\nCached: 9777444 kB
SwapCached: 572784 kB\nActive: 16491440 kB\nInactive: 6170608 kB\nSwapTotal: 34996216 kB\nSwapFree: 32120548 kB
AnonPages: 12699740 kB\nMapped: 50432 kB\nSlab: 898396 kB\nPageTables: 39956 kB\nBounce: 0 kB
VmallocTotal: 34359738367 kB\nVmallocUsed: 280808 kB\nVmallocChunk: 34359457531 kB\n";

/// 3.x, which 2.6.32 differs from in `MemAvailable` alone: `VmallocUsed` is address ranges.
const V3: &str = "MemTotal:        1019732 kB\nMemFree:           50012 kB\nMemAvailable:     710280 kB
Buffers:          127524 kB\nCached:           405964 kB\nSwapCached:            0 kB\nActive:           534460 kB
Inactive:         217228 kB\nUnevictable:           0 kB\nAnonPages:        218200 kB\nMapped:            79532 kB
Shmem:               612 kB\nSlab:             196700 kB\nSReclaimable:     141768 kB\nSUnreclaim:        54932 kB
KernelStack:        2656 kB\nPageTables:         3992 kB\nNFS_Unstable:          0 kB\nBounce:                0 kB
WritebackTmp:          0 kB\nVmallocTotal:   34359738367 kB\nVmallocUsed:        6740 kB
VmallocChunk:   34359728376 kB\nHardwareCorrupted:     0 kB\nAnonHugePages:     55296 kB\nHugePages_Total:       0
HugePages_Free:        0\nHugePages_Rsvd:        0\nHugePages_Surp:        0\nHugepagesize:       2048 kB
DirectMap4k:      196608 kB\nDirectMap2M:      983040 kB\n";

/// 6.18.
const V6_18: &str = "MemTotal:       24684084 kB\nMemFree:         4979992 kB\nMemAvailable:   19254780 kB
Buffers:           69628 kB\nCached:         14006264 kB\nSwapCached:            0 kB\nActive:          5938868 kB
Inactive:       12756164 kB\nUnevictable:       18248 kB\nSwapTotal:             0 kB\nZswap:                 0 kB
Zswapped:              0 kB\nAnonPages:       4637484 kB\nMapped:           214752 kB\nShmem:              8872 kB
KReclaimable:     613148 kB\nSlab:             696972 kB\nSReclaimable:     613148 kB\nSUnreclaim:        83824 kB
KernelStack:        3920 kB\nPageTables:        20680 kB\nSecPageTables:         0 kB\nNFS_Unstable:          0 kB
Bounce:                0 kB\nWritebackTmp:          0 kB\nVmallocTotal:   34359738367 kB\nVmallocUsed:       22656 kB
VmallocChunk:          0 kB\nPercpu:             1024 kB\nAnonHugePages:   2066432 kB\nShmemHugePages:        0 kB
FileHugePages:    598016 kB\nBalloon:               0 kB\nHugePages_Total:       0\nHugepagesize:       2048 kB
Hugetlb:               0 kB\n";

fn ledger(text: &str) -> Ledger {
    Meminfo::parse(text).ledger()
}

/// A kernel's file with one line changed, or one more.
fn with(text: &str, name: &str, value: &str) -> Ledger {
    let line = |line: &str| line.split(':').next() == Some(name);
    let others = text
        .lines()
        .filter(|other| !line(other))
        .fold(String::new(), |all, line| all + line + "\n");
    ledger(&format!("{others}{name}: {value}\n"))
}

fn kib(size: Option<Bytes>) -> Option<u64> {
    size.map(|size| size.0 / 1024)
}

#[test]
fn what_no_counter_has_is_the_same_by_hand_on_each_kernel() {
    // MemTotal - MemFree - (Buffers + Cached) - AnonPages - Slab - KernelStack - PageTables, and what each has beside that.
    assert_eq!(
        kib(ledger(V3).unaccounted),
        Some(1_019_732 - 50_012 - 533_488 - 218_200 - 196_700 - 2_656 - 3_992)
    );
    let now = 24_684_084 - 4_979_992 - 14_075_892 - 4_637_484 - 696_972 - 22_656 - 20_680 - 1_024;
    assert_eq!(kib(ledger(V6_18).unaccounted), Some(now));
}

#[test]
fn a_kernel_that_does_not_tell_all_says_so() {
    let old = ledger(V2_6_18);
    assert_eq!(
        (old.slab_reclaimable, old.shmem, old.file, old.unaccounted),
        (None, None, None, None)
    );
    assert_eq!((kib(old.anon), kib(old.total)), (Some(12_699_740), Some(24_675_128)));
    let older = ledger(V3);
    assert_eq!(
        (older.percpu, older.zswap, older.balloon, older.sec_pagetables),
        (None, None, None, None)
    );
    assert_eq!(ledger("MemTotal: x kB\nMemFree"), Ledger::default());
}

#[test]
fn vmalloc_counts_where_it_is_pages_and_without_the_stacks_that_are_in_it() {
    assert_eq!(ledger(V3).vmalloc, None, "address ranges");
    assert_eq!(
        with(V3, "VmallocChunk", "0 kB").vmalloc.map(|size| size.0 / 1024),
        Some(6_740 - 2_656)
    );
    assert_eq!(
        with(V6_18, "VmallocUsed", "0 kB").vmalloc,
        None,
        "4.4 to 5.2 do not count them"
    );
    assert_eq!(kib(ledger(V6_18).vmalloc), Some(22_656 - 3_920));
}

#[test]
fn a_page_that_is_mapped_and_in_the_swap_cache_is_counted_once() {
    // 1,000 pages' worth more stands on the lists than the other counters have; the rest of the swap cache is mapped.
    let lists =
        "MemTotal: 9000 kB\nAnonPages: 3000 kB\nCached: 2000 kB\nBuffers: 0 kB\nActive: 5000 kB\nInactive: 900 kB";
    let text = format!("{lists}\nUnevictable: 100 kB\nSwapCached: 2500 kB\n");
    assert_eq!(kib(ledger(&text).swap_cached), Some(1000));
    assert_eq!(ledger(&format!("{lists}\nSwapCached: 2500 kB\n")).swap_cached, None);
    assert_eq!(
        kib(with(&text, "SwapCached", "300 kB").swap_cached),
        Some(300),
        "never more than there is"
    );
}

#[test]
fn what_newer_kernels_tell_is_no_longer_unaccounted() {
    let before = kib(ledger(V6_18).unaccounted).unwrap();
    for name in [
        "GPUActive",
        "GPUReclaim",
        "Balloon",
        "Zswap",
        "SecPageTables",
        "Hugetlb",
        "HardwareCorrupted",
    ] {
        let now = kib(with(V6_18, name, "1000 kB").unaccounted);
        assert_eq!(now, Some(before - 1000), "{name}");
    }
    // Of these each page is in another counter too.
    for name in [
        "AnonHugePages",
        "Mapped",
        "CmaTotal",
        "CmaFree",
        "ShadowCallStack",
        "Unaccepted",
        "FileHugePages",
    ] {
        assert_eq!(kib(with(V6_18, name, "1000 kB").unaccounted), Some(before), "{name}");
    }
    assert_eq!(
        kib(with(V6_18, "KReclaimable", "614148 kB").unaccounted),
        Some(before - 1000)
    );
    let zram = Ledger {
        zram: Some(Bytes::from_kib(1000)),
        ..ledger(V6_18)
    }
    .balanced();
    assert_eq!(kib(zram.unaccounted), Some(before - 1000));
    assert_eq!(kib(with(V3, "HugePages_Total", "3").hugetlb), Some(6144));
}
