//! The journal, by its native protocol: what an admin should read beside PID 1's own lines.
//!
//! `journalctl -u UNIT` and `systemctl status UNIT` show what root says of a unit in `OBJECT_SYSTEMD_UNIT=`
//! (systemd.journal-fields(7)). `packaging/oomtrace.catalog` has the texts for `journalctl -x`.

use std::io;

use libsystemd::logging::{Priority, journal_send};

use super::incidents::{Incidents, News};
use crate::confine::Task;
use crate::event::{Event, ForecastState, Line, Subject, ThrottleState};
use crate::notice::notice;
use crate::shown::shown;
use crate::words::paragraph;
use crate::words::{self, ground, standstill, unkilled, warning};

const KILL: &str = "cc5381e276d348dca2e39282be935c48";
const FORECAST: &str = "4c2ec5dce3fd4ce3bd41e49cf39b377f";
const THROTTLE: &str = "675677bfa1674f32aaa97e2bde3f8166";
const OOM_WITHOUT_KILL: &str = "84004a714ccb41bb9289c07d9df69d51";
const UNEXPLAINED: &str = "c95aea80040e4c01ad24224ed9a35a3e";

/// Kills, warnings and what is not explained, in the journal.
#[derive(Debug, Default)]
pub struct Journal {
    incidents: Incidents,
    /// Whether the journal was told not to take entries: once, until it does again.
    is_told: bool,
}

struct Entry<'a> {
    priority: Priority,
    id: &'static str,
    message: String,
    subject: &'a Subject,
    more: Vec<(&'static str, String)>,
}

impl Journal {
    /// Whether there is a journal to write to.
    ///
    /// # Errors
    /// Where there is none.
    pub fn new() -> io::Result<Self> {
        // Where systemd-journald listens (systemd's src/libsystemd/sd-journal/journal-send.c).
        std::fs::metadata("/run/systemd/journal/socket")?;
        Ok(Self::default())
    }
}

fn entry(line: &Line) -> Option<Entry<'_>> {
    let mut more = Vec::new();
    let (priority, id, message, subject) = match &line.event {
        Event::Kill(kill) => {
            let (head, lines) = paragraph(kill, line.ts);
            let (priority, what) = match kill.is_for_memory() {
                true => (Priority::Error, "Killed for memory"),
                false => (Priority::Notice, "Killed"),
            };
            let mut message = format!("{what}: {}", shown(&head));
            for (label, text) in lines {
                message += &format!("\n{label:<9} {}", shown(&text));
            }
            let origin = serde_json::to_value(kill.origin).ok();
            let origin = origin.as_ref().and_then(serde_json::Value::as_str);
            more.extend(origin.map(|origin| ("OOMTRACE_ORIGIN", origin.to_owned())));
            if let Some(victim) = &kill.victim {
                more.push(("OBJECT_PID", victim.pid.to_string()));
                more.push(("OOMTRACE_VICTIM", victim.comm.clone()));
            }
            if let Some(limit) = &kill.limit {
                more.extend(limit.unit.clone().map(|unit| ("OOMTRACE_LIMIT_UNIT", unit)));
                more.extend(limit.cgroup.clone().map(|path| ("OOMTRACE_LIMIT_CGROUP", path)));
                more.extend(limit.bytes.map(|bytes| ("OOMTRACE_LIMIT_BYTES", bytes.0.to_string())));
            }
            (priority, KILL, message, &kill.subject)
        }
        Event::Forecast(change) => {
            let priority = match change.state {
                ForecastState::Raised | ForecastState::Updated => Priority::Warning,
                ForecastState::Cleared => Priority::Info,
            };
            if let Some(forecast) = &change.forecast {
                more.push(("OOMTRACE_SECONDS", format!("{:.0}", forecast.seconds)));
                more.extend(forecast.limit.unit.clone().map(|unit| ("OOMTRACE_LIMIT_UNIT", unit)));
            }
            let mut message = shown(&warning(change)).into_owned();
            message.extend(ground(change).map(|ground| format!("\n{}", shown(&ground))));
            (priority, FORECAST, message, &change.subject)
        }
        Event::Throttle(throttle) => {
            let priority = match throttle.state {
                ThrottleState::Raised => Priority::Warning,
                ThrottleState::Cleared => Priority::Info,
            };
            (
                priority,
                THROTTLE,
                shown(&standstill(throttle)).into_owned(),
                &throttle.subject,
            )
        }
        Event::OomWithoutKill(oom) => {
            let message = format!("Out of memory: {}", shown(&unkilled(oom)));
            (Priority::Error, OOM_WITHOUT_KILL, message, &oom.subject)
        }
        Event::Unexplained(unexplained) => {
            let message = shown(&words::unexplained(unexplained)).into_owned();
            (Priority::Warning, UNEXPLAINED, message, &unexplained.subject)
        }
        Event::Start(_)
        | Event::Sample(_)
        | Event::Processes(_)
        | Event::Run(_)
        | Event::Unit(_)
        | Event::Stacks(_)
        | Event::Lost(_)
        | Event::Stop(_) => {
            return None;
        }
    };
    Some(Entry {
        priority,
        id,
        message,
        subject,
        more,
    })
}

impl super::Sink for Journal {
    fn task(&self) -> Option<Task> {
        Some(Task::Send)
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        // One incident, one warning, as text has it: who reads the journal is not told of each change of a forecast.
        let news = self.incidents.take(line);
        if matches!(line.event, Event::Forecast(_)) && news == News::Old {
            return Ok(());
        }
        let Some(entry) = entry(line) else { return Ok(()) };
        let subject = entry.subject;
        let mut fields = vec![
            ("MESSAGE_ID", entry.id.to_owned()),
            ("SYSLOG_IDENTIFIER", "oomtrace".to_owned()),
        ];
        fields.extend(subject.unit.clone().map(|unit| ("OBJECT_SYSTEMD_UNIT", unit)));
        fields.extend(subject.user_unit.clone().map(|unit| ("OBJECT_SYSTEMD_USER_UNIT", unit)));
        fields.extend(
            subject
                .invocation_id
                .clone()
                .map(|id| ("OBJECT_SYSTEMD_INVOCATION_ID", id)),
        );
        fields.extend(subject.cgroup.path.clone().map(|path| ("OOMTRACE_CGROUP", path)));
        fields.extend(entry.more);
        match journal_send(entry.priority, &entry.message, fields.into_iter()) {
            Ok(()) => self.is_told = false,
            // The journal may be restarting; the other outputs have the line.
            Err(error) => {
                if !std::mem::replace(&mut self.is_told, true) {
                    notice(format_args!(
                        "the journal takes no entries: {error}; the other outputs go on"
                    ));
                }
            }
        }
        Ok(())
    }

    fn takes_samples(&self) -> bool {
        false
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_message_id_has_its_text_in_the_catalog() {
        let catalog = include_str!("../../../packaging/oomtrace.catalog");
        for id in [
            super::KILL,
            super::FORECAST,
            super::THROTTLE,
            super::OOM_WITHOUT_KILL,
            super::UNEXPLAINED,
        ] {
            assert!(catalog.contains(&format!("-- {id}\n")), "{id}");
        }
    }
}
