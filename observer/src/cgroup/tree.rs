//! Id ↔ path of every memory cgroup, and of those that went a moment ago.
//!
//! A kill names cgroups by id and often comes when the directory is gone already: the paths of the last ones gone are
//! kept. Bounded in both.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::os::unix::fs::DirEntryExt as _;

use super::Hierarchy;
use crate::measure::CgroupId;

/// Live cgroups, at most; what is over that is found by its path when it is needed.
const MAX_LIVE: usize = 65_536;
/// How many that are gone are remembered.
const MAX_GONE: usize = 4_096;

/// Which cgroups there are.
#[derive(Debug, Default)]
pub struct Tree {
    paths: HashMap<CgroupId, Box<str>>,
    ids: HashMap<Box<str>, CgroupId>,
    gone: HashMap<CgroupId, Box<str>>,
    gone_order: VecDeque<CgroupId>,
}

impl Tree {
    /// Reads the whole hierarchy. A directory that vanishes or is closed is passed over.
    #[must_use]
    pub fn scan(hierarchy: &Hierarchy) -> Self {
        let mut tree = Self::default();
        if let Ok(id) = hierarchy.id_of("/") {
            tree.born(id, "/");
        }
        let mut waiting = vec![String::new()];
        while let Some(path) = waiting.pop() {
            let Ok(entries) = fs::read_dir(hierarchy.dir(&path)) else {
                continue;
            };
            for entry in entries.flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                let path = format!("{path}/{}", entry.file_name().to_string_lossy());
                tree.born(CgroupId(entry.ino()), &path);
                waiting.push(path);
            }
        }
        tree
    }

    /// A cgroup is there.
    pub fn born(&mut self, id: CgroupId, path: &str) {
        if self.paths.len() >= MAX_LIVE && !self.paths.contains_key(&id) {
            return;
        }
        self.gone.remove(&id);
        if let Some(old) = self.paths.insert(id, path.into()) {
            self.ids.remove(&old);
        }
        self.ids.insert(path.into(), id);
    }

    /// A cgroup went.
    pub fn gone(&mut self, id: CgroupId) {
        let Some(path) = self.paths.remove(&id) else { return };
        if self.ids.get(&path) == Some(&id) {
            self.ids.remove(&path);
        }
        self.gone.insert(id, path);
        self.gone_order.push_back(id);
        if self.gone_order.len() > MAX_GONE
            && let Some(oldest) = self.gone_order.pop_front()
        {
            self.gone.remove(&oldest);
        }
    }

    /// The path of a cgroup that is there or went a moment ago.
    #[must_use]
    pub fn path(&self, id: CgroupId) -> Option<&str> {
        self.paths.get(&id).or_else(|| self.gone.get(&id)).map(AsRef::as_ref)
    }

    /// The id of the cgroup that is at a path now.
    #[must_use]
    pub fn id(&self, path: &str) -> Option<CgroupId> {
        self.ids.get(path).copied()
    }

    /// Those that are there.
    pub fn live(&self) -> impl Iterator<Item = (CgroupId, &str)> {
        self.paths.iter().map(|(id, path)| (*id, path.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_that_went_still_has_its_path_and_its_successor_has_it_too() {
        let mut tree = Tree::default();
        tree.born(CgroupId(7), "/system.slice/a.service");
        tree.gone(CgroupId(7));
        assert_eq!(tree.path(CgroupId(7)), Some("/system.slice/a.service"));
        assert_eq!(tree.id("/system.slice/a.service"), None);
        tree.born(CgroupId(9), "/system.slice/a.service");
        assert_eq!(tree.id("/system.slice/a.service"), Some(CgroupId(9)));
        assert_eq!(tree.path(CgroupId(7)), tree.path(CgroupId(9)));
    }

    #[test]
    fn the_end_of_an_old_cgroup_told_late_does_not_take_the_new_one_with_it() {
        let mut tree = Tree::default();
        tree.born(CgroupId(7), "/a");
        tree.born(CgroupId(8), "/a");
        tree.gone(CgroupId(7));
        assert_eq!(tree.id("/a"), Some(CgroupId(8)));
    }

    #[test]
    fn what_went_is_remembered_within_bounds() {
        let mut tree = Tree::default();
        for id in 0..10_000 {
            tree.born(CgroupId(id), &format!("/{id}"));
            tree.gone(CgroupId(id));
        }
        assert_eq!(tree.gone.len(), MAX_GONE);
        assert_eq!(tree.path(CgroupId(0)), None);
        assert_eq!(tree.path(CgroupId(9_999)), Some("/9999"));
    }
}
