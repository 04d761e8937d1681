//! `cargo xtask fuzz`: what comes from outside, made up by libFuzzer. The targets are in `fuzz/fuzz_targets`.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::packages::{self, Tool};
use crate::tally::Tally;
use crate::{step, target_dir, toolchain, workspace};

const CARGO_FUZZ: &str = "0.13.2";

const TOOLS: [Tool; 1] = [Tool {
    program: "c++",
    package: "g++",
    purpose: "builds libFuzzer",
}];

/// The targets, and the folder of fixtures that each begins with.
const TARGETS: [(&str, Option<&str>); 12] = [
    ("capture", Some("observer/tests/fixtures")),
    ("engine", None),
    ("files", None),
    ("http", None),
    ("journal", None),
    ("kernel_log", Some("observer-engine/tests/fixtures/kmsg")),
    ("maps", None),
    ("pasted", Some("observer-engine/tests/fixtures/kmsg")),
    ("records", None),
    ("report", Some("observer/tests/fixtures")),
    ("runs", Some("observer/tests/fixtures")),
    ("varlink", None),
];

/// Longer than any of the fixtures, in bytes.
const MAX_LENGTH: u32 = 1 << 16;

/// Seconds that one input may take; and MiB of the process, with all inputs that libFuzzer keeps. What a reader holds of one input
/// is bounded by the targets themselves (`fuzz/bound.rs`).
const TOO_LONG: u32 = 10;
const TOO_LARGE: u32 = 1024;

/// What is shown of a failure.
const LAST_LINES: usize = 12;

/// Feed the decoders and the engine what libFuzzer makes up
///
/// What was found worth keeping stays in target/fuzz/corpus, from where the next time goes on; an input that fails is
/// named and kept in target/fuzz/failed.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// capture, engine, files, http, journal, kernel_log, maps, pasted, records, report, runs, varlink [default: all, one after the other]
    #[arg(value_name = "TARGET", value_parser = TARGETS.map(|(name, _)| name))]
    targets: Vec<String>,

    /// How long each is fed
    #[arg(long, value_name = "S", default_value_t = 60)]
    seconds: u32,
}

impl Fuzz {
    pub(crate) fn run(self) -> Result<ExitCode> {
        packages::require(&TOOLS)?;
        let cargo_fuzz = toolchain::cargo_program("cargo-fuzz", CARGO_FUZZ, "runs libFuzzer; once, about a minute")?;
        let mut tally = Tally::default();
        for (target, seeds) in TARGETS {
            if self.targets.is_empty() || self.targets.iter().any(|named| named == target) {
                let fed = feed(&cargo_fuzz, target, seeds, self.seconds);
                tally.tell(&format!("fuzz {target}"), fed);
            }
        }
        Ok(tally.end())
    }
}

fn feed(cargo_fuzz: &Path, target: &str, seeds: Option<&str>, seconds: u32) -> Result<()> {
    let folder = target_dir().join("fuzz");
    let corpus = folder.join("corpus").join(target);
    let failed = folder.join("failed").join(target);
    for made in [&corpus, &failed] {
        fs::create_dir_all(made).with_context(|| format!("cannot make {}", made.display()))?;
    }
    if let Some(seeds) = seeds {
        let fixtures = workspace().join(seeds);
        for seed in fs::read_dir(&fixtures).with_context(|| format!("cannot read {}", fixtures.display()))? {
            let seed = seed?.path();
            if let Some(name) = seed.file_name().filter(|_| seed.is_file()) {
                fs::copy(&seed, corpus.join(name))?;
            }
        }
    }
    step(format!("building {target} and feeding it for {seconds} s"));
    let log = folder.join(format!("{target}.log"));
    let told = fs::File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
    // Without a sanitizer it needs no nightly Rust, and there is hardly an `unsafe` that one could catch.
    let status = Command::new(cargo_fuzz)
        .current_dir(workspace())
        .args(["run", "--sanitizer", "none", "--target-dir"])
        .args([&folder, Path::new(target), &corpus])
        .arg("--")
        .arg(format!("-artifact_prefix={}/", failed.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={MAX_LENGTH}"))
        .arg(format!("-timeout={TOO_LONG}"))
        .arg(format!("-rss_limit_mb={TOO_LARGE}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(told)
        .status()
        .context("cannot run cargo-fuzz")?;
    let text = fs::read(&log)?;
    let text = String::from_utf8_lossy(&text);
    if !status.success() {
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        bail!(
            "{}\nsee {} and what is in {}",
            last.join("\n"),
            log.display(),
            failed.display()
        );
    }
    // libFuzzer's own: how many inputs, and how much of the code they reached.
    for line in text.lines().filter(|line| line.contains("DONE")) {
        step(format!("{target}: {line}"));
    }
    Ok(())
}
