//! The processes of a cgroup, and what `/proc` says of each. One that ends while it is read is passed over.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use procfs::FromBufRead as _;
use procfs::process::{Process, Status};

use super::arguments::arguments;
use super::processes::{glance, pids};
use super::{Hierarchy, namespaces};
use crate::engine::ceiling::Environment;
use crate::engine::raw;
use crate::event::CgroupVersion;
use crate::measure::{BootNanos, Bytes, Pages, Tgid, Tid};
use crate::page;

/// A task that is ending (include/linux/sched.h).
const PF_EXITING: u32 = 4;

/// To find the largest of many, so many are glanced at.
const MAX_GLANCES: usize = 512;

/// A command line is told up to here, in characters.
const MAX_CMDLINE: usize = 4096;

/// A command line and an environment are looked at up to here, in bytes.
const MAX_ARGUMENTS: u64 = 256 * 1024;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    /// Its process.
    pub pid: Tgid,
    /// The process that started it, or that took it over.
    pub ppid: Option<Tgid>,
    /// Its name.
    pub comm: String,
    /// Its command line, words joined with spaces; `None` for a kernel thread or one that is ending.
    pub cmdline: Option<String>,
    /// Its user.
    pub uid: Option<u32>,
    /// Resident anonymous memory.
    pub anon: Option<Bytes>,
    /// Resident file pages.
    pub file: Option<Bytes>,
    /// Resident shared memory.
    pub shmem: Option<Bytes>,
    /// Swapped out.
    pub swap: Option<Bytes>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// When it was started, to a hundredth of a second.
    pub started: Option<BootNanos>,
}

/// The processes of a cgroup and of those below it but one, at most so many, and of more the largest: how large each is, not what
/// it was started as or when.
#[must_use]
pub fn tasks(hierarchy: &Hierarchy, path: &str, most: usize, but: Option<Tgid>) -> Vec<TaskInfo> {
    let (mut pids, _) = pids(hierarchy, path, MAX_GLANCES);
    pids.retain(|pid| but != Some(*pid));
    if pids.len() > most {
        pids.sort_by_cached_key(|pid| std::cmp::Reverse(glance(*pid).map(|seen| seen.resident)));
        pids.truncate(most);
    }
    let processes = pids.into_iter();
    processes.filter_map(|pid| sizes(pid, &proc_of(pid.0)?)).collect()
}

/// Whether cgroups lie below: a directory's links are these and two more (fs/kernfs/inode.c: `kernfs_refresh_inode`). To
/// list it takes ten times as long, for it is full of files.
pub(super) fn has_below(dir: &Path) -> bool {
    fs::metadata(dir).is_ok_and(|dir| dir.nlink() != 2)
}

/// A process or thread by the kernel's number; none where `/proc` counts otherwise.
fn proc_of(number: u32) -> Option<Process> {
    namespaces::pids_are_the_hosts()
        .then(|| Process::new(i32::try_from(number).ok()?).ok())
        .flatten()
}

/// What `/proc` says of a process.
#[must_use]
pub fn process(pid: Tgid) -> Option<TaskInfo> {
    let process = proc_of(pid.0)?;
    let ticks = process.stat().ok().map(|stat| stat.starttime);
    Some(TaskInfo {
        cmdline: cmdline(pid),
        started: ticks.map(|ticks| BootNanos(ticks.saturating_mul(1_000_000_000 / procfs::ticks_per_second()))),
        ..sizes(pid, &process)?
    })
}

/// What is resident of a process that was started then; `None` where it has let go of its memory, or is another by now.
#[must_use]
pub fn held(pid: Tgid, started: Option<BootNanos>) -> Option<Bytes> {
    let stat = proc_of(pid.0)?.stat().ok()?;
    let tick = 1_000_000_000 / procfs::ticks_per_second();
    let is_it = started.is_none_or(|started| started.0 / tick == stat.starttime);
    (is_it && stat.rss > 0).then(|| Pages(stat.rss).to_bytes(page::size()))
}

