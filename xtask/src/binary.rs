//! The binary `oomtrace` with the eBPF object inside: building it, and running it on this machine.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use xshell::{Shell, cmd};

use crate::{ebpf, packages, step, target_dir, workspace};

/// Build the eBPF object and `oomtrace` with it inside
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Optimised, as it is shipped: target/release/oomtrace instead of target/debug/oomtrace
    #[arg(long)]
    release: bool,
}

impl Build {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let profile = if self.release { Profile::Release } else { Profile::Debug };
        println!("{}", oomtrace(profile)?.display());
        Ok(ExitCode::SUCCESS)
    }
}

/// Build `oomtrace` as it is shipped and run it on this machine: `cargo xtask run -- --unit myapp`
///
/// Loading probes takes root: without it, sudo is put before. The exit status is oomtrace's own.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Arguments for oomtrace
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Run {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let program = oomtrace(Profile::Release)?;
        let mut command = if packages::is_root()? {
            Command::new(&program)
        } else {
            step("running it with sudo (loading probes takes root)");
            let mut sudo = Command::new("sudo");
            sudo.args(["--preserve-env=NO_COLOR,RUST_LOG,RUST_BACKTRACE", "--"])
                .arg(&program);
            sudo
        };
        // In place of this process: signals, the terminal and the exit status are oomtrace's.
        let error = command.args(&self.arguments).exec();
        Err(error).with_context(|| format!("cannot run {}", command.get_program().display()))
    }
}

/// How it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Fast to build
    Debug,
    /// Optimised
    Release,
    /// Optimised across crates and made small, as it is handed out: takes minutes
    Dist,
}

/// Builds the object and the binary, and returns the binary's path.
pub(crate) fn oomtrace(profile: Profile) -> Result<PathBuf> {
    ebpf::build()?;
    let sh = Shell::new()?;
    sh.change_dir(workspace());
    let (flag, folder) = match profile {
        Profile::Debug => (None, "debug"),
        Profile::Release => (Some("--profile=release"), "release"),
        Profile::Dist => (Some("--profile=dist"), "dist"),
    };
    step(format!("building oomtrace ({folder})"));
    cmd!(sh, "cargo build --quiet --package oomtrace {flag...}")
        .quiet()
        .run()
        .context("cannot build oomtrace")?;
    Ok(target_dir().join(folder).join("oomtrace"))
}

/// Builds an example of `oomtrace`, optimised, with the object inside, and returns its path.
pub(crate) fn example(name: &str) -> Result<PathBuf> {
    ebpf::build()?;
    let sh = Shell::new()?;
    sh.change_dir(workspace());
    step(format!("building the example {name} (release)"));
    cmd!(sh, "cargo build --quiet --release --package oomtrace --example {name}")
        .quiet()
        .run()
        .with_context(|| format!("cannot build the example {name}"))?;
    Ok(target_dir().join("release/examples").join(name))
}
