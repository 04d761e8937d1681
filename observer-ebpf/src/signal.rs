//! Deadly signals: who sent SIGKILL or SIGTERM to whom, and who ended of it.
//!
//! In: `do_send_sig_info` or the tracepoint `signal_generate`, where `current` is the sender; `sched_process_exit`, where
//! it is the process that ends. Out: a record each, in a ring of their own. What the kernel's OOM killer sends is its own
//! subject's ([`crate::kill`]).

use aya_ebpf::{EbpfContext as _, helpers::bpf_get_current_uid_gid, programs::TracePointContext};
use observer_common::{
    Kind, Right, Ring, SIGNALS_A_SECOND, SenderState, SignalRecord, SizesRecord, TaskRecord, Zeroable as _,
};

use crate::{
    OOMS, SENDERS, SIGNALLED, SIGNALS, count_lost, count_repeated,
    kernel::{self, Address, offset, pointer, read, sizes, write_task},
    kill::{self, current_tid, now},
    write::writing,
};

const SIGKILL: u32 = 9;
const SIGTERM: u32 = 15;
/// `SEND_SIG_PRIV`, the sender's info where the kernel acts on its own behalf (include/linux/sched/signal.h).
const SEND_SIG_PRIV: Address = 1;
/// The signal's number in an exit code (include/uapi/linux/wait.h; the next bit says whether core was dumped).
const EXIT_SIGNAL: u32 = 0x7f;
/// Its bit in `cred.cap_effective`, of whose 64 the first 32 stand first (include/uapi/linux/capability.h).
const CAP_KILL: u32 = 1 << 5;
/// How deep user namespaces lie within each other, at most (kernel/user_namespace.c: `create_user_ns`).
const MAX_NAMESPACES: u32 = 33;
const SECOND: u64 = 1_000_000_000;

/// A signal is sent: `signal_generate(int sig, struct kernel_siginfo *info, struct task_struct *task, …)`, or
/// `do_send_sig_info(int sig, struct kernel_siginfo *info, struct task_struct *p, enum pid_type type)` is entered.
#[inline(always)]
pub(crate) fn sent(signal: u32, info: Address, task: Address) {
    if signal != SIGKILL && signal != SIGTERM {
        return;
    }
    if let Some(state) = OOMS.get_ptr(current_tid()) {
        // SAFETY: the map's value; only the task that runs here writes it.
        return kill::killed_within(unsafe { &*state }, task);
    }
    tell(signal, |record| {
        write_task(task, &mut record.target);
        record.by_kernel = u32::from(info == SEND_SIG_PRIV);
        record.sizes = sizes(task);
        record.target.tgid
    });
}

/// The tracepoint `signal:signal_generate`: on kernels that let us have nothing better. It names the target's thread.
#[inline(always)]
pub(crate) fn told(ctx: &TracePointContext) {
    let base = ctx.as_ptr() as Address;
    let signal: u32 = read(base, offset!(signal_generate_sig)).unwrap_or(0);
    if signal != SIGKILL && signal != SIGTERM {
        return;
    }
    tell(signal, |record| {
        // Without BTF the sender is known by what the helpers tell.
        kill::write_current(&mut record.sender);
        record.target = TaskRecord::zeroed();
        record.target.tid = read(base, offset!(signal_generate_pid)).unwrap_or(0);
        record.target.uid = u32::MAX;
        record.target.oom_score_adj = i32::MAX;
        record.target.comm = read(base, offset!(signal_generate_comm)).unwrap_or_default();
        // `SI_KERNEL` (include/uapi/asm-generic/siginfo.h): the kernel on its own behalf.
        record.by_kernel = u32::from(read::<i32>(base, offset!(signal_generate_code)) == Some(0x80));
        record.sizes = SizesRecord::UNKNOWN;
        // What is sent to a process is told of its first thread, whose id is the process's.
        record.target.tid
    });
}

/// Who sends a signal, by what no program chooses for itself.
struct Sender {
    right: Right,
    euid: u32,
    owner: u32,
}

