//! Who held what ran out: the units below a limit's owner, or of the whole host, by what they use.

use std::collections::HashMap;
use std::time::Duration;

use super::clock::Clock;
use super::collector::Collector;
use crate::cgroup::usage;
use crate::engine::holds;
use crate::event::Holder;
use crate::unit::{UnitPath, unit_cgroup};

/// Units that are told, largest first.
const TOLD: usize = 5;

/// Units that are read, at most: some tens of milliseconds.
const READ: usize = 4_096;

/// A storm of kills is not to be a storm of reads: what was read or walked over is good for so long, in seconds.
const GOOD_FOR: f64 = 1.5;

/// Owners remembered, at most.
const OWNERS: usize = 64;

/// What was read a moment ago, by owner.
#[derive(Debug, Default)]
pub(super) struct Holders {
    read: HashMap<String, (Duration, Vec<Holder>)>,
}

impl Collector {
    /// The units below an owner of a limit, largest first; none where the victim's unit is that owner. What the victim let go
    /// of by now it had: of its unit the last sample counts.
    pub(super) fn holders(&mut self, owner: &str, victim: Option<&str>) -> Vec<Holder> {
        let unit = UnitPath::parse(owner);
        // What lies below a unit's own cgroup is the unit's.
        if unit.is_unit && unit.name().is_some_and(|name| !name.ends_with(".slice")) {
            return Vec::new();
        }
        let now = Clock::boot();
        let known = self.holders.read.get(owner);
        let mut holders = match known.filter(|(read, _)| now.saturating_sub(*read).as_secs_f64() < GOOD_FOR) {
            Some((_, holders)) => holders.clone(),
            None => {
                let holders = self.read_holders(owner);
                if self.holders.read.len() >= OWNERS {
                    self.holders.read.clear();
                }
                self.holders.read.insert(owner.to_owned(), (now, holders.clone()));
                holders
            }
        };
        let before = victim.and_then(|path| {
            let unit = UnitPath::parse(path);
            let current = self.engine.last(path)?.memory.current?;
            Some((unit_cgroup(path), unit.name()?.to_owned(), current))
        });
        if let Some((path, unit, current)) = before.filter(|(path, ..)| holds(owner, path)) {
            match holders.iter_mut().find(|holder| holder.cgroup == path) {
                Some(holder) => holder.current = holder.current.max(current),
                None => holders.push(Holder {
                    unit,
                    cgroup: path.to_owned(),
                    current,
                }),
            }
        }
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.current));
        holders.truncate(TOLD);
        holders
    }

    fn read_holders(&self, owner: &str) -> Vec<Holder> {
        let now = self.clock.now();
        let live = self.cgroups.live().map(|(_, cgroup)| cgroup);
        let below = live.filter(|cgroup| &*cgroup.path != owner && holds(owner, &cgroup.path));
        below
            .filter_map(|cgroup| Some((cgroup, holder_name(&cgroup.unit)?)))
            .take(READ)
            .filter_map(|(cgroup, unit)| {
                let walked = cgroup.used_since(now, GOOD_FOR);
                Some(Holder {
                    unit,
                    cgroup: cgroup.path.to_string(),
                    current: walked.or_else(|| usage(&self.hierarchy, &cgroup.path))?,
                })
            })
            .collect()
    }
}

/// The unit whose own cgroup this is, where it is one that processes live in. A user's manager is told by its units.
fn holder_name(unit: &UnitPath) -> Option<String> {
    let name = unit.name().filter(|name| unit.is_unit && !name.ends_with(".slice"))?;
    let is_manager = unit.user_unit.is_none() && name.starts_with("user@");
    (!is_manager).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_managers_are_told_by_what_they_hold() {
        let name = |path: &str| holder_name(&UnitPath::parse(path));
        assert_eq!(name("/system.slice/a.service").as_deref(), Some("a.service"));
        assert_eq!(name("/system.slice"), None);
        assert_eq!(name("/system.slice/a.service/below"), None);
        let manager = "/user.slice/user-1000.slice/user@1000.service";
        assert_eq!(name(manager), None);
        let below = format!("{manager}/app.slice/mine.service");
        assert_eq!(name(&below).as_deref(), Some("mine.service"));
    }
}
