//! Deadly signals: who sent SIGKILL or SIGTERM to whom, and who ended of it.
//!
//! In: `do_send_sig_info` or the tracepoint `signal_generate`, where `current` is the sender; `sched_process_exit`, where
//! it is the process that ends. Out: a record each, in a ring of their own. What the kernel's OOM killer sends is its own
//! subject's ([`crate::kill`]).

use aya_ebpf::{EbpfContext as _, programs::TracePointContext};
use observer_common::{Kind, Ring, SignalRecord, SizesRecord, TaskRecord, Zeroable as _};

use crate::{
    OOMS, SIGNALLED, SIGNALS, count_lost,
    kernel::{self, Address, offset, read, sizes, write_task},
    kill::{self, current_tid, now},
    write::writing,
};

const SIGKILL: u32 = 9;
const SIGTERM: u32 = 15;
/// `SEND_SIG_PRIV`, the sender's info where the kernel acts on its own behalf (include/linux/sched/signal.h).
const SEND_SIG_PRIV: Address = 1;
/// The signal's number in an exit code (include/uapi/linux/wait.h; the next bit says whether core was dumped).
const EXIT_SIGNAL: u32 = 0x7f;

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

/// A record of a signal that `current` sends. `receive` writes `target`, `by_kernel` and `sizes`, and gives the process.
#[inline(always)]
fn tell(signal: u32, receive: impl FnOnce(&mut SignalRecord) -> u32) {
    let Some(mut entry) = SIGNALS.reserve::<SignalRecord>(0) else {
        return count_lost(Ring::Signals);
    };
    // SAFETY: the slot is ours until it is submitted; every field is written here or by `receive`.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    record.kind = Kind::Signal as u32;
    record.signal = signal;
    record.time = now();
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
