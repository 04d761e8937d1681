//! The time left: to the limit that is reached first, among the cgroup's own, its ancestors' and the host's.
//!
//! Memory and swap are one: at `memory.max` the kernel swaps out before it kills, so that the limit is met where usage and
//! swap together are the limit and the room in swap (mm/vmscan.c: `can_reclaim_anon_pages`).

use super::bounded::Bounded;
use super::bursts::Room;
use super::series::{Reach, Series};
use crate::event::{Class, Forecast, Limit, LimitRef, Memory, Relation, Sample};
use crate::measure::{Bytes, significant};

/// Further than this is no statement worth making: 30 days.
const HORIZON: f64 = 30.0 * 86_400.0;
/// The share of intervals that hold the true time, as they are made.
const CONFIDENCE: f64 = 0.8;
/// A limit is met where so much of it is held: the rest is what a program runs from, read again and again.
pub(super) const MET: f64 = 0.95;
/// Who makes less than this share of the growth towards a limit above it has no part in that: it is the others' forecast, and the
/// limit's owner's. Each of eight alike has one.
const PART: f64 = 0.125;
/// The file whose limit slows down and does not kill.
const HIGH: &str = "memory.high";

/// When a cgroup is stopped, and when it is slowed down.
#[derive(Debug, Default)]
pub(super) struct Ahead<'a> {
    /// At the limit that kills and is reached first; `None` = no statement.
    pub(super) binding: Option<Forecast>,
    /// The growth that leads there, of whoever owns that limit.
    pub(super) growth: Option<Growth>,
    /// At the `memory.high` that is reached first.
    pub(super) slowed: Option<Forecast>,
    /// The first limit that kills and is met: what stands there has not come to rest, reclaim keeps it from the kill for as
    /// long as it finds a page.
    pub(super) met: Option<&'a Limit>,
    /// What is left to the nearest limit that kills.
    pub(super) room: Option<Room>,
}

/// What leads to a limit.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Growth {
    /// How long it takes where growth that slowed goes on slowing, in seconds: for ever, where it ends before; 0 where it
    /// did not slow.
    pub(super) slowing: f64,
    /// What is left, in bytes.
    pub(super) left: f64,
    /// For how long it has been so, in seconds: both that the limit's owner grows like this, and that the cgroup does.
    pub(super) lasted: f64,
}

/// What counts against a limit: what reclaim cannot give back, and what was swapped out already.
pub(super) fn held(usage: Bytes, reclaimable: Bytes, swap: Option<Bytes>) -> f64 {
    usage.saturating_sub(reclaimable).as_f64() + swap.unwrap_or_default().as_f64()
}

/// What is ahead of a cgroup.
pub(super) fn ahead<'a>(
    class: Class,
    own: &Series,
    owners: &Bounded<Series>,
    sample: &'a Sample,
    reclaimable: Bytes,
) -> Ahead<'a> {
    let mut ahead = Ahead::default();
    let own_line = own.line().filter(|line| may_reach(class) && line.slope().middle > 0.0);
    let (mut binding, mut slowed): (Option<(&Limit, Reach)>, _) = (None, None);
    for limit in &sample.limits {
        let is_high = limit.file == HIGH;
        let Some((now, until)) = against(limit, class, &sample.memory, reclaimable) else {
            continue;
        };
        let room = Room {
            left: until - now,
            limit: until,
        };
        if !is_high && ahead.room.is_none_or(|nearest| room.left < nearest.left) {
            ahead.room = Some(room);
        }
        if !is_high && ahead.met.is_none() && now >= until * MET {
            ahead.met = Some(limit);
        }
        let Some(line) = own_line else { continue };
        let series = match limit.relation {
            Relation::Own => Some(own),
            // The cgroup must have a part in what fills up: a neighbour's growth alone is the neighbour's forecast.
            Relation::Ancestor | Relation::Host => owners.get(&limit.cgroup).filter(|owner| {
                let of_owner = owner.line().map_or(0.0, |line| line.slope().middle);
                line.slope().middle >= of_owner * PART
            }),
        };
        let Some(reach) = series.and_then(|series| series.reach(until, now)) else {
            continue;
        };
        let first = if is_high { &mut slowed } else { &mut binding };
        if reach.seconds <= HORIZON && first.is_none_or(|(_, first)| significant(first.seconds) > reach.seconds) {
            *first = Some((limit, reach));
        }
    }
    ahead.growth = binding.zip(own_line).map(|((_, reach), line)| Growth {
        slowing: reach.slowing,
        left: reach.left,
        lasted: reach.lasted.min(line.window()),
    });
    ahead.binding = binding.map(|(limit, reach)| statement(limit, reach));
    ahead.slowed = slowed.map(|(limit, reach)| statement(limit, reach));
    ahead
}

/// Whether what grows like this may end at a limit.
fn may_reach(class: Class) -> bool {
    matches!(
        class,
        Class::Leak | Class::Shmem | Class::Kernel | Class::Unknown | Class::Burst
    )
}

/// What is to be expected at a limit that has been met for so many seconds.
pub(super) fn overdue(limit: &Limit, stood: f64) -> Forecast {
    statement(limit, Reach::overdue(stood))
}

/// What counts against a limit now, and where it would be met.
fn against(limit: &Limit, class: Class, memory: &Memory, reclaimable: Bytes) -> Option<(f64, f64)> {
    let (usage, reclaimable, swap) = match limit.relation {
        Relation::Own => (
            limit.usage.or(memory.current),
            reclaimable,
            limit.swap_usage.or(memory.swap_current),
        ),
        Relation::Ancestor | Relation::Host => (limit.usage, limit.reclaimable.unwrap_or_default(), limit.swap_usage),
    };
    let now = held(usage?, reclaimable, swap);
    let until = limit.bytes.as_f64() + swap.unwrap_or_default().as_f64() + swap_room(class, limit, memory);
    Some((now, until))
}

/// What could still be swapped out before a limit kills.
fn swap_room(class: Class, limit: &Limit, memory: &Memory) -> f64 {
    // A stream that does not tell of the host's swap has the cgroup's own limit at best.
    let own = || match limit.relation {
        Relation::Own => Some(memory.swap_max?.saturating_sub(memory.swap_current?)),
        Relation::Ancestor | Relation::Host => None,
    };
    let room = limit.swap_room.or_else(own).unwrap_or_default();
    match class {
        // What the kernel holds is never swapped out: it can only displace what is.
        Class::Kernel => room.min(Bytes(
            memory
                .anon
                .unwrap_or_default()
                .0
                .saturating_add(memory.shmem.unwrap_or_default().0),
        )),
        Class::Leak
        | Class::Shmem
        | Class::Unknown
        | Class::Burst
        | Class::Steady
        | Class::Cache
        | Class::Sawtooth
        | Class::Warmup
        | Class::Shrinking => room,
    }
    .as_f64()
}

fn statement(limit: &Limit, reach: Reach) -> Forecast {
    Forecast {
        seconds: significant(reach.seconds),
        low_seconds: significant(reach.low.min(reach.seconds)),
        high_seconds: (reach.high <= HORIZON).then_some(significant(reach.high.max(reach.seconds))),
        confidence: CONFIDENCE,
        limit: LimitRef {
            cgroup: limit.cgroup.clone(),
            unit: limit.unit.clone(),
            file: limit.file.clone(),
            bytes: limit.bytes,
        },
    }
}
