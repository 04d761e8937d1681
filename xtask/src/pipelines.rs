//! `cargo xtask pipelines`: from a real kill to the line, the row and the alert, in the programs that people run.
//!
//! A guest has journald, rsyslog, syslog-ng and Prometheus, each with its configuration from `docs/pipelines`, and
//! oomtrace as a service; what they made of one kill comes home (`tests/pipelines/run.sh`) and is judged here. The
//! guest's captures are then read by DuckDB and ClickHouse as they are.

pub(crate) mod python;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::binary::{self, Profile};
use crate::guest::{Guest, Machine};
use crate::kernel::{Kernel, Series};
use crate::tally::Tally;
use crate::{cache, fleet, image, step, workspace};

/// Five times what it takes on two slow cores.
const TIMEOUT: Duration = Duration::from_secs(500);

/// Run what log pipelines are made of on a real kill: rsyslog, syslog-ng, Prometheus, DuckDB, ClickHouse
#[derive(Debug, Args)]
pub(crate) struct Pipelines {
    /// Series of the kernel
    #[arg(long, value_name = "SERIES", default_value = "6.12")]
    kernel: Series,

    /// Judge what the last run left in target/vm/pipelines again, and boot nothing
    #[arg(long)]
    again: bool,
}

type Check = fn(&Path) -> Result<()>;

/// Every pipeline by its name, and what it must have made of the kill.
const CHECKS: [(&str, Check); 8] = [
    ("rsyslog", rsyslog),
    ("syslog-ng, the journal", syslog_ng_journal),
    ("syslog-ng, the stream", syslog_ng_stream),
    ("prometheus", prometheus),
    ("grafana", grafana),
    ("duckdb", python::duckdb),
    ("clickhouse", python::clickhouse),
    ("a fleet", |_| fleet::check()),
];

impl Pipelines {
    /// As they are run with all other tests.
    pub(crate) fn with_tests() -> Self {
        Self {
            kernel: Series::new(6, 12),
            again: false,
        }
    }

    pub(crate) fn run(&self) -> Result<ExitCode> {
        let mut tally = Tally::default();
        self.tell(&mut tally)?;
        Ok(tally.end())
    }

    /// Runs them, and tells each.
    pub(crate) fn tell(&self, tally: &mut Tally) -> Result<()> {
        let results = workspace().join("target/vm/pipelines");
        if !self.again {
            self.boot(&results)?;
        }
        let out = results.join("out");
        for (name, check) in CHECKS {
            tally.tell(&format!("pipeline {name}"), check(&out));
        }
        Ok(())
    }

    fn boot(&self, results: &Path) -> Result<()> {
        let oomtrace = binary::oomtrace(Profile::Release)?;
        let kernel = Kernel::newest(self.kernel)?;
        let image = image::named(kernel.arch, "pipelines")?;
        let script = workspace().join("tests/pipelines/run.sh");
        let machine = Machine {
            timeout: Some(TIMEOUT),
            ..Machine::default()
        };
        let _lock = cache::lock(&workspace().join("target/vm"), "pipelines")?;
        let guest = Guest {
            kernel: &kernel,
            image: &image,
            oomtrace: &oomtrace,
            programs: &[],
            share: Some(&workspace().join("docs/pipelines")),
            command: Some(fs::read_to_string(&script).with_context(|| script.display().to_string())?),
            machine: &machine,
            results,
        };
        step(format!(
            "booting Linux {} with what pipelines are made of",
            kernel.release
        ));
        guest.finish()
    }
}

/// The victim, as it said itself.
fn pid(out: &Path) -> Result<u64> {
    let text = fs::read_to_string(out.join("pid")).context("the victim never ran")?;
    Ok(text.trim().parse()?)
}

fn lines(path: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("in {}: {line}", path.display())))
        .collect()
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// The journal's entry of the kill is there once, with its fields.
fn entry(path: &Path, pid: u64) -> Result<()> {
    let pid = pid.to_string();
    let kills = lines(path)?
        .into_iter()
        .filter(|entry| entry["OOMTRACE_ORIGIN"] == "memcg_limit" && entry["OBJECT_PID"] == pid.as_str());
    let kills: Vec<Value> = kills.collect();
    ensure!(
        kills.len() == 1,
        "{} entries of the kill of {pid} in {}",
        kills.len(),
        path.display()
    );
    for entry in kills {
        ensure!(
            entry["OBJECT_SYSTEMD_UNIT"] == "leak.service",
            "of another unit: {entry}"
        );
        let told = entry["MESSAGE"].as_str().unwrap_or_default();
        ensure!(
            told.starts_with("Killed for memory: ") && told.contains(" of leak.service"),
            "not the verdict: {entry}"
        );
    }
    Ok(())
}

fn rsyslog(out: &Path) -> Result<()> {
    entry(&out.join("rsyslog.json"), pid(out)?)
}

fn syslog_ng_journal(out: &Path) -> Result<()> {
    entry(&out.join("oomtrace-entries.json"), pid(out)?)
}

/// The filter lets the kills through, whole, and nothing else.
fn syslog_ng_stream(out: &Path) -> Result<()> {
    let whole: Vec<Value> = lines(&out.join("oomtrace.jsonl"))?
        .into_iter()
        .filter(|line| line["event"] == "kill")
        .collect();
    let through = lines(&out.join("oomtrace-kills.json"))?;
    ensure!(
        through == whole,
        "{} kills came through, {} were told",
        through.len(),
        whole.len()
    );
    let pid = pid(out)?;
    ensure!(
        through.iter().any(|kill| kill["victim"]["pid"] == pid),
        "not the kill of {pid}"
    );
    Ok(())
}

/// It scrapes, its lints are content, and the alert of the kill fires.
fn prometheus(out: &Path) -> Result<()> {
    let status = fs::read_to_string(out.join("promtool.status"))?;
    let words = fs::read_to_string(out.join("promtool.txt"))?;
    ensure!(status.trim() == "0", "promtool says {}: {words}", status.trim());
    let targets = json(&out.join("targets.json"))?;
    let target = &targets["data"]["activeTargets"][0];
    ensure!(target["health"] == "up", "not scraped: {target}");
    let alerts = json(&out.join("alerts.json"))?;
    let fires = |alert: &Value| {
        alert["state"] == "firing"
            && alert["labels"]["alertname"] == "KilledForMemory"
            && alert["labels"]["unit"] == "leak.service"
            && alert["labels"]["origin"] == "memcg_limit"
    };
    let found = alerts["data"]["alerts"]
        .as_array()
        .is_some_and(|alerts| alerts.iter().any(fires));
    ensure!(found, "no alert of the kill: {alerts}");
    Ok(())
}

/// Every query of the dashboard is one, and those that one kill answers have an answer.
fn grafana(out: &Path) -> Result<()> {
    let queries = lines(&out.join("dashboard.jsonl"))?;
    ensure!(!queries.is_empty(), "no queries were asked");
    for query in &queries {
        ensure!(query["status"] == "success", "not PromQL: {query}");
        let text = query["query"].as_str().unwrap_or_default();
        // Which need a forecast to stand at this moment, or two scrapes after a series began, may find nothing.
        let may_be_empty = text.contains("time_left") || text.contains("increase(") || text.contains("growth");
        ensure!(
            may_be_empty || query["found"].as_u64() > Some(0),
            "finds nothing: {query}"
        );
    }
    Ok(())
}
