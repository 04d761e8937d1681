//! How large a capture is.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{step, workspace};

/// How large the capture of a unit and a day at a sample a second is: fails above two megabytes
///
/// A day made of tests/traces, one program after the other, through the engine and the recorder.
#[derive(Debug, Args)]
pub(crate) struct Capture {}

impl Capture {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        step("recording a day");
        let status = Command::new("cargo")
            .args(["test", "--quiet", "--release", "--package", "oomtrace", "--test", "day"])
            .args(["--", "--ignored", "--nocapture"])
            .current_dir(workspace())
            .status()
            .context("cannot run cargo")?;
        Ok(if status.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
