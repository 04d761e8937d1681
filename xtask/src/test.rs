//! `cargo xtask test`: everything that says whether the tree is good, from formatting to kills on real kernels.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use oomtrace_tests::Scenario;

use crate::kernel::Series;
use crate::{ebpf, step, workspace};

/// How long a guest may take for all scenarios, in seconds: three times what it takes on two slow cores.
const GUEST_TIMEOUT: &str = "600";

/// Check everything: format, lints, documentation, tests, and every scenario on real kernels
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Series of the kernels for the scenarios [default: all that are supported]
    #[arg(long = "kernel", value_name = "SERIES")]
    kernels: Vec<Series>,

    /// Only this scenario, and no other tests
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,

    /// How often the scenarios are run
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u32,

    /// No scenarios
    #[arg(long)]
    no_vm: bool,
}

impl Test {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.scenario.is_none() {
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
        let kernels = if self.kernels.is_empty() {
            Series::ALL.to_vec()
        } else {
            self.kernels.clone()
        };
        let root = workspace().join("tests/scenarios");
        let mut scenarios = Scenario::all(&root)?;
        scenarios.retain(|scenario| self.scenario.as_ref().is_none_or(|name| *name == scenario.name));
        if scenarios.is_empty() {
            bail!("no such scenario below {}", root.display());
        }
        // Asked once: a build beside this one may replace the file.
        let xtask = std::env::current_exe()?;
        let (mut passed, mut failed) = (0, 0);
        for kernel in (0..self.repeat).flat_map(|_| &kernels) {
            let kernel = kernel.to_string();
            guest(&xtask, &kernel, &root, self.scenario.as_deref())?;
            let out = workspace().join("target/vm").join(&kernel).join("out");
            for scenario in &scenarios {
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
fn guest(xtask: &Path, kernel: &str, root: &Path, scenario: Option<&str>) -> Result<()> {
    let mut vm = Command::new(xtask);
    vm.args(["vm", "--kernel", kernel, "--timeout", GUEST_TIMEOUT, "--share"]);
    vm.arg(root).args(["--", "bash", "/share/guest.sh"]).args(scenario);
    if !vm.status()?.success() {
        bail!("the guest with Linux {kernel} failed");
    }
    Ok(())
}
