//! A walk over all memory cgroups: their counters, in one `read()` for thousands of them.
//!
//! In: the rows that the iterator program has left in its table. Out: typed [`Row`]s in bytes. It knows ids, and nothing of
//! paths, units or files; what a cgroup is made of (`memory.stat`) it does not tell. See docs/decisions/walk.md.

mod bpf;

use std::io;
use std::os::fd::AsFd as _;

use aya::maps::{Array, Map, MapData, MapError};
use observer_common::{ABSENT, MEMORY_EVENTS_LEN, Offsets, UNKNOWN_U64, WALK_ROWS, WalkRow, WalkState};

pub use bpf::Link;
use bpf::Mapping;

use crate::event::MemoryEvents;
use crate::measure::{Bytes, CgroupId, PageSize, Pages};
use crate::page;

/// The words of a [`WalkState`], which aya moves as an array.
type StateWords = [u64; size_of::<WalkState>() / size_of::<u64>()];

/// Why there is no walk.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The kernel did not run it.
    #[error("cannot walk over the cgroups: {0}")]
    Run(#[from] io::Error),
    /// Its table or its state could not be used.
    #[error("cannot use an eBPF map: {0}")]
    Map(#[from] MapError),
}

/// The attached iterator, and the table it writes to.
pub struct Walk {
    link: Link,
    table: MapData,
    mapped: Option<Mapping>,
    state: Array<MapData, StateWords>,
    room: u32,
    /// Where the next pass goes on.
    next: WalkState,
    places: Option<EventPlaces>,
}

/// What a walk says of one cgroup, as its files would at that moment; `None` where this kernel's types do not say where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub cgroup: CgroupId,
    /// `memory.current`.
    pub current: Option<Bytes>,
    /// `memory.peak`, since the cgroup was made.
    pub peak: Option<Bytes>,
    /// `memory.low`.
    pub low: Option<Limit>,
    /// `memory.high`.
    pub high: Option<Limit>,
    /// `memory.max`.
    pub max: Option<Limit>,
    /// `memory.swap.current`. Where the kernel does not account swap (there is no such file) it is 0, whatever is swapped out.
    pub swap_current: Option<Bytes>,
    /// `memory.swap.max`.
    pub swap_max: Option<Limit>,
    /// `memory.events`.
    pub events: Option<MemoryEvents>,
    /// `memory.events.local`.
    pub events_local: Option<MemoryEvents>,
}

impl Row {
    /// Whether it may have a limit that stops or slows: not where all of them were read and say that there is none.
    #[must_use]
    pub fn may_limit(&self) -> bool {
        let limits = [self.max, self.high, self.swap_max];
        limits.iter().any(|limit| *limit != Some(Limit::Unlimited))
    }
}

/// What a limit file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `max`: there is none.
    Unlimited,
    /// So many bytes.
    At(Bytes),
}

impl Limit {
    /// The limit; `None` where there is none.
    #[must_use]
    pub fn bytes(self) -> Option<Bytes> {
        match self {
            Self::Unlimited => None,
            Self::At(bytes) => Some(bytes),
        }
    }
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// There are more cgroups.
    More,
    /// These were the last.
    Last,
    /// The cgroup behind which it had to go on was removed in between: the rest of this walk is missing, the next one has it.
    Broken,
}

impl Walk {
    /// `table` and `state` are the maps `WALK_TABLE` and `WALK`.
    ///
    /// # Errors
    /// Where they are no such maps.
    pub(super) fn new(link: Link, table: Map, state: Map, offsets: &Offsets) -> Result<Self, MapError> {
        let Map::Array(table) = table else {
            return Err(MapError::InvalidMapType { map_type: 0 });
        };
        Ok(Self {
            link,
            table,
            mapped: None,
            state: Array::try_from(state)?,
            room: WALK_ROWS,
            next: WalkState::default(),
            places: EventPlaces::of(offsets),
        })
    }

