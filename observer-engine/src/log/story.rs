//! What the kernel's log told, as the events that everything else speaks of.

use observer_common::Constraint;

use super::report::Report;
use super::{Group, Kill};
use serde_json::Value;

use crate::event::{self, Event, Line, Origin, Subject, Task, Trigger};
use crate::measure::{Bytes, Pages, Tgid, Timestamp};
use crate::unit::UnitPath;
use crate::verdict::from_log::{self as logged, MAX_TASKS};
use crate::verdict::{KillFacts, holds, verdict};

/// A charge takes up to so many pages at once (`MEMCG_CHARGE_BATCH`, mm/memcontrol.c): a limit that lacks no more was reached.
const BATCH: u64 = 64 * 65_536;

/// When something was written, as far as the line says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The time, where its zone is known.
    pub ts: Option<Timestamp>,
    /// Microseconds of the kernel's own clock.
    pub mono: Option<u64>,
    /// The date and time as they stand there, in the machine's own zone.
    pub clock: Option<String>,
}

/// Something that a log told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// When it was written.
    pub stamp: Stamp,
    /// The machine.
    pub host: Option<String>,
    /// What.
    pub event: Event,
    /// Whether the log says by whom the line was written, in a field that only the journal can set.
    pub checked: bool,
}

impl Told {
    /// As a line of the stream, but that a log need not tell the time or the machine. What any program may have written is
    /// told as concluded.
    ///
    /// # Errors
    /// Where a value cannot be written as JSON.
    pub fn to_json(&self, seq: u64) -> serde_json::Result<Value> {
        let mut event = self.event.clone();
        if let Event::Kill(kill) = &mut event
            && !self.checked
        {
            kill.confidence = event::Confidence::Inferred;
        }
        let line = Line {
            event,
            ts: self.stamp.ts.unwrap_or(Timestamp(jiff::Timestamp::UNIX_EPOCH)),
            seq,
            host: self.host.clone().unwrap_or_default(),
        };
        let mut line = serde_json::to_value(&line)?;
        if let Some(fields) = line.as_object_mut() {
            if self.stamp.ts.is_none() {
                fields.insert("ts".to_owned(), Value::Null);
            }
            if self.host.is_none() {
                fields.insert("host".to_owned(), Value::Null);
            }
            fields.insert(
                "log_time".to_owned(),
                self.stamp.text().map_or(Value::Null, Value::String),
            );
        }
        Ok(line)
    }
}

impl Stamp {
    /// The time as the log has it.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let mono = self
            .mono
            .map(|mono| format!("{}.{:06}", mono / 1_000_000, mono % 1_000_000));
        self.clock.clone().or(mono)
    }
}

/// A kill by the kernel, as an event. `path` is where the victim lived, where that is known from elsewhere.
pub(crate) fn kill_event(kill: &Kill, path: Option<&str>) -> event::Kill {
    let (group, report) = (kill.group.as_ref(), kill.report.as_deref());
    // Where the kernel looked for another reason than those that are known, no limit need have been reached.
    let in_memcg = kill
        .in_memcg
        .filter(|_| !report.is_some_and(|report| report.is_strange));
    let row = report.and_then(|report| report.row(kill.tid));
    let tgid = row.map_or(Tgid(kill.tid.0), |row| row.tgid);
    let path = path.map(str::to_owned).or_else(|| logged::path(group, report, None));
    let subject = subject(path.as_deref());
    let victim = event::Victim {
        tid: Some(kill.tid),
        uid: kill.uid,
        oom_score_adj: kill.oom_score_adj,
        total_vm: kill.sizes.total_vm,
        anon: kill.sizes.anon,
        file: kill.sizes.file,
        shmem: kill.sizes.shmem,
        swap: kill.sizes.swap,
        pgtables: kill.sizes.pgtables,
        ..event::Victim::new(tgid, kill.comm.clone())
    };
    let mut oom = match group {
        Some(group) => Some(logged::group(group)),
        None => report.and_then(|report| logged::concluded(report, in_memcg)),
    };
    if let Some(oom) = oom.as_mut().filter(|_| group.is_none()) {
        oom.chosen = kill.shares.map(|tid| Tgid(tid.0)).or(Some(tgid));
    }
    let facts = KillFacts {
        trigger: report.and_then(|report| trigger(report, tgid, &subject)),
        tasks: report.map(|report| tasks(report, Some(kill))).unwrap_or_default(),
        shortage: report
            .zip(oom.as_ref())
            .and_then(|(report, _)| logged::shortage_of(report, kill.in_memcg)),
        ledger: report
            .zip(oom.as_ref())
            .and_then(|(report, _)| logged::ledger_of(report, kill.in_memcg)),
        shared_mm: kill.shares.is_some(),
        unfreed: kill.earlier.as_deref().cloned(),
        oom,
        in_memcg,
        ..KillFacts::new(subject, victim, vec!["kernel log".to_owned()])
    };
    let mut told = verdict(facts, |_| None);
    if let Some((limit, report)) = told.limit.as_mut().zip(report) {
        name_counter(limit, report);
    }
    if !kill.killed {
        told.evidence.push("oom_reaper".to_owned());
        told.confidence = event::Confidence::Inferred;
    }
    told
}

