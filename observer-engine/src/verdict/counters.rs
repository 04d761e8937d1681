//! What counters and sizes say where nobody saw the kernel choose: whose limit was met, and whether anything was short.
//!
//! In: what was read of a cgroup and of those above it, nearest first. Out: who it points at, or nobody.

use crate::event::{KillLimit, Memory, Pressure};
use crate::measure::Bytes;

/// What a peak can be short of a limit that was met, in bytes: a batch of pages on each of some CPUs.
const IN_STOCK: u64 = 1 << 20;

/// The host is short of memory below this share that is available: earlyoom's own default.
const SHORT: f64 = 0.10;

/// A limit is as good as reached from this share on: of page cache, what is mapped and run is not given back for long.
const FULL: f64 = 0.90;

/// Stalls are a shortage from this `full avg10` on, in per cent.
const STALLED: f64 = 10.0;

/// The owner of a limit after a kill.
#[derive(Debug, Clone)]
pub struct MetLimit {
    /// The limit.
    pub limit: KillLimit,
    /// The highest usage of its cgroup so far.
    pub peak: Option<Bytes>,
    /// `memory.events.local oom` now; `None` where there is no such file.
    pub ooms: Option<u64>,
    /// The same as read before the kill; 0 where it was not.
    pub ooms_before: u64,
}

