//! A log with its newest line first, as web pages of logs and `journalctl --reverse` show it: each report is turned round.
//!
//! Nothing in such a text says so. What shows it are lines that follow each other: times, the kernel's choice and the kill that
//! comes right after it, the names of the table's columns and its rows. A report's end and the next one's beginning show
//! nothing: they may stand in either order. Until the order is known lines are held, and so are entries of a journal, whose lines
//! come apart from what else is known of them.

use serde_json::{Map, Value};

use super::anchor::Parts;
use crate::log::header;

/// What stands in a text.
#[derive(Debug)]
pub(super) enum Item {
    Line(String),
    Entry(Map<String, Value>),
}

impl Item {
    /// What it takes in memory, in bytes: an entry of many short fields takes a multiple of its text.
    fn size(&self) -> usize {
        match self {
            Self::Line(line) => line.len(),
            Self::Entry(entry) => fields(entry),
        }
    }
}

fn fields(object: &Map<String, Value>) -> usize {
    let of = |(name, value): (&String, &Value)| size_of::<(String, Value)>() + name.len() + beyond(value);
    object.iter().map(of).sum()
}

/// What a value takes beside its own place.
fn beyond(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(|value| size_of::<Value>() + beyond(value)).sum(),
        Value::Object(object) => fields(object),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// What tells the order of a line with the kernel's words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    step: Step,
    mono: Option<u64>,
    host: Option<&'a str>,
}

impl<'a> Words<'a> {
    /// Of the kernel's words, microseconds since the boot of their machine or since another moment, and the machine or a boot of it.
    pub(super) fn new(text: &str, mono: Option<u64>, host: Option<&'a str>) -> Self {
        Self {
            step: step(text),
            mono,
            host,
        }
    }
}

impl<'a> From<Parts<'a>> for Words<'a> {
    fn from(parts: Parts<'a>) -> Self {
        Self::new(parts.text, parts.mono(), parts.host())
    }
}

/// What is held, at most, in lines and in bytes of memory; more is taken as it comes.
const LINES: usize = 10_000;
const BYTES: usize = 4 << 20;

/// Lines that are none of the kernel's known ones, one after the other in a report, at most: a stack, or what a cgroup's memory
/// is made of, a line each.
const UNKNOWN: usize = 200;

/// The order of a text's lines, as far as it has shown.
#[derive(Debug, Default)]
pub(super) struct Backwards {
    held: Vec<(Item, Option<Step>)>,
    bytes: usize,
    /// How many of the held, from the last one on, are none of the kernel's known ones.
    unknown: usize,
    /// Whether the newest line comes first. `None` = nothing has shown it.
    is_turned: Option<bool>,
    /// Whether the last two times are not in that order: once that is where a text was pasted twice, or two CPUs wrote at once.
    is_odd: bool,
    last: Option<Seen>,
    /// The machine whose line that was.
    host: Option<String>,
    /// Whether the held begin with a report's end and have more of it: another end is another report's.
    has_middle: bool,
}

/// A line of the kernel's that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    step: Step,
    /// Microseconds since the boot of that machine.
    mono: Option<u64>,
}

/// What a line is of a report, in the order in which the kernel prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// `… invoked oom-killer: …`
    Header,
    /// The first line of the stack.
    Cpu,
    /// What stands in each report once, by its place.
    Part(u8),
    /// Whom the kernel chose.
    Chosen(u32),
    /// Whom it killed; nobody where there was nobody to kill.
    Ended(u32),
    /// What it says after that, of a group or its reaper.
    After,
    /// What stands in any place.
    Other,
}

/// Where a line belongs.
#[derive(Debug)]
pub(super) enum Place {
    /// Where it stands.
    Right,
    /// That is not known yet: it is held.
    Open,
    /// These lines, which were held, are in order now. `None` = what follows does not belong to the report that stands before.
    Known(Vec<Option<Item>>),
}

