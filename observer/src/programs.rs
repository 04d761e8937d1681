//! Programs that are run: where they are looked for.

/// The system's own folders. `$PATH` is whoever's it is that runs this as root, and may have `.` in it.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin";
