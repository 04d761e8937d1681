//! Whether anything is missing: what the kernel counted against what was seen.
//!
//! `oom_kill` of `/proc/vmstat` counts every call of the kernel's killer that ends a process, wherever it lived and even
//! where its cgroup is gone; a task is marked in each of these calls, doubles of a group's leader included, and sometimes
//! without being counted (it was exiting already; mm/oom_kill.c). So more counted than marked is a kill that nobody saw;
//! which cgroup's it was `memory.events.local` tells, while the cgroup is there.
//!
//! What systemd recorded is compared too: a unit that ended with `Result=oom-kill` has had a kill.

use std::collections::{HashMap, HashSet};
use std::fs;

use super::collector::Collector;
use super::stream::{Stream, StreamError};
use crate::event::{CgroupRef, Event, Subject, Unexplained};
use crate::unit::UnitPath;

/// Cgroups and units remembered, at most.
const REMEMBERED: usize = 16_384;

/// What was counted and what was seen, by place.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// `memory.events.local oom_kill` at the start, by path, where it was not zero.
    before: HashMap<String, u64>,
    /// Marks since, by path.
    marks: HashMap<String, u64>,
    /// Runs of units in which something was killed; a kill whose run is not known may be any's.
    hit: HashSet<(String, Option<String>)>,
    /// Units that systemd says were hit, whose kill may still be on its way.
    waiting: Vec<(Subject, bool)>,
}

impl Ledger {
    /// A kill in this cgroup and run of a unit, of which the kernel has marked a task or not.
    pub(super) fn kill(&mut self, path: &str, invocation: Option<String>, marked: bool) {
        if self.marks.len() >= REMEMBERED {
            self.marks.clear();
        }
        if self.hit.len() >= REMEMBERED {
            self.hit.clear();
        }
        if marked {
            *self.marks.entry(path.to_owned()).or_default() += 1;
        }
        if let Some(unit) = UnitPath::parse(path).unit {
            self.hit.insert((unit, invocation));
        }
    }

    /// systemd says that a unit's run ended because something in it was killed for memory.
    pub(super) fn recorded(&mut self, subject: Subject) {
        self.waiting.push((subject, false));
    }

    /// Whether a kill is known that systemd's record can stand for.
    fn explains(&self, subject: &Subject) -> bool {
        let unit = subject.unit.as_deref().unwrap_or_default();
        self.hit.iter().any(|(hit, run)| {
            let same_run = run.is_none() || subject.invocation_id.is_none() || *run == subject.invocation_id;
            hit == unit && same_run
        })
    }

