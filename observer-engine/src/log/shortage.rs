//! What was short, at a kill that no memory cgroup's limit caused: decided from `Mem-Info` against what was asked for.
//!
//! As the allocator does (mm/page_alloc.c: `__zone_watermark_ok`): of the zones that the request may use each has to hold more
//! than its watermark, what is kept for lower zones' own users on top of it, and without what only movable pages may have.

use observer_common::Constraint;

use super::report::Report;
use super::zones::{Zone, Zones};
use crate::event::{Shortage, ShortageKind};
use crate::measure::Bytes;

const DMA: u32 = 0x01;
const HIGHMEM: u32 = 0x02;
const DMA32: u32 = 0x04;
const MOVABLE: u32 = 0x08;

/// The zones in the order in which they give way to each other (include/linux/mmzone.h).
const ZONES: [&str; 5] = ["DMA", "DMA32", "Normal", "HighMem", "Movable"];

/// The page of every machine whose lists of free blocks do not say otherwise.
const PAGE: u64 = 4096;

fn rank(zone: &str) -> usize {
    ZONES.iter().position(|name| *name == zone).unwrap_or(ZONES.len())
}

/// The highest zone a request may use (include/linux/gfp.h: `gfp_zone`); these bits mean the same on every kernel.
fn highest(gfp: Option<u32>) -> usize {
    match gfp {
        // The page-fault path tells no flags: the page would have been a user's.
        None | Some(0) => rank("Movable"),
        Some(gfp) if gfp & DMA != 0 => rank("DMA"),
        Some(gfp) if gfp & DMA32 != 0 => rank("DMA32"),
        Some(gfp) if gfp & (HIGHMEM | MOVABLE) == HIGHMEM | MOVABLE => rank("Movable"),
        Some(gfp) if gfp & HIGHMEM != 0 => rank("HighMem"),
        Some(_) => rank("Normal"),
    }
}

/// Whether a request may take the pages that are set aside for large contiguous pieces.
fn takes_cma(gfp: Option<u32>) -> bool {
    gfp.is_none_or(|gfp| gfp == 0 || gfp & MOVABLE != 0)
}

/// What was short; `None` where a memory cgroup's limit was reached, or the log does not tell.
#[must_use]
pub fn shortage(report: &Report, constraint: Constraint) -> Option<Shortage> {
    if constraint == Constraint::Memcg {
        return None;
    }
    let by_nodes = matches!(constraint, Constraint::Cpuset | Constraint::MemoryPolicy);
    let memory = &report.memory;
    let told = |kind, zone: Option<&Zone>| Shortage {
        kind,
        node: zone.and_then(|zone| zone.node).or(match report.nodes.as_slice() {
            [node] if by_nodes => Some(*node),
            _ => None,
        }),
        zone: zone.map(|zone| zone.name.clone()),
        order: report.order.filter(|order| *order >= 0),
        free: zone.and_then(|zone| zone.free),
        min: zone.and_then(|zone| zone.min),
        low: zone.and_then(|zone| zone.low),
        high: zone.and_then(|zone| zone.high),
        free_cma: zone.and_then(|zone| zone.free_cma),
        swap_free: memory.swap_free,
        swap_total: memory.swap_total,
    };
    let highest = highest(report.gfp);
    let may = |zone: &&Zone| {
        rank(&zone.name) <= highest
            && zone.managed != Some(Bytes(0))
            && (!by_nodes || report.nodes.is_empty() || zone.node.is_none_or(|node| report.nodes.contains(&node)))
    };
    let usable: Vec<&Zone> = memory.zones.iter().filter(may).collect();
    let of_all = usable
        .iter()
        .copied()
        .max_by_key(|zone| (rank(&zone.name), zone.managed));
    if usable.is_empty() {
        let lowmem = constraint == Constraint::None && is_lowmem(report);
        return match () {
            () if by_nodes => Some(told(ShortageKind::Node, None)),
            () if lowmem && memory.zones.is_empty() => Some(told(ShortageKind::Zone, None)),
            () => None,
        };
    }
    let takes_cma = takes_cma(report.gfp);
    let short = |zone: &Zone, takes_cma: bool| is_short(zone, memory, highest, takes_cma);
    // What is not told of a zone decides nothing.
    let states: Option<Vec<(bool, &Zone)>> = usable
        .iter()
        .map(|zone| Some((short(zone, takes_cma)?, *zone)))
        .collect();
    let states = states?;
    if let Some((_, free)) = states.iter().find(|(short, _)| !short) {
        let order = report.order.and_then(|order| usize::try_from(order).ok()).unwrap_or(0);
        let has_block = states
            .iter()
            .any(|(short, zone)| !short && zone.blocks.iter().skip(order).any(|count| *count > 0));
        let kind = if order > 0 && !has_block {
            ShortageKind::Order
        } else {
            ShortageKind::None
        };
        return Some(told(kind, Some(free)));
    }
    let kind = if by_nodes {
        ShortageKind::Node
    } else if memory
        .zones
        .iter()
        .any(|zone| rank(&zone.name) > highest && is_plenty(zone))
        || usable.iter().any(|zone| short(zone, true) == Some(false))
    {
        ShortageKind::Zone
    } else {
        ShortageKind::Machine
    };
    Some(told(kind, of_all))
}

/// Whether a zone has no more than it must keep. A little above the least counts too: the zones are printed some time after the
/// allocation failed.
fn is_short(zone: &Zone, memory: &Zones, highest: usize, takes_cma: bool) -> Option<bool> {
    let page = memory.page.map_or(PAGE, |page| page.0);
    let cma = zone.free_cma.filter(|_| !takes_cma).unwrap_or_default();
    let free = zone.free?.saturating_sub(cma);
    // A zone's list has a place for each kind of zone that the kernel was built with: for those that there are.
    let kinds = ZONES
        .iter()
        .filter(|name| memory.zones.iter().any(|other| other.name == **name));
    let place = kinds.filter(|name| rank(name) <= highest).count().checked_sub(1)?;
    let reserve = if highest >= rank("HighMem") {
        zone.reserve.last()
    } else {
        zone.reserve.get(place)
    };
    let kept = reserve.copied().unwrap_or(0).saturating_mul(page);
    Some(free.0 <= zone.low?.0.saturating_add(kept))
}

/// Whether a zone that could not be used has much.
fn is_plenty(zone: &Zone) -> bool {
    zone.free
        .zip(zone.high)
        .is_some_and(|(free, high)| free.0 > high.0.saturating_mul(2))
}

/// Whether a request of the kernel's own, which on a 32-bit kernel may not use what lies above the lowest zones.
fn is_lowmem(report: &Report) -> bool {
    report.stack.narrow && report.gfp.is_some_and(|gfp| gfp != 0 && gfp & (HIGHMEM | MOVABLE) == 0)
}
