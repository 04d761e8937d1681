//! Text that people paste, of any machine and any writer, to the events it tells of. Pure.
//!
//! In: lines of dmesg in any form, of syslog, of journalctl, of a serial console, of a mail. Out: events, in the order of the
//! text. A prefix is what stands before the kernel's own words (`anchor`); what programs say of kills is read by theirs
//! (`programs`). Lines may be cut, wrapped, mixed, there twice, or not there at all: what does not surely belong together is
//! not put together, and is unknown.

mod anchor;
mod backwards;
mod entry;
mod heard;
mod hearsay;
mod programs;
mod source;
mod text;
mod wrapped;

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use serde_json::{Map, Value};

use crate::event::{Event, Origin, Subject};
use crate::journal::Reader;
use crate::log::story::{lived_in, shortage_after, unfinished};
use crate::log::{Kill, LogParser, Logged, Report, Stamp, Told, header, kill_event};
use crate::measure::Tgid;

use anchor::Parts;
use backwards::{Backwards, Item, Place, Words};
use hearsay::Hearsay;
use programs::{Known, Note, Programs, oomd_kill};
use text::{Mail, Page};
use wrapped::{Folded, Half};

pub use source::{Skipped, read};

/// Machines whose logs are read at once; of more than these lines are taken for one's.
const HOSTS: usize = 64;

/// Kills that wait for lines that say more of them.
const WAITING: usize = 64;

/// Kills that are remembered so that none is told twice.
const REMEMBERED: usize = 65_536;

/// Lines that belong to one report, at most: of the largest hosts thousands of tasks.
const REPORT: usize = 100_000;

/// A failed request this soon after a kill, in microseconds, is of the same shortage; whole seconds take one of it.
const SAME_SHORTAGE: u64 = 2_000_000;

/// A kill this long after its report, in microseconds, is another process's that got the same pid.
const SAME_KILL: u64 = 120_000_000;

/// As [`SAME_SHORTAGE`].
const SOON: jiff::SignedDuration = jiff::SignedDuration::from_micros(SAME_SHORTAGE.cast_signed());

/// What is read of one machine.
#[derive(Debug)]
struct Host {
    name: Option<String>,
    parser: LogParser,
    /// When the last header was written, and the kill that it came right after.
    header: (Stamp, Option<usize>),
    /// Lines since the header.
    lines: usize,
}

/// A kill that waits.
#[derive(Debug)]
struct Waiting {
    number: usize,
    stamp: Stamp,
    host: Option<String>,
    what: What,
}

impl Waiting {
    /// Whether a line of this time and machine may be of the same thing.
    fn is_beside(&self, stamp: &Stamp, host: Option<&str>) -> bool {
        !heard::is_elsewhere(self.host.as_deref(), host) && heard::near(&self.stamp, stamp)
    }
}

#[derive(Debug)]
enum What {
    Kill(Box<Kill>, Option<String>, Option<Box<Report>>),
    Event(Box<Event>, bool),
}

/// Reads line after line.
#[derive(Debug, Default)]
pub struct Pasted {
    hosts: HashMap<String, Host>,
    /// Whose lines come, where lines do not say.
    current: String,
    waiting: VecDeque<Waiting>,
    /// How many kills there were.
    number: usize,
    told: HashMap<u64, Vec<Stamp>>,
    hash: RandomState,
    headers: HashSet<(u64, Stamp)>,
    programs: Programs,
    hearsay: Hearsay,
    /// Entries of a journal, whose fields say who wrote them.
    journal: Reader,
    folded: Folded,
    mail: Mail,
    page: Page,
    backwards: Backwards,
    /// A line whose end may stand on the next.
    half: Option<(String, usize, Half)>,
    /// How many columns the table of tasks has that is being read; 0 = not known.
    columns: usize,
    /// The time of the message that comes next, in `dmesg --json`.
    dmesg: Option<String>,
    units: Known,
    containers: HashSet<String>,
}

