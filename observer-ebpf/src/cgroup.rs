//! Births, ends and renames of cgroups, and who is moved into one, from the `cgroup:` tracepoints: id → path is known
//! before anything charges, and learnt again from the next move where a birth was lost.
//!
//! Births, ends and renames have the same fields (include/trace/events/cgroup.h, class `cgroup`); a move has its own.

use aya_ebpf::{
    EbpfContext as _, helpers::bpf_ktime_get_boot_ns, helpers::bpf_probe_read_kernel_str_bytes,
    programs::TracePointContext,
};
use observer_common::{CgroupRecord, Kind, Ring};

use crate::{
    CGROUPS, count_lost,
    kernel::{Address, offset, read},
};

/// A cgroup came, went or was renamed.
#[inline(always)]
pub(crate) fn told(ctx: &TracePointContext, kind: Kind) {
    let base = ctx.as_ptr() as Address;
    write(
        base,
        kind,
        offset!(cgroup_root),
        offset!(cgroup_id),
        offset!(cgroup_path),
    );
}

/// A task was moved.
#[inline(always)]
pub(crate) fn moved(ctx: &TracePointContext) {
    let base = ctx.as_ptr() as Address;
    write(
        base,
        Kind::CgroupAttach,
        offset!(attach_task_root),
        offset!(attach_task_id),
        offset!(attach_task_path),
    );
}

/// The last three: where the tracepoint has the hierarchy, the cgroup's id and its path.
#[inline(always)]
fn write(base: Address, kind: Kind, root: u32, id: u32, path: u32) {
    let hierarchy: u32 = read(base, root).unwrap_or(0);
    // On cgroup v1 every controller has a tree of its own: only the memory controller's is told.
    if hierarchy != offset!(hierarchy) {
        return;
    }
    let Some(id) = read::<u64>(base, id) else {
        return;
    };
    let Some(mut entry) = CGROUPS.reserve::<CgroupRecord>(0) else {
        return count_lost(Ring::Cgroups);
    };
    // SAFETY: the slot is ours until it is submitted; every field is written, the path up to its closing zero.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    record.kind = kind as u32;
    record.hierarchy = hierarchy;
    // SAFETY: no arguments, no conditions.
    record.time = unsafe { bpf_ktime_get_boot_ns() };
    record.id = id;
    record.path[0] = 0;
    // A `__data_loc`: the lower half says where the string begins, counted from the record's start.
    if let Some(location) = read::<u32>(base, path) {
        let from = (base + u64::from(location & 0xffff)) as *const u8;
        // SAFETY: the helper checks the address and ends the string; on a fault the path stays empty.
        let _ = unsafe { bpf_probe_read_kernel_str_bytes(from, &mut record.path) };
    }
    entry.submit(0);
}
