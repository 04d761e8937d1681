//! The same ends as events: whatever the text tells has a line here.

use std::io;

use super::past::{End, Past, SOON};
use crate::event::{Confidence, Crash, Event, Kill, Killer, Line, Origin, Subject, Unit};
use crate::journal::{OOMD_UNIT, What};
use crate::sink::{Json, Sink as _};

impl Past {
    /// The last of each kind, so many of them.
    pub(super) fn json(&self, wanted: usize, reverse: bool) -> io::Result<()> {
        let kills = self.kills();
        let mut ends: Vec<&End> = self.ends.iter().filter(|end| !is_echo(end, &kills)).collect();
        let (mut kernel, mut told, mut failed) = (0, 0, 0);
        // From the end: what only systemd tells of is passed over where enough later kills are known whole.
        let mut chosen: Vec<&End> = Vec::new();
        while let Some(end) = ends.pop() {
            let is_wanted = match kind_of(&end.told.what) {
                Some(Kind::Kernel) => within(&mut kernel, wanted),
                Some(Kind::Told) => kernel < wanted && within(&mut told, wanted),
                Some(Kind::Failed) => within(&mut failed, wanted),
                None => false,
            };
            if is_wanted {
                chosen.push(end);
            }
        }
        if !reverse {
            chosen.reverse();
        }
        let mut sink = Json::new(io::stdout());
        let lines = chosen.into_iter().filter_map(|end| self.event(end));
        for (seq, mut line) in (0..).zip(lines) {
            line.seq = seq;
            sink.line(&line)?;
        }
        sink.flush()
    }

    fn event(&self, end: &End) -> Option<Line> {
        let event = match &end.told.what {
            What::Kill(kill) => Event::Kill(kill.clone()),
            What::Oomd(subject, words) => {
                let killer = Killer {
                    pid: None,
                    uid: None,
                    comm: Some("systemd-oomd".to_owned()),
                    unit: Some(OOMD_UNIT.to_owned()),
                    reason: None,
                    words: Some(words.clone()),
                };
                unseen(subject, Origin::SystemdOomd, Some(killer))
            }
            What::OutOfMemory(subject) => unseen(subject, Origin::Unknown, None),
            What::Failed(unit) => {
                let crash = self.crash(end.told.ts, &unit.subject);
                let unit = Unit {
                    crash: crash.map(|(pid, words)| Crash {
                        pid,
                        words: words.to_owned(),
                    }),
                    ..unit.as_ref().clone()
                };
                Event::Unit(unit)
            }
            What::Core(..) => return None, // with the end of its unit
        };
        Some(Line {
            event,
            ts: end.told.ts,
            seq: 0,
            host: end.told.host.clone(),
        })
    }
}

/// Counts one more, where that is within what is wanted.
fn within(count: &mut usize, wanted: usize) -> bool {
    let is_within = *count < wanted;
    *count += usize::from(is_within);
    is_within
}

/// Whether it is only systemd's word on a kill that the kernel's own lines tell. The kills are in the order of time.
fn is_echo(end: &End, kills: &[(&End, &Kill)]) -> bool {
    let What::OutOfMemory(subject) = &end.told.what else {
        return false;
    };
    let late = |kill: &End| end.told.ts.seconds_since(kill.told.ts);
    let first = kills.partition_point(|(kill, _)| late(kill) >= SOON);
    let near = kills.get(first..).unwrap_or_default().iter();
    near.take_while(|(kill, _)| late(kill) >= -1.0).any(|(_, of)| {
        // It counts what is below a slice as the slice's, too.
        let path = of.subject.cgroup.path.as_deref().unwrap_or_default();
        let is_above = path.split('/').any(|part| Some(part) == subject.unit.as_deref());
        is_above || of.subject.is_same_unit(subject)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The kernel's kill, whole.
    Kernel,
    /// A kill that only systemd or systemd-oomd tells of.
    Told,
    Failed,
}

fn kind_of(what: &What) -> Option<Kind> {
    match what {
        What::Kill(_) => Some(Kind::Kernel),
        What::Oomd(..) | What::OutOfMemory(_) => Some(Kind::Told),
        What::Failed(_) => Some(Kind::Failed),
        What::Core(..) => None,
    }
}

/// A kill of which the journal tells whose unit it was, and not who died.
fn unseen(subject: &Subject, origin: Origin, killer: Option<Killer>) -> Event {
    Event::Kill(Box::new(Kill {
        subject: subject.clone(),
        origin,
        in_memcg: None,
        confidence: Confidence::Observed,
        evidence: vec!["journal".to_owned()],
        limit: None,
        trigger: None,
        victim: None,
        leader_pid: None,
        killer,
        request: None,
        shortage: None,
        ledger: None,
        before: None,
        tasks: Vec::new(),
        growers: Vec::new(),
        holders: Vec::new(),
        held: Vec::new(),
        advice: Vec::new(),
    }))
}
