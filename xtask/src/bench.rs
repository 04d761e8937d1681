//! `cargo xtask bench`: every figure that oomtrace claims, measured by one command.

mod capture;
mod engine;
mod forecast;
mod replay;
mod walk;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};

use crate::kernel::Series;
use crate::{guest, step, target_dir, workspace};

/// Ten times what the measurement takes on two slow cores, in seconds.
const GUEST_TIMEOUT: &str = "1800";

/// Measure what oomtrace costs
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Capture(capture::Capture),
    Charge(Charge),
    Engine(engine::Engine),
    Forecast(forecast::Forecast),
    Replay(replay::Replay),
    Walk(walk::Walk),
}

impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.what {
            What::Capture(capture) => capture.run(),
            What::Charge(charge) => charge.run(),
            What::Engine(engine) => engine.run(),
            What::Forecast(forecast) => forecast.run(),
            What::Replay(replay) => replay.run(),
            What::Walk(walk) => walk.run(),
        }
    }
}

/// Instructions of a page fault in a limited unit, all probes on against none
///
/// In a guest whose clock counts instructions, so that the ratio is repeatable on a noisy machine. Fails above the
/// ratio that may not be passed.
#[derive(Debug, Args)]
struct Charge {
    /// Series of the kernel
    #[arg(long = "kernel", value_name = "SERIES", default_value = "6.12")]
    kernel: Series,

    /// Measurements of each case and state
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,

    /// The highest ratio that is no failure, for faults with room below the limit
    #[arg(long, value_name = "RATIO", default_value_t = 1.01)]
    at_most: f64,
}

impl Charge {
    fn run(&self) -> Result<ExitCode> {
        step("building the load");
        let status = Command::new("cargo")
            .args([
                "build",
                "--quiet",
                "--release",
                "--package",
                "oomtrace-tests",
                "--bin",
                "faults",
            ])
            .current_dir(workspace())
            .status()?;
        if !status.success() {
            bail!("cannot build the load");
        }
        let share = tempfile::tempdir()?;
        std::fs::copy(target_dir().join("release/faults"), share.path().join("faults"))?;
        std::fs::copy(
            workspace().join("tests/bench/charge.sh"),
            share.path().join("charge.sh"),
        )?;
        let kernel = self.kernel.to_string();
        let rounds = self.rounds.to_string();
        let output = guest::ending_with_xtask(std::env::current_exe()?)?
            .args([
                "vm",
                "--icount",
                "--kernel",
                &kernel,
                "--timeout",
                GUEST_TIMEOUT,
                "--share",
            ])
            .arg(share.path())
            .args(["--", "bash", "/share/charge.sh", &rounds])
            .stderr(Stdio::inherit())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("the measurement failed:\n{text}");
        }
        let mut cases: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
        for line in text.lines() {
            match *line.split(' ').collect::<Vec<_>>() {
                ["probe", name, via] => println!("{name:<24} {via}"),
                [case, state, nanoseconds] => cases
                    .entry((case, state))
                    .or_default()
                    .push(nanoseconds.parse().with_context(|| line.to_owned())?),
                _ => bail!("not a measurement: {line}"),
            }
        }
        let room = ratio("with room below the limit", "room", &cases)?;
        ratio("at the limit, reclaiming cache", "limit", &cases)?;
        if room > self.at_most {
            bail!(
                "a fault costs {room:.4} of what it does without oomtrace, {} at most",
                self.at_most
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints a case and returns on/off.
fn ratio(title: &str, case: &str, cases: &BTreeMap<(&str, &str), Vec<f64>>) -> Result<f64> {
    let median = |state| {
        let mut values = cases.get(&(case, state)).cloned().unwrap_or_default();
        values.sort_by(f64::total_cmp);
        let spread = values.last().zip(values.first()).map(|(high, low)| high - low);
        let middle = values.get(values.len() / 2).copied();
        middle
            .zip(spread)
            .with_context(|| format!("nothing was measured: {case} {state}"))
    };
    let ((off, off_spread), (on, on_spread)) = (median("off")?, median("on")?);
    println!(
        "{title}: {off:.0} instructions a fault without (spread {off_spread:.0}), {on:.0} with oomtrace (spread \
         {on_spread:.0}), ratio {:.4}",
        on / off
    );
    Ok(on / off)
}
