//! The kernel's log of its own kills, read back: lines to typed reports. A function of the lines alone.
//!
//! In: the device's records ([`LogLine`]), or text of any origin (`pasted`). Out: who was killed, and the [`Report`] that came
//! before it, as mm/oom_kill.c (`dump_header`, `dump_tasks`, `__oom_kill_process`) and mm/memcontrol.c
//! (`mem_cgroup_print_oom_info`, `mem_cgroup_print_oom_group`) print them from 2.6.32 to 7.2. All of one OOM is printed under
//! `oom_lock`: in the kernel's own log reports never mix, though other lines may stand between theirs; in what people paste
//! they may. The report is rate-limited to ten in five seconds, the line of the kill is not.

mod before;
mod context;
mod killed;
pub mod ledger;
mod record;
mod report;
pub(crate) mod story;
mod zones;

use std::collections::VecDeque;
use std::sync::Arc;

use observer_common::Constraint;

use crate::measure::{Sizes, Tid};
use crate::verdict::earlier::Unfreed;

pub use ledger::Counters;
pub use record::LogLine;
pub use report::{Report, Row, Stack};
pub(crate) use report::{header, names_columns};
pub(crate) use story::kill_event;
pub use story::{Stamp, Told};

use before::Before;
use killed::Line;
use report::{Announced, Open, invoked};

/// Between two members of a group that are killed nothing happens but printing: less than this, in microseconds, of which whole
/// seconds, as `dmesg -T` and syslog have them, take one. What is killed later without a report is another matter.
const AT_ONCE: u64 = 2_000_000;

/// The magic key kills at once, but for a slow console: within this time, in microseconds.
const KEY: u64 = 10_000_000;

/// Reports that wait for the line of their kill.
const WAITING: usize = 8;

/// What the log tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    /// The kernel has chosen.
    Choice(Arc<Report>),
    /// All of a cgroup is to die with the chosen one.
    Group(Group),
    /// A process was killed.
    Kill(Kill),
    /// The kernel found nothing to kill.
    NothingToKill(Arc<Report>),
}

/// A process that was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// The thread that is named: the one that holds the memory.
    pub tid: Tid,
    /// Its name.
    pub comm: String,
    /// Its user.
    pub uid: Option<u32>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// How large it was.
    pub sizes: Sizes,
    /// Whether a memory cgroup's limit was reached, as the lines of the kill say.
    pub in_memcg: Option<bool>,
    /// Whether that stands on the line itself, as since 5.0; before there was a line for it.
    pub in_one_line: bool,
    /// What was told before; `None` where the kernel left that out.
    pub report: Option<Arc<Report>>,
    /// Where it is one of those who die together. The chosen one is killed once more as one of them.
    pub group: Option<Group>,
    /// Whose memory it shared, where it died for that.
    pub shares: Option<Tid>,
    /// Who was killed before and held memory still, as the table says.
    pub earlier: Option<Box<Unfreed>>,
    /// Whether the line of the kill is there; else it is known from the reaper's.
    pub killed: bool,
}

/// Those who die together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The chosen one, as the line of its kill names it.
    pub leader: Tid,
    /// The path of the cgroup that dies.
    pub path: String,
    /// What was told before.
    pub report: Option<Arc<Report>>,
}

/// Reads line after line.
#[derive(Debug, Default)]
pub struct LogParser {
    /// Whether the lines may be cut, mixed or not all there.
    pasted: bool,
    open: Option<Open>,
    /// The choices whose victims are not told yet; one, but where lines are mixed.
    chosen: VecDeque<Arc<Report>>,
    /// Reports of which the line of the kill is missing.
    unfinished: Vec<Report>,
    /// Who is to be killed, where no report of it is open.
    announced: Option<(Tid, Option<bool>)>,
    /// The same, of which no other line may be there.
    alone: Option<Report>,
    /// When someone pressed the magic key, for a kill that is still to come; 0 = not known.
    key: Option<u64>,
    /// The last one killed that was no member of a group, with its report.
    leader: Option<(Tid, Option<Arc<Report>>)>,
    /// Whose members are being killed, by which thread, and when the last line of it was printed.
    group: Option<(Group, Option<Tid>, u64)>,
    /// Who was killed.
    before: Before,
    /// The last line, for one that goes on.
    last: (Option<Tid>, String),
}

