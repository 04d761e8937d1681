//! The last samples of cgroups whose limits hold a selected one, and that are not sampled themselves.
//!
//! At a kill they answer what the slice was made of. Bounded in cgroups and in samples.

use std::collections::{HashMap, VecDeque};

use crate::event::{BeforeSample, Limit, Relation, ancestry};
use crate::measure::Timestamp;

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

    /// When an owner was seen last.
    pub(super) fn last_seen(&self, owner: &str) -> Option<Timestamp> {
        Some(self.owners.get(owner)?.back()?.ts)
    }

    /// The samples of an owner, oldest first.
    pub(super) fn last(&self, owner: &str) -> impl Iterator<Item = &BeforeSample> {
        self.owners.get(owner).into_iter().flatten()
    }
}

/// Which of the cgroups above one own limits: a bit for each, nearest first, since every history has one of these.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Owners(u32);

impl Owners {
    /// The host's bit, which is a path's no more than 31 levels down.
    const HOST: u32 = 1 << 31;

    pub(super) fn among(path: &str, limits: &[Limit]) -> Self {
        let bit = |limit: &Limit| match limit.relation {
            Relation::Own => 0,
            Relation::Host => Self::HOST,
            Relation::Ancestor => levels(path)
                .find(|(_, above)| *above == limit.cgroup)
                .map_or(0, |(bit, _)| bit),
        };
        Self(limits.iter().fold(0, |bits, limit| bits | bit(limit)))
    }

    /// Their paths.
    pub(super) fn of(self, path: &str) -> impl Iterator<Item = &str> {
        let above = levels(path)
            .filter(move |(bit, _)| self.0 & bit != 0)
            .map(|(_, above)| above);
        let host = (self.0 & Self::HOST != 0 && path != HOST).then_some(HOST);
        above.chain(host)
    }
}

/// Where the host's memory is told.
pub(super) const HOST: &str = "/";

/// The cgroups above one, each with its bit.
fn levels(path: &str) -> impl Iterator<Item = (u32, &str)> {
    (0..31).map(|level| 1 << level).zip(ancestry(path).skip(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Memory;
    use crate::measure::Bytes;

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
            swap_usage: None,
            swap_room: None,
        };
        let limits = [
            limit(Relation::Own, "/a/b"),
            limit(Relation::Ancestor, "/a"),
            limit(Relation::Ancestor, "/a"),
            limit(Relation::Host, "/"),
        ];
        let owners: Vec<_> = Owners::among("/a/b", &limits).of("/a/b").collect();
        assert_eq!(owners, ["/a", "/"]);
    }
}
