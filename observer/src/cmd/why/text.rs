//! What is told of the ends: a screen for the last kill, or of what it was instead.

use std::collections::HashMap;
use std::io;

use super::attempt;
use super::growth::{Run, Seen};
use super::now::{Now, growth};
use super::past::{End, Past, SOON, Source, place_of, whose};
use super::together::{bursts, together};
use crate::event::{Kill, Origin, Subject, Unit};
use crate::human::{bytes, date, duration, rate};
use crate::journal::What;
use crate::measure::Timestamp;
use crate::sink::{Colour, Paper, TextOptions};
use crate::unit::ends::explain;
use crate::words::{killed, paragraph};

/// Earlier kills that are named.
const MAX_NAMED: usize = 6;

/// Growths that differ by less than this are the same.
pub(super) const SAME_GROWTH: f64 = 1.5;

/// What a recorder saw this long ago is so now, in seconds.
const FRESH: f64 = 60.0;

/// Where the words of a labelled line begin.
const LABELS: usize = 12;

/// A kill as an end.
pub(super) type Killed<'a> = (&'a End, &'a Kill);

/// Text on standard output.
type Out = Paper<io::Stdout>;

impl Past {
    pub(super) fn text(&self, wanted: usize, reverse: bool, options: &TextOptions) -> io::Result<()> {
        let is_error = !self.selection.is_empty() || !self.denied.is_empty() || self.looked.is_empty();
        if self.ends.is_empty() && is_error {
            return Ok(()); // told as the error that it is
        }
        let out = &mut Paper::new(io::stdout(), options);
        let kills = self.kills();
        // Those that are alike, and how many of these came before each.
        let mut like: HashMap<(Option<&str>, Origin), Vec<Killed<'_>>> = HashMap::new();
        let mut ranks = Vec::with_capacity(kills.len());
        for (end, kill) in &kills {
            let alike = like.entry((place_of(&kill.subject), kill.origin)).or_default();
            ranks.push(alike.len());
            alike.push((end, kill));
        }
        let mut shown: Vec<usize> = (kills.len().saturating_sub(wanted)..kills.len()).collect();
        if reverse {
            shown.reverse();
        }
        for (number, place) in shown.into_iter().enumerate() {
            let (Some((end, kill)), Some(rank)) = (kills.get(place), ranks.get(place)) else {
                continue;
            };
            if number > 0 {
                out.row("")?;
            }
            let alike = like.get(&(place_of(&kill.subject), kill.origin));
            let earlier = alike.and_then(|alike| alike.get(..*rank)).unwrap_or_default();
            self.kill(end, kill, (earlier, together(&kills, place)), options, out)?;
        }
        if self.let_go > 0 {
            out.put(
                &format!(
                    "{} earlier kills and failures are omitted; narrow the time with --since and --until.",
                    self.let_go
                ),
                2,
            )?;
        }
        self.others(kills.last().map(|(end, _)| end.told.ts), out)?;
        let Some((end, kill)) = kills.last() else { return Ok(()) };
        let now = self
            .errands
            .as_ref()
            // What was recorded or written elsewhere tells nothing of a unit here that has the same name.
            .filter(|_| end.is_here)
            .and_then(|errands| Now::ask(errands, &kill.subject));
        if let Some(line) = self.stands(end, kill, now.as_ref()) {
            out.put(&format!("  {:<9} {line}.", "Now"), LABELS)?;
        }
        for (place, command) in attempt::after(kill, now.as_ref()).iter().enumerate() {
            let label = if place == 0 { "Try" } else { "" };
            // A command stays in one piece: it is to be copied.
            out.row(&format!("  {label:<9} {command}"))?;
        }
        Ok(())
    }