    /// Those that were waited for since the last look in vain.
    fn unsettled(&mut self) -> Vec<Subject> {
        let mut unsettled = Vec::new();
        for (subject, waited) in std::mem::take(&mut self.waiting) {
            if self.explains(&subject) {
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

impl Collector {
    /// What the kernel has counted so far was not to be seen; what is set already is.
    pub(super) fn look_around(&mut self) {
        for path in self.paths() {
            self.learn_nodes(&path);
            if let Some(counted) = self.counted_in(&path).filter(|counted| *counted > 0) {
                self.ledger.before.insert(path, counted);
            }
        }
    }

    fn paths(&self) -> Vec<String> {
        self.tree.live().map(|(_, path)| path.to_owned()).collect()
    }

    /// `memory.events.local oom_kill`, read anew.
    fn counted_in(&self, path: &str) -> Option<u64> {
        let text = fs::read_to_string(self.hierarchy.dir(path).join("memory.events.local")).ok()?;
        parse(&text)
    }

    /// Tells where more was counted or recorded than seen.
    pub(super) fn reconcile(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        let difference = self.reconciler.look(self.joiner.marks);
        let unsettled = self.ledger.unsettled();
        if !self.sees.victims && self.log.is_none() {
            return Ok(());
        }
        if let Some(difference) = difference {
            self.unexplained(difference, stream)?;
        }
        for subject in unsettled {
            let event = Unexplained {
                subject,
                counter: "systemd Result=oom-kill".to_owned(),
                counted: 1,
                seen: 0,
            };
            stream.write(self.now(), Event::Unexplained(event))?;
        }
        Ok(())
    }

    /// The cgroups whose own counters say more than was seen there; the host's, where they are gone.
    fn unexplained(&mut self, difference: Difference, stream: &mut Stream) -> Result<(), StreamError> {
        let mut found = false;
        for path in self.paths() {
            let before = self.ledger.before.get(&path).copied().unwrap_or_default();
            let seen = self.ledger.marks.get(&path).copied().unwrap_or_default();
            let Some(counted) = self.counted_in(&path).map(|counted| counted.saturating_sub(before)) else {
                continue;
            };
            if counted > seen {
                found = true;
                let id = self.tree.id(&path);
                let event = Unexplained {
                    subject: self.subject(id, &path),
                    counter: "memory.events.local oom_kill".to_owned(),
                    counted,
                    seen,
                };
                stream.write(self.now(), Event::Unexplained(event))?;
                // Told once.
                self.ledger.marks.insert(path, counted);
            }
        }
        if found {
            return Ok(());
        }
        let subject = Subject {
            cgroup: CgroupRef {
                id: None,
                path: Some("/".to_owned()),
            },
            ..Subject::default()
        };
        let event = Unexplained {
            subject,
            counter: "vmstat oom_kill".to_owned(),
            counted: difference.counted,
            seen: difference.seen,
        };
        stream.write(self.now(), Event::Unexplained(event))
    }
}

/// Both counts since the start.
#[derive(Debug)]
pub(super) struct Reconciler {
    counted_before: Option<u64>,
    /// How much more was counted when last looked at, and how much of that has been told.
    missing: u64,
    told: u64,
}

/// More was counted than seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) counted: u64,
    pub(super) seen: u64,
}

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
            missing: 0,
            told: 0,
        }
    }

    /// Looks, given how many marks were seen since the start.
    pub(super) fn look(&mut self, seen: u64) -> Option<Difference> {
        self.compare(vmstat()?, seen)
    }

    /// A difference is certain where it is still there a look later: a record may be on its way.
    fn compare(&mut self, counter: u64, seen: u64) -> Option<Difference> {
        let counted = counter.saturating_sub(self.counted_before?);
        let missing = counted.saturating_sub(seen);
        let certain = missing.min(std::mem::replace(&mut self.missing, missing));
        if certain <= self.told {
            return None;
        }
        self.told = certain;
        Some(Difference { counted, seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_of_systemds_needs_a_kill_in_the_same_run() {
        let recorded = |ledger: &mut Ledger, run: &str| {
            ledger.recorded(Subject {
                unit: Some("a.service".to_owned()),
                invocation_id: Some(run.to_owned()),
                ..Subject::default()
            });
        };
        let mut ledger = Ledger::default();
        ledger.kill("/system.slice/a.service/below", Some("1".to_owned()), true);
        recorded(&mut ledger, "1");
        assert!(ledger.unsettled().is_empty());
        recorded(&mut ledger, "2");
        assert!(ledger.unsettled().is_empty(), "its kill may be on its way");
        assert_eq!(ledger.unsettled().len(), 1);
        assert!(ledger.unsettled().is_empty(), "told once");
        recorded(&mut ledger, "3");
        ledger.kill("/system.slice/a.service", None, false);
        assert!(ledger.unsettled().is_empty(), "of whichever run that was");
    }

    #[test]
    fn a_difference_is_told_once_when_it_has_stayed() {
        let mut reconciler = Reconciler::from(Some(10));
        assert_eq!(reconciler.compare(11, 0), None);
        assert_eq!(reconciler.compare(11, 1), None, "it was on its way");
        assert_eq!(reconciler.compare(13, 1), None);
        let difference = Difference { counted: 3, seen: 1 };
        assert_eq!(reconciler.compare(13, 1), Some(difference));
        assert_eq!(reconciler.compare(13, 1), None);
        assert_eq!(
            reconciler.compare(13, 9),
            None,
            "marks that were not counted are no difference"
        );
    }

    #[test]
    fn only_the_counter_of_that_name_is_read() {
        assert_eq!(parse("oom_kill_x 3\noom_kill 7\n"), Some(7));
        assert_eq!(parse("pgfault 3\n"), None);
    }
}
