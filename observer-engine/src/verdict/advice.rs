//! What follows from a kill's evidence: at most three sentences, each with the number it rests on.
//!
//! In the order of what helps most: where to look, what a change would buy, what could or could not have been given back.
//! Where the evidence is missing there is no sentence.

use super::earlier::Unfreed;
use crate::event::{Class, Holder, Kill, KillLimit, Memory, Origin, Relation, ShortageKind, owner_name, setting};
use crate::human::{bytes, duration};
use crate::measure::Bytes;
use crate::unit::is_same_unit;

/// Sentences, at most.
const MAX: usize = 3;

/// Below this share of page cache, in per cent, nothing was left that reclaim could have given back: what is mapped and run
/// comes back at once.
const LITTLE: f64 = 5.0;

/// Swap is as good as full from this share on: it is given out in clusters.
const SWAP_FULL: f64 = 0.95;

/// Who held this share of what ran out, in per cent, is whom to look at.
const MOST: f64 = 50.0;

/// What nobody has is worth a word from this share of the machine's memory on, in per cent: some is with the kernel always.
const MUCH_OF_HOST: f64 = 15.0;

/// A ceiling so near below a limit, as a share of it, that both are to be told: what else a runtime takes has to fit between.
const NARROW: f64 = 0.1;

/// What is held beyond a ceiling is told from this share of it on: a heap's own book-keeping is within that.
const BEYOND: f64 = 0.25;

/// The ceiling of what many processes share, which says nothing of what one of them holds for itself.
const SHARED: &str = "shared_buffers";

/// A trend over less than this says nothing of hours to come, in seconds.
const LONG_ENOUGH: f64 = 20.0;

fn per_cent(part: Bytes, whole: Bytes) -> f64 {
    part.as_f64() / whole.as_f64().max(1.0) * 100.0
}

/// The sentences for a kill whose other fields are there.
pub(super) fn advice(kill: &Kill, unfreed: Option<&Unfreed>) -> Vec<String> {
    let last = kill.last_sample().map(|sample| sample.memory);
    let sentences = [
        lowered(kill, last.as_ref()),
        unfreed.map(|earlier| second(kill, earlier)),
        shares(kill, last.as_ref()),
        nobodys(kill),
        ceiling(kill),
        growth(kill),
        swap(kill.limit.as_ref()),
        short(kill),
        makeup(last.as_ref()),
        reclaim(kill.origin, last.as_ref()),
    ];
    sentences.into_iter().flatten().take(MAX).collect()
}

/// `MemoryMax=`, as it is set; elsewhere the file.
fn set(limit: &KillLimit) -> String {
    match setting(&limit.file, limit.unit.as_deref(), limit.cgroup.as_deref()) {
        "MemoryMax" => "MemoryMax=".to_owned(),
        file => file.to_owned(),
    }
}

/// A limit came down on what was used.
fn lowered(kill: &Kill, last: Option<&Memory>) -> Option<String> {
    let limit = kill.limit.as_ref()?;
    let max = limit.bytes?;
    let used = last?.current.filter(|used| *used > max)?;
    (kill.origin == Origin::LimitLowered).then(|| {
        format!(
            "{} was set to {} while {} was in use: the kernel kills until usage fits.",
            set(limit),
            bytes(max),
            bytes(used)
        )
    })
}

/// One was killed before, and what it held was still there.
fn second(kill: &Kill, earlier: &Unfreed) -> String {
    let why = if kill.origin == Origin::Sysrq {
        "the magic SysRq key does not wait for that"
    } else {
        "the kernel had stopped waiting for that memory"
    };
    format!(
        "{}[{}], killed {:.1}s earlier, still held {} when {} was chosen: {why}.",
        earlier.comm,
        earlier.pid,
        earlier.before.as_secs_f64(),
        bytes(earlier.held),
        kill.who()
    )
}

