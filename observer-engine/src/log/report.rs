//! What the kernel says before it kills: the lines of `dump_header` (mm/oom_kill.c) and of what it calls, of every version
//! since 2.6.32, each known by its own words.

use observer_common::Constraint;

use super::context;
use crate::measure::{Bytes, PageSize, Pages, Sizes, Tgid, Tid};
use crate::shortage::Zones;

/// The page that sizes in pages are taken to have until others are known.
const PAGE: PageSize = PageSize::SMALL;

/// What a report begins with, after the name of the process.
const WORDS: &str = " invoked oom-killer:";

/// Rows of the table of tasks that are kept: the largest hosts tell thousands, and each of the last choices has its own.
const MAX_ROWS: usize = 1_024;

/// A report takes no longer, in microseconds, on the slowest serial console either.
const LONG: u64 = 120_000_000;

/// By how much what a later line says may be the earlier time, in microseconds: the clocks of two processors hardly differ.
const SKEW: u64 = 1_000_000;

/// v1's words for no limit: `PAGE_COUNTER_MAX` pages in KiB, `RES_COUNTER_MAX` bytes in KiB before 3.19 (which is larger).
const UNLIMITED_KIB: u64 = i64::MAX as u64 / 65_536 * 64;

/// The same on 32-bit kernels: `LONG_MAX` pages of 4 KiB.
const UNLIMITED_NARROW_KIB: u64 = i32::MAX as u64 * 4;

/// What the kernel says before it kills.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Who asked for memory, by its name; empty where that line is missing.
    pub trigger_comm: String,
    /// Its thread.
    pub trigger_tid: Option<Tid>,
    /// Its user, where the kernel tells (since 6.10).
    pub trigger_uid: Option<u32>,
    /// `oc->gfp_mask`.
    pub gfp: Option<u32>,
    /// The mask by the kernel's own names, where it has them (since 4.6).
    pub gfp_names: Option<String>,
    /// `oc->order`; -1 = the magic key.
    pub order: Option<i32>,
    /// Where the kernel looked; `None` where that line is missing.
    pub constraint: Option<Constraint>,
    /// Whether the line that says it has a name that is none of the known ones.
    pub is_strange: bool,
    /// The memory nodes it might use, where a cpuset or a memory policy names them.
    pub nodes: Vec<u32>,
    /// The path of the limit's owner; `None` = the host, or not told.
    pub owner: Option<String>,
    /// The owner's limit.
    pub limit: Option<Bytes>,
    /// What the owner used.
    pub usage: Option<Bytes>,
    /// How often the limit was reached.
    pub failed: Option<u64>,
    /// What the owner had in swap.
    pub swap_usage: Option<Bytes>,
    /// What the owner may have in swap; `None` = no limit, or on cgroup v1, where it is not told by itself.
    pub swap_max: Option<Bytes>,
    /// Usage and limit of memory and swap together, on cgroup v1.
    pub both: Option<(Bytes, Option<Bytes>)>,
    /// Usage and limit of the kernel's memory, on cgroup v1.
    pub kmem: Option<(Bytes, Option<Bytes>)>,
    /// The chosen one: its first thread, or the thread that asked, under `vm.oom_kill_allocating_task`.
    pub chosen: Option<Tid>,
    /// Whether the line that names it says that a memory cgroup's limit was reached, where that line alone is there.
    pub said: Option<bool>,
    /// Its name.
    pub chosen_comm: Option<String>,
    /// Its user.
    pub chosen_uid: Option<u32>,
    /// The path of the chosen one's cgroup.
    pub chosen_cgroup: Option<String>,
    /// Everyone who might have been chosen.
    pub tasks: Vec<Row>,
    /// What was free where, at a global OOM.
    pub memory: Zones,
    /// What the stack says of the way to the killer.
    pub stack: Stack,
    /// The kernel's release, where it is told.
    pub release: Option<String>,
    /// Whether the order stands right behind the mask's names, as up to 4.8 and since 5.0.
    pub is_plain: bool,
    /// Whether other words are those of a kernel before 5.0.
    pub is_aged: bool,
}

