#![no_std]
//! The records that cross from the kernel side of oomtrace to its user side.
//!
//! Every record is `repr(C)` and made of integers and byte arrays whose sizes leave no padding (asserted below), so
//! that both sides read the same bytes, whatever compiler made them. Sizes are in pages, as the kernel counts them;
//! times are nanoseconds of `CLOCK_BOOTTIME`. A code that one side does not know is kept as its number.
#![warn(missing_docs)]

mod sampling;

use core::mem::size_of;

use bytemuck::Pod;
pub use bytemuck::Zeroable;

pub use sampling::SamplingState;

/// The length of a task's name in the kernel, the closing zero included (`TASK_COMM_LEN`).
pub const COMM_LEN: usize = 16;

/// The longest cgroup path that the kernel's cgroup tracepoints write (`TRACE_CGROUP_PATH_LEN`, kernel/cgroup/cgroup.c).
pub const CGROUP_PATH_LEN: usize = 1024;

/// What no `order`, score or limit can be: "not read".
pub const UNKNOWN_U64: u64 = u64::MAX;

/// What a record tells, in its first field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// An [`OomRecord`].
    Oom = 1,
    /// A [`VictimRecord`].
    Victim = 2,
    /// A [`CgroupRecord`]: a cgroup was made.
    CgroupMkdir = 3,
    /// A [`CgroupRecord`]: a cgroup is gone.
    CgroupRmdir = 4,
    /// A [`CgroupRecord`]: a cgroup has another name.
    CgroupRename = 5,
    /// A [`GrowthRecord`].
    Growth = 6,
    /// An [`OomRecord`] in which nothing was chosen: there was no killable task.
    OomWithoutKill = 7,
    /// A [`SignalRecord`]: a deadly signal was sent.
    Signal = 8,
    /// A [`SignalRecord`]: a process that was sent a deadly signal has ended of it.
    SignalDeath = 9,
    /// A [`CgroupRecord`]: a task was moved into a cgroup.
    CgroupAttach = 10,
    /// An [`ExecRecord`]: a process runs another program.
    Exec = 11,
    /// A [`PageRecord`]: a page that is followed was taken.
    Page = 12,
}

/// The cgroup file that a task is writing to, where that can kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Writing {
    /// None of them.
    Nothing = 0,
    /// `cgroup.kill`.
    CgroupKill = 1,
    /// `memory.max`.
    MemoryMax = 2,
}

/// How a victim came to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Marked {
    /// The kernel marked it.
    Marked = 0,
    /// It shares the memory of one that was marked, and was sent SIGKILL with it; the kernel marks only one of them.
    SharedMm = 1,
}

/// Why a kernel OOM looks where it looks (`enum oom_constraint`, include/linux/oom.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Constraint {
    /// The whole host.
    None = 0,
    /// The nodes of a cpuset.
    Cpuset = 1,
    /// The nodes of a memory policy.
    MemoryPolicy = 2,
    /// A memory cgroup's limit.
    Memcg = 3,
}

/// Whether a sender of signals may kill whomever it wants on this host: it has `CAP_KILL` in the initial user namespace and can
/// name every process, being in the initial pid namespace. None but root gives that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Right {
    /// It may not: it kills its own.
    Own = 0,
    /// It may.
    All = 1,
    /// Not read.
    Unknown = 2,
}

/// How many signals of senders without [`Right::All`] are told in a second, of all that one user answers for.
pub const SIGNALS_A_SECOND: u32 = 256;

/// Behind the counters of each [`Ring`]: signals that were not told because their sender sends too many.
pub const REPEATED: u32 = Ring::Execs as u32 + 1;
const _: () = assert!(REPEATED as usize == Ring::ALL.len());

/// How many signals a user's senders have sent in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SenderState {
    /// When the second began.
    pub since: u64,
    /// How many.
    pub count: u64,
}

/// A task as the kernel side can tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct TaskRecord {
    /// Its memory cgroup's id; 0 = not read.
    pub cgroup_id: u64,
    /// When its process started, nanoseconds of `CLOCK_BOOTTIME`; 0 = not read.
    pub start_time: u64,
    /// Its process.
    pub tgid: u32,
    /// Its thread.
    pub tid: u32,
    /// Its user, in the initial user namespace.
    pub uid: u32,
    /// Its `oom_score_adj`.
    pub oom_score_adj: i32,
    /// The process that made it, or who took it over; 0 = not read.
    pub parent_tgid: u32,
    /// 1 where its process was ending already, of whatever, else 0.
    pub exiting: u32,
    /// Its name.
    pub comm: [u8; COMM_LEN],
}

