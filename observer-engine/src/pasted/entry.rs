//! Lines that are objects: entries of `journalctl --output=json`, whose fields say who wrote them, messages of `dmesg --json`,
//! and lines that a log shipper put into an object of its own.

use serde_json::{Map, Value};

use super::backwards::Words;
use super::{Pasted, What, anchor};
use crate::event::Event;
use crate::journal;
use crate::log::Stamp;

/// What log shippers call the line that they carry.
const CARRIED: [&str; 12] = [
    "MESSAGE",
    "message",
    "Message",
    "@message",
    "msg",
    "log",
    "line",
    "text",
    "body",
    "event",
    "textPayload",
    "_raw",
];

/// What they call the time at which it was written.
const TIMES: [&str; 6] = ["@timestamp", "timestamp", "time", "ts", "Time", "date"];

/// How deep the objects that carry lines lie in one another.
const DEEP: usize = 16;

impl Pasted {
    /// Takes a line that is an object, or a part of one; whether it was.
    pub(super) fn object(&mut self, text: &str) -> bool {
        let line = text.trim();
        if line.starts_with("\"time\":") {
            let number = line.trim_start_matches("\"time\":").trim().trim_end_matches(',');
            self.dmesg = number.parse::<f64>().is_ok().then(|| number.to_owned());
            return true;
        }
        if let Some(message) = member(line) {
            let time = self.dmesg.take();
            self.carried(&message, time.map(|time| format!("[{time}]")).as_deref());
            return true;
        }
        // What runs containers writes before each line whose it is.
        let value = line
            .find(['{', '['])
            .filter(|_| line.ends_with(['}', ']']))
            .and_then(|start| serde_json::from_str(line.get(start..)?).ok());
        match value {
            Some(value @ Value::Object(_)) => self.value(&value, None, DEEP),
            Some(value @ Value::Array(_)) if line.starts_with(['{', '[']) => self.value(&value, None, DEEP),
            _ => false,
        }
    }

    /// Takes whatever lines a value carries; whether there are any. A time is that of the nearest around it.
    fn value(&mut self, value: &Value, time: Option<&str>, deep: usize) -> bool {
        let Some(deep) = deep.checked_sub(1) else { return false };
        match value {
            Value::Object(fields)
                if fields.contains_key("_TRANSPORT") && fields.contains_key("__REALTIME_TIMESTAMP") =>
            {
                self.entry(fields);
                true
            }
            Value::Object(fields) => {
                let own = TIMES.iter().find_map(|name| moment(fields.get(*name)?));
                let time = own.as_deref().or(time);
                let program = writer(fields);
                let mut any = false;
                for (name, value) in fields {
                    match value {
                        Value::String(text) if is_line(name, text) => {
                            self.written(text, program, time);
                            any = true;
                        }
                        value => any |= self.value(value, time, deep),
                    }
                }
                any
            }
            Value::Array(values) => match values.as_slice() {
                // Loki's.
                [at, Value::String(text), ..] if moment(at).is_some() => {
                    self.written(text, None, moment(at).as_deref());
                    true
                }
                values => {
                    let lines = values.iter().filter(|value| self.value(value, time, deep));
                    lines.count() > 0
                }
            },
            _ => false,
        }
    }

    fn written(&mut self, text: &str, program: Option<&str>, time: Option<&str>) {
        match program {
            Some(program) => self.carried(&format!("{program}: {text}"), time),
            None => self.carried(text, time),
        }
    }

    /// Takes a message that may have several lines. Where it says itself when it was written, the carrier's time is a later one.
    fn carried(&mut self, message: &str, time: Option<&str>) {
        for part in message.split('\n') {
            match time.filter(|_| !part.is_empty() && !anchor::is_stamped(part)) {
                Some(time) => self.parts(&format!("{time} {part}")),
                None => self.parts(part),
            }
        }
    }

    /// Takes an entry of the journal, in the order of time.
    pub(super) fn ordered_entry(&mut self, entry: &Map<String, Value>) {
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

/// The kernel's words in an entry of the journal. What others wrote is not of its reports.
pub(super) fn words(entry: &Map<String, Value>) -> Option<Words<'_>> {
    let text_of = |name| entry.get(name).and_then(Value::as_str);
    let text = text_of("MESSAGE").filter(|_| text_of("_TRANSPORT") == Some("kernel"))?;
    let mono = text_of("_SOURCE_MONOTONIC_TIMESTAMP").or_else(|| text_of("__REALTIME_TIMESTAMP"));
    Some(Words {
        text: anchor::parts(text)?.text,
        mono: mono.and_then(|micros| micros.parse().ok()),
        host: text_of("_BOOT_ID").or_else(|| text_of("_HOSTNAME")),
    })
}

/// `"NAME": "TEXT",`: a line of an object that is written over several.
fn member(line: &str) -> Option<String> {
    let rest = line.strip_prefix('"')?;
    let (name, value) = rest.split_once("\":")?;
    let value = value.trim();
    let message: String = serde_json::from_str(value.strip_suffix(',').unwrap_or(value)).ok()?;
    is_line(name, &message).then_some(message)
}

/// Whether a field has a line of a log.
fn is_line(name: &str, text: &str) -> bool {
    CARRIED.contains(&name) || anchor::WORTH.iter().any(|word| text.contains(word))
}

/// The program that wrote what an object has, where it was not the kernel.
fn writer(fields: &Map<String, Value>) -> Option<&str> {
    let is_kernel = fields.get("_TRANSPORT").and_then(Value::as_str) == Some("kernel");
    let name = fields.get("SYSLOG_IDENTIFIER").and_then(Value::as_str);
    name.filter(|name| !is_kernel && *name != "kernel")
}

/// A time as people's zones have it, or since 1970 in milliseconds, microseconds or nanoseconds.
fn moment(value: &Value) -> Option<String> {
    let number = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) if text.len() >= 13 && text.bytes().all(|sign| sign.is_ascii_digit()) => {
            text.parse().ok()?
        }
        Value::String(text) => return text.parse::<jiff::Timestamp>().is_ok().then(|| text.clone()),
        _ => return None,
    };
    let time = match number.checked_ilog10()? {
        12 => jiff::Timestamp::from_millisecond(number),
        15 => jiff::Timestamp::from_microsecond(number),
        18 => jiff::Timestamp::from_nanosecond(number.into()),
        _ => return None,
    };
    time.ok().map(|time| time.to_string())
}
