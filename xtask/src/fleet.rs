//! `cargo xtask fleet`: a fleet's captures made of recorded traces, and the questions of `docs/fleet.md` asked of them.
//!
//! Every host runs the same services, each with the life of a real program (`tests/traces`), slower than it was recorded,
//! over and over. Trend and forecast are oomtrace's own: the samples go through `oomtrace replay`. Hosts of one variant
//! differ by their name only. What is true of the fleet is counted while it is made.

mod services;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::binary::{self, Profile};
use crate::pipelines::python;
use crate::workspace;
use services::{SERVICES, Service};

/// Days that every host has been recorded for.
const DAYS: u32 = 4;

/// Hosts that are not copies of another.
const VARIANTS: u32 = 4;

const DAY: f64 = 86_400.0;

/// Make a fleet's captures of recorded traces, and ask it what docs/fleet.md asks
#[derive(Debug, Args)]
pub(crate) struct Fleet {
    /// Captures of so many hosts' days
    #[arg(long, value_name = "N", default_value_t = 1000)]
    host_days: u32,

    /// Keep the captures in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What is true of a fleet, as the answers have to be.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Truth {
    /// Kills by unit and the unit whose limit it was.
    kills: BTreeMap<(String, String), u64>,
    /// Hosts by unit that will be killed within a day.
    tomorrow: BTreeMap<String, u64>,
    /// Hosts by unit whose limit is too small.
    small: BTreeMap<String, u64>,
}