/// What the stack says of the way to the killer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stack {
    /// Someone wrote a limit below what was used (mm/memcontrol.c: `memory_max_write`, `mem_cgroup_resize_limit`).
    pub lowering: bool,
    /// Someone asked for memory, or had.
    pub charging: bool,
    /// The magic key.
    pub sysrq: bool,
    /// The charge of a memory cgroup failed.
    pub memcg: bool,
    /// The page-fault path.
    pub page_fault: bool,
    /// A 32-bit kernel, whose own memory fits into the lowest zones only. Of arch/arm's, which alone prints its stack so: what else
    /// has 32 bits is mostly a router, with less memory than these zones hold.
    pub narrow: bool,
    /// The kernel panicked in the place of a choice (mm/oom_kill.c: `check_panic_on_oom`).
    pub panicked: bool,
    /// Whether `oom_kill_process` asked for the report, so that a process was chosen; else it was `out_of_memory` itself, as where
    /// none could be (mm/oom_kill.c).
    pub choice: Option<bool>,
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
    /// Its user.
    pub uid: Option<u32>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// All that is resident, in pages.
    pub rss: Option<u64>,
    /// How large it was, as of pages of 4 KiB: how large a page is other lines say.
    pub sizes: Sizes,
}

impl Row {
    /// How large it was, where a page is as large as this; but for the tables unknown where that is.
    pub(crate) fn sizes(&self, page: Option<PageSize>) -> Sizes {
        let scaled = |size: Option<Bytes>| Some(Pages(size?.0 / PAGE.bytes()).to_bytes(page?));
        Sizes {
            total_vm: scaled(self.sizes.total_vm),
            anon: scaled(self.sizes.anon),
            file: scaled(self.sizes.file),
            shmem: scaled(self.sizes.shmem),
            swap: scaled(self.sizes.swap),
            pgtables: self.sizes.pgtables,
        }
    }
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

    /// The machine's page: what the zones say, or the address space of the one who was killed, which the table has in pages and
    /// the line of the kill in KiB. Else it is the usual one, unless nothing shows that it is not larger: `None`.
    pub(crate) fn page(&self, killed: Option<(Tid, Option<Bytes>)>) -> Option<PageSize> {
        let of_victim = || {
            let (tid, total_vm) = killed?;
            let rows = self.row(tid)?.sizes.total_vm?.0 / PAGE.bytes();
            let page = PageSize::new(total_vm?.0.checked_div(rows)?)?;
            (Some(Pages(rows).to_bytes(page)) == total_vm).then_some(page)
        };
        let told = self.memory.told_page().and_then(|page| PageSize::new(page.0));
        told.or_else(of_victim)
            .or_else(|| (!self.may_be_large()).then_some(PAGE))
    }

    /// What `Kill process 5 (a) score 9 or sacrifice child` alone tells: the chosen one, who was killed, or a child of it.
    pub(super) fn of_choice(chosen: Tid, comm: String, said: Option<bool>) -> Self {
        Self {
            chosen: Some(chosen),
            chosen_comm: Some(comm),
            said,
            ..Self::default()
        }
    }

    /// Whether all page tables that are told are of whole pages of 16 KiB. Where pages are of 4 KiB, each has one in four chances.
    fn may_be_large(&self) -> bool {
        let told = self.tasks.iter().filter_map(|row| row.sizes.pgtables);
        let mut tables = told.filter(|tables| *tables > Bytes(0)).peekable();
        tables.peek().is_some() && tables.all(|tables| tables.0.is_multiple_of(16 << 10))
    }

