//! What a kill needs of `/proc`, read when the kernel has chosen: soon after, the victim may be gone and its memory free.

use std::collections::VecDeque;

use super::clock::Clock;
use super::collector::Collector;
use crate::cgroup::host::HostMemory;
use crate::cgroup::{TaskInfo, cmdline, environment, held, nodes};
use crate::engine::Constraint;
use crate::engine::ceiling::Environment;
use crate::engine::shortage::{Asked, shortage};
use crate::engine::verdict::earlier::{Again, Earlier, Unfreed, unfreed};
use crate::engine::verdict::from_log::{constraint, shortage_of};
use crate::event::Shortage;
use crate::kernel::log::DEVICE;
use crate::kernel::record::{Oom, Victim};
use crate::measure::{BootNanos, Bytes, Sizes, Tgid};

/// Victims that are looked after until they have let go of their memory.
const REMEMBERED: usize = 16;

/// For so long at most a mark is waited for awake, in nanoseconds: what the kernel writes of a kill it has written by then.
const AWAKE: u64 = 50_000_000;

/// What `/proc` said as the kernel had chosen.
#[derive(Debug)]
pub(super) struct Ahead {
    oom_time: BootNanos,
    /// The chosen one.
    tgid: Tgid,
    /// Its command line and what its runtime is told in its environment.
    read: Option<(Option<String>, Environment)>,
    /// The others of its cgroup.
    tasks: Option<Vec<TaskInfo>>,
    machine: Option<Machine>,
    unfreed: Option<Unfreed>,
    /// Whether its mark is still to come.
    is_awaited: bool,
}

/// What the machine had, where no memory cgroup's limit was what stopped the request.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) host: Option<HostMemory>,
    /// What was short, and the files that say so.
    pub(super) shortage: Option<(Shortage, Vec<&'static str>)>,
    /// What was resident of the chosen one after all that was read.
    held: Option<Bytes>,
}

