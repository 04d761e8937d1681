//! Runs the binary and says whether it ended as it may: the judgement that all rows share.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// A run that takes longer hangs: no statement on how fast it is.
const FOR_EVER: Duration = Duration::from_secs(120);

/// The statuses of docs, `cli::Exit`.
const STATUSES: [i32; 7] = [0, 1, 2, 65, 66, 69, 77];

/// Lines on standard error, at most: a fault is told, not narrated.
const MAX_LINES: usize = 12;

/// Runs at one time.
const AT_ONCE: usize = 4;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
    /// The most that was resident, in KiB, as often as it was looked at.
    pub(crate) peak_kib: u64,
}

impl End {
    /// No panic, no signal, a status that is documented, and whatever is said said in lines of oomtrace's.
    pub(super) fn is_civil(&self) -> Result<()> {
        let err = self.err.as_str();
        if self.is_loaders() {
            return Ok(());
        }
        if self.status.code() == Some(101) || err.contains("panicked") {
            bail!("a panic: {err}");
        }
        if !self.status.code().is_some_and(|code| STATUSES.contains(&code)) {
            bail!("ended with {}: {err}", self.status);
        }
        if let Some(line) = err.lines().find(|line| !line.starts_with("oomtrace: ")) {
            bail!("not a line of ours: {line}");
        }
        if err.lines().count() > MAX_LINES {
            bail!("{} lines are said: {err}", err.lines().count());
        }
        if !self.status.success() && err.is_empty() {
            bail!("{} without a word", self.status);
        }
        Ok(())
    }

    /// Whether the fault met the dynamic loader, which a static binary has not.
    pub(super) fn is_loaders(&self) -> bool {
        self.status.code() == Some(127) && self.err.contains("error while loading shared libraries")
    }

    /// Whether memory was refused, for the heap or for a thread's stack: Rust's library says so and aborts.
    pub(super) fn is_out_of_memory(&self) -> bool {
        let said = [
            "memory allocation of ",
            "failed to allocate an alternative stack",
            "guard page",
        ];
        self.status.code().is_none() && said.iter().any(|said| self.err.contains(said))
    }

    /// What a reader gave: the same as without a fault, or less with a word for it.
    pub(super) fn is_whole_or_told(&self, whole: &[u8]) -> Result<()> {
        self.is_civil()?;
        if !self.is_loaders() && self.out != whole && self.err.is_empty() {
            bail!(
                "{} of {} bytes are shown, and nothing is said",
                self.out.len(),
                whole.len()
            );
        }
        Ok(())
    }
}

/// A command with a surrounding that is the same everywhere, and nothing on its standard input.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env("TZ", "UTC0") // needs no file
        .env("LC_ALL", "C.UTF-8")
        .env_remove("COLUMNS")
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null());
    command
}

/// Runs it to its end, or ends it where it hangs.
pub(crate) fn run(command: &mut Command) -> Result<End> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (mut stdout, mut stderr) = (
        child.stdout.take().context("no standard output")?,
        child.stderr.take().context("no standard error")?,
    );
    thread::scope(|scope| {
        let out = scope.spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes)
        });
        let err = scope.spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).map(|_| bytes)
        });
        let began = Instant::now();
        let mut peak_kib = 0;
        let status = loop {
            peak_kib = most_resident(child.id()).max(peak_kib);
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if began.elapsed() > FOR_EVER {
                child.kill()?;
                child.wait()?;
                bail!("it hangs: {command:?}");
            }
            thread::sleep(Duration::from_millis(2));
        };
        let joined = |thread: thread::ScopedJoinHandle<'_, std::io::Result<Vec<u8>>>| {
            let bytes = thread.join().map_err(|_| anyhow::anyhow!("a reader panicked"))?;
            anyhow::Ok(bytes?)
        };
        Ok(End {
            status,
            out: joined(out)?,
            err: String::from_utf8_lossy(&joined(err)?).into_owned(),
            peak_kib,
        })
    })
}

/// The most that was resident so far, in KiB; 0 of a process that has ended.
fn most_resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    most.and_then(|most| most.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// A fault of a system call: which call, how it fails, and the how manieth of each thread.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) call: &'static str,
    pub(super) error: &'static str,
    pub(super) when: String,
}

/// Runs it with one fault; whether that was ever met.
pub(super) fn run_with(program: &Path, fault: &Fault, log: &Path, arguments: &[&OsStr]) -> Result<(End, bool)> {
    let Fault { call, error, when } = fault;
    let mut strace = command("strace");
    strace
        .args(["-f", "-qq", "--seccomp-bpf", "-o"])
        .arg(log)
        .arg(format!("--trace={call}"))
        .arg(format!("--inject={call}:error={error}:when={when}"))
        .arg(program)
        .args(arguments);
    let end = run(&mut strace).with_context(|| format!("{fault:?}"))?;
    let log = fs::read(log)?;
    Ok((end, log.windows(10).any(|window| window == b"(INJECTED)")))
}

/// Whether it ended before oomtrace was asked anything: the dynamic loader does not survive each of its faults.
pub(super) fn is_before_main(program: &Path, end: &End, fault: &Fault, log: &Path) -> Result<bool> {
    if end.status.code().is_some() || !end.err.is_empty() {
        return Ok(false);
    }
    let (end, _) = run_with(program, fault, log, &[OsStr::new("--version")])?;
    Ok(end.status.code().is_none() && end.out.is_empty())
}

/// Does something with each, a few at a time; the first failure that is met.
pub(super) fn each<T: Sync>(items: &[T], work: impl Fn(usize, &T) -> Result<()> + Sync) -> Result<()> {
    each_of(items, AT_ONCE, work)
}

/// The same, so many at a time.
pub(super) fn each_of<T: Sync>(
    items: &[T],
    at_once: usize,
    work: impl Fn(usize, &T) -> Result<()> + Sync,
) -> Result<()> {
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { return };
                    if let Err(error) = work(place, item) {
                        let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                        failure.get_or_insert(error);
                        // The others end after what they are at.
                        next.store(items.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    failure
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .map_or(Ok(()), Err)
}

/// Numbers by chance, the same for the same seed (Vigna's splitmix64).
#[derive(Debug)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below a number that is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}
