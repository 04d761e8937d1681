//! `cargo xtask bench engine`: what a sample costs, and what ten thousand cgroups take.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::Args;

use crate::{step, workspace};

/// Microseconds a sample, and the memory of a cgroup's history, with a limit in sight and without
#[derive(Debug, Args)]
pub(crate) struct Engine {
    /// Cgroups
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    cgroups: u32,
}

impl Engine {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        step("building the engine (release)");
        let status = Command::new("cargo")
            .args([
                "run",
                "--quiet",
                "--release",
                "--package",
                "oomtrace-engine",
                "--example",
                "engine_cost",
            ])
            .args(["--", &self.cgroups.to_string()])
            .current_dir(workspace())
            .status()?;
        if !status.success() {
            bail!("the engine's cost could not be measured");
        }
        Ok(ExitCode::SUCCESS)
    }
}
