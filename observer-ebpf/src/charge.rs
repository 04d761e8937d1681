//! The charge path, at `page_counter_try_charge`: once per batch of 64 pages while there is room.
//!
//! In: the counter that was charged and, where it was refused, who refused. Out: at most one "look now" a step, so that
//! a cgroup costs one map update a batch and a record only when it moved. Close to a limit every single charge comes
//! here, twice: what is done then is no more, and told no more often.

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use observer_common::{GrowthRecord, GrowthState, Kind, LostIndex, UNKNOWN_U64};

use crate::{
    CHARGED, GROWTH, count_lost,
    kernel::{Address, counter, memcg_id, memcg_of_counter, read},
};

/// A step that matters, at most: 16 MiB in pages.
const STEP_MAX: u64 = 4096;
/// And at least: one batch of two CPUs, 512 KiB, below which usage is not exact.
const STEP_MIN: u64 = 128;
/// As a share of the limit: a 64th.
const STEP_SHIFT: u32 = 6;
/// A cgroup is reported at most this often, in nanoseconds.
const REPORT_INTERVAL: u64 = 50_000_000;

/// A charge was tried. `refused_by` is the address of the `struct page_counter *` that holds who refused.
#[inline(always)]
pub(crate) fn tried(charged: Address, refused_by: Option<Address>) {
    let Some(memcg) = memcg_of_counter(charged) else { return };
    let Some(id) = memcg_id(memcg) else { return };
    let (usage, limit) = counter(charged);
    if usage == UNKNOWN_U64 {
        return;
    }
    let Some(state) = CHARGED.get_ptr_mut(id) else {
        let state = GrowthState {
            usage,
            peak: usage,
            reported: usage,
            reported_time: 0,
            refused: 0,
            reported_refused: 0,
            refused_by: 0,
        };
        let _ = CHARGED.insert(id, state, 0);
        return report(id, &state, 0);
    };
    // SAFETY: a pointer into the map, valid for this program's run. Two CPUs may write at once: what is lost is a count
    // of one or a report told twice, and both are hints.
    let state = unsafe { &mut *state };
    state.usage = usage;
    if usage > state.peak {
        state.peak = usage;
    }
    if let Some(refused_by) = refused_by {
        state.refused += 1;
        state.refused_by = read::<Address>(refused_by, 0)
            .and_then(memcg_of_counter)
            .and_then(memcg_id)
            .unwrap_or(0);
    }
    let moved = usage.abs_diff(state.reported);
    if moved < step(limit) && state.refused == state.reported_refused {
        return;
    }
    // SAFETY: no arguments, no conditions.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    if now.wrapping_sub(state.reported_time) < REPORT_INTERVAL {
        return;
    }
    report(id, state, now);
    state.reported = usage;
    state.reported_time = now;
    state.reported_refused = state.refused;
}

#[inline(always)]
fn step(limit: u64) -> u64 {
    (limit >> STEP_SHIFT).clamp(STEP_MIN, STEP_MAX)
}

#[inline(always)]
fn report(cgroup_id: u64, state: &GrowthState, time: u64) {
    let Some(mut entry) = GROWTH.reserve::<GrowthRecord>(0) else {
        return count_lost(LostIndex::Growth);
    };
    // SAFETY: the slot is ours until it is submitted; every field is written.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    record.kind = Kind::Growth as u32;
    record.limit_hit = u32::from(state.refused != state.reported_refused);
    record.time = time;
    record.cgroup_id = cgroup_id;
    record.usage = state.usage;
    record.peak = state.peak;
    record.refused = state.refused;
    record.refused_by = state.refused_by;
    entry.submit(0);
}
