//! Kills by user space: what is read for [`crate::engine::verdict::signal`], which says what a deadly signal is for, and what
//! waits until that is known.

use std::collections::VecDeque;
use std::time::Duration;

use super::clock::Clock;
use super::collector::{Collector, Turn};
use super::programs::same;
use super::questions::{Answer, Consequence, Question};
use super::stream::{Stream, StreamError};
use crate::cgroup::{cgroup_of, process, program, tgid_of};
use crate::engine::KillFacts;
use crate::engine::verdict::counters::{Level, shortage};
use crate::engine::verdict::repeats::Repeats;
use crate::engine::verdict::signal::{
    CONSEQUENCE, POLICY_WINDOW, Purpose, Sender, SignalFacts, UnitResult, consequence as consequence_of, purpose,
};
use crate::event::{self, Event, Lost, OomWithoutKill, Origin, Subject, ancestry};
use crate::kernel::record::{Oom, Signal, Writing};
use crate::measure::{BootNanos, Bytes, Tgid};
use crate::unit::{oomd::OomdKill, systemd};

const SIGTERM: u32 = 15;

/// SIGTERMs whose end is awaited, at most.
const WAITING: usize = 1_024;

/// Who dies of a signal may be sent another one meanwhile: to let go of much memory takes so long, in nanoseconds, at most.
const DYING: u64 = 10_000_000_000;

/// A kill by systemd-oomd waits this long for its reason, which is told after the signals.
const REASON: Duration = Duration::from_secs(4);

/// What systemd's answer says of how the unit ended.
fn result(answer: Answer) -> UnitResult {
    match answer {
        Some(Ok(status)) if status.load_state == "not-found" => UnitResult::Gone,
        Some(Ok(status)) => status.result.map_or(UnitResult::Unknown, UnitResult::Is),
        Some(Err(error)) if systemd::is_gone(&error) => UnitResult::Gone,
        Some(Err(_)) | None => UnitResult::Unknown,
    }
}

/// Whether the sender may kill whomever it wants. Where the kernel's types are not known, root may.
fn may_kill_all(signal: &Signal) -> bool {
    signal.may_kill_all.unwrap_or(signal.euid == Some(0))
}

/// A process that was asked to end, and may yet die of it.
#[derive(Debug)]
struct Asked<T> {
    sent: BootNanos,
    tgid: Tgid,
    started: Option<BootNanos>,
    facts: T,
}

/// Takes out whoever died of a SIGTERM, `signalled` being when that process was last sent a signal. Who has survived one may be ended by
/// somebody else much later, and a process id is used again.
fn asked_to_end<T>(
    waiting: &mut VecDeque<Asked<T>>,
    tgid: Tgid,
    started: Option<BootNanos>,
    signalled: BootNanos,
) -> Option<Asked<T>> {
    let is_its = |asked: &Asked<T>| {
        let is_another = asked.started.is_some() && started.is_some() && !same(asked.started, started);
        !is_another && signalled.0.saturating_sub(asked.sent.0) <= DYING
    };
    let place = waiting.iter().rposition(|asked| asked.tgid == tgid && is_its(asked));
    let found = place.and_then(|place| waiting.remove(place));
    waiting.retain(|asked| asked.tgid != tgid);
    found
}

/// Kills that are not told yet.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// SIGTERMs whose receivers may yet die of them.
    waiting: VecDeque<Asked<Box<KillFacts>>>,
    /// Kills by systemd-oomd whose reason may yet be told: since when each waits, when it was, whom it hit.
    oomd: Vec<(Duration, BootNanos, Box<KillFacts>)>,
    /// Kills of those who may kill their own only.
    repeats: Repeats,
}

