//! What a kill needs of `/proc`, read when the kernel has chosen: soon after, the victim may be gone and its memory free.

use std::collections::VecDeque;

use super::collector::Collector;
use crate::cgroup::host::HostMemory;
use crate::cgroup::{TaskInfo, cmdline, held, nodes};
use crate::engine::Constraint;
use crate::engine::shortage::{Asked, shortage};
use crate::engine::verdict::earlier::{Again, Earlier, Unfreed, unfreed};
use crate::engine::verdict::from_log::constraint;
use crate::event::Shortage;
use crate::kernel::record::Oom;
use crate::measure::{BootNanos, Bytes, Sizes, Tgid};

/// Victims that are looked after until they have let go of their memory.
const REMEMBERED: usize = 16;

/// What `/proc` said as the kernel had chosen.
#[derive(Debug)]
pub(super) struct Ahead {
    oom_time: BootNanos,
    /// The chosen one.
    tgid: Tgid,
    cmdline: Option<String>,
    /// The others of its cgroup.
    tasks: Option<Vec<TaskInfo>>,
    machine: Option<Machine>,
    unfreed: Option<Unfreed>,
}

/// What the machine had, where no memory cgroup's limit was what stopped the request.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) host: Option<HostMemory>,
    pub(super) shortage: Option<Shortage>,
    /// What was resident of the chosen one after all that was read.
    held: Option<Bytes>,
}

/// What of it is one victim's.
#[derive(Debug, Default)]
pub(super) struct OfVictim {
    pub(super) cmdline: Option<String>,
    pub(super) tasks: Option<Vec<TaskInfo>>,
    pub(super) machine: Option<Machine>,
    pub(super) unfreed: Option<Unfreed>,
}

/// The last victims that held memory when last looked at.
#[derive(Debug, Default)]
pub(super) struct Dying(VecDeque<(Earlier, Option<BootNanos>)>);

impl Dying {
    /// One was marked.
    pub(super) fn marked(&mut self, victim: Earlier, started: Option<BootNanos>) {
        self.0.push_back((victim, started));
        if self.0.len() > REMEMBERED {
            self.0.pop_front();
        }
    }

    /// Those that still hold something, as much as they do now.
    fn look(&mut self, held: impl Fn(Tgid, Option<BootNanos>) -> Option<Bytes>) -> Vec<Earlier> {
        self.0.retain_mut(|(victim, started)| {
            let now = held(victim.pid, *started);
            victim.held = now.unwrap_or_default();
            now.is_some()
        });
        self.0.iter().map(|(victim, _)| victim.clone()).collect()
    }
}

impl Ahead {
    /// What is this victim's. What the machine had is every victim's of this choice.
    pub(super) fn of(&mut self, oom_time: Option<BootNanos>, tgid: Tgid, sizes: &Sizes) -> OfVictim {
        if Some(self.oom_time) != oom_time {
            return OfVictim::default();
        }
        if self.tgid != tgid {
            return OfVictim {
                machine: self.machine.clone(),
                ..OfVictim::default()
            };
        }
        // What was read after the victim had let go says nothing of the choice.
        self.machine = self.machine.take().filter(|machine| is_in_time(machine.held, sizes));
        OfVictim {
            cmdline: self.cmdline.take(),
            tasks: self.tasks.take(),
            machine: self.machine.clone(),
            unfreed: self.unfreed.take(),
        }
    }
}

/// Whether the victim had all of its memory as the zones had been read: it gives back all at once when it ends, or, where it
/// does not, the kernel takes it (mm/oom_kill.c: `oom_reap_task`).
fn is_in_time(held: Option<Bytes>, sizes: &Sizes) -> bool {
    let parts = [sizes.anon, sizes.file, sizes.shmem];
    let whole = parts
        .into_iter()
        .flatten()
        .fold(0, |sum: u64, part| sum.saturating_add(part.0));
    held.is_some_and(|held| held.0 >= whole / 2)
}

