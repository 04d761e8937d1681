//! Whether anything is missing: what the kernel counted against what was seen.
//!
//! `oom_kill` of `/proc/vmstat` counts every call of the kernel's killer that ends a process, wherever it lived and even
//! where its cgroup is gone; a task is marked in each of these calls, doubles of a group's leader included, and sometimes
//! without being counted (it was exiting already; mm/oom_kill.c). So more counted than marked is a kill that nobody saw;
//! which cgroup's it was `memory.events` tells, of the innermost one that counts more than was seen. On v1 that is
//! `memory.oom_control`, which counts the cgroup's own (mm/memcontrol.c: `memcg_memory_event`).
//!
//! What systemd recorded is compared too: a unit that ended with `Result=oom-kill` has had a kill.

use std::collections::VecDeque;
use std::fs;

use super::collector::Collector;
use super::ledger::Missing;
use super::stream::{Stream, StreamError};
use crate::event::{CgroupRef, CgroupVersion, Event, Subject, Unexplained};

impl Collector {
    /// What the kernel has counted so far was not to be seen.
    pub(super) fn look_around(&mut self) {
        if self.reconciler.counted_before == Some(0) {
            return; // The host's counter is of all of them.
        }
        for path in self.paths() {
            if let Some(counted) = self.counted_in(&path).filter(|counted| *counted > 0) {
                self.ledger.counted_before(path, counted);
            }
        }
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.cgroups.live().map(|(_, cgroup)| cgroup.path.to_string()).collect()
    }

    /// The file that counts a cgroup's kills, and whether it counts those below.
    pub(super) fn counter(&self) -> (&'static str, bool) {
        match self.hierarchy.version() {
            CgroupVersion::V2 => ("memory.events", true),
            CgroupVersion::V1 | CgroupVersion::Hybrid => ("memory.oom_control", false),
        }
    }

    /// `oom_kill`, read anew.
    pub(super) fn counted_in(&self, path: &str) -> Option<u64> {
        let text = fs::read_to_string(self.hierarchy.dir(path).join(self.counter().0)).ok()?;
        parse(&text)
    }

    /// Reads what the kernel has counted, before the rings are emptied; where something was missing at the last look, of all cgroups.
    pub(super) fn count_kills(&mut self) {
        self.reconciler.count();
        let is_asked = self.reconciler.is_behind() || self.has_unplaced();
        self.counted = is_asked.then(|| {
            let paths = self.paths().into_iter();
            paths
                .filter_map(|path| self.counted_in(&path).map(|counted| (path, counted)))
                .collect()
        });
    }

    /// Tells where more was counted or recorded than seen.
    pub(super) fn reconcile(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        self.look_for_places(false, stream)?;
        let difference = self.reconciler.look(self.joiner.marks);
        let unsettled = self.ledger.unsettled();
        if let Some(difference) = difference {
            self.unexplained(difference, stream)?;
        }
        for subject in unsettled {
            let missing = Missing { counted: 1, seen: 0 };
            self.tell_missing(subject, "systemd Result=oom-kill", missing, stream)?;
        }
        Ok(())
    }

    /// The innermost cgroups whose counters say more than was seen there; the host, where they are gone.
    fn unexplained(&mut self, difference: Missing, stream: &mut Stream) -> Result<(), StreamError> {
        let found = self.missing_inside();
        let is_whole_host = self.is_whole_host();
        if found.is_empty() && is_whole_host {
            return self.counted_more("/", difference, stream);
        }
        for (path, missing) in found {
            self.ledger.settle(&path, missing);
            if is_whole_host || self.is_of_selected(&path) {
                self.counted_more(&path, missing, stream)?;
            }
        }
        Ok(())
    }

    /// Whether what a cgroup's counter has may be of one that is selected: what went below it has no counter of its own any more.
    pub(super) fn is_of_selected(&self, path: &str) -> bool {
        self.cgroups.is_selected(Some(path)) || self.cgroups.selected_went_below(path)
    }

    /// A cgroup's counter, or the host's, says more than was seen.
    pub(super) fn counted_more(
        &mut self,
        path: &str,
        missing: Missing,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        if path == "/" {
            let subject = Subject {
                cgroup: CgroupRef {
                    id: None,
                    path: Some(path.to_owned()),
                },
                ..Subject::default()
            };
            return self.tell_missing(subject, "vmstat oom_kill", missing, stream);
        }
        let counter = format!("{} oom_kill", self.counter().0);
        let subject = self.subject(self.cgroups.id(path), path);
        self.tell_missing(subject, &counter, missing, stream)
    }

    fn tell_missing(
        &mut self,
        subject: Subject,
        counter: &str,
        missing: Missing,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        let event = Unexplained {
            subject,
            counter: counter.to_owned(),
            counted: missing.counted,
            seen: missing.seen,
        };
        stream.write(self.now(), Event::Unexplained(event))
    }
}

