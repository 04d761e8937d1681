//! A log with its newest line first, as web pages of logs and `journalctl --reverse` show it: each report is turned round.
//!
//! The kernel writes whom it chose right before it says that it killed it, and the table of tasks before it says that there was
//! nobody to kill. Where that stands behind, the report is from its end to its beginning, which is the line with `invoked
//! oom-killer`.

use crate::log::header;

/// What is held of a report, at most, in lines and in bytes; more is taken as it comes.
const LINES: usize = 10_000;
const BYTES: usize = 4 << 20;

/// Lines of others between who was killed and who was chosen, at most.
const BETWEEN: usize = 64;

/// A report that may be from its end to its beginning.
#[derive(Debug, Default)]
pub(super) struct Backwards {
    held: Vec<String>,
    bytes: usize,
    /// Who was chosen and is not killed yet, in a log that is in order.
    chosen: Option<u32>,
    /// Who was killed by the last of them that says so.
    last: Option<u32>,
    /// Whether it seems to be, and whether that is sure: a thread is killed under another number than its process's.
    is_turned: bool,
    is_sure: bool,
}

/// Where a line belongs.
#[derive(Debug)]
pub(super) enum Place {
    /// Where it stands.
    Right,
    /// That is not known yet: it is held.
    Open,
    /// These lines, which were held, are in order now.
    Known(Vec<String>),
}

impl Backwards {
    /// Whether lines wait for what may follow.
    pub(super) fn is_open(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes a line, and the kernel's words in it.
    pub(super) fn line(&mut self, line: &str, text: Option<&str>) -> Place {
        let (ended, chosen) = (text.and_then(ended), text.and_then(chosen));
        if self.held.is_empty() && (ended.is_none() || ended == self.chosen) {
            self.chosen = chosen.or(self.chosen.filter(|_| ended.is_none()));
            return Place::Right;
        }
        // Where the next report's end comes before this one's beginning, that is missing.
        let mut known = if self.is_turned && ended.is_some() {
            self.end()
        } else {
            Vec::new()
        };
        let last = self.last;
        self.last = ended.or(last);
        self.held.push(line.to_owned());
        self.bytes += line.len();
        let is_over = match text {
            _ if self.bytes > BYTES || self.held.len() > if self.is_turned { LINES } else { BETWEEN } => true,
            Some(text) if self.is_turned => {
                let is_beginning = header(text).is_some();
                self.is_sure |= is_beginning;
                is_beginning
            }
            Some(text) if last == Some(NOBODY) && text.starts_with('[') => {
                (self.is_turned, self.is_sure) = (true, true);
                false
            }
            Some(_) if chosen.is_some() => {
                (self.is_turned, self.is_sure) = (true, chosen == last);
                false
            }
            // A group's members stand between, and lines of others.
            Some(text) => ended.is_none() && !text.starts_with("Tasks in /"),
            None => false,
        };
        if is_over {
            known.extend(self.end());
        }
        if known.is_empty() {
            Place::Open
        } else {
            Place::Known(known)
        }
    }

    /// There are no more lines.
    pub(super) fn end(&mut self) -> Vec<String> {
        (self.chosen, self.last, self.bytes) = (None, None, 0);
        let mut lines = std::mem::take(&mut self.held);
        self.is_turned = false;
        if std::mem::take(&mut self.is_sure) {
            lines.reverse();
        }
        lines
    }
}

/// Nobody's pid, for a report that nobody was killed after.
const NOBODY: u32 = 0;

/// Whom a line says to be killed: `… Killed process 77 (python3) …`.
fn ended(text: &str) -> Option<u32> {
    if text.starts_with("Out of memory and no killable") {
        return Some(NOBODY);
    }
    number(text.split_once("Killed process ")?.1)
}

/// Whom a line says to be chosen: `oom-kill:constraint=…,pid=77,uid=0`, or `… Kill process 77 (python3) score 900 or sacrifice
/// child` before 4.19.
fn chosen(text: &str) -> Option<u32> {
    match text.strip_prefix("oom-kill:") {
        Some(rest) => number(rest.rsplit_once(",pid=")?.1),
        None => number(text.split_once("Kill process ")?.1),
    }
}

fn number(text: &str) -> Option<u32> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::anchor;
    use super::*;

