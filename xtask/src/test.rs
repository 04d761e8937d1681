//! `cargo xtask test`: everything that says whether the tree is good, from formatting to kills on real kernels.

use std::cmp::Reverse;
use std::collections::{BTreeMap, btree_map::Entry};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use oomtrace_tests::{Scenario, Tier};

use crate::arch::Arch;
use crate::completions::Completions;
use crate::kernel::{Flavour, Pages, Series};
use crate::pipelines::Pipelines;
use crate::tally::Tally;
use crate::{binary, browser, cache, dist, ebpf, guest, pasted, step, supply, workspace};

/// How long a guest may take for its scenarios, in seconds: some times what it takes on two slow cores.
const GUEST_TIMEOUT: &str = "1800";

/// How many scenarios one guest runs at most. A boot costs about as much as two of them; guests that end at about the
/// same time leave no CPU idle.
const RUNS_OF_A_GUEST: usize = 24;

/// The tiers that a few scenarios are run on every time, in the guest of the full ones.
const LESS: [Tier; 5] = [Tier::Service, Tier::Kprobe, Tier::Tracepoint, Tier::NoBtf, Tier::Poll];

/// In how many parts the scenarios that are not core ones are split. A commit runs one of them, so that it is judged in 20
/// minutes where everything is built.
const PARTS: usize = 3;

/// What `--all` runs the core scenarios on beside this machine's kind: aarch64 without fentry, with it, with large pages.
const OTHERS: [(Series, Pages); 3] = [
    (Series::new(6, 1), Pages::Small),
    (Series::new(6, 12), Pages::Small),
    (Series::new(6, 12), Pages::Large),
];

/// Which scenarios a kernel runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    All,
    /// The core ones and, of the others, one part of [`PARTS`].
    Part(usize),
    Core,
}

impl Share {
    /// Those of it, in their order.
    fn of(self, scenarios: &[Scenario]) -> impl Iterator<Item = &Scenario> + Clone {
        let mut others = 0;
        scenarios.iter().filter(move |scenario| {
            let place = others % PARTS;
            others += usize::from(!scenario.expectation.core);
            match self {
                Self::All => true,
                Self::Part(part) => scenario.expectation.core || place == part,
                Self::Core => scenario.expectation.core,
            }
        })
    }
}

/// The examples that guests run, by the kind of machine and their name.
type Programs<'a> = BTreeMap<(&'static str, &'a str), PathBuf>;

/// Check the tree: format, lints, documentation, tests, scenarios on real kernels, and log pipelines
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Series of the kernels for the scenarios, all of them on each [default: the core ones on all three, and on one of them, with
    /// fewer probes too, a third of the others: which kernel and which third changes with the commit]
    #[arg(long = "kernel", value_name = "SERIES")]
    kernels: Vec<Series>,

    /// All scenarios on all kernels, older and newer ones beside them, the core ones on aarch64, and the packages
    #[arg(long)]
    all: bool,

    /// Only these scenarios, and no other tests
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,

    /// What oomtrace is allowed in the scenarios: everything, what its service is, or less, which need not tell as much but
    /// nothing wrong [full, service, kprobe, tracepoint, no-btf, poll, hybrid, v1]; no other tests are run
    #[arg(long = "tier", value_name = "TIER", value_parser = tier)]
    tiers: Vec<Tier>,

    /// Debian release of the guests, with its systemd, where a scenario needs no certain one [default: bookworm before 6.12, else trixie]
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,

    /// Kind of machine that the guests are: with another than this one, the core scenarios and no other tests
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,

    /// Size of the pages of the guests' kernels
    #[arg(long, value_name = "SIZE", default_value = "4k")]
    pages: Pages,

    /// How often the scenarios are run
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u32,

    /// How many guests run at once [default: one for each CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    guests: Option<u16>,

    /// No scenarios
    #[arg(long)]
    no_vm: bool,
}

