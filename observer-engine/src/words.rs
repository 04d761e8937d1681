//! The words of an event, for all that a person reads: text, screen, journal, report, `why` and the page for pasted logs.
//!
//! In: events. Out: phrases (here), a kill's paragraph (`verdict`), what a log told (`told`). It knows no sink, and no width.

mod code;
mod growers;
mod held;
mod told;
mod verdict;

use std::borrow::Cow;

use crate::event::{
    Bursty, Class, Container, Forecast, ForecastChange, ForecastState, GrowingPart, Ledger, LimitRef, Lost, Memory,
    OomWithoutKill, Relation, RunEnd, Subject, Throttle, ThrottleState, Trend, UNACCOUNTED, Unexplained, owner_name,
    setting,
};
use crate::human::{burst, bytes, duration, rate};
use crate::measure::Bytes;

pub use code::{Unnamed, code, is_code_of, unnamed};
pub use held::object;
pub use told::{LOOKED_FOR, NO_KILL, Sentences, WHOLE_REPORT, is_last_line, sentences};
pub use verdict::{cause, killed, limit_brief, message, paragraph};

/// A share from which on it is as good as all.
const ALL: f64 = 0.9;

/// What the root of all cgroups is called.
pub const HOST: &str = "host";

/// A class in a word or two.
pub fn class_name(class: Class) -> &'static str {
    match class {
        Class::Steady => "steady",
        Class::Leak => "a leak",
        Class::Cache => "page cache",
        Class::Shmem => "shared memory",
        Class::Kernel => "kernel memory",
        Class::Burst => "a burst",
        Class::Sawtooth => "a sawtooth",
        Class::Warmup => "a warm-up",
        Class::Shrinking => "shrinking",
        Class::Unknown => "not clear yet",
    }
}

/// Growth is given its class once it has lasted so long, in seconds: everything that starts grows at first.
const LASTED: f64 = 30.0;

/// Whether growth is too young to be called anything, and no earlier run tells what it is.
pub fn is_early(trend: &Trend) -> bool {
    let grows = matches!(trend.class, Class::Leak | Class::Shmem | Class::Kernel | Class::Burst);
    grows && is_brief(trend)
}

/// Whether a trend has lasted for less than what its class could be told by, whichever it is.
pub fn is_brief(trend: &Trend) -> bool {
    trend.window_seconds < LASTED && trend.earlier.is_none()
}

/// A trend's class in a word or two, `rising` before it has one.
pub fn trend_name(trend: &Trend) -> &'static str {
    if is_early(trend) {
        "rising"
    } else {
        class_name(trend.class)
    }
}

/// Whether nothing tells a leak from what fills and will stop: it has grown, and no earlier run was killed after it had.
fn may_stop(trend: &Trend, class: Class) -> bool {
    let was_killed = trend.earlier.is_some_and(|earlier| earlier.end == RunEnd::Killed);
    class == Class::Leak && !was_killed
}

/// Growth that is warned of in a word or two.
fn growth_name(trend: &Trend, class: Class) -> &'static str {
    if may_stop(trend, class) {
        "fills or leaks"
    } else {
        class_name(class)
    }
}

/// `1 line`, `3 lines`.
pub fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// How fast it grows, for a person: what is steady does not, whatever the line through its jitter says.
pub fn pace(bytes_per_second: f64, class: Class) -> String {
    match class {
        Class::Steady => "0".to_owned(),
        _ => rate(bytes_per_second),
    }
}

/// The kernel's memory, and where it is what grows or half of all what most of it is: `kernel 39.6M (page tables 38.1M)`.
pub fn kernel(memory: &Memory, class: Class) -> Option<String> {
    let held = memory.kernel?;
    let is_half = memory.current.is_some_and(|current| held.0 >= current.0 / 2);
    let mostly = memory
        .mostly_kernel()
        .filter(|_| class == Class::Kernel || is_half)
        .map(|(part, size)| format!(" ({part} {})", bytes(size)));
    Some(format!("kernel {}{}", bytes(held), mostly.unwrap_or_default()))
}

/// A part of the machine's memory below this share of it is left out.
const LITTLE: f64 = 0.01;