/// The command line of a process alone: all that is asked of one of which a record tells the rest.
#[must_use]
pub fn cmdline(pid: Tgid) -> Option<String> {
    if !namespaces::pids_are_the_hosts() {
        return None;
    }
    words(&arguments(format!("/proc/{pid}/cmdline"), MAX_ARGUMENTS)?)
}

/// The ceilings that the environment of a process names; none where it may not be read.
#[must_use]
pub fn environment(pid: Tgid) -> Environment {
    let read = || {
        let block = arguments(format!("/proc/{pid}/environ"), MAX_ARGUMENTS)?;
        Some(Environment::parse(&block))
    };
    let are_the_hosts = namespaces::pids_are_the_hosts();
    are_the_hosts.then(read).flatten().unwrap_or_default()
}

/// The words of a command line, of which each ends with a zero byte (proc_pid_cmdline(5)). Who writes a title over its own
/// leaves many behind it.
fn words(bytes: &[u8]) -> Option<String> {
    let text = raw::text(bytes);
    let words: Vec<&str> = text.split('\0').filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    (!line.is_empty()).then(|| line.chars().take(MAX_CMDLINE).collect())
}

/// `/proc/PID/status`. The name in it is the process's own.
fn status(process: &Process) -> Option<Status> {
    let mut text = Vec::new();
    process.open_relative("status").ok()?.read_to_end(&mut text).ok()?;
    let text = raw::text(&text);
    let mut status = Status::from_buf_read(text.as_bytes()).ok()?;
    // All of it, colons too.
    let name = text.lines().next().and_then(|line| line.strip_prefix("Name:\t"));
    if let Some(name) = name {
        name.clone_into(&mut status.name);
    }
    Some(status)
}

/// `/proc/PID/status` of a process by the kernel's number.
pub(super) fn status_of(pid: Tgid) -> Option<Status> {
    status(&proc_of(pid.0)?)
}

/// How large a process is: of many that is all that is asked, and each file of `/proc` costs.
fn sizes(pid: Tgid, process: &Process) -> Option<TaskInfo> {
    let status = status(process)?;
    Some(TaskInfo {
        pid,
        ppid: u32::try_from(status.ppid).ok().filter(|ppid| *ppid != 0).map(Tgid),
        comm: status.name,
        cmdline: None,
        uid: Some(status.ruid),
        anon: status.rssanon.map(Bytes::from_kib),
        file: status.rssfile.map(Bytes::from_kib),
        shmem: status.rssshmem.map(Bytes::from_kib),
        swap: status.vmswap.map(Bytes::from_kib),
        oom_score_adj: process.oom_score_adj().ok(),
        started: None,
    })
}

/// Every process that is there.
pub fn processes() -> impl Iterator<Item = Tgid> {
    let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
    ids.filter_map(|entry| Some(Tgid(entry.file_name().to_str()?.parse().ok()?)))
}

/// The process that a thread belongs to.
#[must_use]
pub fn tgid_of(tid: Tid) -> Option<Tgid> {
    let status = status(&proc_of(tid.0)?)?;
    u32::try_from(status.tgid).ok().map(Tgid)
}

/// Whether a process is on its way out: it has let go of its memory and its places.
fn is_ending(pid: Tgid) -> bool {
    let stat = proc_of(pid.0).and_then(|process| process.stat().ok());
    stat.is_none_or(|stat| stat.flags & PF_EXITING != 0)
}

/// The cgroup that a process is in, on the memory controller's hierarchy.
#[must_use]
pub fn cgroup_of(hierarchy: &Hierarchy, pid: Tgid) -> Option<String> {
    if !namespaces::pids_are_the_hosts() || !namespaces::cgroups_are_the_hosts() {
        return None;
    }
    let text = fs::read(format!("/proc/{pid}/cgroup")).ok()?;
    let path = raw::text(place(&text, hierarchy.id())?);
    // Such a process is shown at the root of a v1 hierarchy, wherever it was (kernel/cgroup/cgroup.c: `proc_cgroup_show`).
    if path == "/" && hierarchy.version() != CgroupVersion::V2 && is_ending(pid) {
        return None;
    }
    Some(path)
}

