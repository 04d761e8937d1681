//! Kills by user space: which deadly signals are for memory, and who sent them.
//!
//! Most deadly signals are not for memory: an admin's, a timeout's, a shell's. A signal is told as a kill where its
//! sender is a program whose business that is, where it goes through `cgroup.kill`, where systemd sends it because the
//! kernel killed in the same unit, or where the victim's unit or the host was short of memory.

use std::collections::VecDeque;
use std::time::Duration;

use super::clock::Clock;
use super::collector::{Collector, Turn};
use super::questions::{Answer, Consequence, Question};
use super::stream::{Stream, StreamError};
use crate::cgroup::{cgroup_of, process, tgid_of};
use crate::engine::{KillFacts, UserFacts, holds};
use crate::event::{Confidence, Event, Killer, Memory, OomWithoutKill, Origin, Subject, ancestry};
use crate::kernel::record::{Oom, Signal, Writing};
use crate::measure::{BootNanos, Bytes, Tgid};
use crate::unit::{oomd::OomdKill, systemd};

const SIGTERM: u32 = 15;

/// PID 1.
const SYSTEMD: Tgid = Tgid(1);

/// Programs whose business it is to kill before the kernel does, by their names as the kernel has them.
const KILLERS: [&str; 6] = ["earlyoom", "nohang", "oomd", "bustd", "psi-monitor", "facebook-oomd"];

/// systemd ends what is left of a unit within this time of a kernel kill, in nanoseconds: `TimeoutStopSec=`, 90 s unless
/// set, for `OOMPolicy=stop`.
const CONSEQUENCE: u64 = 100_000_000_000;

/// Where systemd cannot say why it kills: what it kills this soon after a kernel kill follows from it, in nanoseconds.
const POLICY_WINDOW: u64 = 5_000_000_000;

/// The host is short of memory below this share that is available: earlyoom's own default.
const SHORT: f64 = 0.10;

/// A limit is as good as reached from this share on: of page cache, what is mapped and run is not given back for long.
const FULL: f64 = 0.90;

/// Stalls are a shortage from this `full avg10` on, in per cent.
const STALLED: f64 = 10.0;

/// SIGTERMs whose end is awaited, at most.
const WAITING: usize = 1_024;

/// A kill by systemd-oomd waits this long for its reason, which is told after the signals.
const REASON: Duration = Duration::from_secs(4);

/// What a deadly signal is for.
struct Purpose {
    user: UserFacts,
    evidence: Vec<String>,
    /// The unit whose `Result=` decides it, and when the kernel killed in it.
    ask: Option<(String, BootNanos)>,
}

/// What systemd says of how a unit ended.
enum Said {
    Result(String),
    /// It has no such unit, or has it no more.
    Gone,
    /// There is nobody to ask, no answer, or the unit is none that has a result.
    Nothing,
}

fn result(answer: Answer) -> Said {
    match answer {
        Some(Ok(status)) if status.load_state == "not-found" => Said::Gone,
        Some(Ok(status)) => status.result.map_or(Said::Nothing, Said::Result),
        Some(Err(error)) if systemd::is_gone(&error) => Said::Gone,
        Some(Err(_)) | None => Said::Nothing,
    }
}