/// What the machine's memory is used for, largest first: `of 8.0G: anon 3.1G · unaccounted 2.2G · free 61.0M`.
pub(super) fn ledger(ledger: &Ledger) -> Option<String> {
    let total = ledger.total?;
    let mut parts: Vec<(&str, Bytes)> = ledger
        .used()
        .filter(|(_, size)| size.as_f64() >= total.as_f64() * LITTLE)
        .collect();
    parts.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let free = ledger.free.map(|free| ("free", free));
    let told: Vec<String> = parts
        .into_iter()
        .chain(free)
        .map(|(name, size)| format!("{name} {}", bytes(size)))
        .collect();
    (!told.is_empty()).then(|| format!("of {}: {}", bytes(total), told.join(" · ")))
}

/// What a person calls a subject: the user's unit, else the system's, else the cgroup's path.
pub fn name(subject: &Subject) -> &str {
    known_name(subject).unwrap_or("an unknown cgroup")
}

/// The same for reading: a container by its name and its pod's, where they are known. `-u` takes it.
pub fn called(subject: &Subject) -> Cow<'_, str> {
    let container = subject.container.as_ref().and_then(Container::in_full);
    container.map_or_else(|| Cow::Borrowed(name(subject)), Cow::Owned)
}

/// The same as [`name`]; `None` of a subject of which nothing is known.
fn known_name(subject: &Subject) -> Option<&str> {
    let name = subject.name().or(subject.cgroup.path.as_deref())?;
    Some(if name == "/" { HOST } else { name })
}

/// `29min (26min … 34min)`.
pub fn interval(forecast: &Forecast) -> String {
    let high = forecast.high_seconds.map_or_else(|| "open".to_owned(), duration);
    let (middle, low) = (duration(forecast.seconds), duration(forecast.low_seconds));
    if low == middle && high == middle {
        middle
    } else {
        format!("{middle} ({low} … {high})")
    }
}

/// Whose limit it is.
pub fn limit_owner(relation: Relation, unit: Option<&str>, cgroup: &str) -> String {
    match relation {
        Relation::Own => "own".to_owned(),
        Relation::Ancestor => owner_name(unit, Some(cgroup)).unwrap_or_default(),
        Relation::Host => "host".to_owned(),
    }
}

/// A limit in words: `its own MemoryMax=64.0M`, `system.slice's MemoryMax=2.0G`, `the host's memory, 7.8G`, and
/// `its own memory.max=32.0M of /a.service/inner` where that is not the unit's.
pub fn limit(relation: Option<Relation>, unit: Option<&str>, cgroup: Option<&str>, file: &str, size: &str) -> String {
    let set = setting(file, unit, cgroup);
    let owner = owner_name(unit, cgroup).unwrap_or_else(|| "an unknown cgroup".to_owned());
    match (relation, unit, cgroup) {
        (Some(Relation::Host), ..) => format!("the host's memory, {size}"),
        (Some(Relation::Own), Some(_), Some(cgroup)) if set == file => format!("its own {set}={size} of {cgroup}"),
        (Some(Relation::Own), ..) => format!("its own {set}={size}"),
        (Some(Relation::Ancestor) | None, ..) => format!("{owner}'s {set}={size}"),
    }
}

/// `bursty: up to 1.2G/s lately, 3.0G left`.
pub fn bursty(bursty: &Bursty) -> String {
    let pace = burst(bursty.bytes_per_second);
    format!("bursty: up to {pace} lately, {} left", bytes(bursty.left))
}

/// The limit that a warning is about, and whose it is: `its own MemoryMax=64.0M`.
fn heading_for(change: &ForecastChange, limit_ref: &LimitRef) -> (Relation, String) {
    let LimitRef {
        cgroup,
        unit: owner,
        file,
        bytes: size,
    } = limit_ref;
    let relation = if change.subject.cgroup.path.as_ref() == Some(cgroup) {
        Relation::Own
    } else if cgroup == "/" {
        Relation::Host
    } else {
        Relation::Ancestor
    };
    let limit = limit(Some(relation), owner.as_deref(), Some(cgroup), file, &bytes(*size));
    (relation, limit)
}

/// A warning for a row of a list: how long is left, and to which limit.
pub fn warning_brief(change: &ForecastChange) -> Option<(String, String)> {
    let forecast = change.forecast.as_ref()?;
    let (_, limit) = heading_for(change, &forecast.limit);
    Some((format!("{} left", interval(forecast)), limit))
}

