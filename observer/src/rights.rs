//! What a thread may do: each keeps the capabilities that its work takes, and gives the others up for good.
//!
//! Programs, links and maps are descriptors, and so are the kernel's log and a listening socket: once they are there, nothing that
//! made them is needed any more. Capabilities belong to threads (capabilities(7)), so that each lowers its own; a
//! program that is run by root has all of root's again, unless the service says `NoNewPrivileges=`.

use caps::{CapSet, Capability, CapsHashSet};

/// Reading the files of other users' units, and `/proc/PID` of their processes.
const SAMPLING: [Capability; 2] = [Capability::CAP_DAC_READ_SEARCH, Capability::CAP_SYS_PTRACE];

/// Before Linux 5.19 whatever is done with a map needs it where `kernel.unprivileged_bpf_disabled` is set
/// (kernel/bpf/syscall.c: `__sys_bpf`).
const MAPS: Capability = Capability::CAP_BPF;

/// Writing lines: to what is open, or is root's and perhaps in a folder that only another user may enter.
const WRITING: [Capability; 1] = [Capability::CAP_DAC_READ_SEARCH];

/// Reading what somebody else wrote, and writing a report where root may.
const READING: [Capability; 3] = [
    Capability::CAP_DAC_READ_SEARCH,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_SYSLOG,
];

/// Naming the functions of a unit's processes: their memory maps and files (`/proc/PID/map_files`), the kernel's symbols, the maps that
/// tell which pages are there, and writing a picture where root may.
const NAMING: [Capability; 6] = [
    Capability::CAP_BPF,
    Capability::CAP_CHECKPOINT_RESTORE,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_DAC_READ_SEARCH,
    Capability::CAP_SYS_PTRACE,
    Capability::CAP_SYSLOG,
];

/// For `oomtrace stacks`, once pages are followed: it reads the programs of others.
pub(crate) fn for_naming() {
    keep(&NAMING);
}

/// For the thread that watches, once everything is attached. `maps_work` tries whether maps can be used without a capability:
/// that is no matter of a version, for distributions have it in older kernels too.
pub(crate) fn for_sampling(maps_work: impl FnOnce() -> bool) {
    let mut kept: Vec<Capability> = SAMPLING.to_vec();
    lower(CapSet::Effective, &kept);
    if !maps_work() {
        kept.push(MAPS);
    }
    keep(&kept);
}

/// For a thread that reads of other processes what the one that watches reads.
pub(crate) fn for_processes() {
    keep(&SAMPLING);
}

/// For a thread that writes lines, or answers with them.
pub(crate) fn for_writing() {
    keep(&WRITING);
}

/// For a command that reads recordings and logs, and for all its threads.
pub(crate) fn for_reading() {
    keep(&READING);
}

/// Gives up all others. What fails is as it was: a thread without capabilities has nothing to give up.
fn keep(kept: &[Capability]) {
    // What was lowered before is still permitted, and what is not permitted cannot be effective: in this order.
    lower(CapSet::Effective, kept);
    lower(CapSet::Permitted, kept);
    lower(CapSet::Inheritable, &[]);
}

/// Of what is permitted, these.
fn lower(set: CapSet, kept: &[Capability]) {
    let Ok(permitted) = caps::read(None, CapSet::Permitted) else {
        return;
    };
    let left: CapsHashSet = kept.iter().copied().filter(|one| permitted.contains(one)).collect();
    let _ = caps::set(None, set, &left);
}
