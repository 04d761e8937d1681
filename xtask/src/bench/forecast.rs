//! How good the forecasts are, on recorded traces of real programs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use oomtrace_tests::traces::{self, Kind};
use serde_json::Value;

use crate::{step, target_dir, workspace};

/// Where in the last half of a life the time left is asked for.
const POINTS: usize = 10;

/// The error of the time left, the interval's coverage, warnings and false alarms, on tests/traces
#[derive(Debug, Args)]
pub(crate) struct Forecast {
    /// Only these traces
    names: Vec<String>,
}

/// One statement about the time left.
#[derive(Debug, Clone)]
struct Said {
    at: f64,
    seconds: Option<f64>,
    low: f64,
    high: f64,
    class: String,
}

#[derive(Debug, Default)]
struct Life {
    start: f64,
    end: f64,
    said: Vec<Said>,
    /// When a warning was raised, and when cleared.
    warnings: Vec<(f64, Option<f64>)>,
}

/// What came of one trace.
struct Outcome {
    errors: Vec<f64>,
    covered: usize,
    intervals: usize,
    /// The share of the life that was over at the first warning that stood until the kill.
    warned: Option<f64>,
    alarms: usize,
    alarmed_share: f64,
    class: String,
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
        let mut files: Vec<_> = fs::read_dir(workspace().join("tests/traces"))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .collect();
        files.sort();
        let mut outcomes: BTreeMap<Kind, Vec<Outcome>> = BTreeMap::new();
        println!(
            "{:<22} {:>7} {:>7} {:>9} {:>8} {:>7}  classes",
            "trace", "median", "worst", "covered", "warned", "alarms"
        );
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if !self.names.is_empty() && !self.names.contains(&name) {
                continue;
            }
            let kind = traces::header(&file)?.kind;
            let outcome = judge(&replay(&file)?, kind);
            println!("{}", row(&name, &outcome));
            outcomes.entry(kind).or_default().push(outcome);
        }
        summary(&outcomes);
        Ok(ExitCode::SUCCESS)
    }
}

fn replay(file: &Path) -> Result<Life> {
    let text = fs::read_to_string(file)?;
    // The first line is the trace's own header.
    let lines = text.split_once('\n').map_or("", |(_, lines)| lines);
    let bare = tempfile::NamedTempFile::new()?;
    fs::write(bare.path(), lines)?;
    let output = Command::new(target_dir().join("release/oomtrace"))
        .args(["replay", "-o", "json"])
        .arg(bare.path())
        .output()?;
    let mut life = Life::default();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line)?;
        let at = seconds(&line)?;
        if life.start == 0.0 {
            life.start = at;
        }
        life.end = at;
    }
    for line in String::from_utf8(output.stdout)?.lines() {
        let line: Value = serde_json::from_str(line)?;
        let at = seconds(&line)?;
        match line["event"].as_str() {
            Some("sample") => life.said.push(Said {
                at,
                seconds: line["forecast"]["seconds"].as_f64(),
                low: line["forecast"]["low_seconds"].as_f64().unwrap_or(0.0),
                high: line["forecast"]["high_seconds"].as_f64().unwrap_or(f64::INFINITY),
                class: line["trend"]["class"].as_str().unwrap_or("-").to_owned(),
            }),
            Some("forecast") => match line["state"].as_str() {
                Some("raised") => life.warnings.push((at, None)),
                Some("cleared") => {
                    if let Some(last) = life.warnings.last_mut() {
                        last.1 = Some(at);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    Ok(life)
}

fn seconds(line: &Value) -> Result<f64> {
    let text = line["ts"].as_str().context("a line without ts")?;
    let ts: jiff::Timestamp = text.parse()?;
    Ok(ts.as_nanosecond() as f64 / 1e9)
}

fn judge(life: &Life, kind: Kind) -> Outcome {
    let length = life.end - life.start;
    let mut outcome = Outcome {
        errors: Vec::new(),
        covered: 0,
        intervals: 0,
        warned: None,
        alarms: life.warnings.len(),
        alarmed_share: life
            .warnings
            .iter()
            .map(|(raised, cleared)| cleared.unwrap_or(life.end) - raised)
            .sum::<f64>()
            / length,
        class: classes(life),
    };
    if kind == Kind::Leak {
        for point in 0..POINTS {
            let at = life.start + length * (0.5 + 0.5 * point as f64 / POINTS as f64);
            let Some(said) = life.said.iter().rev().find(|said| said.at <= at) else {
                continue;
            };
            let left = life.end - said.at;
            let error = said.seconds.map_or(1.0, |seconds| (seconds - left).abs() / left);
            outcome.errors.push(error);
            if said.seconds.is_some() {
                outcome.intervals += 1;
                outcome.covered += usize::from(said.low <= left && left <= said.high);
            }
        }
        let standing = life.warnings.iter().find(|(_, cleared)| cleared.is_none());
        outcome.warned = standing.map(|(raised, _)| (raised - life.start) / length);
    }
    outcome
}

/// The classes by how long each was said.
fn classes(life: &Life) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for said in &life.said {
        *counts.entry(&said.class).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let total = life.said.len().max(1);
    let shares: Vec<String> = counts
        .iter()
        .take(3)
        .map(|(class, count)| format!("{class} {}%", count * 100 / total))
        .collect();
    shares.join(" ")
}

fn row(name: &str, outcome: &Outcome) -> String {
    let errors = || outcome.errors.iter().copied();
    format!(
        "{name:<22} {:>7} {:>7} {:>9} {:>8} {:>7}  {}",
        text(quantile(errors(), 0.5)),
        text(quantile(errors(), 1.0)),
        format!("{}/{}", outcome.covered, outcome.intervals),
        text(outcome.warned),
        format!("{} {:.0}%", outcome.alarms, outcome.alarmed_share * 100.0),
        outcome.class,
    )
}

fn text(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn quantile(values: impl Iterator<Item = f64>, share: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len().checked_sub(1)? as f64).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    sorted.get(place as usize).copied()
}

fn summary(outcomes: &BTreeMap<Kind, Vec<Outcome>>) {
    if let Some(leaks) = outcomes.get(&Kind::Leak) {
        let errors = || leaks.iter().flat_map(|outcome| outcome.errors.iter().copied());
        let covered: usize = leaks.iter().map(|outcome| outcome.covered).sum();
        let intervals: usize = leaks.iter().map(|outcome| outcome.intervals).sum();
        println!(
            "\nleaks: error of the time left median {}, p90 {}; the interval holds {:.0}% of the time; warned {} of {}, in \
             the median at {} of their life",
            text(quantile(errors(), 0.5)),
            text(quantile(errors(), 0.9)),
            covered as f64 / intervals.max(1) as f64 * 100.0,
            leaks.iter().filter(|outcome| outcome.warned.is_some()).count(),
            leaks.len(),
            text(quantile(leaks.iter().filter_map(|outcome| outcome.warned), 0.5)),
        );
    }
    if let Some(calm) = outcomes.get(&Kind::Calm) {
        println!(
            "others: warned of {} of {}, {:.1}% of the time",
            calm.iter().filter(|outcome| outcome.alarms > 0).count(),
            calm.len(),
            calm.iter().map(|outcome| outcome.alarmed_share).sum::<f64>() / calm.len() as f64 * 100.0,
        );
    }
}
