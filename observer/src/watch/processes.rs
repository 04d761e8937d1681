//! When the processes of which unit are looked at, and what is told of them. How they are looked at is in `looks`.

use std::time::Duration;

use super::clock::Clock;
use super::collector::Collector;
use super::stream::{Stream, StreamError};
use crate::cgroup::namespaces;
use crate::engine::Attention;
use crate::event::{Event, Stacks, TaskSize, ancestry};
use crate::kernel::record::Exec;
use crate::measure::CgroupId;

/// The processes of a unit that nears a limit, or is watched by name, are looked at so often, and at each tick where the limit is close
/// or memory is short.
const TASKS_EVERY: Duration = Duration::from_secs(10);

/// What stacks take of a line, in bytes: of a line in a recording no more is read than a MiB.
const STACKS: usize = 256 << 10;

impl Collector {
    /// A process runs another program.
    pub(super) fn begun(&mut self, exec: Exec) {
        if !self.looks.is_idle()
            && let (Some(pid), Some(parent)) = (exec.task.tgid, exec.task.parent)
            && let Some(path) = exec.task.cgroup.and_then(|id| self.cgroups.path(id))
        {
            for id in ancestry(path).filter_map(|above| self.cgroups.id(above)) {
                self.looks.begun(id, pid, parent);
            }
        }
        self.programs.begun(exec);
    }

    /// A step of a look at a unit's processes; at its end they are told.
    pub(super) fn look_on(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        let cgroups = &self.cgroups;
        let told = self.looks.step(&self.hierarchy, &self.clock, |id| cgroups.path(id));
        let Some((id, mut told)) = told else { return Ok(()) };
        let Some(path) = self.cgroups.path(id).map(str::to_owned) else {
            return Ok(());
        };
        told.subject = self.subject(Some(id), &path);
        let ts = self.clock.now().to_millisecond();
        self.engine.processes(ts, &told);
        stream.write(ts, Event::Processes(told))
    }

    /// Which code fills a unit, into the stream.
    pub(super) fn followed(&mut self, mut stacks: Stacks, stream: &mut Stream) -> Result<(), StreamError> {
        if let Some(path) = stacks.subject.cgroup.path.take() {
            // Whoever followed it knows the unit by its cgroup alone.
            let id = self.cgroups.id(&path).or(stacks.subject.cgroup.id);
            stacks.subject = self.subject(id, &path);
        }
        stacks.trim(STACKS);
        stream.write(self.clock.now(), Event::Stacks(stacks))
    }

    /// Who fills a limit is looked for where one nears, where memory is short, and where somebody asked for the unit.
    pub(super) fn want_look(&mut self, id: CgroupId, path: &str) {
        let attention = self.engine.attention(path);
        let is_named = !self.is_whole_host();
        if attention.is_none() && !is_named {
            return self.looks.forget(id);
        }
        let closely = attention
            .filter(|attention| *attention == Attention::Close)
            .map(|_| self.interval);
        // A slice has its units' processes, which are looked at there.
        if !path.ends_with(".slice") && namespaces::pids_are_the_hosts() {
            self.looks.want(id, TASKS_EVERY, closely);
        }
    }

    /// The largest processes of a unit, as the last look had them; none where they were told a moment ago.
    pub(super) fn largest_tasks(&mut self, id: CgroupId) -> Vec<TaskSize> {
        let now = Clock::boot();
        let Some(cgroup) = self.cgroups.get_mut(id) else {
            return Vec::new();
        };
        let is_due = cgroup
            .tasks_told
            .is_none_or(|last| now.saturating_sub(last) >= TASKS_EVERY);
        let largest = self.looks.largest(id);
        if !is_due || largest.is_empty() {
            return Vec::new();
        }
        cgroup.tasks_told = Some(now);
        largest.to_vec()
    }
}
