//! The command as a user types it, on any machine: what needs no privileges and no particular kernel.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

use assert_cmd::Command;
use predicates::prelude::*;

fn oomtrace() -> Command {
    let mut command = Command::cargo_bin("oomtrace").unwrap();
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

#[test]
fn help_names_the_commands_and_the_exit_statuses() {
    let help = oomtrace().arg("--help").assert().success();
    help.stdout(
        predicate::str::contains("--unit <NAME>")
            .and(predicate::str::contains("resolve"))
            .and(predicate::str::contains("77 not permitted")),
    );
}

#[test]
fn a_wrong_word_is_wrong_usage_and_named() {
    let bad = oomtrace().args(["--interval", "soon"]).assert().code(2);
    bad.stderr(predicate::str::contains("'soon'").and(predicate::str::contains("90s")));
    oomtrace().arg("--units").assert().code(2);
    oomtrace().arg("watchh").assert().code(2);
}

#[test]
fn a_pattern_that_is_none_is_named() {
    let bad = oomtrace().args(["-u", "web[", "--duration", "1s"]).assert().code(2);
    bad.stderr(predicate::str::contains("'web[.service'"));
}

#[test]
fn the_schema_names_every_event() {
    let output = oomtrace().arg("schema").output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for event in [
        "start",
        "sample",
        "forecast",
        "throttle",
        "kill",
        "oom_without_kill",
        "unit",
        "lost",
        "unexplained",
        "stop",
    ] {
        assert!(text.contains(&format!("\"{event}\"")), "{event}");
    }
}

#[test]
fn a_process_is_resolved_to_its_cgroup_and_a_missing_one_is_named() {
    let own = oomtrace()
        .args(["resolve", &std::process::id().to_string()])
        .output()
        .unwrap();
    if own.status.success() {
        let subject: serde_json::Value = serde_json::from_slice(&own.stdout).unwrap();
        assert!(subject["cgroup"]["path"].is_string());
    }
    let gone = oomtrace().args(["resolve", "4194305"]).assert().code(66);
    gone.stderr(predicate::str::contains("4194305"));
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("oomtrace"))
        .arg("schema")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn completions_are_made_for_a_shell() {
    let bash = oomtrace().args(["completions", "bash"]).assert().success();
    bash.stdout(predicate::str::contains("--unit"));
}

#[test]
fn the_doctor_says_the_same_in_both_forms_and_by_its_status() {
    let json = oomtrace().args(["doctor", "-o", "json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let status = match (
        report["sees_kills"].as_bool().unwrap(),
        report["not_permitted"].as_bool().unwrap(),
    ) {
        (true, _) => 0,
        (false, true) => 77,
        (false, false) => 69,
    };
    assert_eq!(json.status.code(), Some(status));
    let text = oomtrace().arg("doctor").assert().code(status);
    let can = if status == 0 {
        "can see kills"
    } else {
        "cannot see kills"
    };
    text.stdout(predicate::str::contains(can));
}
