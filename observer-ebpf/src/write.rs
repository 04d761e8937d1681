//! Who is writing to a cgroup file that can kill: `cgroup.kill`, and `memory.max` below what is used.
//!
//! In: the entry and exit of the kernel's writers. Out: what the current task is writing to, for the records of what
//! happens meanwhile.

use observer_common::Writing;

use crate::{WRITERS, kill::current_tid};

/// The current task begins to write.
#[inline(always)]
pub(crate) fn begin(file: Writing) {
    let _ = WRITERS.insert(current_tid(), file as u32, 0);
}

/// The current task has written.
#[inline(always)]
pub(crate) fn end() {
    let _ = WRITERS.remove(current_tid());
}

/// What the current task is writing to, a [`Writing`].
#[inline(always)]
pub(crate) fn writing() -> u32 {
    WRITERS.get_ptr(current_tid()).map_or(Writing::Nothing as u32, |file| {
        // SAFETY: the map's value; only the task that runs here writes it.
        unsafe { *file }
    })
}
