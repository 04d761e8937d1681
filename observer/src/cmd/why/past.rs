//! The ends of units that are known, in the order of time, each once.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;

use super::boot::{self, Boot};
use super::errand::Errand;
use super::growth::Growth;
use crate::cli::Why;
use crate::cmd::output::Damages;
use crate::errands::Errands;
use crate::event::{Container, Kill, Stacks, Subject};
use crate::human::date;
use crate::journal::{Told, What};
use crate::measure::{Tgid, Timestamp};
use crate::unit::{Asked, Names, Selection, UnitPath, unit_cgroup};
use crate::words::{code, is_code_of};

/// What two sources tell of one kill differs by less, in seconds: the journal's time is that of reading the kernel's log.
const SAME: f64 = 10.0;

/// systemd's word on a kill comes within this time, in seconds.
pub(super) const SOON: f64 = 120.0;

/// What is kept of ends together, as long as they would be as JSON; of more the last.
const KEPT: usize = 8 << 20;

/// Warnings that are remembered; of more the last.
const WARNED: usize = 16_384;

/// What is remembered of the code that filled units; of more the last.
const CODE: usize = 1_024;

/// Where an end is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Source {
    Capture,
    Journal,
    KernelLog,
}

impl Source {
    const ALL: [Self; 3] = [Self::Capture, Self::Journal, Self::KernelLog];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Capture => "recordings",
            Self::Journal => "the journal",
            Self::KernelLog => "the kernel log (/dev/kmsg)",
        }
    }
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) told: Told,
    pub(super) source: Source,
    /// Whether it was on this machine.
    pub(super) is_here: bool,
    /// About what it takes to be kept, in bytes.
    weight: usize,
}

/// What an end takes beside its words: a kill with few of them is larger than its JSON.
const END: usize = 256 + size_of::<Kill>();

/// What it would be long as JSON: about what it takes.
fn weight(what: &What) -> usize {
    let length = match what {
        What::Kill(kill) => serde_json::to_vec(kill).map(|text| text.len()),
        What::Failed(unit) => serde_json::to_vec(unit).map(|text| text.len()),
        What::Oomd(_, words) | What::Core(_, _, words) => Ok(words.len()),
        What::OutOfMemory(_) => Ok(0),
    };
    END + length.unwrap_or(0)
}

/// All that is known of what was.
#[derive(Debug, Default)]
pub(super) struct Past {
    pub(super) selection: Selection,
    /// The names of containers that a log knows by their cgroup alone; `None` where it may be another machine's.
    pub(super) names: Option<Names>,
    /// The boot that is asked about; `None` = all.
    pub(super) boot: Option<Boot>,
    /// Whoever runs programs for it.
    pub(super) errands: Option<Errands<Errand>>,
    /// What was told of against that, for what is called alike.
    pub(super) asked: Asked,
    pub(super) ends: Vec<End>,
    /// What the ends take together, and how many earlier ones were let go for that.
    pub(super) weight: usize,
    pub(super) let_go: usize,
    /// When growth was warned of: whose, and in which run.
    pub(super) warned: Vec<(Timestamp, Subject)>,
    /// Which code filled a unit, in words: when and whose.
    pub(super) code: VecDeque<(Timestamp, Subject, String)>,
    pub(super) looked: BTreeSet<Source>,
    /// Whether only a time, or a boot, is asked about.
    pub(super) is_narrowed: bool,
    /// Whether the source was named, and may be another machine's.
    pub(super) is_given: bool,
    /// This machine's boots, once they were asked for.
    pub(super) own_boots: OnceCell<Vec<String>>,
    /// Whether this machine's captures are among those that are read.
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

    pub(super) fn push(&mut self, mut told: Told, source: Source) {
        if source != Source::Capture {
            self.name_container(told.what.subject_mut());
        }
        if self.asked.see(&self.selection, told.what.subject()) {
            let weight = weight(&told.what);
            let is_here = self.is_here(&told.host, told.boot.as_deref());
            self.ends.push(End {
                told,
                source,
                is_here,
                weight,
            });
            self.weight += weight;
            if self.weight > 2 * KEPT {
                self.let_go();
            }
        }
    }

