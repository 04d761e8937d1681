//! The machine's own memory: the limit above every cgroup's.

use std::fs;

use super::files;
use crate::event::{Limit, Memory, Pressure, Relation};
use crate::measure::Bytes;

/// The machine's memory, from `/proc/meminfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostMemory {
    /// `MemTotal`.
    pub total: Bytes,
    /// `MemAvailable`.
    pub available: Bytes,
    /// `SwapTotal`.
    pub swap_total: Bytes,
    /// `SwapFree`.
    pub swap_free: Bytes,
    /// What it is made of, where the kernel tells.
    pub parts: Memory,
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
        let value = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse().ok().map(Bytes::from_kib)
        };
        Some(Self {
            total: value("MemTotal")?,
            available: value("MemAvailable")?,
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
                vmalloc: value("VmallocUsed"),
                hugetlb: value("Hugetlb"),
                zswap: value("Zswap"),
                zswapped: value("Zswapped"),
                ..Memory::default()
            },
        })
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
        assert_eq!(memory.parts.pagetables, None);
        let parts = HostMemory::parse(&format!("{text}KernelStack: 1 kB\nPageTables: 2 kB\nPercpu: 3 kB\n"));
        let parts = parts.unwrap().parts;
        assert_eq!(
            (parts.kernel_stack, parts.pagetables, parts.percpu),
            (Some(Bytes(1024)), Some(Bytes(2048)), Some(Bytes(3072)))
        );
    }
}