    /// Whether a memory cgroup's limit was reached; `None` where nothing says it.
    #[must_use]
    pub fn in_memcg(&self) -> Option<bool> {
        match self.constraint {
            None if self.is_strange => None,
            Some(constraint) => Some(constraint == Constraint::Memcg),
            // Zones say nothing: kernels before 3.8 show them for a memory cgroup too.
            None => {
                let counted = self.usage.is_some() || self.both.is_some() || self.kmem.is_some();
                (self.owner.is_some() || counted || self.stack.memcg)
                    .then_some(true)
                    .or(self.said)
            }
        }
    }

    /// Where the kernel looked, concluded where it does not say: kernels before 5.0 name no constraint, and of the host's those
    /// of a cpuset or a memory policy are the rare ones, whose nodes the header has or which show no other nodes.
    #[must_use]
    pub fn concluded(&self, in_memcg: Option<bool>) -> Option<Constraint> {
        if self.constraint.is_some() || self.is_strange {
            return self.constraint;
        }
        if self.stack.sysrq {
            return Some(Constraint::None);
        }
        let in_memcg = in_memcg.or_else(|| self.in_memcg());
        // A failed page fault tells no mask and no list of zones, so that all of the machine's memory counts (`constrained_alloc`).
        if self.stack.page_fault && self.gfp == Some(0) && in_memcg != Some(true) {
            return Some(Constraint::None);
        }
        match in_memcg? {
            true => Some(Constraint::Memcg),
            false if self.is_old() && self.nodes.is_empty() => Some(Constraint::None),
            false => None,
        }
    }

    /// Whether the kernel is known to be older than this version.
    #[must_use]
    pub fn is_before(&self, major: u32, minor: u32) -> bool {
        let mut parts = self.release.as_deref().unwrap_or_default().split(['.', '-']);
        let mut number = || parts.next()?.parse::<u32>().ok();
        number().zip(number()).is_some_and(|version| version < (major, minor))
    }

    /// Whether the kernel is one that prints no constraint.
    pub(super) fn is_old(&self) -> bool {
        let major = self
            .release
            .as_deref()
            .and_then(|release| release.split('.').next()?.parse::<u32>().ok());
        match major {
            Some(major) => major < 5 && !self.is_backport(),
            None => self.is_aged || self.gfp.is_some() && self.gfp_names.is_none() && self.gfp != Some(0),
        }
    }

    /// Whether a kernel before 5.0 prints its reports as 5.0 does, as RHEL 8's: since 4.9 the head of the others has the nodes.
    fn is_backport(&self) -> bool {
        self.is_plain && !self.is_aged && !self.is_before(4, 9)
    }

    /// Counters of an owner who is another's.
    pub(super) fn forget_counters(&mut self) {
        (self.limit, self.usage, self.failed) = (None, None, None);
        (self.swap_usage, self.swap_max, self.both, self.kmem) = (None, None, None, None);
    }
}

/// `COMM invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0`; 4.6 to 4.19 with `nodemask=(null),` before
/// the order, which in 4.9 and 4.10 are all nodes, without names before 4.6, with `oomkilladj=0` or `oom_adj=0` in 2.6.
pub(super) fn invoked(text: &str, caller: Option<Tid>) -> Option<Report> {
    let (place, rest) = header(text)?;
    let comm = text.get(..place)?;
    let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
    let (mask, rest) = rest.split_at_checked(digits)?;
    let names = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let order = rest.split_once("order=").and_then(|(_, order)| order.split(',').next());
    let nodemask = rest.split_once("nodemask=").and_then(|(_, list)| list.split_once(", "));
    Some(Report {
        trigger_comm: comm.to_owned(),
        trigger_tid: caller,
        gfp: u32::from_str_radix(mask, 16).ok(),
        gfp_names: names
            .map(|(names, _)| names.to_owned())
            .filter(|names| !names.is_empty()),
        order: order.and_then(|order| order.trim().parse().ok()),
        nodes: context::nodes(nodemask.map(|(list, _)| list)),
        is_plain: names.is_some_and(|(_, rest)| rest.trim_start_matches([',', ' ']).starts_with("order=")),
        is_aged: nodemask.is_some(),
        ..Report::default()
    })
}