impl Test {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.is_whole() {
            ebpf::build(Arch::own()?)?;
            cargo("checking the format", &["fmt", "--check"])?;
            cargo(
                "checking the lints",
                &["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"],
            )?;
            cargo("running the tests", &["test", "--quiet"])?;
            supply::check()?;
            browser::see()?;
            pasted::see()?;
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
        let tally = Mutex::new(Tally::default());
        self.run_guests(&root, &self.boots(&scenarios)?, &tally)?;
        let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        if self.is_whole() && self.kernels.is_empty() {
            Pipelines::with_tests().tell(&mut tally)?;
            Completions::with_tests().tell(&mut tally)?;
            if self.all {
                dist::tell(&mut tally)?;
            }
        }
        Ok(tally.end())
    }

    /// Whether more than scenarios are asked for.
    fn is_whole(&self) -> bool {
        self.scenarios.is_empty() && self.tiers.is_empty() && self.arch.is_none()
    }
}

/// What is booted. Scenarios that ask for the same may share a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct System<'a> {
    kernel: Series,
    flavour: Flavour,
    append: String,
    suite: Option<&'a str>,
    image: Option<&'a str>,
}

impl System<'_> {
    /// `6.12`, `6.12-aarch64`.
    fn name(&self) -> String {
        format!("{}{}", self.kernel, self.flavour.mark())
    }

    /// What `cargo xtask vm` is given to boot it.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--kernel".to_owned(), self.kernel.to_string()];
        arguments.extend(self.flavour.arguments());
        arguments.push(format!("--append={}", self.append));
        let named = [("--suite", self.suite), ("--image", self.image)];
        let named = named.into_iter().filter_map(|(flag, name)| Some([flag, name?]));
        arguments.extend(named.flatten().map(str::to_owned));
        arguments
    }
}

/// What is to be run, in some order.
type Runs<'a> = Vec<(Tier, &'a Scenario)>;

/// One guest, what is run in it, and where it leaves what came of that.
struct Boot<'a> {
    system: System<'a>,
    runs: Runs<'a>,
    results: PathBuf,
}

impl Test {
    /// Runs the guests, some at once, and judges each as it ends.
    fn run_guests(&self, root: &Path, boots: &[Boot<'_>], tally: &Mutex<Tally>) -> Result<()> {
        // Another run in this checkout would write over what a guest left before it is judged.
        let _lock = cache::lock(&workspace().join("target/vm"), "test")?;
        let mut programs = BTreeMap::new();
        for boot in boots {
            for name in boot.examples() {
                let arch = boot.system.flavour.arch;
                if let Entry::Vacant(place) = programs.entry((arch.name(), name)) {
                    place.insert(binary::example_for(arch, name)?);
                }
            }
        }
        // Asked once: a build beside this one may replace the file.
        let xtask = std::env::current_exe()?;
        let guests = self
            .guests
            .map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from);
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(boot) = boots.get(next.fetch_add(1, Ordering::Relaxed)) {
                let ended = boot.run(&xtask, root, &programs);
                let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                match ended {
                    Ok(()) => boot.judge(&mut tally),
                    Err(error) => tally.tell(&format!("guest with Linux {}", boot.system.name()), Err(error)),
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..guests.min(boots.len()) {
                scope.spawn(work);
            }
        });
        Ok(())
    }

