//! Whether this process counts processes and cgroups as the kernel does: in the host's namespaces.
//!
//! Records carry the host's numbers. In a container's own pid namespace `/proc` has other processes under them, and in its
//! own cgroup namespace `/proc/PID/cgroup` tells paths from another root: what would be another's is not read at all.

use std::fs;
use std::sync::LazyLock;

/// The first namespaces have fixed numbers (include/linux/proc_ns.h: `PROC_PID_INIT_INO`, `PROC_CGROUP_INIT_INO`).
const FIRST_PID: u32 = 0xefff_fffc;
const FIRST_CGROUP: u32 = 0xefff_fffb;

/// What a link in `/proc/PID/ns` says: `pid:[4026531836]`.
fn number(link: &str) -> Option<u32> {
    link.split_once('[')?.1.strip_suffix(']')?.parse().ok()
}

/// A kernel that does not tell has no such namespaces.
fn is_first(kind: &str, first: u32) -> bool {
    fs::read_link(format!("/proc/self/ns/{kind}"))
        .ok()
        .and_then(|link| number(link.to_str()?))
        .is_none_or(|number| number == first)
}

/// Whether a pid means the same process here as in the kernel's records.
pub fn pids_are_the_hosts() -> bool {
    static FIRST: LazyLock<bool> = LazyLock::new(|| is_first("pid", FIRST_PID));
    *FIRST
}

/// Whether `/proc/PID/cgroup` tells paths from the root of the hierarchy.
pub fn cgroups_are_the_hosts() -> bool {
    static FIRST: LazyLock<bool> = LazyLock::new(|| is_first("cgroup", FIRST_CGROUP));
    *FIRST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespaces_number_is_read_from_its_link() {
        assert_eq!(number("pid:[4026531836]"), Some(FIRST_PID));
        assert_eq!(number("cgroup:[4026531835]"), Some(FIRST_CGROUP));
        assert_eq!(number("pid:["), None);
        assert!(is_first("no-such-kind", FIRST_PID));
    }
}