/// Where the words ` invoked oom-killer: ` stand, and what follows `gfp_mask=0x`. Some editors drop the space before it.
pub(crate) fn header(text: &str) -> Option<(usize, &str)> {
    let place = text.rfind(WORDS)?;
    let rest = text.get(place + WORDS.len()..)?;
    Some((place, rest.trim_start().strip_prefix("gfp_mask=0x")?))
}

/// A report that is being printed.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) report: Report,
    /// The names of the table's columns, once it has begun.
    columns: Vec<String>,
    /// When its first line was printed, in microseconds; 0 = not known.
    pub(super) since: u64,
    /// Whether the lines of more than one report stand between each other here: what does not name its process is nobody's.
    pub(super) muddled: bool,
    /// Who is to be killed, or a child of it, where that line is there.
    pub(super) announced: Option<Announced>,
    /// Processes whose rows were cut, so that their numbers alone are known.
    cut: Vec<Tid>,
    /// What the line that sums it up ends with where it was cut within the name of the process.
    cut_name: Option<String>,
    /// Whether a stack has begun that has no end yet (arch/x86/kernel/dumpstack.c: `show_trace_log_lvl`).
    in_stack: bool,
}

/// Who is to be killed, by a line of its own: the chosen one, or a child of it.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) tid: Tid,
    /// `None` where the line was cut.
    pub(super) comm: Option<String>,
    pub(super) in_memcg: Option<bool>,
    /// When that was printed, in microseconds; 0 = not known.
    pub(super) time: u64,
}

impl Open {
    pub(super) fn new(report: Report, since: u64) -> Self {
        Self {
            report,
            since,
            ..Self::default()
        }
    }

    /// Whether the table of tasks has begun, rows or not.
    pub(super) fn has_table(&self) -> bool {
        !self.columns.is_empty()
    }

    /// What there is of a report of which the line of the kill never came: before 5.0 another line may say who was chosen.
    pub(super) fn unfinished(mut self) -> Report {
        let announced = self.announced.take();
        let (is_muddled, in_memcg) = (self.muddled, self.report.in_memcg());
        let is_its = |told: &Announced| {
            let fits = in_memcg.is_none() || told.in_memcg.is_none() || told.in_memcg == in_memcg;
            let is_listed = self.lists(told.tid, told.comm.as_deref().unwrap_or_default());
            fits && is_listed && !is_muddled && !self.is_far(told.time)
        };
        let announced = announced.filter(is_its);
        let mut report = self.report;
        if let Some(told) = announced
            && report.chosen.is_none()
            && (report.is_old() || report.release.is_none())
        {
            report.chosen = Some(told.tid);
            report.chosen_comm = told.comm.or(report.chosen_comm);
            report.said = told.in_memcg;
        }
        report
    }

    /// Whether the table has a process, or is not there: of what others are called a log may have lost the lines, so that a table
    /// without rows speaks for nobody.
    pub(super) fn lists(&self, tid: Tid, comm: &str) -> bool {
        self.report.tasks.is_empty() && !self.has_table()
            || self.report.row(tid).is_some_and(|row| comm.starts_with(&row.comm))
            || self.lists_cut(tid)
    }

    /// Whether the table names a process by its number alone, in a row that was cut.
    pub(super) fn lists_cut(&self, tid: Tid) -> bool {
        self.cut.contains(&tid)
    }

    /// Whether a process may be the chosen one by what is there of its name.
    pub(super) fn may_be_called(&self, comm: &str) -> bool {
        // Whoever wrote the line down left it out.
        if comm.is_empty() {
            return true;
        }
        let known = self.report.chosen_comm.as_deref();
        known.is_none_or(|known| known == comm) && self.cut_name.as_deref().is_none_or(|cut| context::may_be(cut, comm))
    }

