//! What was short, at a kill that no memory cgroup's limit caused: decided from what was free where (`Mem-Info` of the kernel's
//! log, or the files of `/proc`) against what was asked for.
//!
//! As the allocator does (mm/page_alloc.c: `__zone_watermark_ok`): of the zones that the request may use each has to hold more
//! than its watermark, what is kept for lower zones' own users on top of it, and without what only movable pages may have.

mod zones;

use crate::event::{Shortage, ShortageKind};
use crate::measure::Bytes;
use crate::verdict::Constraint;

pub use zones::{Zone, Zones};

const DMA: u32 = 0x01;
const HIGHMEM: u32 = 0x02;
const DMA32: u32 = 0x04;
const MOVABLE: u32 = 0x08;

/// The zones in the order in which they give way to each other (include/linux/mmzone.h).
const ZONES: [&str; 5] = ["DMA", "DMA32", "Normal", "HighMem", "Movable"];

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

/// What was asked for, and of which memory.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Where the kernel looked.
    pub constraint: Constraint,
    /// The allocation's flags; `None` = not known.
    pub gfp: Option<u32>,
    /// 2^order pages; -1 = the magic key, which asks for none.
    pub order: Option<i32>,
    /// The nodes that a cpuset or a memory policy allows; empty = not known.
    pub nodes: &'a [u32],
    /// Whether the kernel is one of 32 bits of which most machines have more memory than fits into the lowest zones.
    pub narrow: bool,
    /// Whether the kernel holds what is free in pieces that are large enough against a part of the watermark, as up to 4.3, where
    /// any such piece will do since.
    pub by_order: bool,
}

impl Asked<'_> {
    fn by_nodes(&self) -> bool {
        matches!(self.constraint, Constraint::Cpuset | Constraint::Mempolicy)
    }

    /// The highest zone it may use. The magic key is told with flags of its own, but asked is what users' pages would have.
    fn highest(&self) -> usize {
        highest(self.gfp.filter(|_| !self.is_key()))
    }

    fn takes_cma(&self) -> bool {
        takes_cma(self.gfp.filter(|_| !self.is_key()))
    }

    fn is_key(&self) -> bool {
        self.order.is_some_and(|order| order < 0)
    }

    /// Whether a request of the kernel's own, which on a 32-bit kernel may not use what lies above the lowest zones.
    fn is_lowmem(&self) -> bool {
        let is_own = self.gfp.is_some_and(|gfp| gfp != 0 && gfp & (HIGHMEM | MOVABLE) == 0);
        self.narrow && self.constraint == Constraint::Host && is_own
    }

    fn may_use(&self, zone: &Zone) -> bool {
        rank(&zone.name) <= self.highest()
            && zone.managed != Some(Bytes(0))
            && (!self.by_nodes() || zone.node.is_none_or(|node| self.nodes.contains(&node)))
    }

    /// As a kill tells it, with the figures of a zone.
    fn told(&self, kind: ShortageKind, memory: &Zones, zone: Option<&Zone>) -> Shortage {
        let only = match self.nodes {
            [node] if self.by_nodes() => Some(*node),
            _ => None,
        };
        Shortage {
            kind,
            node: zone.and_then(|zone| zone.node).or(only),
            zone: zone.map(|zone| zone.name.clone()),
            order: self.order.filter(|order| *order >= 0),
            free: zone.and_then(|zone| zone.free),
            min: zone.and_then(|zone| zone.min),
            low: zone.and_then(|zone| zone.low),
            high: zone.and_then(|zone| zone.high),
            free_cma: zone.and_then(|zone| zone.free_cma),
            swap_free: memory.swap_free,
            swap_total: memory.swap_total,
        }
    }
}

/// What was short; `None` where a memory cgroup's limit was reached, or what is known of the zones does not tell.
#[must_use]
pub fn shortage(asked: &Asked<'_>, memory: &Zones) -> Option<Shortage> {
    if matches!(asked.constraint, Constraint::Memcg | Constraint::Unknown(_)) {
        return None;
    }
    let by_nodes = asked.by_nodes();
    let usable: Vec<&Zone> = memory.zones.iter().filter(|zone| asked.may_use(zone)).collect();
    // Of nodes that are not known none of the figures is theirs, but what was short the constraint says.
    if by_nodes && (asked.nodes.is_empty() || usable.is_empty()) {
        return Some(asked.told(ShortageKind::Node, memory, None));
    }
    if usable.is_empty() {
        let is_known = asked.is_lowmem() && memory.zones.is_empty();
        return is_known.then(|| asked.told(ShortageKind::Zone, memory, None));
    }
    let highest = asked.highest();
    let short = |zone: &Zone, takes_cma: bool| is_short(zone, memory, highest, takes_cma);
    let states: Vec<(Option<bool>, &Zone)> = usable
        .iter()
        .map(|zone| (short(zone, asked.takes_cma()), *zone))
        .collect();
    let is_open = |(short, _): &&(Option<bool>, &Zone)| *short == Some(false);
    let is_unknown = states.iter().any(|(short, _)| short.is_none());
    if let Some(free) = highest_of(states.iter().filter(is_open).map(|(_, zone)| *zone)) {
        let order = asked.order.and_then(|order| usize::try_from(order).ok()).unwrap_or(0);
        let mut open = states.iter().filter(is_open).map(|(_, zone)| *zone);
        let is_told = open.clone().all(|zone| !zone.blocks.is_empty()) && !is_unknown;
        let has_block = open.any(|zone| match asked.by_order {
            true => is_above_by_order(zone, order, memory.page().0),
            false => zone.blocks.iter().skip(order).any(|count| *count > 0),
        });
        // Of pieces that are not told nobody knows whether one was large enough.
        if order > 0 && !has_block && !is_told {
            return None;
        }
        let kind = if order > 0 && !has_block {
            ShortageKind::Order
        } else {
            ShortageKind::None
        };
        return Some(asked.told(kind, memory, Some(free)));
    }
    // What is not told of a zone decides nothing.
    if is_unknown {
        return None;
    }
    let kind = if by_nodes {
        ShortageKind::Node
    } else if memory
        .zones
        .iter()
        .any(|zone| rank(&zone.name) > highest && is_plenty(zone))
        || is_plenty_elsewhere(memory)
        || usable.iter().any(|zone| short(zone, true) == Some(false))
    {
        ShortageKind::Zone
    } else {
        ShortageKind::Machine
    };
    Some(asked.told(kind, memory, highest_of(usable.iter().copied())))
}