impl Fleet {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let work = tempfile::tempdir()?;
        let folder = self.keep.unwrap_or_else(|| work.path().to_owned());
        let hosts = self.host_days.div_ceil(DAYS);
        let started = Instant::now();
        let truth = make(&folder, hosts)?;
        let (files, bytes) = size(&folder)?;
        println!(
            "{files} captures of {hosts} hosts, {:.0} MB, made in {:.0} s",
            bytes as f64 / 1e6,
            started.elapsed().as_secs_f64()
        );
        for (question, answer, seconds) in ask(&folder)? {
            println!("\n{question} ({seconds:.1} s)");
            for row in answer.as_array().into_iter().flatten() {
                println!("  {row}");
            }
            judge(&question, &answer, &truth)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A small fleet is asked, and the answers are what is true of it.
pub(crate) fn check() -> Result<()> {
    let work = tempfile::tempdir()?;
    let truth = make(work.path(), VARIANTS * 2)?;
    for (question, answer, _) in ask(work.path())? {
        judge(&question, &answer, &truth)?;
    }
    Ok(())
}

/// Makes the captures of `hosts` hosts below `folder`, a folder a host.
fn make(folder: &Path, hosts: u32) -> Result<Truth> {
    let oomtrace = binary::oomtrace(Profile::Debug)?;
    let mut truth = Truth::default();
    let lives = SERVICES.iter().map(Service::read).collect::<Result<Vec<_>>>()?;
    for variant in 0..VARIANTS.min(hosts) {
        let copies = u64::from((hosts - variant).div_ceil(VARIANTS));
        let mut lines = Vec::new();
        for (service, life) in SERVICES.iter().zip(&lives) {
            lines.extend(service.run(life, f64::from(variant), f64::from(DAYS) * DAY, copies, &mut truth));
        }
        lines.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let days = replayed(&oomtrace, lines)?;
        for host in (variant..hosts).step_by(VARIANTS as usize) {
            let name = format!("host-{host:04}");
            let place = folder.join(&name);
            fs::create_dir_all(&place)?;
            for (day, text) in days.iter().enumerate() {
                let text = text.replace("\"host\":\"HOST\"", &format!("\"host\":\"{name}\""));
                let path = place.join(format!("oomtrace-{host:032x}-2026-11-{:02}.jsonl.zst", day + 1));
                compressed(&text, &path)?;
            }
        }
    }
    Ok(truth)
}

/// What oomtrace makes of the lines, by day: with trends, forecasts and warnings.
fn replayed(oomtrace: &Path, lines: Vec<(f64, Value)>) -> Result<Vec<String>> {
    let mut replay = Command::new(oomtrace)
        .args(["replay", "-o", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = BufWriter::new(replay.stdin.take().context("no stdin")?);
    let stdout = replay.stdout.take().context("no stdout")?;
    let midnight: jiff::Timestamp = "2026-11-01T00:00:00Z".parse()?;
    let writer = std::thread::spawn(move || -> Result<()> {
        let start = json!({"event": "start", "schema": "oomtrace/1", "version": env!("CARGO_PKG_VERSION"),
            "kernel": "6.12.0", "boot_id": "fleet", "cgroup_version": "v2", "probes": []});
        let all = std::iter::once((0.0, start)).chain(lines);
        for (seq, (at, mut line)) in all.enumerate() {
            let ts = midnight.checked_add(jiff::SignedDuration::from_secs_f64(at))?;
            line["ts"] = Value::from(ts.to_string());
            line["seq"] = Value::from(seq);
            line["host"] = Value::from("HOST");
            writeln!(stdin, "{line}")?;
        }
        stdin.flush()?;
        Ok(())
    });
    let mut days = vec![String::new(); DAYS as usize];
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        // "ts":"2026-11-DD: the day is the folder's place.
        let day = line
            .split_once("\"ts\":\"2026-11-")
            .and_then(|(_, rest)| rest.get(..2)?.parse::<usize>().ok())
            .with_context(|| format!("no time in {line}"))?;
        let text = days.get_mut(day - 1).with_context(|| format!("another day: {line}"))?;
        text.push_str(&line);
        text.push('\n');
    }
    let status = replay.wait()?;
    match writer.join() {
        Ok(written) => written?,
        Err(_) => bail!("the samples could not be written"),
    }
    ensure!(status.success(), "oomtrace replay ended with {status}");
    Ok(days)
}

/// As oomtrace writes them: a frame of zstd.
fn compressed(text: &str, path: &Path) -> Result<()> {
    let mut zstd = Command::new("zstd")
        .args(["-q", "-3", "-f", "-o"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot run zstd")?;
    zstd.stdin.take().context("no stdin")?.write_all(text.as_bytes())?;
    ensure!(zstd.wait()?.success(), "zstd failed");
    Ok(())
}

fn size(folder: &Path) -> Result<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for host in fs::read_dir(folder)? {
        for file in fs::read_dir(host?.path())? {
            files += 1;
            bytes += file?.metadata()?.len();
        }
    }
    Ok((files, bytes))
}

/// Every question of docs/fleet.md with its answer and the seconds it took.
fn ask(folder: &Path) -> Result<Vec<(String, Value, f64)>> {
    let text = fs::read_to_string(workspace().join("docs/fleet.md"))?;
    let text = text.replace("captures/*/*.jsonl.zst", &format!("{}/*/*.jsonl.zst", folder.display()));
    let mut sections = text.split("\n## ");
    let table = sections.next().and_then(sql).context("docs/fleet.md has no table")?;
    let asked: Vec<(&str, &str)> = sections
        .filter_map(|section| Some((section.lines().next()?, sql(section)?)))
        .collect();
    let queries: Vec<&str> = asked.iter().map(|(_, query)| *query).collect();
    let questions = std::iter::once("The captures, read").chain(asked.iter().map(|(question, _)| *question));
    let answers = python::ask_duckdb(table, &queries)?;
    Ok(questions
        .zip(answers)
        .map(|(question, (rows, seconds))| (question.to_owned(), rows, seconds))
        .collect())
}

/// The first SQL of a section.
fn sql(section: &str) -> Option<&str> {
    Some(section.split_once("```sql\n")?.1.split_once("```")?.0)
}

fn judge(question: &str, answer: &Value, truth: &Truth) -> Result<()> {
    let rows = answer.as_array().context("no rows")?;
    let text = |row: &Value, place: usize| row[place].as_str().unwrap_or_default().to_owned();
    let hosts = |place: usize| -> BTreeMap<String, u64> {
        rows.iter()
            .map(|row| (text(row, 0), row[place].as_u64().unwrap_or_default()))
            .collect()
    };
    let right = match question {
        "The captures, read" => true,
        "Which unit was killed most, and by whose limit?" => {
            let told = rows
                .iter()
                .map(|row| ((text(row, 0), text(row, 1)), row[3].as_u64().unwrap_or_default()));
            told.collect::<BTreeMap<_, _>>() == truth.kills
        }
        "Which will be killed by tomorrow?" => hosts(1) == truth.tomorrow,
        "Which limits are too small?" => hosts(1) == truth.small,
        other => bail!("docs/fleet.md asks '{other}', and nobody knows the answer"),
    };
    ensure!(right, "{question}\n  answered: {answer}\n  true: {truth:?}");
    Ok(())
}