impl Backwards {
    /// Whether lines wait for what may follow.
    pub(super) fn is_open(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes what stands next, which is made where it is held, and the kernel's words in it.
    pub(super) fn next(&mut self, words: Option<Words<'_>>, item: impl FnOnce() -> Item) -> Place {
        let Some(words) = words else {
            if self.held.is_empty() {
                return Place::Right;
            }
            self.unknown += 1;
            let mut known = self.hold(item(), None);
            if self.unknown > UNKNOWN {
                known.extend(self.end());
            }
            return Self::known(known);
        };
        let Words { step, mono, host } = words;
        let last = self.last.replace(Seen { step, mono });
        let (follows, between) = (last.map(|last| last.step), self.unknown);
        // What is of two machines shows nothing.
        let is_same = self.is_still_of(host);
        let last = last.filter(|_| is_same);
        let shown = last.and_then(|last| shows(last.step, step, between));
        let by_time = last.and_then(|last| goes_back(last.mono, mono));
        // A kill without the choice before it may begin a part that is turned, in a text that is in order.
        let is_alone = matches!(step, Step::Ended(_))
            && shown.or(by_time) != Some(false)
            && !matches!(follows, Some(Step::Ended(_) | Step::After));
        self.unknown = 0;
        let mut known = Vec::new();
        match self.other_order(shown, by_time) {
            Some(true) => known = self.turn(),
            Some(false) => {
                self.is_turned = Some(false);
                known = self.end();
            }
            None => {}
        }
        match self.is_turned {
            Some(false) if is_alone || self.is_open() && matches!(step, Step::Ended(_) | Step::After) => {
                known.extend(self.hold(item(), Some(step)));
            }
            Some(false) => {
                known.extend(self.end());
                if known.is_empty() {
                    return Place::Right;
                }
                known.push(Some(item()));
            }
            Some(true) => known.extend(self.turned(item(), Some(step))),
            None => known.extend(self.hold(item(), Some(step))),
        }
        Self::known(known)
    }

    /// The order, where it turns out to be another than it seemed.
    fn other_order(&mut self, shown: Option<bool>, by_time: Option<bool>) -> Option<bool> {
        let order = shown.or(by_time)?;
        let was_odd = std::mem::replace(&mut self.is_odd, self.is_turned == Some(!order));
        let is_other = self.is_odd && (shown.is_some() || was_odd) || self.is_turned.is_none();
        self.is_odd &= !is_other;
        is_other.then_some(order)
    }

    fn known(lines: Vec<Option<Item>>) -> Place {
        if lines.is_empty() {
            Place::Open
        } else {
            Place::Known(lines)
        }
    }

    /// Whether the line before was of the same machine.
    fn is_still_of(&mut self, host: Option<&str>) -> bool {
        let is_same = self.host.as_deref() == host;
        if !is_same {
            self.host = host.map(str::to_owned);
        }
        is_same
    }

    /// Holds what stands there, and gives what is held where that is too much.
    fn hold(&mut self, item: Item, step: Option<Step>) -> Vec<Option<Item>> {
        self.bytes += item.size();
        self.held.push((item, step));
        if self.held.len() > LINES || self.bytes > BYTES {
            self.end()
        } else {
            Vec::new()
        }
    }

    /// What is held turns out to be the newest first: report by report, but the last one, which goes on.
    fn turn(&mut self) -> Vec<Option<Item>> {
        self.is_turned = Some(true);
        let held = std::mem::take(&mut self.held);
        (self.bytes, self.has_middle) = (0, false);
        let mut known = Vec::new();
        for (item, step) in held {
            known.extend(self.turned(item, step));
        }
        known
    }

    /// Takes what stands next in a text with its newest line first, and gives the report that it completes.
    fn turned(&mut self, item: Item, step: Option<Step>) -> Vec<Option<Item>> {
        let is_end = matches!(step, Some(Step::Ended(_)));
        let mut known = if self.has_middle && is_end {
            self.end()
        } else {
            Vec::new()
        };
        self.has_middle |= step.is_some_and(|step| !is_end && step != Step::After);
        known.extend(self.hold(item, step));
        if step == Some(Step::Header) && self.is_open() {
            known.extend(self.end());
        }
        known
    }

    /// Gives what is held.
    pub(super) fn end(&mut self) -> Vec<Option<Item>> {
        (self.bytes, self.unknown, self.has_middle) = (0, 0, false);
        let items = std::mem::take(&mut self.held).into_iter().map(|(item, _)| Some(item));
        match self.is_turned {
            Some(true) => std::iter::once(None).chain(items.rev()).collect(),
            _ => items.collect(),
        }
    }
}

/// Whether time goes back from one line to the next, where both tell it and it moves.
fn goes_back(one: Option<u64>, other: Option<u64>) -> Option<bool> {
    let (one, other) = one.zip(other)?;
    (one != other).then_some(other < one)
}

/// Whether the newest comes first, where what came next, behind so many lines of others, shows it.
fn shows(step: Step, next: Step, between: usize) -> Option<bool> {
    match (step, next) {
        // In some kernels there is a line about the cpuset between these. Any other stack has such a line too.
        (Step::Header, Step::Cpu) if between <= 1 => Some(false),
        (Step::Cpu, Step::Header) if between <= 1 => Some(true),
        (Step::Part(one), Step::Part(other)) if one != other && one.abs_diff(other) <= NEAR => Some(other < one),
        (Step::Part(one), Step::Chosen(_)) if one.abs_diff(TABLE) <= 1 => Some(false),
        (Step::Chosen(_), Step::Part(other)) if other.abs_diff(TABLE) <= 1 => Some(true),
        (Step::Chosen(chosen), Step::Ended(ended)) if chosen == ended => Some(false),
        (Step::Ended(ended), Step::Chosen(chosen)) if chosen == ended => Some(true),
        // Where the line between is missing, or there is none because nobody was to be killed.
        (Step::Part(TABLE), Step::Ended(_)) => Some(false),
        (Step::Ended(_), Step::Part(TABLE)) => Some(true),
        _ => None,
    }
}

/// The rows of the table of tasks.
const TABLE: u8 = 6;

/// Parts further from each other than this have lines missing between them, and may be of two reports.
const NEAR: u8 = 3;

/// What each report about a cgroup has once; what is told of a whole host is told of hosts that only run short, too.
const PARTS: [(&str, u8); 6] = [
    ("memory: usage ", 1),
    ("memory+swap: usage ", 2),
    ("swap: usage ", 2),
    ("kmem: usage ", 3),
    ("Memory cgroup stats for ", 4),
    ("[", TABLE),
];

fn step(text: &str) -> Step {
    if let Some(tid) = ended(text) {
        return Step::Ended(tid);
    }
    if let Some(tid) = chosen(text) {
        return Step::Chosen(tid);
    }
    if text.starts_with("CPU: ") || text.starts_with("Pid: ") {
        return Step::Cpu;
    }
    if text.starts_with("Tasks in /") || text.starts_with("oom_reaper: ") {
        return Step::After;
    }
    if header(text).is_some() {
        return Step::Header;
    }
    match PARTS.iter().find(|(words, _)| text.starts_with(words)) {
        Some((_, TABLE)) if text.contains(" tgid ") => Step::Part(TABLE - 1),
        Some((_, place)) => Step::Part(*place),
        None => Step::Other,
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
            match backwards.next(anchor::parts(line).map(Words::from), || Item::Line((*line).to_owned())) {
                Place::Right => out.push(Item::Line((*line).to_owned())),
                Place::Open => {}
                Place::Known(items) => out.extend(items.into_iter().flatten()),
            }
        }
        out.extend(backwards.end().into_iter().flatten());
        let lines = out.into_iter().map(|item| match item {
            Item::Line(line) => line,
            Item::Entry(_) => unreachable!("only lines were given"),
        });
        lines.collect()
    }

