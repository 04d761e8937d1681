//! Lines that are objects: entries of `journalctl --output=json`, whose fields say who wrote them, messages of `dmesg --json`,
//! and lines that a log shipper put into an object of its own.

use serde_json::{Map, Value};

use super::{Pasted, WAITING, What};
use crate::event::Event;
use crate::journal;
use crate::log::{Stamp, Told};

/// What log shippers call the line that they carry.
const CARRIED: [&str; 4] = ["MESSAGE", "message", "msg", "log"];

impl Pasted {
    /// Takes a line that is an object, or a part of one; `None` where it is none.
    pub(super) fn object(&mut self, text: &str) -> Option<Vec<Told>> {
        let line = text.trim();
        if line.starts_with("\"time\":") {
            let number = line.trim_start_matches("\"time\":").trim().trim_end_matches(',');
            self.dmesg = number.parse::<f64>().is_ok().then(|| number.to_owned());
            return Some(Vec::new());
        }
        if let Some(value) = line.strip_prefix("\"msg\":") {
            let message: String = serde_json::from_str(value.trim().trim_end_matches(',')).ok()?;
            let time = self.dmesg.take();
            self.carried(&message, time.as_deref());
            return Some(self.take(WAITING));
        }
        if !line.starts_with('{') || !line.ends_with('}') {
            return None;
        }
        let entry: Map<String, Value> = serde_json::from_str(line).ok()?;
        if entry.contains_key("_TRANSPORT") {
            self.entry(&entry);
        } else {
            let message = CARRIED.iter().find_map(|name| entry.get(*name)?.as_str())?;
            self.carried(message, None);
        }
        Some(self.take(WAITING))
    }

    fn carried(&mut self, message: &str, time: Option<&str>) {
        for part in message.split('\n') {
            match time {
                Some(time) => self.part(&format!("[{time}] {part}")),
                None => self.part(part),
            }
        }
    }

    /// Takes an entry of the journal.
    pub(super) fn entry(&mut self, entry: &Map<String, Value>) {
        let Ok(Some(journal::Told { ts, host, what })) = self.journal.map(entry) else {
            return;
        };
        let event = match what {
            journal::What::Kill(kill) => Event::Kill(kill),
            journal::What::Failed(unit) => {
                if unit.result.as_deref() != Some("oom-kill") {
                    return;
                }
                Event::Unit(*unit)
            }
            journal::What::Oomd(subject, words) => {
                let Some(kill) = self.programs.checked_oomd(subject, &words) else {
                    return;
                };
                Event::Kill(kill)
            }
            journal::What::OutOfMemory(subject) => {
                let stamp = Stamp {
                    ts: Some(ts),
                    ..Stamp::default()
                };
                self.programs.out_of_memory(stamp, subject);
                return;
            }
            journal::What::Core(..) => return,
        };
        let stamp = Stamp {
            ts: Some(ts),
            ..Stamp::default()
        };
        self.wait(stamp, Some(host), What::Event(Box::new(event), true));
    }
}