/// Where `/proc/PID/cgroup` says that a process is on this hierarchy.
fn place(text: &[u8], hierarchy: u32) -> Option<&[u8]> {
    let prefix = format!("{hierarchy}:");
    // cgroups(7): `hierarchy-ID:controller-list:cgroup-path`
    let path = text.split(|byte| *byte == b'\n').find_map(|line| {
        let rest = line.strip_prefix(prefix.as_bytes())?;
        let colon = rest.iter().position(|byte| *byte == b':')?;
        rest.get(colon + 1..)
    })?;
    Some(path.strip_suffix(b" (deleted)").unwrap_or(path))
}

/// Every parser of this module, for `super::feed`.
pub(super) fn feed(bytes: &[u8]) {
    let _ = (words(bytes), place(bytes, 0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_told_and_one_that_is_not_there_is_none() {
        if !namespaces::pids_are_the_hosts() {
            // In a container the number is another process's.
            assert_eq!(process(Tgid(std::process::id())), None);
            return;
        }
        let me = process(Tgid(std::process::id())).unwrap();
        assert!(me.anon.is_some_and(|anon| anon > Bytes(0)) && me.cmdline.is_some() && me.started.is_some());
        assert_eq!(tgid_of(Tid(std::process::id())), Some(me.pid));
        assert_eq!(process(Tgid(0x3fff_ffff)), None);
    }

    #[test]
    fn a_process_holds_its_memory_and_one_started_at_another_time_is_another() {
        if !namespaces::pids_are_the_hosts() {
            return;
        }
        let me = Tgid(std::process::id());
        let started = process(me).unwrap().started.unwrap();
        assert!(held(me, Some(started)).is_some_and(|held| held > Bytes(0)) && held(me, None).is_some());
        assert_eq!(held(me, Some(BootNanos(started.0 + 1_000_000_000))), None);
        assert_eq!(held(Tgid(0x3fff_ffff), None), None);
    }

    #[test]
    fn a_process_whose_name_is_no_utf8_is_told_like_any_other() {
        use std::ffi::OsStr;
        use std::io::Write as _;
        use std::os::unix::ffi::OsStrExt as _;
        use std::os::unix::process::CommandExt as _;
        use std::process::{Command, Stdio};

        if !namespaces::pids_are_the_hosts() {
            return;
        }
        // Its name is its file's.
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join(OsStr::from_bytes(b"\xff\xfe:x"));
        std::os::unix::fs::symlink("/bin/cat", &program).unwrap();
        // It waits for its input before it looks for that file.
        let mut child = Command::new(&program)
            .arg0("cat")
            .args([OsStr::from_bytes(b"-"), OsStr::from_bytes(b"\xff")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let told = child.as_mut().ok().and_then(|child| {
            // It runs, and not only its exec, when this comes back.
            let mut came = [0];
            child.stdin.as_mut()?.write_all(b"x").ok()?;
            child.stdout.as_mut()?.read_exact(&mut came).ok()?;
            let told = process(Tgid(child.id()));
            let tgid = tgid_of(Tid(child.id()));
            let _ = child.kill();
            let _ = child.wait();
            Some((told?, tgid?))
        });
        let (told, tgid) = told.unwrap();
        assert_eq!((told.comm.as_str(), told.pid), ("\u{efff}\u{effe}:x", tgid));
        assert!(told.uid.is_some() && told.started.is_some());
        assert_eq!(told.cmdline.as_deref(), Some("cat - \u{efff}"));
    }

    #[test]
    fn a_cgroup_whose_name_is_no_utf8_is_where_a_process_is() {
        let text = b"5:cpu:/x\n0::/bad\xff\xfe.service (deleted)\n";
        let path = raw::text(place(text, 0).unwrap());
        assert_eq!(&*raw::bytes(&path), b"/bad\xff\xfe.service");
        assert_eq!((place(text, 5), place(text, 7)), (Some(&b"/x"[..]), None));
    }
}
