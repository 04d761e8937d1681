//! `cargo xtask bench replay`: how fast a recorded stream goes through reading, engine and printing, and how fast others
//! only read and print it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use xshell::{Shell, cmd};

use crate::binary::{self, Profile};
use crate::packages::{self, Tool};
use crate::pipelines::python;
use crate::{step, target_dir, workspace};

const TOOLS: [Tool; 1] = [Tool {
    program: "jq",
    package: "jq",
    purpose: "reads and prints the same stream, to compare",
}];

/// One of both is to be reached.
const LINES_A_SECOND: f64 = 300_000.0;
const BYTES_A_SECOND: f64 = 150e6;

/// Lines and bytes of NDJSON a second, replayed as JSON, beside programs that only parse and print it: medians
///
/// The stream is that of all tests/traces as oomtrace itself writes it. All write to /dev/null; DuckDB's time is that of its
/// query alone.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Rounds, each with every program
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,

    /// Fail below both 300,000 lines and 150 MB a second
    #[arg(long)]
    check: bool,
}

/// A program and how long it took, a round each.
struct Row {
    name: &'static str,
    run: Box<dyn Fn() -> Result<Duration>>,
    took: Vec<Duration>,
}

impl Row {
    fn new(name: &'static str, run: impl Fn() -> Result<Duration> + 'static) -> Self {
        let (run, took) = (Box::new(run), Vec::new());
        Self { name, run, took }
    }

    /// The median, in seconds.
    fn seconds(&self) -> f64 {
        super::median(&self.took)
    }
}

impl Replay {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        packages::require(&TOOLS)?;
        // As it is handed out.
        let oomtrace = binary::oomtrace(Profile::Dist)?;
        let bare = bare_loop()?;
        step("writing the stream");
        let stream = target_dir().join("replay.jsonl");
        let mut traces: Vec<_> = fs::read_dir(workspace().join("tests/traces"))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .collect();
        traces.sort();
        // A trace's header is no event: the lines after it are read, and the status says so.
        Command::new(&oomtrace)
            .args(["replay", "-o", "json"])
            .args(&traces)
            .stdout(File::create(&stream)?)
            .stderr(Stdio::null())
            .status()?;
        let text = fs::read(&stream).with_context(|| stream.display().to_string())?;
        let (lines, bytes) = (text.iter().filter(|byte| **byte == b'\n').count(), text.len());
        ensure!(lines > 10_000, "only {lines} lines came of the traces");
        let query = format!(
            "COPY (SELECT * FROM read_json('{}', format = 'newline_delimited', union_by_name = true)) \
             TO '/dev/null' (FORMAT json, USE_TMP_FILE false)",
            stream.display()
        );
        let program = |name: &Path, arguments: &[&str]| {
            let (name, path) = (name.to_owned(), stream.clone());
            let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
            move || timed(Command::new(&name).args(&arguments).arg(&path))
        };
        let mut rows = [
            Row::new("oomtrace replay -o json", program(&oomtrace, &["replay", "-o", "json"])),
            Row::new("a bare serde_json loop", program(&bare, &[])),
            Row::new("DuckDB", move || {
                let answers = python::ask_duckdb("SELECT 1", &[&query])?;
                let (_, seconds) = answers.last().context("no answer")?;
                Ok(Duration::from_secs_f64(*seconds))
            }),
            Row::new("jq -c .", program(Path::new("jq"), &["-c", "."])),
        ];
        for round in 0..self.rounds.max(1) {
            step(format!("round {}", round + 1));
            for row in &mut rows {
                row.took.push((row.run)().context(row.name)?);
            }
        }
        println!("{lines} lines of {} bytes", bytes / lines);
        println!("| | seconds | lines a second | MB a second | of oomtrace's time |\n|---|---|---|---|---|");
        let own = rows.first().map_or(f64::NAN, Row::seconds);
        for row in &rows {
            let seconds = row.seconds();
            println!(
                "| {} | {seconds:.2} | {:.0} | {:.0} | {:.2} |",
                row.name,
                lines as f64 / seconds,
                bytes as f64 / seconds / 1e6,
                seconds / own
            );
        }
        let reached = lines as f64 / own >= LINES_A_SECOND || bytes as f64 / own >= BYTES_A_SECOND;
        if self.check && !reached {
            println!(
                "neither {LINES_A_SECOND:.0} lines nor {:.0} MB a second",
                BYTES_A_SECOND / 1e6
            );
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// How long a program took.
fn timed(command: &mut Command) -> Result<Duration> {
    let begun = Instant::now();
    let status = command.stdout(Stdio::null()).status()?;
    ensure!(status.success(), "{status}");
    Ok(begun.elapsed())
}

/// Builds what only parses each line and prints it.
fn bare_loop() -> Result<std::path::PathBuf> {
    let sh = Shell::new()?;
    sh.change_dir(workspace());
    cmd!(
        sh,
        "cargo build --quiet --release --package oomtrace-engine --example serde_json_loop"
    )
    .quiet()
    .run()
    .context("cannot build the serde_json loop")?;
    Ok(target_dir().join("release/examples/serde_json_loop"))
}
