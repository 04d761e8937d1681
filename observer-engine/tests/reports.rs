//! Logs as people pasted them, and what is true of each: `NAME.log` beside `NAME.expect.json`.
//!
//! `kills` are patterns, each of one kill line, and no kill line is left over (`more` allows it); `lines` match a line of any
//! kind each, `never` match none. A pattern is a part of a line; `{"any": […]}`, `{"has": X}` (a list with X), `{"less": N}`,
//! `{"more": N}` and `{"re": [PREFIX, SUFFIX]}` are tests. `form` and `kernel` say what the log is.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use oomtrace_engine::pasted::{Pasted, read};
use serde_json::{Value, json};

fn told(log: &[u8]) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut pasted = Pasted::default();
    read(log, &mut pasted, &mut |told| {
        lines.push(told.to_json(0)?);
        Ok(())
    })
    .unwrap();
    lines
}

fn fits(pattern: &Value, value: &Value) -> bool {
    let Value::Object(fields) = pattern else {
        return pattern == value;
    };
    let mut only = fields.iter();
    if let (Some((test, with)), None) = (only.next(), only.next()) {
        match test.as_str() {
            "any" => return with.as_array().unwrap().iter().any(|one| fits(one, value)),
            "has" => {
                return value
                    .as_array()
                    .is_some_and(|list| list.iter().any(|one| fits(with, one)));
            }
            "less" => return value.as_f64().is_some_and(|number| number < with.as_f64().unwrap()),
            "more" if with.is_number() => return value.as_f64().is_some_and(|number| number > with.as_f64().unwrap()),
            "re" => {
                let (text, ends) = (value.as_str().unwrap_or_default(), with.as_array().unwrap());
                return text.starts_with(ends[0].as_str().unwrap()) && text.ends_with(ends[1].as_str().unwrap());
            }
            _ => {}
        }
    }
    fields
        .iter()
        .all(|(name, pattern)| fits(pattern, value.get(name).unwrap_or(&Value::Null)))
}

/// What is wrong.
fn check(lines: &[Value], expect: &Value) -> Vec<String> {
    let list = |name: &str| expect.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut left: Vec<&Value> = lines.iter().filter(|line| line["event"] == "kill").collect();
    let mut wrong = Vec::new();
    for pattern in list("kills") {
        match left.iter().position(|kill| fits(&pattern, kill)) {
            Some(place) => drop(left.remove(place)),
            None => wrong.push(format!("no kill like {pattern}")),
        }
    }
    if expect.get("more") != Some(&json!(true)) {
        wrong.extend(left.iter().map(|kill| format!("a kill too many: {kill}")));
    }
    let missing = list("lines")
        .into_iter()
        .filter(|pattern| !lines.iter().any(|line| fits(pattern, line)));
    wrong.extend(missing.map(|pattern| format!("no line like {pattern}")));
    let never = list("never")
        .into_iter()
        .filter(|pattern| lines.iter().any(|line| fits(pattern, line)));
    wrong.extend(never.map(|pattern| format!("a line that is wrong: {pattern}")));
    wrong
}

fn reports() -> Vec<(String, Vec<u8>, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports");
    let mut reports: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .map(|path| {
            let expect = fs::read(path.with_extension("expect.json")).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read(&path).unwrap(), serde_json::from_slice(&expect).unwrap())
        })
        .collect();
    reports.sort_by(|one, other| one.0.cmp(&other.0));
    reports
}