    /// Whether this machine is meant. Many are called `localhost` or `debian`, so a name alone does not say so where the source may be
    /// another's: it must be from one of this machine's boots.
    pub(super) fn is_here(&self, host: &str, boot: Option<&str>) -> bool {
        let boots = || self.own_boots.get_or_init(|| boot::own(self.errands.as_ref()));
        host == hostname() && (!self.is_given || boot.is_some_and(|boot| boots().iter().any(|own| own == boot)))
    }

    /// Puts in what the runtimes' files tell, as long as they are there.
    fn name_container(&mut self, subject: &mut Subject) {
        let (Some(names), Some(path)) = (&mut self.names, &subject.cgroup.path) else {
            return;
        };
        // What stands in a system container is that one's word: nothing is looked up by it.
        if subject.container == UnitPath::parse(path).container {
            names.name(&mut subject.container, path);
        }
    }

    /// Keeps the last ends: it is they that are asked for.
    fn let_go(&mut self) {
        self.ends.sort_by_key(|end| std::cmp::Reverse(end.told.ts));
        let (mut weight, before) = (0, self.ends.len());
        self.ends.retain(|end| {
            weight += end.weight;
            weight <= KEPT
        });
        self.weight = self.ends.iter().map(|end| end.weight).sum();
        self.let_go += before - self.ends.len();
    }

    pub(super) fn warn(&mut self, ts: Timestamp, subject: Subject) {
        self.warned.push((ts, subject));
        if self.warned.len() > 2 * WARNED {
            self.warned.sort_by_key(|(ts, _)| *ts);
            self.warned.drain(..WARNED);
        }
    }

    /// Which code filled a unit at that time.
    pub(super) fn filled(&mut self, ts: Timestamp, stacks: Stacks) {
        if let Some(words) = code(&stacks).filter(|_| self.selection.covers(&stacks.subject)) {
            self.code.push_back((ts, stacks.subject, words));
            if self.code.len() > CODE {
                self.code.pop_front();
            }
        }
    }

    /// Which code filled a unit before a kill.
    pub(super) fn code_of(&self, ts: Timestamp, kill: &Kill) -> Option<&str> {
        let is_of = |told: &Timestamp, subject: &Subject| is_code_of(*told, ts) && subject.is_same_unit(&kill.subject);
        let told = self.code.iter().filter(|(told, subject, _)| is_of(told, subject));
        told.max_by_key(|(told, ..)| *told).map(|(_, _, words)| words.as_str())
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
        self.ends = each_once(std::mem::take(&mut self.ends));
        self.ends.sort_by_key(|end| end.told.ts);
        self.name_runs();
    }

    /// The kernel's log knows no run of a unit: systemd's word on the same kill does.
    fn name_runs(&mut self) {
        // By name, in the order of time.
        let mut runs: HashMap<String, Vec<(Timestamp, Subject)>> = HashMap::new();
        for end in self.ends.iter().filter(|end| !matches!(end.told.what, What::Kill(_))) {
            let subject = end.told.what.subject();
            if let Some(name) = subject.name() {
                let run = (end.told.ts, subject.clone());
                runs.entry(name.to_owned()).or_default().push(run);
            }
        }
        for end in &mut self.ends {
            let ts = end.told.ts;
            let What::Kill(kill) = &mut end.told.what else { continue };
            if kill.subject.invocation_id.is_some() {
                continue;
            }
            let Some(runs) = kill.subject.name().and_then(|name| runs.get(name)) else {
                continue;
            };
            let first = runs.partition_point(|(told, _)| told.seconds_since(ts) < -1.0);
            let after = runs
                .iter()
                .skip(first)
                .take_while(|(told, _)| told.seconds_since(ts) < SOON);
            let run = after
                .map(|(_, subject)| subject)
                .find(|subject| subject.is_same_unit(&kill.subject));
            kill.subject.invocation_id = run.and_then(|subject| subject.invocation_id.clone());
        }
    }

