//! `cargo xtask bench stacks`: what following a unit of many GiB takes in memory, and whether the shares are right.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::kernel::Series;
use crate::{guest, workspace};

/// Ten times what the measurement takes on two slow cores, in seconds.
const GUEST_TIMEOUT: &str = "1800";

/// What the kernel and the guest's other programs take beside the unit, in MiB.
const BESIDE: u32 = 2048;

/// What `oomtrace stacks` takes of a unit of some GiB, with the kernel's maps, and how it shares the unit's memory out
///
/// The unit has 70 % from one place and 30 % from another. Fails above 32 MiB, and where a share is off by 10 points. The machine needs
/// as much memory as the unit, and 2 GiB.
#[derive(Debug, Args)]
pub(crate) struct Stacks {
    /// Series of the kernel
    #[arg(long = "kernel", value_name = "SERIES", default_value = "6.12")]
    kernel: Series,

    /// Size of the unit, in GiB
    #[arg(long, value_name = "N", default_value_t = 8)]
    size: u32,
}

impl Stacks {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let share = tempfile::tempdir()?;
        for file in [
            "bench/stacks.sh",
            "bench/stacks.py",
            "scenarios/stacks_warned/followers.py",
        ] {
            let from = workspace().join("tests").join(file);
            let name = from.file_name().unwrap_or_default();
            std::fs::copy(&from, share.path().join(name))?;
        }
        let memory = self.size * 1024 + BESIDE;
        let status = guest::ending_with_xtask(std::env::current_exe()?)?
            .args(["vm", "--kernel", &self.kernel.to_string()])
            .args(["--memory", &memory.to_string()])
            .args(["--timeout", GUEST_TIMEOUT, "--share"])
            .arg(share.path())
            .args(["--", "bash", "/share/stacks.sh", &self.size.to_string()])
            .status()?;
        if !status.success() {
            bail!("the measurement failed");
        }
        Ok(ExitCode::SUCCESS)
    }
}
