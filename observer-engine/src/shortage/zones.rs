//! What was free where: of the kernel's log (`log/zones.rs`), or of the files of `/proc`, read at a choice.

use crate::log::Counters;
use crate::measure::{Bytes, PageSize, Pages};

/// Zones that are kept: the files of `/proc` have five of each node, empty ones too.
const MAX_ZONES: usize = 1_024;

/// The page of every machine whose lists of free blocks do not say otherwise.
const PAGE: Bytes = Bytes(PageSize::SMALL.bytes());

/// A zone of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    /// Its node; `None` where the kernel has but one and does not say.
    pub node: Option<u32>,
    /// `DMA`, `DMA32`, `Normal`, `HighMem`, `Movable`.
    pub name: String,
    /// What is free.
    pub free: Option<Bytes>,
    /// Below this none but the most urgent get anything.
    pub min: Option<Bytes>,
    /// Below this memory is reclaimed.
    pub low: Option<Bytes>,
    /// Up to this.
    pub high: Option<Bytes>,
    /// What of the free memory lies where only movable pages may.
    pub free_cma: Option<Bytes>,
    /// What it has in all.
    pub managed: Option<Bytes>,
    /// What is kept from those who might use a higher zone, in pages, by the zone they might use.
    pub reserve: Vec<u64>,
    /// How many free blocks there are of 2^place pages.
    pub blocks: Vec<u64>,
}

/// What was free where, and in swap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zones {
    /// The zones.
    pub zones: Vec<Zone>,
    /// What is free in all zones, those that are not told here too, in pages; `None` = not told, or all are here.
    pub free: Option<u64>,
    /// `Free swap`.
    pub swap_free: Option<Bytes>,
    /// `Total swap`.
    pub swap_total: Option<Bytes>,
    /// The smallest block, as the lists of free ones have it: a page.
    pub page: Option<Bytes>,
    /// The counters of the whole machine, as a log has them.
    pub counters: Counters,
}

impl Zones {
    /// How large a page is.
    pub(crate) fn page(&self) -> Bytes {
        self.told_page().unwrap_or(PAGE)
    }

    /// The same, where something says it.
    pub(crate) fn told_page(&self) -> Option<Bytes> {
        self.page.or_else(|| self.counters.page())
    }

    /// What `/proc/zoneinfo` says (mm/vmstat.c: `zoneinfo_show_print`): the same figures as the log's, in pages. Zones that are
    /// empty stand there too.
    #[must_use]
    pub fn from_zoneinfo(text: &str, page: PageSize) -> Self {
        let mut zones = Self {
            page: Some(Bytes(page.bytes())),
            ..Self::default()
        };
        for line in text.lines() {
            if let Some((node, name)) = heading(line) {
                zones.push(Zone {
                    node: Some(node),
                    name: name.to_owned(),
                    ..Zone::default()
                });
            } else if let Some(zone) = zones.zones.last_mut() {
                zone.line(line.trim_start(), page);
            }
        }
        zones
    }

    /// What `/proc/buddyinfo` says (mm/vmstat.c: `frag_show_print`): how many blocks are free, of each size.
    pub fn add_buddyinfo(&mut self, text: &str) {
        for line in text.lines() {
            let Some((node, name)) = heading(line) else { continue };
            if let Some(zone) = self.last_of(Some(node), name) {
                let counts = line.split_whitespace().skip(4);
                zone.blocks = counts.map_while(|count| count.parse().ok()).collect();
            }
        }
    }

    /// What is free in zones that are not told. Since 6.1 the kernel's log shows none above those that the request may use
    /// (mm/show_mem.c: `show_free_areas`).
    pub(crate) fn free_elsewhere(&self) -> Bytes {
        let told = self.zones.iter().filter_map(|zone| zone.free);
        let told = told.fold(0, |sum: u64, free| sum.saturating_add(free.0));
        let free = self.free.map(|pages| Bytes(pages.saturating_mul(self.page().0)));
        free.map_or(Bytes(0), |free| free.saturating_sub(Bytes(told)))
    }

    /// One more zone, as far as there is room.
    pub(crate) fn push(&mut self, zone: Zone) {
        if self.zones.len() < MAX_ZONES {
            self.zones.push(zone);
        }
    }

    /// The last one of this name.
    pub(crate) fn last_of(&mut self, node: Option<u32>, name: &str) -> Option<&mut Zone> {
        let mut zones = self.zones.iter_mut().rev();
        zones.find(|zone| zone.name == name && zone.node == node)
    }
}

impl Zone {
    /// A line of its part of `/proc/zoneinfo`, from its first word on; those of a CPU's lists have other words.
    fn line(&mut self, line: &str, page: PageSize) {
        let (name, rest) = line.split_once([' ', ':']).unwrap_or((line, ""));
        let pages = || rest.trim().parse().ok().map(|pages| Pages(pages).to_bytes(page));
        match name {
            "pages" => {
                let free = rest.strip_prefix("free").and_then(|pages| pages.trim().parse().ok());
                self.free = free.map(|pages| Pages(pages).to_bytes(page)).or(self.free);
            }
            "min" => self.min = pages(),
            "low" => self.low = pages(),
            "high" => self.high = self.high.or_else(pages),
            "managed" => self.managed = pages(),
            "nr_free_cma" => self.free_cma = pages(),
            "protection" => {
                let list = rest.trim().trim_matches(['(', ')']);
                self.reserve = list.split(", ").map_while(|word| word.parse().ok()).collect();
            }
            _ => {}
        }
    }
}

/// `Node 0, zone   Normal`, with which a line of either file begins.
fn heading(line: &str) -> Option<(u32, &str)> {
    let (node, rest) = line.strip_prefix("Node ")?.split_once(", zone ")?;
    Some((node.trim().parse().ok()?, rest.split_whitespace().next()?))
}