/// The one that stands for these: the highest, and of several nodes' the largest.
fn highest_of<'a>(zones: impl Iterator<Item = &'a Zone>) -> Option<&'a Zone> {
    zones.max_by_key(|zone| (rank(&zone.name), zone.managed))
}

/// Whether a zone has no more than it must keep. A little above the least counts too: the zones are printed some time after the
/// allocation failed.
fn is_short(zone: &Zone, memory: &Zones, highest: usize, takes_cma: bool) -> Option<bool> {
    let page = memory.page().0;
    if !takes_cma && zone.free_cma.is_none() && memory.counters.free_cma().is_some_and(|pages| pages > 0) {
        return None;
    }
    let cma = zone.free_cma.filter(|_| !takes_cma).unwrap_or_default();
    let free = zone.free?.saturating_sub(cma);
    let (least, most) = kept(zone, memory, highest);
    let low = zone.low?.0;
    let is_short = |kept: u64| free.0 <= low.saturating_add(kept.saturating_mul(page));
    // Where more zones have a part in what is kept than are told, both have to lead to the same.
    (is_short(least) == is_short(most)).then(|| is_short(least))
}

/// What a zone keeps from a request that may use a higher one, in pages, at least and at most.
///
/// The list has a place for each kind of zone that the kernel was built with, and at each what those above up to there hold in
/// sum, by a ratio (mm/page_alloc.c: `setup_per_zone_lowmem_reserve`): it grows at the zones that there are. Some kernels have 0
/// at those that are empty (v6.10 to v6.13, 96a5c186efff, reverted by eae116d1f044, "mm/page_alloc.c: don't show protection in zone's ->lowmem_reserve[] for
/// empty zone"), and go by that. A log since 6.1 does not show the zones above those that the request may use.
fn kept(zone: &Zone, memory: &Zones, highest: usize) -> (u64, u64) {
    let is_there = |other: &&Zone| other.managed != Some(Bytes(0));
    let last = zone.reserve.last().copied().unwrap_or(0);
    let is_zeroed = zone.reserve.windows(2).any(|pair| pair.first() > pair.last());
    if is_zeroed
        && !memory
            .zones
            .iter()
            .filter(is_there)
            .any(|other| rank(&other.name) >= highest)
    {
        // The request's own zone is an empty one.
        return (last, last);
    }
    let above = || {
        let others = memory.zones.iter().filter(is_there);
        others.filter(|other| other.node == zone.node && rank(&other.name) > rank(&zone.name))
    };
    let mut steps = Vec::new();
    for kept in &zone.reserve {
        if *kept > steps.last().copied().unwrap_or(0) {
            steps.push(*kept);
        }
    }
    let usable = above().filter(|other| rank(&other.name) <= highest).count();
    let of = |count: usize| steps.get(..count.min(steps.len())).and_then(<[u64]>::last).copied();
    let least = of(usable).unwrap_or(0);
    let most = if steps.len() > above().count() {
        of(steps.len())
    } else {
        None
    };
    (least, most.unwrap_or(least))
}

/// Whether enough is free in pieces of an order, as mm/page_alloc.c had it up to 4.3 (`__zone_watermark_ok`): without the smaller
/// ones, against half the watermark for each order.
fn is_above_by_order(zone: &Zone, order: usize, page: u64) -> bool {
    let Some((free, low)) = zone.free.zip(zone.low) else {
        return false;
    };
    let (mut free, mut least) = (free.0 / page, low.0 / page);
    for (order, count) in (0_u32..).zip(&zone.blocks).take(order) {
        free = free.saturating_sub(count.saturating_mul(1_u64.checked_shl(order).unwrap_or(u64::MAX)));
        least /= 2;
        if free <= least {
            return false;
        }
    }
    true
}

/// Whether a zone that could not be used has much.
fn is_plenty(zone: &Zone) -> bool {
    zone.free
        .zip(zone.high)
        .is_some_and(|(free, high)| free.0 > high.0.saturating_mul(2))
}

/// Whether zones that are not told have much.
fn is_plenty_elsewhere(memory: &Zones) -> bool {
    let highs = memory.zones.iter().filter_map(|zone| zone.high);
    let highs = highs.fold(0, |sum: u64, high| sum.saturating_add(high.0));
    memory.free_elsewhere().0 > highs.saturating_mul(2)
}

#[cfg(test)]
mod tests;
