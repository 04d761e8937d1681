//! The kernel's log of its own kills, read back: lines of `/dev/kmsg` to typed reports.
//!
//! For kernels that let us attach nothing. In: the device's records (Documentation/ABI/testing/dev-kmsg). Out: who was
//! killed, and the [`Report`] that came before it, as mm/oom_kill.c (`dump_header`, `dump_tasks`, `__oom_kill_process`) and
//! mm/memcontrol.c (`mem_cgroup_print_oom_context`, `mem_cgroup_print_oom_group`) print them since 4.19. All of one OOM is
//! printed under `oom_lock`: reports never mix, though other lines may stand between theirs. The report is rate-limited to
//! ten in five seconds, the line of the kill is not. A function of the lines alone.

use std::sync::Arc;

use observer_common::{COMM_LEN, Constraint};

use crate::measure::{Bytes, Pages, Sizes, Tgid, Tid};
use crate::raw;

/// Rows of the table of tasks that are kept: the largest hosts tell thousands, and each of the last choices has its own.
const MAX_ROWS: usize = 1_024;

/// Memory nodes of a list, at most: `MAX_NUMNODES` of the largest configuration.
const MAX_NODES: usize = 1024;

/// Between two members of a group that are killed nothing happens but printing: less than this, in microseconds. What is
/// killed later without a report is another matter.
const AT_ONCE: u64 = 1_000_000;

/// v1's word for no limit: `PAGE_COUNTER_MAX` pages in KiB.
const UNLIMITED_KIB: u64 = i64::MAX as u64 / 4096 * 4;

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
    /// Whether a memory cgroup's limit was reached, as the line itself says.
    pub in_memcg: bool,
    /// What was told before; `None` where the kernel left that out.
    pub report: Option<Arc<Report>>,
    /// Where it is one of those who die together. The chosen one is killed once more as one of them.
    pub group: Option<Group>,
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

/// What the kernel says before it kills.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Who asked for memory, by its name.
    pub trigger_comm: String,
    /// Its thread.
    pub trigger_tid: Option<Tid>,
    /// `oc->gfp_mask`.
    pub gfp: Option<u32>,
    /// `oc->order`; -1 = the magic key.
    pub order: Option<i32>,
    /// Where the kernel looked; `None` where that line is missing.
    pub constraint: Option<Constraint>,
    /// The memory nodes it might use, where a cpuset or a memory policy names them.
    pub nodes: Vec<u32>,
    /// The path of the limit's owner; `None` = the host, or not told.
    pub owner: Option<String>,
    /// The owner's limit.
    pub limit: Option<Bytes>,
    /// What the owner used.
    pub usage: Option<Bytes>,
    /// What the owner had in swap.
    pub swap_usage: Option<Bytes>,
    /// What the owner may have in swap; `None` = no limit, or on cgroup v1, where it is not told by itself.
    pub swap_max: Option<Bytes>,
    /// The chosen one: its first thread, or the thread that asked, under `vm.oom_kill_allocating_task`.
    pub chosen: Option<Tid>,
    /// The path of the chosen one's cgroup.
    pub chosen_cgroup: Option<String>,
    /// Everyone who might have been chosen.
    pub tasks: Vec<Row>,
}

/// A row of the table of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The thread that holds the memory.
    pub tid: Tid,
    /// Its process.
    pub tgid: Tgid,
    /// Its name.
    pub comm: String,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// How large it was.
    pub sizes: Sizes,
}

impl Report {
    /// The row of a thread or process.
    #[must_use]
    pub fn row(&self, tid: Tid) -> Option<&Row> {
        self.tasks
            .iter()
            .find(|row| row.tid == tid)
            .or_else(|| self.tasks.iter().find(|row| row.tgid.0 == tid.0))
    }
}

/// A record of the device: `priority,sequence,microseconds,flags[,key=value…];text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its number: one more than the one before.
    pub sequence: u64,
    /// When it was printed, in microseconds of the kernel's own clock.
    pub time: u64,
    /// The thread that printed it, where the kernel tells (`CONFIG_PRINTK_CALLER`).
    pub caller: Option<Tid>,
    /// Whether it goes on where an earlier line of the same thread was interrupted.
    pub continues: bool,
    /// Whether the kernel wrote it, not a program through this device.
    pub by_kernel: bool,
    /// What it says.
    pub text: String,
}

