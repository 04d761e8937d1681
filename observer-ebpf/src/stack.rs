//! Which code takes pages, and which of those pages are still there.
//!
//! In: every page that the kernel hands out (`kmem:mm_page_alloc`) or takes back (`kmem:mm_page_free`). Of the pages that a
//! process of a chosen cgroup takes, one in N is followed: its taking is a record with the stacks, and until it is given back
//! it has an entry in a map. Which pages these are is a matter of their address alone, so that giving back most others
//! costs no look-up.

use aya_ebpf::{
    EbpfContext as _,
    helpers::{
        bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_stack, bpf_ktime_get_boot_ns, bpf_probe_read_user_buf,
        generated::{bpf_get_current_cgroup_id, bpf_get_current_task_btf, bpf_task_pt_regs},
    },
    programs::RawTracePointContext,
};
use observer_common::{KERNEL_FRAMES, Kind, PageRecord, STACK_LEN, SamplingState, UNKNOWN_U64};

use crate::{
    CHOSEN, LIVE, PAGES, SAMPLING, count_unfollowed,
    kernel::{Address, offset, read},
};

/// `__GFP_MOVABLE`, of what a process maps or caches, and `__GFP_DIRECT_RECLAIM`, of whoever may sleep: others may ask in an
/// interrupt, where the current process has nothing to do with it. The same bits since 4.4 (include/linux/gfp_types.h).
const ON_BEHALF: u32 = 0x8 | 0x400;

/// What is told of a stack is this, or where its end is nearer, less, in bytes.
const PARTS: [usize; 3] = [STACK_LEN, STACK_LEN / 4, STACK_LEN / 16];

/// Pages are handed out: `mm_page_alloc(page, order, gfp, migratetype)`.
#[inline(always)]
pub(crate) fn taken(ctx: &RawTracePointContext) {
    let (page, order, gfp): (Address, u32, u32) = (ctx.arg(0), ctx.arg(1), ctx.arg(2));
    // Most pages end here: first what tells most of them apart.
    if !sampling().is_followed(page, order) || gfp & ON_BEHALF == 0 || page == 0 {
        return;
    }
    // SAFETY: no arguments, no conditions.
    let cgroup_id = unsafe { bpf_get_current_cgroup_id() };
    // SAFETY: the value is not used.
    if unsafe { CHOSEN.get(cgroup_id) }.is_none() {
        return;
    }
    // SAFETY: no arguments, no conditions.
    let time = unsafe { bpf_ktime_get_boot_ns() };
    let Some(mut entry) = PAGES.reserve::<PageRecord>(0) else {
        return count_unfollowed();
    };
    if LIVE.insert(page, time, 0).is_err() {
        entry.discard(0);
        return count_unfollowed();
    }
    // SAFETY: as above; the address is read through helpers that check it.
    let regs = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as Address;
    let [ip, sp, fp, lr] = [
        offset!(pt_regs_ip),
        offset!(pt_regs_sp),
        offset!(pt_regs_fp),
        offset!(pt_regs_lr),
    ]
    .map(|register| read(regs, register).unwrap_or(UNKNOWN_U64));
    let pid = bpf_get_current_pid_tgid();
    let record = entry.as_mut_ptr();
    // SAFETY: the reserved slot is as long as a record, and every field of it is written but the tails of both stacks, behind
    // their lengths: what is left there is of records before.
    unsafe {
        (*record).kind = Kind::Page as u32;
        (*record).order = order;
        (*record).time = time;
        (*record).page = page;
        (*record).cgroup_id = cgroup_id;
        (*record).tgid = (pid >> 32) as u32;
        (*record).tid = pid as u32;
        (*record).gfp = gfp;
        (*record).reserved = 0;
        (*record).ip = ip;
        (*record).sp = sp;
        (*record).fp = fp;
        (*record).lr = lr;
        (*record).comm = bpf_get_current_comm().unwrap_or_default();
        let kernel = (&raw mut (*record).kernel).cast();
        let got = bpf_get_stack(ctx.as_ptr(), kernel, (KERNEL_FRAMES * 8) as u32, 0);
        (*record).kernel_length = if got > 0 { got as u32 / 8 } else { 0 };
        (*record).stack_length = 0;
        for part in PARTS {
            let stack = core::slice::from_raw_parts_mut((&raw mut (*record).stack).cast::<u8>(), part);
            if bpf_probe_read_user_buf(sp as *const u8, stack).is_ok() {
                (*record).stack_length = part as u32;
                break;
            }
        }
    }
    entry.submit(0);
}

/// Pages are taken back: `mm_page_free(page, order)`.
#[inline(always)]
pub(crate) fn given_back(ctx: &RawTracePointContext) {
    let (page, order): (Address, u32) = (ctx.arg(0), ctx.arg(1));
    if sampling().may_be_followed(page, order) {
        let _ = LIVE.remove(page);
    }
}

#[inline(always)]
fn sampling() -> SamplingState {
    // SAFETY: a plain static of this program. Volatile, because user space writes it before the load, which the compiler cannot
    // know.
    unsafe { core::ptr::read_volatile(&raw const SAMPLING) }
}
