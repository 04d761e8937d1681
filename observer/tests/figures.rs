//! Every figure in every sentence of `why -a`, of the text stream and of the report is in the JSON lines: read there, or
//! made of two of them in a way that is named here.
//!
//! Sizes are cut to one digit and durations to their two largest units, as the sentences have them, by the functions that
//! write them; what is compared is which number it was.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a test: a failure is what it is for"
)]

#[path = "figures/captures.rs"]
mod captures;
#[path = "figures/sentences.rs"]
mod sentences;

use std::collections::BTreeSet;
use std::path::Path;

use assert_cmd::Command;
use observer::human::{burst, bytes, duration, rate};
use observer::measure::{Bytes, Timestamp};
use serde_json::Value;

use sentences::{Figure, figures};

/// What the JSON lines say, as sentences would write it.
#[derive(Default)]
struct Known {
    sizes: BTreeSet<String>,
    rates: BTreeSet<String>,
    durations: BTreeSet<String>,
    shares: BTreeSet<String>,
    counts: BTreeSet<String>,
    times: BTreeSet<String>,
    moments: Vec<Timestamp>,
    /// Names, in which digits are no figures.
    names: BTreeSet<String>,
}

/// Numbers that are no sizes.
const COUNTS: [&str; 12] = [
    "pid",
    "tid",
    "ppid",
    "uid",
    "id",
    "seq",
    "order",
    "oom_score_adj",
    "restarts",
    "kills",
    "tasks",
    "count",
];

impl Known {
    fn of(lines: &[Value]) -> Self {
        let mut known = Self::default();
        lines.iter().for_each(|line| known.take("", line));
        lines.iter().for_each(|line| known.made_of_two(line));
        // How long after one thing another was.
        for (place, from) in known.moments.iter().enumerate() {
            for to in known.moments.iter().skip(place + 1) {
                known.durations.insert(duration(to.seconds_since(*from).abs()));
            }
        }
        // How often: ordinal numbers and sums of events.
        known.counts.extend((0..=lines.len()).map(|count| count.to_string()));
        let lost = lines.iter().filter(|line| line["event"] == "lost");
        let lost: u64 = lost.filter_map(|line| line["count"].as_u64()).sum();
        known.counts.insert(lost.to_string());
        known
    }

