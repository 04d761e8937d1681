//! The kernel side of oomtrace: maps and entry points, a table of contents.
//!
//! An entry point reads its arguments, calls its subject's function and returns. Where a subject can be reached in
//! several ways (fentry, kprobe, tracepoint) there is an entry point each; user space attaches the best that loads.
#![no_std]
#![no_main]

mod cgroup;
mod charge;
mod exec;
mod kernel;
mod kill;
mod signal;
mod stack;
mod walk;
mod write;

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    macros::{fentry, fexit, kprobe, kretprobe, map, raw_tracepoint, tracepoint},
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
    programs::{FEntryContext, FExitContext, ProbeContext, RawTracePointContext, RetProbeContext, TracePointContext},
};
use observer_common::{
    GrowthState, Kind, Offsets, OomState, REPEATED, Ring, SamplingState, SenderState, WALK_ROWS, WalkRow, WalkState,
    Writing,
};

/// Kills have a ring of their own: no growth can displace them. Room for a storm of 1,400 while the reader stands still.
///
/// A ring counts twice in what the observer holds: its data is mapped twice in a row (kernel/bpf/ringbuf.c).
#[map]
static KILLS: RingBuf = RingBuf::with_byte_size(1 << 19, 0);

/// Births and ends of cgroups: room for 480.
#[map]
static CGROUPS: RingBuf = RingBuf::with_byte_size(1 << 19, 0);

/// "Look now" hints; when full the next charge tells it again.
#[map]
static GROWTH: RingBuf = RingBuf::with_byte_size(1 << 16, 0);

/// One entry per memory cgroup that charges, by its address. The least used goes first: all that is lost is when it was last
/// reported.
#[map]
static CHARGED: LruHashMap<u64, GrowthState> = LruHashMap::with_max_entries(16_384, 0);

/// Deadly signals: room for 1,260 records, two of whoever dies of one.
#[map]
static SIGNALS: RingBuf = RingBuf::with_byte_size(1 << 18, 0);

/// Programs that begin: room for 780 between two looks.
#[map]
static EXECS: RingBuf = RingBuf::with_byte_size(EXECS_SIZE as u32, 0);
const EXECS_SIZE: u64 = 1 << 18;

/// When a process was sent a deadly signal, by tgid: its end is told. The least used goes first.
#[map]
static SIGNALLED: LruHashMap<u32, u64> = LruHashMap::with_max_entries(4_096, 0);

/// How many signals were sent by those that may kill their own only, by the user who answers for them.
#[map]
static SENDERS: LruHashMap<u32, SenderState> = LruHashMap::with_max_entries(1_024, 0);

/// What a task is writing to, by tid. Entries live for one write.
#[map]
static WRITERS: LruHashMap<u32, u32> = LruHashMap::with_max_entries(1_024, 0);

/// When an OOM in which nothing could be killed was last told, by the owner's address.
#[map]
static UNKILLED: LruHashMap<u64, u64> = LruHashMap::with_max_entries(256, 0);

/// The OOM that a task is in, by the task's tid. Entries live for one `oom_kill_process`.
#[map]
static OOMS: LruHashMap<u32, OomState> = LruHashMap::with_max_entries(1_024, 0);

/// What a pass of a walk tells: user space has as much of it mapped as there are cgroups.
#[map]
static WALK_TABLE: Array<WalkRow> = Array::with_max_entries(WALK_ROWS, BPF_F_MMAPABLE);

/// Where the walk stands.
#[map]
static WALK: Array<WalkState> = Array::with_max_entries(1, 0);

/// The cgroups whose processes' pages are followed. This map and the next three are as small as can be unless stacks are taken.
#[map]
static CHOSEN: HashMap<u64, u8> = HashMap::with_max_entries(1, 0);

/// When each page was taken that is followed and still there, by the address of its `struct page`.
#[map]
static LIVE: HashMap<u64, u64> = HashMap::with_max_entries(1, 0);

/// Pages that were taken, with the stacks.
#[map]
static PAGES: RingBuf = RingBuf::with_byte_size(1 << 16, 0);

/// Pages that were to be followed, and found the ring or the map full.
#[map]
static UNFOLLOWED: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Records that found their ring full, by [`Ring`], and signals that were too many to be told.
#[map]
static LOST: PerCpuArray<u64> = PerCpuArray::with_max_entries(REPEATED + 1, 0);

/// Set by user space before the load.
#[unsafe(no_mangle)]
static OFFSETS: Offsets = Offsets::NONE;

/// Set by user space before the load.
#[unsafe(no_mangle)]
static SAMPLING: SamplingState = SamplingState::NONE;

fn count_lost(ring: Ring) {
    count(ring as u32);
}

/// A signal is not told: one user's senders send too many.
fn count_repeated() {
    count(REPEATED);
}

fn count(index: u32) {
    add_one(LOST.get_ptr_mut(index));
}

/// A page that was to be followed is not.
fn count_unfollowed() {
    add_one(UNFOLLOWED.get_ptr_mut(0));
}

#[inline(always)]
fn add_one(count: Option<*mut u64>) {
    if let Some(count) = count {
        // SAFETY: the pointer is to this CPU's own value, which nothing else writes while this program runs.
        unsafe { *count = (*count).wrapping_add(1) };
    }
}

#[fentry(function = "oom_kill_process")]
fn oom_kill_process(ctx: FEntryContext) -> i32 {
    kill::chosen(ctx.arg(0));
    0
}

#[fexit(function = "oom_kill_process")]
fn oom_kill_process_exit(_: FExitContext) -> i32 {
    kill::done();
    0
}

