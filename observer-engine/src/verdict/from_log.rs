//! What the kernel's log tells of a kill, as the engine's facts. Pure: read as it is written, or from a journal long after.

use observer_common::Constraint as Code;

use super::{Constraint, OomFacts, OwnerFacts, gfp::gfp_name};
use crate::event::{Ledger, Shortage, Task};
use crate::log::{Group, Report};
use crate::measure::{PageSize, Pages, Tgid, Tid};
use crate::shortage::{Asked, shortage};
use crate::unit::UnitPath;

/// Processes told with a kill.
pub const MAX_TASKS: usize = 64;

/// The kernel's number for where it looked.
pub fn constraint(number: i32) -> Constraint {
    match number {
        n if n == Code::None as i32 => Constraint::Host,
        n if n == Code::Cpuset as i32 => Constraint::Cpuset,
        n if n == Code::MemoryPolicy as i32 => Constraint::Mempolicy,
        n if n == Code::Memcg as i32 => Constraint::Memcg,
        other => Constraint::Unknown(other),
    }
}

/// The choice, from whatever of the report is there: kernels before 5.0 do not say where they looked.
pub fn concluded(report: &Report, in_memcg: Option<bool>) -> Option<OomFacts> {
    let chosen = report.chosen.unwrap_or(Tid(0));
    Some(facts(report, report.concluded(in_memcg)?, chosen))
}

/// What was short, where a limit was not what stopped it.
pub fn shortage_of(report: &Report, in_memcg: Option<bool>) -> Option<Shortage> {
    shortage_in(report, report.concluded(in_memcg)?)
}

/// What was short by what a report says of the zones, where it is known how the kernel looked.
pub fn shortage_in(report: &Report, constraint: Code) -> Option<Shortage> {
    let asked = Asked {
        constraint: self::constraint(constraint as i32),
        gfp: report.gfp,
        order: if report.stack.sysrq { Some(-1) } else { report.order },
        nodes: &report.nodes,
        narrow: report.stack.narrow,
        by_order: report.is_before(4, 4),
    };
    shortage(&asked, &report.memory)
}

/// What all of the machine's memory was used for, where it was the machine that ran out.
pub fn ledger_of(report: &Report, in_memcg: Option<bool>) -> Option<Box<Ledger>> {
    let is_hosts = report.concluded(in_memcg)? == Code::None;
    is_hosts.then(|| report.memory.ledger()).flatten().map(Box::new)
}

/// The choice; `None` where the line that says it is missing.
pub fn choice(report: &Report) -> Option<OomFacts> {
    Some(facts(report, report.constraint?, report.chosen?))
}

fn facts(report: &Report, code: Code, chosen: Tid) -> OomFacts {
    OomFacts {
        constraint: constraint(code as i32),
        order: if report.stack.sysrq { Some(-1) } else { report.order },
        gfp: report.gfp_names.clone().or_else(|| report.gfp.map(gfp_name)),
        owner: (code == Code::Memcg).then(|| OwnerFacts {
            unit: report
                .owner
                .as_deref()
                .map(UnitPath::parse)
                .and_then(|unit| unit.user_unit.or(unit.unit)),
            path: report.owner.clone(),
            limit: report.limit,
            usage: report.usage,
            swap_usage: report.swap_usage,
            swap_max: report.swap_max,
        }),
        chosen: Some(report.row(chosen).map_or(Tgid(chosen.0), |row| row.tgid)),
        lowering: report.stack.lowering(),
    }
}

/// The choice whose victims died with the chosen one.
pub fn group(group: &Group) -> OomFacts {
    let told = group.report.as_deref().and_then(choice);
    told.unwrap_or(OomFacts {
        constraint: Constraint::Memcg,
        order: None,
        gfp: None,
        owner: None,
        chosen: Some(Tgid(group.leader.0)),
        lowering: None,
    })
}

/// Where the victim lived: as the log says of the chosen one, else where it was seen.
pub fn path(group: Option<&Group>, report: Option<&Report>, seen_in: Option<&str>) -> Option<String> {
    let told = match group {
        Some(group) => seen_in.or_else(|| {
            // Below a slice it may have been anywhere.
            let unit = UnitPath::parse(&group.path).unit?;
            (!unit.ends_with(".slice")).then_some(group.path.as_str())
        }),
        None => report.and_then(|report| report.chosen_cgroup.as_deref()).or(seen_in),
    };
    told.map(str::to_owned)
}

/// The log's table, largest first, where it is of this cgroup; `page` is its kernel's.
pub fn tasks(report: Option<&Report>, path: Option<&str>, page: PageSize) -> Option<Vec<Task>> {
    let rows = report
        .filter(|report| report.owner.is_some() && report.owner.as_deref() == path)
        .map(|report| report.tasks.as_slice())
        .filter(|rows| rows.iter().all(|row| row.sizes.anon.is_some()))?;
    let mut tasks: Vec<Task> = rows
        .iter()
        .map(|row| (row, row.sizes(Some(page))))
        .map(|(row, sizes)| Task {
            pid: row.tgid,
            comm: row.comm.clone(),
            rss: row.rss.map(|pages| Pages(pages).to_bytes(page)),
            anon: sizes.anon,
            file: sizes.file,
            shmem: sizes.shmem,
            swap: sizes.swap,
            ppid: None,
            grown: None,
            oom_score_adj: row.oom_score_adj,
        })
        .collect();
    tasks.sort_by_key(|task| std::cmp::Reverse(task.anon));
    tasks.truncate(MAX_TASKS);
    Some(tasks)
}
