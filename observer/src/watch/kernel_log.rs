//! The kernel's log, where probes are missing: what it says of a kill is what they would have seen.
//!
//! Read as it is written: at its lines processes and cgroups are mostly still there. What is not, and is not in the log, is
//! not known.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::unix::AsyncFd;

use super::clock::Clock;
use super::collector::Collector;
use super::placeless::Unplaced;
use super::rings::wait_for;
use super::stream::{Stream, StreamError};
use crate::cgroup::{TaskInfo, cgroup_of, process, tgid_of};
use crate::engine::log::{Group, Kill, LogLine, LogParser, Logged, Report};
use crate::engine::verdict::from_log as logged;
use crate::engine::{KillFacts, OomFacts, holds};
use crate::event::{self, Event, Lost, OomWithoutKill, Shortage, Subject, Trigger};
use crate::kernel::log::DEVICE;
use crate::kernel::record::{Task, Victim};
use crate::measure::{BootNanos, CgroupId, Sizes, Tgid};
use crate::page;
use crate::unit::UnitPath;

/// Longer than any record with all of its bytes escaped (`CONSOLE_EXT_LOG_MAX`, include/linux/console.h).
pub(super) const RECORD: usize = 16_384;

/// Choices and groups whose victims may still come.
const REMEMBERED: usize = 16;

/// A group's members are marked within this time of its line.
const AT_ONCE: Duration = Duration::from_secs(1);

/// An owner without anything to kill is told once in this time: the kernel tries again and again.
const UNKILLED_AGAIN: Duration = Duration::from_secs(1);

/// What the log says of a choice that no probe saw.
pub(super) struct LoggedChoice {
    pub(super) facts: OomFacts,
    /// What was short, where no memory cgroup's limit was what stopped the request.
    pub(super) shortage: Option<Shortage>,
    /// Where the chosen one lived.
    pub(super) path: Option<String>,
    /// The memory nodes that a cpuset or a memory policy names.
    pub(super) nodes: Vec<u32>,
    /// The victim by the table of tasks: its process, and how large it was.
    pub(super) row: Option<(Tgid, Sizes)>,
}

/// A kill that the log tells, with what was known when it was read.
pub(super) struct LoggedKill {
    kill: Kill,
    /// Whether it is one of the group that the log told of before.
    is_of_group: bool,
    time: BootNanos,
    tgid: Tgid,
    info: Option<TaskInfo>,
    seen_in: Option<String>,
    /// The file whose counter says where it was, where nothing else did.
    pub(super) counted_by: Option<&'static str>,
}

/// The open device and what was read of it.
pub(super) struct KernelLog {
    device: AsyncFd<File>,
    buffer: Vec<u8>,
    parser: LogParser,
    /// The number that the next record should have.
    next: Option<u64>,
    lost: u64,
    choices: VecDeque<Arc<Report>>,
    /// Each with the time at which it was read.
    groups: VecDeque<(Group, Duration)>,
    /// The owners without anything to kill, and when each was told last.
    unkilled: VecDeque<(Option<String>, Duration)>,
}

/// The device behind its last record; reading it waits for nothing.
pub(super) fn open() -> io::Result<File> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let mut device = OpenOptions::new().read(true).custom_flags(nonblocking).open(DEVICE)?;
    device.seek(SeekFrom::End(0))?;
    Ok(device)
}

