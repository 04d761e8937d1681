//! Kills: the choice made at `oom_kill_process`, and every task that is marked as a victim.
//!
//! In both places `current` is the trigger, the task that asked for memory, and never stands for the victim.
//! The choice and its victims are made by one task under `oom_lock`: the task's tid joins them.

use aya_ebpf::{
    EbpfContext as _,
    helpers::{
        bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns,
        bpf_probe_read_kernel_str_bytes,
    },
    programs::TracePointContext,
};
use observer_common::{
    ABSENT, COMM_LEN, Constraint, Kind, Marked, OomRecord, OomState, Ring, SizesRecord, TaskRecord, UNKNOWN_U64,
    VictimRecord,
};

use crate::{
    KILLS, OOMS, UNKILLED, count_lost,
    kernel::{self, Address, counter, memcg_counter, memcg_id, offset, read, sizes, write_task},
    write::writing,
};

pub(crate) fn now() -> u64 {
    // SAFETY: no arguments, no conditions.
    unsafe { bpf_ktime_get_boot_ns() }
}

pub(crate) fn current_tid() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

pub(crate) fn current_tgid() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

/// What the helpers tell of the current task, needing no offsets.
#[inline(always)]
pub(crate) fn write_current(record: &mut TaskRecord) {
    record.tgid = current_tgid();
    record.tid = current_tid();
    record.comm = bpf_get_current_comm().unwrap_or([0; COMM_LEN]);
}

/// The kernel has chosen: `oom_kill_process(struct oom_control *oc, const char *message)` is entered.
#[inline(always)]
pub(crate) fn chosen(oom_control: Address) {
    let time = now();
    let state = OomState {
        time,
        mm: 0,
        tgid: 0,
        reserved: 0,
    };
    // Without the entry the victims are told all the same, unjoined.
    let _ = OOMS.insert(current_tid(), state, 0);
    write_oom(oom_control, Kind::Oom, time);
}

/// `out_of_memory` returns and nothing was chosen, nor had to be: it says that it helped where the one that asked was
/// ending anyway, or somebody gave memory back. The kernel tries again and again: told once a second for each owner.
#[inline(always)]
pub(crate) fn nothing_chosen(oom_control: Address, helped: bool) {
    if helped || read::<Address>(oom_control, offset!(oom_control_chosen)) != Some(0) {
        return;
    }
    let memcg: Address = read(oom_control, offset!(oom_control_memcg)).unwrap_or(0);
    let time = now();
    if let Some(told) = UNKILLED.get_ptr(memcg) {
        // SAFETY: the map's value; another CPU can only write a newer time.
        if time.wrapping_sub(unsafe { *told }) < 1_000_000_000 {
            return;
        }
    }
    let _ = UNKILLED.insert(memcg, time, 0);
    write_oom(oom_control, Kind::OomWithoutKill, time);
}

#[inline(always)]
fn write_oom(oom_control: Address, kind: Kind, time: u64) {
    let Some(mut entry) = KILLS.reserve::<OomRecord>(0) else {
        return count_lost(Ring::Kills);
    };
    // SAFETY: the slot is ours until it is submitted; every field is written below.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    record.kind = kind as u32;
    record.writing = writing();
    record.reserved = 0;
    record.constraint = read(oom_control, offset!(oom_control_constraint)).unwrap_or(-1);
    record.time = time;
    write_task(kernel::current(), &mut record.trigger);
    write_task(
        read(oom_control, offset!(oom_control_chosen)).unwrap_or(0),
        &mut record.chosen,
    );
    record.total_pages = read(oom_control, offset!(oom_control_totalpages)).unwrap_or(UNKNOWN_U64);
    record.gfp = read(oom_control, offset!(oom_control_gfp_mask)).unwrap_or(u32::MAX);
    record.order = read(oom_control, offset!(oom_control_order)).unwrap_or(0);
    // As the kernel found its constraint (mm/oom_kill.c: `constrained_alloc`).
    record.nodes = if record.constraint == Constraint::MemoryPolicy as i32 {
        let nodemask: Address = read(oom_control, offset!(oom_control_nodemask)).unwrap_or(0);
        read(nodemask, 0).unwrap_or(0)
    } else if record.constraint == Constraint::Cpuset as i32 {
        read(kernel::current(), offset!(task_struct_mems_allowed)).unwrap_or(0)
    } else {
        0
    };
    record.owner_id = 0;
    record.limit = UNKNOWN_U64;
    record.usage = UNKNOWN_U64;
    record.swap_usage = UNKNOWN_U64;
    record.swap_limit = UNKNOWN_U64;
    let memcg: Address = read(oom_control, offset!(oom_control_memcg)).unwrap_or(0);
    if memcg != 0 {
        record.owner_id = memcg_id(memcg).unwrap_or(0);
        (record.usage, record.limit) = counter(memcg_counter(memcg));
        let swap = offset!(mem_cgroup_swap);
        if swap != ABSENT {
            (record.swap_usage, record.swap_limit) = counter(memcg + u64::from(swap));
        }
    }
    entry.submit(0);
}

