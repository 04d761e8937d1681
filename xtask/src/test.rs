//! `cargo xtask test`: everything that says whether the tree is good, from formatting to kills on real kernels.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use oomtrace_tests::Scenario;

use crate::kernel::Series;
use crate::{ebpf, step, workspace};

/// How long a guest may take for all scenarios, in seconds: three times what it takes on two slow cores.
const GUEST_TIMEOUT: &str = "1200";

/// Check everything: format, lints, documentation, tests, and every scenario on real kernels
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Series of the kernels for the scenarios, all of them on each [default: all scenarios on one, which changes with
    /// the commit, and the core ones on the others]
    #[arg(long = "kernel", value_name = "SERIES")]
    kernels: Vec<Series>,

    /// All scenarios on all kernels
    #[arg(long)]
    all: bool,

    /// Only these scenarios, and no other tests
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,

    /// How often the scenarios are run
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u32,

    /// No scenarios
    #[arg(long)]
    no_vm: bool,
}

impl Test {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.scenarios.is_empty() {
            ebpf::build()?;
            cargo("checking the format", &["fmt", "--check"])?;
            cargo(
                "checking the lints",
                &["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"],
            )?;
            cargo("running the tests", &["test", "--quiet"])?;
        }
        if self.no_vm {
            return Ok(ExitCode::SUCCESS);
        }
        let root = workspace().join("tests/scenarios");
        let mut scenarios = Scenario::all(&root)?;
        for name in &self.scenarios {
            if scenarios.iter().all(|scenario| scenario.name != *name) {
                bail!("no scenario {name} below {}", root.display());
            }
        }
        if !self.scenarios.is_empty() {
            scenarios.retain(|scenario| self.scenarios.contains(&scenario.name));
        }
        // Asked once: a build beside this one may replace the file.
        let xtask = std::env::current_exe()?;
        let (mut passed, mut failed) = (0, 0);
        for (kernel, whole) in (0..self.repeat).flat_map(|_| self.kernels()) {
            let kernel = kernel.to_string();
            let chosen: Vec<&Scenario> = scenarios
                .iter()
                .filter(|scenario| whole || scenario.expectation.core)
                .collect();
            guest(&xtask, &kernel, &root, &chosen)?;
            let out = workspace().join("target/vm").join(&kernel).join("out");
            for scenario in chosen {
                match scenario.judge(&out.join(&scenario.name)) {
                    Ok(()) => {
                        println!("test scenario {} ({kernel}) ... ok", scenario.name);
                        passed += 1;
                    }
                    Err(error) => {
                        println!("test scenario {} ({kernel}) ... FAILED\n{error:#}", scenario.name);
                        failed += 1;
                    }
                }
            }
        }
        println!("{passed} passed, {failed} failed");
        Ok(if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

impl Test {
    /// The kernels, and whether all scenarios are run there or the core ones only.
    fn kernels(&self) -> Vec<(Series, bool)> {
        if !self.kernels.is_empty() {
            return self.kernels.iter().map(|kernel| (*kernel, true)).collect();
        }
        let whole = turn() % Series::ALL.len();
        let all = self.all || !self.scenarios.is_empty();
        Series::ALL
            .iter()
            .enumerate()
            .map(|(place, kernel)| (*kernel, all || place == whole))
            .collect()
    }
}

/// A number that changes with the commit; 0 where there is none.
fn turn() -> usize {
    let output = Command::new("git")
        .args(["rev-parse", "--short=6", "HEAD"])
        .current_dir(workspace())
        .output();
    output
        .ok()
        .and_then(|output| usize::from_str_radix(String::from_utf8_lossy(&output.stdout).trim(), 16).ok())
        .unwrap_or(0)
}

fn cargo(what: &str, args: &[&str]) -> Result<()> {
    step(format_args!("{what}: cargo {}", args.join(" ")));
    let status = Command::new("cargo")
        .args(args)
        .current_dir(workspace())
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("cargo {} failed", args.join(" "));
    }
    Ok(())
}

/// One boot for all scenarios. What is wrong with one of them is told by what it left, not by the exit status.
fn guest(xtask: &Path, kernel: &str, root: &Path, scenarios: &[&Scenario]) -> Result<()> {
    let mut vm = Command::new(xtask);
    vm.args(["vm", "--kernel", kernel, "--timeout", GUEST_TIMEOUT, "--share"]);
    vm.arg(root)
        .args(["--", "bash", "/share/guest.sh"])
        .args(scenarios.iter().map(|scenario| &scenario.name));
    if !vm.status()?.success() {
        bail!("the guest with Linux {kernel} failed");
    }
    Ok(())
}
