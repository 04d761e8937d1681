//! An earlier victim whose memory was not given back yet as the kernel chose another: two may have died for what one would
//! have been enough for.
//!
//! The kernel chooses nobody as long as one that it marked holds memory where it is short (mm/oom_kill.c: `oom_evaluate_task`),
//! but it stops waiting once its reaper has done what it can (`oom_reap_task`: `MMF_OOM_SKIP`); the magic key does not wait.

use std::time::Duration;

use super::{Constraint, holds};
use crate::measure::{BootNanos, Bytes, Tgid};

/// An earlier victim, as it was found after the kernel chose again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its process.
    pub pid: Tgid,
    /// Its name.
    pub comm: String,
    /// Where it lived; `None` = not known.
    pub path: Option<String>,
    /// When it was marked.
    pub killed: BootNanos,
    /// The memory nodes for which it was killed; empty = for no certain ones.
    pub nodes: Vec<u32>,
    /// What of its memory was resident still.
    pub held: Bytes,
}

/// What a kill tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfreed {
    /// Its process.
    pub pid: Tgid,
    /// Its name.
    pub comm: String,
    /// How long before the choice it was marked.
    pub before: Duration,
    /// What of its memory was resident still.
    pub held: Bytes,
}

/// Where and when the kernel chose again.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    /// Where it looked.
    pub constraint: Constraint,
    /// The owner of the limit; `None` = none, or not known.
    pub owner: Option<&'a str>,
    /// The memory nodes that were short, where there are certain ones.
    pub nodes: &'a [u32],
    /// When.
    pub time: BootNanos,
}

/// The one that was killed last of those that the kernel would have waited for.
#[must_use]
pub fn unfreed(earlier: &[Earlier], again: &Again<'_>) -> Option<Unfreed> {
    let counts = |one: &&Earlier| {
        let is_where = match again.constraint {
            Constraint::Host => true,
            Constraint::Memcg => again
                .owner
                .zip(one.path.as_deref())
                .is_some_and(|(owner, path)| holds(owner, path)),
            // On which nodes the memory of others is, is not known.
            Constraint::Cpuset | Constraint::Mempolicy => !one.nodes.is_empty() && one.nodes == again.nodes,
            Constraint::Unknown(_) => false,
        };
        is_where && one.held > Bytes(0) && one.killed < again.time
    };
    let last = earlier.iter().filter(counts).max_by_key(|one| one.killed)?;
    Some(Unfreed {
        pid: last.pid,
        comm: last.comm.clone(),
        before: Duration::from_nanos(again.time.0.saturating_sub(last.killed.0)),
        held: last.held,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(pid: u32, path: Option<&str>, killed: u64, nodes: &[u32], held: u64) -> Earlier {
        Earlier {
            pid: Tgid(pid),
            comm: "a".to_owned(),
            path: path.map(str::to_owned),
            killed: BootNanos(killed),
            nodes: nodes.to_vec(),
            held: Bytes(held),
        }
    }

    #[test]
    fn who_is_waited_for_lives_where_the_kernel_looks_and_holds_something() {
        use Constraint::{Cpuset, Host, Memcg, Mempolicy, Unknown};
        let all = [
            one(1, Some("/a.slice/x.service"), 10, &[], 5),
            one(2, Some("/a.slicer/y.service"), 20, &[], 5),
            one(3, None, 30, &[], 5),
            one(4, Some("/a.slice/z.service"), 40, &[], 0),
            one(5, Some("/b.service"), 50, &[1], 5),
            one(6, Some("/a.slice/x.service"), 90, &[], 5),
        ];
        let cases = [
            (Host, None, &[][..], 80, Some(5)),
            (Host, None, &[], 50, Some(3)),
            (Host, None, &[], 10, None),
            (Memcg, Some("/a.slice"), &[], 80, Some(1)),
            (Memcg, Some("/a.slice"), &[], 91, Some(6)),
            (Memcg, Some("/c.slice"), &[], 80, None),
            (Memcg, None, &[], 80, None),
            (Cpuset, None, &[1], 80, Some(5)),
            (Mempolicy, None, &[1], 80, Some(5)),
            (Cpuset, None, &[0, 1], 80, None),
            (Cpuset, None, &[], 80, None),
            (Unknown(9), None, &[], 80, None),
        ];
        for (constraint, owner, nodes, time, pid) in cases {
            let again = Again {
                constraint,
                owner,
                nodes,
                time: BootNanos(time),
            };
            let found = unfreed(&all, &again).map(|one| one.pid.0);
            assert_eq!(found, pid, "{again:?}");
        }
    }
}
