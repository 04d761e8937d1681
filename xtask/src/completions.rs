//! `cargo xtask completions`: what bash, zsh and fish offer behind `oomtrace why my`, asked in a guest.
//!
//! A guest has the three shells and some units; each shell is asked by `tests/completions/run.sh`, and what it offered comes
//! home and is judged here: the units that are there, and no files.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::binary::{self, Profile};
use crate::guest::{Guest, Machine};
use crate::kernel::{Kernel, Series};
use crate::tally::Tally;
use crate::{cache, image, step, workspace};

/// Five times what it takes on two slow cores.
const TIMEOUT: Duration = Duration::from_secs(300);

const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// What is typed, by the name of its file, what must be offered there, and what must not.
const QUESTIONS: [(&str, &[&str], &[&str]); 6] = [
    (
        "why",
        &["myapp.service", "myapp-worker.service", "mydead.service"],
        &["myfile", "mycapture.jsonl"],
    ),
    (
        "unit",
        &["myapp.service", "myapp-worker.service"],
        &["myfile", "mydead.service"],
    ),
    ("record", &["myapp.service", "myapp-worker.service"], &["myfile"]),
    ("slice", &["batch.slice"], &["myapp.service"]),
    (
        "command",
        &["record", "replay", "report", "resolve"],
        &["why", "myfile"],
    ),
    ("man", &["record", "replay", "report", "resolve"], &["why", "myfile"]),
];

/// Ask bash, zsh and fish in a guest what they offer for oomtrace
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Series of the kernel
    #[arg(long, value_name = "SERIES", default_value = "6.12")]
    kernel: Series,
}

impl Completions {
    /// As they are run with all other tests.
    pub(crate) fn with_tests() -> Self {
        Self {
            kernel: Series::new(6, 12),
        }
    }

    pub(crate) fn run(&self) -> Result<ExitCode> {
        let mut tally = Tally::default();
        self.tell(&mut tally)?;
        Ok(tally.end())
    }

    /// Runs them, and tells each.
    pub(crate) fn tell(&self, tally: &mut Tally) -> Result<()> {
        let results = workspace().join("target/vm/completions");
        self.boot(&results)?;
        for shell in SHELLS {
            for (question, offered, not) in QUESTIONS {
                let file = results.join("out").join(format!("{shell}-{question}"));
                tally.tell(&format!("completion {shell} {question}"), check(&file, offered, not));
            }
        }
        Ok(())
    }

    fn boot(&self, results: &Path) -> Result<()> {
        let oomtrace = binary::oomtrace(Profile::Release)?;
        let kernel = Kernel::newest(self.kernel)?;
        let image = image::named(kernel.arch, "shells")?;
        let script = workspace().join("tests/completions/run.sh");
        let machine = Machine {
            timeout: Some(TIMEOUT),
            ..Machine::default()
        };
        let _lock = cache::lock(&workspace().join("target/vm"), "completions")?;
        let guest = Guest {
            kernel: &kernel,
            image: &image,
            oomtrace: &oomtrace,
            programs: &[],
            share: None,
            command: Some(fs::read_to_string(&script).with_context(|| script.display().to_string())?),
            machine: &machine,
            results,
        };
        step(format!("booting Linux {} with bash, zsh and fish", kernel.release));
        guest.finish()
    }
}

/// Whether all of `offered` and nothing of `not` is in the answer. fish sets a description behind a tab.
fn check(file: &Path, offered: &[&str], not: &[&str]) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let told: Vec<&str> = text.lines().filter_map(|line| line.split(['\t', ' ']).next()).collect();
    for name in offered {
        ensure!(told.contains(name), "{name} is not offered: {told:?}");
    }
    for name in not {
        ensure!(!told.contains(name), "{name} is offered: {told:?}");
    }
    Ok(())
}
