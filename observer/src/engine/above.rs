//! The last samples of cgroups whose limits hold a selected one, and that are not sampled themselves.
//!
//! At a kill they answer what the slice was made of. Bounded in cgroups and in samples.

use std::collections::{HashMap, VecDeque};

use crate::event::{BeforeSample, Limit, Relation};

/// Owners remembered, at most; the one not seen for longest goes first.
const MAX_OWNERS: usize = 256;

/// What is remembered of each.
#[derive(Debug, Default)]
pub(super) struct Above {
    owners: HashMap<String, VecDeque<BeforeSample>>,
}

impl Above {
    /// Takes a sample, and forgets those over `keep`.
    pub(super) fn push(&mut self, sample: BeforeSample, keep: usize) {
        let Some(path) = sample.cgroup.clone() else { return };
        if self.owners.len() >= MAX_OWNERS && !self.owners.contains_key(&path) {
            let oldest = self
                .owners
                .iter()
                .min_by_key(|(_, last)| last.back().map(|sample| sample.ts))
                .map(|(path, _)| path.clone());
            oldest.and_then(|oldest| self.owners.remove(&oldest));
        }
        let last = self.owners.entry(path).or_default();
        // Two units below it are sampled in one turn.
        if last.back().is_some_and(|before| before.ts == sample.ts) {
            return;
        }
        last.push_back(sample);
        while last.len() > keep {
            last.pop_front();
        }
    }

    /// The samples of an owner, oldest first.
    pub(super) fn last(&self, owner: &str) -> impl Iterator<Item = &BeforeSample> {
        self.owners.get(owner).into_iter().flatten()
    }
}

/// The owners of limits above a cgroup, nearest first, each once.
pub(super) fn owners(path: &str, limits: &[Limit]) -> Vec<String> {
    let mut owners: Vec<String> = Vec::new();
    for limit in limits {
        let above = match limit.relation {
            Relation::Own => false,
            Relation::Ancestor | Relation::Host => limit.cgroup != path,
        };
        if above && !owners.contains(&limit.cgroup) {
            owners.push(limit.cgroup.clone());
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Memory;
    use crate::measure::{Bytes, Timestamp};

    fn sample(path: &str, second: i64) -> BeforeSample {
        BeforeSample {
            ts: Timestamp(jiff::Timestamp::from_second(second).unwrap()),
            cgroup: Some(path.to_owned()),
            unit: None,
            memory: Memory::default(),
        }
    }

    #[test]
    fn the_last_samples_of_the_last_owners_are_kept_and_no_more() {
        let mut above = Above::default();
        for second in 0..1000 {
            above.push(sample(&format!("/{}", second / 2), second), 3);
            above.push(sample("/a.slice", second), 3);
            above.push(sample("/a.slice", second), 3);
        }
        let seconds: Vec<_> = above.last("/a.slice").map(|sample| sample.ts.0.as_second()).collect();
        assert_eq!(seconds, [997, 998, 999]);
        assert!(above.owners.len() <= MAX_OWNERS && above.last("/0").next().is_none());
        assert_eq!(above.last("/499").count(), 2);
    }

    #[test]
    fn an_owner_of_several_limits_is_one() {
        let limit = |relation, cgroup: &str| Limit {
            cgroup: cgroup.to_owned(),
            unit: None,
            relation,
            file: "memory.max".to_owned(),
            bytes: Bytes(1),
            usage: None,
            reclaimable: None,
        };
        let limits = [
            limit(Relation::Own, "/a/b"),
            limit(Relation::Ancestor, "/a"),
            limit(Relation::Ancestor, "/a"),
            limit(Relation::Host, "/"),
        ];
        assert_eq!(owners("/a/b", &limits), ["/a", "/"]);
    }
}
