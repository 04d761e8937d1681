//! What the kernel accounts, and limits that cannot work as they are meant.

use std::fs;

use super::{Finding, State, not, ok, read};
use crate::cgroup::{Buffer, Hierarchy, MemoryFiles, Which, scan};
use crate::event::{self, CgroupVersion, Memory};
use crate::human::bytes;
use crate::measure::Bytes;
use crate::unit::UnitPath;

pub(super) fn version(hierarchy: &Hierarchy) -> Finding {
    let root = hierarchy.root().display().to_string();
    match hierarchy.version() {
        CgroupVersion::V2 => ok("cgroups", format!("v2 at {root}")),
        CgroupVersion::V1 | CgroupVersion::Hybrid => not(
            State::Warning,
            "cgroups",
            format!("memory on v1 at {root}"),
            "no memory.pressure, no memory.high, no memory.events.local",
            "boot with systemd.unified_cgroup_hierarchy=1",
        ),
    }
}

/// v2 alone: on v1 the hierarchy is the controller's own.
pub(super) fn controllers(hierarchy: &Hierarchy) -> Option<Finding> {
    let file = |name: &str| fs::read_to_string(hierarchy.root().join(name)).ok();
    if hierarchy.version() != CgroupVersion::V2 {
        return None;
    }
    let there = file("cgroup.controllers")?.trim().to_owned();
    let has_memory = |list: &str| list.split_whitespace().any(|name| name == "memory");
    Some(if !has_memory(&there) {
        not(
            State::Missing,
            "controllers",
            there,
            "no cgroup's memory is accounted",
            "boot without cgroup_disable=memory",
        )
    } else if !file("cgroup.subtree_control").is_some_and(|list| has_memory(&list)) {
        not(
            State::Warning,
            "controllers",
            format!("{there}; memory is not enabled below the root"),
            "no unit's memory is accounted",
            "set DefaultMemoryAccounting=yes in systemd's system.conf",
        )
    } else {
        ok("controllers", there)
    })
}

pub(super) fn pressure() -> Finding {
    match fs::read_to_string("/proc/pressure/memory") {
        Ok(_) => ok("pressure (PSI)", "/proc/pressure/memory"),
        Err(error) => not(
            State::Missing,
            "pressure (PSI)",
            format!("/proc/pressure/memory: {error}"),
            "stalls go unseen, and systemd-oomd does not work",
            "boot with psi=1",
        ),
    }
}

/// The sizes of every swap device, or none.
pub(super) fn swap() -> Finding {
    let devices: Vec<Bytes> = swaps();
    match devices.iter().map(|size| size.0).reduce(u64::saturating_add) {
        Some(size) => ok("swap", bytes(Bytes(size))),
        None => ok("swap", "none"),
    }
}

/// proc(5): a heading, then `name type size used priority`, sizes in KiB.
fn swaps() -> Vec<Bytes> {
    let text = read("/proc/swaps").unwrap_or_default();
    let size = |line: &str| line.split_whitespace().nth(2)?.parse().ok().map(Bytes::from_kib);
    text.lines().skip(1).filter_map(size).collect()
}

/// Limits that cannot work as they are meant.
pub(super) fn limits(hierarchy: &Hierarchy) -> Vec<Finding> {
    let memory = |path: &str| -> Option<Memory> {
        let files = MemoryFiles::open(hierarchy, path, Which::All).ok()?;
        files
            .read(Which::All, &mut Buffer::default())
            .ok()
            .map(|reading| reading.memory)
    };
    let has_swap = !swaps().is_empty();
    let found = scan(hierarchy);
    let mut paths: Vec<&str> = found.iter().map(|(_, path)| path.as_str()).collect();
    paths.sort_unstable();
    let mut findings = Vec::new();
    let mut accounted = None;
    for path in paths {
        let unit = UnitPath::parse(path);
        let Some(name) = unit.name().filter(|_| unit.is_unit) else {
            continue;
        };
        let Some(own) = memory(path) else { continue };
        accounted = accounted.or(Some(own.swap_current.is_some()));
        if !has_swap {
            findings.extend(throttled(name, &own));
        }
        findings.extend(own.max.and_then(|max| {
            let mut above = event::ancestry(path).skip(1);
            above.find_map(|above| unreachable(name, max, above, memory(above)?.max?))
        }));
    }
    if accounted == Some(false) {
        findings.push(not(
            State::Warning,
            "swap accounting",
            "off",
            "MemorySwapMax= has no effect, and units' swap usage is unknown",
            "boot with swapaccount=1",
        ));
    }
    findings
}

/// `MemoryHigh=` makes pages go, and there is no place for those of programs.
fn throttled(name: &str, memory: &Memory) -> Option<Finding> {
    let high = memory.high?;
    memory.max.is_none_or(|max| high < max).then(|| {
        not(
            State::Warning,
            name,
            format!("MemoryHigh={} and no swap", bytes(high)),
            "what cannot be reclaimed is throttled to a halt there, long before a kill",
            "set MemoryMax= close above it, or add swap",
        )
    })
}

/// A limit above one that holds it too.
fn unreachable(name: &str, max: Bytes, above: &str, limit: Bytes) -> Option<Finding> {
    let parsed = UnitPath::parse(above);
    let owner = parsed.name().unwrap_or(above);
    (max > limit).then(|| {
        not(
            State::Warning,
            name,
            format!("MemoryMax={} is above {owner}'s MemoryMax={}", bytes(max), bytes(limit)),
            "the unit's own limit can never be reached",
            "raise the slice's or lower the unit's",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_limit_above_its_slices_is_told_with_both() {
        let told = |max, limit| unreachable("a.service", Bytes(max * MIB), "/big.slice", Bytes(limit * MIB));
        assert_eq!(told(64, 64), None);
        assert_eq!(
            told(128, 64).unwrap().found,
            "MemoryMax=128.0M is above big.slice's MemoryMax=64.0M"
        );
    }

    #[test]
    fn memory_high_that_a_limit_stands_below_throttles_nobody() {
        let memory = |high: Option<u64>, max: Option<u64>| Memory {
            high: high.map(Bytes),
            max: max.map(Bytes),
            ..Memory::default()
        };
        assert!(throttled("a.service", &memory(Some(10), None)).is_some());
        assert!(throttled("a.service", &memory(Some(10), Some(20))).is_some());
        assert_eq!(throttled("a.service", &memory(Some(10), Some(10))), None);
        assert_eq!(throttled("a.service", &memory(None, Some(10))), None);
    }

    #[test]
    fn a_root_without_the_memory_controller_is_named() {
        let root = tempfile::tempdir().unwrap();
        let hierarchy = Hierarchy::at(root.path().to_owned(), CgroupVersion::V2, 0);
        let state = |there: &str, on: &str| {
            fs::write(root.path().join("cgroup.controllers"), there).unwrap();
            fs::write(root.path().join("cgroup.subtree_control"), on).unwrap();
            controllers(&hierarchy).unwrap().state
        };
        assert_eq!(state("cpu pids\n", "cpu\n"), State::Missing);
        assert_eq!(state("cpu memory\n", "cpu\n"), State::Warning);
        assert_eq!(state("cpu memory\n", "memory\n"), State::Ok);
    }
}
