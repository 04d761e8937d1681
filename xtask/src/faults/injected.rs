//! The commands that read, with each of their system calls failing in turn, with few files and with little memory.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, bail};

use super::machine::{End, Fault, command, each, is_before_main, run, run_with};
use super::{Bench, fixture, log};

/// Calls, and how each can fail.
const FAULTS: [(&str, &[&str]); 9] = [
    ("openat", &["EINTR", "EIO", "ENOMEM", "EMFILE", "ENOENT", "EACCES"]),
    ("read", &["EINTR", "EIO", "ENOMEM"]),
    ("pread64", &["EIO"]),
    ("getdents64", &["EIO", "ENOENT"]),
    ("newfstatat", &["EIO", "ENOENT"]),
    ("statx", &["EIO", "ENOENT", "ENOSYS"]),
    ("lseek", &["EIO"]),
    ("write", &["EINTR", "EIO", "ENOSPC", "EPIPE"]),
    ("mmap", &["ENOMEM"]),
];

/// More calls of a kind no command makes.
const MOST: usize = 500;

fn commands() -> Vec<Vec<PathBuf>> {
    let words = |words: &[&str], file: PathBuf, end: &[&str]| {
        let words = words.iter().map(PathBuf::from).chain([file]);
        words.chain(end.iter().map(PathBuf::from)).collect()
    };
    vec![
        words(&["replay", "-o", "json"], fixture(), &[]),
        words(&["replay", "-o", "text"], fixture(), &[]),
        words(&["why", "--all", "--dir"], fixture(), &[]),
        words(&["why", "--log"], log(), &[]),
        words(&["report"], fixture(), &["--html", "-"]),
    ]
}

fn as_arguments(command: &[PathBuf]) -> Vec<&OsStr> {
    command.iter().map(|word| word.as_os_str()).collect()
}

fn undisturbed(bench: &Bench, arguments: &[PathBuf]) -> Result<End> {
    let end = run(command(&bench.program).args(arguments))?;
    if !end.status.success() || end.out.is_empty() || !end.err.is_empty() {
        bail!("{arguments:?} without a fault: {} {}", end.status, end.err);
    }
    Ok(end)
}

/// Each call of each command fails once in each way.
pub(super) fn calls(bench: &Bench) -> Result<String> {
    let (met, loaders) = (AtomicUsize::new(0), AtomicUsize::new(0));
    for arguments in commands() {
        let whole = undisturbed(bench, &arguments)?.out;
        let ways: Vec<(&str, &str)> = FAULTS
            .iter()
            .flat_map(|(call, errors)| errors.iter().map(|error| (*call, *error)))
            .collect();
        each(&ways, |place, (call, error)| {
            let log = bench.scratch.path().join(format!("strace-{place}"));
            for number in 1..MOST {
                let fault = Fault {
                    call,
                    error,
                    when: number.to_string(),
                };
                let (end, was_met) = run_with(&bench.program, &fault, &log, &as_arguments(&arguments))?;
                if !was_met {
                    return Ok(());
                }
                met.fetch_add(1, Ordering::Relaxed);
                if end.is_loaders() || is_before_main(&bench.program, &end, &fault, &log)? {
                    loaders.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                judge(&end, &whole, &fault).with_context(|| format!("{arguments:?} with {fault:?}"))?;
            }
            bail!("{arguments:?} makes {call} without an end")
        })?;
    }
    Ok(format!(
        "{} faults in {} commands, {} of them in the loader",
        met.into_inner(),
        commands().len(),
        loaders.into_inner()
    ))
}

fn judge(end: &End, whole: &[u8], fault: &Fault) -> Result<()> {
    if fault.error == "ENOMEM" && end.is_out_of_memory() {
        return Ok(());
    }
    // A reader that has seen enough is told nothing.
    if fault.error == "EPIPE" && end.status.success() {
        return end.is_civil();
    }
    end.is_whole_or_told(whole)?;
    if fault.error == "EINTR" && !end.is_loaders() && end.out != whole {
        bail!("an interrupted call was not made again: {}", end.err);
    }
    Ok(())
}

/// Nothing but a few descriptors may be open.
pub(super) fn few_files(bench: &Bench) -> Result<String> {
    let limits: Vec<u32> = (3..24).collect();
    for arguments in commands() {
        let whole = undisturbed(bench, &arguments)?.out;
        each(&limits, |_, limit| {
            let mut limited = command("prlimit");
            limited
                .arg(format!("--nofile={limit}:{limit}"))
                .arg(&bench.program)
                .args(&arguments);
            let end = run(&mut limited)?;
            end.is_whole_or_told(&whole)
                .with_context(|| format!("{arguments:?} with {limit} files"))
        })?;
    }
    Ok(format!("{} limits, {} commands", limits.len(), commands().len()))
}

/// So little address space that it does not suffice, and a little more each time.
pub(super) fn little_memory(bench: &Bench) -> Result<String> {
    let limited = |size: u64| {
        let mut limited = command("prlimit");
        limited.arg(format!("--as={size}")).arg(&bench.program);
        limited
    };
    // With less the kernel does not even begin to run it.
    let mut least = 4 << 20;
    while !run(limited(least).arg("--version"))?.status.success() {
        least += 1 << 20;
    }
    let sizes: Vec<u64> = (0..60).map(|step| least + (step << 21)).collect();
    let refused = AtomicUsize::new(0);
    for arguments in commands() {
        let whole = undisturbed(bench, &arguments)?.out;
        each(&sizes, |_, size| {
            let end = run(limited(*size).args(&arguments))?;
            if end.is_out_of_memory() {
                refused.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            end.is_whole_or_told(&whole)
                .with_context(|| format!("{arguments:?} in {} MiB", size >> 20))
        })?;
    }
    Ok(format!(
        "{} runs, {} of them refused memory",
        sizes.len() * commands().len(),
        refused.into_inner()
    ))
}
