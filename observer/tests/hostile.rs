//! What whoever may start a process, make a cgroup or hand over a capture can do to who looks at it with oomtrace.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

#[path = "hostile/machine.rs"]
mod machine;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use machine::{Run, run};
use oomtrace_tests::hostile::spoil;

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

/// A recorded run with a name in every field that names something.
fn capture(dir: &Path, fixture: &str, name: &str) -> PathBuf {
    let path = dir.join("run.jsonl");
    let lines = fixture.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let is_named = |field: &str| !OURS.contains(&field);
        spoil(&mut line, &is_named, &|text| text.insert_str(0, name));
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

/// The most that may be resident, in MiB, beside what the input has; the binary's own text is a part of it.
const ROOM: i64 = 64;

fn zst(path: &Path, level: i32, text: impl IntoIterator<Item = Vec<u8>>) {
    let mut encoder = zstd::Encoder::new(fs::File::create(path).unwrap(), level).unwrap();
    encoder.include_checksum(true).unwrap();
    text.into_iter().for_each(|piece| encoder.write_all(&piece).unwrap());
    encoder.finish().unwrap();
}

fn sample(unit: &str, host: &str, second: u64, more: &str) -> String {
    let (minute, second) = (second / 60 % 60, second % 60);
    format!(
        r#"{{"event":"sample","unit":"{unit}","cgroup":{{"id":1,"path":"/{unit}"}},"memory":{{"current":4096}}{more},"ts":"2026-11-24T09:{minute:02}:{second:02}Z","seq":0,"host":"{host}"}}"#
    ) + "\n"
}

fn kill(number: u64) -> String {
    format!(
        r#"{{"event":"kill","unit":"a{number}.service","user_unit":null,"slice":null,"invocation_id":null,"cgroup":{{"id":null,"path":"/a"}},"container":null,"origin":"host","confidence":"observed","evidence":[],"limit":null,"trigger":null,"victim":{{"pid":{number},"tid":1,"comm":"a"}},"leader_pid":null,"killer":null,"request":null,"before":null,"tasks":[],"advice":[],"ts":"2026-11-24T09:00:00Z","seq":{number},"host":"h"}}"#
    ) + "\n"
}

/// What makes a line long.
fn filling() -> String {
    format!(r#","x":"{}""#, "x".repeat(2_000))
}

/// Reads it in every way, and holds each to the bound. What is said and the status are of the first.
fn read_in_bounds(path: &Path, commands: &[&str]) -> Run {
    let size = i64::try_from(fs::metadata(path).unwrap().len() >> 20).unwrap();
    let page = path.with_extension("html");
    let (path, page) = (path.to_str().unwrap(), page.to_str().unwrap());
    let mut runs = commands.iter().map(|command| {
        let arguments: &[&str] = match *command {
            "why" => &["why", "--all", "--dir", path],
            "report" => &["report", path, "--html", page],
            form => &["replay", "-o", form, path],
        };
        let run = run(arguments);
        println!("{command}: {} MiB", run.peak);
        assert!(run.status.is_some(), "{command} {path}: {}", run.err);
        assert!(
            run.peak <= ROOM + size,
            "{command} {path}: {} MiB\n{}",
            run.peak,
            run.err
        );
        run
    });
    let first = runs.next().unwrap();
    runs.for_each(drop);
    first
}

const ALL: [&str; 4] = ["json", "text", "report", "why"];

#[test]
fn a_line_of_what_nobody_knows_takes_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl.zst");
    let line = |filling: &str, length: usize| {
        let filling = filling.repeat(length / filling.len());
        sample("a.service", "h", 1, &format!(r#","x":[{filling}0]"#)).into_bytes()
    };
    // Just short enough for a line, in the first place and not, and far too long for one.
    for filling in ["0,", r#"{"a":0},"#] {
        let late = format!(" {}", String::from_utf8(line(filling, 1_000_000)).unwrap());
        zst(&path, 3, [line(filling, 1_000_000), late.into_bytes()]);
        let Run { status, out, .. } = read_in_bounds(&path, &ALL);
        assert_eq!((status, out.lines().count()), (Some(0), 2), "{filling}");
    }
    zst(
        &path,
        3,
        [line("0,", 16 << 20), sample("b.service", "h", 2, "").into_bytes()],
    );
    let Run { status, out, err, .. } = read_in_bounds(&path, &ALL);
    assert_eq!((status, out.lines().count()), (Some(65), 1));
    assert!(err.contains("line 1: longer than any"), "{err}");
    let limits =
        r#"{"cgroup":"/c","unit":null,"relation":"ancestor","file":"memory.max","bytes":1,"usage":1,"reclaimable":0},"#;
    let limits = format!(
        r#","limits":[{}{}]"#,
        limits.repeat(9_000),
        limits.trim_end_matches(',')
    );
    zst(
        &path,
        3,
        (0..20).map(|second| sample("a.service", "h", second, &limits).into_bytes()),
    );
    assert_eq!(read_in_bounds(&path, &ALL).status, Some(0));
}

#[test]
fn a_frame_is_unpacked_as_far_as_its_lines_are_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl.zst");
    // What somebody packed as one: a long frame of good lines.
    let lines = |count: u64| (0..count).map(|number| sample("a.service", "h", number / 100, &filling()).into_bytes());
    zst(&path, 3, lines(15_000));
    let Run { status, .. } = read_in_bounds(&path, &["json", "report"]);
    assert_eq!(status, Some(0));
    // And of nothing but the ends of lines.
    zst(&path, 3, (0..30).map(|_| vec![b'\n'; 1 << 20]));
    assert_eq!(read_in_bounds(&path, &ALL[..3]).status, Some(0));
    zst(&path, 3, (0..300).map(|_| vec![b'\n'; 1 << 20]));
    let Run { status, err, .. } = read_in_bounds(&path, &ALL[..2]);
    assert_eq!(status, Some(65));
    assert!(err.contains("larger than any"), "{err}");
    let mut encoder = zstd::Encoder::new(fs::File::create(&path).unwrap(), 3).unwrap();
    encoder.window_log(27).unwrap();
    lines(1_000).for_each(|line| encoder.write_all(&line).unwrap());
    encoder.finish().unwrap();
    let Run { status, err, .. } = read_in_bounds(&path, &ALL[..2]);
    assert_eq!(status, Some(65));
    assert!(err.contains("too much memory"), "{err}");
}

#[test]
fn boots_are_read_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    for boot in 0..20 {
        let name = format!("oomtrace-{boot:032x}-20261124T09{boot:02}00.000000Z.jsonl.zst");
        let lines = (0..4_000).map(|_| sample("a.service", "h", boot * 60 + 30, &filling()).into_bytes());
        zst(&dir.path().join(name), 1, lines);
    }
    let path = dir.path().to_str().unwrap();
    for arguments in [&["replay", "-o", "text", path][..], &["why", "--dir", path]] {
        let run = run(arguments);
        assert_eq!(run.status, Some(0), "{}", run.err);
        println!("{arguments:?}: {} MiB", run.peak);
        assert!(run.peak <= ROOM, "{arguments:?} {}", run.peak);
    }
}

#[test]
fn what_is_no_capture_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl.zst");
    zst(
        &path,
        3,
        [b"x\n".repeat(300_000), sample("a.service", "h", 2, "").into_bytes()],
    );
    let Run { status, err, .. } = read_in_bounds(&path, &ALL[..3]);
    assert_eq!(status, Some(65));
    assert!(err.contains("100000 places could not be read"), "{err}");
    // Beginnings of frames, each of which promises blocks up to the end.
    let false_frames = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00][..], &[0, 0, 0].repeat(4)].concat();
    fs::write(&path, false_frames.repeat(200_000)).unwrap();
    assert_eq!(read_in_bounds(&path, &ALL[..1]).status, Some(65));
    for device in ["/dev/zero", "/dev/kmsg", "/dev/full"] {
        let Run { status, err, .. } = run(&["replay", device]);
        assert_eq!(status, Some(66), "{err}");
        assert!(err.contains("device") || err.contains("No such file"), "{err}");
    }
}

