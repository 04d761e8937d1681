//! `cargo xtask bench replay`: how fast a recorded stream goes through reading, engine and printing.

use std::fs::{self, File};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::binary::{self, Profile};
use crate::{step, target_dir, workspace};

/// Lines and bytes of NDJSON a second, replayed as JSON: the best of some rounds
///
/// The stream is that of all tests/traces as oomtrace itself writes it.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Rounds; a noisy machine is slower than it is, never faster
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,
}

impl Replay {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let oomtrace = binary::oomtrace(Profile::Release)?;
        step("writing the stream");
        let stream = target_dir().join("replay.jsonl");
        let mut traces: Vec<_> = fs::read_dir(workspace().join("tests/traces"))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .collect();
        traces.sort();
        // A trace's header is no event: the lines after it are read, and the status says so.
        Command::new(&oomtrace)
            .args(["replay", "-q", "-o", "json"])
            .args(&traces)
            .stdout(File::create(&stream)?)
            .stderr(Stdio::null())
            .status()?;
        let text = fs::read(&stream).with_context(|| stream.display().to_string())?;
        let (lines, bytes) = (text.iter().filter(|byte| **byte == b'\n').count(), text.len());
        ensure!(lines > 10_000, "only {lines} lines came of the traces");
        let mut best = Duration::MAX;
        for _ in 0..self.rounds.max(1) {
            let begun = Instant::now();
            let status = Command::new(&oomtrace)
                .args(["replay", "-o", "json"])
                .arg(&stream)
                .stdout(Stdio::null())
                .status()?;
            best = best.min(begun.elapsed());
            ensure!(status.success(), "the replay failed: {status}");
        }
        let a_second = |amount: usize| amount as f64 / best.as_secs_f64();
        println!(
            "{lines} lines of {} bytes in {:.2} s: {:.0} lines a second, {:.0} MB/s",
            bytes / lines,
            best.as_secs_f64(),
            a_second(lines),
            a_second(bytes) / 1e6
        );
        Ok(ExitCode::SUCCESS)
    }
}