/// How large a process is, in pages as its `mm_struct` counts them; [`UNKNOWN_U64`] = not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SizesRecord {
    /// Address space.
    pub total_vm: u64,
    /// Resident anonymous pages.
    pub anon: u64,
    /// Resident file pages.
    pub file: u64,
    /// Resident shared-memory pages.
    pub shmem: u64,
    /// Swapped-out pages.
    pub swap: u64,
    /// Page tables, in bytes.
    pub pgtables_bytes: u64,
}

impl SizesRecord {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        total_vm: UNKNOWN_U64,
        anon: UNKNOWN_U64,
        file: UNKNOWN_U64,
        shmem: UNKNOWN_U64,
        swap: UNKNOWN_U64,
        pgtables_bytes: UNKNOWN_U64,
    };
}

/// One OOM: the kernel has chosen a victim. Made at `oom_kill_process`, where `current` is the trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct OomRecord {
    /// [`Kind::Oom`].
    pub kind: u32,
    /// `oc->constraint`, a [`Constraint`].
    pub constraint: i32,
    /// When.
    pub time: u64,
    /// The task that asked for memory.
    pub trigger: TaskRecord,
    /// The chosen victim.
    pub chosen: TaskRecord,
    /// The limit owner's cgroup id; 0 = the host (`oc->memcg` is null).
    pub owner_id: u64,
    /// The limit owner's `memory.max` in pages; [`UNKNOWN_U64`] = not read.
    pub limit: u64,
    /// The limit owner's usage in pages; [`UNKNOWN_U64`] = not read.
    pub usage: u64,
    /// The limit owner's swap usage in pages; [`UNKNOWN_U64`] = not read.
    pub swap_usage: u64,
    /// The limit owner's `memory.swap.max` in pages; [`UNKNOWN_U64`] = not read.
    pub swap_limit: u64,
    /// `oc->totalpages`: what the scores were measured against, not a limit.
    pub total_pages: u64,
    /// The memory nodes it may use, a bit each (of the first 64), where a cpuset or a memory policy names them; else 0.
    pub nodes: u64,
    /// `oc->gfp_mask`, 0 of the page-fault path; `u32::MAX` = not read.
    pub gfp: u32,
    /// `oc->order`; -1 = the magic key.
    pub order: i32,
    /// What the trigger is writing to, a [`Writing`].
    pub writing: u32,
    /// Zero.
    pub reserved: u32,
}

/// One victim. Made at `mark_oom_victim` or its tracepoint, where `current` is the trigger too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct VictimRecord {
    /// [`Kind::Victim`].
    pub kind: u32,
    /// The trigger's thread: joins a victim to its [`OomRecord`].
    pub trigger_tid: u32,
    /// The trigger's process.
    pub trigger_tgid: u32,
    /// A [`Marked`].
    pub marked: u32,
    /// When.
    pub time: u64,
    /// The time of the [`OomRecord`] that this victim belongs to; 0 = none was seen.
    pub oom_time: u64,
    /// The trigger's cgroup on the default hierarchy; 0 = not read.
    pub trigger_cgroup_id: u64,
    /// Who was marked.
    pub task: TaskRecord,
    /// The trigger's name.
    pub trigger_comm: [u8; COMM_LEN],
    /// How large it was.
    pub sizes: SizesRecord,
}

/// A deadly signal: SIGKILL or SIGTERM. Made where it is sent, and once more where the process ends of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SignalRecord {
    /// [`Kind::Signal`] or [`Kind::SignalDeath`].
    pub kind: u32,
    /// Its number.
    pub signal: u32,
    /// When it was sent; the same in both records.
    pub time: u64,
    /// Who sent it; for a [`Kind::SignalDeath`] all zero.
    pub sender: TaskRecord,
    /// Who gets it.
    pub target: TaskRecord,
    /// What the sender is writing to, a [`Writing`].
    pub writing: u32,
    /// 1 where the kernel sent it on its own behalf, else 0.
    pub by_kernel: u32,
    /// Whether the sender may kill whomever it wants on this host, a [`Right`].
    pub right: u32,
    /// The sender's effective user, in the initial user namespace; `u32::MAX` = not read.
    pub sender_euid: u32,
    /// Who answers for the sender: its user, or the user of the host's whose user namespace it is in; `u32::MAX` = not read.
    pub sender_owner: u32,
    /// Zero.
    pub reserved: u32,
    /// How large the target was; for a [`Kind::SignalDeath`] all zero.
    pub sizes: SizesRecord,
}

