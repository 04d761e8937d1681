//! The command as a user types it, on any machine: what needs no privileges and no particular kernel.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

mod common;

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use assert_cmd::Command;
use predicates::prelude::*;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use common::oomtrace;

#[test]
fn help_names_the_commands_and_the_exit_statuses() {
    let help = oomtrace().arg("--help").assert().success();
    help.stdout(
        predicate::str::contains("--unit <NAME>")
            .and(predicate::str::contains("resolve"))
            .and(predicate::str::contains("77  not permitted")),
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
fn what_an_unset_variable_leaves_empty_is_no_name() {
    for arguments in [
        ["--unit", ""].as_slice(),
        &["--slice", ""],
        &["--cgroup", ""],
        &["why", ""],
        &["resolve", ""],
    ] {
        oomtrace().args(arguments).assert().code(2);
    }
}

#[test]
fn what_is_no_cgroup_is_not_resolved() {
    for path in ["/../..", "/cgroup.procs", "/nosuch"] {
        let refused = oomtrace().args(["resolve", path]).assert().failure();
        refused.stderr(predicate::str::contains(path));
    }
}

#[test]
fn a_time_range_that_ends_before_it_begins_is_wrong_usage() {
    let capture = fixture("screen");
    for arguments in [["why", "--all"], ["replay", &capture], ["report", &capture]] {
        let refused = oomtrace()
            .args(arguments)
            .args(["--since", "tomorrow", "--until", "yesterday"])
            .assert()
            .code(2);
        refused.stderr(predicate::str::contains("--since").and(predicate::str::contains("--until")));
    }
}

#[test]
fn a_screen_without_a_terminal_is_wrong_usage_and_a_pipe_gets_text() {
    let capture = fixture("screen");
    let bad = oomtrace().args(["replay", &capture, "-o", "tui"]).assert().code(2);
    bad.stderr(predicate::str::contains("needs a terminal").and(predicate::str::contains("-o text")));
    let piped = oomtrace().args(["replay", &capture]).assert().success();
    piped.stdout(predicate::str::contains("KILLED").and(predicate::str::contains('\x1b').not()));
}

/// A pair of a terminal's ends: who owns it, and what runs in it.
fn terminal() -> (File, File) {
    let owner = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&owner).unwrap();
    unlockpt(&owner).unwrap();
    let path = ptsname(&owner, Vec::new()).unwrap().into_string().unwrap();
    let inside = File::options().read(true).write(true).open(path).unwrap();
    (owner.into(), inside)
}

/// What was written to a terminal until nobody had it open any more, which is an error to its owner.
fn seen(mut owner: File) -> String {
    let (mut shown, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = owner.read(&mut piece) {
        shown.extend_from_slice(&piece[..length]);
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn a_screen_ends_when_its_terminal_goes_away() {
    let (mut owner, inside) = terminal();
    let mut screen = std::process::Command::new(env!("CARGO_BIN_EXE_oomtrace"))
        .args(["replay", &fixture("screen"), "-o", "tui"])
        .stdin(inside.try_clone().unwrap())
        .stdout(inside)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It has taken the terminal once it draws, and then waits for a key.
    let mut drawn = [0; 64];
    assert!(owner.read(&mut drawn).unwrap() > 0);
    std::thread::sleep(Duration::from_millis(500));
    drop(owner);
    // A minute is no measure: it ends at once, or never.
    let ended = (0..600).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        screen.try_wait().unwrap()
    });
    if ended.is_none() {
        screen.kill().unwrap();
    }
    assert!(ended.is_some(), "it still runs");
}

#[test]
fn a_pattern_that_is_none_is_named() {
    let bad = oomtrace().args(["-u", "web[", "--duration", "1s"]).assert().code(2);
    bad.stderr(predicate::str::contains("'web[' is no unit name"));
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
fn the_manual_page_is_one() {
    let page = oomtrace().arg("man").assert().success();
    page.stdout(predicate::str::contains(".TH oomtrace 8").and(predicate::str::contains("SUBCOMMANDS")));
    let page = oomtrace().args(["man", "record"]).assert().success();
    page.stdout(predicate::str::contains(".TH oomtrace-record 8").and(predicate::str::contains("fdatasync")));
    let none = oomtrace().args(["man", "recrod"]).assert().code(2);
    none.stderr(predicate::str::contains("there is no command 'recrod'"));
}

#[test]
fn completions_are_made_for_a_shell() {
    let bash = oomtrace().args(["completions", "bash"]).assert().success();
    bash.stdout(predicate::str::contains("COMPLETE=\"bash\"").and(predicate::str::contains("oomtrace")));
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

/// A user without any capability: nobody, where this is root. The program is copied to where that user may go.
fn unprivileged(dir: &std::path::Path) -> std::process::Command {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let program = dir.join("oomtrace");
    // By another process: were the copy written here, a child of another test could have it open to be written to, and it
    // could not be run (ETXTBSY).
    let copied = std::process::Command::new("cp")
        .arg(assert_cmd::cargo::cargo_bin("oomtrace"))
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = std::process::Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    command
}

#[test]
fn without_rights_the_doctor_names_those_that_are_missing() {
    let dir = tempfile::tempdir().unwrap();
    let output = unprivileged(dir.path())
        .args(["doctor", "-o", "json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(77), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let missing = report["capabilities"]["missing"].as_array().unwrap();
    for name in ["CAP_BPF", "CAP_PERFMON"] {
        assert!(missing.contains(&name.into()), "{missing:?}");
    }
    for probe in report["probes"].as_array().unwrap() {
        assert!(["poll", "none"].contains(&probe["via"].as_str().unwrap()), "{probe}");
    }
}

#[test]
fn without_rights_the_host_is_watched_by_its_files_and_one_line_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let output = unprivileged(dir.path()).args(["--duration", "1s"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    // What another user remembers is no business of this one's, and no word.
    assert_eq!((output.status.code(), said.lines().count()), (Some(0), 1), "{said}");
    assert!(
        said.contains("CAP_BPF and CAP_PERFMON") && said.contains("cgroup files"),
        "{said}"
    );
    assert!(String::from_utf8(output.stdout).unwrap().contains("host"));
}

#[test]
fn watching_writes_no_history_unless_a_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("runs");
    let watch = ["--probes", "poll", "--duration", "1s"];
    oomtrace().args(watch).arg("--runs").arg(&file).assert().success();
    assert!(dir.path().join("runs.lock").exists());
    let cli = observer::conf::parse(&["oomtrace"].map(std::ffi::OsString::from)).unwrap();
    assert!(!cli.watch.learn.keeps_runs);
    let cli = observer::conf::parse(&["oomtrace", "--runs", "f"].map(std::ffi::OsString::from)).unwrap();
    assert!(cli.watch.learn.keeps_runs);
}

#[test]
fn who_records_at_a_terminal_is_told_where_to_and_what_there_is_and_a_service_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let record = |name: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_oomtrace"));
        command.args([
            "record",
            "--no-config",
            "--no-runs",
            "--probes",
            "poll",
            "--duration",
            "1s",
            "--dir",
        ]);
        command.arg(dir.path().join(name));
        command
    };
    let (owner, inside) = terminal();
    let mut child = record("seen").stderr(inside).spawn().unwrap();
    let said = seen(owner);
    assert!(child.wait().unwrap().success());
    assert!(said.contains("seen (1.0G and 30d at most); Ctrl-C ends"), "{said}");
    assert!(said.contains("recorded ") && said.contains(" takes "), "{said}");
    let output = record("unseen").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn long_texts_go_through_the_pager_of_a_terminal_and_not_where_it_is_declined() {
    let told = |args: &[&str]| {
        let (owner, inside) = terminal();
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_oomtrace"))
            .args(args)
            .envs([
                ("SYSTEMD_PAGER", "sed s/^/paged:/"),
                ("SYSTEMD_PAGERSECURE", "0"),
                ("TERM", "xterm"),
            ])
            .stdin(Stdio::null())
            .stdout(inside)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let shown = seen(owner);
        child.wait().unwrap();
        shown
    };
    let capture = fixture("own_limit");
    let log = format!(
        "{}/../observer-engine/tests/reports/booted_6_12_own_limit.log",
        env!("CARGO_MANIFEST_DIR")
    );
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().to_str().unwrap();
    for args in [
        &["why", "--dir", &capture][..],
        &["why", "--log", &log],
        &["units", "--wait", "20ms", "--dir", nothing],
        &["doctor"],
        &["config", "--no-config"],
        &["replay", "-o", "text", &capture],
    ] {
        let paged = told(args);
        assert!(paged.contains("paged:"), "{args:?}: {paged}");
        let plain = told(&[args, &["--no-pager"]].concat());
        assert!(!plain.is_empty() && !plain.contains("paged:"), "{args:?}: {plain}");
    }
}

#[test]
fn help_that_cannot_be_written_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = std::process::Command::new(assert_cmd::cargo::cargo_bin("oomtrace"))
        .arg("--help")
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn quiet_text_and_json_exclude_each_other() {
    for args in [["-q", "--json"].as_slice(), &["-q", "-o", "json"]] {
        let told = oomtrace().arg("replay").args(args).arg(fixture("restarts")).assert();
        told.code(2);
    }
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_replay_of_a_replay_is_the_same() {
    let replay = |recorded: &str| {
        let output = oomtrace()
            .args(["replay", "-", "-o", "json"])
            .write_stdin(recorded.to_owned())
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let once = replay(&std::fs::read_to_string(fixture("restarts")).unwrap());
    let twice = replay(&once);
    // Not assert_eq!: nobody reads 50 lines of JSON twice.
    let differs = once.lines().zip(twice.lines()).find(|(one, two)| one != two);
    assert!(differs.is_none() && once.len() == twice.len(), "{differs:?}");
    assert!(once.contains("\"event\":\"kill\""));
}

#[test]
fn a_sample_needs_no_more_than_what_was_used() {
    let lines: String = (0..60)
        .map(|minute| {
            let current = 100_000_000 + minute * 1_000_000;
            format!(
                "{{\"event\":\"sample\",\"ts\":\"2026-11-24T09:{minute:02}:00Z\",\"unit\":\"a.service\",\"memory\":{{\"current\":{current},\"max\":200000000}}}}\n"
            )
        })
        .collect();
    let replayed = oomtrace()
        .args(["replay", "-", "-o", "json"])
        .write_stdin(lines)
        .output()
        .unwrap();
    assert!(
        replayed.status.success(),
        "{}",
        String::from_utf8_lossy(&replayed.stderr)
    );
    let last = String::from_utf8(replayed.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    let seconds = last["forecast"]["seconds"].as_f64().unwrap();
    assert!((2400.0..2520.0).contains(&seconds), "{seconds}");
}

#[test]
fn a_damaged_capture_gives_what_it_has_and_its_status() {
    let recorded = std::fs::read_to_string(fixture("restarts")).unwrap();
    let cut = &recorded[..recorded.len() - 40];
    let replayed = oomtrace()
        .args(["replay", "-", "-o", "json"])
        .write_stdin(cut)
        .assert()
        .code(65);
    let named = predicate::str::contains("standard input: line 49");
    replayed
        .stderr(named)
        .stdout(predicate::str::contains("\"event\":\"kill\""));
    oomtrace().args(["replay", "/nonexistent"]).assert().code(66);
}

#[test]
fn a_replay_can_be_of_one_unit_and_of_a_time() {
    let all = ["replay", &fixture("restarts"), "-o", "json"];
    let of = |more: &[&str]| {
        let output = oomtrace().args(all).args(more).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().count()
    };
    assert!(of(&["-u", "again"]) < of(&[]));
    assert_eq!(of(&["--until", "2020-01-01"]), 0);
    assert_eq!(of(&["--since", "2020-01-01"]), of(&[]));
}

#[test]
fn hosts_are_replayed_in_the_order_of_time_each_with_a_history_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let write = |host: &str, second: u32, slope: u64| {
        let lines: String = (0..60)
            .map(|minute| {
                let current = 100_000_000 + minute * slope;
                format!(
                    "{{\"event\":\"sample\",\"ts\":\"2026-11-24T09:{minute:02}:{second:02}Z\",\"host\":\"{host}\",\"seq\":{minute},\"unit\":\"a.service\",\"cgroup\":{{\"id\":7,\"path\":\"/system.slice/a.service\"}},\"memory\":{{\"current\":{current},\"max\":200000000}}}}\n"
                )
            })
            .collect();
        std::fs::write(folder.path().join(format!("{host}.jsonl")), lines).unwrap();
    };
    write("steady", 30, 0);
    write("growing", 0, 1_500_000);
    let replay = |paths: &[&str]| -> Vec<serde_json::Value> {
        let paths = paths.iter().map(|path| folder.path().join(path));
        let output = oomtrace().args(["replay", "-o", "json"]).args(paths).output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    };
    let both = replay(&["steady.jsonl", "growing.jsonl"]);
    assert!(both.is_sorted_by_key(|line| line["ts"].as_str().unwrap().to_owned()));
    assert_eq!(both, replay(&["."]), "a folder is what is in it");
    // What one host is told of is what it is told of alone.
    for host in ["steady", "growing"] {
        let trends = |lines: &[serde_json::Value]| -> Vec<serde_json::Value> {
            let own = lines
                .iter()
                .filter(|line| line["host"] == host && line["event"] == "sample");
            own.map(|line| line["trend"].clone()).collect()
        };
        let alone = replay(&[&format!("{host}.jsonl")]);
        assert_eq!(trends(&both), trends(&alone), "{host}");
    }
    assert!(
        both.iter()
            .any(|line| line["event"] == "forecast" && line["host"] == "growing")
    );
}

fn why() -> Command {
    let mut command = oomtrace();
    // As Linux 6.1 and systemd 252 wrote it, cut to the fields that are read.
    let journal = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/journal.jsonl");
    command.env("TZ", "UTC").args(["why", "--journal-file", journal]);
    command
}

#[test]
fn a_kill_is_explained_from_a_journal_alone() {
    let told = why().arg("own").assert().success();
    told.stdout(
        predicate::str::contains(
            "own.service: python3[167] was killed by the kernel on Tue 2026-11-24 16:45:53 UTC: its own",
        )
        .and(predicate::str::contains("its own MemoryMax=64.0M was reached"))
        .and(predicate::str::contains("Result=oom-kill, main process killed/KILL"))
        .and(predicate::str::contains("Unknown: the command line")),
    );
    let told = why().arg("big.service").assert().success();
    told.stdout(predicate::str::contains("why.slice's MemoryMax=64.0M was reached"));
}

#[test]
fn a_kill_from_a_journal_is_the_same_event_as_a_live_one() {
    let output = why().args(["--all", "-o", "json"]).output().unwrap();
    let kills: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["event"] == "kill")
        .collect();
    let facts: Vec<_> = kills
        .iter()
        .map(|kill| {
            (
                kill["unit"].as_str(),
                kill["limit"]["relation"].as_str(),
                kill["origin"].as_str(),
            )
        })
        .collect();
    let limit = Some("memcg_limit");
    assert_eq!(
        facts,
        [
            (Some("big.service"), Some("ancestor"), limit),
            (Some("own.service"), Some("own"), limit)
        ]
    );
    assert!(kills.iter().all(|kill| kill["invocation_id"].is_string()));
}

#[test]
fn what_was_not_memory_is_told_in_systemds_terms() {
    let told = why().arg("exits").assert().success();
    told.stdout(
        predicate::str::contains("not for memory: its main process exited with status 3")
            .and(predicate::str::contains("No memory kill is recorded for it")),
    );
    let told = why().arg("dog").assert().success();
    told.stdout(predicate::str::contains("TimeoutStartSec="));
}

#[test]
fn each_end_that_is_not_memory_has_its_words_and_its_page() {
    const EXIT: &str = "98e322203f7a4ed290d09fe03c09fe15";
    const FAILED: &str = "d9b373ed55a64feb8242e02dbe79a49c";
    const COREDUMP: &str = "fc2e22bc6ee647b6b90729ab34a250b1";
    let ended = |unit: &str, result: &str, code: &str, status: &str| {
        let entry = |id: &str| {
            serde_json::json!({"__REALTIME_TIMESTAMP": "1763694764000000", "_PID": "1", "_UID": "0", "_TRANSPORT": "journal",
                "MESSAGE_ID": id, "UNIT": unit, "INVOCATION_ID": "1"})
        };
        let mut exit = entry(EXIT);
        exit["MESSAGE"] = format!("{unit}: Main process exited, code={code}, status={status}").into();
        (exit["EXIT_CODE"], exit["EXIT_STATUS"]) = (code.into(), status.into());
        let mut failed = entry(FAILED);
        failed["UNIT_RESULT"] = result.into();
        format!("{exit}\n{failed}\n")
    };
    let core = serde_json::json!({"__REALTIME_TIMESTAMP": "1763694764000000", "_TRANSPORT": "journal", "MESSAGE_ID": COREDUMP,
        "_UID": "0", "_SYSTEMD_SLICE": "system-systemd\\x2dcoredump.slice",
        "COREDUMP_UNIT": "crash.service", "COREDUMP_CGROUP": "/system.slice/crash.service", "COREDUMP_PID": "77",
        "COREDUMP_SIGNAL_NAME": "SIGABRT", "COREDUMP_EXE": "/usr/bin/crash"});
    let journal: String = [
        ended("nothing.service", "exit-code", "exited", "203"),
        format!("{core}\n"),
        ended("crash.service", "core-dump", "dumped", "6"),
        ended("silent.service", "watchdog", "dumped", "6"),
        ended("slow.service", "timeout", "killed", "9"),
        ended("often.service", "start-limit-hit", "exited", "1"),
        ended("own.service", "exit-code", "exited", "137"),
        ended("admin.service", "signal", "killed", "9"),
    ]
    .concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.json");
    std::fs::write(&path, journal).unwrap();
    for (unit, words) in [
        (
            "nothing",
            "status 203/EXEC: the executable could not be run (systemd.exec(5)",
        ),
        (
            "crash",
            "crashed and dumped core (dumped/ABRT) (systemd.exec(5), coredumpctl(1))",
        ),
        ("crash", "/usr/bin/crash crashed of SIGABRT: coredumpctl info 77"),
        ("silent", "systemd.service(5), WatchdogSec="),
        (
            "slow",
            "(killed/KILL) (systemd.service(5), TimeoutStartSec=, TimeoutStopSec=)",
        ),
        (
            "often",
            "started too often in a short time (systemd.unit(5), StartLimitIntervalSec=",
        ),
        ("own", "status 137: its own doing, or a shell's word"),
        ("admin", "(killed/KILL) (systemd.service(5), SuccessExitStatus=)"),
    ] {
        let told = oomtrace()
            .env("TZ", "UTC")
            .args(["why", unit, "--journal-file"])
            .arg(&path)
            .assert()
            .success();
        let spoken = predicate::function(move |text: &str| {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            text.contains(words) && text.contains("not for memory") && text.contains("No memory kill is recorded")
        });
        told.stdout(spoken);
    }
}

#[test]
fn what_a_user_wrote_into_the_journal_of_a_service_is_not_told() {
    const OUT_OF_MEMORY: &str = "fe6faa94e7774663a0da52717891d8ef";
    const OOMD_KILL: &str = "d989611b15e44c9dbf31e3c81256e4ed";
    const FAILED: &str = "d9b373ed55a64feb8242e02dbe79a49c";
    const COREDUMP: &str = "fc2e22bc6ee647b6b90729ab34a250b1";
    // As `logger --journald` of uid 1000 leaves them.
    let forged = [OUT_OF_MEMORY, OOMD_KILL, FAILED, COREDUMP].map(|id| {
        let entry = serde_json::json!({"__REALTIME_TIMESTAMP": "1763694764000000", "_HOSTNAME": "h", "_TRANSPORT": "journal",
            "_UID": "1000", "_PID": "4711", "_SYSTEMD_UNIT": "user@1000.service", "_SYSTEMD_USER_UNIT": "app.scope",
            "MESSAGE_ID": id, "UNIT": "sshd.service", "INVOCATION_ID": "1", "UNIT_RESULT": "oom-kill", "MESSAGE": "forged",
            "COREDUMP_CGROUP": "/system.slice/sshd.service", "COREDUMP_EXE": "/usr/sbin/sshd", "COREDUMP_PID": "1"});
        format!("{entry}\n")
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.json");
    std::fs::write(&path, forged.concat()).unwrap();
    let why = || {
        let mut command = oomtrace();
        command.arg("why").arg("--journal-file").arg(&path);
        command
    };
    let told = why().arg("sshd").assert().code(66);
    told.stdout(predicate::str::contains("sshd").not())
        .stderr(predicate::str::contains("sshd.service: no OOM kill or failure found"));
    why().assert().stdout(predicate::str::contains("sshd").not());
}

#[test]
fn a_unit_of_which_nothing_is_known_is_said_so() {
    let told = why().arg("nosuch").assert().code(66);
    told.stderr(predicate::str::contains("nosuch.service: no OOM kill or failure found"));
    let told = why().args(["--since", "2026-11-25", "own"]).assert().code(66);
    told.stdout(predicate::str::is_empty());
    oomtrace()
        .args(["why", "--journal-file", "/nonexistent"])
        .assert()
        .code(66);
    oomtrace().args(["why", "--dir", "/nonexistent"]).assert().code(66);
}

/// What journald keeps is not text: journalctl is asked to read it.
#[test]
fn a_journal_of_journalds_own_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("system.journal");
    std::fs::write(&file, b"LPKSHHRH, and no more").unwrap();
    let nothing = tempfile::tempdir().unwrap();
    for (path, status) in [(file.as_path(), 65), (nothing.path(), 66)] {
        let told = oomtrace()
            .arg("why")
            .arg("--journal-file")
            .arg(path)
            .assert()
            .code(status);
        told.stderr(predicate::str::contains(path.to_str().unwrap()));
    }
    let told = oomtrace().arg("why").arg("--log").arg(&file).assert().code(65);
    told.stderr(predicate::str::contains("--journal-file"));
}

#[test]
fn a_table_with_trends_of_a_folder_that_is_not_there_is_refused() {
    oomtrace().args(["units", "--dir", "/nonexistent"]).assert().code(66);
}

#[test]
fn damage_in_a_journal_is_named_and_the_rest_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.json");
    let good = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/journal.jsonl")).unwrap();
    std::fs::write(&path, format!("{{\"cut\n{good}")).unwrap();
    let told = oomtrace()
        .args(["why", "own", "--journal-file"])
        .arg(&path)
        .assert()
        .code(65);
    told.stdout(predicate::str::contains("its own MemoryMax=64.0M"))
        .stderr(predicate::str::contains(
            "line 1: no entry of `journalctl --output=json`",
        ));
}

#[test]
fn a_report_is_one_page_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (stream, html) = (folder.path().join("run.jsonl"), folder.path().join("page.html"));
    let lines: String = (0..60)
        .map(|second| {
            let current = (second + 1) << 20;
            format!(
                "{{\"event\":\"sample\",\"ts\":\"2026-11-21T03:12:{second:02}Z\",\"seq\":{second},\"host\":\"h\",\"unit\":\"a.service\",\"cgroup\":{{\"id\":7,\"path\":\"/system.slice/a.service\"}},\"memory\":{{\"current\":{current},\"anon\":{current}}}}}\n"
            )
        })
        .collect();
    std::fs::write(&stream, lines).unwrap();
    oomtrace()
        .arg("report")
        .arg(&stream)
        .arg("--html")
        .arg(&html)
        .assert()
        .success();
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains(">a.service</h2>") && page.contains("used 60.0M at most") && page.contains("</html>"));
    let shown = oomtrace()
        .arg("report")
        .arg(&stream)
        .args(["--html", "-"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), page);
    let named = oomtrace()
        .arg("report")
        .arg(&stream)
        .current_dir(folder.path())
        .assert()
        .success();
    named.stdout("oomtrace-h-2026-11-21.html\n");
    assert!(folder.path().join("oomtrace-h-2026-11-21.html").exists());
    oomtrace()
        .arg("report")
        .arg(&stream)
        .args(["-u", "nosuch", "--html"])
        .arg(&html)
        .assert()
        .code(66);
    oomtrace()
        .arg("report")
        .arg(&stream)
        .args(["--html", "/nonexistent/page.html"])
        .assert()
        .code(1);
}

#[test]
fn a_plot_is_a_picture_of_one_unit() {
    let folder = tempfile::tempdir().unwrap();
    let (svg, png) = (folder.path().join("a.svg"), folder.path().join("a.png"));
    let plot = |unit: &str| {
        let mut command = oomtrace();
        command
            .arg("report")
            .arg(fixture("restarts"))
            .args(["-u", unit, "--svg"]);
        command.arg(&svg).arg("--png").arg(&png);
        command
    };
    plot("again").assert().success();
    assert!(std::fs::read_to_string(&svg).unwrap().contains("again.service"));
    assert!(std::fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    let several = plot("*").assert().code(2);
    several.stderr(predicate::str::contains("choose one with -u"));
}

/// Two runs of a leak, each to its kill, as a recorder would have them.
fn two_lives() -> String {
    let subject = |run: &str| {
        format!(
            r#""unit":"leak.service","slice":"system.slice","invocation_id":"{run}","cgroup":{{"id":7,"path":"/system.slice/leak.service"}}"#
        )
    };
    let begin: jiff::Timestamp = "2026-11-12T02:00:00Z".parse().unwrap();
    let at = |second: i64| begin + jiff::SignedDuration::from_secs(second);
    let mut lines = String::new();
    for (run, start) in [("a", 0), ("b", 4 * 86_400)] {
        let subject = subject(run);
        for minute in 0..60 {
            let (ts, current) = (at(start + minute * 60), (minute + 4) << 20);
            lines += &format!(
                r#"{{"event":"sample","ts":"{ts}","seq":1,"host":"h",{subject},"memory":{{"current":{current},"anon":{current}}}}}"#
            );
            lines.push('\n');
        }
        let (warned, killed) = (at(start + 1800), at(start + 3600));
        lines += &format!(
            r#"{{"event":"forecast","ts":"{warned}","seq":1,"host":"h",{subject},"state":"raised","class":"leak","trend":null,"forecast":null}}
{{"event":"kill","ts":"{killed}","seq":1,"host":"h",{subject},"origin":"memcg_limit","confidence":"observed","evidence":[],"limit":{{"cgroup":"/system.slice","unit":"system.slice","relation":"ancestor","file":"memory.max","bytes":67108864,"usage":67108864,"swap_usage":0}},"trigger":null,"leader_pid":null,"killer":null,"request":null,"before":{{"samples":[],"trend":{{"bytes_per_second":17476,"low":17000,"high":18000,"window_seconds":3600,"class":"leak"}},"forecast":null}},"victim":{{"pid":205,"tid":205,"comm":"python3","cmdline":null,"uid":0,"oom_score_adj":0,"total_vm":1,"anon":65000000,"file":0,"shmem":0,"swap":0,"pgtables":0,"started":null}}}}
"#
        );
    }
    lines
}

#[test]
fn a_kill_is_told_with_its_growth_its_warning_and_its_like() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.jsonl"), two_lives()).unwrap();
    let tell = |columns: &str, more: &[&str]| {
        let mut command = oomtrace();
        command.env("TZ", "UTC").env("LANG", "C.UTF-8").env("COLUMNS", columns);
        let output = command
            .args(["why", "leak", "--dir"])
            .arg(folder.path())
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    insta::assert_snapshot!("why_at_a_hundred_columns", tell("100", &[]));
    let narrow = tell("40", &[]);
    // A command stays in one piece: it is to be copied.
    let text = narrow.lines().filter(|line| !line.contains("oomtrace -u"));
    assert!(text.into_iter().all(|line| line.chars().count() <= 40), "{narrow}");
    assert_eq!(tell("100", &["--all"]).matches("was killed by").count(), 2);
    assert!(!tell("100", &["--until", "2026-11-13"]).contains("such kill"));
    let last = tell("100", &["-n", "2", "--reverse"]);
    let order =
        ["Mon 2026-11-16", "Thu 2026-11-12"].map(|day| last.find(&format!("was killed by the kernel on {day}")));
    assert!(order[0].is_some() && order[0] < order[1], "{last}");
    assert!(
        last.contains("2nd such kill"),
        "what came before is told of in any order: {last}"
    );
    assert_eq!(tell("100", &["-n", "2", "--json"]).lines().count(), 2);
}

#[test]
fn a_standard_error_that_nobody_reads_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let damaged = dir.path().join("damaged.jsonl");
    let text = std::fs::read_to_string(fixture("screen")).unwrap();
    let lines = text.lines().count();
    std::fs::write(&damaged, format!("no line\n{text}")).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_oomtrace"))
        .args(["replay", "-o", "json"])
        .arg(&damaged)
        .stderr(writer)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(65), "not the 101 of a panic");
    let replayed = String::from_utf8_lossy(&output.stdout).lines().count();
    assert!(replayed >= lines / 2, "{replayed} of {lines} lines");
}

/// The same stream of a cgroup that systemd did not make.
fn of_no_unit(stream: &str) -> String {
    stream
        .replace(
            "\"unit\":\"leak.service\",\"slice\":\"system.slice\"",
            "\"unit\":null,\"slice\":null",
        )
        .replace("\"invocation_id\":\"a\"", "\"invocation_id\":null")
        .replace("\"invocation_id\":\"b\"", "\"invocation_id\":null")
}

#[test]
fn a_warning_counts_by_its_cgroup_where_there_is_no_invocation_and_no_unit() {
    let pod = "/kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/".to_owned() + &"5e".repeat(32);
    let stream = of_no_unit(&two_lives()).replace(
        "\"path\":\"/system.slice/leak.service\"",
        &format!("\"path\":\"{pod}\""),
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.jsonl"), stream).unwrap();
    // The name that is printed is taken.
    for name in [pod.as_str(), "5e5e5e5e5e5e", "*5e5e*"] {
        let told = oomtrace()
            .env("TZ", "UTC")
            .args(["why", name, "--all", "--dir"])
            .arg(folder.path())
            .assert()
            .success();
        told.stdout(
            predicate::str::contains("30min earlier")
                .count(2)
                .and(predicate::str::contains("no warning").not()),
        );
    }
}

#[test]
fn what_only_systemd_and_oomd_tell_of_is_an_event_too() {
    let entry = |id: &str, unit: &str, message: &str| {
        serde_json::json!({"__REALTIME_TIMESTAMP": "1763694764000000", "_PID": "1", "_UID": "0", "_COMM": "systemd",
            "_EXE": "/usr/lib/systemd/systemd", "_SYSTEMD_CGROUP": "/init.scope", "_SYSTEMD_UNIT": "init.scope",
            "_TRANSPORT": "journal", "MESSAGE_ID": id, "UNIT": unit, "MESSAGE": message})
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.json");
    for (id, origin, words) in [
        (
            "d989611b15e44c9dbf31e3c81256e4ed",
            "systemd_oomd",
            "systemd-oomd killed 2 process(es) in this unit.",
        ),
        (
            "fe6faa94e7774663a0da52717891d8ef",
            "unknown",
            "A process of this unit has been killed by the OOM killer.",
        ),
    ] {
        std::fs::write(&path, format!("{}\n", entry(id, "app.service", words))).unwrap();
        let output = oomtrace()
            .args(["why", "app", "-o", "json", "--journal-file"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (line["event"].as_str(), line["origin"].as_str()),
            (Some("kill"), Some(origin))
        );
        assert_eq!(
            (line["unit"].as_str(), line["victim"].is_null()),
            (Some("app.service"), true)
        );
    }
}

#[test]
fn who_may_read_nothing_is_not_told_that_nothing_happened() {
    let dir = tempfile::tempdir().unwrap();
    let shut = dir.path().join("captures");
    std::fs::create_dir(&shut).unwrap();
    std::fs::write(shut.join("run.jsonl"), two_lives()).unwrap();
    let closed = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o000);
    std::fs::set_permissions(&shut, closed).unwrap();
    for args in [&["why"][..], &["why", "leak"], &["why", "-o", "json"]] {
        let output = unprivileged(dir.path()).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        // Where this user may read the journal or the kernel's log there is nothing to be seen here.
        if std::fs::File::open("/dev/kmsg").is_ok() && rustix::process::geteuid().is_root() {
            assert_eq!(output.status.code(), Some(77), "{args:?}: {said}");
            assert!(
                said.contains("sudo") && !said.contains("No memory kill"),
                "{args:?}: {said}"
            );
        }
    }
}

#[test]
fn what_is_not_there_is_not_found_everywhere_and_what_is_called_alike_is_named() {
    let recorded = fixture("restarts");
    for args in [
        &["replay", "-u", "agian", &recorded][..],
        &["report", "-u", "agian", &recorded],
    ] {
        let told = oomtrace().args(args).assert().code(66);
        told.stderr(predicate::str::contains("did you mean again.service?"));
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.jsonl"), two_lives()).unwrap();
    let told = oomtrace()
        .args(["why", "leek", "--dir"])
        .arg(folder.path())
        .assert()
        .code(66);
    told.stderr(predicate::str::contains("did you mean leak.service?"));
    // Without memory cgroups these cannot be asked: 69.
    if oomtrace().args(["resolve", "1"]).output().unwrap().status.success() {
        oomtrace().args(["resolve", "/nosuch/cgroup"]).assert().code(66);
        oomtrace().args(["resolve", "nosuchunit"]).assert().code(66);
        let none = oomtrace()
            .args(["units", "-u", "nosuchunit", "--wait", "1s"])
            .assert()
            .code(66);
        none.stderr(predicate::str::contains("nosuchunit")).stdout("");
    }
}

#[test]
fn a_stream_into_a_file_that_is_rotated_goes_on_in_a_new_one_and_loses_nothing() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    // Without memory cgroups there is nothing to watch: 69.
    if !oomtrace().args(["resolve", "1"]).output().unwrap().status.success() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, rotated) = (folder.path().join("a.jsonl"), folder.path().join("a.jsonl.1"));
    let file = std::fs::File::options().append(true).create(true).open(&path).unwrap();
    file.set_permissions(std::fs::Permissions::from_mode(0o640)).unwrap();
    let mut running = std::process::Command::new(assert_cmd::cargo::cargo_bin("oomtrace"))
        .args(["-o", "json", "--probes", "poll", "--interval", "100ms"])
        .stdin(std::process::Stdio::null())
        .stdout(file)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let until = |is_so: &dyn Fn() -> bool| {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !is_so() && std::time::Instant::now() < end {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    let has_lines = |path: &std::path::Path| std::fs::read_to_string(path).is_ok_and(|text| text.lines().count() > 3);
    until(&|| has_lines(&path));
    std::fs::rename(&path, &rotated).unwrap();
    let pid = rustix::process::Pid::from_child(&running);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    until(&|| has_lines(&path));
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(running.wait().unwrap().success());
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    let text = std::fs::read_to_string(&rotated).unwrap() + &std::fs::read_to_string(&path).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let numbers: Vec<u64> = lines.map(|line| line["seq"].as_u64().unwrap()).collect();
    assert!(
        numbers.iter().copied().eq(0..u64::try_from(numbers.len()).unwrap()),
        "{numbers:?}"
    );
}

#[test]
fn a_recording_of_another_machine_that_is_called_the_same_is_not_mixed_with_this_ones_journal() {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let searched = |boot: &str| {
        let start = format!(
            r#"{{"event":"start","ts":"2026-11-12T01:59:00Z","seq":0,"host":"h","schema":"oomtrace/1","version":"0","kernel":"6","boot_id":"{}","cgroup_version":"v2","probes":[]}}"#,
            boot.trim()
        );
        let recorded = format!("{start}\n{}", two_lives()).replace(r#""host":"h""#, &format!(r#""host":"{name}""#));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run.jsonl"), recorded).unwrap();
        let told = oomtrace().args(["why", "nosuch", "--dir"]).arg(folder.path()).output();
        String::from_utf8(told.unwrap().stderr).unwrap()
    };
    // Where there is a journal or a kernel's log, or it may not be read, this says so.
    let is_mixed = |text: &str| text.contains("journal") || text.contains("kmsg");
    let other = searched("01234567-89ab-cdef-0123-456789abcdef");
    assert!(!is_mixed(&other), "{other}");
    let own = searched(&boot);
    assert!(is_mixed(&own), "{own}");
}

#[test]
fn after_a_kill_it_says_what_to_type_and_nothing_of_a_unit_of_another_machine() {
    // The limit was its slice's: so is the command. The journal is another host's: what is so now is not asked here.
    let told = why().arg("big").assert().success();
    told.stdout(
        predicate::str::contains("\n  Try       systemctl set-property why.slice MemoryMax=128M ")
            .and(predicate::str::contains("\n  Now ").not()),
    );
}

#[test]
fn pods_are_no_like_of_each_other_and_what_is_left_of_one_is_not_up() {
    let pod = |id: &str| {
        format!(
            "/kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/{}",
            id.repeat(32)
        )
    };
    let run = |path: &str, cgroup: u32, stream: &str| {
        of_no_unit(stream).replace(
            "{\"id\":7,\"path\":\"/system.slice/leak.service\"}",
            &format!("{{\"id\":{cgroup},\"path\":\"{path}\"}}"),
        )
    };
    let whole = two_lives();
    let second = whole
        .find("\"invocation_id\":\"b\"")
        .and_then(|at| whole[..at].rfind('\n'))
        .unwrap()
        + 1;
    let (first, last) = whole.split_at(second);
    let explain = |stream: String| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run.jsonl"), stream).unwrap();
        let mut command = oomtrace();
        command
            .env("TZ", "UTC")
            .args(["why", "/kubepods", "--dir"])
            .arg(folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let (one, other) = (pod("5e"), pod("6f"));
    let told = explain(run(&one, 7, first) + &run(&other, 8, last));
    assert!(!told.contains("such kill"), "another pod's: {told}");
    let told = explain(run(&one, 7, first) + &run(&one, 8, last));
    assert!(told.contains("2nd such kill"), "{told}");
    // Its cgroup is still there, or it runs again.
    let seen = |id: u32| {
        format!(
            r#"{{"event":"sample","ts":"2026-11-16T03:05:00Z","seq":1,"host":"h","unit":null,"cgroup":{{"id":{id},"path":"{one}"}},"memory":{{"current":4096}}}}"#
        )
    };
    let told = explain(run(&one, 8, last) + &seen(8));
    assert!(told.contains("last seen at") && !told.contains("up again"), "{told}");
    let told = explain(run(&one, 8, last) + &seen(9));
    assert!(told.contains("up again when last seen at"), "{told}");
}

#[test]
fn help_fits_the_terminal() {
    let output = oomtrace().env("COLUMNS", "80").arg("-h").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let wide = help.lines().find(|line| line.chars().count() > 100);
    assert_eq!(wide, None, "clap folds to a hundred columns where there is no terminal");
}
