//! The recorder: killed, refused by the kernel, and with a disk that does not take what it writes.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::Bench;
use super::machine::{Chance, End, Fault, command, each, each_of, is_before_main, run, run_with};
use crate::packages;
use crate::step;

/// What a frame holds, in seconds, and one more that was on its way to the disk when the end came.
const MOST_LOST: f64 = 10.0;

/// A frame is asked to be ended this often.
const FRAME: Duration = Duration::from_millis(50);

/// How long a recorder may take to fill the small disk: some hundred times what it does.
const UNTIL_FULL: Duration = Duration::from_secs(300);

/// Latest moment of a kill, in milliseconds: two frames of its own.
const LATEST: u64 = 12_000;

/// Recorders at one time: they hardly do anything.
const AT_ONCE: usize = 16;

/// What a recorder is started with: files only, so that it takes no kernel of its own.
pub(super) fn arguments(dir: &Path) -> Vec<&OsStr> {
    let words = [
        "record",
        "--no-config",
        "--probes",
        "poll",
        "--no-runs",
        "--interval",
        "100ms",
        "-o",
        "json",
        "--dir",
    ];
    words.into_iter().map(OsStr::new).chain([dir.as_os_str()]).collect()
}

/// Ends frames until a time has passed: captures are flushed at SIGHUP.
fn flush_for(child: &Child, time: Duration) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < time {
        Command::new("kill").args(["-HUP", &child.id().to_string()]).status()?;
        thread::sleep(FRAME.min(time.saturating_sub(began.elapsed())));
    }
    Ok(())
}

/// Records until a moment, of which it knows nothing; what it had written to standard output by then.
///
/// The first flush waits for the first line: before it there is nobody to take the signal.
fn record_until_killed(bench: &Bench, dir: &Path, moment: Duration, in_frames: bool) -> Result<Vec<String>> {
    let mut child = command(&bench.program)
        .args(arguments(dir))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdout = child.stdout.take().context("no standard output")?;
    let (began, begins) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        let lines = scope.spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            let told = lines.inspect(|_| {
                let _ = began.send(());
            });
            told.collect::<Vec<String>>()
        });
        let has_begun = begins.recv_timeout(Duration::from_secs(60)).is_ok();
        let flushed = if in_frames {
            flush_for(&child, moment)
        } else {
            thread::sleep(moment);
            Ok(())
        };
        child.kill()?;
        child.wait()?;
        flushed?;
        let lines = lines.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?;
        ensure!(has_begun, "the recorder did not begin");
        Ok(lines)
    })
}

pub(super) fn replay(bench: &Bench, dir: &Path) -> Result<End> {
    run(command(&bench.program).args(["replay", "-o", "json"]).arg(dir))
}

pub(super) fn lines(end: &End) -> Vec<String> {
    String::from_utf8_lossy(&end.out).lines().map(str::to_owned).collect()
}

/// A capture of some frames.
pub(super) fn capture(bench: &Bench) -> Result<Vec<u8>> {
    let dir = bench.scratch.path().join("some");
    record_until_killed(bench, &dir, Duration::from_millis(2_000), true)?;
    let mut files = fs::read_dir(&dir)?.filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.find(|path| path.extension().is_some_and(|end| end == "zst"));
    Ok(fs::read(file.context("no capture was written")?)?)
}

fn seconds(line: &str) -> Result<f64> {
    let value: serde_json::Value = serde_json::from_str(line)?;
    let ts = value.get("ts").and_then(|ts| ts.as_str()).context("no time")?;
    let ts: jiff::Timestamp = ts.parse()?;
    Ok(ts.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64())
}

