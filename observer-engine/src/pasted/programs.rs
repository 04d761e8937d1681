//! What programs say of kills: systemd-oomd, PID 1 and users' managers, earlyoom, nohang, containerd. Each is known by its
//! name and its own words; a rule that took no action is no kill.

use std::collections::{HashMap, HashSet};

use observer_common::Constraint;

use crate::event::{
    Confidence, Container, Event, Kill, KillLimit, Killer, OomWithoutKill, Origin, Subject, Trigger, Unexplained, Unit,
    UnitState, Victim,
};
use crate::journal::OOMD_KILLED;
use crate::log::Report;
use crate::log::Stamp;
use crate::log::story::subject;
use crate::measure::Tgid;
use crate::unit::UnitPath;
use crate::verdict::{KillFacts, UserFacts, verdict};

use super::heard::{Heard, Word, Words, is_elsewhere, near, within};
use super::{REMEMBERED, anchor};

/// The kernel's log as what counts.
pub(super) const COUNTER: &str = "kernel log";

/// What systemd and containerd go by.
const EVENTS: &str = "memory.events oom_kill";

/// A manager sees a kill within this time, in seconds.
const AT_ONCE: i64 = 2;

/// What is kept until other lines have said more.
const KEPT: usize = 1024;

/// What PID 1 says of a unit in which the kernel killed, before systemd 258 and since.
const KERNEL_KILLED: [&str; 2] = [
    "A process of this unit has been killed by the OOM killer",
    "The kernel OOM killer killed some processes in this unit",
];

/// What a manager says of a unit in which systemd-oomd killed: `systemd-oomd killed 5 process(es) in this unit.`
const OOMD_KILLED_IN: &str = "systemd-oomd killed ";

/// What it says of how a unit ended.
const FAILED: &str = "Failed with result 'oom-kill'";

/// What nohang says when it does what it does to its victim, since 0.2 and before.
const NOHANG_ACTS: [&str; 4] = [
    "Sending SIGTERM to the victim",
    "Sending SIGKILL to the victim",
    "Send SIGTERM to the victim",
    "Send SIGKILL to the victim",
];

/// What `systemctl status` says of it.
const ENDED: &str = "Active: failed (Result: oom-kill)";

/// What a line tells.
#[derive(Debug)]
pub(super) enum Note {
    Kill(Stamp, Option<String>, Box<Kill>),
    Event(Stamp, Option<String>, Box<Event>),
    /// Of a kill by systemd-oomd that was told, by what its unit or path is called: the reason, and its words.
    Reason(String, Stamp, &'static str, String),
    /// A kill that was told did not happen.
    NotKilled(Tgid),
}

/// A unit in which PID 1 saw a kill by the kernel.
#[derive(Debug)]
struct Counted {
    stamp: Stamp,
    host: Option<String>,
    subject: Subject,
}

impl Counted {
    fn name(&self) -> &str {
        self.subject.name().unwrap_or_default()
    }
}

/// What was said by whom.
#[derive(Debug, Default)]
pub(super) struct Programs {
    /// Kills by systemd-oomd, and what managers count.
    oomd: Heard,
    counted: Heard,
    /// Processes that earlyoom and the like have sent a signal.
    hit: HashSet<Tgid>,
    last: Option<Tgid>,
    /// The limits that earlyoom says were reached, before it says whom it kills for that.
    limits: Option<String>,
    /// Whose victim nohang has described.
    described: Option<(Tgid, String)>,
    /// Containers of which containerd says that they were out of memory, and units of which PID 1 says it.
    containers: Vec<(Stamp, String)>,
    units: Vec<Counted>,
    /// Whose status is shown, and those that it shows to have failed.
    status: Option<String>,
    failed: Vec<(Stamp, String)>,
}

/// `oom_kill_process: 12 callbacks suppressed`: how many reports the kernel left out. Before 4.x `__ratelimit: 12 messages
/// suppressed` names nobody.
pub(super) fn suppressed(text: &str) -> Option<u64> {
    let rest = text
        .strip_prefix("oom_kill_process: ")
        .or_else(|| text.strip_prefix("dump_header: "))?;
    rest.strip_suffix(" callbacks suppressed")?.parse().ok()
}

/// The kernel found nothing to kill.
pub(super) fn nothing_to_kill(report: &Report) -> Event {
    let is_machines = report.stack.panicked && report.constraint == Some(Constraint::None);
    let owner = report.owner.as_deref().or(is_machines.then_some("/"));
    let in_memcg = report.in_memcg() == Some(true);
    Event::OomWithoutKill(OomWithoutKill {
        subject: subject(owner),
        reason: if report.stack.panicked {
            "panic_on_oom"
        } else {
            "no_killable_task"
        }
        .to_owned(),
        limit: in_memcg.then(|| KillLimit {
            cgroup: owner.map(str::to_owned),
            unit: owner.and_then(|path| UnitPath::parse(path).name().map(str::to_owned)),
            relation: None,
            file: "memory.max".to_owned(),
            bytes: report.limit,
            usage: report.usage,
            swap_usage: report.swap_usage,
            swap_max: report.swap_max,
        }),
        trigger: (!report.trigger_comm.is_empty()).then(|| Trigger {
            pid: report.trigger_tid.and_then(|tid| report.row(tid)).map(|row| row.tgid),
            tid: report.trigger_tid,
            comm: report.trigger_comm.clone(),
            uid: report.trigger_uid,
            unit: None,
            cgroup: None,
        }),
        ..OomWithoutKill::default()
    })
}

/// The kernel panicked for it: all of the machine's memory was in use, and no cgroup's limit was reached.
pub(super) fn is_machines(oom: &mut OomWithoutKill) {
    oom.subject = subject(Some("/"));
    oom.limit = None;
}

impl Programs {
    /// Whether lines without a name may belong to what was begun.
    pub(super) fn is_open(&self) -> bool {
        self.last.is_some()
    }

