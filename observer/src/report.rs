//! The report: what captures hold of each unit, for people who were not there.
//!
//! In: lines in the order of time. Out: a page of HTML without scripts or anything from elsewhere, or one unit's plot as SVG.
//! What is kept while reading is bounded, a day or a month alike. Forecasts are those that the lines carry, as they stood
//! when they were made; nothing is computed anew.

mod figures;
mod flame;
mod letters;
mod markup;
mod page;
mod palette;
mod past;
mod plot;
mod points;
mod scale;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use crate::event::{Event, Line, Stream, ancestry};
use crate::measure::Timestamp;
use crate::unit::unit_cgroup;

use past::{Past, Room};
use words::Words;

pub use flame::flame;
pub use plot::Lettering;

/// Times without a recorder that are kept of a host.
const MAX_GAPS: usize = 200;

/// Hosts that are told apart.
const HOSTS: usize = 4_096;

/// Units that are reported, as many as the table has rows; twice as many are kept while reading.
const UNITS: usize = 1_000;

/// Points that are kept of all units together, and of one at the least.
const POINTS: usize = 1 << 17;
const POINTS_OF_ONE: usize = 64;

/// Room for kills, warnings and the like of all units together.
const ROOM: usize = 16 << 20;

/// What is reported.
#[derive(Debug)]
pub struct Report {
    words: Words,
    /// By host, and by the unit's own cgroup: two users' units may have one name. What has no cgroup goes by its name.
    units: BTreeMap<(String, String), Past>,
    hosts: BTreeMap<String, Host>,
    room: Room,
    /// Whether units were left out.
    is_short: bool,
}

/// The recording of a host.
#[derive(Debug, Default)]
struct Host {
    /// Its kernel and the recorder.
    system: Option<String>,
    last: Option<Timestamp>,
    /// Between which times nothing was recorded.
    gaps: Vec<(Timestamp, Timestamp)>,
    /// Lines that the stream shows to be missing.
    missing: u64,
    /// Whether there is anything but samples: a recorder's own lines, or what happened.
    has_more: bool,
}

