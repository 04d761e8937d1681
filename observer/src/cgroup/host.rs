//! The machine's own memory: the limit above every cgroup's.

mod meminfo;
mod zram;

use std::fs;

use meminfo::Meminfo;

use super::files;
use crate::event::{Ledger, Limit, Memory, Pressure, Relation};
use crate::measure::Bytes;

/// The machine's memory, from `/proc/meminfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostMemory {
    /// `MemTotal`.
    pub total: Bytes,
    /// `MemAvailable`, and what graphics drivers keep and give back when asked: that has a shrinker, and the kernel's estimate
    /// does not know of it (mm/show_mem.c: `si_mem_available`).
    pub available: Bytes,
    /// `SwapTotal`.
    pub swap_total: Bytes,
    /// `SwapFree`.
    pub swap_free: Bytes,
    /// What it is made of, where the kernel tells.
    pub parts: Memory,
    /// What all of it is used for, without what other files tell.
    ledger: Ledger,
}

/// The machine's own pressure; `None` where the kernel was built or booted without it.
#[must_use]
pub fn pressure() -> Option<Pressure> {
    let text = fs::read_to_string("/proc/pressure/memory").ok()?;
    files::pressure(&text)
}

impl HostMemory {
    /// Reads it; `None` where `/proc` cannot be read.
    #[must_use]
    pub fn read() -> Option<Self> {
        fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| Self::parse(&text))
    }

    fn parse(text: &str) -> Option<Self> {
        let meminfo = Meminfo::parse(text);
        let value = |name: &str| meminfo.size(name);
        let gpu_reclaim = value("GPUReclaim").unwrap_or_default();
        Some(Self {
            total: value("MemTotal")?,
            available: Bytes(value("MemAvailable")?.0.saturating_add(gpu_reclaim.0)),
            swap_total: value("SwapTotal").unwrap_or_default(),
            swap_free: value("SwapFree").unwrap_or_default(),
            parts: Memory {
                anon: value("AnonPages"),
                file: value("Cached"), // shmem included, as in memory.stat
                shmem: value("Shmem"),
                slab_reclaimable: value("SReclaimable"),
                slab_unreclaimable: value("SUnreclaim"),
                kernel_stack: value("KernelStack"),
                pagetables: value("PageTables"),
                sec_pagetables: value("SecPageTables"),
                percpu: value("Percpu"),
                vmalloc: meminfo.vmalloc(),
                hugetlb: value("Hugetlb"),
                zswap: value("Zswap"),
                zswapped: value("Zswapped"),
                ..Memory::default()
            },
            ledger: meminfo.ledger(),
        })
    }

    /// What all of it is used for. Reads what zram devices take.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let zram = zram::held();
        Ledger { zram, ..self.ledger }.balanced()
    }

    /// What is in use and cannot be had back: total less available.
    #[must_use]
    pub fn used(&self) -> Bytes {
        self.total.saturating_sub(self.available)
    }

    /// As a sample has it. `current` is what cannot be had back.
    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory {
            current: Some(self.used()),
            swap_current: Some(self.swap_total.saturating_sub(self.swap_free)),
            ..self.parts
        }
    }

    /// The machine's memory as a limit.
    #[must_use]
    pub fn limit(&self) -> Limit {
        Limit {
            cgroup: "/".to_owned(),
            unit: None,
            relation: Relation::Host,
            file: "MemTotal".to_owned(),
            bytes: self.total,
            usage: Some(self.used()),
            reclaimable: Some(Bytes(0)), // `MemAvailable` has it already
            swap_usage: Some(self.swap_total.saturating_sub(self.swap_free)),
            swap_room: Some(self.swap_free),
        }
    }
}

/// Every parser of this module, for `super::feed`.
pub(super) fn feed(text: &str) {
    if let Some(host) = HostMemory::parse(text) {
        let _ = (host.used(), host.limit(), host.ledger());
    }
    zram::feed(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_in_kib() {
        let text =
            "MemTotal:        1000 kB\nMemFree: 1 kB\nMemAvailable:     400 kB\nSwapTotal: 8 kB\nSwapFree: 8 kB\n";
        let memory = HostMemory::parse(text).unwrap();
        assert_eq!((memory.total, memory.used()), (Bytes(1_024_000), Bytes(614_400)));
        assert_eq!(HostMemory::parse("MemTotal: x kB"), None);
        let keeps = HostMemory::parse(&format!("{text}GPUReclaim: 100 kB\n"));
        assert_eq!(keeps.map(|memory| memory.used()), Some(Bytes(512_000)));
        assert_eq!(memory.parts.pagetables, None);
        let parts = HostMemory::parse(&format!("{text}KernelStack: 1 kB\nPageTables: 2 kB\nPercpu: 3 kB\n"));
        let parts = parts.unwrap().parts;
        assert_eq!(
            (parts.kernel_stack, parts.pagetables, parts.percpu),
            (Some(Bytes(1024)), Some(Bytes(2048)), Some(Bytes(3072)))
        );
    }
}