#[test]
fn every_report_is_told_rightly() {
    let wrong: Vec<String> = reports()
        .iter()
        .flat_map(|(name, log, expect)| {
            check(&told(log), expect)
                .into_iter()
                .map(move |wrong| format!("{name}: {wrong}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_document_lists_every_report() {
    let mut text = String::from(
        "# Logs that `oomtrace why --log` reads

Each row is a log in `observer-engine/tests/reports` with what is true of it beside it: `cargo test -p oomtrace-engine --test reports`
holds every answer, and that of logs that are cut, mixed or wrapped at random nothing wrong. CONTRIBUTING.md says how to add one.
This file is generated: `UPDATE_DOCS=1` with the same command.

| form | kernel | report |
|---|---|---|
",
    );
    for (name, _, expect) in reports() {
        let field = |field: &str| expect.get(field).and_then(Value::as_str).unwrap_or("–").to_owned();
        writeln!(text, "| {} | {} | `{name}` |", field("form"), field("kernel")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/logs.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let is = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        is == text,
        "docs/logs.md is not up to date: UPDATE_DOCS=1 cargo test -p oomtrace-engine --test reports"
    );
}

/// A report's lines, and of each of its victims the origin and the limit's owner.
type Truth = (Vec<String>, u64, &'static str, Option<&'static str>);

fn truths() -> Vec<Truth> {
    let of = |name: &str, pid, origin, owner| {
        let report = reports().into_iter().find(|(other, ..)| other == name).unwrap();
        let lines = String::from_utf8(report.1)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        (lines, pid, origin, owner)
    };
    let id = "/docker/23cb750d8d8c132ef122dc1942d6ad7ce6904508590806bfc5282ce94624c917";
    vec![
        of("docker_v1_pasted_twice", 11344, "memcg_limit", Some(id)),
        of("form_dmesg_x", 77, "memcg_limit", Some("/system.slice/web.service")),
        of("rhel6_memcg_kmem", 4000, "memcg_limit", Some("/lxc/a")),
        of("memsw_limit", 50, "memcg_limit", Some("/docker/x")),
        of("shortage_machine", 5, "host", None),
        of("openwrt_logread", 901, "host", None),
        of("talos_kernel_log", 7370, "host", None),
        of("pages_of_16_kib", 600, "host", None),
        of("lxc_with_docker_inside", 3_902_942, "memcg_limit", Some("/lxc/20417")),
    ]
}

proptest::proptest! {
    /// Two reports whose lines stand between each other, some missing, some swapped, some cut: what is told is true or unknown.
    #[test]
    fn nothing_wrong_is_told_of_a_spoiled_report(
        pair in (0_usize..9, 0_usize..9),
        turns in proptest::collection::vec(0_u8..5, 240),
        cuts in proptest::collection::vec(0_usize..1200, 9),
        swaps in proptest::collection::vec((0_usize..240, 0_usize..4), 0..9),
    ) {
        let truths = truths();
        let mut sides = [truths[pair.0].0.iter(), truths[pair.1].0.iter()];
        let mut lines: Vec<String> = Vec::new();
        for (place, turn) in turns.iter().enumerate() {
            // 4 = a line is missing, else it is of the one report or of the other, more often as long as the last.
            let side = usize::from(*turn % 2 == 1);
            let Some(line) = sides[side].next() else { continue };
            if *turn == 4 {
                continue;
            }
            let mut line = line.clone();
            if cuts.contains(&(place * 5)) {
                line.truncate((0..=line.len() / 2).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0));
            }
            lines.push(line);
        }
        for (place, by) in swaps {
            if place + by < lines.len() {
                lines.swap(place, place + by);
            }
        }
        let known = [&truths[pair.0], &truths[pair.1]];
        for kill in told(lines.join("\n").as_bytes()).iter().filter(|line| line["event"] == "kill") {
            let Some(pid) = kill["victim"]["pid"].as_u64() else { continue };
            let truth = known.iter().find(|truth| truth.1 == pid);
            let Some((_, _, origin, owner)) = truth else {
                panic!("a pid that is no victim's: {kill}\n{}", lines.join("\n"));
            };
            let told = kill["origin"].as_str().unwrap();
            assert!(told == *origin || told == "unknown", "{kill}\n{}", lines.join("\n"));
            let limit = kill["limit"]["cgroup"].as_str();
            assert!(limit.is_none() || limit == *owner, "{kill}\n{}", lines.join("\n"));
        }
    }

    #[test]
    fn no_text_stops_it(text in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        told(&text);
    }
}