    /// The ends from shortly before a time on, in their order.
    pub(super) fn from(&self, ts: Timestamp) -> &[End] {
        let first = self.ends.partition_point(|end| end.told.ts.seconds_since(ts) < -1.0);
        self.ends.get(first..).unwrap_or_default()
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
            None => self.selection.names().join(", "),
        }
    }

    pub(super) fn searched(&self) -> String {
        let words: Vec<&str> = self.looked.iter().map(|source| source.words()).collect();
        if words.is_empty() {
            return "nothing: there are no recordings and no journal".to_owned();
        }
        let since = self.begins.map(|begins| format!(", back to {}", date(begins)));
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
            What::Core(of, pid, words) if end.told.ts.seconds_since(ts).abs() < SOON && of.is_same_unit(subject) => {
                Some((*pid, words.as_str()))
            }
            _ => None,
        })
    }
}

/// What tells units and containers apart: the cgroup's path, the name of what has none.
pub(super) fn place_of(subject: &Subject) -> Option<&str> {
    let path = subject.cgroup.path.as_deref().map(unit_cgroup);
    path.or_else(|| subject.name())
}

pub(super) fn whose(kill: &Kill) -> String {
    if let Some(name) = kill.subject.container.as_ref().and_then(Container::in_full) {
        return name;
    }
    let path = kill.subject.cgroup.path.as_deref();
    kill.subject
        .name()
        .or(path)
        .unwrap_or("A process of an unknown cgroup")
        .to_owned()
}

/// What two sources tell alike of one end, as far as it can be looked up.
#[derive(PartialEq, Eq, Hash)]
enum Same {
    Kill(Tgid, String),
    Failed(String),
}

fn same(what: &What) -> Option<Same> {
    match what {
        What::Kill(kill) => {
            let victim = kill.victim.as_ref()?;
            Some(Same::Kill(victim.pid, victim.comm.clone()))
        }
        What::Failed(unit) => Some(Same::Failed(unit.subject.name()?.to_owned())),
        What::OutOfMemory(_) | What::Oomd(..) | What::Core(..) => None,
    }
}

/// Whether two ends that look alike are of one unit: two users' units may have the same name.
fn is_same(one: &What, other: &What) -> bool {
    match (one, other) {
        (What::Failed(one), What::Failed(other)) => one.subject.is_same_unit(&other.subject),
        _ => true,
    }
}

/// Of ends in their order those that are told by several sources once, as the best of them has it.
fn each_once(ends: Vec<End>) -> Vec<End> {
    let mut kept: Vec<End> = Vec::with_capacity(ends.len());
    // Where the last of its kind is, by source.
    let mut last: HashMap<(Same, Source), usize> = HashMap::new();
    for end in ends {
        let ts = end.told.ts;
        let mut others: Vec<usize> = Source::ALL
            .into_iter()
            .filter(|source| *source != end.source)
            .filter_map(|source| last.get(&(same(&end.told.what)?, source)).copied())
            .collect();
        others.sort_unstable();
        let place = others.pop();
        let other = place.and_then(|place| kept.get_mut(place));
        let is_one = |other: &&mut End| {
            let is_soon = ts.seconds_since(other.told.ts) < SAME && other.source != end.source;
            is_soon && is_same(&other.told.what, &end.told.what)
        };
        match other.filter(is_one) {
            Some(other) if end.source < other.source => {
                if let (Some(same), Some(place)) = (same(&end.told.what), place) {
                    last.insert((same, end.source), place);
                }
                *other = end;
            }
            Some(_) => {}
            None => {
                if let Some(same) = same(&end.told.what) {
                    last.insert((same, end.source), kept.len());
                }
                kept.push(end);
            }
        }
    }
    kept
}
/// This machine's name.
pub(super) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