    /// Takes a line of the report; whether it was one.
    pub(super) fn line(&mut self, text: &str) -> bool {
        match text.trim() {
            "<TASK>" => self.in_stack = true,
            "</TASK>" => self.in_stack = false,
            _ if self.in_stack && is_behind_stack(text) => {
                // The log has lost lines, and whoever asked may have asked for another kill than what follows is about.
                self.in_stack = false;
                self.report = Report::default();
            }
            _ => {}
        }
        if let Some(rest) = text.strip_prefix(context::WORDS) {
            let is_second = self.report.constraint.is_some();
            let is_memcg = self.report.in_memcg() == Some(true);
            if is_second {
                self.mixed(false);
            }
            context::read(&mut self.report, rest);
            let has_name = self.report.chosen.is_some() || self.report.chosen_comm.is_some();
            let cut = rest.rsplit_once(",task=").filter(|_| !has_name);
            self.cut_name = cut.map(|(_, name)| name.to_owned());
            let differs = self.report.constraint != Some(Constraint::Memcg) && is_memcg;
            if (is_second || differs) && self.report.chosen.is_none() {
                self.report.constraint = None;
            }
            return true;
        }
        if text.strip_prefix('[').is_some_and(|row| self.row(row)) {
            return true;
        }
        if self.muddled {
            return false;
        }
        if self.machine(text) || self.owner(text) || self.report.memory.line(text) {
            return true;
        }
        self.report.stack.line(text)
    }

    /// `CPU: 0 PID: 205 Comm: …` (`dump_stack_print_info`), since 6.10 with `UID: 0` before the pid, before 3.10
    /// `Pid: 205, comm: …`
    fn machine(&mut self, text: &str) -> bool {
        let report = &mut self.report;
        let (told, named) = if let Some(rest) = text.strip_prefix("CPU: ") {
            let (head, named) = rest.split_once(" Comm: ").unwrap_or((rest, ""));
            let uid = head
                .split_once("UID: ")
                .and_then(|(_, uid)| uid.split_whitespace().next()?.parse().ok());
            report.trigger_uid = uid.or(report.trigger_uid);
            (head.split("PID: ").nth(1), named)
        } else {
            let rest = text.strip_prefix("Pid: ");
            let (head, named) = rest.and_then(|rest| rest.split_once(", comm: ")).unzip();
            (head.or(rest), named.unwrap_or_default())
        };
        if told.is_none()
            && let Some((_, allowed)) = text.rsplit_once(" cpuset=/ mems_allowed=")
        {
            // 4.9 and 4.10 print the nodes that may be used where the request has none of its own.
            if context::nodes(Some(allowed)) == report.nodes {
                report.nodes.clear();
            }
            return true;
        }
        let Some(pid) = told else { return false };
        if report.release.is_some() {
            let again = pid.trim().parse().ok().map(Tid) == report.trigger_tid;
            self.mixed(again);
            return true;
        }
        report.trigger_tid = pid.trim().parse().ok().map(Tid).or(report.trigger_tid);
        // A writer's prefix may end like a name does: what stands here is delimited.
        let comm = [" Not tainted", " Tainted: "]
            .iter()
            .find_map(|end| named.rsplit_once(end));
        if let Some((comm, _)) = comm
            && (report.trigger_comm.ends_with(comm.trim_end()) || comm.trim_end().ends_with(&report.trigger_comm))
        {
            report.trigger_comm = comm.trim_end().to_owned();
        }
        let tail = text.rsplit_once("ainted").map(|(_, tail)| tail);
        let release = tail.and_then(|tail| {
            tail.split_whitespace()
                .find(|word| word.starts_with(|digit: char| digit.is_ascii_digit()))
        });
        report.release = release.map(str::to_owned);
        true
    }

    /// What a report says once was said again: the same line once more, or another report's. What was told without a process's
    /// number may then be of either.
    fn mixed(&mut self, is_again: bool) {
        if is_again {
            return;
        }
        self.muddled = true;
        let report = &mut self.report;
        report.forget_counters();
        (
            report.trigger_tid,
            report.trigger_uid,
            report.owner,
            report.chosen_cgroup,
        ) = (None, None, None, None);
        (report.memory, report.stack) = (Zones::default(), Stack::default());
        report.tasks.clear();
        self.cut.clear();
    }

