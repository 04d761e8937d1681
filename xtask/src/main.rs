//! Every step a person or CI takes, as code: `cargo xtask --help`.
//!
//! Tools, kernels and the root image are found or made on demand and kept in the user's cache folder (`cache`);
//! whatever comes from the distribution comes through the machine's own apt sources (`apt`). On that stand the eBPF
//! object (`toolchain`, `ebpf`), the binary with the object inside (`binary`), and guests that boot real kernels
//! (`kernel`, `image`, `guest`, `vm`).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod apt;
mod arch;
mod bench;
mod binary;
mod browser;
mod cache;
mod completions;
mod conformance;
mod devtools;
mod dist;
mod ebpf;
mod faults;
mod fleet;
mod fuzz;
mod guest;
mod image;
mod inside;
mod kernel;
mod packages;
mod page;
mod pasted;
mod pipelines;
mod python;
mod soak;
mod supply;
mod tally;
mod test;
mod toolchain;
mod traces;
mod vm;

use arch::Arch;

/// Build, run and test oomtrace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Build the eBPF object for this kind of machine: target/ebpf/ARCH/observer-ebpf.o
    Ebpf,
    Build(binary::Build),
    Run(binary::Run),
    Test(test::Test),
    Bench(bench::Bench),
    Conformance(conformance::Conformance),
    Dist(dist::Dist),
    Faults(faults::Faults),
    Fleet(fleet::Fleet),
    Fuzz(fuzz::Fuzz),
    Page(page::Page),
    Pipelines(pipelines::Pipelines),
    Completions(completions::Completions),
    Soak(soak::Soak),
    Traces(traces::Traces),
    Vm(vm::Vm),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().step {
        Step::Ebpf => Arch::own().and_then(ebpf::build).map(|object| {
            println!("{}", object.display());
            ExitCode::SUCCESS
        }),
        Step::Build(build) => build.run(),
        Step::Run(run) => run.run(),
        Step::Test(test) => test.run(),
        Step::Bench(bench) => bench.run(),
        Step::Conformance(conformance) => conformance.run(),
        Step::Dist(dist) => dist.run(),
        Step::Faults(faults) => faults.run(),
        Step::Fleet(fleet) => fleet.run(),
        Step::Fuzz(fuzz) => fuzz.run(),
        Step::Page(page) => page.run(),
        Step::Pipelines(pipelines) => pipelines.run(),
        Step::Completions(completions) => completions.run(),
        Step::Soak(soak) => soak.run(),
        Step::Traces(traces) => traces.run(),
        Step::Vm(vm) => vm.run(),
    };
    outcome.unwrap_or_else(|error| {
        step(format_args!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// Tells on stderr, in one line, what is being done and why, or what failed: stdout belongs to what was asked for.
///
/// In one write, since several of us may tell at a time. Whether anybody reads it is no matter of the step's.
fn step(line: impl std::fmt::Display) {
    let _ = std::io::stderr().write_all(format!("xtask: {line}\n").as_bytes());
}

/// The top of the repository this xtask was built from.
fn workspace() -> &'static Path {
    // xtask is only ever run by cargo from its own checkout, so the place it was compiled in is the place to work in.
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// Where cargo puts what it builds for the host.
fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}