impl Collector {
    /// While the kernel writes its report there is time to look.
    pub(super) fn look_ahead(&mut self, oom: &Oom) {
        let earlier = self.dying.look(held);
        let path = oom.chosen.cgroup.and_then(|id| self.cgroups.path(id));
        self.ahead = oom
            .chosen
            .tgid
            .filter(|_| self.cgroups.is_selected(path))
            .map(|tgid| Ahead {
                oom_time: oom.time,
                tgid,
                cmdline: cmdline(tgid),
                machine: machine(oom, tgid),
                tasks: path.map(|path| self.others(path, tgid)),
                unfreed: unfreed(
                    &earlier,
                    &Again {
                        constraint: constraint(oom.constraint),
                        owner: oom.owner.and_then(|id| self.cgroups.path(id)),
                        nodes: &oom.nodes,
                        time: oom.time,
                    },
                ),
            });
    }
}

/// What the machine has, at a choice that no memory cgroup's limit made.
fn machine(oom: &Oom, tgid: Tgid) -> Option<Machine> {
    let constraint = constraint(oom.constraint);
    if constraint == Constraint::Memcg {
        return None;
    }
    let host = HostMemory::read();
    let zones = nodes::zones(oom.order).map(|mut zones| {
        zones.swap_free = host.map(|host| host.swap_free);
        zones.swap_total = host.map(|host| host.swap_total);
        zones
    });
    let asked = Asked {
        constraint,
        gfp: oom.gfp,
        order: Some(oom.order),
        nodes: &oom.nodes,
        narrow: false,
    };
    Some(Machine {
        host,
        shortage: zones.and_then(|zones| shortage(&asked, &zones)),
        held: held(tgid, oom.chosen.started),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn victim(pid: u32) -> Earlier {
        Earlier {
            pid: Tgid(pid),
            comm: String::new(),
            path: None,
            killed: BootNanos(u64::from(pid)),
            nodes: Vec::new(),
            held: Bytes(0),
        }
    }

    #[test]
    fn who_has_let_go_is_not_looked_at_again() {
        let mut dying = Dying::default();
        for pid in 0..20 {
            dying.marked(victim(pid), None);
        }
        let pids = |found: Vec<Earlier>| found.iter().map(|one| (one.pid.0, one.held.0)).collect::<Vec<_>>();
        let odd = |pid: Tgid, _| (pid.0 > 15 && pid.0 % 2 == 1).then_some(Bytes(u64::from(pid.0) * 10));
        assert_eq!(pids(dying.look(odd)), [(17, 170), (19, 190)]);
        assert_eq!(
            pids(dying.look(|pid, _| Some(Bytes(u64::from(pid.0))))),
            [(17, 17), (19, 19)]
        );
    }

    #[test]
    fn what_is_read_after_the_victim_let_go_says_nothing() {
        let sizes = Sizes {
            anon: Some(Bytes(60)),
            file: Some(Bytes(40)),
            ..Sizes::default()
        };
        assert!(is_in_time(Some(Bytes(100)), &sizes) && is_in_time(Some(Bytes(50)), &sizes));
        assert!(!is_in_time(Some(Bytes(49)), &sizes) && !is_in_time(None, &sizes));
        assert!(is_in_time(Some(Bytes(1)), &Sizes::default()) && !is_in_time(None, &Sizes::default()));
    }

    #[test]
    fn a_group_is_told_the_same_of_the_machine_and_nothing_else_of_the_chosen_one() {
        let mut ahead = Ahead {
            oom_time: BootNanos(5),
            tgid: Tgid(7),
            cmdline: Some("a".to_owned()),
            tasks: None,
            machine: Some(Machine {
                host: None,
                shortage: None,
                held: Some(Bytes(1)),
            }),
            unfreed: None,
        };
        let sizes = Sizes::default();
        let chosen = ahead.of(Some(BootNanos(5)), Tgid(7), &sizes);
        assert!(chosen.machine.is_some() && chosen.cmdline.is_some());
        let member = ahead.of(Some(BootNanos(5)), Tgid(8), &sizes);
        assert!(member.machine.is_some() && member.cmdline.is_none());
        assert!(ahead.of(Some(BootNanos(6)), Tgid(7), &sizes).machine.is_none());
        assert!(ahead.of(None, Tgid(7), &sizes).machine.is_none());
    }
}
