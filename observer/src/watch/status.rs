//! The line that `systemctl status` shows of the service: how much is watched and by what, and what came of it since it began.
//!
//! In: the lines of the stream. Out: the text; `service` gives it to the service manager.

use std::time::{Duration, Instant};

use crate::event::{Event, ForecastState, Line, Probe, Via};
use crate::measure::Timestamp;
use crate::shown::shown;
use crate::words::{called, counted};

/// It changes no more often than this: each change wakes PID 1.
const EVERY: Duration = Duration::from_secs(5);

/// What the line is made of.
#[derive(Debug, Default)]
pub(super) struct Status {
    through: String,
    warnings: Incidents,
    kills: Incidents,
    /// Kills that were counted, and not seen.
    unexplained: u64,
    shown: Option<(String, Instant)>,
}

/// How many there were, and of whom the last was.
#[derive(Debug, Default)]
struct Incidents {
    count: u64,
    last: Option<(Timestamp, String)>,
}

impl Incidents {
    fn add(&mut self, ts: Timestamp, of: impl Into<String>) {
        self.count += 1;
        self.last = Some((ts, of.into()));
    }

    fn text(&self, what: &str) -> String {
        match &self.last {
            None => format!("no {what}s"),
            Some((ts, of)) => {
                // As systemctl(1) prints times.
                let at = ts.0.strftime("%a %Y-%m-%d %H:%M:%S UTC");
                format!("{}, last of {} on {at}", counted(self.count, what), shown(of))
            }
        }
    }
}

impl Status {
    /// Counts a line of the stream.
    pub(super) fn take(&mut self, line: &Line) {
        match &line.event {
            Event::Start(start) => self.through = through(&start.probes),
            Event::Kill(kill) => self.kills.add(line.ts, called(&kill.subject)),
            Event::Unexplained(unexplained) => {
                self.unexplained += unexplained.counted.saturating_sub(unexplained.seen);
            }
            Event::Forecast(change) if change.state == ForecastState::Raised => {
                self.warnings.add(line.ts, called(&change.subject));
            }
            _ => {}
        }
    }

    fn text(&self, cgroups: usize) -> String {
        let cgroups = counted(u64::try_from(cgroups).unwrap_or(u64::MAX), "cgroup");
        let (warnings, kills) = (self.warnings.text("warning"), self.kills.text("kill"));
        let unexplained = match self.unexplained {
            0 => String::new(),
            count => format!("; {} counted and not seen", counted(count, "kill")),
        };
        format!("Watching {cgroups} {}; {warnings}; {kills}{unexplained}", self.through)
    }

    /// The line where it is another than the one before, and its time has come; `cgroups` counts those that are watched.
    pub(super) fn news(&mut self, now: Instant, cgroups: impl FnOnce() -> usize) -> Option<&str> {
        let is_early = |since: &Instant| now.saturating_duration_since(*since) < EVERY;
        if self.shown.as_ref().is_some_and(|(_, since)| is_early(since)) {
            return None;
        }
        let text = self.text(cgroups());
        if self.shown.as_ref().is_some_and(|(shown, _)| *shown == text) {
            return None;
        }
        Some(self.shown.insert((text, now)).0.as_str())
    }
}

/// How kills are seen, and whether anything cannot be.
fn through(probes: &[Probe]) -> String {
    let best = probes.iter().map(|probe| probe.via).min().unwrap_or(Via::Poll);
    if best >= Via::Poll {
        return "by their files alone ('oomtrace doctor' says why)".to_owned();
    }
    match probes.iter().filter(|probe| probe.via == Via::None).count() {
        0 => "through eBPF".to_owned(),
        missing => format!(
            "through eBPF, {} missing ('oomtrace doctor' says why)",
            counted(u64::try_from(missing).unwrap_or(u64::MAX), "probe")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a recording with one warning and one kill.
    fn lines() -> Vec<Line> {
        let text = include_str!("../../tests/fixtures/screen.jsonl");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn it_says_what_is_seen_and_what_came_of_it() {
        let mut status = Status::default();
        for line in lines() {
            status.take(&line);
        }
        insta::assert_snapshot!(status.text(187));
        let mut quiet = Status::default();
        quiet.take(&lines()[0]);
        insta::assert_snapshot!(quiet.text(1));
    }

    #[test]
    fn a_kill_that_nobody_saw_is_none_of_those_that_were_seen() {
        let text = r#"{"event":"unexplained","unit":null,"user_unit":null,"slice":null,"invocation_id":null,"cgroup":{"id":null,"path":"/a.slice"},"container":null,"counter":"memory.events oom_kill","counted":5,"seen":3,"ts":"2026-11-24T14:05:00Z","seq":0,"host":"a"}"#;
        let mut status = Status::default();
        status.take(&serde_json::from_str(text).unwrap());
        let text = status.text(1);
        assert!(text.ends_with("; no kills; 2 kills counted and not seen"), "{text}");
    }

    #[test]
    fn a_name_of_a_unit_is_shown_and_moves_no_cursor() {
        let mut incidents = Incidents::default();
        incidents.add(Timestamp(jiff::Timestamp::UNIX_EPOCH), "a\u{1b}[2J\nb.service");
        assert!(!incidents.text("kill").contains(char::is_control));
    }

    #[test]
    fn the_service_manager_is_not_woken_for_nothing() {
        let (mut status, now) = (Status::default(), Instant::now());
        assert!(status.news(now, || 1).is_some());
        assert_eq!(status.news(now + EVERY, || 1), None, "nothing is new");
        assert!(status.news(now + EVERY, || 2).is_some());
        assert_eq!(status.news(now + EVERY + EVERY / 2, || 3), None, "it is too early");
        assert!(status.news(now + EVERY * 2, || 3).is_some());
    }
}