/// `oom_kill_process` returns: what this task marks from now on belongs to no choice.
#[inline(always)]
pub(crate) fn done() {
    let _ = OOMS.remove(current_tid());
}

/// The fields that are the trigger's, the same in every way.
#[inline(always)]
fn write_trigger(record: &mut VictimRecord, marked: Marked) {
    let pid_tgid = bpf_get_current_pid_tgid();
    record.kind = Kind::Victim as u32;
    record.trigger_tid = pid_tgid as u32;
    record.trigger_tgid = (pid_tgid >> 32) as u32;
    record.marked = marked as u32;
    record.time = now();
    record.oom_time = OOMS.get_ptr(record.trigger_tid).map_or(0, |state| {
        // SAFETY: the map's value; the task that wrote it is the one that runs here.
        unsafe { (*state).time }
    });
    // SAFETY: no arguments, no conditions.
    record.trigger_cgroup_id = unsafe { bpf_get_current_cgroup_id() };
    record.trigger_comm = bpf_get_current_comm().unwrap_or([0; COMM_LEN]);
}

/// A task is marked: `mark_oom_victim(struct task_struct *tsk)` is entered.
#[inline(always)]
pub(crate) fn marked(task: Address) {
    if let Some(state) = OOMS.get_ptr_mut(current_tid()) {
        // SAFETY: the map's value; only the task that runs here writes it.
        let state = unsafe { &mut *state };
        state.mm = read(task, offset!(task_struct_mm)).unwrap_or(0);
        state.tgid = read(task, offset!(task_struct_tgid)).unwrap_or(0);
    }
    write_victim(task, Marked::Marked);
}

/// SIGKILL is sent within an OOM. To the one that will be marked, of which [`marked`] tells, or afterwards to others that
/// share its memory (mm/oom_kill.c: `__oom_kill_process`), of which nothing else does.
#[inline(always)]
pub(crate) fn killed_within(state: &OomState, task: Address) {
    let shares = state.mm != 0 && read::<Address>(task, offset!(task_struct_mm)) == Some(state.mm);
    if shares && read::<u32>(task, offset!(task_struct_tgid)) != Some(state.tgid) {
        write_victim(task, Marked::SharedMm);
    }
}

#[inline(always)]
fn write_victim(task: Address, marked: Marked) {
    let Some(mut entry) = KILLS.reserve::<VictimRecord>(0) else {
        return count_lost(Ring::Kills);
    };
    // SAFETY: the slot is ours until it is submitted; every field is written below.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    write_trigger(record, marked);
    write_task(task, &mut record.task);
    record.sizes = sizes(task);
    entry.submit(0);
}

/// The tracepoint `oom:mark_victim`: on kernels that let us have nothing better. Its sizes are in KiB.
#[inline(always)]
pub(crate) fn told(ctx: &TracePointContext) {
    let Some(mut entry) = KILLS.reserve::<VictimRecord>(0) else {
        return count_lost(Ring::Kills);
    };
    // SAFETY: the slot is ours until it is submitted; every field is written below.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    write_trigger(record, Marked::Marked);
    let base = ctx.as_ptr() as Address;
    // Whole pages in KiB (include/trace/events/oom.h: `PG_COUNT_TO_KB`).
    let page = u64::from(offset!(page_kib));
    let pages = |offset: u32| {
        let kib: Option<u64> = read(base, offset);
        kib.and_then(|kib| kib.checked_div(page)).unwrap_or(UNKNOWN_U64)
    };
    // The task that holds the memory: possibly a thread that is not the leader. User space finds the process.
    record.task.tid = read(base, offset!(mark_victim_pid)).unwrap_or(0);
    record.task.tgid = 0;
    record.task.cgroup_id = 0;
    record.task.start_time = 0;
    record.task.parent_tgid = 0;
    record.task.exiting = 0;
    record.task.uid = read(base, offset!(mark_victim_uid)).unwrap_or(u32::MAX);
    record.task.oom_score_adj = read::<i16>(base, offset!(mark_victim_oom_score_adj)).map_or(i32::MAX, i32::from);
    record.task.comm = [0; COMM_LEN];
    // A `__data_loc`: the lower half says where the string begins, counted from the record's start.
    if let Some(location) = read::<u32>(base, offset!(mark_victim_comm)) {
        let from = (base + u64::from(location & 0xffff)) as *const u8;
        // SAFETY: the helper checks the address; on a fault the name stays empty.
        let _ = unsafe { bpf_probe_read_kernel_str_bytes(from, &mut record.task.comm) };
    }
    record.sizes = SizesRecord {
        total_vm: pages(offset!(mark_victim_total_vm)),
        anon: pages(offset!(mark_victim_anon_rss)),
        file: pages(offset!(mark_victim_file_rss)),
        shmem: pages(offset!(mark_victim_shmem_rss)),
        swap: UNKNOWN_U64,
        pgtables_bytes: read::<u64>(base, offset!(mark_victim_pgtables))
            .map_or(UNKNOWN_U64, |kib| kib.wrapping_mul(1024)),
    };
    entry.submit(0);
}
