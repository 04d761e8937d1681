//! `cargo xtask bench charge`: what a page fault costs, without and with oomtrace.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::guest::Cores;
use crate::inside::Inside;
use crate::kernel::Series;

/// Ten times what the measurement takes on two slow cores, in seconds.
const GUEST_TIMEOUT: u64 = 1800;

/// Instructions of a page fault in a limited unit, all probes on against none
///
/// In a guest whose clock counts instructions, so that the ratio is repeatable on a noisy machine. Fails above the
/// ratio that may not be passed.
#[derive(Debug, Args)]
pub(crate) struct Charge {
    /// Series of the kernel
    #[arg(long = "kernel", value_name = "SERIES", default_value = "6.12")]
    kernel: Series,

    /// Measurements of each case and state [default: 3, with --stacks 7, with --peers 5]
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,

    /// With `oomtrace stacks`, which follows the pages, in place of the watch
    #[arg(long)]
    stacks: bool,

    /// With --stacks, a page that a program asks malloc for, beside bpftrace that counts stacks of faults and bcc's memleak
    #[arg(long, requires = "stacks", conflicts_with = "at_most")]
    peers: bool,

    /// With --stacks, how many pages one stands for [default: as `oomtrace stacks` has it]
    #[arg(long, value_name = "N", requires = "stacks")]
    one_in: Option<u32>,

    /// The highest ratio that is no failure, for faults with room below the limit [default: 1.01, with --stacks 1.03];
    /// at the limit it is 1.05, with --stacks 1.03
    #[arg(long, value_name = "RATIO")]
    at_most: Option<f64>,
}

impl Charge {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        // At the limit the cost itself varies by more than what is looked for.
        let (what, rounds) = match (self.stacks, self.peers) {
            (false, _) => ("watch", 3),
            (true, false) => ("stacks", 7),
            (true, true) => ("peers", 5),
        };
        let rounds = self.rounds.unwrap_or(rounds).to_string();
        let one_in = self.one_in.map(|one_in| one_in.to_string()).unwrap_or_default();
        let at_most = self.at_most.unwrap_or(if self.stacks { 1.03 } else { 1.01 });
        let text = Inside {
            kernel: self.kernel,
            cores: Cores::Counting,
            peers: self.peers,
            memory_mb: 1024,
            timeout: GUEST_TIMEOUT,
            programs: &["faults"],
            files: &["tests/bench/charge.sh"],
        }
        .run(&["bash", "/share/charge.sh", &rounds, what, &one_in])?;
        let mut cases: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
        for line in text.lines() {
            match *line.split(' ').collect::<Vec<_>>() {
                ["probe", name, via] => println!("{name:<24} {via}"),
                [case, state, nanoseconds] => cases
                    .entry((case, state))
                    .or_default()
                    .push(nanoseconds.parse().with_context(|| line.to_owned())?),
                _ => bail!("not a measurement: {line}"),
            }
        }
        if self.peers {
            for (case, tool) in cases.keys().filter(|(_, tool)| *tool != "off") {
                ratio("a page of malloc", case, tool, &cases)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let room = ratio("with room below the limit", "room", "oomtrace", &cases)?;
        let limit = ratio("at the limit, reclaiming cache", "limit", "oomtrace", &cases)?;
        if room > at_most {
            bail!("a fault costs {room:.4} of what it does without oomtrace, {at_most} at most");
        }
        let at_limit = if self.stacks { 1.03 } else { 1.05 };
        if limit > at_limit {
            bail!("at the limit a fault costs {limit:.4} of what it does without oomtrace, {at_limit} at most");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints a case and returns what it costs with a tool against none.
fn ratio(title: &str, case: &str, tool: &str, cases: &BTreeMap<(&str, &str), Vec<f64>>) -> Result<f64> {
    let median = |state| {
        let mut values = cases.get(&(case, state)).cloned().unwrap_or_default();
        values.sort_by(f64::total_cmp);
        let spread = values.last().zip(values.first()).map(|(high, low)| high - low);
        let middle = values.get(values.len() / 2).copied();
        middle
            .zip(spread)
            .with_context(|| format!("nothing was measured: {case} {state}"))
    };
    let ((off, off_spread), (on, on_spread)) = (median("off")?, median(tool)?);
    println!(
        "{title}: {off:.0} instructions a fault without (spread {off_spread:.0}), {on:.0} with {tool} (spread \
         {on_spread:.0}), ratio {:.4}",
        on / off
    );
    Ok(on / off)
}
