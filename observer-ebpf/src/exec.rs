//! Programs that begin: what a process was started as is known before it dies, however short it lives.
//!
//! After a kill it is too late: a victim lets go of its memory, where its arguments are, before anyone can look.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::generated::bpf_probe_read_user,
};
use observer_common::{ARGS_LEN, ExecRecord, Kind, Ring};

use crate::{
    EXECS, EXECS_SIZE, count_lost,
    kernel::{self, offset, pointer, read, write_task},
    kill::now,
};

/// The current process has just begun another program: its arguments are on its stack, which it has just written.
#[inline(always)]
pub(crate) fn begun() {
    let Some(mut entry) = EXECS.reserve::<ExecRecord>(0) else {
        return count_lost(Ring::Execs);
    };
    // SAFETY: the slot is ours until it is submitted; every field is written, `args` up to `length`.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    let task = kernel::current();
    record.kind = Kind::Exec as u32;
    record.time = now();
    write_task(task, &mut record.task);
    let mm = pointer(task, offset!(task_struct_mm)).unwrap_or(0);
    let start: u64 = read(mm, offset!(mm_struct_arg_start)).unwrap_or(0);
    let end: u64 = read(mm, offset!(mm_struct_arg_end)).unwrap_or(0);
    let mut length = end.saturating_sub(start);
    if length > ARGS_LEN as u64 {
        length = ARGS_LEN as u64;
    }
    // SAFETY: the helper checks the address that it reads from, and `length` is at most that of `args`.
    let failed = unsafe { bpf_probe_read_user(record.args.as_mut_ptr().cast(), length as u32, start as *const _) } != 0;
    record.length = if failed { 0 } else { length as u32 };
    // Nobody is waiting for this: user space takes it when it looks at something else, unless there is little room left.
    let full = EXECS.query(u64::from(BPF_RB_AVAIL_DATA)) > EXECS_SIZE / 2;
    let wakeup = if full { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP };
    entry.submit(u64::from(wakeup));
}