impl LogParser {
    /// For lines that people pasted: what is not sure to belong together is not put together.
    #[must_use]
    pub(crate) fn for_pasted() -> Self {
        Self {
            pasted: true,
            ..Self::default()
        }
    }

    /// Takes a line, and gives what it tells.
    pub fn line(&mut self, line: LogLine) -> Option<Logged> {
        if !line.by_kernel {
            return None;
        }
        let text = if line.continues && self.last.0 == line.caller {
            format!("{}{}", self.last.1, line.text)
        } else {
            line.text
        };
        let told = self.text(&text, line.caller, line.time);
        self.last = (line.caller, text);
        told
    }

    /// Lines were lost: what was read of a report is not all of it.
    pub fn gap(&mut self) {
        *self = Self {
            pasted: self.pasted,
            ..Self::default()
        };
    }

    /// What follows does not belong to the report that is being read.
    pub(crate) fn breaks(&mut self) {
        self.unfinished.extend(self.open.take().map(Open::unfinished));
    }

    /// Whether lines without the kernel's usual words may be of what is being read.
    #[must_use]
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The reports of which the line of the kill never came, in their order, since this was last asked.
    pub(crate) fn take_unfinished(&mut self, at_end: bool) -> Vec<Report> {
        if at_end {
            self.unfinished
                .extend(self.chosen.drain(..).map(|report| report.as_ref().clone()));
            self.unfinished.extend(self.open.take().map(Open::unfinished));
            self.unfinished.extend(self.alone.take());
        }
        std::mem::take(&mut self.unfinished)
    }

    /// Takes the kernel's own words.
    pub(crate) fn text(&mut self, text: &str, caller: Option<Tid>, time: u64) -> Option<Logged> {
        if let Some(report) = invoked(text, caller) {
            self.begin(report, time);
            return None;
        }
        if let Some(path) = text
            .strip_prefix("Tasks in ")
            .and_then(|rest| rest.strip_suffix(" are going to be killed due to memory.oom.group set"))
        {
            let (leader, report) = self.leader.clone()?;
            let path = path.to_owned();
            let group = Group { leader, path, report };
            self.group = Some((group.clone(), caller, time));
            return Some(Logged::Group(group));
        }
        if text.contains("Manual OOM execution") {
            self.key = Some(time);
            return None;
        }
        if text.starts_with("Out of memory and no killable processes") {
            let report = self.open.take().map(|open| open.report);
            let report = report.or(self.pasted.then(Report::default))?;
            return Some(Logged::NothingToKill(Arc::new(report)));
        }
        if self.pasted && text.starts_with("Out of memory: ") && text.ends_with("panic_on_oom is enabled") {
            let mut report = self.open.take()?.report;
            report.stack.panicked = true;
            if !text.contains(" compulsory ") {
                // Else it is for all of the machine's memory alone.
                report.constraint = Some(Constraint::None);
                report.owner = None;
                report.forget_counters();
            }
            return Some(Logged::NothingToKill(Arc::new(report)));
        }
        match killed::read(text) {
            Some(Line::Killed(kill)) => return Some(self.kill(kill, caller, time)),
            Some(Line::Chosen(tid, comm)) => {
                let in_memcg = text.starts_with("Memory cgroup ");
                let in_memcg = (in_memcg || text.starts_with("Out of memory")).then_some(in_memcg);
                self.announced = Some((tid, in_memcg));
                if let Some(open) = &mut self.open {
                    open.announced = Some(Announced {
                        tid,
                        comm,
                        in_memcg,
                        time,
                    });
                } else if let Some(comm) = comm.filter(|_| self.pasted) {
                    let report = Report::of_choice(tid, comm, in_memcg);
                    self.unfinished.extend(self.alone.replace(report));
                }
                return None;
            }
            Some(Line::Sharing(tid, comm)) => return self.sharing(tid, comm),
            Some(Line::Skipped) => {
                self.chosen.clear();
                self.open = None;
                return None;
            }
            Some(Line::Reaped(tid, comm)) => return self.reaped(tid, comm),
            None => {}
        }
        let is_summary = text.starts_with(context::WORDS);
        let begins = is_summary || text.starts_with("Task in ");
        if self.open.is_none() && (begins || self.pasted && names_columns(text)) {
            // What came before is cut off.
            self.open = Some(Open::new(Report::default(), time));
        }
        let open = self.open.as_mut()?;
        let is_far = self.pasted && open.is_far(time);
        if is_far && !is_summary {
            return None;
        }
        let mut apart = Open::default();
        // The report is another's: of another time, or of a kernel that prints no such line.
        let is_others = is_far || is_summary && open.report.is_old();
        let open = if is_others { &mut apart } else { open };
        open.line(text);
        if is_summary && open.report.chosen.is_some() {
            let report = if apart.report.chosen.is_some() {
                apart.report
            } else {
                self.open.take()?.report
            };
            let report = Arc::new(report);
            if self.chosen.len() >= WAITING || !self.pasted {
                self.chosen.pop_front();
            }
            self.chosen.push_back(Arc::clone(&report));
            return Some(Logged::Choice(report));
        }
        None
    }

