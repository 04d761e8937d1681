//! How large each of many processes is, cheapest first: a glance at all, more of those that are new, all of a few.
//!
//! `statm` is one line of seven numbers that the kernel keeps (fs/proc/array.c: `proc_pid_statm`); `stat` looks at every thread,
//! and `status` is sixty lines of text. One that ends while it is read is passed over.

use std::fs;

use procfs::FromRead as _;
use procfs::process::{Stat, StatM};

use super::tasks::{has_below, status_of};
use super::{Hierarchy, namespaces};
use crate::measure::{BootNanos, Bytes, Pages, Tgid};
use crate::page;

/// Cgroups below one that are looked through, at most.
const MAX_BELOW: usize = 256;

/// What is resident of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// All of it.
    pub resident: Bytes,
    /// Without what has a file, shared memory included.
    pub anon: Bytes,
}

/// What a process was from the start on; its parent may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Birth {
    /// When, to a hundredth of a second.
    pub started: BootNanos,
    /// Who started it, or took it over.
    pub ppid: Option<Tgid>,
}

/// All that only the end of a process would free, and who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Its name.
    pub comm: String,
    /// When it started, and by whom.
    pub birth: Option<Birth>,
    /// Resident anonymous memory.
    pub anon: Option<Bytes>,
    /// Resident shared memory.
    pub shmem: Option<Bytes>,
    /// Swapped out.
    pub swap: Option<Bytes>,
    /// Page tables.
    pub pgtables: Option<Bytes>,
}

/// The first processes of a cgroup and those below it, at most so many, and how many there are.
#[must_use]
pub fn pids(hierarchy: &Hierarchy, path: &str, most: usize) -> (Vec<Tgid>, u64) {
    let (mut found, mut count) = (Vec::new(), 0);
    if !namespaces::pids_are_the_hosts() {
        return (found, count);
    }
    let mut waiting = vec![hierarchy.dir(path)];
    let mut looked = 0;
    while let Some(dir) = waiting.pop().filter(|_| looked < MAX_BELOW) {
        looked += 1;
        let pids = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        for pid in pids.lines().filter_map(|line| line.parse().ok()) {
            count += 1;
            if found.len() < most {
                found.push(Tgid(pid));
            }
        }
        if has_below(&dir) {
            let below = fs::read_dir(&dir).into_iter().flatten().flatten();
            let dirs = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            waiting.extend(dirs.map(|entry| entry.path()));
        }
    }
    (found, count)
}

/// A glance at a process.
#[must_use]
pub fn glance(pid: Tgid) -> Option<Glance> {
    let statm = StatM::from_file(format!("/proc/{pid}/statm")).ok()?;
    Some(Glance {
        resident: Pages(statm.resident).to_bytes(page::size()),
        anon: Pages(statm.resident.saturating_sub(statm.shared)).to_bytes(page::size()),
    })
}

/// When a process started, and by whom.
#[must_use]
pub fn birth(pid: Tgid) -> Option<Birth> {
    let stat = Stat::from_file(format!("/proc/{pid}/stat")).ok()?;
    let tick = 1_000_000_000 / procfs::ticks_per_second();
    Some(Birth {
        started: BootNanos(stat.starttime.saturating_mul(tick)),
        ppid: u32::try_from(stat.ppid).ok().filter(|ppid| *ppid != 0).map(Tgid),
    })
}

/// All of a process.
#[must_use]
pub fn whole(pid: Tgid) -> Option<Whole> {
    let status = status_of(pid)?;
    Some(Whole {
        birth: birth(pid),
        comm: status.name,
        anon: status.rssanon.map(Bytes::from_kib),
        shmem: status.rssshmem.map(Bytes::from_kib),
        swap: status.vmswap.map(Bytes::from_kib),
        pgtables: status.vmpte.map(Bytes::from_kib),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::process;

    #[test]
    fn the_three_ways_to_look_at_a_process_agree() {
        if !namespaces::pids_are_the_hosts() {
            return;
        }
        let me = Tgid(std::process::id());
        let (seen, born, all) = (glance(me).unwrap(), birth(me).unwrap(), whole(me).unwrap());
        assert!(seen.resident > seen.anon && seen.anon > Bytes(0));
        assert_eq!(all.birth, Some(born));
        assert_eq!(Some(born.started), process(me).unwrap().started);
        assert_eq!(born.ppid, Some(Tgid(std::os::unix::process::parent_id())));
        assert!(all.pgtables.unwrap() > Bytes(0) && all.anon.is_some());
        let none = Tgid(0x3fff_ffff);
        assert_eq!((glance(none), birth(none), whole(none)), (None, None, None));
    }
}
