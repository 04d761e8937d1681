//! The kernel's own report on a choice that a probe saw, for where `/proc` was read too late.
//!
//! The report is written between the choice and the mark, so that it is there whenever a mark is worked on, but it has a line for
//! each process, and a storm's are left out. Nothing waits for this log, and it is read for such a kill only.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use super::kernel_log::{RECORD, open};
use crate::engine::log::{LogLine, LogParser, Logged, Report};
use crate::kernel::record::Oom;

/// Records that are read for a kill, at most: a report on some thousand processes, and some milliseconds.
const MOST: usize = 4_096;

/// The log from where it was last looked at.
pub(super) struct Reports {
    device: File,
    buffer: Vec<u8>,
}

impl Reports {
    /// From now on; `None` where it may not be read.
    pub(super) fn open() -> Option<Self> {
        Some(Self {
            device: open().ok()?,
            buffer: vec![0; RECORD],
        })
    }

    /// What was written until now is of no kill that is still to be told.
    pub(super) fn pass_over(&mut self) {
        let _ = self.device.seek(SeekFrom::End(0));
    }

    /// The report on this choice, where the kernel wrote one.
    pub(super) fn of(&mut self, oom: &Oom) -> Option<Arc<Report>> {
        let (mut parser, mut found) = (LogParser::default(), None);
        for _ in 0..MOST {
            let length = match self.device.read(&mut self.buffer) {
                Ok(length) if length > 0 => length,
                // What was next is overwritten: the next read goes on with what is left.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    parser.gap();
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Ok(_) | Err(_) => break,
            };
            let line = LogLine::parse(self.buffer.get(..length).unwrap_or_default());
            if let Some(Logged::Choice(report)) = line.and_then(|line| parser.line(line))
                && is_of(&report, oom)
            {
                found = Some(report);
            }
        }
        found
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

    #[test]
    fn a_report_is_of_the_choice_that_names_the_same_one_and_the_same_request() {
        let oom = |chosen, order, gfp| Oom {
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
        };
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
