//! The kernel's own report on a choice that a probe saw, for where `/proc` was read too late.
//!
//! The report is written between the choice and the mark, so that it is there whenever a mark is worked on, but it has a line for
//! each process, and a storm's are left out. Nothing waits for this log, and it is read for such a kill only.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use super::kernel_log::{RECORD, open};
use crate::engine::log::{LogLine, LogParser, Logged, Report};
use crate::kernel::record::Oom;

/// Records that are read for a kill, at most: a report on some thousand processes, and some milliseconds.
const MOST: usize = 4_096;

/// Reports that are kept, at most: the kernel writes ten in five seconds and then leaves them out (mm/oom_kill.c: `oom_rs`).
const KEPT: usize = 16;

/// The log from where it was last looked at.
pub(super) struct Reports {
    device: File,
    buffer: Vec<u8>,
    read: Read,
}

/// What was read and not asked for yet: of kills in a row the log has the next ones' reports too.
#[derive(Default)]
struct Read {
    parser: LogParser,
    reports: VecDeque<Arc<Report>>,
}

impl Read {
    fn line(&mut self, record: &[u8]) {
        let line = LogLine::parse(record);
        if let Some(Logged::Choice(report)) = line.and_then(|line| self.parser.line(line)) {
            self.reports.push_back(report);
            if self.reports.len() > KEPT {
                self.reports.pop_front();
            }
        }
    }

    /// The last one on this choice. What came before it is of none that is still to be told.
    fn of(&mut self, oom: &Oom) -> Option<Arc<Report>> {
        let last = self.reports.iter().rposition(|report| is_of(report, oom))?;
        self.reports.drain(..=last).next_back()
    }
}

impl Reports {
    /// From now on; `None` where it may not be read.
    pub(super) fn open() -> Option<Self> {
        Some(Self {
            device: open().ok()?,
            buffer: vec![0; RECORD],
            read: Read::default(),
        })
    }

    /// What was written until now is of no kill that is still to be told.
    pub(super) fn pass_over(&mut self) {
        let _ = self.device.seek(SeekFrom::End(0));
        self.read = Read::default();
    }

    /// The report on this choice, where the kernel wrote one.
    pub(super) fn of(&mut self, oom: &Oom) -> Option<Arc<Report>> {
        for _ in 0..MOST {
            match self.device.read(&mut self.buffer) {
                Ok(length) if length > 0 => self.read.line(self.buffer.get(..length).unwrap_or_default()),
                // What was next is overwritten: the next read goes on with what is left.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => self.read.parser.gap(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
        self.read.of(oom)
    }
}

/// Whether it names whom the probe saw chosen, and the same request.
fn is_of(report: &Report, oom: &Oom) -> bool {
    let chosen = report.chosen.map(|tid| tid.0);
    let is_chosen =
        chosen.is_some() && (chosen == oom.chosen.tgid.map(|tgid| tgid.0) || chosen == Some(oom.chosen.tid.0));
    is_chosen && report.order == Some(oom.order) && (oom.gfp.is_none() || report.gfp == oom.gfp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::record::{Task, Writing};
    use crate::measure::{BootNanos, Tgid, Tid};

    fn task(tgid: u32) -> Task {
        Task {
            tgid: Some(Tgid(tgid)),
            tid: Tid(tgid),
            cgroup: None,
            started: None,
            uid: None,
            oom_score_adj: None,
            parent: None,
            exiting: false,
            comm: String::new(),
        }
    }

    fn oom(chosen: u32, order: i32, gfp: Option<u32>) -> Oom {
        Oom {
            time: BootNanos(1),
            constraint: 0,
            trigger: task(1),
            chosen: task(chosen),
            owner: None,
            limit: None,
            usage: None,
            swap_usage: None,
            swap_max: None,
            nodes: Vec::new(),
            gfp,
            order,
            writing: Writing::Nothing,
        }
    }

    #[test]
    fn of_kills_in_a_row_each_finds_its_report() {
        let report = |chosen, order| {
            Arc::new(Report {
                chosen: Some(Tid(chosen)),
                order: Some(order),
                gfp: Some(0xcc0),
                ..Report::default()
            })
        };
        // All of them are written by the time the first one is told.
        let mut read = Read::default();
        read.reports
            .extend([report(6, 2), report(7, 2), report(8, 2), report(9, 2)]);
        let mut of = |chosen| read.of(&oom(chosen, 2, Some(0xcc0))).and_then(|report| report.chosen);
        // What was written before it is gone with it; a kill whose report the kernel left out has none.
        assert_eq!(
            [of(7), of(10), of(8), of(6), of(9)],
            [Some(Tid(7)), None, Some(Tid(8)), None, Some(Tid(9))]
        );
    }

    #[test]
    fn a_report_is_of_the_choice_that_names_the_same_one_and_the_same_request() {
        let report = Report {
            chosen: Some(Tid(7)),
            order: Some(2),
            gfp: Some(0xcc0),
            ..Report::default()
        };
        assert!(is_of(&report, &oom(7, 2, Some(0xcc0))) && is_of(&report, &oom(7, 2, None)));
        assert!(!is_of(&report, &oom(8, 2, Some(0xcc0))));
        assert!(!is_of(&report, &oom(7, 0, Some(0xcc0))));
        assert!(!is_of(&report, &oom(7, 2, Some(0xdc0))));
        assert!(!is_of(&Report::default(), &oom(7, 2, Some(0xcc0))));
    }
}
