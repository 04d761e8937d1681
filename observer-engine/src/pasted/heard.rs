//! Whether words are of a kill that others spoke of before: systemd-oomd says that it kills, and the manager of the unit that it
//! was killed. Nobody says the same of one kill twice.

use std::collections::VecDeque;

use crate::log::Stamp;

/// Words of one kill come within this time, in seconds: a manager that has no memory either takes its while.
const APART: i64 = 60;

/// What is remembered.
const KEPT: usize = 1024;

/// What somebody said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    /// Of which unit, or of which path, perhaps shortened.
    pub(super) whose: &'a str,
    /// On which machine.
    pub(super) host: Option<&'a str>,
    /// When.
    pub(super) stamp: &'a Stamp,
    /// Who says it, and how.
    pub(super) how: &'static str,
    /// All of it.
    pub(super) text: &'a str,
}

/// What words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The first of a kill.
    First,
    /// Of one that is known.
    More,
    /// The same line once more.
    Again,
}

#[derive(Debug)]
struct Kill {
    whose: String,
    host: Option<String>,
    stamp: Stamp,
    said: Vec<(&'static str, String)>,
}

/// The kills that were spoken of.
#[derive(Debug, Default)]
pub(super) struct Heard(VecDeque<Kill>);

impl Heard {
    /// Takes somebody's words, and says what they are.
    pub(super) fn word(&mut self, words: Words<'_>) -> Word {
        let Words {
            whose,
            host,
            stamp,
            how,
            text,
        } = words;
        for kill in self.0.iter_mut().rev() {
            if is_elsewhere(kill.host.as_deref(), host) || !is_same(&kill.whose, whose) || !near(&kill.stamp, stamp) {
                continue;
            }
            match kill.said.iter().find(|(known, _)| *known == how) {
                Some((_, said)) if said == text && kill.stamp == *stamp => return Word::Again,
                Some(_) => {}
                None => {
                    kill.said.push((how, text.to_owned()));
                    return Word::More;
                }
            }
        }
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Kill {
            whose: whose.to_owned(),
            host: host.map(str::to_owned),
            stamp: stamp.clone(),
            said: vec![(how, text.to_owned())],
        });
        Word::First
    }
}

/// Whether two names are one's, of which either may be shortened in the middle or at its beginning.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let stands_for = |short: &str, whole: &str| {
        let parts = short.split_once('…').or_else(|| short.split_once("..."));
        parts.is_some_and(|(head, tail)| {
            let tail = tail.trim_start_matches('.');
            whole.len() >= head.len() + tail.len() && whole.starts_with(head) && whole.ends_with(tail)
        })
    };
    one == other || stands_for(one, other) || stands_for(other, one)
}

/// Whether two lines are of different machines, as far as both name theirs.
pub(super) fn is_elsewhere(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// Whether two lines may have been written for the same thing, by the times that both have.
pub(super) fn near(one: &Stamp, other: &Stamp) -> bool {
    within(one, other, APART)
}

/// Whether two lines may have been written within so many seconds.
pub(super) fn within(one: &Stamp, other: &Stamp, most: i64) -> bool {
    let within = |apart: i64| apart.abs() <= most;
    if let Some((one, other)) = one.mono.zip(other.mono) {
        return one.abs_diff(other) <= most.unsigned_abs() * 1_000_000;
    }
    if let Some((one, other)) = one.ts.zip(other.ts) {
        return within(one.0.duration_since(other.0).as_secs());
    }
    let clocks = one.clock.as_deref().zip(other.clock.as_deref());
    let Some(((day, second), (other_day, other_second))) =
        clocks.and_then(|(one, other)| Some((day_and_second(one)?, day_and_second(other)?)))
    else {
        return true;
    };
    (day == other_day || day.is_empty() || other_day.is_empty()) && within(second - other_second)
}

/// `Sep 28 15:04:46`: what stands before the time of day, and that in seconds.
fn day_and_second(clock: &str) -> Option<(&str, i64)> {
    let place = clock.find(':')?.checked_sub(2)?;
    let mut parts = clock
        .get(place..)?
        .splitn(3, ':')
        .map(|part| part.get(..2)?.parse::<i64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Some((clock.get(..place)?.trim(), hours * 3600 + minutes * 60 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &str) -> Stamp {
        Stamp {
            clock: Some(clock.to_owned()),
            ..Stamp::default()
        }
    }

    #[test]
    fn what_is_said_twice_the_same_way_is_of_two_kills() {
        let mut heard = Heard::default();
        let mut say = |whose, host, clock, how, text| {
            let stamp = &at(clock);
            heard.word(Words {
                whose,
                host,
                stamp,
                how,
                text,
            })
        };
        assert_eq!(say("a.scope", None, "Sep 28 15:04:46", "marked", "90 %"), Word::First);
        assert_eq!(say("a.scope", None, "Sep 28 15:04:46", "marked", "90 %"), Word::Again);
        assert_eq!(say("a.scope", None, "Sep 28 15:04:47", "killed", ""), Word::More);
        assert_eq!(say("a.scope", None, "Sep 28 15:05:05", "marked", "91 %"), Word::First);
        assert_eq!(
            say("a.scope", None, "Sep 28 15:05:06", "killed", ""),
            Word::More,
            "of the later one"
        );
        assert_eq!(
            say("a.scope", None, "Sep 29 15:04:46", "killed", ""),
            Word::First,
            "a day later"
        );
        assert_eq!(say("b.scope", Some("one"), "15:04:46", "marked", "90 %"), Word::First);
        assert_eq!(say("b.scope", Some("two"), "15:04:46", "marked", "90 %"), Word::First);
        assert_eq!(
            say("b.scope", None, "15:04:46", "killed", ""),
            Word::More,
            "no machine named"
        );
    }

    #[test]
    fn a_shortened_name_is_its_whole_one() {
        assert!(is_same("app-foo\\x2dea541d95.scope", "…ea541d95.scope"));
        assert!(is_same("vte-spawn-b3a1....scope", "vte-spawn-b3a1-77.scope"));
        assert!(is_same("…/a.service", "/x.slice/a.service"));
        assert!(!is_same("a.service", "b.service"));
        assert!(!is_same("…ab.scope", "b.scope"));
    }
}
