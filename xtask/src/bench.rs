//! `cargo xtask bench`: every figure that oomtrace claims, measured by one command.

mod capture;
mod charge;
mod engine;
mod forecast;
mod latency;
mod log;
mod replay;
mod scale;
mod stacks;
mod start;
mod walk;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Measure what oomtrace costs
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Capture(capture::Capture),
    Charge(charge::Charge),
    Engine(engine::Engine),
    Forecast(forecast::Forecast),
    Latency(latency::Latency),
    Log(log::Log),
    Replay(replay::Replay),
    Scale(scale::Scale),
    Stacks(stacks::Stacks),
    Start(start::Start),
    Walk(walk::Walk),
}

impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.what {
            What::Capture(capture) => capture.run(),
            What::Charge(charge) => charge.run(),
            What::Engine(engine) => engine.run(),
            What::Forecast(forecast) => forecast.run(),
            What::Latency(latency) => latency.run(),
            What::Log(log) => log.run(),
            What::Replay(replay) => replay.run(),
            What::Scale(scale) => scale.run(),
            What::Stacks(stacks) => stacks.run(),
            What::Start(start) => start.run(),
            What::Walk(walk) => walk.run(),
        }
    }
}

/// The middle one of several times, in seconds.
fn median(took: &[Duration]) -> f64 {
    let mut took = took.to_vec();
    took.sort_unstable();
    took.get(took.len() / 2).map_or(f64::NAN, Duration::as_secs_f64)
}
