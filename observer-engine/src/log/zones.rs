//! What was free where, as the kernel shows it at a global OOM (`Mem-Info:`; mm/page_alloc.c, since 6.6 mm/show_mem.c:
//! `show_free_areas`).

use crate::event::Ledger;
use crate::measure::Bytes;
use crate::shortage::{Zone, Zones};

impl Zones {
    /// What all of the machine's memory was used for; `None` where that is not told.
    #[must_use]
    pub fn ledger(&self) -> Option<Ledger> {
        self.counters.ledger(self.page())
    }

    /// Takes a line; whether it was one of these.
    pub(super) fn line(&mut self, text: &str) -> bool {
        if let Some(size) = text.strip_prefix("Free swap") {
            self.swap_free = kib(size.trim_start_matches([' ', '=', ':']));
        } else if let Some(size) = text.strip_prefix("Total swap") {
            self.swap_total = kib(size.trim_start_matches([' ', '=', ':']));
        } else if let Some(free) = in_all(text) {
            self.free = Some(free);
            self.counters.line(text);
        } else if let Some(list) = text.strip_prefix("lowmem_reserve[]:") {
            let Some(zone) = self.zones.last_mut() else { return true };
            let reserve: Option<Vec<u64>> = list.split_whitespace().map(|word| word.parse().ok()).collect();
            if reserve.is_none() {
                // What must stay there is not known, and so nothing of what was short.
                zone.low = None;
            }
            zone.reserve = reserve.unwrap_or_default();
        } else if let Some((name, values)) = text.split_once(" free:").filter(|(_, rest)| rest.contains("kB min:")) {
            self.zone(name, values);
        } else if let Some((name, list)) = text
            .split_once(": ")
            .filter(|(_, list)| list.contains("kB ") && list.contains("*"))
        {
            return self.blocks(name, list);
        } else {
            return self.counters.line(text);
        }
        true
    }

    fn zone(&mut self, name: &str, values: &str) {
        let Some((node, name)) = named(name) else { return };
        self.counters.stacks(values);
        let value = |word: &str| {
            let found = values.split(' ').find_map(|value| value.strip_prefix(word));
            found.and_then(kib)
        };
        self.push(Zone {
            node,
            name: name.to_owned(),
            free: values.split(' ').next().and_then(kib),
            min: value("min:"),
            low: value("low:"),
            high: value("high:"),
            free_cma: value("free_cma:"),
            managed: value("managed:").or_else(|| value("present:")),
            ..Zone::default()
        });
    }

    /// `Node 0 DMA: 0*4kB 2*8kB (U) … = 15872kB`
    fn blocks(&mut self, name: &str, list: &str) -> bool {
        let Some((node, name)) = named(name) else { return false };
        let (mut blocks, mut page) = (Vec::new(), None);
        for word in list.split(' ').take_while(|word| *word != "=") {
            let Some((count, size)) = word.split_once('*') else {
                continue;
            };
            let (Ok(count), Some(size)) = (count.parse(), kib(size)) else {
                return false;
            };
            page = page.or(Some(size));
            blocks.push(count);
        }
        self.page = self.page.or(page);
        // A list that was cut does not tell which there are none of.
        if let Some(zone) = self.last_of(node, name).filter(|_| list.contains(" = ")) {
            zone.blocks = blocks;
        }
        true
    }
}

/// ` … free:94534 free_pcp:14 free_cma:0`: what is free in all zones, in pages; the device has it in one record with the lines
/// before.
fn in_all(text: &str) -> Option<u64> {
    let (before, _) = text.split_once(" free_pcp:")?;
    before.rsplit_once("free:")?.1.parse().ok()
}

/// `Node 0 DMA32`, or `DMA32` alone.
fn named(text: &str) -> Option<(Option<u32>, &str)> {
    let mut words = text.split_whitespace().rev();
    let name = words.next()?;
    let known = ["DMA", "DMA32", "Normal", "HighMem", "Movable", "Device"];
    if !known.contains(&name) {
        return None;
    }
    let node = words.next().and_then(|word| word.parse().ok());
    Some((node.filter(|_| words.next() == Some("Node")), name))
}

fn kib(text: &str) -> Option<Bytes> {
    text.trim().strip_suffix("kB")?.trim().parse().ok().map(Bytes::from_kib)
}
