//! What programs say of kills: systemd-oomd, PID 1 and users' managers, earlyoom, nohang, containerd. Each is known by its
//! name and its own words; a rule that took no action is no kill.

use std::collections::HashSet;

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

/// The kernel's log as what counts.
pub(super) const COUNTER: &str = "kernel log";

/// What systemd and containerd go by.
const EVENTS: &str = "memory.events oom_kill";

/// What is kept until other lines have said more.
const KEPT: usize = 1024;

/// What a line tells.
#[derive(Debug)]
pub(super) enum Note {
    Kill(Stamp, Box<Kill>),
    Event(Stamp, Box<Event>),
    /// A kill that was told did not happen.
    NotKilled(Tgid),
}

/// What was said by whom.
#[derive(Debug, Default)]
pub(super) struct Programs {
    /// Units in which systemd-oomd killed, by what it said or what systemd said of it.
    oomd: HashSet<String>,
    /// Processes that earlyoom and the like have sent a signal.
    hit: HashSet<Tgid>,
    last: Option<Tgid>,
    /// Whose victim nohang has described.
    described: Option<(Tgid, String)>,
    /// Containers of which containerd says that they were out of memory, and units of which PID 1 says it.
    containers: Vec<(Stamp, String)>,
    units: Vec<(Stamp, Subject)>,
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
    let owner = report.owner.as_deref();
    let in_memcg = report.in_memcg() == Some(true);
    Event::OomWithoutKill(OomWithoutKill {
        subject: subject(owner),
        reason: "no_killable_task".to_owned(),
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
        trigger: report.trigger_tid.map(|tid| Trigger {
            pid: report.row(tid).map(|row| row.tgid),
            tid,
            comm: report.trigger_comm.clone(),
            uid: report.trigger_uid,
            unit: None,
            cgroup: None,
        }),
        ..OomWithoutKill::default()
    })
}

impl Programs {
    /// Whether lines without a name may belong to what was begun.
    pub(super) fn is_open(&self) -> bool {
        self.last.is_some()
    }