/// A kill of which only the report is there: who was killed is not told, or only by the line that sums the OOM up.
pub(crate) fn unfinished(report: Report) -> Option<event::Kill> {
    let chosen = report.chosen;
    let in_memcg = report.in_memcg();
    if chosen.is_none() && (in_memcg != Some(true) || report.stack.choice == Some(false)) {
        return None;
    }
    let row = chosen.and_then(|tid| report.row(tid));
    let kill = Kill {
        tid: chosen.unwrap_or(crate::measure::Tid(0)),
        comm: report
            .chosen_comm
            .clone()
            .or(row.map(|row| row.comm.clone()))
            .unwrap_or_default(),
        uid: report.chosen_uid,
        oom_score_adj: row.and_then(|row| row.oom_score_adj),
        sizes: row.map(|row| row.sizes(report.page(None))).unwrap_or_default(),
        in_memcg,
        in_one_line: false,
        report: Some(report.into()),
        group: None,
        shares: None,
        earlier: None,
        killed: true,
    };
    let mut told = kill_event(&kill, None);
    told.confidence = event::Confidence::Inferred;
    // A choice names the process, and another thread of it may be marked.
    let victim = told.victim.filter(|_| chosen.is_some());
    told.victim = victim.map(|victim| event::Victim { tid: None, ..victim });
    Some(told)
}

/// Whose a path is. What stands in a system container is that one's word, and told: nothing of this machine is looked up by it.
pub(crate) fn subject(path: Option<&str>) -> Subject {
    let Some(path) = path else { return Subject::default() };
    let mut subject = UnitPath::parse(path).into_subject(None, path, None);
    let inside = in_lxc(path).and_then(|rest| UnitPath::parse(rest).container);
    subject.container = inside.or(subject.container);
    subject
}

/// The path as a system container of LXC's sees it: `/lxc/NAME/ns/…` (Proxmox), `/lxc.payload.NAME/…` or `/lxc/NAME/…`.
fn in_lxc(path: &str) -> Option<&str> {
    let inside = path
        .strip_prefix("/lxc/")
        .or_else(|| path.strip_prefix("/lxc.payload."))?;
    let (place, _) = inside.match_indices('/').next()?;
    let rest = inside.get(place..)?;
    Some(
        rest.strip_prefix("/ns")
            .filter(|rest| rest.starts_with('/'))
            .unwrap_or(rest),
    )
}

/// Who asked for memory; its process is known where it is in the table, or the victim itself.
fn trigger(report: &Report, victim: Tgid, subject: &Subject) -> Option<Trigger> {
    let tid = report.trigger_tid;
    if tid.is_none() && report.trigger_comm.is_empty() {
        return None;
    }
    let row = tid.and_then(|tid| report.row(tid));
    let pid = row
        .map(|row| row.tgid)
        .or(tid.is_some_and(|tid| tid.0 == victim.0).then_some(victim));
    let is_victim = pid == Some(victim);
    Some(Trigger {
        pid,
        tid,
        comm: report.trigger_comm.clone(),
        uid: report.trigger_uid.or(row.and_then(|row| row.uid)),
        unit: subject.unit.clone().filter(|_| is_victim),
        cgroup: subject.cgroup.path.clone().filter(|_| is_victim),
    })
}

/// The kernel's table, largest first: all who might have been chosen.
fn tasks(report: &Report, kill: Option<&Kill>) -> Vec<Task> {
    let page = report.page(kill.map(|kill| (kill.tid, kill.sizes.total_vm)));
    let mut rows: Vec<_> = report.tasks.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.rss));
    rows.truncate(MAX_TASKS);
    let task = |row: &super::Row| {
        let sizes = row.sizes(page);
        Task {
            pid: row.tgid,
            comm: row.comm.clone(),
            rss: row.rss.zip(page).map(|(pages, page)| Pages(pages).to_bytes(page)),
            anon: sizes.anon,
            file: sizes.file,
            shmem: sizes.shmem,
            swap: sizes.swap,
            ppid: None,
            grown: None,
            oom_score_adj: row.oom_score_adj,
        }
    };
    rows.into_iter().map(task).collect()
}

/// Which of cgroup v1's counters was at its limit.
fn name_counter(limit: &mut event::KillLimit, report: &Report) {
    let full = |usage: Bytes, limit: Option<Bytes>| limit.is_some_and(|limit| usage.0.saturating_add(BATCH) >= limit.0);
    // Of two counters that are at equal limits that of memory and swap is charged first (mm/memcontrol.c: `try_charge`): the other
    // is never reached.
    let both_first = report.failed == Some(0) && report.both.is_some_and(|(usage, max)| full(usage, max));
    let memory = report.usage.is_none_or(|usage| full(usage, report.limit)) && !both_first;
    let of = |counter: Option<(Bytes, Option<Bytes>)>| counter.filter(|(usage, max)| full(*usage, *max));
    let (counter, file) = match (memory, of(report.both), of(report.kmem)) {
        (false, Some(both), _) => (both, "memory.memsw.limit_in_bytes"),
        (false, None, Some(kmem)) => (kmem, "memory.kmem.limit_in_bytes"),
        _ => return,
    };
    limit.file = file.to_owned();
    (limit.usage, limit.bytes) = (Some(counter.0), counter.1);
}

/// Where a group's line says more of a victim than its own does: the chosen one lived in what died with it.
pub(crate) fn lived_in(kill: &Kill, group: &Group) -> Option<String> {
    if kill
        .report
        .as_ref()
        .is_some_and(|report| report.chosen_cgroup.is_some())
    {
        return None;
    }
    let report = kill.report.as_deref();
    let owner = report.and_then(|report| report.owner.as_deref());
    let unit = UnitPath::parse(&group.path).unit?;
    (owner.is_none_or(|owner| holds(owner, &group.path)) && !unit.ends_with(".slice")).then(|| group.path.clone())
}

/// Whether this OOM says the same of the machine as the one right before: the request that failed next.
pub(crate) fn shortage_after(kill: &mut event::Kill, next: &Report) {
    if kill.origin == Origin::Host && kill.shortage.is_none() {
        kill.shortage = logged::shortage_in(next, Constraint::None);
        if kill.shortage.is_some() {
            kill.evidence.push("the next OOM's request".to_owned());
        }
    }
}
