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
        let Ok(Some(journal::Told { ts, host, what, .. })) = self.journal.map(entry) else {
            return;
        };
        let stamp = Stamp {
            ts: Some(ts),
            ..Stamp::default()
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
                if let Some(note) = self.programs.checked_oomd(subject, &words, &host, stamp) {
                    self.note(note, true);
                }
                return;
            }
            journal::What::OutOfMemory(subject) => {
                let message = journal::field(entry, "MESSAGE").unwrap_or_default();
                let words = message.split_once(": ").map_or("", |(_, words)| words);
                self.programs.out_of_memory(stamp, Some(&host), subject, words);
                return;
            }
            journal::What::Core(..) => return,
        };
        self.wait(stamp, Some(host), What::Event(Box::new(event), true));
    }
}

/// The kernel's words in an entry of the journal. What others wrote is not of its reports.
pub(super) fn words(entry: &Map<String, Value>) -> Option<Words<'_>> {
    let trusted = |name| entry.get(name).and_then(Value::as_str);
    if trusted("_TRANSPORT") != Some("kernel") {
        return None;
    }
    // A process may be called by bytes that are no text.
    let message = journal::field(entry, "MESSAGE")?;
    let mono = trusted("_SOURCE_MONOTONIC_TIMESTAMP").or_else(|| trusted("__REALTIME_TIMESTAMP"));
    Some(Words::new(
        anchor::parts(&message)?.text,
        mono.and_then(|micros| micros.parse().ok()),
        trusted("_BOOT_ID").or_else(|| trusted("_HOSTNAME")),
    ))
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

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use crate::log::Told;

    /// journalctl(1) writes what is no UTF-8 as its bytes.
    #[test]
    fn entries_of_a_process_whose_name_is_no_text_are_read_and_put_in_order_too() {
        let report = [
            "\u{e9} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/PLACE,task_memcg=/PLACE,task=\u{e9},pid=PID,uid=0",
            "Memory cgroup out of memory: Killed process PID (\u{e9}) total-vm:9000kB, anon-rss:5000kB, file-rss:10kB, shmem-rss:0kB, UID:0 pgtables:60kB oom_score_adj:0",
        ];
        let kills = [("77", "a.service"), ("78", "b.service")];
        let lines = kills
            .iter()
            .flat_map(|(pid, place)| report.map(|line| line.replace("PID", pid).replace("PLACE", place)));
        let lines: Vec<(u64, String)> = (1..).zip(lines).collect();
        let mut text = String::new();
        for (number, line) in lines.into_iter().rev() {
            // One byte a letter: not UTF-8.
            let bytes: Vec<u32> = line.chars().map(u32::from).collect();
            let entry = serde_json::json!({"_TRANSPORT": "kernel", "MESSAGE": bytes, "_BOOT_ID": "b", "_HOSTNAME": "h",
                "__REALTIME_TIMESTAMP": (1_795_910_400_000_000 + number).to_string(), "_SOURCE_MONOTONIC_TIMESTAMP": number.to_string()});
            text.push_str(&format!("{entry}\n"));
        }
        let spaced = text.replace(":[", " : [ ").replace(',', ", ");
        for text in [text, spaced] {
            let mut told = Vec::new();
            let mut tell = |Told { event, .. }| {
                if let Event::Kill(kill) = event {
                    told.push((kill.subject.unit.unwrap_or_default(), kill.request.is_some()));
                }
                Ok(())
            };
            read(text.as_bytes(), &mut Pasted::default(), &mut tell).unwrap();
            told.sort();
            assert_eq!(told, kills.map(|(_, unit)| (unit.to_owned(), true)), "{text}");
        }
    }
}