    /// Takes a line that is not the kernel's.
    pub(super) fn line(&mut self, line: &str, stamp: impl Fn() -> Stamp) -> Option<Note> {
        if let Some((place, message)) = tagged(line, "systemd-oomd") {
            return self.oomd(message, host_before(line, place), stamp());
        }
        if let Some((place, message)) = tagged(line, "systemd") {
            let user = line.get(place..).is_some_and(|tag| !tag.starts_with("systemd[1]"));
            return self.manager(message, user, host_before(line, place), stamp());
        }
        if let Some(message) = untagged(line) {
            return self.manager(message, false, None, stamp());
        }
        if let Some(name) = shown(line) {
            self.status = Some(name.to_owned());
            return None;
        }
        if let Some((_, since)) = line.split_once(ENDED) {
            let name = self.status.take()?;
            let time = since
                .trim_start_matches(" since ")
                .split(';')
                .next()
                .unwrap_or_default();
            if self.failed.len() < KEPT {
                self.failed.push((anchor::stamp(time), name));
            }
            return None;
        }
        if let Some((_, limits)) = line.split_once("low memory! ") {
            self.limits = Some(limits.trim().to_owned());
            return None;
        }
        if let Some(place) = line.find("sending SIG") {
            return self.earlyoom(line.get(place + 8..)?, stamp());
        }
        if let Some(place) = line.find("illing process ").filter(|_| line.contains("badness")) {
            return self.early_earlyoom(line.get(place + 15..)?, stamp());
        }
        if line.contains("TaskOOM event") {
            let id = line
                .split(|sign: char| !sign.is_ascii_hexdigit())
                .find(|word| word.len() == 64)?;
            if self.containers.len() < KEPT && !self.containers.iter().any(|(_, known)| known == id) {
                self.containers.push((stamp(), id.to_owned()));
            }
            return None;
        }
        let did_not = ["kill failed: ", "did not exit", "dryrun, not actually sending"];
        if did_not.iter().any(|words| line.contains(words)) {
            let pid = self.last.take()?;
            self.hit.remove(&pid);
            return Some(Note::NotKilled(pid));
        }
        if line.contains("nohang") || line.contains("PID:") || self.described.is_some() {
            return self.nohang(line, stamp());
        }
        if line.contains("process exited after ") || line.contains("escalating to SIGKILL") {
            self.last = None;
        }
        None
    }

