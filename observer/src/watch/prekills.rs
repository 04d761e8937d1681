//! What systemd-oomd is about to kill is sampled and looked at first, and then it may go on.
//!
//! In: [`Prekill`]s. Out: a sample, the processes, and an answer, which is the drop of the [`Prekill`].

use super::collector::{Collector, Turn};
use super::stream::{Stream, StreamError};
use crate::cgroup::namespaces;
use crate::event::ancestry;
use crate::measure::CgroupId;
use crate::unit::prekill::Prekill;

/// Kills that wait for a look at the unit's processes.
#[derive(Debug, Default)]
pub(super) struct Prekills(Vec<(CgroupId, Prekill)>);

impl Prekills {
    /// Whether systemd-oomd waits for nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Collector {
    /// systemd-oomd is about to kill a cgroup: its unit is sampled at once, and its processes are looked at before anything else
    /// is. It is answered when that is done; at once where the cgroup is none that is watched.
    pub(super) fn about_to_be_killed(&mut self, prekill: Prekill, stream: &mut Stream) -> Result<(), StreamError> {
        let Some(id) = self.sampled_at(&prekill.cgroup) else {
            return Ok(());
        };
        let mut turn = Turn::at(self.clock.now());
        self.sample(id, &mut turn, stream)?;
        if self.is_whole_host() {
            // It kills for the host's swap too.
            self.sample_host(&mut turn, stream)?;
        }
        self.is_sampled_in(&turn);
        let has_processes = self.cgroups.path(id).is_some_and(|path| !path.ends_with(".slice"));
        if has_processes && namespaces::pids_are_the_hosts() {
            self.looks.want_first(id);
            self.prekills.0.push((id, prekill));
        }
        Ok(())
    }

    /// A step of a look; whoever is looked at to the end, or has gone, is waited for no more.
    pub(super) fn look_before_kill(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        self.look_on(stream)?;
        let looks = &self.looks;
        self.prekills.0.retain(|(id, _)| looks.is_waiting(*id));
        Ok(())
    }

    /// The cgroup at a path that has samples of its own, or the nearest above it that has: of a unit the cgroup may be a part.
    fn sampled_at(&mut self, path: &str) -> Option<CgroupId> {
        if self.cgroups.id(path).is_none() {
            // Its birth is still to be told.
            let id = self.hierarchy.id_of(path).ok()?;
            self.cgroups.born(id, path);
        }
        let mut above = ancestry(path).filter_map(|path| self.cgroups.id(path));
        above.find(|id| self.cgroups.get(*id).is_some_and(super::cgroups::Cgroup::is_sampled))
    }
}