impl LogLine {
    /// Reads a record; `None` for bytes that are none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let (head, text) = text.split_once(';')?;
        let mut fields = head.split(',');
        let priority: u32 = fields.next()?.parse().ok()?;
        let sequence = fields.next()?.parse().ok()?;
        let time = fields.next()?.parse().ok()?;
        let flags = fields.next()?;
        let caller = fields.find_map(|field| field.strip_prefix("caller=T")?.parse().ok().map(Tid));
        Some(Self {
            sequence,
            time,
            caller,
            continues: flags == "c",
            // The facility stands above the three bits of the level; what is written from user space never has the kernel's.
            by_kernel: priority >> 3 == 0,
            text: unescape(text),
        })
    }
}

/// Bytes that do not print are `\x` and two digits in the device's records, the backslash too.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = text_byte(rest);
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            rest.get(4..).unwrap_or_default()
        } else {
            tail
        };
    }
    raw::text(&bytes)
}

fn text_byte(escape: &[u8]) -> Option<u8> {
    let digits = escape.get(..4)?.strip_prefix(b"\\x")?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// A report that is being printed.
#[derive(Debug, Default)]
struct Open {
    report: Report,
    /// The names of the table's columns, once it has begun.
    columns: Vec<String>,
}

/// Reads line after line.
#[derive(Debug, Default)]
pub struct LogParser {
    open: Option<Open>,
    /// The choice whose victim is not told yet.
    chosen: Option<Arc<Report>>,
    /// The last one killed that was no member of a group, with its report.
    leader: Option<(Tid, Option<Arc<Report>>)>,
    /// Whose members are being killed, by which thread, and when the last line of it was printed.
    group: Option<(Group, Option<Tid>, u64)>,
    /// The last line, for one that goes on.
    last: (Option<Tid>, String),
}

impl LogParser {
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
        *self = Self::default();
    }

    fn text(&mut self, text: &str, caller: Option<Tid>, time: u64) -> Option<Logged> {
        if let Some(report) = invoked(text, caller) {
            *self = Self {
                open: Some(Open {
                    report,
                    columns: Vec::new(),
                }),
                ..Self::default()
            };
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
        if text == "Out of memory and no killable processes..." {
            let open = self.open.take()?;
            return Some(Logged::NothingToKill(Arc::new(open.report)));
        }
        if text.contains(") is already exiting. Skip killing the task") && message(text).is_some() {
            self.chosen = None;
            return None;
        }
        if let Some(kill) = killed(text) {
            return Some(self.kill(kill, caller, time));
        }
        if self.open.as_mut()?.line(text) {
            let report = Arc::new(self.open.take()?.report);
            self.chosen = Some(Arc::clone(&report));
            return Some(Logged::Choice(report));
        }
        None
    }

    fn kill(&mut self, mut kill: Kill, caller: Option<Tid>, time: u64) -> Logged {
        let group = self.group.take();
        let group = group.filter(|(_, by, last)| *by == caller && time.saturating_sub(*last) < AT_ONCE);
        if let Some(report) = self.chosen.take() {
            kill.report = Some(report);
        } else if let Some((group, by, _)) = group {
            kill.report.clone_from(&group.report);
            kill.group = Some(group.clone());
            self.group = Some((group, by, time));
        }
        if kill.group.is_none() {
            self.leader = Some((kill.tid, kill.report.clone()));
        }
        if let Some(row) = kill.report.as_ref().and_then(|report| report.row(kill.tid)) {
            // The line of the kill does not tell it.
            kill.sizes.swap = row.sizes.swap;
        }
        Logged::Kill(kill)
    }
}

/// `COMM invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0`
fn invoked(text: &str, caller: Option<Tid>) -> Option<Report> {
    let (comm, rest) = text.rsplit_once(" invoked oom-killer: gfp_mask=0x")?;
    let (mask, rest) = rest.split_once('(')?;
    let order = rest.rsplit_once("), order=")?.1.split(',').next()?;
    Some(Report {
        trigger_comm: comm.to_owned(),
        trigger_tid: caller,
        gfp: u32::from_str_radix(mask, 16).ok(),
        order: order.parse().ok(),
        ..Report::default()
    })
}

/// What follows the words a kill begins with, and whether they are those of a memory cgroup.
fn message(text: &str) -> Option<(bool, &str)> {
    [
        ("Memory cgroup out of memory: ", true),
        ("Out of memory: ", false),
        ("Out of memory (oom_kill_allocating_task): ", false),
    ]
    .into_iter()
    .find_map(|(words, in_memcg)| Some((in_memcg, text.strip_prefix(words)?)))
}

/// `Killed process PID (COMM) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:1kB, UID:0 pgtables:1kB oom_score_adj:0`
fn killed(text: &str) -> Option<Kill> {
    let (in_memcg, rest) = message(text)?;
    let (tid, rest) = rest.strip_prefix("Killed process ")?.split_once(" (")?;
    let (comm, sizes) = rest.rsplit_once(") total-vm:")?;
    let total = format!("total-vm:{sizes}");
    let value = |name: &str| {
        let word = total.split([' ', ',']).find_map(|word| word.strip_prefix(name))?;
        Some(word.strip_suffix("kB").unwrap_or(word))
    };
    let size = |name: &str| value(name)?.parse().ok().map(Bytes::from_kib);
    Some(Kill {
        tid: Tid(tid.parse().ok()?),
        comm: comm.to_owned(),
        uid: value("UID:").and_then(|uid| uid.parse().ok()),
        oom_score_adj: value("oom_score_adj:").and_then(|score| score.parse().ok()),
        sizes: Sizes {
            total_vm: size("total-vm:"),
            anon: size("anon-rss:"),
            file: size("file-rss:"),
            shmem: size("shmem-rss:"),
            swap: None,
            pgtables: size("pgtables:"),
        },
        in_memcg,
        report: None,
        group: None,
    })
}

impl Open {
    /// Takes a line of the report; whether it was the last.
    fn line(&mut self, text: &str) -> bool {
        let report = &mut self.report;
        if let Some(rest) = text.strip_prefix("CPU: ") {
            // dump_stack_print_info(): `CPU: 0 PID: 205 Comm: …`, since 6.10 with `UID: 0` before the pid
            let pid = rest.split(" Comm: ").next().and_then(|head| head.split("PID: ").nth(1));
            let tid = pid.and_then(|pid| pid.trim().parse().ok()).map(Tid);
            report.trigger_tid = tid.or(report.trigger_tid);
        } else if let Some((usage, limit)) = counter(text, "memory: usage ") {
            report.usage = Some(Bytes::from_kib(usage));
            report.limit = (limit < UNLIMITED_KIB).then(|| Bytes::from_kib(limit));
        } else if let Some((usage, limit)) = counter(text, "swap: usage ") {
            report.swap_usage = Some(Bytes::from_kib(usage));
            report.swap_max = (limit < UNLIMITED_KIB).then(|| Bytes::from_kib(limit));
        } else if let Some((both, _)) = counter(text, "memory+swap: usage ") {
            report.swap_usage = report.usage.map(|usage| Bytes::from_kib(both).saturating_sub(usage));
        } else if let Some(rest) = text.strip_prefix("Memory cgroup stats for ") {
            let path = rest.strip_suffix(':').or_else(|| Some(rest.split_once(": ")?.0));
            report.owner = path.map(str::to_owned);
        } else if let Some(rest) = text.strip_prefix("oom-kill:constraint=CONSTRAINT_") {
            self.context(rest);
            return self.report.chosen.is_some();
        } else if let Some(row) = text.strip_prefix('[') {
            self.row(row);
        }
        false
    }

    /// `MEMCG,nodemask=(null),cpuset=a,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=COMM,pid=1,uid=0`; for the host
    /// `global_oom` in the place of `oom_memcg`.
    fn context(&mut self, text: &str) {
        let report = &mut self.report;
        report.constraint = match text.split(',').next() {
            Some("NONE") => Some(Constraint::None),
            Some("CPUSET") => Some(Constraint::Cpuset),
            Some("MEMORY_POLICY") => Some(Constraint::MemoryPolicy),
            Some("MEMCG") => Some(Constraint::Memcg),
            _ => None,
        };
        report.nodes = match report.constraint {
            Some(Constraint::Cpuset) => nodes(text, ",mems_allowed="),
            Some(Constraint::MemoryPolicy) => nodes(text, ",nodemask="),
            _ => Vec::new(),
        };
        // A name may hold commas and equals signs: the words around it are looked for, from the end.
        let ids = text
            .rsplit_once(",uid=")
            .and_then(|(rest, _)| rest.rsplit_once(",pid="));
        let Some((head, pid)) = ids else { return };
        report.chosen = pid.parse().ok().map(Tid);
        let Some((owner, rest)) = head.split_once(",task_memcg=") else {
            return;
        };
        // The first after which no more stands than a name can be long.
        let name = rest
            .match_indices(",task=")
            .find(|(start, word)| rest.len() - start - word.len() < COMM_LEN);
        report.chosen_cgroup = name.and_then(|(start, _)| rest.get(..start)).map(str::to_owned);
        if let Some((_, owner)) = owner.split_once(",oom_memcg=") {
            report.owner = Some(owner.to_owned());
        }
    }

    /// `[  pid  ]   uid  tgid total_vm …` names the columns, `[    205]     0   205     5093 …` is a row.
    fn row(&mut self, text: &str) {
        let Some((pid, rest)) = text.split_once(']') else {
            return;
        };
        if pid.trim() == "pid" {
            self.columns = rest.split_whitespace().map(str::to_owned).collect();
            return;
        }
        let (Ok(tid), false) = (pid.trim().parse(), self.columns.is_empty()) else {
            return;
        };
        if self.report.tasks.len() >= MAX_ROWS {
            return;
        }
        let mut rest = rest;
        let mut row = Row {
            tid: Tid(tid),
            tgid: Tgid(tid),
            comm: String::new(),
            oom_score_adj: None,
            sizes: Sizes::default(),
        };
        for column in &self.columns {
            rest = rest.trim_start();
            if column == "name" {
                rest.clone_into(&mut row.comm);
                break;
            }
            let (value, after) = rest.split_once(' ').unwrap_or((rest, ""));
            rest = after;
            let pages = || value.parse().ok().map(|pages| Pages(pages).to_bytes());
            match column.as_str() {
                "tgid" => {
                    let Ok(tgid) = value.parse() else { return };
                    row.tgid = Tgid(tgid);
                }
                "total_vm" => row.sizes.total_vm = pages(),
                "rss_anon" => row.sizes.anon = pages(),
                "rss_file" => row.sizes.file = pages(),
                "rss_shmem" => row.sizes.shmem = pages(),
                "pgtables_bytes" => row.sizes.pgtables = value.parse().ok().map(Bytes),
                "swapents" => row.sizes.swap = pages(),
                "oom_score_adj" => row.oom_score_adj = value.parse().ok(),
                _ => {}
            }
        }
        self.report.tasks.push(row);
    }
}

/// The nodes after `word`, as the kernel writes a bitmap: `0-1,4`.
fn nodes(text: &str, word: &str) -> Vec<u32> {
    let Some((_, list)) = text.split_once(word) else {
        return Vec::new();
    };
    let mut nodes = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        // The word after the list ends it.
        let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) else {
            break;
        };
        nodes.extend((first..=last).take(MAX_NODES));
    }
    nodes.truncate(MAX_NODES);
    nodes
}

/// `NAME1kB, limit 2kB, failcnt 3`: usage and limit in KiB.
fn counter(text: &str, name: &str) -> Option<(u64, u64)> {
    let (usage, rest) = text.strip_prefix(name)?.split_once("kB, limit ")?;
    let limit = rest.split("kB").next()?;
    Some((usage.parse().ok()?, limit.parse().ok()?))
}

#[cfg(test)]
mod tests;