/// A warning in a sentence.
pub fn warning(change: &ForecastChange) -> String {
    let unit = called(&change.subject);
    let Some(forecast) = change
        .forecast
        .as_ref()
        .filter(|_| change.state != ForecastState::Cleared)
    else {
        return format!("{unit}: no longer heading for its limit");
    };
    let (relation, limit) = heading_for(change, &forecast.limit);
    let comma = if relation == Relation::Host { "," } else { "" };
    let growth = change.trend.map(|trend| {
        format!(
            "; {}, {}",
            pace(trend.bytes_per_second, change.class),
            growth_name(&trend, change.class)
        )
    });
    format!(
        "{unit} reaches {limit}{comma} in {}{}",
        interval(forecast),
        growth.unwrap_or_default()
    )
}

/// What a warning rests on: `anon 404.1M of 421.0M, growing for 2h 8min, mainly in python3[2051]; 6.2M reclaimable`.
pub fn ground(change: &ForecastChange) -> Option<String> {
    let memory = change.memory.filter(|_| change.state != ForecastState::Cleared)?;
    let held = match change.class {
        _ if change.part.is_some() => change.part.as_ref().map(part),
        Class::Shmem => memory.shmem.map(|shmem| format!("shmem {}", bytes(shmem))),
        Class::Kernel => kernel(&memory, Class::Kernel),
        Class::Cache => memory.file.map(|file| format!("file {}", bytes(file))),
        // What grows and is neither shared nor the kernel's own is the programs' or their sockets'.
        _ => {
            let parts = [("anon", memory.anon), ("sock", memory.sock)].into_iter();
            let known = parts.filter_map(|(part, size)| Some((part, size?)));
            known
                .max_by_key(|(_, size)| *size)
                .map(|(part, size)| format!("{part} {}", bytes(size)))
        }
    };
    let mut text = format!("{} of {}", held?, bytes(memory.current?));
    if let Some(trend) = change.trend {
        text += &format!(", growing for {}", duration(trend.window_seconds));
    }
    if let Some(task) = &change.task {
        let mainly = if task.share < ALL { ", mainly" } else { "" };
        text += &format!("{mainly} in {}[{}]", task.comm, task.pid);
    }
    text += &format!("; {} reclaimable", bytes(memory.reclaimable()));
    // What earlier runs did is news; why growth is taken for growth is not.
    if let Some(trend) = &change.trend {
        let earlier = trend.reason().filter(|_| trend.earlier.is_some());
        let only_grown = || may_stop(trend, change.class).then(|| "it has only grown so far".to_owned());
        if let Some(reason) = earlier.or_else(only_grown) {
            text += &format!("; {reason}");
        }
    }
    Some(text)
}

/// The part of the machine's memory that grows: `anon 3.1G`.
fn part(part: &GrowingPart) -> String {
    let held = bytes(part.held);
    if part.part == UNACCOUNTED {
        format!("{UNACCOUNTED} {held} (memory that no cgroup and no counter accounts for: a driver's?)")
    } else {
        format!("{} {held}", part.part)
    }
}

/// A standstill in a sentence.
pub fn standstill(throttle: &Throttle) -> String {
    let unit = called(&throttle.subject);
    match throttle.state {
        ThrottleState::Raised => {
            let high = throttle.high.map_or_else(|| "?".to_owned(), bytes);
            let share = throttle
                .stalled_share
                .map(|share| format!(": every task was stalled {:.0}% of the time", share * 100.0));
            format!(
                "{unit} is throttled to a halt by its MemoryHigh={high}{}",
                share.unwrap_or_default()
            )
        }
        ThrottleState::Cleared => format!("{unit} runs again"),
    }
}

/// An OOM that killed nobody in a sentence.
pub fn unkilled(oom: &OomWithoutKill) -> String {
    let mut text = format!("{} has no killable process", called(&oom.subject));
    if let Some(limit) = oom.limit.as_ref().and_then(|limit| limit.bytes) {
        text += &format!(", {} reached", bytes(limit));
    }
    if let Some(trigger) = &oom.trigger {
        text += &format!("; {} keeps retrying its allocation", trigger.who());
    }
    if let Some(ooms) = oom.ooms.filter(|ooms| *ooms > 1) {
        text += &format!(" ({ooms} times)");
    }
    text
}

/// What is counted and was not seen in a sentence.
pub fn unexplained(unexplained: &Unexplained) -> String {
    format!(
        "{}: {} counted {}, oomtrace saw {}",
        name(&unexplained.subject),
        unexplained.counter,
        unexplained.counted,
        unexplained.seen
    )
}