#[kprobe]
fn oom_kill_process_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(oom_control) = ctx.arg(0) {
        kill::chosen(oom_control);
    }
    0
}

#[kretprobe]
fn oom_kill_process_kretprobe(_: RetProbeContext) -> u32 {
    kill::done();
    0
}

#[fexit(function = "out_of_memory")]
fn out_of_memory(ctx: FExitContext) -> i32 {
    // Behind the only argument stands what it returns: a C bool.
    kill::nothing_chosen(ctx.arg(0), ctx.arg::<u64>(1) & 0xff != 0);
    0
}

#[fentry(function = "memory_max_write")]
fn memory_max_write(_: FEntryContext) -> i32 {
    write::begin(Writing::MemoryMax);
    0
}

#[fexit(function = "memory_max_write")]
fn memory_max_write_exit(_: FExitContext) -> i32 {
    write::end();
    0
}

#[kprobe]
fn memory_max_write_kprobe(_: ProbeContext) -> u32 {
    write::begin(Writing::MemoryMax);
    0
}

#[fentry(function = "cgroup_kill_write")]
fn cgroup_kill_write(_: FEntryContext) -> i32 {
    write::begin(Writing::CgroupKill);
    0
}

#[fexit(function = "cgroup_kill_write")]
fn cgroup_kill_write_exit(_: FExitContext) -> i32 {
    write::end();
    0
}

#[kprobe]
fn cgroup_kill_write_kprobe(_: ProbeContext) -> u32 {
    write::begin(Writing::CgroupKill);
    0
}

#[kretprobe]
fn memory_max_write_kretprobe(_: RetProbeContext) -> u32 {
    write::end();
    0
}

#[kretprobe]
fn cgroup_kill_write_kretprobe(_: RetProbeContext) -> u32 {
    write::end();
    0
}

#[raw_tracepoint(tracepoint = "signal_generate")]
fn signal_generate_raw(ctx: RawTracePointContext) -> i32 {
    signal::sent(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

#[fentry(function = "do_send_sig_info")]
fn do_send_sig_info(ctx: FEntryContext) -> i32 {
    signal::sent(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

#[kprobe]
fn do_send_sig_info_kprobe(ctx: ProbeContext) -> u32 {
    if let (Some(signal), Some(info), Some(task)) = (ctx.arg(0), ctx.arg(1), ctx.arg(2)) {
        signal::sent(signal, info, task);
    }
    0
}

#[tracepoint]
fn signal_generate(ctx: TracePointContext) -> u32 {
    signal::told(&ctx);
    0
}

#[tracepoint]
fn sched_process_exit(_: TracePointContext) -> u32 {
    signal::exited();
    0
}

#[tracepoint]
fn sched_process_exec(_: TracePointContext) -> u32 {
    exec::begun();
    0
}

#[fentry(function = "mark_oom_victim")]
fn mark_oom_victim(ctx: FEntryContext) -> i32 {
    kill::marked(ctx.arg(0));
    0
}

#[kprobe]
fn mark_oom_victim_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(task) = ctx.arg(0) {
        kill::marked(task);
    }
    0
}

#[tracepoint]
fn mark_victim(ctx: TracePointContext) -> u32 {
    kill::told(&ctx);
    0
}

#[fentry(function = "refill_stock")]
fn refill_stock(ctx: FEntryContext) -> i32 {
    charge::moved(ctx.arg(0));
    0
}

#[kprobe]
fn refill_stock_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(memcg) = ctx.arg(0) {
        charge::moved(memcg);
    }
    0
}

#[fentry(function = "do_huge_pmd_anonymous_page")]
fn do_huge_pmd_anonymous_page(_: FEntryContext) -> i32 {
    huge_fault()
}

#[kprobe]
fn do_huge_pmd_anonymous_page_kprobe(_: ProbeContext) -> u32 {
    huge_fault().unsigned_abs()
}

#[inline(always)]
fn huge_fault() -> i32 {
    if let Some(memcg) = kernel::current_memcg() {
        charge::moved(memcg);
    }
    0
}

#[raw_tracepoint(tracepoint = "mm_page_alloc")]
fn mm_page_alloc(ctx: RawTracePointContext) -> i32 {
    stack::taken(&ctx);
    0
}

#[raw_tracepoint(tracepoint = "mm_page_free")]
fn mm_page_free(ctx: RawTracePointContext) -> i32 {
    stack::given_back(&ctx);
    0
}

#[tracepoint]
fn cgroup_mkdir(ctx: TracePointContext) -> u32 {
    cgroup::told(&ctx, Kind::CgroupMkdir);
    0
}

#[tracepoint]
fn cgroup_rmdir(ctx: TracePointContext) -> u32 {
    cgroup::told(&ctx, Kind::CgroupRmdir);
    0
}

#[tracepoint]
fn cgroup_rename(ctx: TracePointContext) -> u32 {
    cgroup::told(&ctx, Kind::CgroupRename);
    0
}

#[tracepoint]
fn cgroup_attach_task(ctx: TracePointContext) -> u32 {
    cgroup::moved(&ctx);
    0
}

/// The cgroup is the second word of the context, null at the end (`struct bpf_iter__cgroup`). aya has no macro for iterators.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/cgroup")]
extern "C" fn cgroup_iter(ctx: *const u64) -> i32 {
    // SAFETY: the verifier lets both words of the context be read.
    walk::met(unsafe { *ctx.add(1) })
}

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

/// `bpf_get_current_task`, `bpf_probe_read_kernel` and others are for GPL programs only; the rest of oomtrace is
/// `MIT OR Apache-2.0`.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
