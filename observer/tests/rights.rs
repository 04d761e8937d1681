//! What a watch may still do once it watches: every thread of it, by hand and as root as well as in the service.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

/// CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE and, where an older kernel wants it for its maps, CAP_BPF (linux/capability.h).
const SAMPLING: u64 = 1 << 2 | 1 << 19 | 1 << 39;
const WRITING: u64 = 1 << 2;

/// A capability set of `/proc/PID/status`.
fn set(status: &str, name: &str) -> u64 {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    u64::from_str_radix(value.unwrap(), 16).unwrap()
}

#[test]
fn after_the_attach_no_thread_has_more_than_its_work_takes() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("notify");
    let told = UnixDatagram::bind(&place).unwrap();
    told.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("oomtrace"))
        .args([
            "record",
            "--no-config",
            "--no-runs",
            "-o",
            "json",
            "--metrics-listen",
            "127.0.0.1:0",
            "--dir",
        ])
        .arg(dir.path().join("captures"))
        .env("NOTIFY_SOCKET", &place)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 64];
    let ready = told.recv(&mut said);
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let threads: Vec<String> = tasks
        .map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap())
        .collect();
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    if let Some(status) = ended {
        // A machine without cgroups, or a user who may watch none.
        assert!(matches!(status.code(), Some(69 | 77)), "{output:?}");
        return;
    }
    assert!(said.starts_with(b"READY=1"), "{ready:?} {output:?}");
    assert!(
        threads.len() >= 5,
        "captures, their packing, the stream, the port, and who watches"
    );
    for status in &threads {
        let name = status.lines().next().unwrap();
        // Who watches runs journalctl and opens connections; who writes and answers does neither.
        if name != "Name:\toomtrace" {
            assert!(status.contains("Seccomp:\t2"), "{status}");
        }
        let most = if name == "Name:\toomtrace" { SAMPLING } else { WRITING };
        for held in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            assert_eq!(set(status, held) & !most, 0, "{name}: {held} {:x}", set(status, held));
        }
    }
}