    /// Takes a line that is not the kernel's.
    pub(super) fn line(&mut self, line: &str, stamp: impl Fn() -> Stamp) -> Option<Note> {
        if let Some((_, message)) = tagged(line, "systemd-oomd") {
            return self.oomd(message, stamp());
        }
        if let Some((place, message)) = tagged(line, "systemd") {
            let user = line.get(place..).is_some_and(|tag| !tag.starts_with("systemd[1]"));
            return self.manager(message, user, stamp());
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
        if line.contains("kill failed: ") || line.contains("dryrun, not actually sending") {
            let pid = self.last.take()?;
            self.hit.remove(&pid);
            return Some(Note::NotKilled(pid));
        }
        if line.contains("nohang") || self.described.is_some() {
            return self.nohang(line, stamp());
        }
        if line.contains("process exited after ") || line.contains("escalating to SIGKILL") {
            self.last = None;
        }
        None
    }

    /// As [`OOMD_KILLED`] has it, or with nothing behind `for killing`. Rules only say what they would do.
    fn oomd(&mut self, message: &str, stamp: Stamp) -> Option<Note> {
        let told = |(before, behind): &(&str, &str)| message.strip_prefix(before)?.split_once(behind);
        let (path, words) = match OOMD_KILLED.iter().find_map(told) {
            Some((path, words)) => (path, Some(words)),
            None => (message.strip_prefix("Marked ")?.strip_suffix(" for killing")?, None),
        };
        if !path.starts_with('/') && !path.starts_with('…') {
            return None;
        }
        // What a pager or journalctl shortened is not all of the path: the last part may still name the unit.
        let elided = path.contains('…') || path.contains("...");
        let subject = if elided { last_of(path) } else { subject(Some(path)) };
        let name = subject
            .user_unit
            .clone()
            .or(subject.unit.clone())
            .unwrap_or_else(|| path.to_owned());
        if self.oomd.len() >= KEPT {
            self.oomd.clear();
        }
        if !self.oomd.insert(name) {
            return None;
        }
        let reason = words.map(|words| match words {
            words if words.starts_with("memory pressure") => "memory-pressure",
            words if words.starts_with("rule ") => "rule",
            _ => "memory-used",
        });
        Some(Note::Kill(stamp, oomd_kill(subject, reason, words)))
    }

    /// As [`Self::oomd`], of an entry whose fields say that systemd wrote it.
    pub(super) fn checked_oomd(&mut self, subject: Subject, words: &str) -> Option<Box<Kill>> {
        if let Some(Note::Kill(_, kill)) = self.oomd(words, Stamp::default()) {
            return Some(kill);
        }
        let name = subject.user_unit.clone().or(subject.unit.clone())?;
        self.oomd.insert(name).then(|| oomd_kill(subject, None, None))
    }

    /// PID 1 saw that something in a unit was killed.
    pub(super) fn out_of_memory(&mut self, stamp: Stamp, subject: Subject) {
        if self.units.len() < KEPT {
            self.units.push((stamp, subject));
        }
    }

    fn manager(&mut self, message: &str, user: bool, stamp: Stamp) -> Option<Note> {
        let (name, rest) = message.split_once(": ")?;
        let is_unit = [".service", ".scope", ".slice", ".socket", ".mount", ".swap"]
            .iter()
            .any(|end| name.ends_with(end));
        if !is_unit || name.contains(' ') {
            return None;
        }
        let subject = Subject {
            unit: (!user).then(|| name.to_owned()),
            user_unit: user.then(|| name.to_owned()),
            ..Subject::default()
        };
        if rest.starts_with("systemd-oomd killed ") {
            return self
                .oomd
                .insert(name.to_owned())
                .then(|| Note::Kill(stamp, oomd_kill(subject, None, None)));
        }
        if rest.contains("has been killed by the OOM killer") {
            self.out_of_memory(stamp, subject);
            return None;
        }
        let result = rest.strip_prefix("Failed with result '")?.split('\'').next()?;
        (result == "oom-kill").then(|| {
            let unit = Unit {
                subject,
                state: UnitState::Failed,
                result: Some(result.to_owned()),
                ..Unit::default()
            };
            Note::Event(stamp, Box::new(Event::Unit(unit)))
        })
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
        Some(Note::Kill(stamp, user_kill("earlyoom", victim)))
    }

    /// nohang describes its victim, then says what it does (nohang's `implement_corrective_action`).
    fn nohang(&mut self, line: &str, stamp: Stamp) -> Option<Note> {
        if let Some((_, rest)) = line.split_once("PID: ")
            && let Some((pid, rest)) = rest.split_once(|sign: char| !sign.is_ascii_digit())
            && let Some((_, name)) = rest.split_once("Name: ")
        {
            let name = name.split([',', ' ']).next().unwrap_or_default();
            self.described = pid.parse().ok().map(|pid| (Tgid(pid), name.to_owned()));
            return None;
        }
        let acts = line.contains("Sending SIGTERM to the victim") || line.contains("Sending SIGKILL to the victim");
        let (pid, comm) = acts.then(|| self.described.take()).flatten()?;
        self.hit
            .insert(pid)
            .then(|| Note::Kill(stamp, user_kill("nohang", Victim::new(pid, comm))))
    }

    /// What was said of kills that no other line tells.
    pub(super) fn end(&mut self, units: &HashSet<String>, containers: &HashSet<String>) -> Vec<(Stamp, Event)> {
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
                told.push((stamp, unexplained(subject, EVENTS, 1)));
            }
        }
        for (stamp, subject) in self.units.drain(..) {
            let name = subject.user_unit.as_ref().or(subject.unit.as_ref());
            // It says so of every slice above the victim too.
            let is_slice = name.is_some_and(|name| name.ends_with(".slice"));
            if name.is_some_and(|name| !units.contains(name)) && !(any && is_slice) {
                told.push((stamp, unexplained(subject, EVENTS, 1)));
            }
        }
        told
    }
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

fn oomd_kill(subject: Subject, reason: Option<&str>, words: Option<&str>) -> Box<Kill> {
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

fn user_kill(comm: &str, victim: Victim) -> Box<Kill> {
    let killer = Killer {
        pid: None,
        uid: None,
        comm: Some(comm.to_owned()),
        unit: None,
        reason: None,
        words: None,
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