/// Kills that are not told yet.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// SIGTERMs whose receivers may yet die of them.
    waiting: VecDeque<(BootNanos, Tgid, Box<KillFacts>)>,
    /// Kills by systemd-oomd whose reason may yet be told: since when each waits, when it was, whom it hit.
    oomd: Vec<(Duration, BootNanos, Box<KillFacts>)>,
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
        let Some(purpose) = self.purpose(signal, path.as_deref()) else {
            return Ok(());
        };
        let victim = self.victim_event(&signal.target, tgid, signal.sizes, process(tgid));
        // Who kills for the host's memory looked at all of it.
        let holders = match purpose.user.origin {
            Origin::Userspace | Origin::SystemdOomd => self.holders("/", path.as_deref()),
            _ => Vec::new(),
        };
        let facts = KillFacts {
            holders,
            subject: self.victim_subject(signal.target.cgroup, path.as_deref()),
            oom: None,
            shared_mm: false,
            user: Some(purpose.user),
            tasks: self.victim_tasks(path.as_deref(), &victim),
            victim,
            trigger: None,
            evidence: purpose.evidence,
            concluded_limit: None,
            outside: None,
        };
        let is_sigterm = signal.number == SIGTERM;
        let Some((unit, killed)) = purpose.ask else {
            return self.deadly(signal.time, is_sigterm, signal.target.started, facts, stream);
        };
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
        let is_soon = sent.0.saturating_sub(killed.0) <= POLICY_WINDOW;
        match result(answer) {
            Said::Result(result) if result == "oom-kill" => {
                facts.evidence.push("Result=oom-kill".to_owned());
                if let Some(user) = &mut facts.user {
                    user.confidence = Confidence::Observed;
                }
            }
            // It ends for another reason, or has ended another way: what ended for want of memory has failed, and what
            // failed stays loaded.
            Said::Result(_) | Said::Gone => return Ok(()),
            Said::Nothing if !is_soon => return Ok(()),
            Said::Nothing => {}
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
            self.signals.waiting.push_back((sent, tgid, Box::new(facts)));
            if self.signals.waiting.len() > WAITING {
                self.signals.waiting.pop_front();
            }
            return Ok(());
        }
        self.signals.waiting.retain(|(_, waiting, _)| *waiting != tgid);
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
            holds(kill.cgroup.trim_end_matches('/'), path)
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

    /// A process ended of a deadly signal.
    pub(super) fn signal_death(&mut self, death: &Signal, stream: &mut Stream) -> Result<(), StreamError> {
        if let Some(tgid) = death.target.tgid
            && self.questions.died(tgid, death.number)
        {
            return Ok(());
        }
        let place = self
            .signals
            .waiting
            .iter()
            .position(|(_, tgid, _)| Some(*tgid) == death.target.tgid);
        let Some((time, _, facts)) = place.and_then(|place| self.signals.waiting.remove(place)) else {
            return Ok(());
        };
        if death.number != SIGTERM {
            return Ok(());
        }
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

    /// Whether a signal is for memory, and how that is known.
    fn purpose(&mut self, signal: &Signal, path: Option<&str>) -> Option<Purpose> {
        let sender = &signal.sender;
        let tgid = sender.tgid.unwrap_or(Tgid(sender.tid.0));
        let sender_path = sender
            .cgroup
            .and_then(|id| self.cgroups.path(id).map(str::to_owned))
            .or_else(|| cgroup_of(&self.hierarchy, tgid));
        let sender_unit = sender_path.as_deref().and_then(|path| self.cgroups.unit(path).unit);
        let seen = "do_send_sig_info".to_owned();
        let purpose = |origin, confidence, after, evidence| Purpose {
            user: UserFacts {
                origin,
                confidence,
                killer: Killer {
                    pid: Some(tgid),
                    comm: Some(sender.comm.clone()),
                    unit: sender_unit.clone(),
                    reason: None,
                    words: None,
                },
                after,
            },
            evidence,
            ask: None,
        };
        if sender_unit.as_deref() == Some("systemd-oomd.service") || sender.comm == "systemd-oomd" {
            return Some(purpose(Origin::SystemdOomd, Confidence::Observed, None, vec![seen]));
        }
        if tgid == SYSTEMD {
            let path = path?;
            let (killed, after) = self.joiner.kernel_kill_before(signal.time, path, CONSEQUENCE)?;
            // Who was started since is another run's, and another matter.
            signal.target.started.filter(|started| *started < killed)?;
            let unit = self.cgroups.unit(path);
            // Where there is nobody to ask, or the unit is none of the system's, it goes by the time.
            let name = unit.unit.filter(|_| unit.user_unit.is_none()).unwrap_or_default();
            return Some(Purpose {
                ask: Some((name, killed)),
                ..purpose(Origin::UnitOomPolicy, Confidence::Inferred, Some(after), vec![seen])
            });
        }
        if signal.writing == Writing::CgroupKill {
            let evidence = vec![seen, "cgroup_kill_write".to_owned()];
            return Some(purpose(Origin::CgroupKill, Confidence::Observed, None, evidence));
        }
        if KILLERS.contains(&sender.comm.as_str()) {
            return Some(purpose(Origin::Userspace, Confidence::Observed, None, vec![seen]));
        }
        // A program that ends its own children does its own business.
        if sender_path.is_some() && sender_path.as_deref() == path {
            return None;
        }
        let shortage = self.shortage(path?)?;
        Some(purpose(
            Origin::Userspace,
            Confidence::Inferred,
            None,
            vec![seen, shortage],
        ))
    }

    /// What is short at a cgroup, as the file that says so; `None` where nothing is.
    fn shortage(&mut self, path: &str) -> Option<String> {
        let mut turn = Turn::at(self.clock.now());
        for above in ancestry(path) {
            let now = self.read(above, &mut turn);
            // By now the victim may have let go of what it had, or its cgroup be gone: the sample from before counts too.
            let before = self.engine.last(above).map(|sample| sample.memory);
            if now
                .iter()
                .map(|reading| reading.memory)
                .chain(before)
                .any(|memory| is_full(&memory))
            {
                return Some(format!("{above} memory.max"));
            }
            let pressure = now.and_then(|reading| reading.pressure);
            if pressure.is_some_and(|pressure| pressure.full_avg10 >= STALLED) {
                return Some(format!("{above} memory.pressure"));
            }
        }
        let host = turn.host()?;
        (host.available.as_f64() < host.total.as_f64() * SHORT).then(|| "MemAvailable".to_owned())
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
                None => self.outside(facts.constraint, None, &oom.nodes),
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

/// Whether what cannot be had back fills the limit.
fn is_full(memory: &Memory) -> bool {
    let size = |size: Option<Bytes>| size.unwrap_or_default();
    let cache = size(memory.file).saturating_sub(size(memory.shmem));
    let fixed = size(memory.current).saturating_sub(cache);
    memory.max.is_some_and(|max| fixed.as_f64() >= max.as_f64() * FULL)
}
