//! Runs the binary in a cage: its room is limited, and what it took is told.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

/// A run that takes longer does not end: no statement on how fast it is.
const FOR_EVER: Duration = Duration::from_secs(300);

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
#[expect(clippy::zombie_processes, reason = "it is waited for, by wait4")]
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
        scope.spawn(move || {
            if is_over.recv_timeout(FOR_EVER) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let _ = rustix::process::kill_process(
                    rustix::process::Pid::from_raw(pid).unwrap(),
                    rustix::process::Signal::KILL,
                );
            }
        });
        let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
        // SAFETY: both are ours to be written to; the child is waited for here only.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
        drop(ended);
        assert_eq!(waited, pid);
        // SAFETY: zeroes are a value of it, whatever the kernel wrote.
        let usage = unsafe { usage.assume_init() };
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Run {
            status: ExitStatus::from_raw(status).code(),
            out: text(out.join().unwrap()),
            err: text(err.join().unwrap()),
            peak: usage.ru_maxrss / 1024,
        }
    })
}
