//! Whether anything is missing: what the kernel counted against what was seen.
//!
//! `oom_kill` of `/proc/vmstat` counts every call of the kernel's killer that ends a process, wherever it lived and even
//! where its cgroup is gone; a task is marked in each of these calls, doubles of a group's leader included, and sometimes
//! without being counted (it was exiting already; mm/oom_kill.c). So more counted than marked is a kill that nobody saw.

use std::fs;

/// Both counts since the start.
#[derive(Debug)]
pub(super) struct Reconciler {
    counted_before: Option<u64>,
    /// How much more was counted when last looked at, and how much of that has been told.
    missing: u64,
    told: u64,
}

/// More was counted than seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) counted: u64,
    pub(super) seen: u64,
}

fn vmstat() -> Option<u64> {
    parse(&fs::read_to_string("/proc/vmstat").ok()?)
}

fn parse(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
    value.trim().parse().ok()
}

impl Reconciler {
    /// From now on.
    pub(super) fn new() -> Self {
        Self::from(vmstat())
    }

    fn from(counted_before: Option<u64>) -> Self {
        Self {
            counted_before,
            missing: 0,
            told: 0,
        }
    }

    /// Looks, given how many marks were seen since the start.
    pub(super) fn look(&mut self, seen: u64) -> Option<Difference> {
        self.compare(vmstat()?, seen)
    }

    /// A difference is certain where it is still there a look later: a record may be on its way.
    fn compare(&mut self, counter: u64, seen: u64) -> Option<Difference> {
        let counted = counter.saturating_sub(self.counted_before?);
        let missing = counted.saturating_sub(seen);
        let certain = missing.min(std::mem::replace(&mut self.missing, missing));
        if certain <= self.told {
            return None;
        }
        self.told = certain;
        Some(Difference { counted, seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_once_when_it_has_stayed() {
        let mut reconciler = Reconciler::from(Some(10));
        assert_eq!(reconciler.compare(11, 0), None);
        assert_eq!(reconciler.compare(11, 1), None, "it was on its way");
        assert_eq!(reconciler.compare(13, 1), None);
        let difference = Difference { counted: 3, seen: 1 };
        assert_eq!(reconciler.compare(13, 1), Some(difference));
        assert_eq!(reconciler.compare(13, 1), None);
        assert_eq!(
            reconciler.compare(13, 9),
            None,
            "marks that were not counted are no difference"
        );
    }

    #[test]
    fn only_the_counter_of_that_name_is_read() {
        assert_eq!(parse("oom_kill_x 3\noom_kill 7\n"), Some(7));
        assert_eq!(parse("pgfault 3\n"), None);
    }
}
