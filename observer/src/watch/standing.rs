//! The observer's own place among the processes of a host that runs out of memory: it is not the victim, it does not wait
//! behind everybody else who wants to run, and its code is not read back from a disk that everybody wants to read.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};

const NICE: i32 = -20;

/// Claims it, as far as it may: without the right to it, this is a process like any other.
pub(super) fn take() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "-1000");
    // It runs for a thousandth of the time, in steps of a millisecond; but when a kill is told, the evidence in the victim's
    // `/proc` is about to go.
    let _ = setpriority_process(None, NICE);
    // For `stay_in_memory`: by then the right to raise it is given up.
    let limit = Rlimit {
        current: None,
        maximum: None,
    };
    let _ = setrlimit(Resource::Memlock, limit);
}

/// Keeps every page that it has touched, and will touch, in memory. To be called when what starting took is given back:
/// no locked page is given back in pieces (madvise(2): `MADV_DONTNEED`).
pub(super) fn stay_in_memory() {
    // Under a limit a later mapping would fail (mlockall(2): `MCL_FUTURE`): the right to exceed it is gone.
    if getrlimit(Resource::Memlock).current.is_none() {
        let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT);
    }
}