/// Who `current` is, by the credentials that the kernel has just checked (kernel/signal.c: `kill_ok_by_cred`).
#[inline(always)]
fn sender() -> Sender {
    let task = kernel::current();
    let cred = pointer(task, offset!(task_struct_cred)).unwrap_or(0);
    // The helper tells the real user, which is all there is without types.
    let uid = || bpf_get_current_uid_gid() as u32;
    let euid = read(cred, offset!(cred_euid)).unwrap_or_else(uid);
    let mut namespace = pointer(cred, offset!(cred_user_ns)).unwrap_or(0);
    let Some(level) = read::<u32>(namespace, offset!(user_namespace_level)) else {
        let right = Right::Unknown;
        return Sender {
            right,
            euid,
            owner: euid,
        };
    };
    if level > 0 {
        // Of namespaces within namespaces the outermost one's owner is a user of the host's.
        for _ in 0..MAX_NAMESPACES {
            if read::<u32>(namespace, offset!(user_namespace_level)).unwrap_or(1) <= 1 {
                break;
            }
            namespace = pointer(namespace, offset!(user_namespace_parent)).unwrap_or(0);
        }
        let owner = read(namespace, offset!(user_namespace_owner)).unwrap_or(euid);
        let right = Right::Own;
        return Sender { right, euid, owner };
    }
    let capabilities: u32 = read(cred, offset!(cred_cap_effective)).unwrap_or(0);
    let pid = pointer(task, offset!(task_struct_thread_pid)).unwrap_or(0);
    let is_outermost = read::<u32>(pid, offset!(pid_level)) == Some(0);
    let right = if capabilities & CAP_KILL != 0 && is_outermost {
        Right::All
    } else {
        Right::Own
    };
    Sender {
        right,
        euid,
        owner: euid,
    }
}

/// Whether a user's senders have sent more than is told of them: what others do is not to be lost for it.
#[inline(always)]
fn is_too_many(owner: u32, time: u64) -> bool {
    if let Some(state) = SENDERS.get_ptr_mut(owner) {
        // SAFETY: the map's value. Another CPU can write it too; then one of a second's signals is not counted.
        let state = unsafe { &mut *state };
        if time.wrapping_sub(state.since) < SECOND {
            state.count = state.count.wrapping_add(1);
            return state.count > u64::from(SIGNALS_A_SECOND);
        }
    }
    let _ = SENDERS.insert(owner, SenderState { since: time, count: 1 }, 0);
    false
}

/// A record of a signal that `current` sends. `receive` writes `target`, `by_kernel` and `sizes`, and gives the process.
#[inline(always)]
fn tell(signal: u32, receive: impl FnOnce(&mut SignalRecord) -> u32) {
    let (time, sender) = (now(), sender());
    let is_bounded = match sender.right {
        Right::All => false,
        Right::Own => true,
        Right::Unknown => sender.euid != 0,
    };
    if is_bounded && is_too_many(sender.owner, time) {
        return count_repeated();
    }
    let Some(mut entry) = SIGNALS.reserve::<SignalRecord>(0) else {
        return count_lost(Ring::Signals);
    };
    // SAFETY: the slot is ours until it is submitted; every field is written here or by `receive`.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    record.kind = Kind::Signal as u32;
    record.signal = signal;
    record.time = time;
    record.right = sender.right as u32;
    record.sender_euid = sender.euid;
    record.sender_owner = sender.owner;
    record.reserved = 0;
    write_task(kernel::current(), &mut record.sender);
    record.writing = writing();
    let process = receive(record);
    let _ = SIGNALLED.insert(process, record.time, 0);
    entry.submit(0);
}

/// A task ends. Of interest where its process was sent a deadly signal and ends of that.
#[inline(always)]
pub(crate) fn exited() {
    let Some(time) = SIGNALLED.get_ptr(kill::current_tgid()) else {
        return;
    };
    // SAFETY: the map's value; another CPU can only write a newer time.
    let time = unsafe { *time };
    let task = kernel::current();
    let signal = read::<u32>(task, offset!(task_struct_exit_code)).unwrap_or(0) & EXIT_SIGNAL;
    if signal != SIGKILL && signal != SIGTERM {
        return;
    }
    let _ = SIGNALLED.remove(kill::current_tgid());
    let Some(mut entry) = SIGNALS.reserve::<SignalRecord>(0) else {
        return count_lost(Ring::Signals);
    };
    // SAFETY: the slot is ours until it is submitted; every field is written.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    *record = SignalRecord::zeroed();
    record.kind = Kind::SignalDeath as u32;
    record.signal = signal;
    record.time = time;
    write_task(task, &mut record.target);
    entry.submit(0);
}
