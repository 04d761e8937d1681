//! What whoever may start a process, make a cgroup or hand over a capture can do to who looks at it with oomtrace.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

#[path = "hostile/machine.rs"]
mod machine;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use machine::{Run, run};

const OWN: &str = include_str!("fixtures/own_limit.jsonl");
const SLICE: &str = include_str!("fixtures/slice_limit.jsonl");

/// What names are made of: escapes, a line of ours, a carriage return, C1, directions, separators, markup.
const NAMES: [&str; 6] = [
    "\x1b[2J\x1b]0;pwn\x07\x1b]52;c;cHdu\x07",
    "x\n21:42:52  ✖ KILLED   sshd[1] of sshd.service, by the kernel\n",
    "a\r\u{8}\u{7f}\0",
    "\u{9b}31m\u{90}q\u{9c}",
    "\u{202e}ecivres\u{2066}\u{200b}\u{2028}\u{2029}\u{feff}",
    "<script>alert(1)</script>\"'>&\u{ffff}\u{1}",
];

/// Fields whose words are not chosen by whoever has a process or a cgroup.
const OURS: [&str; 24] = [
    "event",
    "ts",
    "host",
    "schema",
    "version",
    "kernel",
    "boot_id",
    "cgroup_version",
    "via",
    "class",
    "since",
    "state",
    "origin",
    "confidence",
    "relation",
    "file",
    "started",
    "end",
    "stream",
    "reason",
    "invocation_id",
    "runtime",
    "id",
    "gfp",
];

fn spoil(value: &mut Value, name: &str) {
    match value {
        Value::String(text) => *text = format!("{name}{text}"),
        Value::Array(values) => values.iter_mut().for_each(|value| spoil(value, name)),
        Value::Object(fields) => {
            let meant = fields.iter_mut().filter(|(key, _)| !OURS.contains(&key.as_str()));
            meant.for_each(|(_, value)| spoil(value, name));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A recorded run with a name in every field that names something.
fn capture(dir: &Path, fixture: &str, name: &str) -> PathBuf {
    let path = dir.join("run.jsonl");
    let lines = fixture.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        spoil(&mut line, name);
        line.to_string() + "\n"
    });
    fs::write(&path, lines.collect::<String>()).unwrap();
    path
}

/// Whether nothing of it acts on a terminal but our own colours.
fn is_harmless(text: &str) -> bool {
    let hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ffff}')
    };
    let ours = ["\x1b[1;31m", "\x1b[33m", "\x1b[90m", "\x1b[0m", "\n"];
    let rest = ours.iter().fold(text.to_owned(), |rest, ours| rest.replace(ours, ""));
    !rest.chars().any(hidden) && !text.lines().any(|line| line.starts_with("21:42:52"))
}

#[test]
fn no_name_reaches_a_terminal_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    for fixture in [OWN, SLICE] {
        for name in NAMES {
            let path = capture(dir.path(), fixture, name);
            let path = path.to_str().unwrap();
            for command in [
                &["replay", "-o", "text", "--color", "always"][..],
                &["replay", "-o", "text", "-q"],
                &["why", "--all", "--color", "always", "--dir"],
            ] {
                let Run { status, out, err, .. } = run(&[command, &[path]].concat());
                assert_eq!(status, Some(0), "{command:?}: {err}");
                assert!(
                    is_harmless(&out) && is_harmless(&err),
                    "{command:?} {name:?}:\n{out:?}\n{err:?}"
                );
                assert!(out.contains("pwn") || !name.contains("pwn"), "told all the same: {out}");
            }
        }
    }
}

#[test]
fn no_error_line_has_what_it_complains_of_raw() {
    let dir = tempfile::tempdir().unwrap();
    for name in &NAMES[..5] {
        let path = dir.path().join("bad.jsonl");
        let line = serde_json::json!({"event": name, "ts": "2026-11-24T09:00:00Z"});
        fs::write(&path, format!("{line}\n{{\"event\":\"{name}\n")).unwrap();
        let Run { status, err, .. } = run(&["replay", path.to_str().unwrap()]);
        assert_eq!(status, Some(65), "{name:?}: {err}");
        assert!(is_harmless(&err), "{err:?}");
        if !name.contains(['\0', '\n']) {
            let Run { err, .. } = run(&["replay", &dir.path().join(name).display().to_string()]);
            assert!(is_harmless(&err) && err.lines().count() == 1, "{err:?}");
            assert_eq!(err.matches("No such file").count(), 1, "a cause is said once: {err}");
        }
    }
}