impl Collector {
    /// A deadly signal was sent.
    pub(super) fn signal(&mut self, signal: &Signal, stream: &mut Stream) -> Result<(), StreamError> {
        if signal.by_kernel {
            return Ok(());
        }
        let tgid = signal
            .target
            .tgid
            .or_else(|| tgid_of(signal.target.tid))
            .unwrap_or(Tgid(signal.target.tid.0));
        let path = self.victim_path(signal.target.cgroup, tgid);
        if !self.cgroups.is_selected(path.as_deref()) {
            return Ok(());
        }
        let mut signal_facts = self.signal_facts(signal, path.clone());
        let (user, mut evidence, after) = match purpose(&signal_facts) {
            Purpose::Other => return Ok(()),
            Purpose::Memory(user, evidence) => (user, evidence, None),
            Purpose::Consequence(user, evidence, killed) => (user, evidence, Some(killed)),
            Purpose::IfShort(user, mut evidence) => {
                let path = signal_facts.target_cgroup.take();
                let shortage = path.and_then(|path| self.shortage(&path, signal.sizes.anon));
                let Some(shortage) = shortage else { return Ok(()) };
                evidence.push(shortage);
                (user, evidence, None)
            }
        };
        let is_bounded = !may_kill_all(signal);
        if is_bounded && !self.signals.repeats.is_told(signal.owner, signal.time, &user.killer) {
            return Ok(());
        }
        let info = signal.target.started.is_none().then(|| process(tgid)).flatten();
        let victim = self.victim_event(&signal.target, tgid, signal.sizes, info, None);
        // Who kills for the host's memory looked at all of it.
        let holders = match user.origin {
            Origin::Userspace | Origin::SystemdOomd => self.holders("/", path.as_deref()),
            _ => Vec::new(),
        };
        let subject = self.victim_subject(signal.target.cgroup, path.as_deref());
        let facts = KillFacts {
            holders,
            user: Some(user),
            tasks: self.victim_tasks(path.as_deref(), &victim),
            ..KillFacts::new(subject, victim, std::mem::take(&mut evidence))
        };
        let is_sigterm = signal.number == SIGTERM;
        let Some(killed) = after else {
            return self.deadly(signal.time, is_sigterm, signal.target.started, facts, stream);
        };
        // Where there is nobody to ask, or the unit is none of the system's, it goes by the time.
        let unit = self.system_unit(path.as_deref().unwrap_or_default());
        let consequence = Consequence {
            sent: signal.time,
            is_sigterm,
            killed,
            started: signal.target.started,
            died_of: None,
            facts,
        };
        match self.questions.ask(&unit, Question::Consequence(Box::new(consequence))) {
            Err(Question::Consequence(consequence)) => self.consequence_told(*consequence, None, stream),
            _ => Ok(()),
        }
    }

    /// systemd has said how a unit ended that it sends signals to: because the kernel killed in it, or of something else.
    pub(super) fn consequence_told(
        &mut self,
        consequence: Consequence,
        answer: Answer,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        let Consequence {
            sent,
            is_sigterm,
            killed,
            started,
            died_of,
            mut facts,
        } = consequence;
        let Some((confidence, how)) = consequence_of(sent, killed, &result(answer)) else {
            return Ok(());
        };
        facts.evidence.extend(how.map(str::to_owned));
        if let Some(user) = &mut facts.user {
            user.confidence = confidence;
        }
        match died_of {
            Some(number) if is_sigterm && number != SIGTERM => Ok(()),
            Some(_) => self.deadly(sent, false, started, facts, stream),
            None => self.deadly(sent, is_sigterm, started, facts, stream),
        }
    }

    /// A signal that is for memory: told at once where it cannot be survived, else when its receiver dies of it.
    fn deadly(
        &mut self,
        sent: BootNanos,
        is_sigterm: bool,
        started: Option<BootNanos>,
        facts: KillFacts,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        let tgid = facts.victim.pid;
        if is_sigterm {
            // Only what dies of it was killed: many clean up and leave by themselves.
            self.signals.waiting.push_back(Asked {
                sent,
                tgid,
                started,
                facts: Box::new(facts),
            });
            if self.signals.waiting.len() > WAITING {
                self.signals.waiting.pop_front();
            }
            return Ok(());
        }
        self.signals.waiting.retain(|asked| asked.tgid != tgid);
        if !self.joiner.is_new(Some(tgid), started) {
            return Ok(());
        }
        self.count_kill(&facts);
        let by_oomd = facts
            .user
            .as_ref()
            .is_some_and(|user| user.origin == Origin::SystemdOomd);
        if by_oomd && self.questions.can_ask() {
            self.signals.oomd.push((Clock::boot(), sent, Box::new(facts)));
            return Ok(());
        }
        self.user_kill(sent, facts, stream)
    }