/// Both counts since the start.
#[derive(Debug)]
pub(super) struct Reconciler {
    counted_before: Option<u64>,
    /// The host's counter before the rings were emptied last.
    now: Option<u64>,
    /// How many were counted since the start when last looked at.
    counted: u64,
    /// Whether that was more than at the look before.
    has_counted: bool,
    /// How much more was counted than seen, at the last looks.
    missing: VecDeque<u64>,
    /// How much of that has been told.
    told: u64,
}

/// More that is counted than seen at so many looks in a row is missing, although others are killed all the time.
const LOOKS: usize = 10;

fn vmstat() -> Option<u64> {
    parse(&fs::read_to_string("/proc/vmstat").ok()?)
}

fn parse(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
    value.trim().parse().ok()
}

impl Reconciler {
    /// From now on.
    pub(super) fn new() -> Self {
        Self::from(vmstat())
    }

    fn from(counted_before: Option<u64>) -> Self {
        Self {
            counted_before,
            now: None,
            counted: 0,
            has_counted: false,
            missing: VecDeque::new(),
            told: 0,
        }
    }

    /// Whether the kernel counted a kill between the last two looks.
    pub(super) fn has_counted(&self) -> bool {
        self.has_counted
    }

    /// Reads the host's counter, for the next look.
    fn count(&mut self) {
        self.now = vmstat();
    }

    /// Whether more was counted than seen at the last look, and that is not told.
    fn is_behind(&self) -> bool {
        self.missing.back().is_some_and(|missing| *missing > self.told)
    }

    /// Looks, given how many marks were seen since the start.
    fn look(&mut self, seen: u64) -> Option<Missing> {
        self.compare(self.now?, seen)
    }

    /// A difference is certain where what was counted a look ago is more than what is seen by now, or where it has stayed for some
    /// looks: a record may be on its way, at the next look that of another kill.
    fn compare(&mut self, counter: u64, seen: u64) -> Option<Missing> {
        let counted = counter.saturating_sub(self.counted_before?);
        let before = std::mem::replace(&mut self.counted, counted);
        self.has_counted = counted != before;
        let stayed = before.saturating_sub(seen);
        self.missing.push_back(counted.saturating_sub(seen));
        let standing = if self.missing.len() > LOOKS {
            self.missing.pop_front();
            self.missing.iter().copied().min().unwrap_or_default()
        } else {
            0
        };
        let certain = stayed.max(standing);
        if certain <= self.told {
            return None;
        }
        self.told = certain;
        Some(Missing { counted, seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_once_when_it_has_stayed() {
        let mut reconciler = Reconciler::from(Some(10));
        assert_eq!(reconciler.compare(11, 0), None);
        assert_eq!(reconciler.compare(11, 1), None, "it was on its way");
        assert_eq!(reconciler.compare(13, 1), None);
        let difference = Missing { counted: 3, seen: 1 };
        assert_eq!(reconciler.compare(13, 1), Some(difference));
        assert_eq!(reconciler.compare(13, 1), None);
        assert_eq!(
            reconciler.compare(13, 9),
            None,
            "marks that were not counted are no difference"
        );
    }

    #[test]
    fn in_a_storm_it_is_another_one_that_is_on_its_way_at_each_look() {
        let mut reconciler = Reconciler::from(Some(0));
        for kills in 1..8 {
            assert_eq!(reconciler.compare(kills, kills - 1), None, "{kills}");
        }
        assert_eq!(reconciler.compare(8, 8), None);
        // One that nobody saw is missing while the storm goes on, too.
        let told: Vec<Missing> = (9..40)
            .filter_map(|kills| reconciler.compare(kills, kills - 1 - u64::from(kills % 3 == 0)))
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn what_is_counted_before_the_rings_are_emptied_is_seen_afterwards() {
        let mut reconciler = Reconciler::from(Some(0));
        let mut look = |counted, seen| {
            reconciler.now = Some(counted);
            (reconciler.look(seen), reconciler.is_behind())
        };
        for kills in 1..40 {
            // Others are killed while the records are worked on.
            assert_eq!(look(kills * 5, kills * 5 + 3), (None, false));
        }
        assert_eq!(look(201, 200), (None, true));
        let missing = Missing {
            counted: 206,
            seen: 200,
        };
        assert_eq!(
            look(206, 200),
            (Some(missing), true),
            "and five more may be on their way"
        );
        assert_eq!(look(206, 205), (None, false));
    }

    #[test]
    fn only_the_counter_of_that_name_is_read() {
        assert_eq!(parse("oom_kill_x 3\noom_kill 7\n"), Some(7));
        assert_eq!(parse("pgfault 3\n"), None);
    }
}