    /// How it stands now, as systemd or, where a recorder saw it since, the captures have it.
    fn stands(&self, end: &End, kill: &Kill, now: Option<&Now>) -> Option<String> {
        let before = kill.before.as_ref().and_then(|before| before.trend);
        let seen = self.growth.last(&kill.subject, end.told.ts);
        let grows = |seen: &Seen| {
            let slope = seen.trend.map(|trend| trend.bytes_per_second);
            let grows = growth(slope, before.map(|trend| trend.bytes_per_second), seen.left);
            grows.map(|grows| format!("; {grows}")).unwrap_or_default()
        };
        match (now, seen) {
            (Some(now), seen) => {
                let seen = seen.filter(|seen| now.is_up() && is_fresh(seen.ts));
                Some(format!("{}{}", now.sentence(), seen.map(grows).unwrap_or_default()))
            }
            // The capture's end is all that is known of what came after.
            (None, Some(seen)) => {
                let (at, used) = (date(seen.ts), bytes(seen.current));
                let how = match seen.is_next(&kill.subject) {
                    Some(true) => "up again when last seen",
                    Some(false) | None => "last seen",
                };
                Some(format!("{how} at {at}, {used}{}", grows(seen)))
            }
            (None, None) => None,
        }
    }

    fn kill(
        &self,
        end: &End,
        kill: &Kill,
        (earlier, together): (&[Killed<'_>], Option<String>),
        options: &TextOptions,
        out: &mut Out,
    ) -> io::Result<()> {
        let ts = end.told.ts;
        let when = format!(" on {}", date(ts));
        let line = format!("{}: {}.", whose(kill), killed(&kill.who(), kill, &when));
        out.marked(&line, "killed", Colour::Red, 2)?;
        let (_, mut lines) = paragraph(kill, ts);
        lines.extend(self.code_of(ts, kill).map(|code| ("code", code.to_owned())));
        for (label, words) in lines {
            out.put(&format!("  {label:<9} {words}"), LABELS)?;
        }
        for line in together.into_iter().chain(self.around(end, kill, earlier, options)) {
            out.put(&format!("  {line}"), 4)?;
        }
        Ok(())
    }

    /// What belongs to a kill: the growth and the warning before, the unit's end after, its like before, and what it rests
    /// on.
    fn around(&self, end: &End, kill: &Kill, earlier: &[Killed<'_>], options: &TextOptions) -> Vec<String> {
        let ts = end.told.ts;
        let mut lines = Vec::new();
        lines.extend(self.grew(ts, kill, earlier, options));
        let soon = || self.from(ts).iter().take_while(|other| is_soon(&other.told.ts, ts));
        let after = soon().find_map(|other| match &other.told.what {
            What::Failed(unit) if is_run(&unit.subject, kill) => Some(unit),
            _ => None,
        });
        if let Some(unit) = after {
            let exit = unit.exit.as_ref().map(|exit| format!(", main process {exit}"));
            let result = unit.result.as_deref().unwrap_or("unknown");
            let exit = exit.unwrap_or_default();
            lines.push(format!("The unit then failed with Result={result}{exit}."));
        }
        lines.extend(like(ts, kill, &bursts(ts, kill, earlier)));
        lines.push(self.rests(end, kill));
        lines
    }

    /// How the run grew before, and when that was first warned of.
    fn grew(&self, ts: Timestamp, kill: &Kill, earlier: &[Killed<'_>], options: &TextOptions) -> Option<String> {
        let trend = kill.before.as_ref().and_then(|before| before.trend);
        let run = self.growth.run(&kill.subject, ts);
        let since = trend.and_then(|trend| trend.since).or(run.map(Run::begins));
        let grew = since.map(|since| {
            let at = trend
                .map(|trend| format!(" at {}", rate(trend.bytes_per_second)))
                .unwrap_or_default();
            let line = run
                .filter(|_| options.unicode)
                .map(|run| format!(" {}", run.sparkline(ts)));
            format!(
                "Growth: {}{at}{}",
                duration(ts.seconds_since(since)),
                line.unwrap_or_default()
            )
        });
        let begins = run.map(Run::begins).max(freed_before(kill, earlier));
        let is_of_run = |warned: &Timestamp| *warned <= ts && begins.is_none_or(|begins| *warned > begins);
        let warned = self
            .warned
            .iter()
            .find(|(warned, subject)| is_of_run(warned) && is_run(subject, kill));
        let warned = warned.map(|(warned, _)| {
            format!(
                "first warning {} earlier ({})",
                duration(ts.seconds_since(*warned)),
                date(*warned)
            )
        });
        match (grew, warned) {
            (Some(grew), Some(warned)) => Some(format!("{grew}; {warned}.")),
            (Some(grew), None) => Some(format!("{grew}; no warning was raised.")),
            (None, Some(warned)) => Some(format!("Warned: {warned}.")),
            (None, None) => None,
        }
    }

    fn rests(&self, end: &End, kill: &Kill) -> String {
        let ts = end.told.ts;
        let soon = self.from(ts).iter().take_while(|other| is_soon(&other.told.ts, ts));
        let journal = soon.into_iter().any(|other| {
            other.source == Source::Journal
                && !matches!(other.told.what, What::Kill(_))
                && is_run(other.told.what.subject(), kill)
        });
        let rests = match (end.source, journal) {
            (Source::Capture, true) => "a recording, the journal (PID 1)",
            (Source::Capture, false) => "a recording",
            (Source::Journal, true) => "the journal (the kernel, PID 1)",
            (Source::Journal, false) => "the journal (the kernel)",
            (Source::KernelLog, true) => "the kernel log, the journal (PID 1)",
            (Source::KernelLog, false) => "the kernel log",
        };
        let recorded = end.source == Source::Capture;
        let no_cmdline = kill.victim.as_ref().is_none_or(|victim| victim.cmdline.is_none());
        let unknown: Vec<&str> = [
            (no_cmdline && recorded, "the command line (recorded without it)"),
            (no_cmdline && !recorded, "the command line"),
            (
                kill.before.is_none() && !recorded,
                "growth before the kill (run 'oomtrace record' to have it next time)",
            ),
            (kill.limit.is_none() && kill.killer.is_none(), "whose limit it was"),
            (kill.subject.cgroup.path.is_none(), "the victim's cgroup"),
        ]
        .into_iter()
        .filter_map(|(is_unknown, what)| is_unknown.then_some(what))
        .collect();
        let unknown = if unknown.is_empty() {
            String::new()
        } else {
            format!(" Unknown: {}.", unknown.join(", "))
        };
        format!("Source: {rests}.{unknown}")
    }

    /// What was not the kernel's kill, or is known from systemd's word alone: the last of each, where it came after the last
    /// kill that is told.
    fn others(&self, last_kill: Option<Timestamp>, out: &mut Out) -> io::Result<()> {
        let later = |end: &&End| last_kill.is_none_or(|kill| end.told.ts.seconds_since(kill) > SOON);
        let rest: Vec<&End> = self.ends.iter().filter(later).collect();
        let killed = rest.iter().rev().find_map(|end| match &end.told.what {
            What::Oomd(subject, words) => Some((end, subject, words.trim_end_matches('.').to_owned())),
            What::OutOfMemory(subject) => {
                let lines = if self.denied.is_empty() {
                    "are gone"
                } else {
                    "may be read by root and the groups adm and systemd-journal only"
                };
                let words = format!(
                    "systemd reported that the kernel's OOM killer killed one of its processes; the kernel's own lines {lines}, so whose limit was reached is unknown"
                );
                Some((end, subject, words))
            }
            _ => None,
        });
        if let Some((end, subject, words)) = &killed {
            let name = subject.name().unwrap_or("a unit");
            out.put(&format!("{name}, {}: {words}.", date(end.told.ts)), 2)?;
        }
        let failed = rest.iter().rev().find_map(|end| match &end.told.what {
            What::Failed(unit) if unit.result.as_deref() != Some("oom-kill") => Some((end, unit)),
            _ => None,
        });
        if let Some((end, unit)) = failed
            && killed
                .as_ref()
                .is_none_or(|(kill, ..)| end.told.ts.seconds_since(kill.told.ts) > SOON)
        {
            self.not_memory(end.told.ts, unit, last_kill.is_some() || killed.is_some(), out)?;
        } else if last_kill.is_none() && killed.is_none() {
            out.put(
                &format!(
                    "No memory kill of {} is recorded{}. Searched: {}.",
                    self.name(),
                    if self.is_narrowed { " in that time" } else { "" },
                    self.searched()
                ),
                2,
            )?;
        }
        Ok(())
    }

    fn not_memory(&self, ts: Timestamp, unit: &Unit, had_kill: bool, out: &mut Out) -> io::Result<()> {
        let name = unit.subject.name().unwrap_or("a unit");
        let result = unit.result.as_deref().unwrap_or("unknown");
        let word = if had_kill { "later failed" } else { "last failed" };
        out.put(
            &format!(
                "{name} {word} on {}, and not for memory: {}.",
                date(ts),
                explain(result, unit.exit.as_deref())
            ),
            2,
        )?;
        let crash = self.crash(ts, &unit.subject);
        if let Some((pid, words)) = crash {
            let how = pid.map(|pid| format!(": coredumpctl info {pid}")).unwrap_or_default();
            out.put(&format!("  {words}{how}"), 4)?;
        }
        if !had_kill {
            out.put(
                &format!("  No memory kill is recorded for it. Searched: {}.", self.searched()),
                4,
            )?;
        }
        Ok(())
    }
}

/// The kill before this one in the same unit, where nothing else tells its runs apart.
fn freed_before(kill: &Kill, earlier: &[Killed<'_>]) -> Option<Timestamp> {
    let mut of_unit = earlier.iter().rev().filter(|_| kill.subject.invocation_id.is_none());
    let before = of_unit.find(|(_, other)| other.subject.is_same_unit(&kill.subject))?;
    Some(before.0.told.ts)
}

/// Whether something is about the run that was killed.
fn is_run(subject: &Subject, kill: &Kill) -> bool {
    let known = subject.invocation_id.is_some() && kill.subject.invocation_id.is_some();
    subject.is_same_unit(&kill.subject) && (!known || subject.invocation_id == kill.subject.invocation_id)
}

/// Whether a sample still tells of now.
fn is_fresh(ts: Timestamp) -> bool {
    Timestamp(jiff::Timestamp::now()).seconds_since(ts) <= FRESH
}

/// Whether it was told at the kill, or soon after.
fn is_soon(told: &Timestamp, kill: Timestamp) -> bool {
    (-1.0..SOON).contains(&told.seconds_since(kill))
}

/// Kills of the unit before this one, for the same reason, and whether the growth was the same.
fn like(ts: Timestamp, kill: &Kill, earlier: &[Killed<'_>]) -> Option<String> {
    let times: Vec<Timestamp> = earlier.iter().map(|(end, _)| end.told.ts).collect();
    let first = times.first()?;
    let named: Vec<String> = times.iter().rev().take(MAX_NAMED).rev().map(|ts| date(*ts)).collect();
    let more = if times.len() > MAX_NAMED { "…, " } else { "" };
    let slope = |kill: &Kill| Some(kill.before.as_ref()?.trend?.bytes_per_second).filter(|slope| *slope > 0.0);
    let slopes: Option<Vec<f64>> = earlier
        .iter()
        .map(|(_, kill)| slope(kill))
        .chain([slope(kill)])
        .collect();
    let growth = slopes.map(|slopes| {
        let (least, most) = slopes.iter().fold((f64::MAX, 0.0_f64), |(least, most), slope| {
            (least.min(*slope), most.max(*slope))
        });
        if most <= least * SAME_GROWTH {
            format!(", growing at the same rate each time, {}", rate(most))
        } else {
            format!(", growing at {} to {}", rate(least), rate(most))
        }
    });
    Some(format!(
        "{} such kill in {} (earlier: {more}{}){}.",
        ordinal(times.len() + 1),
        duration(ts.seconds_since(*first)),
        named.join(", "),
        growth.unwrap_or_default()
    ))
}

fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_as_people_do() {
        let told = [1, 2, 3, 4, 11, 12, 13, 21, 102, 113].map(ordinal);
        assert_eq!(told.join(" "), "1st 2nd 3rd 4th 11th 12th 13th 21st 102nd 113th");
    }
}
