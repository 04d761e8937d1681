//! Standard output and standard error: full, closed, gone after a line, never read, or read byte by byte.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::machine::{End, command, run};
use super::{Bench, fixture, log, recorder};

/// How long a watch whose output stalls may take to end: a sink's last words have ten seconds (`sink/outbox.rs`).
const ENDS: Duration = Duration::from_secs(60);

fn commands() -> Vec<Vec<PathBuf>> {
    let words = |words: &[&str], files: &[PathBuf]| words.iter().map(PathBuf::from).chain(files.to_vec()).collect();
    vec![
        words(&["replay", "-o", "json"], &[fixture()]),
        words(&["replay", "-o", "text"], &[fixture()]),
        words(&["why", "--all", "--dir"], &[fixture()]),
        words(&["why", "--all", "-o", "json", "--dir"], &[fixture()]),
        words(&["why", "--log"], &[log()]),
        words(&["report", "--html", "-"], &[fixture()]),
        // Writes a page into the folder that it is run in.
        words(&["report"], &[fixture()]),
        words(&["schema"], &[]),
        words(&["doctor"], &[]),
        words(&["man"], &[]),
        words(&["completions", "bash"], &[]),
        words(&["units", "--wait", "100ms"], &[]),
        words(
            &["--probes", "poll", "-o", "json", "--duration", "500ms", "--no-runs"],
            &[],
        ),
    ]
}

fn program(bench: &Bench) -> Command {
    let mut program = command(&bench.program);
    program.current_dir(bench.scratch.path());
    program
}

fn full() -> Result<File> {
    Ok(OpenOptions::new().write(true).open("/dev/full")?)
}

/// Where nothing can be written it is said in one line, and by the status; where nobody wants to read it is no failure.
pub(super) fn failing(bench: &Bench) -> Result<String> {
    for arguments in commands() {
        let judged = |name: &str, end: &End| {
            end.is_civil()
                .with_context(|| format!("{arguments:?}, standard output {name}"))
        };
        let output = program(bench).args(&arguments).stdout(full()?).output()?;
        let end = as_end(output);
        judged("full", &end)?;
        ensure!(!end.status.success(), "{arguments:?}: a full output is no success");
        let output = program(bench)
            .args(&arguments)
            .stdout(full()?)
            .stderr(full()?)
            .output()?;
        ensure!(
            output.status.code().is_some_and(|code| code != 101),
            "{arguments:?}: {}",
            output.status
        );
        for closed in [
            "exec \"$@\" >&-",
            "exec \"$@\" 2>&-",
            "exec \"$@\" <&-",
            "exec \"$@\" <&- >&- 2>&-",
        ] {
            let mut shell = command("sh");
            shell.current_dir(bench.scratch.path());
            shell.args(["-c", closed, "sh"]).arg(&bench.program).args(&arguments);
            let end = run(&mut shell)?;
            let is_silent = closed.contains("2>") && end.status.code().is_some_and(|code| code != 101);
            ensure!(
                is_silent || judged(closed, &end).is_ok(),
                "{arguments:?} {closed}: {}",
                end.err
            );
        }
        let mut child = program(bench)
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no standard output")?).read_line(&mut line)?;
        let end = as_end(child.wait_with_output()?);
        judged("gone after a line", &end)?;
    }
    Ok(format!("{} commands, 7 outputs each", commands().len()))
}

fn as_end(output: std::process::Output) -> End {
    End {
        status: output.status,
        out: output.stdout,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        peak_kib: 0,
    }
}

/// A reader that never reads holds nobody up, a slow one gets everything.
pub(super) fn stalled(bench: &Bench) -> Result<String> {
    let dir = bench.scratch.path().join("stalled");
    let mut child = program(bench)
        .args(recorder::arguments(&dir))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let seconds = 3;
    thread::sleep(Duration::from_secs(seconds));
    Command::new("kill").arg(child.id().to_string()).status()?;
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > ENDS {
            child.kill()?;
            bail!("it does not end while nobody reads");
        }
        thread::sleep(Duration::from_millis(20));
    }
    let took = began.elapsed().as_secs_f64();
    let end = as_end(child.wait_with_output()?);
    end.is_civil()?;
    let read = recorder::replay(bench, &dir)?;
    read.is_civil()?;
    let kept = recorder::lines(&read);
    ensure!(
        kept.last().is_some_and(|line| line.contains("\"event\":\"stop\"")),
        "the capture waits for the reader: {}",
        read.err
    );
    slow(bench)?;
    Ok(format!(
        "standard output unread for {seconds} s: {} lines recorded up to the stop, ended in {took:.1} s",
        kept.len()
    ))
}

/// Everything comes through a pipe that is read a byte at a time.
fn slow(bench: &Bench) -> Result<()> {
    for arguments in commands().iter().take(5) {
        let whole = run(program(bench).args(arguments))?;
        let mut child = program(bench).args(arguments).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("no standard output")?;
        #[expect(clippy::unbuffered_bytes, reason = "slow is what it is to be")]
        let slowly: Result<Vec<u8>, _> = stdout.bytes().collect();
        ensure!(
            child.wait()?.success() && slowly? == whole.out,
            "{arguments:?}: read slowly it is less"
        );
    }
    Ok(())
}
