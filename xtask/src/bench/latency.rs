//! `cargo xtask bench latency`: from a kill to the line that tells of it, beside those who tell of the same kills.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::guest::Cores;
use crate::inside::Inside;
use crate::kernel::Series;
use crate::tally::tell_figures;

/// From a kill to its line: p50, p99 and the longest, in four states, with the peers beside it
///
/// The kill is the kernel's own record in its log. States: at rest; with ticks over many cgroups; with a reader of standard
/// output that is stuck, where the line measured is that of its capture, as the file grows; and on a host that is itself
/// out of memory. Beside it, in the same guest and of the same kills: bpftrace's, bcc's and libbpf-tools' oomkill, /dev/kmsg
/// read directly, and journald's copy of the kernel's log. The guest's CPUs are emulated: the comparison holds, the times are
/// not those of a machine.
#[derive(Debug, Args)]
pub(crate) struct Latency {
    /// States [rest, ticks, stuck, short]
    #[arg(long = "state", value_name = "STATE", default_values_t = ["rest", "ticks", "stuck", "short"].map(str::to_owned), value_parser = ["rest", "ticks", "stuck", "short"])]
    states: Vec<String>,

    /// Kills in each state; on a host out of memory 20 at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    kills: u32,

    /// Cgroups of the host whose ticks are met
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..))]
    cgroups: u32,

    /// Series of the kernel
    #[arg(long = "kernel", value_name = "SERIES", default_value = "6.12")]
    kernel: Series,

    /// One CPU whose clock counts instructions: repeatable, a million of them is told as 1 ms
    #[arg(long)]
    icount: bool,

    /// Fails where oomtrace is slower than bpftrace or bcc
    #[arg(long)]
    check: bool,
}

/// Times by state and tool, in nanoseconds; `None` is a kill that it did not tell of.
type Times<'a> = BTreeMap<(&'a str, &'a str), Vec<Option<i64>>>;

impl Latency {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let (kills, cgroups) = (self.kills.to_string(), self.cgroups.to_string());
        let hosted = if self.states.iter().any(|state| state == "ticks") {
            self.cgroups / 8
        } else {
            0
        };
        let mut command = vec!["python3", "/share/latency.py", &kills, &cgroups];
        command.extend(self.states.iter().map(String::as_str));
        let text = Inside {
            kernel: self.kernel,
            cores: if self.icount { Cores::Counting } else { Cores::Parallel },
            peers: true,
            // The peers take memory too.
            memory_mb: 1536 + hosted,
            timeout: 3600,
            programs: &["arrivals"],
            files: &["tests/bench/latency.py", "tests/scenarios/host.py"],
        }
        .run(&command)?;
        let times = times(&text)?;
        print!("{}", table(&self.states, &times));
        let verdicts = judge(&self.states, &times);
        let all_hold = tell_figures(&verdicts);
        Ok(if self.check && !all_hold {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

fn times(text: &str) -> Result<Times<'_>> {
    let mut times = Times::new();
    for line in text.lines() {
        let [state, tool, time] = *line.split(' ').collect::<Vec<_>>() else {
            bail!("not a measurement: {line}");
        };
        let time = match time {
            "missing" => None,
            time => Some(time.parse().with_context(|| line.to_owned())?),
        };
        times.entry((state, tool)).or_default().push(time);
    }
    Ok(times)
}

/// Of the kills that were told: the median, the one below which 99 of 100 lie, the longest, in milliseconds.
fn quantiles(times: &[Option<i64>]) -> Option<[f64; 3]> {
    let mut told: Vec<i64> = times.iter().copied().flatten().collect();
    told.sort_unstable();
    let at = |percent: usize| {
        let rank = (told.len() * percent).div_ceil(100);
        told.get(rank.max(1) - 1).map(|time| *time as f64 / 1e6)
    };
    Some([at(50)?, at(99)?, at(100)?])
}

/// Who oomtrace's line is, in a state.
fn own(state: &str) -> &'static str {
    if state == "stuck" {
        "oomtrace-capture"
    } else {
        "oomtrace"
    }
}

/// As Markdown.
fn table(states: &[String], times: &Times<'_>) -> String {
    let mut text = String::from(
        "| state | tool | kills reported | p50, ms | p99, ms | longest, ms |\n|---|---|---:|---:|---:|---:|\n",
    );
    for state in states {
        let mut rows: Vec<_> = times
            .iter()
            .filter(|((of, tool), _)| of == state && !["marker", "kernel"].contains(tool))
            .collect();
        rows.sort_by_key(|((_, tool), _)| !tool.starts_with("oomtrace"));
        for ((_, tool), times) in rows {
            let told = times.iter().flatten().count();
            let cells = quantiles(times).map_or_else(
                || "– | – | –".to_owned(),
                |quantiles| quantiles.map(|time| format!("{time:.2}")).join(" | "),
            );
            text += &format!("| {state} | {tool} | {told} of {} | {cells} |\n", times.len());
        }
    }
    for ((state, _), width) in times.iter().filter(|((_, tool), _)| *tool == "marker") {
        let widest = width.iter().flatten().max().copied().unwrap_or_default() as f64 / 1e6;
        text += &format!("\n{state}: the kernel's clock is known to {widest:.2} ms at worst\n");
    }
    text + "\n"
}

/// Faster than bpftrace and than bcc, at the median and at p99, and no kill missing.
fn judge(states: &[String], times: &Times<'_>) -> Vec<(String, bool)> {
    let mut verdicts = Vec::new();
    for state in states {
        let ours = times
            .get(&(state.as_str(), own(state)))
            .map(Vec::as_slice)
            .unwrap_or_default();
        let told = ours.iter().flatten().count();
        verdicts.push((
            format!("{state}: {told} of {} kills reported", ours.len()),
            !ours.is_empty() && told == ours.len(),
        ));
        for peer in ["bpftrace", "bcc"] {
            let theirs = times.get(&(state.as_str(), peer)).and_then(|times| quantiles(times));
            let Some((ours, theirs)) = quantiles(ours).zip(theirs) else {
                verdicts.push((format!("{state}: compared with {peer}"), false));
                continue;
            };
            for (name, ours, theirs) in [("p50", ours[0], theirs[0]), ("p99", ours[1], theirs[1])] {
                verdicts.push((
                    format!("{state}: {name} of {ours:.2} ms, {peer}'s {theirs:.2} ms"),
                    ours <= theirs,
                ));
            }
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_was_told() {
        let times: Vec<_> = (1..=200).map(|time| Some(time * 1_000_000)).chain([None]).collect();
        assert_eq!(quantiles(&times), Some([100.0, 198.0, 200.0]));
        assert_eq!(quantiles(&[Some(-2_000_000)]), Some([-2.0, -2.0, -2.0]));
        assert_eq!(quantiles(&[None]), None);
    }

    #[test]
    fn slower_than_one_peer_and_a_kill_that_is_missing_do_not_hold() {
        let states = ["rest".to_owned()];
        let text = "rest oomtrace 5\nrest oomtrace missing\nrest bpftrace 6\nrest bpftrace 7\nrest bcc 4\nrest bcc 4\n";
        let held: Vec<bool> = judge(&states, &times(text).unwrap())
            .iter()
            .map(|(_, holds)| *holds)
            .collect();
        assert_eq!(held, [false, true, true, false, false]);
    }
}
