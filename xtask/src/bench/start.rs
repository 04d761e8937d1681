//! `cargo xtask bench start`: from exec to the first line and to readiness.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::binary::{self, Profile};
use crate::guest::Cores;
use crate::inside::Inside;
use crate::kernel::Series;
use crate::tally::tell_figures;
use crate::{step, workspace};

/// Instructions, time and memory from exec to the first line, and to READY
///
/// In a guest whose clock counts instructions, with probes and from files alone; then on this machine, from files alone.
/// READY is what a service manager is told once every cgroup was looked at. What probes cost at a start is the difference.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Series of the kernel
    #[arg(long = "kernel", value_name = "SERIES", default_value = "6.12")]
    kernel: Series,

    /// Starts, of which the median is told
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Fails where the first line takes longer than it may
    #[arg(long)]
    check: bool,
}

/// The first line is there by then, in milliseconds of a core of 3,000 million instructions a second.
const AT_MOST: f64 = 300.0;

/// Medians by way and what was measured.
type Medians = BTreeMap<(String, String), f64>;

impl Start {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let rounds = self.rounds.to_string();
        let text = Inside {
            kernel: self.kernel,
            cores: Cores::Counting,
            peers: false,
            memory_mb: 1024,
            timeout: 1800,
            programs: &[],
            files: &["tests/bench/start.py"],
        }
        .run(&["python3", "/share/start.py", &rounds, "auto", "poll"])?;
        let guest = medians(&text)?;
        println!(
            "guest, Linux {}: instructions are counted; a core is taken for 3,000 million a second\n",
            self.kernel
        );
        println!(
            "| probes | first line, M instr | as ms | READY, M instr | as ms | resident at READY, MiB | peak, MiB |"
        );
        println!("|---|---:|---:|---:|---:|---:|---:|");
        for way in ["auto", "poll"] {
            let of = |key| value(&guest, way, key);
            // A millisecond of the guest's clock is a million instructions.
            let (line, ready) = (of("line_cpu_ms")?, of("ready_cpu_ms")?);
            println!(
                "| {way} | {line:.0} | {:.0} | {ready:.0} | {:.0} | {:.1} | {:.1} |",
                line / 3.0,
                ready / 3.0,
                of("resident_kib")? / 1024.0,
                of("peak_kib")? / 1024.0
            );
        }
        println!(
            "\n`oomtrace --version`: {:.1} M instructions",
            value(&guest, "bare", "ready_ms")?
        );

        let host = medians(&on_this_machine(&rounds)?)?;
        println!(
            "this machine, from files: first line after {:.0} ms, READY after {:.0} ms, `oomtrace --version` {:.1} ms",
            value(&host, "poll", "line_ms")?,
            value(&host, "poll", "ready_ms")?,
            value(&host, "bare", "ready_ms")?
        );
        let line = value(&guest, "auto", "line_cpu_ms")? / 3.0;
        let figure = format!("first line after {line:.0} ms, at most {AT_MOST:.0}");
        let holds = tell_figures(&[(figure, line <= AT_MOST)]);
        Ok(if self.check && !holds {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

fn on_this_machine(rounds: &str) -> Result<String> {
    let oomtrace = binary::oomtrace(Profile::Release)?;
    let folder = oomtrace.parent().context("the program lies nowhere")?;
    step("starting it on this machine");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    let output = Command::new("python3")
        .arg(workspace().join("tests/bench/start.py"))
        .args([rounds, "poll"])
        .env("PATH", std::env::join_paths(paths)?)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run python3")?;
    if !output.status.success() {
        bail!("the measurement failed: {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn medians(text: &str) -> Result<Medians> {
    let mut values: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    for line in text.lines() {
        let [way, key, value] = *line.split(' ').collect::<Vec<_>>() else {
            bail!("not a measurement: {line}");
        };
        let value = value.parse().with_context(|| line.to_owned())?;
        values.entry((way.to_owned(), key.to_owned())).or_default().push(value);
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Ok(values
        .into_iter()
        .filter_map(|(key, values)| Some((key, median(values)?)))
        .collect())
}

fn value(medians: &Medians, way: &str, key: &str) -> Result<f64> {
    let value = medians.get(&(way.to_owned(), key.to_owned()));
    value.copied().with_context(|| format!("{way} {key} was not measured"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_each_way_is_told() {
        let medians = medians("auto line_ms 3\npoll line_ms 1\nauto line_ms 1\nauto line_ms 2.5\n").unwrap();
        assert_eq!(value(&medians, "auto", "line_ms").unwrap(), 2.5);
        assert!(value(&medians, "auto", "ready_ms").is_err());
        assert!(super::medians("a line that is none").is_err());
    }
}