/// Whose limit was met, and the file that says so.
///
/// By the counter that only the limit's owner has (`memory.events.local oom`), which the kernel moves before it kills. Where
/// there is no such file, as on v1, by the only limit that was ever full: a peak can be short of it by the charges in stock.
/// `None` where that points at nobody, as with the whole host, or at more than one.
#[must_use]
pub fn limit_met(owners: &[MetLimit]) -> Option<(&KillLimit, &'static str)> {
    let counted = |owner: &&MetLimit| owner.ooms.is_some_and(|ooms| ooms > owner.ooms_before);
    let was_full = |owner: &&MetLimit| {
        let full = |(limit, peak): (Bytes, Bytes)| peak.0.saturating_add(IN_STOCK) >= limit.0;
        owner.ooms.is_none() && owner.limit.bytes.zip(owner.peak).is_some_and(full)
    };
    let by_counter = only(owners.iter().filter(counted)).map(|owner| (&owner.limit, "memory.events.local"));
    by_counter.or_else(|| only(owners.iter().filter(was_full)).map(|owner| (&owner.limit, "memory.peak")))
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// What is known of a cgroup at the time of a signal.
#[derive(Debug, Clone, Default)]
pub struct Level {
    /// Its path.
    pub cgroup: String,
    /// As it is read now; `None` where it has gone.
    pub now: Option<Memory>,
    /// As it was sampled last: by now the victim may have let go of what it had.
    pub before: Option<Memory>,
    /// `memory.pressure` now.
    pub pressure: Option<Pressure>,
}

/// What is short at a cgroup, at those above it or on the host, as the file that says so; `None` where nothing is.
///
/// `victim` is the anonymous memory of whom the signal is for, as it was sent: who fills a limit between two samples has let go of
/// it when its cgroup is read. `host` is what the machine has available, and in all.
#[must_use]
pub fn shortage(levels: &[Level], victim: Option<Bytes>, host: Option<(Bytes, Bytes)>) -> Option<String> {
    let victim = victim.unwrap_or_default();
    let here = levels.iter().find_map(|level| {
        let is_full = |memory: &Memory| is_full(memory, victim);
        if level.now.iter().chain(&level.before).any(is_full) {
            return Some(format!("{} memory.max", level.cgroup));
        }
        let stalled = level.pressure.is_some_and(|pressure| pressure.full_avg10 >= STALLED);
        stalled.then(|| format!("{} memory.pressure", level.cgroup))
    });
    here.or_else(|| {
        let (available, total) = host?;
        (available.as_f64() < total.as_f64() * SHORT).then(|| "MemAvailable".to_owned())
    })
}

/// Whether what cannot be had back fills the limit, that being `victim` at least.
fn is_full(memory: &Memory, victim: Bytes) -> bool {
    let size = |size: Option<Bytes>| size.unwrap_or_default();
    let cache = size(memory.file).saturating_sub(size(memory.shmem));
    let fixed = size(memory.current).saturating_sub(cache).max(victim);
    memory.max.is_some_and(|max| fixed.as_f64() >= max.as_f64() * FULL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn owner(path: &str, peak: u64, ooms: Option<u64>, ooms_before: u64) -> MetLimit {
        MetLimit {
            limit: KillLimit {
                cgroup: Some(path.to_owned()),
                unit: None,
                relation: None,
                file: "memory.max".to_owned(),
                bytes: Some(Bytes(64 * MIB)),
                usage: None,
                swap_usage: None,
                swap_max: None,
            },
            peak: Some(Bytes(peak * MIB)),
            ooms,
            ooms_before,
        }
    }

    #[test]
    fn a_limit_that_was_full_once_is_not_to_blame_for_a_kill_that_its_counter_does_not_tell() {
        let met = |own, above| {
            let owners = [owner("/a/b", 64, own, 3), owner("/a", 64, above, 1)];
            limit_met(&owners).map(|(limit, file)| (limit.cgroup.clone().unwrap_or_default(), file))
        };
        assert_eq!(met(Some(3), Some(2)), Some(("/a".to_owned(), "memory.events.local")));
        assert_eq!(met(Some(3), Some(1)), None, "the host was short");
        assert_eq!(met(Some(4), Some(2)), None, "one of two");
        assert_eq!(met(None, None), None, "v1, one of two");
        let alone = [owner("/a/b", 12, None, 0), owner("/a", 64, None, 0)];
        assert_eq!(limit_met(&alone).map(|found| found.1), Some("memory.peak"));
    }

    fn memory(current: u64, file: u64, shmem: u64) -> Memory {
        Memory {
            current: Some(Bytes(current * MIB)),
            file: Some(Bytes(file * MIB)),
            shmem: Some(Bytes(shmem * MIB)),
            max: Some(Bytes(100 * MIB)),
            ..Memory::default()
        }
    }

    #[test]
    fn a_shortage_is_told_by_the_nearest_file_that_says_so() {
        let level = |path: &str| Level {
            cgroup: path.to_owned(),
            ..Level::default()
        };
        let stalled = |full_avg10| {
            Some(Pressure {
                some_avg10: 90.0,
                full_avg10,
            })
        };
        let roomy = Some((Bytes(50 * MIB), Bytes(100 * MIB)));
        let cases = [
            ("nothing known", vec![level("/a")], None, None),
            ("room on the host", vec![level("/a")], roomy, None),
            (
                "the host is short",
                vec![level("/a")],
                Some((Bytes(9), Bytes(100))),
                Some("MemAvailable"),
            ),
            (
                "its own limit is full",
                vec![Level {
                    now: Some(memory(95, 0, 0)),
                    ..level("/a")
                }],
                roomy,
                Some("/a memory.max"),
            ),
            (
                "page cache fills no limit",
                vec![Level {
                    now: Some(memory(95, 60, 0)),
                    ..level("/a")
                }],
                roomy,
                None,
            ),
            (
                "shmem does",
                vec![Level {
                    now: Some(memory(95, 60, 60)),
                    ..level("/a")
                }],
                roomy,
                Some("/a memory.max"),
            ),
            (
                "it was full before the victim let go",
                vec![Level {
                    now: Some(memory(1, 0, 0)),
                    before: Some(memory(95, 0, 0)),
                    ..level("/a")
                }],
                roomy,
                Some("/a memory.max"),
            ),
            (
                "its slice stalls",
                vec![
                    level("/s/a"),
                    Level {
                        pressure: stalled(12.0),
                        ..level("/s")
                    },
                ],
                roomy,
                Some("/s memory.pressure"),
            ),
            (
                "some stall, not all",
                vec![Level {
                    pressure: stalled(9.0),
                    ..level("/a")
                }],
                roomy,
                None,
            ),
        ];
        for (case, levels, host, file) in cases {
            assert_eq!(shortage(&levels, None, host).as_deref(), file, "{case}");
        }
        let emptied = [Level {
            now: Some(memory(1, 0, 0)),
            before: Some(memory(12, 0, 0)),
            ..level("/a")
        }];
        let by_a_victim_of = |mib: u64| shortage(&emptied, Some(Bytes(mib * MIB)), roomy);
        assert_eq!(
            by_a_victim_of(95).as_deref(),
            Some("/a memory.max"),
            "it filled it between two samples"
        );
        assert_eq!(by_a_victim_of(60), None);
    }
}