    fn told(lines: &[&str]) -> Vec<String> {
        let mut backwards = Backwards::default();
        let mut out = Vec::new();
        for line in lines {
            match backwards.line(line, anchor::parts(line).map(|parts| parts.text)) {
                Place::Right => out.push((*line).to_owned()),
                Place::Open => {}
                Place::Known(lines) => out.extend(lines),
            }
        }
        out.extend(backwards.end());
        out
    }

    const REPORT: [&str; 5] = [
        "[1.000001] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        "[1.000002] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),task=a,pid=77,uid=0",
        "[1.000003] Memory cgroup out of memory: Killed process 77 (a) total-vm:1kB",
        "[1.000004] Tasks in /a.service are going to be killed due to memory.oom.group set",
        "[1.000005] Memory cgroup out of memory: Killed process 78 (b) total-vm:1kB",
    ];

    #[test]
    fn a_report_is_turned_round_and_what_stands_before_and_after_it_is_not() {
        let back: Vec<&str> = REPORT.iter().rev().copied().collect();
        let lines = [&["[2.000000] x"], back.as_slice(), &["[0.000001] y"]].concat();
        let expected = [&["[2.000000] x"], REPORT.as_slice(), &["[0.000001] y"]].concat();
        assert_eq!(told(&lines), expected);
    }

    #[test]
    fn a_report_of_nobody_to_kill_is_turned_round_too() {
        let report = [
            REPORT[0],
            "[1.000001] [  pid  ]   uid  tgid total_vm      rss name",
            "[1.000002] Out of memory and no killable processes...",
        ];
        let back = [report[2], report[1], report[0], REPORT[2], REPORT[1], REPORT[0]];
        assert_eq!(told(&back), [report.as_slice(), &REPORT[..3]].concat());
        let twice = [report, report].concat();
        assert_eq!(told(&twice), twice);
    }

    #[test]
    fn a_report_without_its_beginning_is_not_put_together_with_another() {
        let lines = [
            "[2.000003] Out of memory: Killed process 88 (c) total-vm:1kB",
            "[2.000002] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=c,pid=88,uid=0",
            REPORT[2],
            REPORT[1],
            REPORT[0],
        ];
        let expected = [lines[1], lines[0], REPORT[0], REPORT[1], REPORT[2]];
        assert_eq!(told(&lines), expected);
    }

    #[test]
    fn what_is_in_order_stays_as_it_is() {
        assert_eq!(told(&REPORT), REPORT);
        // Two kills without a report, then one with it.
        let two = [&REPORT[2..], &REPORT[..3]].concat();
        assert_eq!(told(&two), two);
        // The newest report is there from its middle on.
        let middle = [&[REPORT[0]], REPORT[2..3].as_ref(), &REPORT[1..2], &REPORT[..1]].concat();
        assert_eq!(told(&middle), [REPORT[0], REPORT[0], REPORT[1], REPORT[2]]);
        // Only lines with "kill", the first of them cut off.
        let picked = [REPORT[2], REPORT[1], REPORT[2], REPORT[1], REPORT[2]].map(str::to_owned);
        let picked: Vec<String> = (1..)
            .zip(picked)
            .map(|(number, line)| line.replace("77", &(number / 2).to_string()))
            .collect();
        assert_eq!(told(&picked.iter().map(String::as_str).collect::<Vec<_>>()), picked);
        // The beginning is missing.
        let cut = [REPORT[2], REPORT[1], "[1.000000] c"];
        assert_eq!(told(&cut), ["[1.000000] c", REPORT[1], REPORT[2]]);
    }
}