    /// As [`OOMD_KILLED`] has it, or with nothing behind the path or `for killing`. Rules only say what they would do.
    fn oomd(&mut self, message: &str, host: Option<&str>, stamp: Stamp) -> Option<Note> {
        let told = |(before, behind): &(&str, &str)| message.strip_prefix(before)?.split_once(behind);
        let alone = || {
            let path = message
                .strip_prefix("Marked ")
                .and_then(|rest| rest.strip_suffix(" for killing"));
            path.or_else(|| message.strip_prefix("Killed ").filter(|path| !path.contains(' ')))
        };
        let (path, words) = match OOMD_KILLED.iter().find_map(told) {
            Some((path, words)) => (path, Some(words)),
            None => (alone()?, None),
        };
        if !["/", "…", "..."].iter().any(|begin| path.starts_with(begin)) {
            return None;
        }
        // What a pager or journalctl shortened is not all of the path: the last part may still name the unit.
        let elided = path.contains('…') || path.contains("...");
        let subject = if elided { last_of(path) } else { subject(Some(path)) };
        let last = || path.rsplit('/').next().unwrap_or(path);
        let name = subject.name().unwrap_or_else(last).to_owned();
        let reason = words.map(|words| match words {
            words if words.starts_with("memory pressure") => "memory-pressure",
            words if words.starts_with("rule ") => "rule",
            _ => "memory-used",
        });
        let how = if message.starts_with("Marked ") {
            "Marked"
        } else {
            "Killed"
        };
        let word = self.oomd.word(Words {
            whose: &name,
            host,
            stamp: &stamp,
            how,
            text: message,
        });
        match word {
            Word::First => Some(Note::Kill(
                stamp,
                host.map(str::to_owned),
                oomd_kill(subject, reason, words),
            )),
            Word::More => Some(Note::Reason(name, stamp, reason?, words?.to_owned())),
            Word::Again => None,
        }
    }

    /// As [`Self::oomd`], of an entry whose fields say that systemd wrote it.
    pub(super) fn checked_oomd(&mut self, subject: Subject, words: &str, host: &str, stamp: Stamp) -> Option<Note> {
        if words.starts_with("Marked ") || words.starts_with("Killed ") {
            return self.oomd(words, Some(host), stamp);
        }
        self.oomd_counted(subject, Some(host), stamp, words, None)
    }

    /// A unit's manager says that systemd-oomd killed there, and as `count` how many.
    fn oomd_counted(
        &mut self,
        subject: Subject,
        host: Option<&str>,
        stamp: Stamp,
        text: &str,
        count: Option<&str>,
    ) -> Option<Note> {
        let word = self.oomd.word(Words {
            whose: subject.name()?,
            host,
            stamp: &stamp,
            how: OOMD_KILLED_IN,
            text,
        });
        (word == Word::First).then(|| Note::Kill(stamp, host.map(str::to_owned), oomd_kill(subject, None, count)))
    }

    /// PID 1 saw that something in a unit was killed.
    pub(super) fn out_of_memory(&mut self, stamp: Stamp, host: Option<&str>, subject: Subject, words: &str) {
        let how = KERNEL_KILLED.iter().find(|known| words.starts_with(**known));
        let counted = Counted {
            stamp,
            host: host.map(str::to_owned),
            subject,
        };
        let word = self.counted.word(Words {
            whose: counted.name(),
            host,
            stamp: &counted.stamp,
            how: how.unwrap_or(&""),
            text: words,
        });
        if word == Word::First && self.units.len() < KEPT {
            self.units.push(counted);
        }
    }

    fn manager(&mut self, message: &str, user: bool, host: Option<&str>, stamp: Stamp) -> Option<Note> {
        let (name, rest) = message.split_once(": ")?;
        if !is_unit(name) {
            return None;
        }
        let subject = Subject {
            unit: (!user).then(|| name.to_owned()),
            user_unit: user.then(|| name.to_owned()),
            ..Subject::default()
        };
        if rest.starts_with(OOMD_KILLED_IN) {
            let count = rest.trim_start_matches(OOMD_KILLED_IN).trim_end_matches('.');
            return self.oomd_counted(subject, host, stamp, rest, Some(count));
        }
        if KERNEL_KILLED.iter().any(|words| rest.starts_with(words)) {
            self.out_of_memory(stamp, host, subject, rest);
            return None;
        }
        self.failed.retain(|(_, failed)| failed != name);
        rest.starts_with(FAILED)
            .then(|| Note::Event(stamp, host.map(str::to_owned), Box::new(failed(subject))))
    }

