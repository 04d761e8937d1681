//! What is so now, after the last end: whether the unit runs, and whether systemd starts it again. systemd is asked; what
//! it says of a unit is a few properties, and the sentence a function of these.

use super::errand::{Errand, output};
use crate::errands::Errands;
use crate::event::Subject;
use crate::human::{bytes, date, duration};
use crate::measure::{Bytes, Timestamp};

/// A unit as systemd has it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Now {
    active: String,
    sub: String,
    result: String,
    restart: String,
    restarts: Option<u64>,
    since: Option<Timestamp>,
    used: Option<Bytes>,
    max: Option<Bytes>,
    start_limit: Option<(u64, String)>,
}

impl Now {
    /// Asks systemd, or the user's own manager; `None` where there is none, or it knows no such unit.
    pub(super) fn ask(errands: &Errands<Errand>, subject: &Subject) -> Option<Self> {
        let (unit, user) = match &subject.user_unit {
            Some(unit) => (unit.clone(), Some(uid(subject)?)),
            None => (subject.unit.clone()?, None),
        };
        Self::parse(&output(errands, &Errand::Now { unit, user }).ok()?)
    }

    /// Reads `NAME=VALUE` lines.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            lines
                .find(|(own, _)| *own == name)
                .map(|(_, value)| value.trim())
                .filter(|value| !value.is_empty())
        };
        if value("LoadState")? == "not-found" {
            return None;
        }
        let word = |name: &str| value(name).unwrap_or_default().to_owned();
        // `[not set]`, `infinity`, and the largest number mean the same.
        let number = |name: &str| value(name)?.parse::<u64>().ok().filter(|number| *number != u64::MAX);
        let second = value("StateChangeTimestamp").and_then(|text| text.strip_prefix('@')?.parse().ok());
        let since = second.filter(|second| *second > 0);
        Some(Self {
            active: value("ActiveState")?.to_owned(),
            sub: word("SubState"),
            result: word("Result"),
            restart: word("Restart"),
            restarts: number("NRestarts"),
            since: since.and_then(|second| Some(Timestamp(jiff::Timestamp::from_second(second).ok()?))),
            used: number("MemoryCurrent").map(Bytes),
            max: number("MemoryMax").map(Bytes),
            start_limit: number("StartLimitBurst")
                .filter(|burst| *burst > 0)
                .zip(value("StartLimitIntervalUSec").map(str::to_owned)),
        })
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.active.as_str(), "active" | "reloading")
    }

    fn is_coming(&self) -> bool {
        self.active == "activating"
    }

    /// `running since Sat …, restarted 3 times, 31.2M of 64.0M`.
    pub(super) fn sentence(&self) -> String {
        let since = self.since.map(|since| format!(" since {}", date(since)));
        let since = since.unwrap_or_default();
        let restarts = match self.restarts {
            None | Some(0) => String::new(),
            Some(1) => ", restarted once".to_owned(),
            Some(restarts) => format!(", restarted {restarts} times"),
        };
        if self.is_up() {
            let used = self.used.map(|used| {
                let of = self.max.map(|max| format!(" of {}", bytes(max)));
                format!(", {}{}", bytes(used), of.unwrap_or_default())
            });
            let again = match self.restart_after("oom-kill") {
                Some(false) => format!(
                    "; after another such kill systemd will not start it again (Restart={})",
                    self.restart
                ),
                Some(true) | None => String::new(),
            };
            return format!("up{since}{restarts}{}{again}", used.unwrap_or_default());
        }
        if self.is_coming() {
            return format!("being started ({}){since}{restarts}", self.sub);
        }
        let again = match (self.result.as_str(), &self.start_limit) {
            ("start-limit-hit", Some((burst, interval))) => {
                format!("; it was started {burst} times in {interval}, and systemd gave up")
            }
            ("start-limit-hit", None) => "; it was started too often, and systemd gave up".to_owned(),
            (result, _) if self.restart_after(result) == Some(false) => {
                format!("; systemd does not start it again (Restart={})", self.restart)
            }
            _ => String::new(),
        };
        let result = match self.result.as_str() {
            "" => String::new(),
            result => format!(" (Result={result})"),
        };
        format!("down{since}{result}{restarts}{again}")
    }

    /// Whether `systemctl start` is refused until `reset-failed`.
    pub(super) fn is_at_start_limit(&self) -> bool {
        self.result == "start-limit-hit"
    }

    /// Whether systemd starts it again after such an end (systemd's src/core/service.c: `service_shall_restart`); `None`
    /// for what is no service.
    fn restart_after(&self, result: &str) -> Option<bool> {
        match self.restart.as_str() {
            "" => None,
            "always" => Some(true),
            "on-success" => Some(result == "success"),
            "on-failure" => Some(!matches!(result, "success" | "exec-condition")),
            "on-abnormal" => Some(!matches!(result, "success" | "exit-code" | "exec-condition")),
            "on-abort" => Some(matches!(result, "signal" | "core-dump")),
            "on-watchdog" => Some(result == "watchdog"),
            "no" => Some(false),
            _ => None,
        }
    }
}