/// How much of a command line crosses, in bytes.
pub const ARGS_LEN: usize = 256;

/// A process runs another program. Made by itself at `sched_process_exec`, when its arguments stand on its new stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct ExecRecord {
    /// [`Kind::Exec`].
    pub kind: u32,
    /// How many bytes of `args` there are.
    pub length: u32,
    /// When.
    pub time: u64,
    /// Who.
    pub task: TaskRecord,
    /// Its arguments, each ended by a zero byte, as far as they go.
    pub args: [u8; ARGS_LEN],
}

/// How many return addresses of the kernel's stack cross.
pub const KERNEL_FRAMES: usize = 20;

/// How much of a process's stack crosses, in bytes: enough for some forty frames of compiled code.
pub const STACK_LEN: usize = 4096;

/// A page, or a folio of several, was taken by a process whose cgroup is followed. Made where it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PageRecord {
    /// [`Kind::Page`].
    pub kind: u32,
    /// It is of `1 << order` pages.
    pub order: u32,
    /// When.
    pub time: u64,
    /// The address of its `struct page`.
    pub page: u64,
    /// The process's cgroup.
    pub cgroup_id: u64,
    /// The process.
    pub tgid: u32,
    /// The thread.
    pub tid: u32,
    /// What was asked for, as `gfp_t`.
    pub gfp: u32,
    /// How many addresses of `kernel` there are.
    pub kernel_length: u32,
    /// How many bytes of `stack` there are.
    pub stack_length: u32,
    /// Zero.
    pub reserved: u32,
    /// The instruction that the process was at when it went into the kernel; [`UNKNOWN_U64`] = not read, as for the next three.
    pub ip: u64,
    /// Its stack pointer.
    pub sp: u64,
    /// Its frame pointer.
    pub fp: u64,
    /// Its link register; no x86-64 has one.
    pub lr: u64,
    /// The thread's name.
    pub comm: [u8; COMM_LEN],
    /// The kernel's stack, innermost first.
    pub kernel: [u64; KERNEL_FRAMES],
    /// What stands at and above the stack pointer.
    pub stack: [u8; STACK_LEN],
}

/// The OOM that a task is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct OomState {
    /// The time of its [`OomRecord`].
    pub time: u64,
    /// The address of the memory of the last task that was marked; 0 = none yet.
    pub mm: u64,
    /// The process of the last task that was marked.
    pub tgid: u32,
    /// Zero.
    pub reserved: u32,
}

/// A cgroup came, went or was renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct CgroupRecord {
    /// [`Kind::CgroupMkdir`], [`Kind::CgroupRmdir`], [`Kind::CgroupRename`] or [`Kind::CgroupAttach`].
    pub kind: u32,
    /// The hierarchy's id as `/proc/cgroups` has it; 0 = the v2 hierarchy.
    pub hierarchy: u32,
    /// When.
    pub time: u64,
    /// The cgroup's id.
    pub id: u64,
    /// Its path, ended by a zero byte.
    pub path: [u8; CGROUP_PATH_LEN],
}

/// "Look now": a cgroup moved by a step that matters. Never the value itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct GrowthRecord {
    /// [`Kind::Growth`].
    pub kind: u32,
    /// Nothing yet.
    pub reserved: u32,
    /// The cgroup.
    pub cgroup_id: u64,
}

/// What the kernel side keeps of a memory cgroup between records: one map entry each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct GrowthState {
    /// Whose entry it is: an address may have another owner later.
    pub cgroup_id: u64,
    /// The lower of its `memory.max` and `memory.high` in pages when last reported.
    pub limit: u64,
    /// Usage in pages when last reported.
    pub reported: u64,
    /// When last reported.
    pub reported_time: u64,
}