    /// systemd-oomd has told of a kill: its reason goes to all that waited for it.
    pub(super) fn oomd_told(&mut self, kill: &OomdKill, stream: &mut Stream) -> Result<(), StreamError> {
        let (told, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.signals.oomd).into_iter().partition(|waiting| {
            let path = waiting.2.subject.cgroup.path.as_deref().unwrap_or_default();
            kill.hit(path)
        });
        self.signals.oomd = rest;
        for (_, time, mut facts) in told {
            if let Some(user) = &mut facts.user {
                user.killer.reason = Some(kill.reason.clone());
                user.killer.words.clone_from(&kill.words);
                facts.evidence.push("org.freedesktop.oom1 Killed".to_owned());
            }
            self.user_kill(time, *facts, stream)?;
        }
        Ok(())
    }

    /// What has waited long enough for its reason is told without it.
    pub(super) fn oomd_waited(&mut self, all: bool, stream: &mut Stream) -> Result<(), StreamError> {
        let now = Clock::boot();
        let (due, rest) = std::mem::take(&mut self.signals.oomd)
            .into_iter()
            .partition(|(since, ..)| all || now.saturating_sub(*since) >= REASON);
        self.signals.oomd = rest;
        for (_, time, facts) in due {
            self.user_kill(time, *facts, stream)?;
        }
        Ok(())
    }

    /// Of whom too much was seen to be told one by one, how much that was.
    pub(super) fn repeats_over(&mut self, all: bool, stream: &mut Stream) -> Result<(), StreamError> {
        for (killer, count) in self.signals.repeats.over(Clock::boot_nanos(), all) {
            let event = Lost {
                stream: event::Stream::Repeated,
                count,
                killer: Some(killer),
            };
            stream.write(self.now(), Event::Lost(event))?;
        }
        Ok(())
    }

    /// A process ended of a deadly signal.
    pub(super) fn signal_death(&mut self, death: &Signal, stream: &mut Stream) -> Result<(), StreamError> {
        if let Some(tgid) = death.target.tgid
            && self.questions.died(tgid, death.number)
        {
            return Ok(());
        }
        let Some(tgid) = death.target.tgid else { return Ok(()) };
        let asked = asked_to_end(&mut self.signals.waiting, tgid, death.target.started, death.time);
        let Some(Asked { sent: time, facts, .. }) = asked.filter(|_| death.number == SIGTERM) else {
            return Ok(());
        };
        if !self.joiner.is_new(Some(facts.victim.pid), death.target.started) {
            return Ok(());
        }
        self.count_kill(&facts);
        self.user_kill(time, *facts, stream)
    }

    /// Counted at once: systemd's record of it may come before its reason.
    fn count_kill(&mut self, facts: &KillFacts) {
        if let Some(path) = &facts.subject.cgroup.path {
            self.ledger.killed(path, facts.subject.invocation_id.clone());
        }
    }

    fn user_kill(&mut self, time: BootNanos, facts: KillFacts, stream: &mut Stream) -> Result<(), StreamError> {
        let ts = self.clock.at(time);
        self.tell_kill(ts, facts, stream)
    }

    /// What is known of a signal beside who gets it.
    fn signal_facts(&self, signal: &Signal, path: Option<String>) -> SignalFacts {
        let sender = &signal.sender;
        let pid = sender.tgid.unwrap_or(Tgid(sender.tid.0));
        let cgroup = sender
            .cgroup
            .and_then(|id| self.cgroups.path(id).map(str::to_owned))
            .or_else(|| cgroup_of(&self.hierarchy, pid));
        let before = |path: &String| self.joiner.kernel_kill_before(signal.time, path, CONSEQUENCE);
        let may_kill_all = may_kill_all(signal);
        SignalFacts {
            sender: Sender {
                pid,
                comm: sender.comm.clone(),
                uid: signal.euid,
                may_kill_all,
                program: may_kill_all.then(|| program(pid)).flatten(),
                unit: cgroup.as_deref().and_then(|path| self.cgroups.unit(path).unit),
                cgroup,
            },
            sent: signal.time,
            target_started: signal.target.started,
            by_cgroup_kill: signal.writing == Writing::CgroupKill,
            kernel_kill: path.as_ref().and_then(before),
            target_cgroup: path,
        }
    }