    /// Takes at most so many cgroups in one pass, within 1 and [`WALK_ROWS`]; as many passes are made as there are cgroups for.
    ///
    /// While a pass lasts no cgroup is made, removed or given a task (`cgroup_mutex`), so that fewer rows a pass hold others up less
    /// long, and what passed behind is walked over again.
    pub fn set_room(&mut self, rows: u32) {
        self.room = rows.clamp(1, WALK_ROWS);
    }

    /// Whether the kernel lets it walk, with what capabilities are in effect. What it writes on the way the next pass writes anew.
    #[must_use]
    pub fn can_run(&self) -> bool {
        self.link.run().is_ok()
    }

    /// Begins anew: the next pass tells the first cgroups.
    pub fn begin(&mut self) {
        self.next = WalkState::default();
    }

    /// One pass of a walk over the v2 hierarchy, as far as this process's cgroup namespace shows it, parents before children:
    /// tells the next cgroups that have a memory controller of their own; the root has none.
    ///
    /// A cgroup that another controller needs memory for (`io`) has one without files. Values are of one moment a cgroup, not of one
    /// moment for all.
    ///
    /// # Errors
    /// Where the kernel does not run the program or its maps cannot be used; rows may have been told by then.
    pub fn pass(&mut self, mut each: impl FnMut(&Row)) -> Result<Pass, WalkError> {
        let pass = WalkState {
            room: self.room,
            ..self.next
        };
        self.state.set(0, bytemuck::cast::<_, StateWords>(pass), 0)?;
        self.link.run()?;
        let left: WalkState = bytemuck::cast(self.state.get(&0, 0)?);
        if left.after != 0 {
            // Who was the last is gone: it was never met, and nobody was told behind it.
            return Ok(Pass::Broken);
        }
        let (places, page) = (self.places, page::size());
        for row in self.table(left.rows)? {
            each(&typed(row, places, page));
        }
        self.next = WalkState {
            after: left.last,
            after_id: left.last_id,
            ..WalkState::default()
        };
        Ok(if left.is_full == 0 { Pass::Last } else { Pass::More })
    }

    /// The first rows of the table. Only as much of it is mapped as was ever needed: mapped pages count as resident.
    fn table(&mut self, rows: u32) -> io::Result<&[WalkRow]> {
        let rows = usize::try_from(rows.min(WALK_ROWS)).unwrap_or_default();
        let length = rows * size_of::<WalkRow>();
        let most = usize::try_from(WALK_ROWS).unwrap_or_default() * size_of::<WalkRow>();
        if self.mapped.as_ref().is_none_or(|mapped| mapped.bytes().len() < length) {
            self.mapped = None;
            self.mapped = Some(Mapping::new(self.table.fd().as_fd(), length, most)?);
        }
        let bytes = self.mapped.as_ref().and_then(|mapped| mapped.bytes().get(..length));
        bytemuck::try_cast_slice(bytes.unwrap_or_default()).map_err(|error| io::Error::other(error.to_string()))
    }
}

/// Where the counters of `memory.events` stand among those of a row: `enum memcg_memory_event` has grown in the middle before.
#[derive(Debug, Clone, Copy)]
struct EventPlaces {
    low: usize,
    high: usize,
    max: usize,
    oom: usize,
    oom_kill: usize,
    /// Since 5.17 only.
    oom_group_kill: Option<usize>,
    /// Since 7.2 only.
    sock_throttled: Option<usize>,
}

impl EventPlaces {
    /// `None` where one is missing that all kernels with `memory.events` have.
    fn of(offsets: &Offsets) -> Option<Self> {
        let place = |place: u32| {
            let known = place != ABSENT;
            let place = known.then(|| usize::try_from(place).ok()).flatten()?;
            (place < MEMORY_EVENTS_LEN).then_some(place)
        };
        Some(Self {
            low: place(offsets.memcg_low)?,
            high: place(offsets.memcg_high)?,
            max: place(offsets.memcg_max)?,
            oom: place(offsets.memcg_oom)?,
            oom_kill: place(offsets.memcg_oom_kill)?,
            oom_group_kill: place(offsets.memcg_oom_group_kill),
            sock_throttled: place(offsets.memcg_sock_throttled),
        })
    }

