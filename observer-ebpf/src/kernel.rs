//! Kernel structs, read through the offsets that user space resolved.
//!
//! In: addresses the kernel handed to a probe. Out: plain values, `None` where a field is absent or a read faults.
//! Every read is `bpf_probe_read_kernel`, which checks the address: a wrong one gives `None`, never a fault.

use aya_ebpf::helpers::{bpf_get_current_task, bpf_probe_read_kernel, bpf_probe_read_kernel_buf};
use observer_common::{ABSENT, COMM_LEN, SizesRecord, TaskRecord, UNKNOWN_U64};

/// The process is ending as a whole (include/linux/sched/signal.h).
const SIGNAL_GROUP_EXIT: u32 = 4;

/// The value of one field of [`crate::OFFSETS`].
macro_rules! offset {
    ($field:ident) => {
        // SAFETY: a plain static of this program. Volatile, because user space writes it before the load, which the
        // compiler cannot know.
        unsafe { core::ptr::read_volatile(&raw const $crate::OFFSETS.$field) }
    };
}
pub(crate) use offset;

/// An address in the kernel.
pub(crate) type Address = u64;

/// Reads a `T` at `base + offset`.
#[inline(always)]
pub(crate) fn read<T>(base: Address, offset: u32) -> Option<T> {
    if base == 0 || offset == ABSENT {
        return None;
    }
    // SAFETY: the helper checks the address and only copies.
    unsafe { bpf_probe_read_kernel((base + u64::from(offset)) as *const T) }.ok()
}

/// Reads a pointer; `None` for null.
#[inline(always)]
pub(crate) fn pointer(base: Address, offset: u32) -> Option<Address> {
    read::<Address>(base, offset).filter(|address| *address != 0)
}

/// The cgroup id behind a `cgroup_subsys_state`: `css->cgroup->kn->id`.
#[inline(always)]
fn css_cgroup_id(css: Address) -> Option<u64> {
    cgroup_id(pointer(css, offset!(cgroup_subsys_state_cgroup))?)
}

/// The id of a `cgroup`: `cgroup->kn->id`.
#[inline(always)]
pub(crate) fn cgroup_id(cgroup: Address) -> Option<u64> {
    let kn = pointer(cgroup, offset!(cgroup_kn))?;
    read(kn, offset!(kernfs_node_id))
}

/// The cgroup id of a `mem_cgroup`.
#[inline(always)]
pub(crate) fn memcg_id(memcg: Address) -> Option<u64> {
    css_cgroup_id(memcg + u64::from(offset!(mem_cgroup_css)))
}

/// The state of the memory controller that a task is in: `task->cgroups->subsys[memory_cgrp_id]`.
#[inline(always)]
fn task_memory_css(task: Address) -> Option<Address> {
    let css_set = pointer(task, offset!(task_struct_cgroups))?;
    let subsys = offset!(css_set_subsys);
    if subsys == ABSENT {
        return None;
    }
    pointer(css_set, subsys + 8 * offset!(memory_cgrp_id))
}

/// The memory cgroup that the current task is charged to, as a rule.
#[inline(always)]
pub(crate) fn current_memcg() -> Option<Address> {
    task_memory_css(current())?.checked_sub(u64::from(offset!(mem_cgroup_css)))
}

/// The `struct page_counter` of a memory cgroup's usage.
#[inline(always)]
pub(crate) fn memcg_counter(memcg: Address) -> Address {
    memcg + u64::from(offset!(mem_cgroup_memory))
}

/// What a `struct page_counter` counts, in pages; [`UNKNOWN_U64`] where it cannot be read.
#[inline(always)]
pub(crate) fn usage(counter: Address) -> u64 {
    read(counter, offset!(page_counter_usage)).unwrap_or(UNKNOWN_U64)
}

/// The limit of a `struct page_counter`, in pages; [`UNKNOWN_U64`] where it cannot be read.
#[inline(always)]
pub(crate) fn limit(counter: Address) -> u64 {
    read(counter, offset!(page_counter_max)).unwrap_or(UNKNOWN_U64)
}

/// `memory.high` of a `struct page_counter`, in pages; none where this kernel has it elsewhere.
#[inline(always)]
pub(crate) fn high(counter: Address) -> u64 {
    read(counter, offset!(page_counter_high)).unwrap_or(UNKNOWN_U64)
}

/// A `struct page_counter`: usage and limit.
#[inline(always)]
pub(crate) fn counter(counter: Address) -> (u64, u64) {
    (usage(counter), limit(counter))
}

/// The current task.
#[inline(always)]
pub(crate) fn current() -> Address {
    // SAFETY: no arguments, no conditions.
    unsafe { bpf_get_current_task() }
}

/// Writes what can be told of a task into a record.
#[inline(always)]
pub(crate) fn write_task(task: Address, record: &mut TaskRecord) {
    record.cgroup_id = task_memory_css(task).and_then(css_cgroup_id).unwrap_or(0);
    // A thread's own start says nothing of its process.
    let leader = pointer(task, offset!(task_struct_group_leader)).unwrap_or(0);
    record.start_time = read(leader, offset!(task_struct_start_boottime)).unwrap_or(0);
    record.tgid = read(task, offset!(task_struct_tgid)).unwrap_or(0);
    record.tid = read(task, offset!(task_struct_pid)).unwrap_or(0);
    record.uid = pointer(task, offset!(task_struct_real_cred))
        .and_then(|cred| read(cred, offset!(cred_uid)))
        .unwrap_or(u32::MAX);
    let signal = pointer(task, offset!(task_struct_signal)).unwrap_or(0);
    record.oom_score_adj = read::<i16>(signal, offset!(signal_struct_oom_score_adj)).map_or(i32::MAX, i32::from);
    let flags: u32 = read(signal, offset!(signal_struct_flags)).unwrap_or(0);
    record.exiting = u32::from(flags & SIGNAL_GROUP_EXIT != 0);
    record.parent_tgid = pointer(task, offset!(task_struct_real_parent))
        .and_then(|parent| read(parent, offset!(task_struct_tgid)))
        .unwrap_or(0);
    record.comm = [0; COMM_LEN];
    let comm = offset!(task_struct_comm);
    if comm != ABSENT {
        // SAFETY: as in `read`; on a fault the name stays empty.
        let _ = unsafe { bpf_probe_read_kernel_buf((task + u64::from(comm)) as *const u8, &mut record.comm) };
    }
}

/// How large a task is; unknown where it has let go of its memory.
#[inline(always)]
pub(crate) fn sizes(task: Address) -> SizesRecord {
    let mm = pointer(task, offset!(task_struct_mm)).unwrap_or(0);
    // Places in `rss_stat`: include/linux/mm_types_task.h.
    SizesRecord {
        total_vm: read(mm, offset!(mm_struct_total_vm)).unwrap_or(UNKNOWN_U64),
        file: rss(mm, 0),
        anon: rss(mm, 1),
        swap: rss(mm, 2),
        shmem: rss(mm, 3),
        pgtables_bytes: read(mm, offset!(mm_struct_pgtables_bytes)).unwrap_or(UNKNOWN_U64),
    }
}

/// Resident pages of a kind. Approximate by some pages a CPU, as the kernel's own log is; below zero is told as 0, as
/// there.
#[inline(always)]
fn rss(mm: Address, kind: u32) -> u64 {
    let first = offset!(mm_struct_rss_stat);
    if first == ABSENT {
        return UNKNOWN_U64;
    }
    let count: Option<i64> = read(mm, first + kind * offset!(rss_stat_stride));
    count.map_or(UNKNOWN_U64, |count| if count < 0 { 0 } else { count as u64 })
}
