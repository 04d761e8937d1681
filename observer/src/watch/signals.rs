//! Kills by user space: which deadly signals are for memory, and who sent them.
//!
//! Most deadly signals are not for memory: an admin's, a timeout's, a shell's. A signal is told as a kill where its
//! sender is a program whose business that is, where it goes through `cgroup.kill`, where systemd sends it because the
//! kernel killed in the same unit, or where the victim's unit or the host was short of memory.

use std::collections::VecDeque;
use std::time::Duration;

use super::clock::Clock;
use super::collector::{Collector, Turn};
use super::stream::{Stream, StreamError};
use crate::cgroup::{cgroup_of, process, tgid_of};
use crate::engine::{KillFacts, UserFacts, holds};
use crate::event::{Confidence, Event, Killer, Memory, OomWithoutKill, Origin, Subject, ancestry};
use crate::kernel::record::{Oom, Signal, Writing};
use crate::measure::{BootNanos, Bytes, Tgid};
use crate::unit::{UnitPath, oomd::OomdKill, systemd};

const SIGTERM: u32 = 15;

/// PID 1.
const SYSTEMD: Tgid = Tgid(1);

/// Programs whose business it is to kill before the kernel does, by their names as the kernel has them.
const KILLERS: [&str; 6] = ["earlyoom", "nohang", "oomd", "bustd", "psi-monitor", "facebook-oomd"];

/// systemd ends what is left of a unit within this time of a kernel kill, in nanoseconds: `TimeoutStopSec=`, 90 s unless
/// set, for `OOMPolicy=stop`.
const CONSEQUENCE: u64 = 100_000_000_000;

/// Where systemd cannot say why it kills: what it kills this soon after a kernel kill follows from it, in nanoseconds.
const AT_ONCE: u64 = 5_000_000_000;

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
    pub(super) async fn signal(&mut self, signal: Signal, stream: &mut Stream) -> Result<(), StreamError> {
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
        let Some((user, evidence)) = self.purpose(&signal, path.as_deref()).await else {
            return Ok(());
        };
        let victim = self.victim_event(&signal.target, tgid, signal.sizes, process(tgid));
        // Who kills for the host's memory looked at all of it.
        let holders = match user.origin {
            Origin::Userspace | Origin::SystemdOomd => self.holders("/", path.as_deref()),
            _ => Vec::new(),
        };
        let facts = KillFacts {
            holders,
            subject: self.victim_subject(signal.target.cgroup, path.as_deref()).await,
            oom: None,
            shared_mm: false,
            user: Some(user),
            tasks: self.victim_tasks(path.as_deref(), &victim),
            victim,
            trigger: None,
            evidence,
            concluded_limit: None,
            outside: None,
        };
        if signal.number == SIGTERM {
            // Only what dies of it was killed: many clean up and leave by themselves.
            self.signals.waiting.push_back((signal.time, tgid, Box::new(facts)));
            if self.signals.waiting.len() > WAITING {
                self.signals.waiting.pop_front();
            }
            return Ok(());
        }
        self.signals.waiting.retain(|(_, waiting, _)| *waiting != tgid);
        if !self.joiner.is_new(Some(tgid), signal.target.started) {
            return Ok(());
        }
        self.count_kill(&facts);
        let by_oomd = facts
            .user
            .as_ref()
            .is_some_and(|user| user.origin == Origin::SystemdOomd);
        if by_oomd && self.systemd.is_some() {
            self.signals.oomd.push((Clock::boot(), signal.time, Box::new(facts)));
            return Ok(());
        }
        self.user_kill(signal.time, facts, stream)
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
    pub(super) async fn signal_death(&mut self, death: &Signal, stream: &mut Stream) -> Result<(), StreamError> {
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
    async fn purpose(&mut self, signal: &Signal, path: Option<&str>) -> Option<(UserFacts, Vec<String>)> {
        let sender = &signal.sender;
        let tgid = sender.tgid.unwrap_or(Tgid(sender.tid.0));
        let sender_path = sender
            .cgroup
            .and_then(|id| self.cgroups.path(id).map(str::to_owned))
            .or_else(|| cgroup_of(&self.hierarchy, tgid));
        let sender_unit = sender_path.as_deref().and_then(|path| UnitPath::parse(path).unit);
        let seen = "do_send_sig_info".to_owned();
        let facts = |origin, confidence, after| UserFacts {
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
        };
        if sender_unit.as_deref() == Some("systemd-oomd.service") || sender.comm == "systemd-oomd" {
            return Some((facts(Origin::SystemdOomd, Confidence::Observed, None), vec![seen]));
        }
        if tgid == SYSTEMD {
            let (after, how) = self.consequence(signal, path?).await?;
            let confidence = if how.is_some() {
                Confidence::Observed
            } else {
                Confidence::Inferred
            };
            let evidence = std::iter::once(seen).chain(how).collect();
            return Some((facts(Origin::UnitOomPolicy, confidence, Some(after)), evidence));
        }
        if signal.writing == Writing::CgroupKill {
            let evidence = vec![seen, "cgroup_kill_write".to_owned()];
            return Some((facts(Origin::CgroupKill, Confidence::Observed, None), evidence));
        }
        if KILLERS.contains(&sender.comm.as_str()) {
            return Some((facts(Origin::Userspace, Confidence::Observed, None), vec![seen]));
        }
        // A program that ends its own children does its own business.
        if sender_path.is_some() && sender_path.as_deref() == path {
            return None;
        }
        let shortage = self.shortage(path?)?;
        let evidence = vec![seen, shortage];
        Some((facts(Origin::Userspace, Confidence::Inferred, None), evidence))
    }

    /// Whether systemd kills because the kernel did: the kernel's victim, and systemd's own word for it.
    async fn consequence(&mut self, signal: &Signal, path: &str) -> Option<(Tgid, Option<String>)> {
        let unit = UnitPath::parse(path);
        let (killed, after) = self.joiner.kernel_kill_before(signal.time, path, CONSEQUENCE)?;
        // Who was started since is another run's, and another matter.
        signal.target.started.filter(|started| *started < killed)?;
        let name = unit.unit.as_deref().filter(|_| unit.user_unit.is_none());
        // There is nobody to ask, no answer, or the unit is none that has a result.
        let unsaid = || (signal.time.0.saturating_sub(killed.0) <= AT_ONCE).then_some((after, None));
        let (Some(systemd), Some(name)) = (&self.systemd, name) else {
            return unsaid();
        };
        let result = match systemd.state(name).await {
            Ok(status) if status.load_state != "not-found" => status.result,
            // What ended for want of memory has failed, and what failed stays loaded: this ended another way.
            Ok(_) => return None,
            Err(error) if systemd::is_gone(&error) => return None,
            Err(_) => None,
        };
        match result.as_deref() {
            Some("oom-kill") => Some((after, Some("Result=oom-kill".to_owned()))),
            // It ends it for another reason.
            Some(_) => None,
            None => unsaid(),
        }
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
            self.joiner.kernel_kill_before(oom.time, path, AT_ONCE)
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