impl Report {
    /// With nothing read yet; times will be told in this zone.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self {
            words: Words(zone),
            units: BTreeMap::new(),
            hosts: BTreeMap::new(),
            room: Room(ROOM),
            is_short: false,
        }
    }

    /// Takes a line.
    pub fn take(&mut self, line: Line) {
        let Line { event, ts, host, .. } = line;
        if self.hosts.len() < HOSTS || self.hosts.contains_key(&host) {
            self.hosts.entry(host.clone()).or_default().take(ts, &event);
        }
        let Some(subject) = event.subject() else {
            return;
        };
        // Notes on the counters of a host's root are no unit's history.
        if matches!(event, Event::Unexplained(_) | Event::OomWithoutKill(_)) {
            return;
        }
        let name = crate::words::name(subject).to_owned();
        let path = match (&subject.cgroup.path, &event) {
            // What is sampled has a history of its own, a cgroup within a unit too.
            (Some(path), Event::Sample(_)) => Some(path.clone()),
            (Some(path), _) => Some(unit_cgroup(path).to_owned()),
            // What is known by its name alone is the unit that has it.
            (None, _) => {
                let mut alike = self
                    .units
                    .values()
                    .filter(|past| past.host == host && past.name == name);
                alike.next().and_then(|past| past.path.clone())
            }
        };
        let points = (POINTS / self.units.len().max(1)).clamp(POINTS_OF_ONE, points::KEPT);
        self.units
            .entry((host.clone(), path.as_ref().unwrap_or(&name).clone()))
            .or_insert_with(|| Past::new(host, name, path))
            .take(ts, event, points, &mut self.room);
        if self.units.len() >= 2 * UNITS {
            self.shorten();
        }
    }

    /// Lets go of those that come last on the page.
    fn shorten(&mut self) {
        let mut keys: Vec<(String, String)> = self.units.keys().cloned().collect();
        keys.sort_by_cached_key(|key| self.units.get(key).map(Past::rank));
        keys.truncate(UNITS);
        let kept: BTreeSet<(String, String)> = keys.into_iter().collect();
        self.units.retain(|key, _| kept.contains(key));
        self.is_short = true;
    }

    /// How many units there are.
    #[must_use]
    pub fn units(&self) -> usize {
        self.units.len()
    }

    /// Their names, those of several hosts with the host.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.units.values().map(|past| past.name.as_str())
    }

    /// The page.
    #[must_use]
    pub fn page(&self) -> String {
        page::page(self)
    }

    /// The plot of the first unit, as a file of its own; `None` where nothing can be plotted.
    #[must_use]
    pub fn svg(&self, lettering: Lettering) -> Option<String> {
        let past = self.in_order().into_iter().next()?;
        plot::alone(past, self.gaps(&past.host), &self.words, lettering)
    }

    /// The name of a file for the page: the host and the day that it begins with.
    #[must_use]
    pub fn file_name(&self) -> String {
        let host = match self.hosts.keys().collect::<Vec<_>>().as_slice() {
            [host] if !host.is_empty() => format!("-{host}"),
            _ => String::new(),
        };
        let host = host.replace(
            |letter: char| !letter.is_ascii_alphanumeric() && letter != '-' && letter != '.',
            "_",
        );
        let first = self.units.values().filter_map(Past::begins).min();
        let day = first
            .map(|first| format!("-{}", self.words.day(first)))
            .unwrap_or_default();
        format!("oomtrace{host}{day}.html")
    }

    /// Those that were killed first, then those with the least headroom. Slices and managers that hold one of the others and
    /// nothing else are left out: theirs would be the same plot once more.
    fn in_order(&self) -> Vec<&Past> {
        let below = self.below();
        let units = self.units.iter();
        let mut order: Vec<&Past> = units
            .filter(|(key, past)| match below.get(*key).map(Vec::as_slice) {
                Some([only]) => !past.is_the_same_as(only),
                _ => true,
            })
            .map(|(_, past)| past)
            .collect();
        order.sort_by_cached_key(|past| past.rank());
        order
    }

    /// What lies directly below each, of what there is.
    fn below(&self) -> BTreeMap<&(String, String), Vec<&Past>> {
        let mut below: BTreeMap<&(String, String), Vec<&Past>> = BTreeMap::new();
        for past in self.units.values() {
            let above = past.path.iter().flat_map(|path| ancestry(path).skip(1));
            let mut above = above.map(|path| (past.host.clone(), path.to_owned()));
            if let Some((key, _)) = above.find_map(|key| self.units.get_key_value(&key)) {
                below.entry(key).or_default().push(past);
            }
        }
        below
    }

    /// Whether the lines are samples and nothing else, as of another program or picked out: what happened is not in them.
    fn has_samples_alone(&self) -> bool {
        !self.hosts.values().any(|host| host.has_more)
    }

    /// Whether another one of its host has the same name.
    fn has_a_namesake(&self, past: &Past) -> bool {
        let alike = |other: &&Past| other.host == past.host && other.name == past.name;
        self.units.values().filter(alike).nth(1).is_some()
    }

    fn gaps(&self, host: &str) -> &[(Timestamp, Timestamp)] {
        self.hosts.get(host).map_or(&[], |host| host.gaps.as_slice())
    }
}

impl Host {
    fn take(&mut self, ts: Timestamp, event: &Event) {
        self.has_more |= !matches!(event, Event::Sample(_));
        match event {
            Event::Start(start) => {
                if let Some(last) = self.last.filter(|_| self.gaps.len() < MAX_GAPS) {
                    self.gaps.push((last, ts));
                }
                self.system = Some(format!("Linux {}, oomtrace {}", start.kernel, start.version));
            }
            // What was counted instead of told is not missing.
            Event::Lost(lost) if lost.stream != Stream::Repeated => {
                self.missing = self.missing.saturating_add(lost.count);
            }
            Event::Sample(_)
            | Event::Run(_)
            | Event::Processes(_)
            | Event::Forecast(_)
            | Event::Throttle(_)
            | Event::Kill(_)
            | Event::OomWithoutKill(_)
            | Event::Unit(_)
            | Event::Stacks(_)
            | Event::Lost(_)
            | Event::Unexplained(_)
            | Event::Stop(_) => {}
        }
        self.last = Some(ts);
    }
}