    fn begin(&mut self, mut report: Report, time: u64) {
        report.stack.sysrq |= self.was_pressed(time);
        let mut open = Open::new(report, time);
        if self.pasted {
            let before = self.open.take();
            self.unfinished.extend(self.alone.take());
            // Of a report that is all there but its last line nothing can come any more.
            open.muddled = before
                .as_ref()
                .is_some_and(|open| open.muddled || open.report.owner.is_none() && open.report.tasks.is_empty());
            self.unfinished.extend(before.map(Open::unfinished));
            let last = self.last.clone();
            let chosen = std::mem::take(&mut self.chosen);
            let unfinished = std::mem::take(&mut self.unfinished);
            let before = std::mem::take(&mut self.before);
            *self = Self {
                pasted: true,
                open: Some(open),
                chosen,
                unfinished,
                before,
                last,
                ..Self::default()
            };
        } else {
            *self = Self {
                open: Some(open),
                before: std::mem::take(&mut self.before),
                ..Self::default()
            };
        }
    }

    /// Whether the magic key was pressed just before.
    fn was_pressed(&mut self, time: u64) -> bool {
        let key = self.key.take();
        key.is_some_and(|at| at == 0 || time == 0 || time.saturating_sub(at) < KEY)
    }

    fn kill(&mut self, mut kill: Kill, caller: Option<Tid>, time: u64) -> Logged {
        let group = self.group.take();
        let group = group.filter(|(_, by, last)| *by == caller && time.abs_diff(*last) < AT_ONCE);
        let announced = self.announced.take();
        self.alone = None;
        kill.in_memcg = kill.in_memcg.or(announced.and_then(|(_, in_memcg)| in_memcg));
        if let Some(report) = self.report_of(&kill, announced.map(|(tid, _)| tid), time) {
            kill.in_memcg = kill.in_memcg.or(report.in_memcg());
            kill.report = Some(report);
        } else if self.was_pressed(time) && kill.in_memcg != Some(true) {
            let mut report = Report::default();
            report.stack.sysrq = true;
            kill.report = Some(Arc::new(report));
        } else if let Some((group, by, _)) = group
            && kill.in_memcg != Some(false)
        {
            kill.report.clone_from(&group.report);
            kill.group = Some(group.clone());
            self.group = Some((group, by, time));
        }
        kill.earlier = self.before.unfreed(&kill, time).map(Box::new);
        self.before.add(&kill, time);
        if kill.group.is_none() {
            self.leader = Some((kill.tid, kill.report.clone()));
        }
        let row = kill.report.as_deref().and_then(|report| {
            let page = report.page(Some((kill.tid, kill.sizes.total_vm)));
            Some((report.row(kill.tid)?, page))
        });
        if let Some((row, page)) = row {
            // The line of the kill does not tell it.
            kill.sizes.swap = row.sizes(page).swap;
            if row.sizes.pgtables.map(|size| size.0.checked_mul(1024)) == Some(kill.sizes.pgtables.map(|size| size.0)) {
                kill.sizes.pgtables = row.sizes.pgtables;
            }
            kill.uid = kill.uid.or(row.uid);
            kill.oom_score_adj = kill.oom_score_adj.or(row.oom_score_adj);
        }
        Logged::Kill(kill)
    }