/// Who held most of a limit that others share.
fn shares(kill: &Kill, last: Option<&Memory>) -> Option<String> {
    let limit = kill.limit.as_ref()?;
    let (max, whole) = match limit.relation? {
        Relation::Own => return None,
        Relation::Ancestor => {
            let owner = owner_name(limit.unit.as_deref(), limit.cgroup.as_deref())?;
            (limit.bytes?, format!("{owner}'s {}", bytes(limit.bytes?)))
        }
        Relation::Host => (limit.bytes?, format!("the host's {}", bytes(limit.bytes?))),
    };
    let name = kill.subject.name()?;
    let is_own = |holder: &&Holder| {
        let path = kill.subject.cgroup.path.as_deref();
        path.map_or(holder.unit == name, |path| is_same_unit(&holder.cgroup, path))
    };
    let held = kill.holders.iter().find(is_own).map(|holder| holder.current);
    let own = held.or_else(|| last?.current).map(|held| per_cent(held, max));
    let largest = kill.holders.first();
    match (largest, own) {
        (Some(largest), own) if !is_own(&largest) => {
            let own = own.map(|own| format!(", {name} {own:.0}%")).unwrap_or_default();
            Some(format!(
                "{} held {:.0}% of {whole}{own}: look at {} first.",
                largest.unit,
                per_cent(largest.current, max),
                largest.unit
            ))
        }
        (_, Some(own)) if own >= MOST => Some(format!(
            "{name} held {own:.0}% of {whole}: set MemoryMax= on it to protect the others."
        )),
        (_, Some(own)) => Some(format!(
            "{name} held {own:.0}% of {whole}: no single unit used most of it."
        )),
        _ => None,
    }
}

/// What of the machine's memory nobody has whom a kill could free it from.
fn nobodys(kill: &Kill) -> Option<String> {
    let ledger = kill.ledger.as_deref()?;
    let (total, unaccounted) = ledger.total.zip(ledger.unaccounted)?;
    let share = per_cent(unaccounted, total);
    (share >= MUCH_OF_HOST).then(|| {
        let whose = if ledger.is_whole() {
            "a driver or the kernel took these pages directly"
        } else {
            "driver, vmalloc or per-CPU memory, which look alike here"
        };
        format!(
            "{} of the host's {} ({share:.0}%) belong to no process and no cgroup: {whose}. A kill frees none of it.",
            bytes(unaccounted),
            bytes(total)
        )
    })
}

/// A heap's or a cache's own ceiling beside the limit that was reached: whether both can hold, and whether what was held is
/// what the ceiling bounds.
fn ceiling(kill: &Kill) -> Option<String> {
    let victim = kill.victim.as_ref()?;
    let ceiling = victim.ceiling.as_ref()?;
    let (most, limit) = ceiling
        .bytes
        .zip(kill.limit.as_ref())
        .filter(|_| kill.origin != Origin::LimitLowered)?;
    let max = limit.bytes.filter(|max| max.0 > 0)?;
    let name = &ceiling.name;
    let of = match limit.relation {
        Some(Relation::Host) => format!("while the host has {}", bytes(max)),
        Some(Relation::Own | Relation::Ancestor) | None => {
            format!("while the limit that was reached ({}) is {}", set(limit), bytes(max))
        }
    };
    if most >= max {
        return Some(format!(
            "{name} allows {}, {of}: the two contradict each other, and it reaches the lower one without a leak.",
            bytes(most)
        ));
    }
    let left = max.saturating_sub(most);
    if left.as_f64() < max.as_f64() * NARROW {
        return Some(format!(
            "{name} allows {}, {of}: that leaves {} for everything else (stacks, code, buffers).",
            bytes(most),
            bytes(left)
        ));
    }
    let parts = [victim.anon, victim.swap].into_iter().flatten();
    let held = parts.reduce(|sum, part| Bytes(sum.0.saturating_add(part.0)))?;
    let beyond = held.saturating_sub(most);
    (name != SHARED && beyond.as_f64() > most.as_f64() * BEYOND).then(|| {
        format!(
            "It held {}, {} more than {name} allows ({}): the excess is native memory, not heap or cache.",
            bytes(held),
            bytes(beyond),
            bytes(most)
        )
    })
}

