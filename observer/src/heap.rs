//! The heap of this process: what was needed for a moment and freed is given back to the system.

/// Gives back what is free. The allocator keeps what is freed in small pieces, some ten MiB after the kernel's types were
/// looked through, and after a first look at thousands of cgroups.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called at any time; it looks at the allocator's own free lists only, under its locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
