//! Where the pressure came from: among which units what grew before a kill is looked for, and which of it is told.

use std::collections::HashSet;

use super::holds;
use crate::event::{Grower, Kill, Origin};
use crate::measure::Tgid;

/// Growers that are told of a kill.
const TOLD: usize = 3;

/// What grew by less than this share of what grew most is left out.
const LITTLE: f64 = 0.1;

/// The cgroup whose memory ran short: what grew below it may have been the reason. `None` where nothing is known.
pub(crate) fn scope(kill: &Kill) -> Option<&str> {
    let own = kill.subject.cgroup.path.as_deref();
    let above = || {
        own?.rsplit_once('/')
            .map(|(above, _)| if above.is_empty() { "/" } else { above })
    };
    match kill.origin {
        Origin::MemcgLimit | Origin::OomGroup | Origin::LimitLowered => {
            kill.limit.as_ref().and_then(|limit| limit.cgroup.as_deref()).or(own)
        }
        // Nobody but itself or its slice is known to have been looked at.
        Origin::CgroupKill | Origin::UnitOomPolicy => above(),
        Origin::SystemdOomd => pressed(kill).or_else(|| if is_for_pressure(kill) { above() } else { Some("/") }),
        Origin::Host | Origin::PageFault | Origin::Userspace => Some("/"),
        Origin::Cpuset | Origin::Mempolicy | Origin::Sysrq | Origin::SharedMm | Origin::Unknown => own,
    }
}

fn is_for_pressure(kill: &Kill) -> bool {
    let reason = kill.killer.as_ref().and_then(|killer| killer.reason.as_deref());
    reason.is_some_and(|reason| reason.contains("pressure"))
}

/// The cgroup that systemd-oomd watched, by its own words: `memory pressure for /a.slice being 72.31% > 60.00% for > 30s`.
fn pressed(kill: &Kill) -> Option<&str> {
    let words = kill.killer.as_ref()?.words.as_deref()?;
    let victim = kill.subject.cgroup.path.as_deref()?;
    let (_, rest) = words.split_once("pressure for ")?;
    let path = rest.split(' ').next().filter(|path| path.starts_with('/'))?;
    holds(path, victim).then_some(path)
}

/// The growers of several units, each with what it is compared by, to those that are told: most growth first.
pub(crate) fn most(mut growers: Vec<(f64, Grower)>) -> Vec<Grower> {
    // The innermost first, whose process it is: a user's manager has those of all the user's units.
    growers.sort_by(|(_, one), (_, other)| {
        let length = |grower: &Grower| grower.cgroup.len();
        length(other)
            .cmp(&length(one))
            .then_with(|| one.cgroup.cmp(&other.cgroup))
    });
    let mut seen: HashSet<Tgid> = HashSet::new();
    growers.retain(|(_, grower)| grower.pid.is_none_or(|pid| seen.insert(pid)));
    growers.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let most = growers.first().map_or(0.0, |(score, _)| *score);
    let told = growers.into_iter().filter(|(score, _)| *score >= most * LITTLE);
    told.take(TOLD).map(|(_, grower)| grower).collect()
}
