//! The line that sums an OOM up, since 5.0 (mm/oom_kill.c: `dump_oom_summary`; mm/memcontrol.c: `mem_cgroup_print_oom_context`):
//! `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=COMM,pid=1,uid=0`,
//! for the host with `global_oom` in the place of `oom_memcg=`.
//!
//! Whoever may make cgroups names them, with commas and words that look like the kernel's. Of the ways to read a line only those
//! count where the victim lives at or below the limit's owner, as it must; where more than one is left, other lines decide, and
//! where they do not, the path is not known. The name after `cpuset=` is one component: it holds no `/`.

use observer_common::{COMM_LEN, Constraint};

use super::report::Report;
use crate::measure::Tid;
use crate::verdict::holds;

/// Memory nodes of a list, at most: `MAX_NUMNODES` of the largest configuration.
pub(super) const MAX_NODES: usize = 1024;

/// Ways to read a line that are looked at; no honest name has a second.
const MAX_WAYS: usize = 16;

/// The words before the summary.
pub(super) const WORDS: &str = "oom-kill:constraint=CONSTRAINT_";

/// One way to read the paths.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way<'a> {
    owner: Option<&'a str>,
    cgroup: &'a str,
    /// `None` where the line was cut.
    comm: Option<&'a str>,
}

/// Reads what follows [`WORDS`]. The report has the table of tasks and the owner's name as earlier lines told them.
pub(super) fn read(report: &mut Report, text: &str) {
    report.constraint = match text.split(',').next() {
        Some("NONE") => Some(Constraint::None),
        Some("CPUSET") => Some(Constraint::Cpuset),
        Some("MEMORY_POLICY") => Some(Constraint::MemoryPolicy),
        Some("MEMCG") => Some(Constraint::Memcg),
        _ => None,
    };
    report.is_strange = report.constraint.is_none() && text.contains(',');
    let (head, ids) = ids(text);
    report.chosen = ids.map(|(pid, _)| Tid(pid));
    report.chosen_uid = ids.and_then(|(_, uid)| uid);
    let is_cut = ids.is_none();
    let has_name = !is_cut || head.len() < text.len();
    let place = [",oom_memcg=/", ",global_oom"]
        .into_iter()
        .filter_map(|words| head.find(words))
        .min();
    let (before, paths) = head.split_at_checked(place.unwrap_or(head.len())).unwrap_or((head, ""));
    if report.constraint == Some(Constraint::None) && paths.starts_with(",oom_memcg=") {
        // 5.0 and 5.1 print the constraint before they have set it (432b1de0de02, "mm/oom_kill.c: fix uninitialized oc->constraint").
        report.constraint = Some(Constraint::Memcg);
    }
    report.nodes = match report.constraint {
        Some(Constraint::Cpuset) => nodes(before.rsplit_once(",mems_allowed=").map(|(_, list)| list)),
        Some(Constraint::MemoryPolicy) => nodes(before.split_once(",nodemask=").map(|(_, list)| list)),
        _ => Vec::new(),
    };
    let stats = report.owner.take();
    let row = report
        .chosen
        .and_then(|tid| report.row(tid))
        .map(|row| row.comm.clone());
    let lived = report.chosen_cgroup.take();
    let ways = ways(paths, is_cut);
    // Whoever wrote the line down left out where the victim lived: the kernel never does.
    let shortened = || {
        let (owner, comm) = paths.strip_prefix(",oom_memcg=")?.split_once(",task=")?;
        let is_one = owner.starts_with('/') && !owner.contains(",task_memcg=") && !comm.contains(",task");
        (!is_cut && is_one).then(|| owner.to_owned())
    };
    report.chosen_comm = same(ways.iter().map(|way| way.comm))
        .flatten()
        .map(str::to_owned)
        .or_else(|| {
            // Without a path: `global_oom,task=COMM`.
            ways.is_empty()
                .then(|| paths.split_once(",task=").map(|(_, comm)| comm.to_owned()))
                .flatten()
        })
        .filter(|_| has_name);
    let fits = |way: &&Way<'_>| {
        stats
            .as_deref()
            .is_none_or(|path| way.owner.is_none_or(|owner| owner == path))
            && lived.as_deref().is_none_or(|path| way.cgroup == path)
            && row
                .as_deref()
                .is_none_or(|name| way.comm.is_none_or(|comm| comm == name))
    };
    let fitting: Vec<&Way<'_>> = ways.iter().filter(fits).collect();
    let left = if fitting.is_empty() {
        ways.iter().collect()
    } else {
        fitting
    };
    report.owner = same(left.iter().map(|way| way.owner))
        .flatten()
        .map(str::to_owned)
        .or_else(|| shortened().filter(|_| ways.is_empty()))
        .or_else(|| {
            cut_owner(paths)
                .filter(|_| is_cut && ways.is_empty())
                .map(str::to_owned)
        });
    report.chosen_cgroup = same(left.iter().map(|way| way.cgroup))
        .filter(|_| !is_cut)
        .map(str::to_owned);
    if stats.is_some() && report.owner.is_some() && stats != report.owner {
        // What was told of the owner before is another report's.
        report.forget_counters();
    }
}

