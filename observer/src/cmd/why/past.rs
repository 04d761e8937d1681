//! The ends of units that are known, in the order of time, each once.

use std::collections::BTreeSet;
use std::io;

use super::growth::Growth;
use crate::cli::Why;
use crate::cmd::output::Damages;
use crate::event::{Kill, Subject};
use crate::human::date;
use crate::journal::{Told, What};
use crate::measure::Timestamp;
use crate::unit::{Asked, Selection};

/// What two sources tell of one kill differs by less, in seconds: the journal's time is that of reading the kernel's log.
const SAME: f64 = 10.0;

/// systemd's word on a kill comes within this time, in seconds.
pub(super) const SOON: f64 = 120.0;

/// Where an end is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Capture,
    Journal,
    KernelLog,
}

impl Source {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Capture => "captures",
            Self::Journal => "the journal",
            Self::KernelLog => "the kernel's log (/dev/kmsg)",
        }
    }
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) told: Told,
    pub(super) source: Source,
}

/// All that is known of what was.
#[derive(Debug, Default)]
pub(super) struct Past {
    pub(super) selection: Selection,
    /// What was told of against that, for what is called alike.
    pub(super) asked: Asked,
    pub(super) ends: Vec<End>,
    /// When growth was warned of: whose, and in which run.
    pub(super) warned: Vec<(Timestamp, Subject)>,
    pub(super) looked: BTreeSet<Source>,
    /// Whether the captures are this machine's.
    pub(super) is_own: bool,
    /// The earliest that any source tells of.
    pub(super) begins: Option<Timestamp>,
    pub(super) damages: Damages,
    /// How the units that are asked for grew.
    pub(super) growth: Growth,
    /// Why a source could not be used.
    pub(super) faults: Vec<String>,
    /// What could not be read for want of rights: nothing that is said to be unknown may rest on it.
    pub(super) denied: Vec<String>,
}

impl Past {
    /// A source that cannot be read.
    pub(super) fn cannot(&mut self, source: &str, error: &io::Error) {
        let faults = if error.kind() == io::ErrorKind::PermissionDenied {
            &mut self.denied
        } else {
            &mut self.faults
        };
        faults.push(format!("{source}: {error}"));
    }

    pub(super) fn push(&mut self, told: Told, source: Source) {
        if self.asked.see(&self.selection, told.what.subject()) {
            self.ends.push(End { told, source });
        }
    }

    pub(super) fn begin(&mut self, ts: Timestamp) {
        self.begins = Some(self.begins.map_or(ts, |begins| begins.min(ts)));
    }

    /// Puts the ends in order, each once.
    pub(super) fn settle(&mut self, options: &Why) {
        let wanted = |ts: Timestamp| {
            options.since.is_none_or(|since| ts.0 >= since) && options.until.is_none_or(|until| ts.0 <= until)
        };
        self.ends.retain(|end| wanted(end.told.ts));
        // The better source first among those of one time.
        self.ends.sort_by_key(|end| (end.told.ts, end.source));
        let mut kept: Vec<End> = Vec::with_capacity(self.ends.len());
        for end in std::mem::take(&mut self.ends) {
            let same = kept
                .iter_mut()
                .rev()
                .take_while(|other| end.told.ts.seconds_since(other.told.ts) < SAME)
                .find(|other| is_same(&end.told, &other.told) && end.source != other.source);
            match same {
                Some(other) if end.source < other.source => *other = end,
                Some(_) => {}
                None => kept.push(end),
            }
        }
        self.ends = kept;
        self.name_runs();
    }

    /// The kernel's log knows no run of a unit: systemd's word on the same kill does.
    fn name_runs(&mut self) {
        let runs: Vec<(Timestamp, Subject)> = self
            .ends
            .iter()
            .filter(|end| !matches!(end.told.what, What::Kill(_)))
            .map(|end| (end.told.ts, end.told.what.subject().clone()))
            .collect();
        for end in &mut self.ends {
            let ts = end.told.ts;
            let What::Kill(kill) = &mut end.told.what else { continue };
            if kill.subject.invocation_id.is_some() {
                continue;
            }
            let after = runs.iter().find(|(told, subject)| {
                let late = told.seconds_since(ts);
                (-1.0..SOON).contains(&late) && subject.is_same_unit(&kill.subject)
            });
            kill.subject.invocation_id = after.and_then(|(_, subject)| subject.invocation_id.clone());
        }
    }

    pub(super) fn kills(&self) -> Vec<(&End, &Kill)> {
        let kills = self.ends.iter().filter_map(|end| match &end.told.what {
            What::Kill(kill) => Some((end, kill.as_ref())),
            _ => None,
        });
        kills.collect()
    }

    /// What is asked about.
    pub(super) fn name(&self) -> String {
        match self.selection.single_unit() {
            Some(unit) => unit.to_owned(),
            None if self.selection.is_empty() => "any unit".to_owned(),
            None => "the units that are asked for".to_owned(),
        }
    }

    pub(super) fn looked_at(&self) -> String {
        let words: Vec<&str> = self.looked.iter().map(|source| source.words()).collect();
        if words.is_empty() {
            return "nothing: there are no captures and no journal".to_owned();
        }
        let since = self
            .begins
            .map(|begins| format!(", with something to tell since {}", date(begins)));
        format!("{}{}", words.join(" and "), since.unwrap_or_default())
    }

    pub(super) fn hint(&self) -> String {
        let mut hint = self.asked.near(&self.selection);
        for fault in &self.faults {
            hint += &format!("; {fault}");
        }
        for denied in &self.denied {
            hint += &format!("; {denied}");
        }
        hint
    }

    /// The crash that a unit's end came with: its pid and what it was.
    pub(super) fn crash(&self, ts: Timestamp, subject: &Subject) -> Option<(Option<u64>, &str)> {
        self.ends.iter().rev().find_map(|end| match &end.told.what {
            What::Core(of, pid, words)
                if end.told.ts.seconds_since(ts).abs() < SOON
                    && (of.is_same_unit(subject) || of.unit == subject.unit) =>
            {
                Some((*pid, words.as_str()))
            }
            _ => None,
        })
    }
}

pub(super) fn name(subject: &Subject) -> Option<&str> {
    subject.user_unit.as_deref().or(subject.unit.as_deref())
}

pub(super) fn whose(kill: &Kill) -> String {
    let path = kill.subject.cgroup.path.as_deref();
    name(&kill.subject)
        .or(path)
        .unwrap_or("A process of an unknown cgroup")
        .to_owned()
}

/// Whether two sources tell of the same.
fn is_same(a: &Told, b: &Told) -> bool {
    match (&a.what, &b.what) {
        (What::Kill(a), What::Kill(b)) => a.victim.pid == b.victim.pid && a.victim.comm == b.victim.comm,
        (What::Failed(a), What::Failed(b)) => a.subject.is_same_unit(&b.subject),
        _ => false,
    }
}
