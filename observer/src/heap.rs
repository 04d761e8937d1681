//! The heap of this process: what was needed for a moment and freed is given back to the system.

/// From this size on a piece of memory is the system's own, and given back as it is freed, in bytes.
#[cfg(target_env = "gnu")]
const OWN_PIECE: libc::c_int = 128 << 10;

/// For a process that stays: what is freed is given back, whichever thread freed it. Without it the allocator keeps ever more once
/// something large was freed (the kernel's types, at the start), and has a heap for each thread.
pub(crate) fn be_frugal() {
    #[cfg(target_env = "gnu")]
    for (what, value) in [
        (libc::M_MMAP_THRESHOLD, OWN_PIECE),
        (libc::M_TRIM_THRESHOLD, OWN_PIECE),
        (libc::M_ARENA_MAX, 1),
    ] {
        // SAFETY: mallopt(3) sets a parameter of the allocator's, under its locks.
        unsafe {
            libc::mallopt(what, value);
        }
    }
}

/// Gives back what is free. The allocator keeps what is freed in small pieces, some ten MiB after the kernel's types were
/// looked through, and after a first look at thousands of cgroups.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called at any time; it looks at the allocator's own free lists only, under its locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
