//! `cargo xtask faults`: what the machine can do to oomtrace, done to the real binary; `docs/reliability.md` has the promises.
//!
//! Faults of system calls are put in by strace, one call after the other, so that nothing in the binary knows of them. What is
//! chosen by chance comes from a seed, which is printed.

mod injected;
pub(crate) mod machine;
mod mutated;
mod outputs;
mod recorder;
mod torn;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::binary::{self, Profile};
use crate::packages::{self, Tool};
use crate::tally::Tally;
use crate::{step, workspace};

const TOOLS: [Tool; 2] = [
    Tool {
        program: "strace",
        package: "strace",
        purpose: "makes system calls fail",
    },
    Tool {
        program: "prlimit",
        package: "util-linux",
        purpose: "limits files and memory",
    },
];

/// Make system calls, disks, readers and recordings fail, and look what oomtrace makes of it
///
/// The recorder is killed at random moments; each file call fails in turn, in each way that it can; disks are full, read-only, or
/// have a limit; readers go, stall or are slow; recordings are cut and changed. Fails on a panic, a line of words that is not
/// oomtrace's, a status that is not documented, and on anything that is lost without a word.
#[derive(Debug, Args)]
pub(crate) struct Faults {
    /// Rows of docs/reliability.md [default: all]
    #[arg(value_name = "NAME", value_parser = ROWS.map(|(name, _)| name))]
    rows: Vec<String>,

    /// Where chance begins
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How often a recorder is killed, and how many changes are made to a recording
    #[arg(long, value_name = "N", default_value_t = 200)]
    times: u32,

    /// Which binary
    #[arg(long, value_name = "PROFILE", default_value = "debug")]
    profile: Profile,
}

/// What a row needs to know.
#[derive(Debug)]
pub(crate) struct Bench {
    program: PathBuf,
    seed: u64,
    times: u32,
    scratch: tempfile::TempDir,
}

type Row = fn(&Bench) -> Result<String>;

/// In the order of `docs/reliability.md`.
const ROWS: [(&str, Row); 10] = [
    ("killed", recorder::killed),
    ("recorder-calls", recorder::calls),
    ("disk", recorder::disk),
    ("reader-calls", injected::calls),
    ("files", injected::few_files),
    ("memory", injected::little_memory),
    ("output", outputs::failing),
    ("stalled", outputs::stalled),
    ("torn", torn::torn),
    ("mutated", mutated::mutated),
];

impl Faults {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        packages::require(&TOOLS)?;
        let bench = Bench {
            program: binary::oomtrace(self.profile)?,
            seed: self.seed,
            times: self.times,
            scratch: tempfile::tempdir()?,
        };
        step(format_args!("seed {}", self.seed));
        let mut tally = Tally::default();
        for (name, row) in ROWS {
            if self.rows.is_empty() || self.rows.iter().any(|named| named == name) {
                let seen = row(&bench).map(|seen| step(format_args!("{name}: {seen}")));
                tally.tell(&format!("faults {name}"), seen);
            }
        }
        Ok(tally.end())
    }
}

/// A recorded run that is in the repository.
fn fixture() -> PathBuf {
    workspace().join("observer/tests/fixtures/own_limit.jsonl")
}

/// A log as somebody pastes it.
fn log() -> PathBuf {
    workspace().join("observer-page/page/sample.log")
}