/// Whether a ceiling is no lower than the limit: what grows up to it is no leak.
fn has_no_room(kill: &Kill, max: Bytes) -> bool {
    let ceiling = kill.victim.as_ref().and_then(|victim| victim.ceiling.as_ref()?.bytes);
    ceiling.is_some_and(|most| most >= max)
}

/// What a larger limit would buy.
fn growth(kill: &Kill) -> Option<String> {
    let limit = kill.limit.as_ref()?;
    let trend = kill.before.as_ref()?.trend?;
    let leaks = trend.class == Class::Leak && trend.bytes_per_second > 0.0 && trend.window_seconds >= LONG_ENOUGH;
    let own = limit.relation == Some(Relation::Own) && limit.file == "memory.max";
    let max = limit
        .bytes
        .filter(|max| max.0 > 0 && leaks && own && kill.origin != Origin::LimitLowered)
        .filter(|max| !has_no_room(kill, *max))?;
    Some(format!(
        "This is a leak: doubling {} would delay the next kill by only about {}.",
        set(limit),
        duration(max.as_f64() / trend.bytes_per_second)
    ))
}

/// Swap was to help, and was used up too.
fn swap(limit: Option<&KillLimit>) -> Option<String> {
    let (usage, max) = limit?.swap_usage.zip(limit?.swap_max)?;
    let full = max.0 > 0 && usage.as_f64() >= SWAP_FULL * max.as_f64();
    full.then(|| format!("Swap was full too: {} of MemorySwapMax= in use.", bytes(usage)))
}

/// What the machine lacked, and whether a kill or more memory would have helped.
fn short(kill: &Kill) -> Option<String> {
    let shortage = kill.shortage.as_ref()?;
    let zone = match (&shortage.zone, shortage.node) {
        (Some(zone), Some(node)) => format!("zone {zone} of node {node}"),
        (Some(zone), None) => format!("zone {zone}"),
        (None, Some(node)) => format!("node {node}"),
        (None, None) if shortage.kind == ShortageKind::Node => "certain unknown nodes".to_owned(),
        (None, None) => "the zones that it may use".to_owned(),
    };
    let held = shortage.free.zip(shortage.min).map(|(free, min)| {
        let cma = shortage.free_cma.filter(|cma| *cma > Bytes(0) && !takes_cma(kill));
        let usable = free.saturating_sub(cma.unwrap_or_default());
        let beside = cma.map(|cma| format!(" beside {} of CMA, which the request may not use", bytes(cma)));
        let beside = beside.unwrap_or_default();
        let (free, min) = (
            bytes(usable),
            if usable < min {
                format!("below the {} that", bytes(min))
            } else {
                format!("of which {}", bytes(min))
            },
        );
        format!(" ({free} free{beside}, {min} must stay)")
    });
    let held = held.unwrap_or_default();
    let no_swap = match (shortage.swap_free, shortage.swap_total) {
        (_, Some(Bytes(0))) => "; there is no swap".to_owned(),
        (Some(free), Some(total)) if free.as_f64() <= (1.0 - SWAP_FULL) * total.as_f64() => {
            format!("; all {} of swap were in use too", bytes(total))
        }
        _ => String::new(),
    };
    Some(match shortage.kind {
        ShortageKind::Machine => format!("All of the machine's memory was in use{held}{no_swap}."),
        ShortageKind::Zone => format!(
            "Only {zone} could satisfy the request{held}, and other memory was free: more RAM would not help, and killing processes hardly does."
        ),
        ShortageKind::Node => format!(
            "Only memory of {zone} was allowed{held}: free memory on other nodes does not help; see AllowedMemoryNodes= and numactl(8)."
        ),
        ShortageKind::Order => format!(
            "Memory was free{held}, but in pieces too small for {} contiguous pages: it is fragmented, and neither more RAM nor a kill helps much.",
            1_u64.checked_shl(shortage.order?.unsigned_abs()).unwrap_or(0)
        ),
        ShortageKind::None if kill.origin == Origin::PageFault => format!(
            "Nothing was short{held}: a page fault handler returned an error, usually a driver's or a file system's. Killing could not help."
        ),
        ShortageKind::None if kill.origin == Origin::Sysrq => {
            format!("Nothing was short{held}: only the key press caused this kill.")
        }
        ShortageKind::None => format!("Nothing was short as far as the kernel shows{held}: killing could not help."),
    })
}