    /// Whether something was printed so long after the first line, or so clearly before it, that it is of another OOM.
    pub(super) fn is_far(&self, time: u64) -> bool {
        let near = self.since.saturating_sub(SKEW)..=self.since.saturating_add(LONG);
        self.since != 0 && time != 0 && !near.contains(&time)
    }

    fn owner(&mut self, text: &str) -> bool {
        let report = &mut self.report;
        if let Some((usage, limit)) = counter(text, "memory: usage ") {
            if report.usage.is_some() {
                let again = (report.usage, report.limit) == (Some(usage), limit);
                self.mixed(again);
                return true;
            }
            (report.usage, report.limit) = (Some(usage), limit);
            let failed = text.rsplit_once(", failcnt ");
            report.failed = failed.and_then(|(_, count)| count.trim().parse().ok());
        } else if let Some((usage, limit)) = counter(text, "swap: usage ") {
            (report.swap_usage, report.swap_max) = (Some(usage), limit);
        } else if let Some((usage, limit)) = counter(text, "memory+swap: usage ") {
            report.both = Some((usage, limit));
            report.swap_usage = report
                .usage
                .filter(|used| usage.0 >= used.0)
                .map(|used| usage.saturating_sub(used));
        } else if let Some((usage, limit)) = counter(text, "kmem: usage ") {
            report.kmem = Some((usage, limit));
        } else if let Some(rest) = text.strip_prefix("Memory cgroup stats for ") {
            // The path ends at the last colon of the line, or, before 5.3, at the statistics that follow on it.
            let path = rest
                .split_once(": cache:")
                .map(|(path, _)| path)
                .or_else(|| rest.strip_suffix(':'));
            // An older kernel tells them of every cgroup below the owner too: the first is the owner's.
            if report.owner.is_none() {
                report.owner = path.filter(|path| path.starts_with('/')).map(str::to_owned);
            }
        } else if let Some(rest) = text.strip_prefix("Task in ") {
            let mut ways = rest.match_indices(" killed as a result of limit of /");
            let (Some((place, words)), None) = (ways.next(), ways.next()) else {
                return false;
            };
            let (lived, owner) = (rest.get(..place), rest.get(place + words.len() - 1..));
            if report.chosen_cgroup.is_some() {
                let again = report.owner.as_deref() == owner && report.chosen_cgroup.as_deref() == lived;
                self.mixed(again);
                return true;
            }
            if lived
                .zip(owner)
                .is_some_and(|(lived, owner)| crate::verdict::holds(owner, lived))
            {
                (report.chosen_cgroup, report.owner) = (lived.map(str::to_owned), owner.map(str::to_owned));
            }
        } else {
            return false;
        }
        true
    }

    /// `[  pid  ]   uid  tgid total_vm …` names the columns, `[    205]     0   205     5093 …` is a row.
    fn row(&mut self, text: &str) -> bool {
        let Some((pid, rest)) = text.split_once(']') else {
            return false;
        };
        if pid.trim() == "pid" {
            self.columns = rest.split_whitespace().map(str::to_owned).collect();
            // One column for all tables since 4.15.
            self.report.is_aged |= self.columns.iter().any(|column| column == "nr_ptes");
            return true;
        }
        let (Ok(tid), false) = (pid.trim().parse::<u32>(), self.columns.is_empty()) else {
            return false;
        };
        match row(&self.columns, tid, rest) {
            Some(row) if self.report.tasks.len() < MAX_ROWS => self.report.tasks.push(row),
            None if self.cut.len() < MAX_ROWS => self.cut.push(Tid(tid)),
            _ => {}
        }
        true
    }
}