    /// What is short at a cgroup in which a process of that much anonymous memory is killed, as the file that says so; `None`
    /// where nothing is.
    fn shortage(&mut self, path: &str, victim: Option<Bytes>) -> Option<String> {
        let mut turn = Turn::at(self.clock.now());
        let mut levels = Vec::new();
        for above in ancestry(path) {
            let now = self.read(above, &mut turn);
            levels.push(Level {
                cgroup: above.to_owned(),
                now: now.map(|reading| reading.memory),
                before: self.engine.last(above).map(|sample| sample.memory),
                pressure: now.and_then(|reading| reading.pressure),
            });
        }
        shortage(&levels, victim, turn.host().map(|host| (host.available, host.total)))
    }

    /// The kernel found nothing to kill.
    pub(super) fn oom_without_kill(&mut self, oom: &Oom, stream: &mut Stream) -> Result<(), StreamError> {
        let path = match oom.owner {
            Some(id) => self.cgroups.path(id).map(str::to_owned),
            None => Some("/".to_owned()),
        };
        let subject = match &path {
            Some(path) => self.subject(oom.owner, path),
            None => Subject::default(),
        };
        // Whoever lowers a limit goes on until it fits or nothing is left: with the last victim gone that is no news.
        let emptied = || {
            let path = path.as_deref()?;
            self.joiner.kernel_kill_before(oom.time, path, POLICY_WINDOW)
        };
        if oom.writing == Writing::MemoryMax && emptied().is_some() {
            return Ok(());
        }
        if !self.cgroups.is_selected(path.as_deref()) {
            return Ok(());
        }
        let facts = self.oom_facts(oom);
        let before = path.as_deref().and_then(|path| self.cgroups.at(path)?.ooms);
        let mut turn = Turn::at(self.clock.now());
        let now = path.as_deref().and_then(|path| self.read(path, &mut turn));
        let event = OomWithoutKill {
            limit: match &facts.owner {
                Some(owner) => Some(owner.limit_of(&subject)),
                None => self
                    .outside(facts.constraint, None, &oom.nodes, None)
                    .map(|outside| outside.limit),
            },
            trigger: Some(self.asker(&oom.trigger)),
            request: facts.request(),
            ooms: now
                .and_then(|reading| reading.events_local)
                .map(|events| events.oom.saturating_sub(before.unwrap_or_default())),
            subject,
            reason: "no_killable_task".to_owned(),
        };
        stream.write(self.clock.at(oom.time), Event::OomWithoutKill(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn who_survives_a_signal_is_not_said_to_die_of_it_when_somebody_else_ends_it_or_its_number_is_used_again() {
        let at = |second: u64| BootNanos(second * SECOND);
        let asked = |sent: u64, started: Option<u64>| Asked {
            sent: at(sent),
            tgid: Tgid(7),
            started: started.map(at),
            facts: sent,
        };
        let died = |asked: Vec<Asked<u64>>, started: Option<u64>, signalled: u64| {
            let mut waiting = VecDeque::from(asked);
            waiting.push_back(other());
            let found = asked_to_end(&mut waiting, Tgid(7), started.map(at), at(signalled));
            assert_eq!(waiting.len(), 1, "nothing of it is left, and another's is");
            found.map(|asked| asked.facts)
        };
        assert_eq!(died(vec![asked(100, Some(1))], Some(1), 100), Some(100));
        assert_eq!(died(vec![asked(100, None)], Some(1), 100), Some(100));
        // Asked twice, it died of the second.
        assert_eq!(
            died(vec![asked(100, Some(1)), asked(101, Some(1))], Some(1), 101),
            Some(101)
        );
        // While it died it was sent another.
        assert_eq!(died(vec![asked(100, Some(1))], Some(1), 103), Some(100));
        assert_eq!(died(vec![asked(100, Some(1))], Some(1), 5_000), None);
        assert_eq!(died(vec![asked(100, Some(1))], Some(102), 103), None);
    }

    fn other() -> Asked<u64> {
        Asked {
            sent: BootNanos(1),
            tgid: Tgid(8),
            started: None,
            facts: 0,
        }
    }
}
