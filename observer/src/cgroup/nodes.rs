//! Memory nodes: what a cpuset or a memory policy may use. When its nodes are full it is out of memory while the machine
//! has some left.

use std::fs;

use super::Hierarchy;
use crate::engine::shortage::Zones;
use crate::measure::Bytes;
use crate::page;

/// The figures of every zone.
const ZONEINFO: &str = "/proc/zoneinfo";

/// The free blocks of every zone.
const BUDDYINFO: &str = "/proc/buddyinfo";

/// How much memory these nodes have; `None` where one of them does not say.
#[must_use]
pub fn memory(nodes: &[u32]) -> Option<Bytes> {
    let total = |node: &u32| {
        let text = fs::read_to_string(format!("/sys/devices/system/node/node{node}/meminfo")).ok()?;
        total(&text)
    };
    let sizes: Option<Vec<u64>> = nodes.iter().map(total).collect();
    sizes
        .filter(|sizes| !sizes.is_empty())
        .map(|sizes| Bytes(sizes.into_iter().fold(0, u64::saturating_add)))
}

/// The files that tell what is free in each zone of memory, with the sizes of the pieces where more than one page is asked for.
pub fn files(order: i32) -> impl Iterator<Item = &'static str> {
    [Some(ZONEINFO), (order > 0).then_some(BUDDYINFO)].into_iter().flatten()
}

/// What these files say now.
#[must_use]
pub fn zones(order: i32) -> Option<Zones> {
    let mut files = files(order);
    let mut zones = Zones::from_zoneinfo(&fs::read_to_string(files.next()?).ok()?, page::size());
    for file in files {
        zones.add_buddyinfo(&fs::read_to_string(file).ok()?);
    }
    Some(zones)
}

/// A line like `Node 0 MemTotal:  507412 kB`.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.split_once("MemTotal:"))?.1;
    line.split_whitespace()
        .next()?
        .parse()
        .ok()
        .map(|kib| Bytes::from_kib(kib).0)
}

/// Every parser of this module, for `super::feed`.
pub(super) fn feed(text: &str) {
    let _ = total(text);
    let mut zones = Zones::from_zoneinfo(text, page::size());
    zones.add_buddyinfo(text);
}

/// Whether this cgroup names memory nodes of its own. Not on cgroup v1, where cpusets are a tree of their own.
#[must_use]
pub fn confines(hierarchy: &Hierarchy, path: &str) -> bool {
    fs::read_to_string(hierarchy.dir(path).join("cpuset.mems")).is_ok_and(|mems| !mems.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_memory_is_in_kib() {
        let text = "Node 0 MemTotal:         507412 kB\nNode 0 MemFree:            1024 kB\n";
        assert_eq!(total(text), Some(507_412 << 10));
        assert_eq!(total("Node 0 MemFree: 1 kB"), None);
    }

    #[test]
    fn no_nodes_have_no_known_memory() {
        assert_eq!(memory(&[]), None);
        assert_eq!(memory(&[0, 63_000]), None);
    }
}
