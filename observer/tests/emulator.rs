//! What a terminal makes of names that are written to act on one: an emulator takes what the real binary writes.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use oomtrace_tests::hostile::spoil;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;
use vt100::{Parser, Screen};

const RUN: &str = include_str!("fixtures/own_limit.jsonl");

/// Titles, the clipboard, the bell, the screen's size, colours of its own, answers that it would type, lines that look like ours, and the way back.
const NAME: &str = "\x1b[2J\x1b[H\x1b]0;pwn\x07\x1b]52;c;cHdu\x07\x1b[8;1;1t\x1b[6n\x1bc\x1b[41m\r\n21:42:52  ✖ KILLED\u{8}\u{7f}\
\u{9b}31m\u{90}q\u{9c}\u{202e}\u{2028}\u{0}x";

/// What a terminal did beside showing text.
#[derive(Debug, Default)]
struct Acted(Vec<String>);

impl vt100::Callbacks for Acted {
    fn audible_bell(&mut self, _: &mut Screen) {
        self.0.push("bell".to_owned());
    }
    fn visual_bell(&mut self, _: &mut Screen) {
        self.0.push("flash".to_owned());
    }
    fn resize(&mut self, _: &mut Screen, size: (u16, u16)) {
        self.0.push(format!("size {size:?}"));
    }
    fn set_window_icon_name(&mut self, _: &mut Screen, name: &[u8]) {
        self.0.push(format!("icon {name:?}"));
    }
    fn set_window_title(&mut self, _: &mut Screen, title: &[u8]) {
        self.0.push(format!("title {title:?}"));
    }
    fn copy_to_clipboard(&mut self, _: &mut Screen, _: &[u8], data: &[u8]) {
        self.0.push(format!("clipboard {data:?}"));
    }
    fn paste_from_clipboard(&mut self, _: &mut Screen, _: &[u8]) {
        self.0.push("asked for the clipboard".to_owned());
    }
    fn unhandled_char(&mut self, _: &mut Screen, letter: char) {
        self.0.push(format!("letter {letter:?}"));
    }
    fn unhandled_control(&mut self, _: &mut Screen, byte: u8) {
        self.0.push(format!("control {byte:#x}"));
    }
    fn unhandled_escape(&mut self, _: &mut Screen, one: Option<u8>, two: Option<u8>, byte: u8) {
        self.0.push(format!("escape {one:?} {two:?} {byte:#x}"));
    }
    fn unhandled_csi(&mut self, _: &mut Screen, one: Option<u8>, two: Option<u8>, parameters: &[&[u16]], end: char) {
        // The colour of underlines, which the screen resets and this emulator does not have.
        if end != 'm' {
            self.0.push(format!("sequence {one:?} {two:?} {parameters:?} {end}"));
        }
    }
    fn unhandled_osc(&mut self, _: &mut Screen, parameters: &[&[u8]]) {
        self.0.push(format!("command {parameters:?}"));
    }
}

/// The fields that somebody names.
const NAMED: [&str; 7] = ["unit", "slice", "path", "comm", "cmdline", "cgroup", "host"];

/// A recorded run whose names are spoilt.
fn capture(dir: &Path) -> String {
    let path = dir.join("run.jsonl");
    let lines = RUN.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        spoil(&mut line, &|field| NAMED.contains(&field), &|text| text.push_str(NAME));
        line.to_string() + "\n"
    });
    fs::write(&path, lines.collect::<String>()).unwrap();
    path.display().to_string()
}

fn terminal(rows: u16, columns: u16) -> Parser<Acted> {
    let size = |size| NonZero::new(size).unwrap();
    Parser::new_with_callbacks(size(rows), size(columns), 0, Acted::default())
}

fn oomtrace(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("oomtrace"));
    command.args(arguments).env("LC_ALL", "C.UTF-8").env("TZ", "UTC0");
    command.env("TERM", "xterm-256color").env_remove("COLUMNS");
    command
}

#[test]
fn text_is_shown_line_by_line_as_it_was_written_and_does_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let capture = capture(dir.path());
    for arguments in [
        &["replay", "-o", "text", "--color", "always", &capture][..],
        &["replay", "-o", "text", "-q", &capture],
        &["why", "--all", "--color", "always", "--dir", &capture],
    ] {
        let output = oomtrace(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let written = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(written.contains("pwn"), "told all the same: {written}");
        let rows = u16::try_from(written.lines().count() + 1).unwrap();
        let mut terminal = terminal(rows, 4_000);
        terminal.process(written.replace('\n', "\r\n").as_bytes());
        assert_eq!(terminal.callbacks().0, [""; 0], "{arguments:?}");
        // Each row is a line without our colours: nothing moved, cleared or wrote over another.
        let plain = ["\x1b[1;31m", "\x1b[33m", "\x1b[90m", "\x1b[0m"]
            .iter()
            .fold(written.clone(), |plain, ours| plain.replace(ours, ""));
        let shown: Vec<String> = terminal.screen().rows(0, 4_000).collect();
        for (shown, line) in shown.iter().zip(plain.lines()) {
            assert_eq!(shown.trim_end(), line.trim_end(), "{arguments:?}");
            assert!(!line.starts_with("21:42:52"), "{line}");
        }
    }
}

/// Feeds the emulator until the screen is as wanted.
fn until(terminal: &mut Parser<Acted>, drawn: &Receiver<Vec<u8>>, is_there: impl Fn(&str) -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if is_there(&terminal.screen().contents()) {
            return true;
        }
        match drawn.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(bytes) => terminal.process(&bytes),
            Err(_) => return false,
        }
    }
}

#[test]
fn the_screen_draws_cells_and_does_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let capture = capture(dir.path());
    let owner = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&owner).unwrap();
    unlockpt(&owner).unwrap();
    let path = ptsname(&owner, Vec::new()).unwrap().into_string().unwrap();
    let inside = File::options().read(true).write(true).open(path).unwrap();
    let (rows, columns) = (40, 160);
    tcsetwinsize(
        &inside,
        Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        },
    )
    .unwrap();
    let mut screen = oomtrace(&["replay", "-o", "tui", &capture])
        .stdin(inside.try_clone().unwrap())
        .stdout(inside)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut owner = File::from(owner);
    let mut reader = owner.try_clone().unwrap();
    let (sender, drawn) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut terminal = terminal(rows, columns);
    let has_units = until(&mut terminal, &drawn, |shown| shown.contains("own.service"));
    assert!(has_units, "{}", terminal.screen().contents());
    // A unit's own page has its names in full, its processes and its kills.
    owner.write_all(b"\r").unwrap();
    let has_detail = until(&mut terminal, &drawn, |shown| shown.contains("pwn"));
    let shown = terminal.screen().contents();
    owner.write_all(b"qq").unwrap();
    let ends = until(&mut terminal, &drawn, |_| false);
    assert!(!ends && screen.wait().unwrap().success());
    assert!(has_detail, "{shown}");
    assert!(!shown.lines().any(|line| line.starts_with("21:42:52")), "{shown}");
    assert_eq!(terminal.callbacks().0, [""; 0]);
    assert!(!terminal.screen().alternate_screen(), "the terminal is given back");
}
