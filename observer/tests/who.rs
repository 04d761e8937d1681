//! Who grew and who was killed, from a recording: in a replay, and in `why`.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test: a failure is what it is for"
)]

use assert_cmd::Command;
use serde_json::{Value, json};

fn subject(unit: &str, event: Value) -> Value {
    let mut line = json!({"unit": unit, "slice": "shared.slice", "invocation_id": "ab", "host": "h", "seq": 0,
        "cgroup": {"id": unit.len(), "path": format!("/shared.slice/{unit}")}});
    for (key, value) in event.as_object().unwrap() {
        line[key] = value.clone();
    }
    line
}

fn at(second: usize) -> String {
    format!("2026-11-24T14:00:{second:02}Z")
}

fn kill(unit: &str, second: usize, pid: u64, comm: &str, more: &Value) -> Value {
    let mut kill = subject(
        unit,
        json!({"event": "kill", "ts": at(second), "origin": "memcg_limit", "confidence": "observed", "evidence": [],
            "limit": {"cgroup": "/shared.slice", "unit": "shared.slice", "relation": "ancestor", "file": "memory.max",
                "bytes": 134_217_728, "usage": 134_217_728, "swap_usage": 0},
            "trigger": null, "leader_pid": null, "killer": null, "request": null, "before": null,
            "victim": {"pid": pid, "tid": pid, "comm": comm, "cmdline": null, "uid": 0, "oom_score_adj": 0,
                "total_vm": 1, "anon": 41_943_040, "file": 0, "shmem": 0, "swap": 0, "pgtables": 0, "started": null}}),
    );
    for (key, value) in more.as_object().unwrap() {
        kill[key] = value.clone();
    }
    kill
}

/// Two units of a slice: `noisy.service` grows, in a child of its shell; `quiet.service` is killed for it.
fn neighbours() -> Vec<Value> {
    let mut lines = Vec::new();
    for second in 0..30 {
        let grown = (2 + second) << 20;
        for (unit, held) in [("noisy.service", grown + (1 << 20)), ("quiet.service", 40 << 20)] {
            lines.push(subject(
                unit,
                json!({"event": "sample", "ts": at(second), "memory": {"current": held, "anon": held}}),
            ));
        }
        let process = |pid: u64, ppid: u64, comm: &str, anon: usize| {
            json!({"pid": pid, "ppid": ppid, "comm": comm, "started": "2026-11-24T13:00:00Z", "anon": anon,
                "shmem": 0, "swap": 0, "pgtables": 0})
        };
        let noisy = [process(50, 1, "bash", 1 << 20), process(51, 50, "python3", grown)];
        let told = json!({"event": "processes", "ts": at(second), "count": 2, "unseen": 0, "tasks": noisy});
        lines.push(subject("noisy.service", told));
        let quiet = [process(60, 1, "worker", 40 << 20)];
        let told = json!({"event": "processes", "ts": at(second), "count": 1, "unseen": 0, "tasks": quiet});
        lines.push(subject("quiet.service", told));
    }
    lines.push(kill("quiet.service", 30, 60, "worker", &json!({})));
    lines
}

fn written(lines: &[Value]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn told(args: &[&str], path: &std::path::Path) -> String {
    let mut command = Command::cargo_bin("oomtrace").unwrap();
    command.env("TZ", "UTC").env("LANG", "C.UTF-8").env("COLUMNS", "400");
    let output = command.args(args).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn growers(stream: &str) -> Value {
    let lines = stream.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let kill = lines.into_iter().find(|line| line["event"] == "kill").unwrap();
    kill["growers"].clone()
}

#[test]
fn a_replay_finds_the_neighbour_that_grew_and_a_part_of_the_stream_keeps_it() {
    let (_folder, path) = written(&neighbours());
    let whole = told(&["replay", "-o", "json"], &path);
    let found = growers(&whole);
    let first = &found[0];
    assert_eq!(
        (&first["pid"], &first["unit"], &first["cgroup"]),
        (
            &json!(51),
            &json!("noisy.service"),
            &json!("/shared.slice/noisy.service")
        )
    );
    assert_eq!((&first["grown"], &first["seconds"]), (&json!(29 << 20), &json!(29.0)));
    assert_eq!(first["ancestors"], json!([{"pid": 50, "comm": "bash"}]));
    assert_eq!(found.as_array().unwrap().len(), 1, "who stands still is none: {found}");
    let again: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (_folder, path) = written(&again);
    assert_eq!(told(&["replay", "-o", "json"], &path), whole);
    assert_eq!(growers(&told(&["replay", "-o", "json", "-u", "quiet"], &path)), found);
}

#[test]
fn why_says_where_the_pressure_came_from_and_who_was_killed() {
    let mut lines = neighbours();
    let whole = told(&["replay", "-o", "json"], &written(&lines).1);
    lines = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (_folder, path) = written(&lines);
    let why = told(&["why", "quiet", "--dir"], &path);
    let grew = "  grew      python3[51] of noisy.service by 29.0M to 31.0M in 29s, 100% of its unit's growth; started by bash[50]\n";
    assert!(why.contains(grew), "{why}");
    let killed = "  killed    worker[60] of quiet.service, another unit in shared.slice\n";
    assert!(why.contains(killed), "{why}");
}

#[test]
fn processes_that_were_ended_together_are_counted_and_are_no_earlier_kills() {
    let member = json!({"origin": "oom_group", "leader_pid": 9});
    let kills = [
        kill("a.scope", 1, 9, "python3", &json!({})),
        kill("a.scope", 1, 10, "sleep", &member),
        kill("a.scope", 1, 11, "sleep", &member),
        kill("a.scope", 2, 12, "bash", &member),
    ];
    let (_folder, path) = written(&kills);
    let why = told(&["why", "a.scope", "--dir"], &path);
    assert!(
        why.contains("Killed: 4 processes of a.scope in 1s: sleep ×2, bash, python3."),
        "{why}"
    );
    assert!(!why.contains("such kill"), "{why}");
    // The next run's is another.
    let mut later = kills.to_vec();
    later.push(kill(
        "a.scope",
        40,
        30,
        "sleep",
        &json!({"origin": "oom_group", "leader_pid": 29, "invocation_id": "cd"}),
    ));
    let (_folder, path) = written(&later);
    let why = told(&["why", "a.scope", "--dir"], &path);
    assert!(!why.contains("Killed: ") && why.contains("2nd such kill"), "{why}");
}