    fn take(&mut self, key: &str, value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| self.take(key, value)),
            Value::Array(values) => values.iter().for_each(|value| self.take(key, value)),
            Value::String(text) => match text.parse::<jiff::Timestamp>() {
                Ok(ts) => self.moment(Timestamp(ts)),
                // A sentence vouches for nothing.
                Err(_) if matches!(key, "advice" | "message" | "reason") => {}
                Err(_) => drop(self.names.insert(text.clone())),
            },
            Value::Number(number) => {
                let float = number.as_f64().unwrap();
                if key.contains("seconds") && key != "bytes_per_second" {
                    self.durations.insert(duration(float));
                } else if number.is_f64() {
                    self.rates.extend([rate(float), burst(float)]);
                    self.shares.insert(format!("{:.0}%", float * 100.0));
                } else if COUNTS.contains(&key) {
                    self.counts.insert(number.to_string());
                } else {
                    self.size(number.as_u64().unwrap_or_default());
                }
                if key == "order" {
                    // Of order 2 are 4 pages.
                    self.counts.insert((1_u64 << number.as_u64().unwrap()).to_string());
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn size(&mut self, size: u64) {
        self.sizes.insert(bytes(Bytes(size)));
    }

    fn moment(&mut self, ts: Timestamp) {
        let zoned = ts.0.to_zoned_datetime(jiff::tz::TimeZone::UTC);
        self.times
            .extend(["%Y-%m-%d", "%H:%M:%S", "%d"].map(|form| zoned.strftime(form).to_string()));
        self.moments.push(ts);
    }

    /// What sentences make of two numbers of a line: differences, shares, and how long a limit lasts.
    fn made_of_two(&mut self, line: &Value) {
        let number = |value: &Value| value.as_u64();
        let mut memories: Vec<&Value> = vec![&line["memory"]];
        memories.extend(
            line["before"]["samples"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|sample| &sample["memory"]),
        );
        let mut limits: Vec<&Value> = line["limits"].as_array().into_iter().flatten().collect();
        limits.push(&line["limit"]);
        let whole = |value: &Value| value["bytes"].as_u64();
        for memory in memories {
            let Some(current) = number(&memory["current"]) else {
                continue;
            };
            // Page cache is `file` without what is shared; what no part has is the rest.
            let part = |key: &str| number(&memory[key]).unwrap_or_default();
            let (anon, file, shmem, kernel) = (part("anon"), part("file"), part("shmem"), part("kernel"));
            self.size(file.saturating_sub(shmem));
            self.size(current.saturating_sub(anon + file + kernel));
            self.share(file, current);
            for limit in &limits {
                if let Some(bytes) = whole(limit) {
                    self.share(current, bytes);
                    self.size(bytes.saturating_sub(current));
                }
            }
        }
        for limit in &limits {
            let Some(bytes) = whole(limit) else { continue };
            // Twice the limit is what is proposed, as systemd takes it.
            self.sizes.insert(format!("{}M", bytes * 2 / (1 << 20)));
            if let Some(usage) = number(&limit["usage"]) {
                self.share(usage, bytes);
                self.size(bytes.saturating_sub(usage));
            }
            for holder in line["holders"].as_array().into_iter().flatten() {
                let held = number(&holder["held"]).or_else(|| number(&holder["bytes"]));
                self.share(held.unwrap_or_default(), bytes);
            }
            let slope = line["before"]["trend"]["bytes_per_second"].as_f64();
            self.durations.extend(slope.map(|slope| duration(bytes as f64 / slope)));
        }
        for task in line["tasks"].as_array().into_iter().flatten() {
            let parts = ["anon", "file", "shmem"].map(|key| number(&task[key]).unwrap_or_default());
            self.size(parts.iter().sum());
            self.size(parts[0] + parts[2]);
        }
    }

    fn share(&mut self, part: u64, whole: u64) {
        let share = part as f64 / (whole as f64).max(1.0);
        self.shares.insert(format!("{:.0}%", share * 100.0));
    }

    fn has(&self, figure: &Figure) -> bool {
        match figure {
            Figure::Size(text) => self.sizes.contains(text),
            Figure::Rate(text) => self.rates.contains(text) || text == "0",
            Figure::Duration(text) => self.durations.contains(text),
            Figure::Share(text) => self.shares.contains(text),
            Figure::Count(text) => self.counts.contains(text) || self.times.contains(text),
            Figure::Time(text) => self.times.contains(text),
        }
    }
}

fn oomtrace(args: &[&str]) -> String {
    let mut command = Command::cargo_bin("oomtrace").unwrap();
    command
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .args(args)
        .write_stdin("");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(args: &[&str]) -> Vec<Value> {
    let told = oomtrace(args);
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write(path: &Path, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(path, text).unwrap();
}

/// Compares everything that is told of a capture with its lines; how many figures there were.
fn compare(name: &str, capture: &str) -> usize {
    // A replay judges anew; `why` and the report have what was recorded, and what a reader found to be missing.
    let replayed = json(&["replay", "-o", "json", capture]);
    let lost = replayed.iter().filter(|line| line["event"] == "lost").cloned();
    let recorded = std::fs::read_to_string(capture).unwrap();
    let recorded = recorded.lines().map(|line| serde_json::from_str(line).unwrap());
    let told = json(&["why", "-a", "--dir", capture, "-o", "json"]);
    let recorded: Vec<Value> = recorded.chain(told).chain(lost).collect();
    let (replayed, recorded) = (Known::of(&replayed), Known::of(&recorded));
    let mut count = 0;
    for (of, known, text) in [
        ("why", &recorded, oomtrace(&["why", "-a", "--dir", capture])),
        ("text", &replayed, oomtrace(&["replay", "-o", "text", capture])),
        (
            "report",
            &recorded,
            sentences::visible(&oomtrace(&["report", "--html", "-", capture])),
        ),
    ] {
        for sentence in text.lines() {
            for figure in figures(sentence, &known.names) {
                assert!(known.has(&figure), "{name}, {of}: {figure:?} is in no line: {sentence}");
                count += 1;
            }
        }
    }
    count
}

#[test]
fn every_figure_of_a_sentence_is_in_the_lines() {
    let folder = tempfile::tempdir().unwrap();
    for (name, spec) in captures::specs() {
        let path = folder.path().join("capture.jsonl");
        let capture = path.to_str().unwrap();
        // As the engine judges it first: a recorder puts that into the kill.
        write(&path, &spec.lines(&[]));
        let judged = json(&["replay", "-o", "json", capture]);
        write(&path, &spec.lines(&judged));
        let count = compare(name, capture);
        assert!(count > 60, "{name}: {count} figures");
    }
}

#[test]
fn and_of_what_was_recorded_on_a_kernel() {
    for name in ["restarts", "slice_limit"] {
        let capture = format!("{}/tests/fixtures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
        assert!(compare(name, &capture) > 60, "{name}");
    }
}