    const REPORT: [&str; 5] = [
        "[1.000001] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        "[1.000002] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),task=a,pid=77,uid=0",
        "[1.000003] Memory cgroup out of memory: Killed process 77 (a) total-vm:1kB",
        "[1.000004] Tasks in /a.service are going to be killed due to memory.oom.group set",
        "[1.000005] Memory cgroup out of memory: Killed process 78 (b) total-vm:1kB",
    ];

    #[test]
    fn what_is_held_is_bounded_in_memory_whatever_an_entry_has() {
        let (long, many) = (
            vec![Value::Null; 1000],
            (0..1000).map(|number| (number.to_string(), Value::Null)),
        );
        for value in [Value::from(vec![Value::from(long); 3]), Value::Object(many.collect())] {
            let entry = Map::from_iter([("x".to_owned(), value)]);
            let mut backwards = Backwards::default();
            let words = Words::new("a", None, None);
            let known = |backwards: &mut Backwards| {
                matches!(
                    backwards.next(Some(words), || Item::Entry(entry.clone())),
                    Place::Known(_)
                )
            };
            let count = (0..LINES).take_while(|_| !known(&mut backwards)).count();
            assert!(count * 1000 * size_of::<Value>() <= BYTES, "{count} entries were held");
        }
    }

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
            "[3.000001] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
            "[3.000001] [  pid  ]   uid  tgid total_vm      rss name",
            "[3.000002] Out of memory and no killable processes...",
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
        let newest = "[2.000001] b invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0";
        let middle = [newest, REPORT[2], REPORT[1], REPORT[0]];
        assert_eq!(told(&middle), [newest, REPORT[0], REPORT[1], REPORT[2]]);
        // Only lines with "kill", the first of them cut off.
        let picked = [REPORT[2], REPORT[1], REPORT[2], REPORT[1], REPORT[2]];
        let picked: Vec<String> = (1..)
            .zip(picked)
            .map(|(number, line)| {
                let line = line.replace("77", &(number / 2).to_string());
                format!("[{number}.000000{}", line.get(9..).unwrap())
            })
            .collect();
        assert_eq!(told(&picked.iter().map(String::as_str).collect::<Vec<_>>()), picked);
        // The beginning is missing.
        let cut = [REPORT[2], REPORT[1], "[1.000000] c"];
        assert_eq!(told(&cut), ["[1.000000] c", REPORT[1], REPORT[2]]);
    }
}
