//! `cargo xtask test`: everything that says whether the tree is good, from formatting to kills on real kernels.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use oomtrace_tests::{Scenario, Tier};

use crate::kernel::Series;
use crate::pipelines::Pipelines;
use crate::tally::Tally;
use crate::{browser, ebpf, step, workspace};

/// How long a guest may take for all scenarios, in seconds: some times what it takes on two slow cores.
const GUEST_TIMEOUT: &str = "1800";

/// The tiers that a few scenarios are run on every time, in the guest of the full ones.
const LESS: [Tier; 4] = [Tier::Kprobe, Tier::Tracepoint, Tier::NoBtf, Tier::Poll];

/// Check everything: format, lints, documentation, tests, every scenario on real kernels, and log pipelines
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Series of the kernels for the scenarios, all of them on each [default: all scenarios on one, which changes with
    /// the commit, and the core ones on the others]
    #[arg(long = "kernel", value_name = "SERIES")]
    kernels: Vec<Series>,

    /// All scenarios on all kernels, older and newer ones beside them
    #[arg(long)]
    all: bool,

    /// Only these scenarios, and no other tests
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,

    /// What oomtrace is allowed in the scenarios: everything, or less, which need not tell as much but nothing wrong
    /// [full, kprobe, tracepoint, no-btf, poll, hybrid, v1]; no other tests are run
    #[arg(long = "tier", value_name = "TIER", value_parser = tier)]
    tiers: Vec<Tier>,

    /// How often the scenarios are run
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u32,

    /// No scenarios
    #[arg(long)]
    no_vm: bool,
}

impl Test {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.is_whole() {
            ebpf::build()?;
            cargo("checking the format", &["fmt", "--check"])?;
            cargo(
                "checking the lints",
                &["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"],
            )?;
            cargo("running the tests", &["test", "--quiet"])?;
            browser::see()?;
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
        if self.scenarios.is_empty() {
            scenarios.retain(|scenario| self.all || !scenario.expectation.long);
        } else {
            scenarios.retain(|scenario| self.scenarios.contains(&scenario.name));
        }
        // Asked once: a build beside this one may replace the file.
        let xtask = std::env::current_exe()?;
        let mut tally = Tally::default();
        for boot in (0..self.repeat).flat_map(|_| self.boots(&scenarios)) {
            boot.run(&xtask, &root)?;
            let kernel = boot.kernel.to_string();
            let out = workspace().join("target/vm").join(&kernel).join("out");
            for (tier, scenario) in boot.runs {
                let name = format!("scenario {} ({kernel}, {})", scenario.name, tier.name());
                let left = out.join(tier.name()).join(&scenario.name);
                tally.tell(&name, scenario.judge(tier, &kernel, &left));
            }
        }
        if self.is_whole() && self.kernels.is_empty() {
            Pipelines::with_tests().tell(&mut tally)?;
        }
        Ok(tally.end())
    }

    /// Whether more than scenarios are asked for.
    fn is_whole(&self) -> bool {
        self.scenarios.is_empty() && self.tiers.is_empty()
    }
}

/// One guest, and what is run in it.
struct Boot<'a> {
    kernel: Series,
    runs: Vec<(Tier, &'a Scenario)>,
}

impl Test {
    /// Every guest with its scenarios.
    fn boots<'a>(&self, scenarios: &'a [Scenario]) -> Vec<Boot<'a>> {
        let mut boots: Vec<Boot<'a>> = Vec::new();
        for (kernel, whole) in self.kernels() {
            let all = scenarios.iter();
            let runs: Vec<(Tier, &Scenario)> = if self.tiers.is_empty() {
                let full = all
                    .clone()
                    .filter(|scenario| whole || scenario.expectation.core)
                    .map(|scenario| (Tier::Full, scenario));
                let less = LESS
                    .into_iter()
                    .flat_map(|tier| all.clone().map(move |scenario| (tier, scenario)))
                    .filter(|(_, scenario)| whole && self.scenarios.is_empty() && scenario.expectation.every_tier);
                full.chain(less).collect()
            } else {
                let tiers = self.tiers.iter().copied();
                tiers
                    .flat_map(|tier| all.clone().map(move |scenario| (tier, scenario)))
                    .collect()
            };
            for (tier, scenario) in runs {
                let kernel = match tier {
                    Tier::Full | Tier::Kprobe | Tier::Tracepoint | Tier::NoBtf | Tier::Poll => kernel,
                    // From 6.12 on Debian's kernels have no memory controller for v1.
                    Tier::Hybrid | Tier::V1 => Series::new(6, 1),
                };
                if scenario.is_skipped(tier, &kernel.to_string()) {
                    continue;
                }
                let same = |boot: &&mut Boot<'_>| {
                    boot.kernel == kernel
                        && boot
                            .runs
                            .first()
                            .is_some_and(|(first, _)| append(*first) == append(tier))
                };
                match boots.iter_mut().find(same) {
                    Some(boot) => boot.runs.push((tier, scenario)),
                    None => boots.push(Boot {
                        kernel,
                        runs: vec![(tier, scenario)],
                    }),
                }
            }
        }
        boots
    }

    /// The kernels, and whether all scenarios are run there or the core ones only.
    fn kernels(&self) -> Vec<(Series, bool)> {
        if !self.kernels.is_empty() {
            return self.kernels.iter().map(|kernel| (*kernel, true)).collect();
        }
        let whole = turn() % Series::ALL.len();
        let all = self.all || !self.scenarios.is_empty();
        let beside: &[Series] = if self.all { &Series::BESIDE } else { &[] };
        Series::ALL
            .iter()
            .chain(beside)
            .enumerate()
            .filter(|(place, _)| self.tiers.is_empty() || self.all || *place == whole)
            .map(|(place, kernel)| (*kernel, all || place == whole))
            .collect()
    }
}

/// What the kernel is booted with for a tier.
fn append(tier: Tier) -> &'static str {
    match tier {
        Tier::Full | Tier::Kprobe | Tier::Tracepoint | Tier::NoBtf | Tier::Poll => "",
        // Newer systemds want to be asked twice.
        Tier::Hybrid => "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
        Tier::V1 => {
            "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
        }
    }
}

fn tier(name: &str) -> Result<Tier, String> {
    Tier::ALL
        .into_iter()
        .find(|tier| tier.name() == name)
        .ok_or_else(|| format!("none of {}", Tier::ALL.map(Tier::name).join(", ")))
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

impl Boot<'_> {
    /// One boot for all scenarios. What is wrong with one of them is told by what it left, not by the exit status.
    fn run(&self, xtask: &Path, root: &Path) -> Result<()> {
        let kernel = self.kernel.to_string();
        let mut vm = Command::new(xtask);
        vm.args(["vm", "--kernel", &kernel, "--timeout", GUEST_TIMEOUT]);
        vm.args(self.runs.first().map(|(tier, _)| format!("--append={}", append(*tier))));
        vm.arg("--share").arg(root).args(["--", "bash", "/share/guest.sh"]);
        vm.args(
            self.runs
                .iter()
                .map(|(tier, scenario)| format!("{}/{}", tier.name(), scenario.name)),
        );
        if !vm.status()?.success() {
            bail!("the guest with Linux {kernel} failed");
        }
        Ok(())
    }
}
