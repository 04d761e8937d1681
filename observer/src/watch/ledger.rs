//! What was seen killed, by cgroup and by the runs of units: the one side of the reconciliation.
//!
//! The kernel's counters go with their cgroups, and count what happened below. So what was seen in a cgroup that went is
//! its parent's from then on, and what was seen in a run of a unit is kept past both.

use std::collections::HashMap;

use crate::engine::holds;
use crate::event::Subject;
use crate::unit::UnitPath;

/// Cgroups and runs remembered, at most.
const REMEMBERED: usize = 16_384;

/// A run of a unit: its name and its invocation, where that is known.
type Run = (String, Option<String>);

/// What was seen, by place.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// What `oom_kill` said at the start, by path, where it was not zero.
    before: HashMap<String, u64>,
    /// The kernel's marks since, by path.
    marks: HashMap<String, u64>,
    /// Kills told or to be told, in each run of a unit.
    runs: HashMap<Run, u64>,
    /// Units that systemd says were hit, whose kill may still be on its way.
    waiting: Vec<(Subject, bool)>,
}

impl Ledger {
    /// What was counted before anything could be seen.
    pub(super) fn counted_before(&mut self, path: String, counted: u64) {
        self.before.insert(path, counted);
    }

    /// The kernel marked a task in this cgroup, doubles included: it counts no more than that.
    pub(super) fn marked(&mut self, path: &str) {
        if self.marks.len() >= REMEMBERED {
            self.marks.clear();
        }
        *self.marks.entry(path.to_owned()).or_default() += 1;
    }

    /// A process was killed in this cgroup and run of a unit.
    pub(super) fn killed(&mut self, path: &str, invocation: Option<String>) {
        if self.runs.len() >= REMEMBERED {
            self.runs.clear();
        }
        if let Some(unit) = UnitPath::parse(path).unit {
            *self.runs.entry((unit, invocation)).or_default() += 1;
        }
    }

    /// A cgroup went, and its counter with it.
    pub(super) fn gone(&mut self, path: &str) {
        self.before.remove(path);
        let Some(marks) = self.marks.remove(path) else { return };
        let above = path.rsplit_once('/').map_or("/", |(above, _)| above);
        let above = if above.is_empty() { "/" } else { above };
        *self.marks.entry(above.to_owned()).or_default() += marks;
    }

    /// How much more a cgroup's counter says than was seen: of all below it, where the counter is of all below it.
    pub(super) fn missing(&self, path: &str, counted: u64, with_below: bool) -> Option<Missing> {
        let counted = counted.saturating_sub(self.before.get(path).copied().unwrap_or_default());
        let seen = if with_below {
            let below = self.marks.iter().filter(|(marked, _)| holds(path, marked));
            below.map(|(_, marks)| marks).sum()
        } else {
            self.marks.get(path).copied().unwrap_or_default()
        };
        (counted > seen).then_some(Missing { counted, seen })
    }

    /// What was missing is told: it counts as seen from now on.
    pub(super) fn settle(&mut self, path: &str, missing: Missing) {
        *self.marks.entry(path.to_owned()).or_default() += missing.count();
    }

    /// How many kills were seen in a run of a unit.
    pub(super) fn kills(&self, subject: &Subject) -> u64 {
        let unit = subject.unit.as_deref().unwrap_or_default();
        let same_run =
            |run: &Option<String>| run.is_none() || subject.invocation_id.is_none() || *run == subject.invocation_id;
        let hits = self.runs.iter().filter(|((hit, run), _)| hit == unit && same_run(run));
        hits.map(|(_, kills)| kills).sum()
    }

    /// systemd says that a unit's run ended because something in it was killed for memory.
    pub(super) fn recorded(&mut self, subject: Subject) {
        self.waiting.push((subject, false));
    }

    /// Those of systemd's records that were waited for since the last look in vain.
    pub(super) fn unsettled(&mut self) -> Vec<Subject> {
        let mut unsettled = Vec::new();
        for (subject, waited) in std::mem::take(&mut self.waiting) {
            if self.kills(&subject) > 0 {
                continue;
            }
            if waited {
                unsettled.push(subject);
            } else {
                self.waiting.push((subject, true));
            }
        }
        unsettled
    }
}

/// More was counted than seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) counted: u64,
    pub(super) seen: u64,
}

impl Missing {
    /// How much more.
    pub(super) fn count(self) -> u64 {
        self.counted.saturating_sub(self.seen)
    }

    /// So many of them.
    pub(super) fn first(self, count: u64) -> Self {
        Self {
            counted: self.seen.saturating_add(count),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_of_systemds_needs_a_kill_in_the_same_run() {
        let run = |run: &str| Subject {
            unit: Some("a.service".to_owned()),
            invocation_id: Some(run.to_owned()),
            ..Subject::default()
        };
        let mut ledger = Ledger::default();
        ledger.killed("/system.slice/a.service/below", Some("1".to_owned()));
        ledger.recorded(run("1"));
        assert!(ledger.unsettled().is_empty());
        ledger.recorded(run("2"));
        assert!(ledger.unsettled().is_empty(), "its kill may be on its way");
        assert_eq!(ledger.unsettled().len(), 1);
        assert!(ledger.unsettled().is_empty(), "told once");
        ledger.recorded(run("3"));
        ledger.killed("/system.slice/a.service", None);
        assert!(ledger.unsettled().is_empty(), "of whichever run that was");
        assert_eq!((ledger.kills(&run("1")), ledger.kills(&run("2"))), (2, 1));
    }

    #[test]
    fn what_was_seen_in_a_cgroup_that_went_is_its_parents_and_not_its_successors() {
        let mut ledger = Ledger::default();
        ledger.marked("/a.slice/b.service");
        ledger.marked("/a.slice/b.service");
        assert_eq!(ledger.missing("/a.slice/b.service", 2, true), None);
        ledger.gone("/a.slice/b.service");
        assert_eq!(ledger.missing("/a.slice", 2, true), None);
        // The next of that name counts from nothing.
        let missing = Missing { counted: 1, seen: 0 };
        assert_eq!(ledger.missing("/a.slice/b.service", 1, true), Some(missing));
        assert_eq!(
            ledger.missing("/a.slice", 3, true),
            Some(Missing { counted: 3, seen: 2 })
        );
        ledger.settle("/a.slice/b.service", missing);
        assert_eq!(ledger.missing("/a.slice", 3, true), None, "told below it");
    }

    #[test]
    fn what_was_counted_before_and_what_v1_counts_below_is_not_missing() {
        let mut ledger = Ledger::default();
        ledger.counted_before("/a".to_owned(), 5);
        assert_eq!(ledger.missing("/a", 5, true), None);
        ledger.marked("/a/b");
        let missing = Missing { counted: 1, seen: 0 };
        assert_eq!(ledger.missing("/a", 6, false), Some(missing), "a counter of its own");
        assert_eq!(ledger.missing("/a", 6, true), None);
    }
}
