//! Runs the binary in a cage: its room is limited, and what it took is told.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// A run that takes longer does not end: no statement on how fast it is.
const FOR_EVER: Duration = Duration::from_secs(300);

/// How often it is looked at: what it holds most, it holds for longer.
const LOOK: Duration = Duration::from_millis(5);

/// How a run went.
pub(crate) struct Run {
    /// `None` where a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    /// The most that was resident, in MiB.
    pub(crate) peak: i64,
}

/// Runs oomtrace with nothing on its standard input.
pub(crate) fn run(arguments: &[&str]) -> Run {
    run_fed(arguments, Stdio::null())
}

/// Runs oomtrace with something on its standard input.
pub(crate) fn run_fed(arguments: &[&str], input: Stdio) -> Run {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("oomtrace"))
        .args(arguments)
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (ended, is_over) = std::sync::mpsc::channel::<()>();
    let peak = std::sync::atomic::AtomicI64::new(0);
    thread::scope(|scope| {
        // What is shown is looked at up to here; the rest only runs off.
        let out = scope.spawn(move || {
            let (mut kept, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                if kept.len() < 8 << 20 {
                    kept.extend_from_slice(&buffer[..length]);
                }
            }
            kept
        });
        let err = scope.spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).unwrap();
            text
        });
        let peak = &peak;
        scope.spawn(move || {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            let began = Instant::now();
            while is_over.recv_timeout(LOOK) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                peak.fetch_max(most_resident(pid), Ordering::Relaxed);
                if began.elapsed() > FOR_EVER {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            }
        });
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (out, err) = (text(out.join().unwrap()), text(err.join().unwrap()));
        let status = child.wait().unwrap();
        drop(ended);
        Run {
            status: status.code(),
            out,
            err,
            peak: peak.load(Ordering::Relaxed),
        }
    })
}

/// The most that was resident so far, in MiB. What the kernel tells of it in the end (`ru_maxrss`) has in it what this
/// process held when it forked.
fn most_resident(pid: rustix::process::Pid) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = most.and_then(|most| most.split_whitespace().next()?.parse::<i64>().ok());
    kib.unwrap_or(0) / 1024
}