/// What of it is one victim's.
#[derive(Debug, Default)]
pub(super) struct OfVictim {
    pub(super) read: Option<(Option<String>, Environment)>,
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
    /// What is this victim's. What the machine had is every victim's of this choice; where that was read too late, `report` has it.
    pub(super) fn of(
        &mut self,
        oom_time: Option<BootNanos>,
        tgid: Tgid,
        sizes: &Sizes,
        report: impl FnOnce() -> Option<Shortage>,
    ) -> OfVictim {
        if Some(self.oom_time) != oom_time {
            return OfVictim::default();
        }
        if self.tgid != tgid {
            return OfVictim {
                machine: self.machine.clone(),
                ..OfVictim::default()
            };
        }
        self.is_awaited = false;
        // What was read after the victim had let go says nothing of the choice.
        if let Some(machine) = &mut self.machine
            && (machine.shortage.is_none() || !is_in_time(machine.held, sizes))
        {
            *machine = Machine {
                host: None,
                shortage: report().map(|short| (short, vec![DEVICE])),
                held: None,
            };
        }
        OfVictim {
            read: self.read.take(),
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
    /// What the kernel's log has by now is of no kill to come.
    pub(super) fn pass_over_log(&mut self) {
        let is_awaited = self.ahead.as_ref().is_some_and(|ahead| ahead.is_awaited);
        if let Some(reports) = self.reports.as_mut().filter(|_| !is_awaited) {
            reports.pass_over();
        }
    }

    /// Whether the mark of a choice is about to come. The loop stays awake for it: to be woken takes longer than the kernel's
    /// report of the kill does. Where there is one CPU the kernel needs it for that.
    pub(super) fn is_mark_near(&self) -> bool {
        let is_near =
            |ahead: &Ahead| ahead.is_awaited && Clock::boot_nanos().0.saturating_sub(ahead.oom_time.0) < AWAKE;
        self.has_cpus && self.ahead.as_ref().is_some_and(is_near)
    }

    /// What is known of a victim from before it was marked.
    pub(super) fn known_before(&mut self, victim: &Victim, tgid: Tgid, sizes: &Sizes, oom: Option<&Oom>) -> OfVictim {
        let Some(ahead) = &mut self.ahead else {
            return OfVictim::default();
        };
        let reports = &mut self.reports;
        let report = || {
            let report = reports.as_mut()?.of(oom?)?;
            shortage_of(&report, None)
        };
        ahead.of(victim.oom_time, tgid, sizes, report)
    }

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
                read: Some((cmdline(tgid), environment(tgid))),
                machine: machine(oom, tgid),
                tasks: path.map(|path| self.others(path, tgid)),
                is_awaited: true,
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
        by_order: false,
    };
    Some(Machine {
        host,
        shortage: zones
            .and_then(|zones| shortage(&asked, &zones))
            .map(|short| (short, nodes::files(oom.order).collect())),
        held: held(tgid, oom.chosen.started),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ShortageKind;

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

    fn short(kind: ShortageKind) -> Shortage {
        Shortage {
            kind,
            node: None,
            zone: None,
            order: None,
            free: None,
            min: None,
            low: None,
            high: None,
            free_cma: None,
            swap_free: None,
            swap_total: None,
        }
    }

    fn ahead(held: Option<Bytes>, kind: Option<ShortageKind>) -> Ahead {
        Ahead {
            oom_time: BootNanos(5),
            tgid: Tgid(7),
            read: Some((Some("a".to_owned()), Environment::default())),
            tasks: None,
            machine: Some(Machine {
                host: None,
                shortage: kind.map(|kind| (short(kind), vec!["/proc/zoneinfo"])),
                held,
            }),
            unfreed: None,
            is_awaited: true,
        }
    }

    fn told(of: OfVictim) -> Option<(ShortageKind, Vec<&'static str>)> {
        let (short, files) = of.machine?.shortage?;
        Some((short.kind, files))
    }

    #[test]
    fn a_group_is_told_the_same_of_the_machine_and_nothing_else_of_the_chosen_one() {
        let (sizes, time) = (Sizes::default(), Some(BootNanos(5)));
        let mut ahead = ahead(Some(Bytes(1)), Some(ShortageKind::Machine));
        let chosen = ahead.of(time, Tgid(7), &sizes, || None);
        let read = chosen.read.as_ref().and_then(|(cmdline, _)| cmdline.as_deref());
        assert_eq!(read, Some("a"));
        let member = ahead.of(time, Tgid(8), &sizes, || None);
        assert!(member.read.is_none());
        assert!(told(chosen).is_some() && told(member).is_some() && !ahead.is_awaited);
        assert_eq!(told(ahead.of(Some(BootNanos(6)), Tgid(7), &sizes, || None)), None);
        assert_eq!(told(ahead.of(None, Tgid(7), &sizes, || None)), None);
    }

    #[test]
    fn what_was_read_too_late_or_not_at_all_the_kernels_report_tells() {
        use ShortageKind::{Machine, None as Nothing};
        let (sizes, time) = (Sizes::default(), Some(BootNanos(5)));
        let cases = [
            (Some(Bytes(1)), Some(Nothing), Some((Nothing, vec!["/proc/zoneinfo"]))),
            (None, Some(Nothing), Some((Machine, vec![DEVICE]))),
            (Some(Bytes(1)), None, Some((Machine, vec![DEVICE]))),
        ];
        for (held, kind, expected) in cases {
            let mut ahead = ahead(held, kind);
            let reported = || Some(short(Machine));
            assert_eq!(told(ahead.of(time, Tgid(7), &sizes, reported)), expected);
            // A member's mark comes later: it is not read again.
            assert_eq!(told(ahead.of(time, Tgid(8), &sizes, || None)), expected);
        }
        let mut late = ahead(None, Some(Nothing));
        assert_eq!(told(late.of(time, Tgid(7), &sizes, || None)), None);
    }
}