impl KernelLog {
    /// From now on.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self {
            device: wait_for(open()?)?,
            buffer: vec![0; RECORD],
            parser: LogParser::default(),
            next: None,
            lost: 0,
            choices: VecDeque::new(),
            groups: VecDeque::new(),
            unkilled: VecDeque::new(),
        })
    }

    /// Waits until there is something to read.
    pub(super) async fn readable(&self) {
        if let Ok(mut guard) = self.device.readable().await {
            guard.clear_ready();
        }
    }

    /// Reads what is there.
    pub(super) fn drain(&mut self) -> Vec<Logged> {
        let mut told = Vec::new();
        loop {
            let length = match self.device.get_mut().read(&mut self.buffer) {
                Ok(length) if length > 0 => length,
                // EPIPE: what was next is overwritten; the next read goes on with what is left. The numbers tell how much.
                Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::Interrupted) => continue,
                // Nothing more for now; an error that stays shows as kills that the kernel counts and nobody saw.
                Ok(_) | Err(_) => return told,
            };
            let Some(line) = LogLine::parse(self.buffer.get(..length).unwrap_or_default()) else {
                continue;
            };
            let missing = self.next.map_or(0, |next| line.sequence.saturating_sub(next));
            self.next = Some(line.sequence.saturating_add(1));
            if missing > 0 {
                self.lost += missing;
                self.parser.gap();
            }
            told.extend(self.parser.line(line));
        }
    }

    /// How many lines were overwritten since this was last asked.
    pub(super) fn newly_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn keep(&mut self, logged: &Logged) {
        match logged {
            Logged::Choice(report) => self.choices.push_back(Arc::clone(report)),
            Logged::Group(group) => self.groups.push_back((group.clone(), Clock::boot())),
            Logged::Kill(_) | Logged::NothingToKill(_) => {}
        }
        if self.choices.len() > REMEMBERED {
            self.choices.pop_front();
        }
        if self.groups.len() > REMEMBERED {
            self.groups.pop_front();
        }
    }

    /// The report on a victim that a probe saw, by who asked for memory, and its group where it is not the chosen one.
    fn report_of(&self, victim: &Victim, tgid: Tgid) -> Option<(Arc<Report>, Option<Group>)> {
        let asked = |report: &&Arc<Report>| report.trigger_tid == Some(victim.trigger_tid);
        let is_chosen = |report: &&Arc<Report>| {
            let Some(chosen) = report.chosen else { return false };
            // The log names the process, a mark the thread that holds the memory: the table has both.
            let holder = report.row(chosen).map(|row| row.tid);
            chosen == victim.task.tid || chosen.0 == tgid.0 || holder == Some(victim.task.tid)
        };
        let own = self.choices.iter().rev().filter(asked).find(is_chosen);
        if let Some(report) = own {
            return Some((Arc::clone(report), None));
        }
        // What the same task had killed later, its report left out, is none of the group.
        let marked = Duration::from_nanos(victim.time.0);
        self.groups.iter().rev().find_map(|(group, read)| {
            let report = group.report.as_ref().filter(asked)?;
            (marked <= *read + AT_ONCE).then(|| (Arc::clone(report), Some(group.clone())))
        })
    }
}

impl Collector {
    /// Works on what the kernel's log says, in its order. Where a probe sees the same, the log is kept for what it does not.
    pub(super) fn read_log(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let told = log.drain();
        let lost = log.newly_lost();
        for logged in told {
            if let Some(log) = self.log.as_mut().filter(|_| self.sees.victims) {
                log.keep(&logged);
            }
            match logged {
                Logged::Kill(kill) if !self.sees.victims => self.logged_kill(kill, stream)?,
                Logged::NothingToKill(report) if !self.sees.unkilled => self.nothing_to_kill(&report, stream)?,
                Logged::Choice(_) | Logged::Group(_) | Logged::Kill(_) | Logged::NothingToKill(_) => {}
            }
        }
        if lost == 0 {
            return Ok(());
        }
        let event = Lost {
            stream: event::Stream::KernelLog,
            count: lost,
            killer: None,
        };
        stream.write(self.now(), Event::Lost(event))
    }

