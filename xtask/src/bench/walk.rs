//! `cargo xtask bench walk`: what a walk over all cgroups costs a cgroup, against reading a file of each.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::kernel::Series;
use crate::{binary, guest, workspace};

/// Ten times what the measurement takes on two slow cores, in seconds.
const GUEST_TIMEOUT: &str = "3600";

/// Instructions a cgroup of a walk over all of them, and of reading a file of each
///
/// Kernel and user side together, in a guest whose clock counts instructions.
#[derive(Debug, Args)]
pub(crate) struct Walk {
    /// Series of the kernel
    #[arg(long = "kernel", value_name = "SERIES", default_value = "6.12")]
    kernel: Series,

    /// How many cgroups; several are measured one after the other, fewest first
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1000,3000")]
    cgroups: Vec<u32>,
}

impl Walk {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let program = binary::example("walk")?;
        let share = tempfile::tempdir()?;
        std::fs::copy(workspace().join("tests/bench/walk.sh"), share.path().join("walk.sh"))?;
        let status = guest::ending_with_xtask(std::env::current_exe()?)?
            .args(["vm", "--icount", "--kernel", &self.kernel.to_string()])
            .args(["--timeout", GUEST_TIMEOUT, "--share"])
            .arg(share.path())
            .arg("--program")
            .arg(program)
            .args(["--", "bash", "/share/walk.sh"])
            .args(self.cgroups.iter().map(u32::to_string))
            .status()?;
        if !status.success() {
            bail!("the measurement failed");
        }
        Ok(ExitCode::SUCCESS)
    }
}
