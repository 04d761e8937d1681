//! The binary `oomtrace` with the eBPF object inside: building it, and running it on this machine.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use xshell::{Shell, cmd};

use crate::arch::Arch;
use crate::{ebpf, packages, step, target_dir, toolchain, workspace};

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
    oomtrace_for(Arch::own()?, profile)
}

/// The same for another kind of machine: static there, since this one's C library may be newer than what runs it.
pub(crate) fn oomtrace_for(arch: Arch, profile: Profile) -> Result<PathBuf> {
    let oomtrace = ["--package", "oomtrace"];
    Ok(build(arch, profile, &oomtrace)?.join("oomtrace"))
}

/// Builds an example of `oomtrace`, optimised, with the object inside, and returns its path.
pub(crate) fn example(name: &str) -> Result<PathBuf> {
    example_for(Arch::own()?, name)
}

/// The same for another kind of machine.
pub(crate) fn example_for(arch: Arch, name: &str) -> Result<PathBuf> {
    let example = ["--package", "oomtrace", "--example", name];
    Ok(build(arch, Profile::Release, &example)?.join("examples").join(name))
}

/// Builds `what` with the object inside, and returns the folder that cargo leaves it in.
fn build(arch: Arch, profile: Profile, what: &[&str]) -> Result<PathBuf> {
    ebpf::build(arch)?;
    let sh = Shell::new()?;
    sh.change_dir(workspace());
    let (flag, folder) = match profile {
        Profile::Debug => (None, "debug"),
        Profile::Release => (Some("--profile=release"), "release"),
        Profile::Dist => (Some("--profile=dist"), "dist"),
    };
    let mut target = target_dir();
    let mut more = Vec::new();
    // What is handed out has a standard library of its own.
    if profile == Profile::Dist || !arch.is_own() {
        arch.require_linker(&sh)?;
        more = match profile {
            Profile::Dist => toolchain::small_standard_library(&sh)?,
            Profile::Debug | Profile::Release => toolchain::standard_library(&sh, &arch.target(), "panic_unwind")?,
        };
        more.extend(["--target".to_owned(), arch.target()]);
        sh.set_var("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static");
        target.push(arch.target());
    }
    let name = what.last().copied().unwrap_or_default();
    step(format!("building {name} ({folder}, {})", arch.name()));
    cmd!(sh, "cargo build --quiet {what...} {flag...} {more...}")
        .quiet()
        .run()
        .with_context(|| format!("cannot build {name}"))?;
    Ok(target.join(folder))
}