    /// `SIGTERM to process 5 uid 1000 "COMM": badness 700, VmRSS 100 MiB` (earlyoom's kill.c)
    fn earlyoom(&mut self, text: &str, stamp: Stamp) -> Option<Note> {
        let (signal, rest) = text.split_once(" to process ")?;
        if !matches!(signal, "SIGTERM" | "SIGKILL") {
            return None;
        }
        let (pid, rest) = rest.split_once(' ')?;
        let pid = Tgid(pid.parse().ok()?);
        let (uid, rest) = match rest.strip_prefix("uid ") {
            Some(rest) => rest.split_once(' ').map(|(uid, rest)| (uid.parse().ok(), rest))?,
            None => (None, rest),
        };
        let (comm, rest) = rest
            .strip_prefix('"')?
            .rsplit_once("\": ")
            .or_else(|| rest.strip_prefix('"')?.split_once('"'))?;
        self.hits(pid, uid, comm, rest, stamp)
    }

    /// Before 1.3 `5 "COMM" with signal 15: badness 550, …`, before 1.2 `'COMM' with signal 15, pid: 5, …`.
    fn early_earlyoom(&mut self, text: &str, stamp: Stamp) -> Option<Note> {
        let (whom, rest) = text.rsplit_once(" with signal ")?;
        let signal = rest.split([',', ':']).next()?;
        if !matches!(signal, "15" | "9") {
            return None;
        }
        let (pid, comm) = match whom.strip_prefix('\'') {
            Some(comm) => (rest.split_once("pid: ")?.1.split(',').next()?, comm.strip_suffix('\'')?),
            None => {
                let (pid, comm) = whom.split_once(' ')?;
                (pid, comm.strip_prefix('"')?.strip_suffix('"')?)
            }
        };
        self.hits(Tgid(pid.parse().ok()?), None, comm, rest, stamp)
    }

    /// A process was sent a signal; what else is said of it follows.
    fn hits(&mut self, pid: Tgid, uid: Option<u32>, comm: &str, rest: &str, stamp: Stamp) -> Option<Note> {
        let after = |word: &str| {
            rest.split_once(word)
                .and_then(|(_, rest)| rest.split([',', ' ']).next())
        };
        self.last = Some(pid);
        if self.hit.len() >= KEPT {
            self.hit.clear();
        }
        if !self.hit.insert(pid) {
            return None;
        }
        let victim = Victim {
            uid,
            cmdline: rest
                .split_once("cmdline \"")
                .and_then(|(_, cmdline)| cmdline.strip_suffix('"'))
                .map(str::to_owned),
            oom_score_adj: after("oom_score_adj ").and_then(|score| score.parse().ok()),
            ..Victim::new(pid, comm.to_owned())
        };
        Some(Note::Kill(
            stamp,
            None,
            user_kill("earlyoom", self.limits.take(), victim),
        ))
    }

    /// nohang describes its victim, then says what it does (nohang's `implement_corrective_action`): `PID: 5, Name: a`, since 0.2
    /// `PID:       5, name: a`.
    fn nohang(&mut self, line: &str, stamp: Stamp) -> Option<Note> {
        if let Some((_, rest)) = line.split_once("PID:")
            && let Some((pid, rest)) = rest.trim_start().split_once(|sign: char| !sign.is_ascii_digit())
            && let Some((_, name)) = rest.split_once("Name: ").or_else(|| rest.split_once("name: "))
        {
            let name = name.split([',', ' ']).next().unwrap_or_default();
            self.described = pid.parse().ok().map(|pid| (Tgid(pid), name.to_owned()));
            return None;
        }
        let acts = NOHANG_ACTS.iter().any(|words| line.contains(words));
        let (pid, comm) = acts.then(|| self.described.take()).flatten()?;
        self.hit
            .insert(pid)
            .then(|| Note::Kill(stamp, None, user_kill("nohang", None, Victim::new(pid, comm))))
    }

