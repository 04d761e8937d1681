//! Who was killed before, by the log alone: a victim that a later table of tasks has still held its memory as the kernel chose
//! again (`dump_tasks` passes over whoever has given it back).

use std::collections::VecDeque;
use std::time::Duration;

use observer_common::Constraint;

use super::Kill;
use crate::measure::{Bytes, Tgid, Tid};
use crate::verdict::earlier::Unfreed;

/// Victims that are remembered.
const KEPT: usize = 16;

/// A pid is another process's by then, in microseconds.
const LONG: u64 = 120_000_000;

/// A victim.
#[derive(Debug)]
struct Victim {
    tid: Tid,
    comm: String,
    total_vm: Bytes,
    time: u64,
}

/// The last victims.
#[derive(Debug, Default)]
pub(super) struct Before {
    victims: VecDeque<Victim>,
}

impl Before {
    /// Remembers a victim, where it is told when it was killed and how large it was.
    pub(super) fn add(&mut self, kill: &Kill, time: u64) {
        let Some(total_vm) = kill.sizes.total_vm.filter(|_| time > 0) else {
            return;
        };
        self.victims.retain(|victim| victim.tid != kill.tid);
        if self.victims.len() >= KEPT {
            self.victims.pop_front();
        }
        self.victims.push_back(Victim {
            tid: kill.tid,
            comm: kill.comm.clone(),
            total_vm,
            time,
        });
    }

    /// The one that was killed last of those in the table of a kill's report. A cgroup's table has only whom its limit holds;
    /// on which nodes memory lies no table says.
    pub(super) fn unfreed(&self, kill: &Kill, time: u64) -> Option<Unfreed> {
        let report = kill.report.as_deref().filter(|_| kill.group.is_none())?;
        let constraint = report.concluded(kill.in_memcg)?;
        if !matches!(constraint, Constraint::None | Constraint::Memcg) {
            return None;
        }
        let page = report.page(Some((kill.tid, kill.sizes.total_vm)))?;
        self.victims.iter().rev().find_map(|victim| {
            let row = report.tasks.iter().find(|row| row.tid == victim.tid)?;
            let held = Bytes(row.rss?.checked_mul(page.bytes())?);
            let before = time.checked_sub(victim.time).filter(|before| *before < LONG)?;
            // The reaper takes the memory and leaves the address space.
            let is_same = row.comm == victim.comm && row.sizes(Some(page)).total_vm == Some(victim.total_vm);
            (is_same && victim.tid != kill.tid && held > Bytes(0)).then(|| Unfreed {
                pid: Tgid(row.tgid.0),
                comm: victim.comm.clone(),
                before: Duration::from_micros(before),
                held,
            })
        })
    }
}
