//! Cgroups that are looked at once more after they have come to rest, where only those that move are sampled.
//!
//! In: what was sampled because it moved. Out: those that have not been sampled for [`REST`] since. The kernel adds up what
//! `memory.stat` says each 2 s, on a timer that an idle CPU may keep waiting; until then a reader of it lacks up to 64 pages
//! for each CPU (mm/memcontrol.c: `FLUSH_TIME`, `MEMCG_CHARGE_BATCH`). So the last sample on the way may say that a unit is made
//! of other than it is, by 16 MiB on 64 CPUs, and would stand for as long as the unit does.

use std::collections::VecDeque;
use std::time::Duration;

use super::cgroups::Cgroups;
use crate::measure::CgroupId;

/// So long a cgroup is at rest before it is looked at again: some periods of the kernel's.
const REST: Duration = Duration::from_secs(10);

/// Each cgroup once, with the time since boot of a sample of it, by that time.
#[derive(Debug, Default)]
pub(super) struct Settling(VecDeque<(Duration, CgroupId)>);

impl Settling {
    /// A cgroup was sampled, and had moved.
    pub(super) fn moved(&mut self, id: CgroupId, cgroups: &mut Cgroups, now: Duration) {
        if let Some(cgroup) = cgroups.get_mut(id)
            && !std::mem::replace(&mut cgroup.is_settling, true)
        {
            self.0.push_back((now, id));
        }
    }

    /// Those that are at rest. What was sampled in between waits anew; what has gone is forgotten.
    pub(super) fn at_rest(&mut self, cgroups: &mut Cgroups, now: Duration) -> Vec<CgroupId> {
        let mut at_rest = Vec::new();
        while let Some((_, id)) = self.0.pop_front_if(|(since, _)| now.saturating_sub(*since) >= REST) {
            let is_live = cgroups.is_live(id);
            let Some(cgroup) = cgroups.get_mut(id).filter(|_| is_live) else {
                continue;
            };
            match cgroup.sampled.filter(|sampled| now.saturating_sub(*sampled) < REST) {
                Some(sampled) => self.0.push_back((sampled, id)),
                None => {
                    cgroup.is_settling = false;
                    at_rest.push(id);
                }
            }
        }
        at_rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAK: CgroupId = CgroupId(1);
    const GONE: CgroupId = CgroupId(2);

    #[test]
    fn it_is_looked_at_once_more_and_only_at_rest() {
        let mut cgroups = Cgroups::default();
        cgroups.born(LEAK, "/leak");
        cgroups.born(GONE, "/gone");
        let mut settling = Settling::default();
        let mut at = |second: u64, has_moved: bool| {
            let now = Duration::from_secs(second);
            let at_rest = settling.at_rest(&mut cgroups, now);
            if has_moved {
                cgroups.get_mut(LEAK).unwrap().sampled = Some(now);
                settling.moved(LEAK, &mut cgroups, now);
            }
            if second == 1 {
                settling.moved(GONE, &mut cgroups, now);
                cgroups.gone(GONE);
            }
            (at_rest, settling.0.len())
        };
        assert_eq!(at(1, true), (vec![], 2));
        assert_eq!(at(9, true), (vec![], 2), "once");
        assert_eq!(
            at(11, false),
            (vec![], 1),
            "sampled two seconds ago; the other has gone"
        );
        assert_eq!(at(18, false), (vec![], 1));
        assert_eq!(at(19, false), (vec![LEAK], 0));
        assert_eq!(at(60, false), (vec![], 0));
    }
}
