//! `cargo xtask bench stacks`: what following a unit of many GiB takes in memory, and whether the shares are right.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::guest::Cores;
use crate::inside::Inside;
use crate::kernel::Series;

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
        let text = Inside {
            kernel: self.kernel,
            cores: Cores::Shared,
            peers: false,
            memory_mb: self.size * 1024 + BESIDE,
            timeout: 1800,
            programs: &[],
            files: &[
                "tests/bench/stacks.sh",
                "tests/bench/stacks.py",
                "tests/scenarios/stacks_warned/followers.py",
            ],
        }
        .run(&["bash", "/share/stacks.sh", &self.size.to_string()])?;
        print!("{text}");
        Ok(ExitCode::SUCCESS)
    }
}