    fn logged_kill(&mut self, kill: Kill, stream: &mut Stream) -> Result<(), StreamError> {
        self.joiner.marks += 1;
        if let Some(group) = kill.group.as_ref().filter(|group| group.leader == kill.tid) {
            // Counted once more there.
            if let Some(path) = logged::path(Some(group), kill.report.as_deref(), None) {
                self.ledger.marked(&path);
            }
            return Ok(());
        }
        let time = Clock::boot_nanos();
        let report = kill.report.as_deref();
        let tgid = report
            .and_then(|report| report.row(kill.tid))
            .map(|row| row.tgid)
            .or_else(|| tgid_of(kill.tid))
            .unwrap_or(Tgid(kill.tid.0));
        // Another may have its number by now.
        let info = process(tgid).filter(|info| info.comm == kill.comm);
        let seen_in = info.as_ref().and_then(|_| cgroup_of(&self.hierarchy, tgid));
        // A kill without a report just after a group's: not one of the group, where it lived elsewhere.
        let group = kill
            .group
            .as_ref()
            .filter(|group| seen_in.as_deref().is_none_or(|path| holds(&group.path, path)));
        let report = report.filter(|_| kill.group.is_some() == group.is_some());
        let path = logged::path(group, report, seen_in.as_deref());
        let is_of_group = group.is_some();
        let logged = LoggedKill {
            kill,
            is_of_group,
            time,
            tgid,
            info,
            seen_in,
            counted_by: None,
        };
        match path {
            Some(path) => {
                self.ledger.marked(&path);
                self.logged_placed(logged, Some(&path), stream)
            }
            None => self.unplaced(Unplaced::Logged(Box::new(logged)), stream),
        }
    }

    /// A kill of which it is known where, as far as that can be.
    pub(super) fn logged_placed(
        &mut self,
        logged: LoggedKill,
        path: Option<&str>,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        let LoggedKill {
            kill,
            is_of_group,
            time,
            tgid,
            info,
            seen_in,
            counted_by,
        } = logged;
        let group = kill.group.as_ref().filter(|_| is_of_group);
        let report = kill.report.as_deref().filter(|_| kill.group.is_some() == is_of_group);
        if let Some(path) = path {
            self.joiner.killed(time, tgid, path);
            let run = self.cgroups.id(path).and_then(|id| self.invocation(id));
            self.ledger.killed(path, run);
        }
        if !self.cgroups.is_selected(path) {
            return Ok(());
        }
        let task = Task {
            tgid: Some(tgid),
            tid: kill.tid,
            cgroup: None,
            started: None,
            uid: kill.uid,
            oom_score_adj: kill.oom_score_adj,
            parent: None,
            exiting: false,
            comm: kill.comm.clone(),
        };
        let victim = self.victim_event(&task, tgid, kill.sizes, info, None);
        let mut evidence = vec![DEVICE.to_owned()];
        evidence.extend(counted_by.map(str::to_owned));
        let oom = match group {
            Some(group) => Some(logged::group(group)),
            None => report.and_then(logged::choice),
        };
        let mut concluded_limit = None;
        if oom.is_none()
            && kill.in_memcg == Some(true)
            && let Some((limit, file)) = path.and_then(|path| self.conclude(path))
        {
            evidence.push(file.to_owned());
            concluded_limit = Some(limit);
        }
        let trigger = report.and_then(|report| self.logged_trigger(report, tgid));
        let asked_in = trigger.as_ref().and_then(|trigger| trigger.cgroup.as_deref());
        let nodes = report.map_or(&[][..], |report| &report.nodes);
        let outside = oom
            .as_ref()
            .filter(|oom| oom.owner.is_none())
            .and_then(|oom| self.outside(oom.constraint, asked_in, nodes, None));
        let (outside, ledger) = outside.map(|outside| (outside.limit, outside.ledger)).unzip();
        let subject = match path {
            Some(path) => self.logged_subject(path, seen_in.as_deref()),
            None => Subject::default(),
        };
        let facts = KillFacts {
            outside,
            ledger: ledger.flatten(),
            holders: self.kernel_holders(oom.as_ref(), concluded_limit.as_ref(), path),
            trigger,
            shortage: report.and_then(|report| logged::shortage_of(report, kill.in_memcg)),
            oom,
            tasks: self.logged_tasks(report, path, &victim),
            concluded_limit,
            // Of a limit that no counter points at nothing is told but that.
            in_memcg: kill.in_memcg.filter(|in_memcg| !in_memcg),
            ..KillFacts::new(subject, victim, evidence)
        };
        let ts = self.clock.at(time);
        self.tell_kill(ts, facts, stream)
    }

