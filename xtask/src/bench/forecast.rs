//! `cargo xtask bench forecast`: how good the forecasts are, and those of others, on recorded traces of real programs.
//!
//! Every rule sees the same traces at three paces: as they were recorded, and stretched, so that minutes are an hour, or
//! hours. Others' rules have windows of minutes or hours in them, and say nothing of lives that are shorter.

mod plots;
mod rules;
mod score;
mod table;
#[cfg(test)]
mod tests;
mod trace;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jiff::Timestamp;
use oomtrace_tests::traces::Split;
use serde_json::Value;

use crate::{step, target_dir, workspace};
use score::{Left, Score, Told};
use trace::Trace;

/// How a table's rows of oomtrace are named.
const OWN: &str = "oomtrace";

/// The error of the time left, the interval's coverage, warnings and false alarms, on tests/traces
#[derive(Debug, Args)]
pub(crate) struct Forecast {
    /// Only these traces
    names: Vec<String>,

    /// Those of many minutes, in tests/traces/hours
    #[arg(long)]
    hours: bool,

    /// Write the tables into FILE, between its two lines of `<!-- figures -->`
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// Write a page of plots: usage, limit, what was forecast, warnings, kills
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write the plots as one SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// How time is read, and from when on a warning is wanted.
struct Pace {
    title: &'static str,
    stretch: u32,
    warn_within: &'static str,
}

const PACES: [Pace; 3] = [
    Pace {
        title: "as recorded",
        stretch: 1,
        warn_within: "30m",
    },
    Pace {
        title: "a second stands for ten",
        stretch: 10,
        warn_within: "30m",
    },
    Pace {
        title: "a second stands for a minute; oomtrace warns within 4 h",
        stretch: 60,
        warn_within: "4h",
    },
];

/// A trace, and what oomtrace said of it.
struct Own {
    trace: Trace,
    told: Told,
    score: Score,
}

impl Forecast {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        step("building oomtrace (release)");
        let built = Command::new("cargo")
            .args(["build", "--quiet", "--release", "--package", "oomtrace"])
            .current_dir(workspace())
            .status()?;
        if !built.success() {
            bail!("cannot build oomtrace");
        }
        let mut text = String::new();
        for pace in &PACES {
            let mut owns = Vec::new();
            for file in files(self.hours)? {
                let trace = Trace::read(&file, pace.stretch)?;
                if self.names.is_empty() || self.names.contains(&trace.name) {
                    let told = replay(&trace, pace.warn_within)?;
                    let score = Score::of(&trace, &told);
                    owns.push(Own { trace, told, score });
                }
            }
            text += &table::rules(&format!("Scored only, {}", pace.title), &compare(&owns, Split::Score));
            if pace.stretch == 1 {
                text += &table::rules("Tuned on, as recorded", &compare(&owns, Split::Tune));
                text += &table::traces(&owns);
                text += &table::classes(&owns);
                self.plot(&owns)?;
            }
        }
        print!("{text}");
        if let Some(file) = &self.markdown {
            table::insert(file, &text)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn plot(&self, owns: &[Own]) -> Result<()> {
        for (file, text) in [
            (&self.html, plots::page as fn(&[Own]) -> String),
            (&self.svg, plots::sheet),
        ] {
            if let Some(file) = file {
                fs::write(file, text(owns)).with_context(|| format!("cannot write {}", file.display()))?;
            }
        }
        Ok(())
    }
}

/// All traces, or those of many minutes.
fn files(hours: bool) -> Result<Vec<PathBuf>> {
    let folder = if hours { "tests/traces/hours" } else { "tests/traces" };
    let mut files: Vec<_> = fs::read_dir(workspace().join(folder))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    Ok(files)
}

/// The score of oomtrace and of every rule on the traces of one split.
fn compare(owns: &[Own], split: Split) -> Vec<(&'static str, Score)> {
    let chosen = || owns.iter().filter(|own| own.trace.header.split == split);
    let mut sum = Score::default();
    for own in chosen() {
        sum.add(&own.score);
    }
    let mut rows = vec![(OWN, sum)];
    for (name, rule) in rules::RULES {
        let mut sum = Score::default();
        for own in chosen() {
            sum.add(&Score::of(&own.trace, &rule(&own.trace)));
        }
        rows.push((name, sum));
    }
    rows
}

fn replay(trace: &Trace, warn_within: &str) -> Result<Told> {
    let stream = tempfile::NamedTempFile::new()?;
    fs::write(stream.path(), &trace.stream)?;
    let output = Command::new(target_dir().join("release/oomtrace"))
        .args(["replay", "--output", "json", "--warn-within", warn_within])
        .arg(stream.path())
        .output()?;
    if !output.status.success() {
        bail!("{}: {}", trace.name, String::from_utf8_lossy(&output.stderr));
    }
    let mut told = Told::default();
    for line in String::from_utf8(output.stdout)?.lines() {
        hear(&serde_json::from_str(line)?, trace.began, &mut told)?;
    }
    Ok(told)
}

/// Takes what a line of oomtrace's stream says.
fn hear(line: &Value, began: Timestamp, told: &mut Told) -> Result<()> {
    let ts: Timestamp = line["ts"].as_str().context("a line without ts")?.parse()?;
    let at = ts.duration_since(began).as_secs_f64();
    match (line["event"].as_str(), line["state"].as_str()) {
        (Some("sample"), _) => {
            let forecast = &line["forecast"];
            let left = forecast["seconds"].as_f64().map(|seconds| Left {
                seconds,
                interval: Some((
                    forecast["low_seconds"].as_f64().unwrap_or(0.0),
                    forecast["high_seconds"].as_f64().unwrap_or(f64::INFINITY),
                )),
            });
            told.say(at, left, line["trend"]["class"].as_str().map(str::to_owned));
        }
        (Some("forecast"), Some("raised")) => told.raise(at),
        (Some("forecast"), Some("cleared")) => told.clear(at),
        _ => {}
    }
    Ok(())
}