/// How many of the counters behind `memory.events` a [`WalkRow`] has room for: `enum memcg_memory_event` has 9 in 6.1, 10 in
/// 7.2. Which is which the kernel's types say ([`Offsets::memcg_oom`] and others).
pub const MEMORY_EVENTS_LEN: usize = 10;

/// How many rows one pass of a walk writes at most; the next pass goes on behind the last one.
pub const WALK_ROWS: u32 = 4_096;

/// One memory cgroup as a walk over all of them meets it. Sizes are in pages; [`UNKNOWN_U64`] = not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct WalkRow {
    /// The cgroup's id.
    pub cgroup_id: u64,
    /// `memory.current`.
    pub usage: u64,
    /// `memory.max`, which is `LONG_MAX` / page size where there is none; the other limits alike.
    pub max: u64,
    /// `memory.high`.
    pub high: u64,
    /// `memory.low`.
    pub low: u64,
    /// `memory.peak`.
    pub peak: u64,
    /// `memory.swap.current`.
    pub swap_usage: u64,
    /// `memory.swap.max`.
    pub swap_max: u64,
    /// What `memory.events` tells, in the order of `enum memcg_memory_event`.
    pub events: [u64; MEMORY_EVENTS_LEN],
    /// What `memory.events.local` tells, in the same order.
    pub events_local: [u64; MEMORY_EVENTS_LEN],
}

/// Where a walk stands. User space writes it before a pass, the program while it is walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct WalkState {
    /// The address of the cgroup behind which this pass begins; 0 = at the first, or once it was met.
    pub after: u64,
    /// That cgroup's id.
    pub after_id: u64,
    /// The address of the cgroup of the last row.
    pub last: u64,
    /// That cgroup's id.
    pub last_id: u64,
    /// How many rows this pass may write, at most [`WALK_ROWS`].
    pub room: u32,
    /// How many it has written.
    pub rows: u32,
    /// 1 where there was a cgroup more than room, else 0.
    pub is_full: u32,
    /// Zero.
    pub reserved: u32,
}

/// The rings that records cross in. Their numbers are also the places of the per-CPU counters of records that found their ring
/// full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Ring {
    /// The kernel's choices and its victims.
    Kills = 0,
    /// Births, ends and moves of cgroups.
    Cgroups = 1,
    /// "Look now".
    Growth = 2,
    /// Deadly signals, and deaths of them.
    Signals = 3,
    /// Programs that begin.
    Execs = 4,
}

impl Ring {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Kills, Self::Cgroups, Self::Growth, Self::Signals, Self::Execs];

    /// The name of its map.
    #[must_use]
    pub const fn map(self) -> &'static str {
        match self {
            Self::Kills => "KILLS",
            Self::Cgroups => "CGROUPS",
            Self::Growth => "GROWTH",
            Self::Signals => "SIGNALS",
            Self::Execs => "EXECS",
        }
    }
}

// `Pod` already refuses padding; these pin the sizes, so that a change of layout is a decision.
const _: () = assert!(size_of::<TaskRecord>() == 56);
const _: () = assert!(size_of::<OomRecord>() == 200);
const _: () = assert!(size_of::<SignalRecord>() == 200);
const _: () = assert!(size_of::<VictimRecord>() == 160);
const _: () = assert!(size_of::<ExecRecord>() == 328);
const _: () = assert!(size_of::<PageRecord>() == 4360);
const _: () = assert!(size_of::<CgroupRecord>() == 1048);
const _: () = assert!(size_of::<GrowthRecord>() == 16);
const _: () = assert!(size_of::<GrowthState>() == 32);
const _: () = assert!(size_of::<WalkRow>() == 224);
const _: () = assert!(size_of::<WalkState>() == 48);

/// An offset that the running kernel does not have.
pub const ABSENT: u32 = u32::MAX;