/// Whether it begins what a report has behind its stack (mm/oom_kill.c: `dump_header`).
fn is_behind_stack(text: &str) -> bool {
    let begins = [
        "memory: usage ",
        "Memory cgroup stats for ",
        "Mem-Info:",
        "Tasks state ",
        context::WORDS,
    ];
    begins.iter().any(|words| text.starts_with(words)) || names_columns(text)
}

/// Whether it is the line above the table of tasks, which only the killer prints.
pub(crate) fn names_columns(text: &str) -> bool {
    let columns = text.strip_prefix('[').and_then(|text| text.split_once(']'));
    columns.is_some_and(|(pid, rest)| pid.trim() == "pid" && rest.contains(" tgid ") && rest.contains(" total_vm "))
}

fn row(columns: &[String], tid: u32, text: &str) -> Option<Row> {
    let mut rest = text;
    let mut row = Row {
        tid: Tid(tid),
        tgid: Tgid(tid),
        comm: String::new(),
        uid: None,
        oom_score_adj: None,
        rss: None,
        sizes: Sizes::default(),
    };
    for column in columns {
        rest = rest.trim_start();
        if column == "name" {
            rest.clone_into(&mut row.comm);
            // A row that was cut says nothing that can be relied on.
            return (!row.comm.is_empty()).then_some(row);
        }
        let (value, after) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = after;
        let pages = || value.parse().ok().map(|pages| Pages(pages).to_bytes(PAGE));
        match column.as_str() {
            "uid" => row.uid = value.parse().ok(),
            "tgid" => row.tgid = Tgid(value.parse().ok()?),
            "total_vm" => row.sizes.total_vm = pages(),
            "rss" => row.rss = value.parse().ok(),
            "rss_anon" => row.sizes.anon = pages(),
            "rss_file" => row.sizes.file = pages(),
            "rss_shmem" => row.sizes.shmem = pages(),
            "pgtables_bytes" => row.sizes.pgtables = value.parse().ok().map(Bytes),
            "swapents" => row.sizes.swap = pages(),
            "oom_score_adj" | "oom_scoe_adj" => row.oom_score_adj = value.parse().ok(),
            _ => {
                // Every column but the name is a number.
                value.parse::<i64>().ok()?;
            }
        }
    }
    None
}

impl Stack {
    /// Whether the limit came down to what was used; `None` where the way to the killer is not all there.
    pub fn lowering(&self) -> Option<bool> {
        (self.lowering || self.charging).then_some(self.lowering)
    }

    fn line(&mut self, text: &str) -> bool {
        let has = |name: &str| text.contains(name);
        self.lowering |= has("memory_max_write+") || has("mem_cgroup_resize_limit+") || has("mem_cgroup_resize_max+");
        self.charging |= has("try_charge") || has("mem_cgroup_oom_synchronize+");
        self.sysrq |= has("moom_callback+") || has("sysrq_handle_moom+");
        self.memcg |= has("mem_cgroup_out_of_memory+") || has("mem_cgroup_oom_synchronize+");
        self.page_fault |= has("pagefault_out_of_memory+");
        if self.choice.is_none() {
            let mut names = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
            let by = names.find(|name| ["oom_kill_process", "out_of_memory"].contains(name));
            self.choice = by.map(|name| name == "oom_kill_process");
        }
        self.narrow |= has("unwind_backtrace from ");
        true
    }
}

/// `NAME1kB, limit 2kB, failcnt 3`: usage and limit; no limit is `None`.
fn counter(text: &str, name: &str) -> Option<(Bytes, Option<Bytes>)> {
    let (usage, rest) = text.strip_prefix(name)?.split_once("kB, limit ")?;
    let (limit, _) = rest.split_once("kB")?;
    let limit: u64 = limit.parse().ok()?;
    Some((
        Bytes::from_kib(usage.parse().ok()?),
        (limit < UNLIMITED_KIB && limit != UNLIMITED_NARROW_KIB).then(|| Bytes::from_kib(limit)),
    ))
}