    /// The report that a kill belongs to.
    fn report_of(&mut self, kill: &Kill, announced: Option<Tid>, time: u64) -> Option<Arc<Report>> {
        if !self.pasted {
            let open = self
                .open
                .take_if(|open| open.report.constraint.is_some() || open.announced.is_some());
            return self.chosen.pop_back().or(open.map(|open| Arc::new(open.report)));
        }
        let fits = |report: &Report| {
            kill.in_memcg.is_none() || report.in_memcg().is_none() || report.in_memcg() == kill.in_memcg
        };
        let names = |report: &Report| {
            let chosen = report.chosen;
            let row = chosen.and_then(|tid| report.row(tid));
            chosen == Some(kill.tid)
                || row.is_some_and(|row| row.tid == kill.tid || row.tgid.0 == kill.tid.0)
                // A child died in its place, as the line between says.
                || chosen.is_some() && chosen == announced
        };
        if let Some(place) = self.chosen.iter().position(|report| fits(report) && names(report)) {
            return self.chosen.remove(place);
        }
        // No line of the report names the victim: it is the one that stands right before, and nothing speaks against it.
        let could = |open: &mut Open| {
            let report = &open.report;
            let listed = open.lists(kill.tid, &kill.comm);
            let told = open.announced.as_ref();
            let child = told.is_some_and(|told| Some(told.tid) == announced);
            // Kernels before 5.0 say first whom they kill; where that line is missing the table has to name the victim.
            let of_version = match report.is_old() {
                // 2.6.18 says neither that nor how large the victim was.
                true => {
                    let is_listed = report.row(kill.tid).is_some() || open.lists_cut(kill.tid);
                    !kill.in_one_line && (child || kill.sizes.total_vm.is_none() || is_listed)
                }
                false => kill.in_one_line || report.release.is_none(),
            };
            fits(report)
                && report.chosen.is_none()
                && !open.muddled
                && !open.is_far(time)
                && open.may_be_called(&kill.comm)
                && (listed || child)
                && of_version
        };
        let open = self.open.take_if(could)?;
        Some(Arc::new(open.report))
    }

    /// Another process died for the memory it shares with the one before.
    fn sharing(&mut self, tid: Tid, comm: String) -> Option<Logged> {
        let (leader, report) = self.leader.clone()?;
        Some(Logged::Kill(Kill {
            tid,
            comm,
            uid: None,
            oom_score_adj: None,
            sizes: Sizes::default(),
            in_memcg: report.as_ref().and_then(|report| report.in_memcg()),
            in_one_line: false,
            report,
            group: None,
            shares: Some(leader),
            earlier: None,
            killed: true,
        }))
    }

    /// The reaper took a victim's memory: whose kill was told is known.
    fn reaped(&mut self, tid: Tid, comm: String) -> Option<Logged> {
        if !self.pasted {
            return None;
        }
        self.alone.take_if(|report| report.chosen == Some(tid));
        let place = self.chosen.iter().position(|report| report.chosen == Some(tid));
        let report = place.and_then(|place| self.chosen.remove(place));
        let row = report.as_ref().and_then(|report| report.row(tid));
        Some(Logged::Kill(Kill {
            tid,
            comm,
            uid: row
                .and_then(|row| row.uid)
                .or(report.as_ref().and_then(|report| report.chosen_uid)),
            oom_score_adj: row.and_then(|row| row.oom_score_adj),
            sizes: row
                .zip(report.as_deref())
                .map(|(row, report)| row.sizes(report.page(None)))
                .unwrap_or_default(),
            in_memcg: report.as_ref().and_then(|report| report.in_memcg()),
            in_one_line: false,
            report,
            group: None,
            shares: None,
            earlier: None,
            killed: false,
        }))
    }
}

#[cfg(test)]
mod tests;
