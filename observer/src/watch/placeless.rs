//! Kills of which nothing tells where: the kernel had no more to say than a pid, and its process is gone.
//!
//! The kernel counts such a kill all the same, in the cgroup that it was in. What is counted in one cgroup only and seen in
//! none is that cgroup's. Where it may be one's or another's, the counters are told (`unexplained`) of those that are
//! selected; without a selection the kills are, without a cgroup.

use std::collections::HashMap;

use super::collector::Collector;
use super::kernel_log::LoggedKill;
use super::kills::Seen;
use super::ledger::Missing;
use super::stream::{Stream, StreamError};
use crate::engine::holds;

/// Kills that wait for where they were, at most. What is above that is told without.
const WAITING: usize = 1_024;

/// A kill, as somebody saw it.
pub(super) enum Unplaced {
    Marked(Box<Seen>),
    Logged(Box<LoggedKill>),
}

/// Kills that wait, and what was missing at the last look.
#[derive(Default)]
pub(super) struct Placeless {
    waiting: Vec<Unplaced>,
    /// How many of them were there at the last look.
    looked: usize,
    missing: HashMap<String, u64>,
}

/// Whose the kills are.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// All of this cgroup.
    Of(String),
    /// They may be of one or another.
    Unknown,
}

/// Whose so many kills are, by what each cgroup counted that was not seen.
fn judge(kills: usize, missing: &[(String, Missing)]) -> Verdict {
    match missing {
        [(path, missing)] if missing.count() >= kills as u64 => Verdict::Of(path.clone()),
        _ => Verdict::Unknown,
    }
}

fn counts(missing: &[(String, Missing)]) -> HashMap<String, u64> {
    let counts = missing.iter().map(|(path, missing)| (path.clone(), missing.count()));
    counts.collect()
}

impl Placeless {
    /// What was missing at the last look as well: at one look a mark may be on its way.
    fn certain(&mut self, now: Vec<(String, Missing)>, all: bool) -> Vec<(String, Missing)> {
        let before = std::mem::take(&mut self.missing);
        self.missing = counts(&now);
        let stayed = |(path, missing): (String, Missing)| {
            let count = if all {
                missing.count()
            } else {
                missing.count().min(*before.get(&path)?)
            };
            (count > 0).then(|| (path, missing.first(count)))
        };
        now.into_iter().filter_map(stayed).collect()
    }
}

impl Collector {
    /// A kill waits until counters say where it was.
    pub(super) fn unplaced(&mut self, kill: Unplaced, stream: &mut Stream) -> Result<(), StreamError> {
        if self.placeless.waiting.len() >= WAITING {
            return self.place(kill, None, stream);
        }
        self.placeless.waiting.push(kill);
        Ok(())
    }

    /// Whether kills wait for their place.
    pub(super) fn has_unplaced(&self) -> bool {
        !self.placeless.waiting.is_empty()
    }

    /// Looks where kills were that wait since the last look, or all that wait.
    pub(super) fn look_for_places(&mut self, all: bool, stream: &mut Stream) -> Result<(), StreamError> {
        if self.placeless.waiting.is_empty() {
            return Ok(());
        }
        let missing = self.missing_inside();
        let missing = self.placeless.certain(missing, all);
        let due = if all {
            self.placeless.waiting.len()
        } else {
            self.placeless.looked
        };
        let kills: Vec<Unplaced> = self.placeless.waiting.drain(..due).collect();
        self.placeless.looked = self.placeless.waiting.len();
        if kills.is_empty() {
            return Ok(());
        }
        self.decide(kills, missing, stream)?;
        if !self.placeless.waiting.is_empty() {
            // Less what has just found its place.
            self.placeless.missing = counts(&self.missing_inside());
        }
        Ok(())
    }

    fn decide(
        &mut self,
        kills: Vec<Unplaced>,
        missing: Vec<(String, Missing)>,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        match judge(kills.len(), &missing) {
            Verdict::Of(path) => {
                for kill in kills {
                    self.ledger.marked(&path);
                    self.place(kill, Some(&path), stream)?;
                }
                Ok(())
            }
            Verdict::Unknown => self.of_unknown_place(kills, missing, stream),
        }
    }

