//! What every process was started as: known before it dies, however short it lives.
//!
//! In: the processes that are there at the start, and every `exec` since. Out: a command line for a process that `/proc`
//! has forgotten. A process that only forked runs what its parent ran.

use std::collections::{HashMap, HashSet};

use crate::cgroup::{TaskInfo, process, processes};
use crate::kernel::record::{Exec, Task};
use crate::measure::{BootNanos, Tgid};

/// Processes kept, at most; those that have ended are forgotten when there is no more room.
const MAX: usize = 16_384;

/// `/proc` tells a start to a hundredth of a second, rounded down.
const TICK: u64 = 20_000_000;

#[derive(Debug)]
struct Program {
    /// When its process started.
    started: Option<BootNanos>,
    /// When the program did.
    begun: BootNanos,
    comm: String,
    cmdline: String,
}

/// Command lines by process.
#[derive(Debug, Default)]
pub(super) struct Programs {
    known: HashMap<Tgid, Program>,
    /// Those that were there at the start and are still to be looked at: on a large host that takes a while.
    unread: Vec<Tgid>,
}

impl Programs {
    /// With every process that is there, to be looked at one by one.
    pub(super) fn read() -> Self {
        Self {
            known: HashMap::new(),
            unread: processes().take(MAX).collect(),
        }
    }

    /// Whether a process is still to be looked at.
    pub(super) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Looks at the next of those that were there at the start.
    pub(super) fn read_next(&mut self) {
        if let Some(info) = self.unread.pop().and_then(process) {
            self.insert_info(info);
        }
    }

    fn insert_info(&mut self, info: TaskInfo) {
        let (Some(started), Some(cmdline)) = (info.started, info.cmdline) else {
            return;
        };
        // What it runs since is known from its exec.
        if self
            .known
            .get(&info.pid)
            .is_some_and(|program| program.begun.0 > started.0)
        {
            return;
        }
        let program = Program {
            started: Some(started),
            begun: started,
            comm: info.comm,
            cmdline,
        };
        self.known.insert(info.pid, program);
    }

    /// A process runs another program.
    pub(super) fn begun(&mut self, exec: Exec) {
        let (Some(tgid), Some(cmdline)) = (exec.task.tgid, exec.cmdline) else {
            return;
        };
        if self.known.len() >= MAX {
            // One look at the folder, for a look at each process would take long.
            let there: HashSet<Tgid> = processes().collect();
            self.known.retain(|tgid, _| there.contains(tgid));
            // Rather nothing of most than a search at every exec from now on.
            if self.known.len() > MAX / 2 {
                self.known.clear();
            }
        }
        let program = Program {
            started: exec.task.started,
            begun: exec.time,
            comm: exec.task.comm,
            cmdline,
        };
        self.known.insert(tgid, program);
    }

    /// What a process was started as.
    pub(super) fn cmdline(&self, tgid: Tgid, started: Option<BootNanos>, task: &Task) -> Option<&str> {
        let own = self.known.get(&tgid).filter(|program| same(program.started, started));
        let program = own.or_else(|| {
            // It forked and runs on; whoever took over the child of a parent that has ended has another name.
            let parent = self.known.get(&task.parent?)?;
            let before = started.is_some_and(|started| parent.begun.0 <= started.0);
            (before && parent.comm == task.comm).then_some(parent)
        })?;
        Some(&program.cmdline)
    }
}

/// Whether two starts are one process's, told by `/proc` or by the kernel to the nanosecond: ids are used again.
pub(super) fn same(known: Option<BootNanos>, asked: Option<BootNanos>) -> bool {
    known
        .zip(asked)
        .is_some_and(|(known, asked)| known.0.abs_diff(asked.0) < TICK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Tid;

    const SECOND: u64 = 1_000_000_000;

    fn task(tgid: u32, parent: u32, started: u64, comm: &str) -> Task {
        Task {
            tgid: Some(Tgid(tgid)),
            tid: Tid(tgid),
            cgroup: None,
            started: Some(BootNanos(started)),
            uid: None,
            oom_score_adj: None,
            parent: Some(Tgid(parent)),
            exiting: false,
            comm: comm.to_owned(),
        }
    }

    fn ask<'a>(programs: &'a Programs, task: &Task) -> Option<&'a str> {
        programs.cmdline(task.tgid.unwrap(), task.started, task)
    }

    fn programs() -> Programs {
        let mut programs = Programs::default();
        programs.begun(Exec {
            time: BootNanos(2 * SECOND),
            task: task(7, 1, SECOND, "worker"),
            cmdline: Some("worker --all".to_owned()),
        });
        programs
    }

    #[test]
    fn a_process_is_known_by_what_it_began_and_a_reused_id_is_another() {
        let programs = programs();
        assert_eq!(ask(&programs, &task(7, 1, SECOND, "renamed")), Some("worker --all"));
        assert_eq!(ask(&programs, &task(7, 1, 9 * SECOND, "worker")), None);
    }

    #[test]
    fn a_child_that_only_forked_runs_what_its_parent_ran() {
        let programs = programs();
        let child = task(8, 7, 3 * SECOND, "worker");
        assert_eq!(ask(&programs, &child), Some("worker --all"));
        let elder = task(8, 7, SECOND + 1, "worker");
        assert_eq!(ask(&programs, &elder), None, "made before the parent ran this");
        let adopted = task(8, 7, 3 * SECOND, "orphan");
        assert_eq!(ask(&programs, &adopted), None);
    }
}