    /// Every guest with its scenarios, those that take longest first.
    fn boots<'a>(&'a self, scenarios: &'a [Scenario]) -> Result<Vec<Boot<'a>>> {
        let mut alike: Vec<(System<'_>, Runs<'_>)> = Vec::new();
        for (kernel, flavour, share) in self.kernels()? {
            let all = share.of(scenarios);
            let runs: Runs<'_> = if self.tiers.is_empty() {
                let full = all.clone().map(|scenario| (Tier::Full, scenario));
                let less = LESS
                    .into_iter()
                    .flat_map(|tier| all.clone().map(move |scenario| (tier, scenario)))
                    .filter(|(_, scenario)| {
                        share != Share::Core && self.scenarios.is_empty() && scenario.expectation.every_tier
                    });
                full.chain(less).collect()
            } else {
                let tiers = self.tiers.iter().copied();
                tiers
                    .flat_map(|tier| all.clone().map(move |scenario| (tier, scenario)))
                    .collect()
            };
            for (tier, scenario) in runs {
                let kernel = match tier {
                    Tier::Full | Tier::Service | Tier::Kprobe | Tier::Tracepoint | Tier::NoBtf | Tier::Poll => kernel,
                    // From 6.12 on Debian's kernels have no memory controller for v1.
                    Tier::Hybrid | Tier::V1 => Series::new(6, 1),
                };
                if scenario.is_skipped(tier, &kernel.to_string()) {
                    continue;
                }
                let image = scenario.expectation.image.as_deref();
                let suite = scenario.expectation.suite.as_deref();
                let system = System {
                    kernel,
                    flavour,
                    append: append(tier, scenario),
                    suite: suite.or(self.suite.as_deref().filter(|_| image.is_none())),
                    image,
                };
                match alike.iter_mut().find(|(known, _)| *known == system) {
                    Some((_, runs)) => runs.push((tier, scenario)),
                    None => alike.push((system, vec![(tier, scenario)])),
                }
            }
        }
        alike.sort_by_key(|(_, runs)| Reverse(runs.len()));
        let mut boots: Vec<Boot<'_>> = Vec::new();
        for _ in 0..self.repeat {
            for (system, runs) in &alike {
                let guests = runs.len().div_ceil(RUNS_OF_A_GUEST);
                for runs in runs.chunks(runs.len().div_ceil(guests)) {
                    let name = system.name();
                    let number = 1 + boots.iter().filter(|boot| boot.system.name() == name).count();
                    boots.push(Boot {
                        system: system.clone(),
                        runs: runs.to_vec(),
                        results: workspace().join(format!("target/vm/{name}-{number}")),
                    });
                }
            }
        }
        Ok(boots)
    }

    /// The kernels, and which scenarios are run on each.
    fn kernels(&self) -> Result<Vec<(Series, Flavour, Share)>> {
        let flavour = Flavour::new(self.arch, self.pages)?;
        if !flavour.arch.is_own() {
            // Emulated on any machine, as this one's are, but its binary is built anew: a few scenarios tell what differs.
            let named = !self.scenarios.is_empty() || self.all;
            let default = [Series::new(6, 12)];
            let kernels = if self.kernels.is_empty() {
                &default[..]
            } else {
                &self.kernels
            };
            let share = if named { Share::All } else { Share::Core };
            return Ok(kernels.iter().map(|kernel| (*kernel, flavour, share)).collect());
        }
        if !self.kernels.is_empty() {
            return Ok(self
                .kernels
                .iter()
                .map(|kernel| (*kernel, flavour, Share::All))
                .collect());
        }
        // x86_64 has no other pages, and what it tests beside is aarch64.
        let others = if self.all && self.is_whole() { &OTHERS[..] } else { &[] };
        let turn = turn();
        let (most, part) = (turn % Series::ALL.len(), turn / Series::ALL.len() % PARTS);
        let all = self.all || !self.scenarios.is_empty() || !self.tiers.is_empty();
        let beside: &[Series] = if self.all { &Series::BESIDE } else { &[] };
        let own = Series::ALL
            .iter()
            .chain(beside)
            .enumerate()
            .filter(|(place, _)| self.tiers.is_empty() || self.all || *place == most)
            .map(|(place, kernel)| {
                let share = if all {
                    Share::All
                } else if place == most {
                    Share::Part(part)
                } else {
                    Share::Core
                };
                (*kernel, flavour, share)
            });
        let others = others.iter().map(|(kernel, pages)| {
            let flavour = Flavour {
                arch: Arch::Arm,
                pages: *pages,
            };
            (*kernel, flavour, Share::Core)
        });
        Ok(own.chain(others).collect())
    }
}

