//! What reads bytes from outside does so behind a filter of system calls: the real binary, while it reads.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUN: &str = include_str!("fixtures/own_limit.jsonl");

/// `/proc/PID/task/TID/status` of each thread.
fn threads(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok())
        .collect()
}

/// Whether each of its threads has a filter (proc_pid_status(5): `Seccomp: 2`) and can get no more rights by a program that it runs.
fn is_confined(pid: u32) -> bool {
    let threads = threads(pid);
    let has = |line: &str| threads.iter().all(|status| status.lines().any(|own| own == line));
    !threads.is_empty() && has("Seccomp:\t2") && has("NoNewPrivs:\t1")
}

#[test]
fn whatever_reads_from_outside_is_confined_while_it_reads() {
    if fs::read_to_string("/proc/self/status").is_ok_and(|status| !status.contains("Seccomp:")) {
        return; // a kernel without it
    }
    for arguments in [
        &["replay", "-o", "json", "-"][..],
        &["replay", "-o", "text", "-"],
        &["report", "-", "--html", "-"],
        &["why", "--dir", "-"],
        &["why", "--log", "-"],
        &["why", "--journal-file", "-"],
    ] {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("oomtrace"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It waits for more of it.
        let mut input = child.stdin.take().unwrap();
        input.write_all(RUN.as_bytes()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_confined(child.id()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(is_confined(child.id()), "{arguments:?}: {:?}", threads(child.id()));
        drop(input);
        let output = child.wait_with_output().unwrap();
        // The journal's reader finds no journal in it; everything else tells what is there.
        assert!(
            matches!(output.status.code(), Some(0 | 65 | 66)),
            "{arguments:?} {output:?}"
        );
    }
}
