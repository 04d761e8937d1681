//! The processes of a unit as a tree: what was told of them, with how fast each grows.
//!
//! In: [`Processes`], and the tree before. Out: lines for a width.

use std::collections::HashMap;

use crate::event::{Process, Processes, Siblings};
use crate::human::{bytes, rate};
use crate::measure::{Bytes, Tgid, Timestamp};
use crate::words::middle;

/// Processes of a tree, the largest, without their ancestors.
const ROWS: usize = 10;

/// Characters of a name that are kept.
const NAME: usize = 64;

/// Levels that are indented.
const DEPTH: usize = 8;

/// A slope is over so many seconds at least, and over no more than so many.
const SHORT: f64 = 5.0;
const LONG: f64 = 60.0;

/// Cells of sizes and slopes.
const SIZE: usize = 8;
const SLOPE: usize = 13;

/// A process in its place.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    depth: usize,
    pid: Tgid,
    started: Option<Timestamp>,
    comm: String,
    held: Bytes,
    /// What its slope is from.
    from: (Timestamp, Bytes),
    slope: Option<f64>,
}

/// The processes of a unit at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) ts: Timestamp,
    count: u64,
    rows: Vec<Row>,
    others: Option<Siblings>,
}

impl Tree {
    pub(super) fn new(ts: Timestamp, told: &Processes, before: Option<&Self>) -> Self {
        let rows = placed(&told.tasks).into_iter().map(|(depth, task)| {
            let held = task.held();
            let same = |row: &&Row| row.pid == task.pid && is_same(row.started, task.started);
            let last = before.and_then(|before| Some((before.ts, before.rows.iter().find(same)?)));
            let (from, slope) = last.map_or(((ts, held), None), |(then, row)| row.go_on(then, ts, held));
            Row {
                depth,
                pid: task.pid,
                started: task.started,
                comm: task.comm.chars().take(NAME).collect(),
                held,
                from,
                slope,
            }
        });
        let rows: Vec<Row> = rows.collect();
        let shown = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let held = told
            .others
            .iter()
            .fold(0_u64, |sum, others| sum.saturating_add(others.held.0));
        let is_shown = |task: &&Process| rows.iter().all(|row| row.pid != task.pid);
        let rest = told.tasks.iter().filter(is_shown);
        let held = rest.fold(held, |sum, task| sum.saturating_add(task.held().0));
        let others = told.count.checked_sub(shown).filter(|count| *count > 0);
        Self {
            ts,
            count: told.count,
            others: others.map(|count| Siblings {
                ppid: None,
                count,
                held: Bytes(held),
            }),
            rows,
        }
    }

    /// Without those that have ended.
    pub(super) fn without(&self, is_gone: impl Fn(Tgid) -> bool) -> Self {
        let mut rest = self.clone();
        rest.rows.retain(|row| !is_gone(row.pid));
        rest
    }

    /// The lines, and a heading.
    pub(super) fn lines(&self, room: usize) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let name_room = room.saturating_sub(SIZE + SLOPE).clamp(12, 44);
        let line = |name: &str, held: Bytes, slope: Option<f64>| {
            let slope = slope.filter(|slope| *slope != 0.0).map(rate).unwrap_or_default();
            let name = middle(name, name_room, true);
            let text = format!("{name:<name_room$}{:>SIZE$}{slope:>SLOPE$}", bytes(held));
            text.trim_end().to_owned()
        };
        let mut lines = vec![format!("tasks  {}", self.count)];
        lines.extend(self.rows.iter().map(|row| {
            let depth = row.depth.min(DEPTH);
            let branch = if depth > 0 {
                format!("{}└ ", "  ".repeat(depth - 1))
            } else {
                String::new()
            };
            line(&format!("{branch}{}[{}]", row.comm, row.pid), row.held, row.slope)
        }));
        lines.extend(self.others.as_ref().map(|others| {
            let plural = if others.count == 1 { "other" } else { "others" };
            line(&format!("{} {plural}", others.count), others.held, None)
        }));
        lines
    }
}

impl Row {
    /// From where its slope goes on, and the slope.
    fn go_on(&self, then: Timestamp, ts: Timestamp, held: Bytes) -> ((Timestamp, Bytes), Option<f64>) {
        let from = if ts.seconds_since(self.from.0) > LONG {
            (then, self.held)
        } else {
            self.from
        };
        let seconds = ts.seconds_since(from.0);
        let slope = (seconds >= SHORT).then(|| (held.as_f64() - from.1.as_f64()) / seconds);
        (from, slope.or(self.slope))
    }
}

/// Starts move with the wall clock.
fn is_same(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    one.zip(other)
        .is_none_or(|(one, other)| one.seconds_since(other).abs() < 2.0)
}

