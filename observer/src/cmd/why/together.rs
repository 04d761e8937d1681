//! Kills that are one: of a unit or a group that was ended, each process has a line of its own.

use super::past::whose;
use super::text::Killed;
use crate::event::Kill;
use crate::human::duration;
use crate::measure::Timestamp;

/// Kills of one run that follow on each other within so many seconds are one that took several.
const TOGETHER: f64 = 10.0;

/// Names that are told.
const MAX_NAMED: usize = 6;

fn is_of_one_run(one: &Kill, other: &Kill) -> bool {
    let (one, other) = (&one.subject, &other.subject);
    let is_known = one.invocation_id.is_some() || one.cgroup.id.is_some();
    is_known && one.invocation_id == other.invocation_id && one.cgroup.id == other.cgroup.id
}

fn is_one(kill: &Kill, earlier: &Kill) -> bool {
    let pid = |kill: &Kill| kill.victim.as_ref().map(|victim| victim.pid);
    // The kernel chose the first of its group, at a limit; the others go with it.
    let is_alike = kill.origin == earlier.origin || kill.leader_pid.is_some() && kill.leader_pid == pid(earlier);
    is_of_one_run(kill, earlier) && is_alike && pid(kill) != pid(earlier)
}

/// The kills before this one; of those that were one with the next, none.
pub(super) fn bursts<'a>(ts: Timestamp, kill: &Kill, earlier: &[Killed<'a>]) -> Vec<Killed<'a>> {
    let (mut kept, mut next) = (Vec::new(), (ts, kill));
    for (end, other) in earlier.iter().rev() {
        if next.0.seconds_since(end.told.ts) >= TOGETHER || !is_one(next.1, other) {
            kept.push((*end, *other));
        }
        next = (end.told.ts, other);
    }
    kept.reverse();
    kept
}

/// Who was killed, where it was a whole unit or group, told with the last of them: `Killed: 103 processes of a.scope in 1s: sleep
/// ×100, bash ×2, python3`.
pub(super) fn together(kills: &[Killed<'_>], place: usize) -> Option<String> {
    let (end, kill) = kills.get(place)?;
    let soon = |(later, _): &&Killed<'_>| later.told.ts.seconds_since(end.told.ts) < TOGETHER;
    let after = kills.iter().skip(place + 1).take_while(soon);
    if after.into_iter().any(|(_, other)| is_one(other, kill)) {
        return None;
    }
    let (mut next, mut first) = (*kill, end.told.ts);
    let mut comms: Vec<&str> = kill.victim.iter().map(|victim| victim.comm.as_str()).collect();
    for (end, other) in kills.get(..place)?.iter().rev() {
        if first.seconds_since(end.told.ts) >= TOGETHER {
            break;
        }
        if is_one(next, other) {
            comms.extend(other.victim.iter().map(|victim| victim.comm.as_str()));
            (next, first) = (*other, end.told.ts);
        }
    }
    if comms.len() < 2 {
        return None;
    }
    let took = end.told.ts.seconds_since(first);
    let time = if took < 1.0 {
        "within a second".to_owned()
    } else {
        format!("in {}", duration(took))
    };
    let (count, whose, names) = (comms.len(), whose(kill), named(comms));
    Some(format!("Killed: {count} processes of {whose} {time}: {names}."))
}

/// `sleep ×100, bash ×2, python3`
fn named(mut comms: Vec<&str>) -> String {
    comms.sort_unstable();
    let mut names: Vec<(&str, usize)> = comms
        .chunk_by(|one, other| one == other)
        .filter_map(|of_one| Some((*of_one.first()?, of_one.len())))
        .collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown = names.iter().take(MAX_NAMED).map(|(name, count)| match count {
        1 => (*name).to_owned(),
        count => format!("{name} ×{count}"),
    });
    let shown: Vec<String> = shown.collect();
    match names.len().saturating_sub(MAX_NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more names", shown.join(", ")),
    }
}