/// Whether the request may have been for a page that can be moved, which alone may lie where large pieces are set aside.
fn takes_cma(kill: &Kill) -> bool {
    let gfp = kill.request.as_ref().map(|request| request.gfp.as_str());
    gfp.is_none_or(|gfp| gfp.contains("MOVABLE") || !gfp.starts_with("GFP_"))
}

/// What no kill of a process gives back.
fn makeup(last: Option<&Memory>) -> Option<String> {
    let last = last?;
    let current = last.current?;
    let half = |part: &Bytes| part.0 >= current.0 / 2;
    if let Some(shmem) = last.shmem.filter(half) {
        return Some(format!(
            "{} of the usage was shared memory or files on a tmpfs, which a kill does not free.",
            bytes(shmem)
        ));
    }
    let kernel = last.kernel.filter(half)?;
    let what = last.mostly_kernel().map_or_else(
        || "files, pipes, sockets".to_owned(),
        |(part, size)| format!("{} of that {part}", bytes(size)),
    );
    Some(format!(
        "{} of the usage was kernel memory charged to the unit ({what}), not memory of its processes.",
        bytes(kernel)
    ))
}

/// What reclaim could have given back: of a kill that only a full limit makes.
fn reclaim(origin: Origin, last: Option<&Memory>) -> Option<String> {
    let at_limit = match origin {
        Origin::MemcgLimit | Origin::OomGroup | Origin::SharedMm | Origin::LimitLowered => true,
        Origin::Host
        | Origin::PageFault
        | Origin::Cpuset
        | Origin::Mempolicy
        | Origin::Sysrq
        | Origin::SystemdOomd
        | Origin::CgroupKill
        | Origin::UnitOomPolicy
        | Origin::Userspace
        | Origin::Unknown => false,
    };
    let last = last.filter(|_| at_limit)?;
    let cache = last.file?.saturating_sub(last.shmem.unwrap_or_default());
    let share = per_cent(cache, last.current?);
    // Where there was none, what was used before the kill says so by itself.
    (share >= LITTLE).then(|| format!("{share:.0}% of the usage was page cache, which can be reclaimed."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Ledger, Subject, Trend, Victim};
    use crate::measure::Tgid;
    use crate::verdict::{Constraint, KillFacts, OomFacts, OwnerFacts, verdict};

    const MIB: u64 = 1 << 20;
    const PATH: &str = "/system.slice/a.service";

    fn kill(line: &str, max: u64, anon: u64) -> Kill {
        let cgroup = crate::event::CgroupRef {
            id: None,
            path: Some(PATH.to_owned()),
        };
        let subject = Subject {
            unit: Some("a.service".to_owned()),
            cgroup,
            ..Subject::default()
        };
        let victim = Victim {
            cmdline: Some(line.to_owned()),
            anon: Some(Bytes(anon * MIB)),
            ..Victim::new(Tgid(7), "a".to_owned())
        };
        let owner = OwnerFacts {
            path: Some(PATH.to_owned()),
            unit: Some("a.service".to_owned()),
            limit: Some(Bytes(max * MIB)),
            usage: None,
            swap_usage: None,
            swap_max: None,
        };
        let oom = OomFacts {
            constraint: Constraint::Memcg,
            order: Some(0),
            gfp: None,
            owner: Some(owner),
            chosen: Some(Tgid(7)),
            lowering: None,
        };
        let facts = KillFacts {
            oom: Some(oom),
            ..KillFacts::new(subject, victim, Vec::new())
        };
        let trend = Trend {
            bytes_per_second: 1e6,
            low: 1e6,
            high: 1e6,
            window_seconds: 600.0,
            class: Class::Leak,
            since: None,
            earlier: None,
        };
        let before = crate::event::Before {
            trend: Some(trend),
            ..crate::event::Before::default()
        };
        verdict(facts, |_| Some(before))
    }

    fn told(line: &str, max: u64, anon: u64) -> String {
        kill(line, max, anon).advice.join(" ")
    }

    #[test]
    fn a_ceiling_that_the_limit_does_not_hold_is_told_with_both_numbers_and_is_no_leak() {
        let both = told("java -Xmx2g Main", 1024, 900);
        assert!(both.contains("-Xmx allows 2.0G"), "{both}");
        assert!(both.contains("MemoryMax=) is 1.0G: the two contradict"), "{both}");
        assert!(!both.contains("This is a leak"), "{both}");
        let narrow = told("java -Xmx1000m Main", 1024, 900);
        assert!(narrow.contains("that leaves 24.0M"), "{narrow}");
        let native = told("java -Xmx256m Main", 1024, 900);
        assert!(native.contains("It held 900.0M, 644.0M more than -Xmx"), "{native}");
        assert!(native.contains("This is a leak"), "{native}");
        for line in [
            "java -Xmx800m Main",
            "python3 leak.py",
            "postgres -c shared_buffers=256MB",
        ] {
            let said = told(line, 1024, 900);
            assert!(said.starts_with("This is a leak: doubling"), "{line}: {said}");
        }
    }

    #[test]
    fn what_is_free_counts_only_as_far_as_the_request_may_use_it_and_is_no_part_of_less() {
        use crate::event::Request;
        let mut kill = kill("a", 1024, 1);
        let shortage = |free, cma, min| crate::event::Shortage {
            kind: ShortageKind::Machine,
            node: None,
            zone: None,
            order: None,
            free: Some(Bytes(free * MIB)),
            min: Some(Bytes(min * MIB)),
            low: None,
            high: None,
            free_cma: Some(Bytes(cma * MIB)),
            swap_free: None,
            swap_total: None,
        };
        let mut told = |free, cma, min, gfp: &str| {
            kill.shortage = Some(shortage(free, cma, min));
            kill.request = Some(Request {
                order: 0,
                gfp: gfp.to_owned(),
            });
            short(&kill).unwrap()
        };
        let said = told(20, 0, 16, "GFP_KERNEL");
        assert!(said.contains("(20.0M free, of which 16.0M must stay)"), "{said}");
        let said = told(14, 0, 16, "GFP_KERNEL");
        assert!(said.contains("(14.0M free, below the 16.0M that must stay)"), "{said}");
        let said = told(506, 500, 10, "GFP_KERNEL");
        assert!(
            said.contains(
                "(6.0M free beside 500.0M of CMA, which the request may not use, below the 10.0M that must stay)"
            ),
            "{said}"
        );
        let said = told(506, 500, 10, "GFP_HIGHUSER_MOVABLE|__GFP_COMP");
        assert!(said.contains("(506.0M free, of which 10.0M must stay)"), "{said}");
    }

    #[test]
    fn what_nobody_has_is_said_where_it_is_much() {
        let mut kill = kill("a", 1024, 1);
        let ledger = |unaccounted: u64| Ledger {
            total: Some(Bytes(8192 * MIB)),
            unaccounted: Some(Bytes(unaccounted * MIB)),
            vmalloc: Some(Bytes(1)),
            percpu: Some(Bytes(1)),
            ..Ledger::default()
        };
        kill.ledger = Some(Box::new(ledger(2048)));
        let said = nobodys(&kill).unwrap();
        assert!(
            said.starts_with("2.0G of the host's 8.0G (25%) belong to no process and no cgroup: a driver"),
            "{said}"
        );
        kill.ledger = Some(Box::new(Ledger {
            vmalloc: None,
            ..ledger(2048)
        }));
        assert!(nobodys(&kill).unwrap().contains("which look alike"));
        kill.ledger = Some(Box::new(ledger(400)));
        assert_eq!(nobodys(&kill), None);
    }
}