#[test]
fn many_of_everything_are_told_in_the_same_room() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl.zst");
    zst(
        &path,
        3,
        (0..20_000).map(|number| sample("a.service", &format!("host{number}"), 1, "").into_bytes()),
    );
    let Run { status, err, .. } = read_in_bounds(&path, &ALL);
    assert_eq!(status, Some(0));
    assert!(err.contains("more hosts"), "{err}");
    zst(
        &path,
        3,
        (0..20_000).map(|number| sample(&format!("u{number}.service"), "h", 1, "").into_bytes()),
    );
    assert_eq!(read_in_bounds(&path, &["report", "why"]).status, Some(0));
    let page = fs::read_to_string(path.with_extension("html")).unwrap();
    assert!(page.contains("left out. Choose some with -u"));
    zst(&path, 3, (0..40_000).map(|number| kill(number).into_bytes()));
    let Run { status, out, .. } = read_in_bounds(&path, &["why", "report"]);
    assert_eq!(status, Some(0));
    assert!(out.contains("earlier kills and failures are omitted"));
}

#[test]
fn processes_of_many_units_and_hosts_take_no_more_room() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl.zst");
    let look = |host: u32, unit: u32, second: u32| {
        let process = |pid: u32| {
            let (pid, name) = (pid + 1 + second * 1_000, "n".repeat(100));
            format!(r#"{{"pid":{pid},"ppid":{second},"comm":"{name}","started":null,"anon":{pid}000000}}"#)
        };
        let tasks: Vec<String> = (0..64).map(process).collect();
        let line = format!(
            r#"{{"event":"processes","unit":"u{unit}.service","cgroup":{{"id":1,"path":"/u{unit}.service"}},"count":900,"unseen":1,"tasks":[{}],"ts":"2026-11-24T09:00:{second:02}Z","seq":0,"host":"host{host}"}}"#,
            tasks.join(",")
        );
        line.into_bytes().into_iter().chain([b'\n']).collect::<Vec<u8>>()
    };
    let hosts = (0..40).flat_map(|host| (0..64).map(move |unit| (host, unit)));
    zst(
        &path,
        3,
        hosts.flat_map(|(host, unit)| (0..2).map(move |second| look(host, unit, second))),
    );
    let Run { status, err, .. } = read_in_bounds(&path, &ALL);
    assert_eq!(status, Some(0));
    assert!(err.contains("more hosts"), "{err}");
}

