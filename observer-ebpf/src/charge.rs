//! The charge path, at `page_counter_try_charge`: once per batch of 64 pages while there is room.
//!
//! In: the counter that was charged and, where it was refused, who refused. Out: at most one "look now" a step, so that
//! a cgroup costs one lookup a batch and a record only when it moved.
//!
//! Close to a limit every single page comes here, twice: first with a batch, which is refused, then with the one page.
//! So a refused batch is left at once, and what remains is one read and one lookup: entries are found by the counter's
//! address, and only when something is to be reported is it asked whose counter that is.

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use observer_common::{GrowthRecord, GrowthState, Kind, Ring, UNKNOWN_U64};

use crate::{
    CHARGED, GROWTH, count_lost,
    kernel::{Address, limit, memcg_id, memcg_of_counter, read, usage},
};

/// A step that matters, at most: 16 MiB in pages.
const STEP_MAX: u64 = 4096;
/// And at least: one batch of two CPUs, 512 KiB, below which usage is not exact.
const STEP_MIN: u64 = 128;
/// As a share of the limit: a 64th.
const STEP_SHIFT: u32 = 6;
/// A cgroup is reported at most this often, in nanoseconds.
const REPORT_INTERVAL: u64 = 50_000_000;

/// The pages that the kernel tries to charge at once, to have some in stock (`MEMCG_CHARGE_BATCH`, mm/memcontrol.c).
const BATCH: u64 = 64;

/// A charge of `pages` was tried. `refused_by` is the address of the `struct page_counter *` that holds who refused.
#[inline(always)]
pub(crate) fn tried(charged: Address, pages: u64, refused_by: Option<Address>) {
    if pages == BATCH && refused_by.is_some() {
        // Tried again with what is really needed: only that says whether the limit was met.
        return;
    }
    let usage = usage(charged);
    if usage == UNKNOWN_U64 {
        return;
    }
    let Some(state) = CHARGED.get_ptr_mut(charged) else {
        return meet(charged, usage);
    };
    // SAFETY: a pointer into the map, valid for this program's run. Two CPUs may write at once: what is lost is a count
    // of one or a report told twice, and both are hints.
    let state = unsafe { &mut *state };
    if usage > state.peak {
        state.peak = usage;
    }
    if refused_by.is_some() {
        state.refused += 1;
    } else if usage.abs_diff(state.reported) < step(state.limit) {
        return;
    }
    // SAFETY: no arguments, no conditions.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    if now.wrapping_sub(state.reported_time) < REPORT_INTERVAL {
        return;
    }
    if memcg_of_counter(charged).and_then(memcg_id) != Some(state.cgroup_id) {
        // The address has another owner by now.
        let _ = CHARGED.remove(charged);
        return meet(charged, usage);
    }
    if let Some(refused_by) = refused_by {
        state.refused_by = read::<Address>(refused_by, 0)
            .and_then(memcg_of_counter)
            .and_then(memcg_id)
            .unwrap_or(0);
    }
    report(state, usage, now);
    state.limit = limit(charged);
    state.reported = usage;
    state.reported_time = now;
    state.reported_refused = state.refused;
}

/// A counter that has no entry yet: one if it is a memory cgroup's, and a first report.
#[inline(always)]
fn meet(charged: Address, usage: u64) {
    let Some(cgroup_id) = memcg_of_counter(charged).and_then(memcg_id) else {
        return;
    };
    let state = GrowthState {
        cgroup_id,
        limit: limit(charged),
        peak: usage,
        reported: usage,
        reported_time: 0,
        refused: 0,
        reported_refused: 0,
        refused_by: 0,
    };
    let _ = CHARGED.insert(charged, state, 0);
    report(&state, usage, 0);
}

#[inline(always)]
fn step(limit: u64) -> u64 {
    (limit >> STEP_SHIFT).clamp(STEP_MIN, STEP_MAX)
}

#[inline(always)]
fn report(state: &GrowthState, usage: u64, time: u64) {
    let Some(mut entry) = GROWTH.reserve::<GrowthRecord>(0) else {
        return count_lost(Ring::Growth);
    };
    // SAFETY: the slot is ours until it is submitted; every field is written.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    record.kind = Kind::Growth as u32;
    record.limit_hit = u32::from(state.refused != state.reported_refused);
    record.time = time;
    record.cgroup_id = state.cgroup_id;
    record.usage = usage;
    record.peak = state.peak;
    record.refused = state.refused;
    record.refused_by = state.refused_by;
    entry.submit(0);
}