    /// The cgroup by its path. Which of those that had this path one after the other is certain only where the victim is still
    /// in it, or where it is the one that was there all the time.
    fn logged_subject(&mut self, path: &str, seen_in: Option<&str>) -> Subject {
        let now = self.hierarchy.id_of(path).ok();
        let id: Option<CgroupId> = now.filter(|id| seen_in == Some(path) || self.cgroups.id(path) == Some(*id));
        self.subject(id, path)
    }

    /// The log's table where it is of the victim's cgroup, else what `/proc` says.
    fn logged_tasks(&self, report: Option<&Report>, path: Option<&str>, victim: &event::Victim) -> Vec<event::Task> {
        logged::tasks(report, path, page::size()).unwrap_or_else(|| self.victim_tasks(path, victim))
    }

    fn logged_trigger(&self, report: &Report, victim: Tgid) -> Option<Trigger> {
        let tid = report.trigger_tid?;
        let pid = report
            .row(tid)
            .map(|row| row.tgid)
            .or_else(|| tgid_of(tid))
            .or_else(|| (report.chosen == Some(tid)).then_some(victim));
        let cgroup = if report.chosen == Some(tid) {
            report.chosen_cgroup.clone()
        } else {
            pid.and_then(|pid| cgroup_of(&self.hierarchy, pid))
        };
        Some(Trigger {
            pid,
            tid: Some(tid),
            comm: report.trigger_comm.clone(),
            uid: pid.and_then(process).and_then(|info| info.uid),
            unit: cgroup.as_deref().and_then(|path| UnitPath::parse(path).unit),
            cgroup,
        })
    }

    /// What the log says of the choice behind a victim that a probe saw.
    pub(super) fn logged_choice(
        &mut self,
        victim: &Victim,
        tgid: Tgid,
        stream: &mut Stream,
    ) -> Result<Option<LoggedChoice>, StreamError> {
        if self.sees.choices {
            return Ok(None);
        }
        // It was written before the victim was marked.
        self.read_log(stream)?;
        let Some(log) = &self.log else { return Ok(None) };
        let Some((report, group)) = log.report_of(victim, tgid) else {
            return Ok(None);
        };
        let seen_in = cgroup_of(&self.hierarchy, tgid);
        let is_outside = |group: &Group| seen_in.as_deref().is_some_and(|path| !holds(&group.path, path));
        if group.as_ref().is_some_and(is_outside) {
            return Ok(None);
        }
        let path = logged::path(group.as_ref(), Some(&report), seen_in.as_deref());
        Ok(logged::choice(&report).map(|facts| LoggedChoice {
            facts,
            shortage: logged::shortage_of(&report, None),
            path,
            nodes: report.nodes.clone(),
            row: report.row(victim.task.tid).map(|row| (row.tgid, row.sizes)),
        }))
    }

    fn nothing_to_kill(&mut self, report: &Report, stream: &mut Stream) -> Result<(), StreamError> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let now = Clock::boot();
        log.unkilled
            .retain(|(_, told)| now.saturating_sub(*told) < UNKILLED_AGAIN);
        if log.unkilled.iter().any(|(owner, _)| *owner == report.owner) {
            return Ok(());
        }
        log.unkilled.push_back((report.owner.clone(), now));
        // Whoever lowers a limit goes on until it fits or nothing is left: with the last victim gone that is no news.
        if report.tasks.is_empty() {
            return Ok(());
        }
        let path = report.owner.as_deref().unwrap_or("/");
        if !self.cgroups.is_selected(Some(path)) {
            return Ok(());
        }
        let event = OomWithoutKill {
            subject: self.logged_subject(path, None),
            reason: "no_killable_task".to_owned(),
            ..OomWithoutKill::default()
        };
        stream.write(self.now(), Event::OomWithoutKill(event))
    }
}