impl Pasted {
    /// Whether lines without any of the words may be part of what is being read.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let open = |host: &Host| host.parser.is_open() && host.lines < REPORT;
        self.half.is_some()
            || self.folded.is_open()
            || self.mail.is_open()
            || self.journal.is_open()
            || self.programs.is_open()
            || self.backwards.is_open()
            || self.hosts.values().any(open)
    }

    /// What others say that is no report of a kill, and what it means, in sentences: for a log that has none.
    #[must_use]
    pub fn hearsay(&self) -> Vec<&'static str> {
        self.hearsay.meanings()
    }

    /// Takes a line, and gives what is known by then.
    pub fn line(&mut self, line: &[u8]) -> Vec<Told> {
        let text = String::from_utf8_lossy(line);
        let text = text::plain(text.trim_end_matches(['\r', '\n']));
        self.hearsay.line(&text);
        for text in self.folded.line(text).into_iter().flatten() {
            self.unfolded(text);
        }
        self.take(WAITING)
    }

    fn unfolded(&mut self, text: String) {
        if !self.object(&text)
            && let Some(text) = self.mail.line(text)
        {
            self.parts(&text);
        }
    }

    /// There are no more lines.
    pub fn end(&mut self) -> Vec<Told> {
        if let Some(text) = self.folded.end() {
            self.unfolded(text);
        }
        if self.mail.is_open()
            && let Some(rest) = self.mail.end()
        {
            self.parts(&rest);
        }
        if let Some((half, ..)) = self.half.take() {
            self.whole(&half);
        }
        let held = self.backwards.end();
        self.turned(held);
        let names: Vec<String> = self.hosts.keys().cloned().collect();
        for name in names {
            self.unfinished(&name, true);
        }
        // What programs say is of the kills that are told by then.
        let mut told = self.take(0);
        for (stamp, host, event) in self.programs.end(&self.units, &self.containers) {
            self.wait(stamp, host, What::Event(Box::new(event), false));
        }
        told.extend(self.take(0));
        told
    }

    /// Takes a line that may stand for several: rsyslog writes a newline as its octal number.
    fn parts(&mut self, text: &str) {
        for part in text.split("#012").flat_map(|part| part.split('\n')) {
            let part = self.page.line(part);
            self.part(&part);
        }
    }

    fn whole(&mut self, line: &str) {
        let line = text::summary(line);
        let parts = anchor::parts(&line);
        match self
            .backwards
            .next(parts.map(Words::from), || Item::Line(line.to_string()))
        {
            Place::Right => self.ordered(&line, parts),
            Place::Open => {}
            Place::Known(items) => self.turned(items),
        }
    }

    /// Takes an entry of the journal.
    fn entry(&mut self, entry: &Map<String, Value>) {
        match self.backwards.next(entry::words(entry), || Item::Entry(entry.clone())) {
            Place::Right => self.ordered_entry(entry),
            Place::Open => {}
            Place::Known(items) => self.turned(items),
        }
    }

    fn turned(&mut self, items: Vec<Option<Item>>) {
        for item in items {
            match item {
                Some(Item::Line(line)) => self.ordered(&line, anchor::parts(&line)),
                Some(Item::Entry(entry)) => self.ordered_entry(&entry),
                None => {
                    self.hosts.values_mut().for_each(|host| host.parser.breaks());
                    self.journal.breaks();
                }
            }
        }
    }

    fn ordered(&mut self, line: &str, parts: Option<Parts<'_>>) {
        let Some(parts) = parts else {
            if let Some(note) = self.programs.line(line, || anchor::stamp(line)) {
                self.note(note, false);
            }
            let named = anchor::host_of(line).filter(|_| self.hosts.len() > 1);
            if let Some(host) = self.hosts.get_mut(named.unwrap_or(&self.current))
                && host.parser.is_open()
            {
                // Of the rest only the stack bears on the kill.
                host.lines += 1;
                host.parser.text(line.trim(), None, 0);
            }
            return;
        };
        if parts.by_program() {
            if let Some(note) = self.programs.line(line, || parts.stamp()) {
                self.note(note, false);
            }
            return;
        }
        self.kernel(parts);
    }

    fn kernel(&mut self, parts: Parts<'_>) {
        let named = parts.host();
        // A line without any prefix goes on with what stands before it.
        let key = match named {
            Some(name) => name.to_owned(),
            None if parts.prefix.trim().is_empty() => self.current.clone(),
            None => String::new(),
        };
        let key = if self.hosts.contains_key(&key) || self.hosts.len() < HOSTS {
            key
        } else {
            String::new()
        };
        self.current.clone_from(&key);
        let stamp = parts.stamp();
        if let Some(count) = programs::suppressed(parts.text) {
            return self.suppressed(stamp, named.map(str::to_owned), count);
        }
        if parts.is_spoken() {
            return;
        }
        if parts.text.starts_with(anchor::DEADLOCKED) {
            self.deadlocked(&key, &stamp);
            return;
        }
        let host = self.hosts.entry(key.clone()).or_insert_with(|| Host {
            name: named.map(str::to_owned),
            parser: LogParser::for_pasted(),
            header: (Stamp::default(), None),
            lines: 0,
        });
        host.lines += 1;
        let is_header = header(parts.text).is_some();
        let told = host
            .parser
            .text(parts.text, parts.caller(), stamp.mono.unwrap_or_default());
        if is_header {
            let after = self
                .waiting
                .back()
                .filter(|last| is_soon(&last.stamp, &stamp))
                .map(|last| last.number);
            self.unfinished(&key, false);
            if let Some(host) = self.hosts.get_mut(&key) {
                host.header = (stamp, after);
                host.lines = 0;
            }
            return;
        }
        match told {
            Some(Logged::Kill(kill)) => self.kill(&key, stamp, kill, parts.text),
            Some(Logged::Group(group)) => {
                let leader = self
                    .waiting
                    .iter_mut()
                    .rev()
                    .find_map(|waiting| match &mut waiting.what {
                        What::Kill(kill, path, _) if kill.tid == group.leader => Some((kill, path)),
                        _ => None,
                    });
                if let Some((kill, path)) = leader {
                    *path = lived_in(kill, &group);
                }
            }
            Some(Logged::NothingToKill(report)) => {
                let mut event = programs::nothing_to_kill(&report);
                if let Event::OomWithoutKill(oom) = &mut event
                    && parts.prefix.ends_with(anchor::PANIC)
                    && !report.stack.panicked
                {
                    programs::is_machines(oom);
                }
                let host = self.host_name(&key);
                if self.is_new(&stamp, parts.text) {
                    self.wait(stamp, host, What::Event(Box::new(event), false));
                }
            }
            Some(Logged::Choice(_)) | None => {}
        }
    }

    /// The kernel panicked since it found nothing to kill, which it does for all of the machine's memory alone (mm/oom_kill.c:
    /// `out_of_memory`).
    fn deadlocked(&mut self, key: &str, stamp: &Stamp) {
        let host = self.host_name(key);
        let last = self
            .waiting
            .back_mut()
            .filter(|last| last.is_beside(stamp, host.as_deref()));
        if let Some(What::Event(event, _)) = last.map(|last| &mut last.what)
            && let Event::OomWithoutKill(oom) = event.as_mut()
        {
            programs::is_machines(oom);
        }
    }

    fn host_name(&self, key: &str) -> Option<String> {
        self.hosts.get(key).and_then(|host| host.name.clone())
    }

    fn kill(&mut self, key: &str, stamp: Stamp, kill: Kill, text: &str) {
        if kill.group.as_ref().is_some_and(|group| group.leader == kill.tid) {
            // The chosen one is killed once more as a member of its group.
            return;
        }
        if !kill.killed && self.knows(&kill, &stamp, self.host_name(key).as_deref()) {
            return;
        }
        if !self.is_new(&stamp, text) {
            self.better(&kill);
            return;
        }
        let host = self.host_name(key);
        if self.died_before(host.as_deref(), &stamp, &kill) {
            return;
        }
        // Asked by earlyoom to end, it was still there for the kernel.
        self.survived(Tgid(kill.tid.0));
        self.wait(stamp, host, What::Kill(Box::new(kill), None, None));
    }

    /// Whether a kill of this one was told just before. The reaper may know it by another name: that of a thread of it.
    fn knows(&self, reaped: &Kill, stamp: &Stamp, host: Option<&str>) -> bool {
        self.waiting.iter().any(|waiting| {
            matches!(&waiting.what, What::Kill(kill, ..) if kill.tid == reaped.tid
                && (kill.comm == reaped.comm || waiting.is_beside(stamp, host)))
        })
    }

    /// Whether it is the chosen one of a group, killed once more as a member, where the line that says so is missing: nothing
    /// else is killed twice at once.
    fn died_before(&self, host: Option<&str>, stamp: &Stamp, kill: &Kill) -> bool {
        let is_same = |waiting: &Waiting| {
            matches!(&waiting.what, What::Kill(known, ..) if known.tid == kill.tid && known.comm == kill.comm
                && known.sizes.total_vm == kill.sizes.total_vm)
                && waiting.host.as_deref() == host
                && is_at_once(&waiting.stamp, stamp)
        };
        kill.killed && kill.report.is_none() && kill.sizes.total_vm.is_some() && self.waiting.iter().any(is_same)
    }

    /// The same kill once more, perhaps with its report this time.
    fn better(&mut self, kill: &Kill) {
        let known = self.waiting.iter_mut().find_map(|waiting| match &mut waiting.what {
            What::Kill(known, ..) if known.tid == kill.tid && known.sizes.total_vm == kill.sizes.total_vm => {
                Some(known)
            }
            _ => None,
        });
        if let Some(known) = known.filter(|known| known.report.is_none() && kill.report.is_some()) {
            **known = kill.clone();
        }
    }

    /// Whether a line is not one that was there before: of the same words and the same time, as far as both tell one.
    fn is_new(&mut self, stamp: &Stamp, text: &str) -> bool {
        if self.told.len() >= REMEMBERED {
            self.told.clear();
        }
        let before = self.told.entry(self.hash.hash_one(text)).or_default();
        let same = |other: &Stamp| match (stamp, other) {
            (Stamp { mono: Some(one), .. }, Stamp { mono: Some(other), .. }) => one == other,
            (Stamp { clock: Some(one), .. }, Stamp { clock: Some(other), .. }) => one == other,
            _ => true,
        };
        if before.iter().any(same) {
            return false;
        }
        before.push(stamp.clone());
        true
    }

    /// Reports whose kills never came.
    fn unfinished(&mut self, key: &str, at_end: bool) {
        let Some(host) = self.hosts.get_mut(key) else { return };
        let (reports, (stamp, after), name) = (
            host.parser.take_unfinished(at_end),
            host.header.clone(),
            host.name.clone(),
        );
        for report in reports {
            let words = format!("{:?} {:?} {}", report.trigger_tid, report.chosen, report.trigger_comm);
            let is_timed = stamp.mono.is_some() || stamp.clock.is_some();
            if is_timed && !self.headers.insert((self.hash.hash_one(&words), stamp.clone())) {
                continue;
            }
            if self.belongs(&report, &stamp, name.as_deref()) {
                continue;
            }
            let follows = after.and_then(|number| self.waiting.iter_mut().find(|waiting| waiting.number == number));
            if let Some(Waiting {
                what: What::Kill(_, _, next),
                ..
            }) = follows
            {
                *next = Some(Box::new(report.clone()));
            }
            let event = unfinished(report.clone()).map_or_else(
                || programs::unexplained(Subject::default(), programs::COUNTER, 1),
                |kill| Event::Kill(Box::new(kill)),
            );
            self.wait(stamp.clone(), name.clone(), What::Event(Box::new(event), false));
        }
        if self.headers.len() >= REMEMBERED {
            self.headers.clear();
        }
    }

    /// Whether the kill that a report tells of was told, by a line that stood elsewhere: what is not in its order, or has the
    /// machine's name in some lines only. Where that line told less, the report is its own.
    fn belongs(&mut self, report: &Report, stamp: &Stamp, host: Option<&str>) -> bool {
        let Some(chosen) = report.chosen else { return false };
        let comm = report.chosen_comm.as_deref().unwrap_or_default();
        for waiting in &mut self.waiting {
            let What::Kill(kill, ..) = &mut waiting.what else {
                continue;
            };
            if kill.tid != chosen || kill.comm != comm {
                continue;
            }
            let is_other = waiting
                .host
                .as_deref()
                .zip(host)
                .is_some_and(|(one, other)| one != other);
            let is_far = waiting
                .stamp
                .mono
                .zip(stamp.mono)
                .is_some_and(|(one, other)| one.abs_diff(other) > SAME_KILL);
            let fits = kill.in_memcg.is_none() || kill.in_memcg == report.in_memcg();
            if kill.report.is_none() && kill.group.is_none() && fits && !is_other && !is_far {
                kill.in_memcg = kill.in_memcg.or(report.in_memcg());
                kill.report = Some(report.clone().into());
            }
            return true;
        }
        false
    }

    /// The kernel left reports out.
    fn suppressed(&mut self, stamp: Stamp, host: Option<String>, count: u64) {
        if !self.is_new(&stamp, &format!("suppressed {count}")) {
            return;
        }
        let event = programs::unexplained(Subject::default(), programs::COUNTER, count);
        self.wait(stamp, host, What::Event(Box::new(event), false));
    }

    fn note(&mut self, note: Note, checked: bool) {
        match note {
            Note::Kill(stamp, host, kill) => self.wait(stamp, host, What::Event(Box::new(Event::Kill(kill)), checked)),
            Note::Event(stamp, host, event) => self.wait(stamp, host, What::Event(event, checked)),
            Note::Reason(whose, stamp, reason, words) => self.reason(&whose, &stamp, reason, &words),
            Note::NotKilled(pid) => self.survived(pid),
        }
    }

    /// Why systemd-oomd killed, of a kill that its unit's manager told first.
    fn reason(&mut self, whose: &str, stamp: &Stamp, reason: &str, words: &str) {
        for waiting in self.waiting.iter_mut().rev() {
            let What::Event(event, _) = &mut waiting.what else {
                continue;
            };
            let Event::Kill(kill) = event.as_ref() else { continue };
            let lacks = kill.killer.as_ref().is_some_and(|killer| killer.reason.is_none());
            let name = kill.subject.name();
            let is_it = kill.origin == Origin::SystemdOomd && name.is_some_and(|name| heard::is_same(name, whose));
            if is_it && lacks && heard::near(&waiting.stamp, stamp) {
                **event = Event::Kill(oomd_kill(kill.subject.clone(), Some(reason), Some(words)));
                return;
            }
        }
    }

    /// What a program did to a process did not kill it.
    fn survived(&mut self, pid: Tgid) {
        self.waiting.retain(|waiting| {
            !matches!(&waiting.what, What::Event(event, _) if matches!(event.as_ref(), Event::Kill(kill)
                if kill.killer.is_some() && kill.victim.as_ref().is_some_and(|victim| victim.pid == pid)))
        });
    }

    fn wait(&mut self, stamp: Stamp, host: Option<String>, what: What) {
        self.number += 1;
        self.waiting.push_back(Waiting {
            number: self.number,
            stamp,
            host,
            what,
        });
    }

    /// Gives what waits, but for the last `kept`.
    fn take(&mut self, kept: usize) -> Vec<Told> {
        let count = self.waiting.len().saturating_sub(kept);
        let taken: Vec<Waiting> = self.waiting.drain(..count).collect();
        let mut told = Vec::with_capacity(taken.len());
        for waiting in taken {
            let (event, checked) = match waiting.what {
                What::Event(event, checked) => (*event, checked),
                What::Kill(kill, path, next) => {
                    let mut event = kill_event(&kill, path.as_deref());
                    if let Some(next) = next {
                        shortage_after(&mut event, &next);
                    }
                    (Event::Kill(Box::new(event)), false)
                }
            };
            if let Event::Kill(kill) = &event {
                self.remember(kill, &waiting.stamp, waiting.host.as_deref());
            }
            told.push(Told {
                stamp: waiting.stamp,
                host: waiting.host,
                event,
                checked,
            });
        }
        told
    }

    fn remember(&mut self, kill: &crate::event::Kill, stamp: &Stamp, host: Option<&str>) {
        let subject = &kill.subject;
        if kill.killer.is_none()
            && subject.cgroup.path.is_none()
            && subject.container.is_none()
            && subject.name().is_none()
        {
            self.units.add_nameless(stamp, host);
        }
        if self.containers.len() >= REMEMBERED {
            self.containers.clear();
        }
        for name in [&kill.subject.unit, &kill.subject.user_unit].into_iter().flatten() {
            self.units.add(name, stamp);
        }
        self.containers
            .extend(kill.subject.container.iter().map(|container| container.id.clone()));
    }
}

/// Whether one came right after the other, by the kernel's own clock.
fn is_soon(one: &Stamp, other: &Stamp) -> bool {
    one.mono
        .zip(other.mono)
        .is_some_and(|(one, other)| one.abs_diff(other) < SAME_SHORTAGE)
}

/// The same, by whatever both tell.
fn is_at_once(one: &Stamp, other: &Stamp) -> bool {
    match (one.mono.zip(other.mono), one.ts.zip(other.ts)) {
        (Some(_), _) => is_soon(one, other),
        (None, Some((one, other))) => one.0.duration_since(other.0).abs() < SOON,
        (None, None) => one.clock.is_some() && one.clock == other.clock,
    }
}
