//! The configuration file as an administrator uses it: `oomtrace config`, and a recorder that reads it.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use predicates::prelude::*;

use common::oomtrace;

fn put(dir: &Path, text: &str) -> PathBuf {
    let file = dir.join("oomtrace.conf");
    fs::write(&file, text).unwrap();
    file
}

fn settings(file: &Path, options: &str, typed: &[&str]) -> serde_json::Value {
    let mut command = oomtrace();
    command.env("OOMTRACE_OPTIONS", options);
    command
        .args(["config", "--json", "--config"])
        .arg(file)
        .arg("--")
        .args(typed);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn setting<'a>(settings: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let named = settings
        .as_array()
        .unwrap()
        .iter()
        .find(|setting| setting["name"] == name);
    named.unwrap()
}

#[test]
fn each_setting_says_where_it_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    let file = put(
        dir.path(),
        "[record]\nmax-size=2G\nmax-age=7d\ninterval=2s\nunit=a\nunit=b\n",
    );
    let shown = settings(&file, "--max-age 8d --interval 3s", &["--interval", "4s"]);
    for (name, value, origin) in [
        ("max-size", "2G", "file"),
        ("max-age", "8d", "environment"),
        ("interval", "4s", "command_line"),
        ("warn-within", "30min", "default"),
        ("journal", "no", "default"),
    ] {
        let setting = setting(&shown, name);
        assert_eq!(
            (&setting["values"][0], &setting["origin"]),
            (&value.into(), &origin.into()),
            "{name}"
        );
    }
    let units = setting(&shown, "unit");
    assert_eq!(units["values"], serde_json::json!(["a", "b"]));
    assert_eq!(
        (&units["at"][0]["line"], &units["at"][1]["line"]),
        (&5.into(), &6.into())
    );
    assert!(
        shown
            .as_array()
            .unwrap()
            .iter()
            .all(|setting| setting["name"] != "no-config")
    );

    let text = oomtrace().args(["config", "--config"]).arg(&file).assert().success();
    text.stdout(predicate::str::is_match(r"(?m)^max-size +2G +/.*oomtrace\.conf:2$").unwrap());
    let none = oomtrace().args(["config", "--no-config"]).assert().success();
    none.stdout(predicate::str::is_match(r"(?m)^max-size +1G +default$").unwrap());
}

#[test]
fn a_wrong_line_is_named_with_its_place_and_how_to_mend_it() {
    let dir = tempfile::tempdir().unwrap();
    for (text, told) in [
        (
            "[record]\nmax_size=2G\n",
            ":2: no setting 'max_size' in [record]; did you mean max-size?",
        ),
        (
            "[record]\nmaxsiez=2G\n",
            ":2: no setting 'maxsiez' in [record]; did you mean max-size",
        ),
        (
            "[record]\n\nmax-size=much\n",
            ":3: bad value 'much' of max-size: e.g. 64M, 1G",
        ),
        (
            "[record]\nprobes=all\n",
            ":2: bad value 'all' of probes: one of auto, kprobe, tracepoint, poll",
        ),
        (
            "[record]\njournal=maybe\n",
            ":2: bad value 'maybe' of journal: yes or no",
        ),
        (
            "[record]\njson=yes\n",
            ":2: no setting 'json' in [record]; write output=json",
        ),
        (
            "[record]\nexec-on-warning='a\n",
            ":2: bad value ''a' of exec-on-warning: a quote is not closed",
        ),
        ("[record]\nunit=web[\n", ":2: bad value 'web[' of unit: "),
    ] {
        let file = put(dir.path(), text);
        for command in ["record", "config"] {
            let bad = oomtrace().args([command, "--config"]).arg(&file).assert().code(2);
            let one_line = predicate::function(|text: &str| text.lines().count() == 1);
            bad.stderr(predicate::str::contains(format!("{}{told}", file.display())).and(one_line));
        }
    }
}

#[test]
fn a_file_that_cannot_be_trusted_or_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = put(dir.path(), "[record]\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let bad = oomtrace().args(["record", "--config"]).arg(&file).assert().code(77);
    bad.stderr(
        predicate::str::contains("others may write to it (mode 666").and(predicate::str::contains("chmod go-w")),
    );
    let gone = oomtrace()
        .args(["record", "--config", "/nowhere/x.conf"])
        .assert()
        .code(66);
    gone.stderr(predicate::str::contains("/nowhere/x.conf: no such configuration file"));
    let both = oomtrace()
        .args(["record", "--no-config", "--config"])
        .arg(&file)
        .assert()
        .code(2);
    both.stderr(predicate::str::contains("cannot be used with"));
}

#[test]
fn a_recorder_does_what_the_file_says_and_what_is_typed_wins() {
    let dir = tempfile::tempdir().unwrap();
    let named = dir.path().join("named");
    let file = put(dir.path(), &format!("[record]\ndir={}\n", named.display()));
    // Where nothing can be watched it fails later than where it makes its folder. It ends, whatever is read of the file.
    let record = |more: &[&std::ffi::OsStr]| {
        let mut command = oomtrace();
        command.args(["record", "--duration=1s", "--probes=poll", "--no-runs", "--config"]);
        let _ = command.arg(&file).args(more).output().unwrap();
    };
    record(&[]);
    assert!(named.is_dir());
    let typed = dir.path().join("typed");
    record(&["--dir".as_ref(), typed.as_os_str()]);
    assert!(typed.is_dir());
}

#[test]
fn the_package_s_own_file_and_the_commented_one_are_valid() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    let dir = tempfile::tempdir().unwrap();
    let all = fs::read_to_string(packaging.join("oomtrace.conf")).unwrap();
    // As someone has it who takes every '#' away that stands before a setting.
    let set = all.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') => setting,
        _ => line,
    });
    let set = set.collect::<Vec<_>>().join("\n");
    assert!(set.contains("\nmax-size=1G\n"));
    for text in [fs::read_to_string(packaging.join("defaults.conf")).unwrap(), all, set] {
        let file = put(dir.path(), &text);
        oomtrace().args(["config", "--config"]).arg(&file).assert().success();
    }
}

#[test]
fn the_file_has_a_manual_page_in_section_5() {
    let page = oomtrace().args(["man", "oomtrace.conf"]).assert().success();
    page.stdout(
        predicate::str::contains(".TH oomtrace.conf 5").and(predicate::str::contains("/etc/oomtrace/oomtrace.conf")),
    );
}

#[test]
fn a_reload_names_what_waits_for_a_restart_and_the_recorder_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[record]\ndir={}\nprobes=poll\nno-runs=yes\noutput=json\n",
        dir.path().join("r").display()
    );
    let file = put(dir.path(), &text);
    let mut recorder = std::process::Command::new(env!("CARGO_BIN_EXE_oomtrace"))
        .args(["record", "--config"])
        .arg(&file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(recorder.stdout.take().unwrap()).lines();
    // It has begun, or cannot watch anything here.
    if lines.next().is_none() {
        recorder.wait().unwrap();
        return;
    }
    std::thread::spawn(move || lines.for_each(drop));
    put(dir.path(), &format!("{text}max-size=2G\n"));
    let pid = rustix::process::Pid::from_child(&recorder);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let mut told = BufReader::new(recorder.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let word = told.find(|line| line.contains("reload"));
    let is_there = recorder.try_wait().unwrap().is_none();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(recorder.wait().unwrap().success() && is_there);
    assert!(
        word.unwrap()
            .ends_with("in force after 'systemctl restart oomtrace': max-size")
    );
}