    fn read(self, counters: &[u64; MEMORY_EVENTS_LEN]) -> Option<MemoryEvents> {
        let at = |place: usize| counters.get(place).copied().filter(|count| *count != UNKNOWN_U64);
        Some(MemoryEvents {
            low: at(self.low)?,
            high: at(self.high)?,
            max: at(self.max)?,
            oom: at(self.oom)?,
            oom_kill: at(self.oom_kill)?,
            oom_group_kill: match self.oom_group_kill {
                Some(place) => at(place)?,
                None => 0,
            },
            sock_throttled: self.sock_throttled.and_then(at),
        })
    }
}

fn typed(row: &WalkRow, places: Option<EventPlaces>, page: PageSize) -> Row {
    let pages = |pages: u64| (pages != UNKNOWN_U64).then_some(Pages(pages));
    let size = |count| pages(count).map(|pages| pages.to_bytes(page));
    let limit = |count| pages(count).map(|pages| pages.to_limit(page).map_or(Limit::Unlimited, Limit::At));
    Row {
        cgroup: CgroupId(row.cgroup_id),
        current: size(row.usage),
        peak: size(row.peak),
        low: limit(row.low),
        high: limit(row.high),
        max: limit(row.max),
        swap_current: size(row.swap_usage),
        swap_max: limit(row.swap_max),
        events: places.and_then(|places| places.read(&row.events)),
        events_local: places.and_then(|places| places.read(&row.events_local)),
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;

    fn places() -> EventPlaces {
        let offsets = Offsets {
            memcg_low: 0,
            memcg_high: 1,
            memcg_max: 2,
            memcg_oom: 4,
            memcg_oom_kill: 5,
            memcg_oom_group_kill: 7,
            memcg_sock_throttled: 8,
            ..Offsets::NONE
        };
        EventPlaces::of(&offsets).unwrap()
    }

    #[test]
    fn pages_become_bytes_and_no_limit_is_not_an_unread_one() {
        for size in [4096, 16384, 65536] {
            let row = WalkRow {
                cgroup_id: 7,
                usage: 2,
                max: i64::MAX as u64 / size,
                high: UNKNOWN_U64,
                low: 3,
                swap_max: 0,
                ..WalkRow::zeroed()
            };
            let row = typed(&row, Some(places()), PageSize::new(size).unwrap());
            assert_eq!(row.cgroup, CgroupId(7));
            assert_eq!(row.current, Some(Bytes(2 * size)));
            assert_eq!(row.max, Some(Limit::Unlimited));
            assert_eq!(row.high, None);
            assert_eq!(row.low, Some(Limit::At(Bytes(3 * size))));
            assert_eq!(row.swap_max, Some(Limit::At(Bytes(0))));
        }
    }

    #[test]
    fn events_are_taken_from_where_this_kernel_counts_them() {
        let events = places().read(&[1, 2, 3, 99, 4, 5, 99, 6, 7, 99]).unwrap();
        assert_eq!(events.sock_throttled, Some(7));
        assert_eq!(
            [
                events.low,
                events.high,
                events.max,
                events.oom,
                events.oom_kill,
                events.oom_group_kill
            ],
            [1, 2, 3, 4, 5, 6]
        );
        assert_eq!(places().read(&[UNKNOWN_U64; MEMORY_EVENTS_LEN]), None);
    }

    #[test]
    fn a_kernel_that_places_an_event_beyond_the_row_tells_no_events() {
        let offsets = Offsets {
            memcg_low: 10,
            ..Offsets::NONE
        };
        assert!(EventPlaces::of(&offsets).is_none());
        let none = typed(&WalkRow::zeroed(), None, PageSize::SMALL);
        assert_eq!((none.events, none.events_local), (None, None));
    }
}