    /// What was said of kills that no other line tells. `units` have those that the kernel's lines tell of, and when.
    pub(super) fn end(&mut self, units: &Known, containers: &HashSet<String>) -> Vec<(Stamp, Option<String>, Event)> {
        let mut told = Vec::new();
        let any = !units.is_empty() || !containers.is_empty();
        for (stamp, id) in self.containers.drain(..) {
            if !containers.contains(&id) {
                let subject = Subject {
                    container: Some(Container {
                        uid: None,
                        runtime: "containerd".to_owned(),
                        id,
                        name: None,
                        pod: None,
                        pod_name: None,
                        namespace: None,
                    }),
                    ..Subject::default()
                };
                told.push((stamp, None, unexplained(subject, EVENTS, 1)));
            }
        }
        let counted = std::mem::take(&mut self.units);
        let any = any || !units.nameless.is_empty();
        // It says so of every slice above the victim too.
        let is_others = |one: &Counted| {
            let others = || counted.iter().filter(|other| near(&other.stamp, &one.stamp));
            one.name().ends_with(".slice") && (any || others().any(|other| is_above(one.name(), other.name())))
        };
        let is_told = |one: &Counted| units.has(one.name(), &one.stamp) || is_others(one);
        let mut untold: Vec<bool> = counted.iter().map(|one| !is_told(one)).collect();
        // A kill whose unit is not told is the one that a manager tells of at that time, and of one only.
        for (stamp, host) in &units.nameless {
            let is_it = |one: &Counted| {
                !is_elsewhere(one.host.as_deref(), host.as_deref()) && within(&one.stamp, stamp, AT_ONCE)
            };
            let mut open = untold.iter_mut().zip(&counted);
            if let Some((untold, _)) = open.find(|(untold, one)| **untold && is_it(one)) {
                *untold = false;
            }
        }
        for (one, _) in counted.into_iter().zip(untold).filter(|(_, untold)| *untold) {
            told.push((one.stamp, one.host, unexplained(one.subject, EVENTS, 1)));
        }
        for (stamp, name) in self.failed.drain(..) {
            let subject = Subject {
                unit: Some(name),
                ..Subject::default()
            };
            told.push((stamp, None, failed(subject)));
        }
        told
    }
}

/// The units that lines of the kernel's name, and when.
#[derive(Debug, Default)]
pub(super) struct Known {
    units: HashMap<String, Vec<Stamp>>,
    /// Kills by the kernel of which no line tells where the victim lived.
    nameless: Vec<(Stamp, Option<String>)>,
}

impl Known {
    /// The kernel killed there.
    pub(super) fn add(&mut self, name: &str, stamp: &Stamp) {
        if self.units.len() >= REMEMBERED {
            self.units.clear();
        }
        let stamps = self.units.entry(name.to_owned()).or_default();
        if stamps.len() < KEPT && !stamps.contains(stamp) {
            stamps.push(stamp.clone());
        }
    }

    /// The kernel killed somewhere.
    pub(super) fn add_nameless(&mut self, stamp: &Stamp, host: Option<&str>) {
        if self.nameless.len() < KEPT {
            self.nameless.push((stamp.clone(), host.map(str::to_owned)));
        }
    }

    fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    fn has(&self, name: &str, stamp: &Stamp) -> bool {
        self.units
            .get(name)
            .is_some_and(|stamps| stamps.iter().any(|known| near(known, stamp)))
    }
}

/// Whether a slice is one that the other unit is in, as far as names tell (systemd.slice(5), systemd.special(7)).
fn is_above(slice: &str, unit: &str) -> bool {
    let Some(stem) = slice.strip_suffix(".slice").filter(|_| slice != unit) else {
        return false;
    };
    let is_users = unit.starts_with("user@") || unit.starts_with("user-") || unit.starts_with("session-");
    match stem {
        "-" => true,
        "user" => is_users,
        "system" => !is_users && (!unit.ends_with(".slice") || unit.starts_with("system-")),
        _ if unit.ends_with(".slice") => unit.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-')),
        _ => {
            let user = stem.strip_prefix("user-").map(|uid| format!("user@{uid}."));
            let template = stem.strip_prefix("system-").map(|name| format!("{name}@"));
            match user.or(template) {
                Some(begin) => unit.starts_with(&begin),
                // One of the admin's.
                None => !is_users,
            }
        }
    }
}

/// A unit's end.
fn failed(subject: Subject) -> Event {
    Event::Unit(Unit {
        subject,
        state: UnitState::Failed,
        result: Some("oom-kill".to_owned()),
        ..Unit::default()
    })
}

/// Kills that somebody counted, and no line tells.
pub(super) fn unexplained(subject: Subject, counter: &str, counted: u64) -> Event {
    Event::Unexplained(Unexplained {
        subject,
        counter: counter.to_owned(),
        counted,
        seen: 0,
    })
}

/// Whether a word is the name of a unit that has a cgroup.
fn is_unit(name: &str) -> bool {
    let ends = [".service", ".scope", ".slice", ".socket", ".mount", ".swap"];
    ends.iter().any(|end| name.ends_with(end)) && !name.contains(' ')
}

/// What a manager says in a line that does not say who wrote it, as `journalctl --output=cat` and people who shorten lines have it: a
/// line that begins with the unit, or with a time before it.
fn untagged(line: &str) -> Option<&str> {
    let words = || KERNEL_KILLED.into_iter().chain([OOMD_KILLED_IN, FAILED]);
    let place = words().find_map(|words| line.find(words))?;
    let name = line.get(..place)?.strip_suffix(": ")?;
    let begin = name.rfind(char::is_whitespace).map_or(0, |space| space + 1);
    let head = line.get(..begin)?.trim();
    let is_time = anchor::is_stamped(head) && !head.ends_with(':');
    (head.is_empty() || is_time).then(|| line.get(begin..)).flatten()
}

/// The unit whose status `systemctl status` shows below this line: `● NAME - DESCRIPTION`.
fn shown(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix(['●', '×'])?;
    let name = rest.strip_prefix(' ')?.split(' ').next()?;
    is_unit(name).then_some(name)
}

/// The machine that is named before a program: the last word, where that is no part of a time.
fn host_before(line: &str, place: usize) -> Option<&str> {
    let (head, host) = line.get(..place)?.trim_end().rsplit_once(' ')?;
    let is_number = host.bytes().all(|sign| sign.is_ascii_digit());
    (anchor::is_machine(host) && !is_number && anchor::is_stamped(head)).then_some(host)
}

/// What follows `NAME[PID]: ` or `NAME: ` in a line, and where the name stands.
fn tagged<'a>(line: &'a str, name: &str) -> Option<(usize, &'a str)> {
    line.match_indices(name).find_map(|(place, _)| {
        let before = line.get(..place)?.chars().next_back();
        if before.is_some_and(|sign| !sign.is_whitespace() && sign != '>' && sign != '"') {
            return None;
        }
        let rest = line.get(place + name.len()..)?;
        let rest = match rest.strip_prefix('[') {
            Some(rest) => {
                let (pid, rest) = rest.split_once(']')?;
                pid.parse::<u32>().ok()?;
                rest
            }
            None => rest,
        };
        Some((place, rest.strip_prefix(": ")?.trim()))
    })
}

/// The unit that the last part of a shortened path names.
fn last_of(path: &str) -> Subject {
    let last = path
        .rsplit('/')
        .next()
        .filter(|last| !last.contains('…') && !last.contains("..."));
    let parsed = UnitPath::parse(last.unwrap_or_default());
    let user = path.contains("user@") || path.contains("/app.slice/") || path.contains("/session.slice/");
    Subject {
        user_unit: parsed.unit.clone().filter(|_| user),
        unit: parsed.unit.filter(|_| !user),
        ..Subject::default()
    }
}

pub(super) fn oomd_kill(subject: Subject, reason: Option<&str>, words: Option<&str>) -> Box<Kill> {
    let killer = Killer {
        pid: None,
        uid: None,
        comm: Some("systemd-oomd".to_owned()),
        unit: Some("systemd-oomd.service".to_owned()),
        reason: reason.map(str::to_owned),
        words: words.map(str::to_owned),
    };
    let mut kill = user(
        Origin::SystemdOomd,
        Confidence::Observed,
        killer,
        subject,
        Victim::new(Tgid(0), String::new()),
        "systemd's log",
    );
    kill.victim = None;
    kill
}

fn user_kill(comm: &str, words: Option<String>, victim: Victim) -> Box<Kill> {
    let killer = Killer {
        pid: None,
        uid: None,
        comm: Some(comm.to_owned()),
        unit: None,
        reason: None,
        words,
    };
    user(
        Origin::Userspace,
        Confidence::Observed,
        killer,
        Subject::default(),
        victim,
        comm,
    )
}

fn user(
    origin: Origin,
    confidence: Confidence,
    killer: Killer,
    subject: Subject,
    victim: Victim,
    evidence: &str,
) -> Box<Kill> {
    let facts = KillFacts {
        user: Some(UserFacts {
            origin,
            confidence,
            killer,
            after: None,
        }),
        ..KillFacts::new(subject, victim, vec![evidence.to_owned()])
    };
    Box::new(verdict(facts, |_| None))
}