/// What all agree on.
fn same<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// What stands before `,pid=1,uid=0` at the end, and the two; no numbers where the line was cut before them.
fn ids(text: &str) -> (&str, Option<(u32, Option<u32>)>) {
    let Some((head, rest)) = text.rsplit_once(",pid=") else {
        return (text, None);
    };
    let Some((pid, uid)) = rest.split_once(",uid=") else {
        // A pid that ends the line may lack digits.
        return (head, None);
    };
    match pid.parse() {
        Ok(pid) => (head, Some((pid, uid.trim().parse().ok()))),
        Err(_) => (text, None),
    }
}

/// The owner in a line that was cut behind it, before the victim's path or within. The last sign may be the line's last: a terminal
/// that does not wrap writes all that is too long into its last column.
fn cut_owner(paths: &str) -> Option<&str> {
    let (owner, rest) = paths.strip_prefix(",oom_memcg=")?.split_once(",task_")?;
    let without_last = |text: &'_ str| text.char_indices().next_back().map_or(0, |(place, _)| place);
    let is_one = match rest.strip_prefix("memcg=") {
        Some(lived) if lived.starts_with('/') => {
            let lived = lived.get(..without_last(lived)).unwrap_or_default();
            holds(owner, lived) || owner.starts_with(lived)
        }
        Some(_) => true,
        None => "memcg=".starts_with(rest.get(..without_last(rest))?),
    };
    (is_one && owner.starts_with('/') && !rest.contains(',')).then_some(owner)
}

/// Whether a process may be the one whose name a cut line ends with.
pub(super) fn may_be(cut: &str, comm: &str) -> bool {
    let name = cut.char_indices().next_back().and_then(|(place, _)| cut.get(..place));
    let name = name.unwrap_or_default();
    comm.starts_with(name) || name.strip_prefix(comm).is_some_and(|rest| ",pid=".starts_with(rest))
}

/// The ways to read `,oom_memcg=/a,task_memcg=/a/b,task=COMM`.
fn ways(paths: &str, is_cut: bool) -> Vec<Way<'_>> {
    let (owned, rest) = match paths.strip_prefix(",oom_memcg=") {
        Some(rest) => (true, rest),
        None => (false, paths.strip_prefix(",global_oom").unwrap_or_default()),
    };
    let mut ways = Vec::new();
    for (place, words) in rest.match_indices(",task_memcg=/").take(MAX_WAYS) {
        let (owner, rest) = (
            rest.get(..place),
            rest.get(place + words.len() - 1..).unwrap_or_default(),
        );
        let owner = owner.filter(|_| owned);
        if !owned && place > 0 {
            break;
        }
        let mut names: Vec<(&str, Option<&str>)> = rest
            .match_indices(",task=")
            .filter(|(start, word)| rest.len() - start - word.len() < COMM_LEN)
            .filter_map(|(start, word)| Some((rest.get(..start)?, Some(rest.get(start + word.len()..)?))))
            .take(MAX_WAYS)
            .collect();
        if names.is_empty() && is_cut {
            names.push((rest, None));
        }
        for (cgroup, comm) in names {
            let below = owner.is_none_or(|owner| holds(owner, cgroup) || (comm.is_none() && owner.starts_with(cgroup)));
            if below {
                ways.push(Way { owner, cgroup, comm });
            }
        }
    }
    ways
}

/// The nodes that a text begins with, as the kernel writes a bitmap: `0-1,4`.
pub(super) fn nodes(list: Option<&str>) -> Vec<u32> {
    let mut nodes = Vec::new();
    for range in list.unwrap_or_default().split(',') {
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
