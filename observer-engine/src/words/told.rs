//! What a pasted log told, in sentences: for `oomtrace why --log`, and for the page that does the same.

use std::time::Duration;

use super::{killed as was_killed, paragraph};
use crate::event::{Event, Kill, Origin, Unexplained};
use crate::human::{date, duration};
use crate::log::{Stamp, Told};
use crate::measure::Timestamp;

/// Of a log that has none.
pub const NO_KILL: &str = "No OOM kill found in this log.";

/// What is looked for, where nothing is found.
pub const LOOKED_FOR: &str = "Looked for: the kernel's OOM killer, and kills reported by systemd, systemd-oomd, earlyoom, nohang and \
     container runtimes.";

/// Of a log that has the last line of a kill's report alone ([`is_last_line`]).
pub const WHOLE_REPORT: &str =
    "Hint: the kernel's report begins some lines earlier, at 'invoked oom-killer'; those lines tell what ran out.";

/// Characters of a container's id that are shown, as the runtimes do.
const ID_SHOWN: usize = 12;

/// A thing that a log told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentences {
    /// What happened: to whom, when, and why.
    pub headline: String,
    /// What belongs to it: a label, and its words.
    pub lines: Vec<(&'static str, String)>,
    /// Of a kill what it rests on, and what the log leaves open.
    pub rests: Option<String>,
}

impl Sentences {
    fn alone(headline: String) -> Self {
        Self {
            headline,
            lines: Vec::new(),
            rests: None,
        }
    }
}

/// What was told in sentences; `None` of what no log tells.
#[must_use]
pub fn sentences(told: &Told) -> Option<Sentences> {
    let when = when(&told.stamp);
    match &told.event {
        Event::Kill(kill) => Some(killed(kill, told, &when)),
        Event::Unit(unit) => Some(Sentences::alone(format!(
            "{} failed{when}: Result={}.",
            unit.subject.name().unwrap_or("A unit"),
            unit.result.as_deref().unwrap_or("unknown")
        ))),
        Event::OomWithoutKill(event) => {
            // A cut report does not even say who asked.
            let unknown = if event.trigger.is_some() {
                "The machine"
            } else {
                "A cgroup or the machine"
            };
            let owner = match event.subject.cgroup.path.as_deref() {
                Some("/") => "The machine",
                path => path.unwrap_or(unknown),
            };
            let how = if event.reason == "panic_on_oom" {
                "the kernel panicked, as vm.panic_on_oom tells it to: no process was killed"
            } else {
                "had no killable process"
            };
            Some(Sentences::alone(format!("{owner} ran out of memory{when} and {how}.")))
        }
        Event::Unexplained(event) => Some(Sentences::alone(unexplained(event, &when))),
        _ => None,
    }
}

fn killed(kill: &Kill, told: &Told, when: &str) -> Sentences {
    let subject = &kill.subject;
    let name = subject
        .name()
        // The root is nobody's.
        .or(subject.cgroup.path.as_deref().filter(|path| *path != "/"));
    let container = subject.container.as_ref().map(|container| {
        let id: String = container.id.chars().take(ID_SHOWN).collect();
        format!("{} container {id}", container.runtime)
    });
    let whose = name.map(str::to_owned).or(container);
    let host = told.host.as_ref().filter(|host| !host.is_empty());
    let host = host.map(|host| format!(" on {host}")).unwrap_or_default();
    let who = match (&kill.victim, whose) {
        (Some(_), Some(whose)) => format!("{} of {whose}", kill.who()),
        (Some(_), None) => kill.who(),
        (None, Some(whose)) => format!("Something in {whose}"),
        (None, None) => "Something".to_owned(),
    };
    let headline = format!("{}.", was_killed(&who, kill, &format!("{host}{when}")));
    let at = told.stamp.ts.unwrap_or(Timestamp(jiff::Timestamp::UNIX_EPOCH));
    Sentences {
        headline,
        lines: paragraph(kill, at).1,
        rests: Some(rests(kill, told.checked)),
    }
}

/// ` on 2025-03-11 10:16:36`, as far as the log tells.
fn when(stamp: &Stamp) -> String {
    match (stamp.ts, &stamp.clock, stamp.mono) {
        (Some(ts), ..) => format!(" on {}", date(ts)),
        (None, Some(clock), _) => format!(" on {clock}"),
        (None, None, Some(mono)) => {
            let seconds = Duration::from_micros(mono).as_secs_f64();
            format!(" {} after its boot", duration(seconds))
        }
        (None, None, None) => String::new(),
    }
}

fn unexplained(event: &Unexplained, when: &str) -> String {
    let subject = &event.subject;
    let name = subject.name().map(str::to_owned);
    let container = || {
        subject
            .container
            .as_ref()
            .map(|container| format!("container {}", container.id))
    };
    match (name.or_else(container), event.counted) {
        (Some(name), _) => format!(
            "The kernel's OOM killer killed a process of {name}{when}; no line of the kernel's in this log names it."
        ),
        (None, 1) => {
            format!(
                "A report of the OOM killer{when} is incomplete in this log: whether a process was killed, and which, is unknown."
            )
        }
        (None, count) => format!(
            "{count} reports of the OOM killer are missing{when}: the kernel suppressed them, because there were too many."
        ),
    }
}

/// Whether a kill's own line is all that there is of the kernel's report, as where grep(1) looked for it, so that nobody can tell
/// what ran out.
#[must_use]
pub fn is_last_line(told: &Told) -> bool {
    let Event::Kill(kill) = &told.event else { return false };
    kill.request.is_none() && lacks_trigger(kill) && (kill.origin == Origin::Unknown || lacks_owner(kill))
}

/// Whether it is the kernel's, and who asked for the memory is not told.
fn lacks_trigger(kill: &Kill) -> bool {
    kill.killer.is_none() && kill.trigger.is_none()
}

/// Whether a limit made it, and whose is not told.
fn lacks_owner(kill: &Kill) -> bool {
    kill.in_a_limit() && kill.limit.as_ref().is_none_or(|limit| limit.cgroup.is_none())
}

/// Where it comes from, and what the log leaves open.
fn rests(kill: &Kill, checked: bool) -> String {
    let unknown: Vec<&str> = [
        (kill.victim.is_none(), "who was killed"),
        (
            kill.subject.cgroup.path.is_none() && kill.subject.unit.is_none() && kill.subject.user_unit.is_none(),
            "the victim's cgroup",
        ),
        (lacks_trigger(kill), "who asked for the memory"),
        (lacks_owner(kill), "whose limit it was"),
        (
            kill.in_a_limit() && kill.limit.as_ref().is_none_or(|limit| limit.bytes.is_none()),
            "how large the limit was",
        ),
    ]
    .into_iter()
    .filter_map(|(is_unknown, what)| is_unknown.then_some(what))
    .collect();
    let text = if checked {
        "the journal's fields"
    } else {
        "plain text, which anyone may have written"
    };
    let unknown = if unknown.is_empty() {
        String::new()
    } else {
        format!(" Unknown: {}.", unknown.join(", "))
    };
    format!("Source: {} ({text}).{unknown}", kill.evidence.join(", "))
}