#[test]
fn no_name_is_markup() {
    let dir = tempfile::tempdir().unwrap();
    let whose = r#","limits":[{"cgroup":"/<b onclick='x'>","unit":"<script>alert(1)</script>","relation":"ancestor","file":"memory.max","bytes":8192,"usage":1,"reclaimable":0}]"#;
    for name in NAMES {
        let path = capture(dir.path(), OWN, name);
        let mut text = fs::read_to_string(&path).unwrap();
        text += &(0..3)
            .map(|second| sample("a.service", "h", second, whose))
            .collect::<String>();
        fs::write(&path, text).unwrap();
        let Run { status, out, err, .. } = run(&["report", path.to_str().unwrap(), "--html", "-"]);
        assert_eq!(status, Some(0), "{err}");
        assert!(is_harmless(&out), "{name:?}");
        assert!(!out.contains("<script") && !out.contains("<b "), "{name:?}");
        assert!(out.contains("Content-Security-Policy"));
        let plot = dir.path().join("plot.svg");
        let path = capture(dir.path(), OWN, name);
        let to = ["report", path.to_str().unwrap(), "--svg", plot.to_str().unwrap()];
        let Run { status, err, .. } = run(&to);
        assert_eq!(status, Some(0), "{err}");
        let svg = fs::read_to_string(&plot).unwrap();
        resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).unwrap();
        assert!(!svg.contains("<script"), "{name:?}");
    }
}

#[test]
fn no_program_is_run_from_where_somebody_else_put_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let (program, ran) = (dir.path().join("journalctl"), dir.path().join("ran"));
    fs::write(&program, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    let why = std::process::Command::new(assert_cmd::cargo::cargo_bin!("oomtrace"))
        .args(["why", "--since", "-1s"])
        .env("PATH", path)
        .output();
    assert!(why.is_ok() && !ran.exists());
}