/// What the kernel is booted with for a tier and a scenario.
fn append(tier: Tier, scenario: &Scenario) -> String {
    let of_tier = match tier {
        Tier::Full | Tier::Service | Tier::Kprobe | Tier::Tracepoint | Tier::NoBtf | Tier::Poll => "",
        // Newer systemds want to be asked twice.
        Tier::Hybrid => "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
        Tier::V1 => {
            "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
        }
    };
    format!("{of_tier} {}", scenario.expectation.append).trim().to_owned()
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
    /// Boots, and once more where the guest's kernel died: emulated CPUs are not free of faults (see `cx16=off`), and one
    /// guest in some hundreds has ended in a call of address 0, or at the int3 by which the kernel patches a probe's place
    /// in, and which was gone by then: as if QEMU had run what it translated before. What the kernel said is printed by then.
    fn run(&self, xtask: &Path, root: &Path, programs: &Programs<'_>) -> Result<()> {
        let ended = self.once(xtask, root, programs);
        let Err(error) = &ended else {
            return ended;
        };
        if !self.kernel_died() {
            return ended;
        }
        step(format_args!("{error}: its kernel died; booting it once more"));
        self.once(xtask, root, programs)
    }

    /// One boot for all scenarios. What is wrong with one of them is told by what it left, not by the exit status.
    fn once(&self, xtask: &Path, root: &Path, programs: &Programs<'_>) -> Result<()> {
        let system = &self.system;
        let mut vm = guest::ending_with_xtask(xtask)?;
        vm.arg("vm").args(system.arguments());
        vm.args(["--timeout", GUEST_TIMEOUT])
            .arg("--results")
            .arg(&self.results);
        for program in self
            .examples()
            .filter_map(|name| programs.get(&(system.flavour.arch.name(), name)))
        {
            vm.arg("--program").arg(program);
        }
        vm.arg("--share").arg(root).args(["--", "bash", "/share/guest.sh"]);
        vm.args(
            self.runs
                .iter()
                .map(|(tier, scenario)| format!("{}/{}", tier.name(), scenario.name)),
        );
        if !vm.status()?.success() {
            bail!("the guest with Linux {} failed", system.name());
        }
        Ok(())
    }

    /// The examples that its scenarios run; one may be named twice.
    fn examples(&self) -> impl Iterator<Item = &str> {
        self.runs
            .iter()
            .filter_map(|(_, scenario)| scenario.expectation.example.as_deref())
    }

    /// Whether the console ends with a panic.
    fn kernel_died(&self) -> bool {
        fs::read(self.results.join("console.log"))
            .is_ok_and(|console| String::from_utf8_lossy(&console).contains("Kernel panic - not syncing"))
    }

    fn judge(&self, tally: &mut Tally) {
        let kernel = self.system.kernel.to_string();
        for (tier, scenario) in &self.runs {
            let name = format!("scenario {} ({}, {})", scenario.name, self.system.name(), tier.name());
            let left = self.results.join("out").join(tier.name()).join(&scenario.name);
            tally.tell(&name, scenario.judge(*tier, &kernel, &left));
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{Cli, image};

    #[test]
    fn the_parts_are_all_scenarios_together() {
        let scenarios = Scenario::all(&workspace().join("tests/scenarios")).unwrap();
        let names = |share: Share| share.of(&scenarios).map(|scenario| &scenario.name);
        let core: Vec<_> = names(Share::Core).collect();
        let parts = (0..PARTS).map(|part| names(Share::Part(part)).collect::<Vec<_>>());
        let mut together = core.clone();
        for part in parts {
            assert!(core.iter().all(|name| part.contains(name)));
            let others: Vec<_> = part.into_iter().filter(|name| !core.contains(name)).collect();
            assert!((10..30).contains(&others.len()), "{others:?}");
            together.extend(others);
        }
        together.sort();
        assert_eq!(together, names(Share::All).collect::<Vec<_>>());
    }

    #[test]
    fn whatever_a_scenario_asks_for_can_be_booted() {
        let own = (None, Pages::Small);
        let mut asked = vec![
            (own, None, None),
            (own, Some("sid"), None),
            ((Some(Arch::Arm), Pages::Large), None, None),
        ];
        asked.extend(image::names().map(|name| (own, None, Some(name))));
        for ((arch, pages), suite, image) in asked {
            let system = System {
                kernel: Series::new(6, 12),
                flavour: Flavour::new(arch, pages).unwrap(),
                append: "psi=0".to_owned(),
                suite,
                image,
            };
            let words = ["xtask", "vm"].map(str::to_owned).into_iter();
            Cli::try_parse_from(words.chain(system.arguments())).unwrap();
        }
    }
}
