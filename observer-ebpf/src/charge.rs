//! The charge path, where it takes pages for more than the one that is needed.
//!
//! `try_charge_memcg` charges 64 pages at once and puts the rest into the CPU's stock (`refill_stock`, mm/memcontrol.c): so
//! growth comes by here once in 64 pages, and not at all at a limit, where only single pages are to be had, which is where
//! each instruction counts and user space looks at each tick anyway. A huge page is charged whole and leaves nothing for
//! the stock: it is met at its fault.
//!
//! Out: at most one "look now" a step, so that a cgroup costs one lookup a batch and a record only when it moved.

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use observer_common::{GrowthRecord, GrowthState, Kind, Ring, UNKNOWN_U64};

use crate::{
    CHARGED, GROWTH, count_lost,
    kernel::{Address, high, limit, memcg_counter, memcg_id, offset, usage},
};

/// A step that matters, at most: 16 MiB, in KiB.
const STEP_MAX: u64 = 16 << 10;
/// And at least: one batch of two CPUs, below which usage is not exact, in pages: 512 KiB where they have 4.
const STEP_MIN: u64 = 128;
/// As a share of the limit: a 64th.
const STEP_SHIFT: u32 = 6;
/// A cgroup is reported at most this often, in nanoseconds.
const REPORT_INTERVAL: u64 = 50_000_000;

/// Pages were charged to a `struct mem_cgroup`, or some of its kernel memory was given back.
#[inline(always)]
pub(crate) fn moved(memcg: Address) {
    let counter = memcg_counter(memcg);
    let usage = usage(counter);
    if usage == UNKNOWN_U64 {
        return;
    }
    let Some(state) = CHARGED.get_ptr_mut(memcg) else {
        return meet(memcg, usage);
    };
    // SAFETY: a pointer into the map, valid for this program's run. Two CPUs may write at once: what comes of it is a
    // report told twice, and reports are hints.
    let state = unsafe { &mut *state };
    if usage.abs_diff(state.reported) < step(state.limit) {
        return;
    }
    // SAFETY: no arguments, no conditions.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    if now.wrapping_sub(state.reported_time) < REPORT_INTERVAL {
        return;
    }
    if memcg_id(memcg) != Some(state.cgroup_id) {
        // The address has another owner by now.
        let _ = CHARGED.remove(memcg);
        return meet(memcg, usage);
    }
    report(state.cgroup_id);
    state.limit = nearest(counter);
    state.reported = usage;
    state.reported_time = now;
}

/// A memory cgroup that has no entry yet: one, and a first report.
#[inline(always)]
fn meet(memcg: Address, usage: u64) {
    let Some(cgroup_id) = memcg_id(memcg) else {
        return;
    };
    let state = GrowthState {
        cgroup_id,
        limit: nearest(memcg_counter(memcg)),
        reported: usage,
        reported_time: 0,
    };
    let _ = CHARGED.insert(memcg, state, 0);
    report(cgroup_id);
}

/// The lower of what kills and what slows down: a unit that has `memory.high` alone is to be seen on its way there.
#[inline(always)]
fn nearest(counter: Address) -> u64 {
    let (max, high) = (limit(counter), high(counter));
    if high < max { high } else { max }
}

#[inline(always)]
fn step(limit: u64) -> u64 {
    // Neither `/` nor `clamp`: they may panic, and the verifier takes no program that may.
    let most = STEP_MAX.checked_div(u64::from(offset!(page_kib))).unwrap_or(STEP_MIN);
    (limit >> STEP_SHIFT).min(most).max(STEP_MIN)
}

#[inline(always)]
fn report(cgroup_id: u64) {
    let Some(mut entry) = GROWTH.reserve::<GrowthRecord>(0) else {
        return count_lost(Ring::Growth);
    };
    entry.write(GrowthRecord {
        kind: Kind::Growth as u32,
        reserved: 0,
        cgroup_id,
    });
    entry.submit(0);
}