    /// The kills are told without a place, or the counters that name those that are selected.
    fn of_unknown_place(
        &mut self,
        kills: Vec<Unplaced>,
        missing: Vec<(String, Missing)>,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        let is_whole_host = self.is_whole_host();
        let counted: u64 = missing.iter().map(|(_, missing)| missing.count()).sum();
        let left = (kills.len() as u64).saturating_sub(counted);
        for (path, missing) in missing {
            self.ledger.settle(&path, missing);
            if !is_whole_host && self.is_of_selected(&path) {
                self.counted_more(&path, missing, stream)?;
            }
        }
        if is_whole_host {
            return kills.into_iter().try_for_each(|kill| self.place(kill, None, stream));
        }
        if left > 0 && self.cgroups.selected_went_below("/") {
            let missing = Missing { counted: left, seen: 0 };
            return self.counted_more("/", missing, stream);
        }
        Ok(())
    }

    fn place(&mut self, kill: Unplaced, path: Option<&str>, stream: &mut Stream) -> Result<(), StreamError> {
        let counted_by = path.map(|_| self.counter().0);
        match kill {
            Unplaced::Marked(mut seen) => {
                seen.counted_by = counted_by;
                self.placed(*seen, path, stream)
            }
            Unplaced::Logged(mut logged) => {
                logged.counted_by = counted_by;
                self.logged_placed(*logged, path, stream)
            }
        }
    }

    /// The innermost cgroups whose counters say more than was seen there, and by how much; the host's own is not among them.
    pub(super) fn missing_inside(&self) -> Vec<(String, Missing)> {
        let with_below = self.counter().1;
        let mut found: Vec<(String, Missing)> = Vec::new();
        let mut paths = self.paths();
        // The deepest first: what is missing there is missing above.
        paths.sort_by_key(|path| std::cmp::Reverse(path.matches('/').count()));
        for path in paths.into_iter().filter(|path| path != "/") {
            // A cgroup that was made anew meanwhile counts anew.
            let counted = match &self.counted {
                Some(before) => before.get(&path).copied().min(self.counted_in(&path)),
                None => self.counted_in(&path),
            };
            let Some(missing) = counted.and_then(|counted| self.ledger.missing(&path, counted, with_below)) else {
                continue;
            };
            let below = found.iter().filter(|(inner, _)| with_below && holds(&path, inner));
            let below: u64 = below.map(|(_, missing)| missing.count()).sum();
            if missing.count() > below {
                let seen = missing.seen + below;
                found.push((path, Missing { seen, ..missing }));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(found: &[(&str, u64)]) -> Vec<(String, Missing)> {
        let missing = |count| Missing {
            counted: count + 5,
            seen: 5,
        };
        found
            .iter()
            .map(|(path, count)| ((*path).to_owned(), missing(*count)))
            .collect()
    }

    #[test]
    fn kills_are_of_the_only_cgroup_that_counts_them() {
        let of = |path: &str| Verdict::Of(path.to_owned());
        assert_eq!(judge(2, &missing(&[("/a", 2)])), of("/a"));
        assert_eq!(judge(1, &missing(&[("/a", 2)])), of("/a"), "another's mark is lost");
        assert_eq!(judge(3, &missing(&[("/a", 2)])), Verdict::Unknown, "one was elsewhere");
        assert_eq!(judge(2, &missing(&[("/a", 1), ("/b", 1)])), Verdict::Unknown);
        assert_eq!(judge(1, &[]), Verdict::Unknown, "it has gone");
    }

    #[test]
    fn what_is_missing_once_may_be_on_its_way() {
        let mut placeless = Placeless::default();
        assert!(placeless.certain(missing(&[("/a", 2), ("/b", 1)]), false).is_empty());
        let certain = placeless.certain(missing(&[("/a", 1), ("/c", 1)]), false);
        let counts: Vec<_> = certain
            .iter()
            .map(|(path, missing)| (path.as_str(), missing.count()))
            .collect();
        assert_eq!(counts, [("/a", 1)]);
        assert_eq!(
            placeless.certain(missing(&[("/d", 1)]), true).len(),
            1,
            "at the end there is no other look"
        );
    }
}
