//! A measurement in a guest: programs of `tests/bench` are built and laid into /share beside scripts, one command is run.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::guest::{self, Cores};
use crate::kernel::Series;
use crate::{step, target_dir, workspace};

/// Which guest, and what it is given.
#[derive(Debug)]
pub(crate) struct Inside<'a> {
    pub(crate) kernel: Series,
    pub(crate) cores: Cores,
    /// Whether the tools are there that oomtrace is compared with.
    pub(crate) peers: bool,
    pub(crate) memory_mb: u32,
    /// In seconds, boot included.
    pub(crate) timeout: u64,
    /// Programs of `tests/bench`.
    pub(crate) programs: &'a [&'a str],
    /// Files of the workspace.
    pub(crate) files: &'a [&'a str],
}

impl Inside<'_> {
    /// What the command wrote to its standard output.
    pub(crate) fn run(&self, command: &[&str]) -> Result<String> {
        let share = tempfile::tempdir()?;
        for program in self.programs {
            step(format_args!("building {program}"));
            let status = Command::new("cargo")
                .args(["build", "--quiet", "--release", "--package", "oomtrace-tests", "--bin"])
                .arg(program)
                .current_dir(workspace())
                .status()?;
            if !status.success() {
                bail!("cannot build {program}");
            }
            let built = target_dir().join("release").join(program);
            fs::copy(&built, share.path().join(program)).with_context(|| built.display().to_string())?;
        }
        for file in self.files {
            let file = workspace().join(file);
            let name = file.file_name().context("a file without a name")?;
            fs::copy(&file, share.path().join(name)).with_context(|| file.display().to_string())?;
        }
        let (kernel, timeout) = (self.kernel.to_string(), self.timeout.to_string());
        let memory = self.memory_mb.to_string();
        let mut vm = guest::ending_with_xtask(std::env::current_exe()?)?;
        vm.args(["vm", "--kernel", &kernel, "--timeout", &timeout, "--memory", &memory]);
        // What is measured is what is handed out.
        vm.args(["--profile", "dist"]);
        match self.cores {
            Cores::Shared => &mut vm,
            Cores::Parallel => vm.arg("--parallel"),
            Cores::Counting => vm.arg("--icount"),
        };
        if self.peers {
            vm.arg("--peers");
        }
        vm.arg("--share").arg(share.path()).arg("--").args(command);
        let mut tries = if self.cores == Cores::Parallel { 3 } else { 1 };
        loop {
            let output = vm.stderr(Stdio::inherit()).output()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            tries -= 1;
            if output.status.success() {
                return Ok(text);
            }
            if tries == 0 {
                bail!("the measurement failed:\n{text}");
            }
            step("the guest did not come to the end; booting another one");
        }
    }
}