/// The user whose manager a unit belongs to: `user@1000.service`.
fn uid(subject: &Subject) -> Option<u32> {
    let manager = subject.unit.as_deref()?.strip_prefix("user@")?;
    manager.strip_suffix(".service")?.parse().ok()
}

/// How it grows again, where a recorder saw it a moment ago: `growing the same way, +82.3M/min: its limit in 25s`.
pub(super) fn growth(slope: Option<f64>, before: Option<f64>, left: Option<f64>) -> Option<String> {
    let slope = slope.filter(|slope| *slope > 0.0)?;
    let alike = before.is_some_and(|before| {
        let (less, more) = (slope.min(before), slope.max(before));
        more <= less * super::text::SAME_GROWTH
    });
    let how = if alike { "growing the same way again" } else { "growing" };
    let left = left.map(|left| format!(": its limit in about {}", duration(left)));
    Some(format!(
        "{how}, {}{}",
        crate::human::rate(slope),
        left.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(more: &str) -> Now {
        Now::parse(&format!("LoadState=loaded\n{more}")).unwrap()
    }

    #[test]
    fn a_kill_is_no_signal_to_restart_on_abort() {
        let ends = |restart: &str| {
            let now = now(&format!("ActiveState=failed\nRestart={restart}\n"));
            ["oom-kill", "signal", "success", "watchdog"].map(|result| now.restart_after(result).unwrap())
        };
        assert_eq!(ends("on-abort"), [false, true, false, false]);
        assert_eq!(ends("on-failure"), [true, true, false, true]);
        assert_eq!(ends("no"), [false; 4]);
        assert_eq!(ends("always"), [true; 4]);
    }

    #[test]
    fn what_is_so_now_is_one_sentence() {
        let down = now(
            "ActiveState=failed\nSubState=failed\nResult=oom-kill\nRestart=on-abort\nNRestarts=0\nMemoryCurrent=[not set]\n",
        );
        assert_eq!(
            down.sentence(),
            "down (Result=oom-kill); systemd does not start it again (Restart=on-abort)"
        );
        let often = now(
            "ActiveState=failed\nResult=start-limit-hit\nRestart=always\nNRestarts=5\nStartLimitBurst=5\nStartLimitIntervalUSec=10s\n",
        );
        assert_eq!(
            often.sentence(),
            "down (Result=start-limit-hit), restarted 5 times; it was started 5 times in 10s, and systemd gave up"
        );
        let up = now("ActiveState=active\nRestart=always\nNRestarts=1\nMemoryCurrent=32505856\nMemoryMax=67108864\n");
        assert_eq!(up.sentence(), "up, restarted once, 31.0M of 64.0M");
        let unlimited = now("ActiveState=active\nMemoryCurrent=1048576\nMemoryMax=infinity\n");
        assert_eq!(unlimited.sentence(), "up, 1.0M");
        assert_eq!(Now::parse("LoadState=not-found\nActiveState=inactive\n"), None);
    }
}
