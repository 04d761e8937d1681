//! `oomtrace why` with a log that is pasted.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io::Write as _;

use assert_cmd::Command;
use predicates::prelude::*;

const LOG: &str = "\
[   12.000000] node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
[   12.000001] memory: usage 8192kB, limit 8192kB, failcnt 3
[   12.000002] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/web.service,task_memcg=/system.slice/web.service,task=node,pid=77,uid=1000
[   12.000003] Memory cgroup out of memory: Killed process 77 (node) total-vm:9000kB, anon-rss:5000kB, file-rss:10kB, shmem-rss:0kB, UID:1000 pgtables:60kB oom_score_adj:0
";

fn why() -> Command {
    let mut command = Command::cargo_bin("oomtrace").unwrap();
    command.arg("why");
    command
}

fn is_told() -> impl Predicate<str> {
    predicate::str::contains(
        "node[77] of web.service was killed by the kernel 12s after its boot: its own MemoryMax=8.0M was reached",
    )
}

#[test]
fn a_log_in_a_pipe_is_read_unasked() {
    why().write_stdin(LOG).assert().success().stdout(is_told());
    why()
        .args(["web", "--log", "-"])
        .write_stdin(LOG)
        .assert()
        .success()
        .stdout(is_told());
    why().args(["other", "--log", "-"]).write_stdin(LOG).assert().code(66);
}

/// `while read unit; do oomtrace why $unit; done` has the names of the other units on standard input.
#[test]
fn who_names_a_unit_is_not_answered_by_what_standard_input_has() {
    let named = why().arg("web").write_stdin(LOG).assert();
    named.stdout(predicate::str::contains("node[77]").not());
}

#[test]
fn what_is_no_log_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let recording = br#"{"event":"start","ts":"2026-11-24T14:08:20Z","seq":0,"host":"h"}"#;
    for (name, bytes, words) in [
        ("recording.jsonl", recording.as_slice(), "oomtrace why --dir"),
        ("log.bz2", b"BZh91AY&SY".as_slice(), "bzcat"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let refused = why().arg("--log").arg(&path).assert().failure();
        refused.stderr(predicate::str::contains(name).and(predicate::str::contains(words)));
    }
}

/// What others say of a kill is no report of one; what they mean is said.
#[test]
fn of_a_log_without_a_report_it_is_said_what_it_has() {
    let text = "Reason: OOMKilled\njava.lang.OutOfMemoryError: Java heap space\n";
    let told = why().write_stdin(text).assert().success();
    told.stdout(
        predicate::str::starts_with("No OOM kill found in this log.\n")
            .and(predicate::str::contains("A container runtime"))
            .and(predicate::str::contains("The Java virtual machine")),
    );
    let nothing = why().write_stdin("all is well\n").assert().success();
    nothing.stdout(predicate::str::contains("Looked for: the kernel's OOM killer"));
}

#[test]
fn a_log_that_is_packed_or_in_utf_16_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let gzip = || {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(LOG.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let xz = || {
        let mut packed = liblzma::write::XzEncoder::new(Vec::new(), 1);
        packed.write_all(LOG.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    // More than is read at once, so that a block ends within it.
    let utf16 = |bytes: fn(u16) -> [u8; 2]| {
        let text = format!("\u{feff}{}{LOG}", "a line \u{1f4a5}\r\n".repeat(5_000));
        text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>()
    };
    for (name, bytes) in [
        ("plain", LOG.as_bytes().to_vec()),
        ("utf16le", utf16(u16::to_le_bytes)),
        ("utf16be", utf16(u16::to_be_bytes)),
        ("gz", gzip()),
        ("xz", xz()),
        ("zst", zstd::encode_all(LOG.as_bytes(), 1).unwrap()),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        why().arg("--log").arg(path).assert().success().stdout(is_told());
    }
}

#[test]
fn who_looked_for_the_kills_alone_is_told_where_their_reports_begin() {
    let hint = || predicate::str::ends_with("those lines tell what ran out.\n");
    let found: String = LOG.lines().filter(|line| line.contains("Killed")).collect();
    why().write_stdin(found.clone()).assert().success().stdout(hint());
    let global = found.replace("Memory cgroup out", "Out");
    why()
        .arg("--all")
        .write_stdin(global + "\n" + &found)
        .assert()
        .success()
        .stdout(hint().and(predicate::str::contains("Hint").count(1)));
    why().write_stdin(LOG).assert().success().stdout(hint().not());
    let oomd = "[1.0] systemd-oomd[9]: Killed /a.slice/b.service due to memory pressure for /a.slice being 9.00% > 5.00% for > 20s with reclaim activity\n";
    why().write_stdin(oomd).assert().success().stdout(hint().not());
}

#[test]
fn what_has_no_end_is_given_up() {
    for option in ["--log", "--journal-file"] {
        why()
            .args([option, "/dev/zero"])
            .assert()
            .code(65)
            .stderr(predicate::str::contains("this is no text"));
    }
}