/// What is not told one by one, and whose it was.
pub fn repeated(lost: &Lost) -> String {
    let count = lost.count;
    let Some(killer) = &lost.killer else {
        return format!("{count} signals from users who send very many were not examined");
    };
    let uid = killer.uid.map(|uid| format!(" of uid {uid}")).unwrap_or_default();
    let comm = killer.comm.as_deref().unwrap_or("a program");
    format!("{count} more kills by programs{uid} named {comm} are not listed one by one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Earlier;

    #[test]
    fn what_no_cgroup_has_is_named_where_it_grows_and_where_it_ran_out() {
        let gib = |gib: u64| Some(Bytes(gib << 30));
        let ledger_of = Ledger {
            total: gib(8),
            anon: gib(3),
            unaccounted: gib(4),
            free: Some(Bytes(61 << 20)),
            pagetables: Some(Bytes(1)),
            ..Ledger::default()
        };
        assert_eq!(
            ledger(&ledger_of).unwrap(),
            "of 8.0G: unaccounted 4.0G · anon 3.0G · free 61.0M"
        );
        assert_eq!(ledger(&Ledger::default()), None);
        let grows = |name: &str| {
            part(&GrowingPart {
                part: name.to_owned(),
                held: Bytes(4 << 30),
                bytes_per_second: 1.0,
                share: 1.0,
            })
        };
        assert_eq!(
            grows("unaccounted"),
            "unaccounted 4.0G (memory that no cgroup and no counter accounts for: a driver's?)"
        );
        assert_eq!(grows("anon"), "anon 4.0G");
    }

    #[test]
    fn growth_is_called_a_leak_where_an_earlier_run_was_killed_after_it() {
        let mut trend = Trend {
            bytes_per_second: 1e6,
            low: 1e6,
            high: 1e6,
            window_seconds: 600.0,
            class: Class::Leak,
            since: None,
            earlier: None,
        };
        let growth = |trend: &Trend| growth_name(trend, trend.class);
        assert_eq!(growth(&trend), "fills or leaks");
        let earlier = |end| Earlier {
            end,
            seconds: 900.0,
            peak: Bytes(1 << 30),
        };
        trend.earlier = Some(earlier(RunEnd::Killed));
        assert_eq!(growth(&trend), "a leak");
        trend.class = Class::Kernel;
        trend.earlier = None;
        assert_eq!(growth(&trend), "kernel memory");
    }

    #[test]
    fn a_limit_is_named_as_it_is_set() {
        let told = |relation, unit, cgroup| limit(relation, unit, Some(cgroup), "memory.max", "64.0M");
        let own = Some(Relation::Own);
        let unit = Some("a.service");
        assert_eq!(told(own, unit, "/a.slice/a.service"), "its own MemoryMax=64.0M");
        assert_eq!(
            told(own, unit, "/a.slice/a.service/inner"),
            "its own memory.max=64.0M of /a.slice/a.service/inner"
        );
        assert_eq!(told(own, None, "/docker/0123"), "its own memory.max=64.0M");
        let above = Some(Relation::Ancestor);
        assert_eq!(told(above, Some("a.slice"), "/a.slice"), "a.slice's MemoryMax=64.0M");
        assert_eq!(told(above, None, "/kubepods"), "/kubepods's memory.max=64.0M");
        assert_eq!(told(Some(Relation::Host), None, "/"), "the host's memory, 64.0M");
    }

    #[test]
    fn the_kernels_memory_is_named_by_its_largest_part_where_that_matters() {
        let mib = |mib: u64| Some(Bytes(mib << 20));
        let memory = Memory {
            current: mib(100),
            kernel: mib(30),
            slab_reclaimable: mib(1),
            slab_unreclaimable: mib(2),
            pagetables: mib(20),
            ..Memory::default()
        };
        let said = |memory: &Memory, class| kernel(memory, class).unwrap();
        assert_eq!(said(&memory, Class::Kernel), "kernel 30.0M (page tables 20.0M)");
        assert_eq!(said(&memory, Class::Leak), "kernel 30.0M", "it is not what grows");
        let most = Memory {
            current: mib(40),
            ..memory
        };
        assert_eq!(said(&most, Class::Leak), "kernel 30.0M (page tables 20.0M)");
        let pipes = Memory {
            pagetables: mib(1),
            ..memory
        };
        assert_eq!(said(&pipes, Class::Kernel), "kernel 30.0M", "most of it has no name");
        assert_eq!(kernel(&Memory::default(), Class::Kernel), None);
    }
}