/// The largest processes and their ancestors, each below its parent, the larger branch first, with how deep it stands.
fn placed(tasks: &[Process]) -> Vec<(usize, &Process)> {
    let mut order: Vec<&Process> = tasks.iter().collect();
    order.sort_by_key(|task| (std::cmp::Reverse(task.held()), task.pid));
    let find = |pid: Option<Tgid>| order.iter().copied().find(|task| Some(task.pid) == pid);
    let mut shown: Vec<&Process> = Vec::new();
    for task in order.iter().take(ROWS) {
        let mut at = Some(*task);
        while let Some(task) = at.filter(|task| shown.iter().all(|other| other.pid != task.pid)) {
            shown.push(task);
            at = find(task.ppid);
        }
    }
    // A branch stands where its largest would.
    let mut branch: HashMap<Tgid, Bytes> = HashMap::new();
    for task in &shown {
        let above = std::iter::successors(Some(*task), |below| find(below.ppid));
        for parent in above.take(shown.len()) {
            let largest = branch.entry(parent.pid).or_default();
            *largest = task.held().max(*largest);
        }
    }
    let mut order = shown.clone();
    order.sort_by_key(|task| (std::cmp::Reverse(branch.get(&task.pid).copied()), task.pid));
    let is_shown = |pid: Tgid| shown.iter().any(|task| task.pid == pid);
    let is_root = |task: &&Process| task.ppid.is_none_or(|ppid| ppid == task.pid || !is_shown(ppid));
    // By size, and taken from the end.
    let in_order = || order.iter().rev().copied();
    let mut waiting: Vec<(usize, &Process)> = in_order().filter(is_root).map(|task| (0, task)).collect();
    let mut placed: Vec<(usize, &Process)> = Vec::new();
    while let Some((depth, task)) = waiting.pop() {
        placed.push((depth, task));
        let is_child = |child: &&Process| child.ppid == Some(task.pid) && child.pid != task.pid;
        waiting.extend(in_order().filter(is_child).map(|child| (depth + 1, child)));
    }
    // Who is its own ancestor, by numbers that were used twice, stands below nobody.
    let missing = shown
        .iter()
        .filter(|task| placed.iter().all(|(_, other)| other.pid != task.pid));
    let missing: Vec<(usize, &Process)> = missing.map(|task| (0, *task)).collect();
    placed.extend(missing);
    placed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(jiff::Timestamp::from_second(1_700_000_000 + second).unwrap())
    }

    fn told(count: u64, tasks: &[(u32, u32, &str, u64)]) -> Processes {
        let process = |(pid, ppid, comm, mib): &(u32, u32, &str, u64)| Process {
            pid: Tgid(*pid),
            ppid: Some(Tgid(*ppid)),
            comm: (*comm).to_owned(),
            started: Some(at(-100)),
            anon: Some(Bytes(*mib << 20)),
            shmem: None,
            swap: None,
            pgtables: None,
            ceiling: None,
        };
        Processes {
            count,
            tasks: tasks.iter().map(process).collect(),
            others: vec![Siblings {
                ppid: Some(Tgid(39)),
                count: count.saturating_sub(tasks.len() as u64),
                held: Bytes(31 << 20),
            }],
            ..Processes::default()
        }
    }

    #[test]
    fn each_stands_below_its_parent_with_its_growth() {
        let look = |mib| {
            told(
                103,
                &[
                    (39, 1, "bash", 2),
                    (51, 40, "python3", mib),
                    (40, 39, "bash", 3),
                    (60, 39, "a-name-that-is-long", 20),
                ],
            )
        };
        let before = Tree::new(at(0), &look(132), None);
        let tree = Tree::new(at(10), &look(192), Some(&before));
        let text = tree.lines(76).join("\n");
        assert_eq!(
            text,
            "\
tasks  103
bash[39]                                        2.0M
└ bash[40]                                      3.0M
  └ python3[51]                               192.0M  +360.0M/min
└ a-name-that-is-long[60]                      20.0M
99 others                                      31.0M"
        );
        assert!(tree.lines(38).iter().all(|line| line.chars().count() <= 38));
        assert!(
            !tree
                .without(|pid| pid == Tgid(51))
                .lines(76)
                .join("\n")
                .contains("python3")
        );
    }

    proptest! {
        /// Rings, orphans, the same number twice: each is shown once, and there is an end.
        #[test]
        fn every_process_is_in_one_place(tasks in prop::collection::vec((0_u32..12, 0_u32..12, 0_u64..99), 0..12)) {
            let mut tasks: Vec<_> = tasks.iter().map(|(pid, ppid, mib)| (*pid, *ppid, "x", *mib)).collect();
            tasks.sort_unstable();
            tasks.dedup_by_key(|task| task.0);
            let told = told(20, &tasks);
            let mut pids: Vec<Tgid> = placed(&told.tasks).iter().map(|(_, task)| task.pid).collect();
            let shown = pids.len();
            pids.sort_unstable();
            pids.dedup();
            prop_assert!(pids.len() == shown && shown >= tasks.len().min(ROWS));
        }
    }
}