/// Where the running kernel keeps what the programs read, in bytes: named as in C, `struct_field`.
///
/// Filled in from `/sys/kernel/btf/vmlinux` and from the tracepoints' `format` files before the programs are loaded;
/// [`ABSENT`] where the field is not there. It is read-only for the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
#[allow(missing_docs)] // the names are the kernel's own
pub struct Offsets {
    pub oom_control_memcg: u32,
    pub oom_control_gfp_mask: u32,
    pub oom_control_order: u32,
    pub oom_control_totalpages: u32,
    pub oom_control_chosen: u32,
    pub oom_control_constraint: u32,
    pub oom_control_nodemask: u32,
    pub mem_cgroup_css: u32,
    pub mem_cgroup_memory: u32,
    pub mem_cgroup_swap: u32,
    pub mem_cgroup_memory_events: u32,
    pub mem_cgroup_memory_events_local: u32,
    pub cgroup_subsys_state_cgroup: u32,
    pub cgroup_subsys_state_parent: u32,
    pub cgroup_kn: u32,
    pub cgroup_subsys: u32,
    pub kernfs_node_id: u32,
    pub page_counter_usage: u32,
    pub page_counter_max: u32,
    pub page_counter_high: u32,
    pub page_counter_low: u32,
    pub page_counter_watermark: u32,
    pub task_struct_pid: u32,
    pub task_struct_tgid: u32,
    pub task_struct_comm: u32,
    pub task_struct_start_boottime: u32,
    pub task_struct_signal: u32,
    pub task_struct_mm: u32,
    pub task_struct_real_cred: u32,
    pub task_struct_cred: u32,
    pub task_struct_thread_pid: u32,
    pub task_struct_cgroups: u32,
    pub task_struct_mems_allowed: u32,
    pub task_struct_exit_code: u32,
    pub task_struct_group_leader: u32,
    pub task_struct_real_parent: u32,
    pub css_set_subsys: u32,
    pub signal_struct_oom_score_adj: u32,
    pub signal_struct_flags: u32,
    pub cred_uid: u32,
    pub cred_euid: u32,
    pub cred_cap_effective: u32,
    pub cred_user_ns: u32,
    pub user_namespace_level: u32,
    pub user_namespace_parent: u32,
    pub user_namespace_owner: u32,
    pub pid_level: u32,
    pub mm_struct_total_vm: u32,
    pub mm_struct_pgtables_bytes: u32,
    pub mm_struct_arg_start: u32,
    pub mm_struct_arg_end: u32,
    /// The instruction pointer of `struct pt_regs`; the next two alike, whatever an architecture calls them.
    pub pt_regs_ip: u32,
    pub pt_regs_sp: u32,
    pub pt_regs_fp: u32,
    /// The link register, where an architecture has one.
    pub pt_regs_lr: u32,
    /// Of the first counter of `mm_struct.rss_stat`.
    pub mm_struct_rss_stat: u32,
    /// From one counter of `rss_stat` to the next: 8 up to 6.1, the size of a `percpu_counter` since.
    pub rss_stat_stride: u32,
    /// `memory_cgrp_id`, the memory controller's place in `css_set.subsys` and in `cgroup.subsys`.
    pub memory_cgrp_id: u32,
    /// `MEMCG_LOW` of `enum memcg_memory_event`, the counter's place in `mem_cgroup.memory_events`; the next six alike.
    pub memcg_low: u32,
    pub memcg_high: u32,
    pub memcg_max: u32,
    pub memcg_oom: u32,
    pub memcg_oom_kill: u32,
    pub memcg_oom_group_kill: u32,
    pub memcg_sock_throttled: u32,
    pub mark_victim_pid: u32,
    pub mark_victim_uid: u32,
    pub mark_victim_comm: u32,
    pub mark_victim_total_vm: u32,
    pub mark_victim_anon_rss: u32,
    pub mark_victim_file_rss: u32,
    pub mark_victim_shmem_rss: u32,
    pub mark_victim_pgtables: u32,
    pub mark_victim_oom_score_adj: u32,
    pub signal_generate_sig: u32,
    pub signal_generate_code: u32,
    pub signal_generate_pid: u32,
    pub signal_generate_comm: u32,
    pub cgroup_root: u32,
    pub cgroup_id: u32,
    pub cgroup_path: u32,
    pub attach_task_root: u32,
    pub attach_task_id: u32,
    pub attach_task_path: u32,
    /// The hierarchy whose cgroups are told of.
    pub hierarchy: u32,
    /// How many KiB a page has.
    pub page_kib: u32,
}

impl Offsets {
    /// Every offset absent.
    pub const NONE: Self = {
        // SAFETY: `Offsets` is made of u32 only (it is `Pod`), for which every pattern of bits is a value.
        unsafe { core::mem::transmute([0xff_u8; size_of::<Self>()]) }
    };
}
