//! A walk over all memory cgroups: one `read()` of the iterator tells the counters of every one.
//!
//! In: each cgroup of the v2 hierarchy, parents before children, under `cgroup_mutex`. Out: a row for each that has a memory
//! controller of its own, in an array that user space has mapped. The seq file of a cgroup iterator holds 32 KiB and cannot
//! be read on from there, so rows do not go through it (kernel/bpf/cgroup_iter.c).

use observer_common::{ABSENT, MEMORY_EVENTS_LEN, UNKNOWN_U64};

use crate::{
    WALK, WALK_TABLE,
    kernel::{Address, cgroup_id, counter, high, limit, memcg_counter, offset, pointer, read, usage},
};

/// Go on.
const NEXT: i32 = 0;
/// End the walk.
const END: i32 = 1;

/// The walk has come to a cgroup; 0 = it is at its end.
#[inline(always)]
pub(crate) fn met(cgroup: Address) -> i32 {
    if cgroup == 0 {
        return NEXT;
    }
    let Some(state) = WALK.get_ptr_mut(0) else {
        return NEXT;
    };
    // SAFETY: a pointer into the array map's only value; `cgroup_mutex` lets one walk run at a time, and user space writes
    // between walks only.
    let state = unsafe { &mut *state };
    if state.after != 0 {
        // An address may have another owner since the last pass, an id may not.
        if state.after == cgroup && cgroup_id(cgroup) == Some(state.after_id) {
            state.after = 0;
        }
        return NEXT;
    }
    let Some(memcg) = own_memcg(cgroup) else {
        return NEXT;
    };
    if state.rows >= state.room {
        state.is_full = 1;
        return END;
    }
    let (Some(id), Some(row)) = (cgroup_id(cgroup), WALK_TABLE.get_ptr_mut(state.rows)) else {
        return NEXT;
    };
    // SAFETY: as above; every field is written.
    let row = unsafe { &mut *row };
    row.cgroup_id = id;
    let memory = memcg_counter(memcg);
    (row.usage, row.max) = counter(memory);
    row.high = high(memory);
    row.low = read(memory, offset!(page_counter_low)).unwrap_or(UNKNOWN_U64);
    row.peak = read(memory, offset!(page_counter_watermark)).unwrap_or(UNKNOWN_U64);
    (row.swap_usage, row.swap_max) = match offset!(mem_cgroup_swap) {
        ABSENT => (UNKNOWN_U64, UNKNOWN_U64),
        swap => (usage(memcg + u64::from(swap)), limit(memcg + u64::from(swap))),
    };
    // All counters in one copy. Of a kernel that has fewer the last ones are what stands behind them, and nobody asks for them.
    let events = |offset| read(memcg, offset).unwrap_or([UNKNOWN_U64; MEMORY_EVENTS_LEN]);
    row.events = events(offset!(mem_cgroup_memory_events));
    row.events_local = events(offset!(mem_cgroup_memory_events_local));
    state.last = cgroup;
    state.last_id = id;
    state.rows += 1;
    NEXT
}

/// The `mem_cgroup` of a cgroup that has a memory controller of its own; `None` where an ancestor's counts for it, and at the root,
/// which is never charged.
#[inline(always)]
fn own_memcg(cgroup: Address) -> Option<Address> {
    let css = pointer(cgroup, offset!(cgroup_subsys) + 8 * offset!(memory_cgrp_id))?;
    pointer(css, offset!(cgroup_subsys_state_parent))?;
    css.checked_sub(u64::from(offset!(mem_cgroup_css)))
}
