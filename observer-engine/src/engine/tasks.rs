//! Which process it is that grows.

use crate::event::{GrowingTask, TaskSize};
use crate::measure::{Bytes, Tgid, Timestamp, significant};

/// For how long a process must have been watched, in seconds.
const WATCHED: f64 = 5.0;
/// What takes this share of the growth is what grows.
const MOST: f64 = 0.5;
/// Processes that are watched, at most.
const KEPT: usize = 8;

/// The largest processes of a cgroup, as they stood when a limit came in sight and as they stand now.
#[derive(Debug)]
pub(super) struct Tasks {
    since: Timestamp,
    first: Vec<(Tgid, Bytes)>,
    /// What the cgroup held then.
    held: f64,
    growing: Option<GrowingTask>,
}

impl Tasks {
    pub(super) fn new(ts: Timestamp, held: f64, tasks: &[TaskSize]) -> Self {
        Self {
            since: ts,
            first: tasks.iter().take(KEPT).map(|task| (task.pid, task.held)).collect(),
            held,
            growing: None,
        }
    }

    /// Looks which of them has grown with the cgroup, which holds so much now.
    pub(super) fn look(&mut self, ts: Timestamp, held: f64, tasks: &[TaskSize]) {
        let seconds = ts.seconds_since(self.since);
        if seconds < WATCHED {
            return;
        }
        // One that was not among the largest held no more than the least of them; where all were told, it was not there.
        let least = self.first.last().filter(|_| self.first.len() >= TaskSize::TOLD);
        let unseen = least.map_or(Bytes(0), |(_, held)| *held);
        let growth = |task: &&TaskSize| {
            let before = self.first.iter().find(|(pid, _)| *pid == task.pid);
            task.held.as_f64() - before.map_or(unseen, |(_, held)| *held).as_f64()
        };
        let most = tasks.iter().max_by(|a, b| growth(a).total_cmp(&growth(b)));
        let whole = held - self.held;
        self.growing = most
            .map(|task| (task, growth(&task)))
            .filter(|(_, growth)| whole > 0.0 && *growth >= whole * MOST)
            .map(|(task, growth)| GrowingTask {
                pid: task.pid,
                comm: task.comm.clone(),
                held: task.held,
                bytes_per_second: significant(growth / seconds),
                // What it grows by and the cgroup does not was taken from others.
                share: significant((growth / whole).min(1.0)),
            });
    }

    /// The process that grows, where it is one.
    pub(super) fn growing(&self) -> Option<&GrowingTask> {
        self.growing.as_ref()
    }

    /// What it takes on the heap, in bytes.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        size_of::<Self>()
            + self.first.capacity() * size_of::<(Tgid, Bytes)>()
            + self.growing.as_ref().map_or(0, |task| task.comm.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(jiff::Timestamp::from_second(second).unwrap())
    }

    fn tasks(sizes: &[(u32, u64)]) -> Vec<TaskSize> {
        let task = |(pid, held): &(u32, u64)| TaskSize {
            pid: Tgid(*pid),
            comm: format!("task-{pid}"),
            held: Bytes(*held),
        };
        sizes.iter().map(task).collect()
    }

    fn grown(first: &[(u32, u64)], held: f64, then: &[(u32, u64)], now: f64) -> Option<GrowingTask> {
        let mut watched = Tasks::new(at(0), held, &tasks(first));
        watched.look(at(10), now, &tasks(then));
        watched.growing().cloned()
    }

    #[test]
    fn the_one_that_grows_is_named_with_its_share() {
        let task = grown(&[(1, 500), (2, 100)], 600.0, &[(1, 500), (2, 400)], 1000.0).unwrap();
        assert_eq!((task.pid, task.held), (Tgid(2), Bytes(400)));
        assert_eq!((task.bytes_per_second, task.share), (30.0, 0.75));
    }

    #[test]
    fn where_all_grow_none_is_named() {
        let all = [(1, 200), (2, 200), (3, 200)];
        assert_eq!(grown(&[(1, 100), (2, 100), (3, 100)], 300.0, &all, 600.0), None);
        // Nor where it is no process at all: files on a tmpfs.
        assert_eq!(grown(&[(1, 100)], 100.0, &[(1, 100)], 600.0), None);
        assert_eq!(grown(&[(1, 100)], 600.0, &[(1, 200)], 500.0), None);
    }

    #[test]
    fn one_that_is_new_has_grown_all_it_can_have() {
        let task = grown(&[(1, 100)], 100.0, &[(2, 300), (1, 100)], 400.0).unwrap();
        assert_eq!((task.pid, task.share), (Tgid(2), 1.0));
        // It may have been there, smaller than all that were told.
        let first = [(1, 300), (3, 300), (4, 300), (5, 300)];
        assert_eq!(grown(&first, 2000.0, &[(2, 400), (1, 300)], 2300.0), None);
    }
}