/// Whoever is killed at any moment has lost a frame at most, and nothing of what is read is wrong.
pub(super) fn killed(bench: &Bench) -> Result<String> {
    let mut chance = Chance(bench.seed);
    let moments: Vec<u64> = (0..bench.times).map(|_| chance.below(LATEST)).collect();
    let seen = Mutex::new((0, 0, 0.0_f64));
    each_of(&moments, AT_ONCE, |place, moment| {
        let dir = bench.scratch.path().join(format!("killed-{place}"));
        // Every other one writes many frames in a shorter time.
        let in_frames = place % 2 == 0;
        let moment = if in_frames { moment / 6 } else { *moment };
        let told = record_until_killed(bench, &dir, Duration::from_millis(moment), in_frames)?;
        let end = replay(bench, &dir)?;
        let kept = lines(&end);
        let lost = compare(&end, &kept, &told).with_context(|| format!("killed after {moment} ms"))?;
        let mut seen = seen.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
        *seen = (
            seen.0 + kept.len(),
            seen.1 + usize::from(!end.err.is_empty()),
            seen.2.max(lost),
        );
        drop(seen);
        fs::remove_dir_all(&dir)?;
        Ok(())
    })?;
    let (kept, damaged, worst) = seen.into_inner().map_err(|_| anyhow::anyhow!("poisoned"))?;
    Ok(format!(
        "{} kills, {kept} lines kept and none wrong, {damaged} unfinished frames told, {worst:.1} s lost at most",
        moments.len()
    ))
}

/// How many seconds are missing at the end; fails where anything else is missing or wrong.
fn compare(end: &End, kept: &[String], told: &[String]) -> Result<f64> {
    end.is_civil()?;
    if let Some((kept, told)) = kept.iter().zip(told).find(|(kept, told)| kept != told) {
        bail!("recorded:\n{kept}\nbut it was:\n{told}");
    }
    let missing = told.get(kept.len()..).unwrap_or_default();
    let (Some(first), Some(last)) = (missing.first(), missing.last()) else {
        return Ok(0.0);
    };
    let lost = seconds(last)? - seconds(first)?;
    ensure!(lost <= MOST_LOST, "{lost} s are lost");
    Ok(lost)
}

const FAULTS: [(&str, &[&str]); 9] = [
    ("openat", &["EINTR", "EIO", "ENOMEM", "EMFILE", "ENOENT", "EACCES"]),
    ("read", &["EINTR", "EIO", "ENOMEM", "ENODEV"]),
    ("pread64", &["EINTR", "EIO", "ENODEV"]),
    ("getdents64", &["EIO", "ENOENT"]),
    ("statx", &["EIO", "ENOENT"]),
    ("fdatasync", &["EIO", "ENOSPC", "EINTR"]),
    ("ftruncate", &["EIO"]),
    ("clone3", &["EAGAIN"]),
    ("mmap", &["ENOMEM"]),
];

/// Calls that are made a few times only.
const FEW: [&str; 4] = ["fdatasync", "ftruncate", "clone3", "mmap"];

/// A call of the recorder's fails, once or from then on: it begins, records and ends, or says why not.
pub(super) fn calls(bench: &Bench) -> Result<String> {
    let mut chance = Chance(bench.seed ^ 0x5eed);
    let mut faults = Vec::new();
    for _ in 0..bench.times {
        let (call, errors) = pick(&mut chance, &FAULTS);
        let error = *pick(&mut chance, errors);
        let number = 1 + chance.below(if FEW.contains(call) { 20 } else { 300 });
        // An interrupted call is made again, for ever where it always is.
        let on = if error != "EINTR" && chance.below(3) == 0 {
            "+"
        } else {
            ""
        };
        faults.push(Fault {
            call,
            error,
            when: format!("{number}{on}"),
        });
    }
    let seen = Mutex::new((0, 0));
    each(&faults, |place, fault| {
        let dir = bench.scratch.path().join(format!("calls-{place}"));
        let log = bench.scratch.path().join(format!("calls-{place}.log"));
        let mut arguments = arguments(&dir);
        arguments.extend(["--duration", "1s"].map(OsStr::new));
        let (end, was_met) = run_with(&bench.program, fault, &log, &arguments)?;
        if is_before_main(&bench.program, &end, fault, &log)? {
            return Ok(());
        }
        let told = judge(bench, &dir, &end, fault).with_context(|| format!("{fault:?}: {}", end.err))?;
        let mut seen = seen.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
        *seen = (seen.0 + usize::from(was_met), seen.1 + usize::from(told));
        Ok(())
    })?;
    let (met, told) = seen.into_inner().map_err(|_| anyhow::anyhow!("poisoned"))?;
    Ok(format!(
        "{} runs, {met} met their fault, {told} had a word for it",
        faults.len()
    ))
}

fn pick<'a, T>(chance: &mut Chance, of: &'a [T]) -> &'a T {
    let place = usize::try_from(chance.below(of.len() as u64)).unwrap_or_default();
    &of[place]
}

