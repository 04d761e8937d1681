//! Kills of those who may kill their own only, when they come one after the other.
//!
//! Anybody may kill its own processes as often as it wants, and each kill would be a line, at whose cost older evidence goes.
//! So of the kills that one user answers for the first ones in a window are told, and the others counted. Who may kill
//! whomever it wants is told whatever it kills.
//!
//! In: who kills, and when. Out: whether that is told, and in the end how many were not.

use std::collections::HashMap;

use crate::event::Killer;
use crate::measure::BootNanos;

/// Kills of one user that are told in a window.
pub const TOLD: u64 = 16;

/// How long a window is, in nanoseconds.
pub const WINDOW: u64 = 10_000_000_000;

/// Users remembered, at most; those above are one.
const REMEMBERED: usize = 1_024;

/// Windows that are open, by the user who answers for the senders.
#[derive(Debug, Default)]
pub struct Repeats(HashMap<Option<u32>, Window>);

#[derive(Debug)]
struct Window {
    since: BootNanos,
    kills: u64,
    /// The first that was not told.
    killer: Option<Killer>,
}

impl Repeats {
    /// A kill by one that this user answers for: whether it is told by itself.
    pub fn is_told(&mut self, owner: Option<u32>, at: BootNanos, killer: &Killer) -> bool {
        let is_known = self.0.contains_key(&owner);
        let owner = owner.filter(|_| is_known || self.0.len() < REMEMBERED);
        let window = self.0.entry(owner).or_insert(Window {
            since: at,
            kills: 0,
            killer: None,
        });
        window.kills = window.kills.saturating_add(1);
        if window.kills > TOLD {
            window.killer.get_or_insert_with(|| killer.clone());
        }
        window.kills <= TOLD
    }

    /// The windows that are over, or all: whose kills were not told, and how many.
    pub fn over(&mut self, now: BootNanos, all: bool) -> Vec<(Killer, u64)> {
        let mut over = Vec::new();
        self.0.retain(|_, window| {
            let is_over = all || now.0.saturating_sub(window.since.0) >= WINDOW;
            if let Some(killer) = window.killer.take_if(|_| is_over) {
                over.push((killer, window.kills.saturating_sub(TOLD)));
            }
            !is_over
        });
        over.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Tgid;

    fn killer(pid: u32) -> Killer {
        Killer {
            pid: Some(Tgid(pid)),
            comm: Some("earlyoom".to_owned()),
            uid: Some(65_534),
            unit: None,
            reason: None,
            words: None,
        }
    }

    const MILLISECOND: u64 = 1_000_000;

    #[test]
    fn a_flood_is_some_lines_and_a_count_and_nobody_elses_kill_is_in_it() {
        let mut repeats = Repeats::default();
        let (mut told, mut counted, mut others) = (0, 0, 0);
        for kill in 0..18_000 {
            let at = BootNanos(kill * MILLISECOND);
            // Each by another process of the same user.
            told += u64::from(repeats.is_told(Some(65_534), at, &killer(1_000 + u32::try_from(kill).unwrap())));
            if kill % 2_000 == 0 {
                others += u64::from(repeats.is_told(Some(1_000), at, &killer(7)));
            }
            if kill % 1_000 == 0 {
                let over = repeats.over(at, false);
                counted += over.iter().map(|(_, count)| count).sum::<u64>();
            }
        }
        let rest = repeats.over(BootNanos(0), true);
        assert_eq!(rest.len(), 1);
        counted += rest.iter().map(|(_, count)| count).sum::<u64>();
        assert_eq!((told, told + counted, others), (2 * TOLD, 18_000, 9));
        assert_eq!(rest[0].0.uid, Some(65_534));
    }

    #[test]
    fn a_window_in_which_all_was_told_says_nothing() {
        let mut repeats = Repeats::default();
        for _ in 0..TOLD {
            assert!(repeats.is_told(Some(1), BootNanos(0), &killer(7)));
        }
        assert!(repeats.over(BootNanos(WINDOW - 1), false).is_empty());
        assert!(repeats.over(BootNanos(WINDOW), false).is_empty());
        assert!(repeats.is_told(Some(1), BootNanos(WINDOW), &killer(7)), "a new window");
    }

    #[test]
    fn whoever_is_one_too_many_is_bounded_with_the_others() {
        let mut repeats = Repeats::default();
        for owner in 0..5_000 {
            repeats.is_told(Some(owner), BootNanos(0), &killer(7));
        }
        assert_eq!(repeats.0.len(), REMEMBERED + 1);
        let counted: u64 = repeats.over(BootNanos(0), true).iter().map(|(_, count)| count).sum();
        assert_eq!(counted, 5_000 - REMEMBERED as u64 - TOLD);
    }
}