/// Whether anything was said. What was not lost in so many words is in the captures.
fn judge(bench: &Bench, dir: &Path, end: &End, fault: &Fault) -> Result<bool> {
    if fault.error == "ENOMEM" && end.is_out_of_memory() {
        return Ok(true);
    }
    end.is_civil()?;
    if end.status.success() && end.err.is_empty() && !end.is_loaders() {
        let read = replay(bench, dir)?;
        read.is_civil()?;
        let (kept, told) = (lines(&read), lines(end));
        ensure!(
            kept == told,
            "{} lines were told, {} recorded, and nothing was said: {}",
            told.len(),
            kept.len(),
            read.err
        );
    }
    Ok(!end.err.is_empty())
}

/// A limit on files, a full disk and one that becomes read-only: what does not fit is told, the rest is read.
pub(super) fn disk(bench: &Bench) -> Result<String> {
    let limits: Vec<u32> = vec![0, 1, 100, 1_000, 2_000, 4_000, 8_000, 16_000];
    each(&limits, |_, limit| {
        let dir = bench.scratch.path().join(format!("limit-{limit}"));
        let mut limited = command("prlimit");
        limited
            .arg(format!("--fsize={limit}"))
            .arg(&bench.program)
            .args(arguments(&dir))
            .args(["--duration", "2s"]);
        let end = run(&mut limited)?;
        end.is_civil().with_context(|| format!("files of {limit} bytes"))?;
        ensure!(end.status.success(), "files of {limit} bytes: {}", end.err);
        let read = replay(bench, &dir)?;
        let (kept, told) = (lines(&read), lines(&end));
        compare(&read, &kept, told.get(..kept.len()).unwrap_or_default())?;
        ensure!(
            kept.len() == told.len() || end.err.contains("lines are lost"),
            "files of {limit} bytes: {} of {} lines, {}",
            kept.len(),
            told.len(),
            end.err
        );
        Ok(())
    })?;
    let mut seen = format!("{} limits on a file's length", limits.len());
    if packages::is_root()? {
        seen += &read_only(bench)?;
    } else {
        step("a disk that becomes read-only is left out: it takes root to make one");
    }
    Ok(seen)
}

/// A small disk that is full, then read-only, then neither.
fn read_only(bench: &Bench) -> Result<String> {
    let dir = bench.scratch.path().join("small");
    fs::create_dir(&dir)?;
    let is_mounted = |options: &str| -> Result<bool> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&dir);
        Ok(mount.stderr(Stdio::null()).status()?.success())
    };
    let mount = |options: &str| -> Result<()> {
        ensure!(is_mounted(options)?, "cannot mount a small disk with {options}");
        Ok(())
    };
    mount("size=24k,mode=700")?;
    let done = (|| {
        let mut child = command(&bench.program)
            .args(arguments(&dir))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("no standard output")?;
        let told = thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).count());
        let second = Duration::from_secs(1);
        thread::sleep(second);
        flush_for(&child, second)?;
        // Not as long as a file is open for writing there, which the recorder closes once the disk is full.
        let began = Instant::now();
        while !is_mounted("remount,ro,size=24k")? {
            if began.elapsed() > UNTIL_FULL {
                child.kill()?;
                bail!("the small disk is not full after {} s", UNTIL_FULL.as_secs());
            }
            flush_for(&child, FRAME)?;
        }
        flush_for(&child, second)?;
        mount("remount,rw,size=24k")?;
        flush_for(&child, 3 * second)?;
        Command::new("kill").arg(child.id().to_string()).status()?;
        let output = child.wait_with_output()?;
        let end = End {
            status: output.status,
            out: Vec::new(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            peak_kib: 0,
        };
        end.is_civil()?;
        ensure!(end.err.contains("lines were lost"), "it did not go on: {}", end.err);
        let told = told.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?;
        let read = replay(bench, &dir)?;
        read.is_civil()?;
        Ok(format!(
            "; 24 KiB of disk, full and for a second read-only: {} of {told} lines, and: {}",
            lines(&read).len(),
            end.err.trim_end().replace('\n', " | ")
        ))
    })();
    let _ = Command::new("umount").arg(&dir).status();
    done
}
