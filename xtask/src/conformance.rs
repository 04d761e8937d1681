//! `cargo xtask conformance`: every scenario with ground truth, watched by oomtrace and by its peers at once, and a table
//! of who told what.
//!
//! What a tool wrote becomes claims (`tools`); claims are compared with the scenario's truth, fact by fact (`score`).
//! oomtrace is a tool like the others there.

mod logs;
mod score;
mod tools;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use oomtrace_tests::Scenario;

use crate::binary::{Profile, oomtrace};
use crate::kernel::Series;
use crate::{guest, workspace};
use score::{Cell, Fact, Kill};
use tools::{TOOLS, Tool};

/// How long a guest may take for all scenarios, in seconds: three times what it takes on two slow cores.
const GUEST_TIMEOUT: &str = "3600";

/// Compare oomtrace with other tools that tell of memory kills: a table of scenarios by tool
///
/// Every scenario is run in a guest while all tools watch the same kills, each as the distribution packages it. What a
/// tool told is compared with what the scenario knows to be true.
#[derive(Debug, Args)]
pub(crate) struct Conformance {
    /// Series of the kernels
    #[arg(long = "kernel", value_name = "SERIES", default_value = "6.12")]
    kernels: Vec<Series>,

    /// All kernels
    #[arg(long, conflicts_with = "kernels")]
    all: bool,

    /// Only these scenarios
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,

    /// Write the table to this file too, as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// Compare what the last run left in target/vm again, and boot nothing
    #[arg(long)]
    again: bool,

    /// Compare what is told from logs alone, of the reports of the tests; boots nothing
    #[arg(long, conflicts_with_all = ["all", "kernels", "scenarios", "again"])]
    logs: bool,
}

impl Conformance {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        if self.logs {
            let program = oomtrace(Profile::Release)?;
            let reports = workspace().join("observer-engine/tests/reports");
            return self.finish(&logs::page(&program, &reports)?, str::to_owned);
        }
        let root = workspace().join("tests/scenarios");
        let mut scenarios = Scenario::all(&root)?;
        scenarios.retain(|scenario| match self.scenarios.as_slice() {
            [] => !scenario.expectation.long,
            named => named.contains(&scenario.name),
        });
        // All run in one guest.
        scenarios.retain(|scenario| scenario.expectation.append.is_empty());
        if scenarios.is_empty() {
            bail!("no such scenario below {}", root.display());
        }
        let kernels = if self.all { &Series::ALL[..] } else { &self.kernels };
        let mut text = String::new();
        for kernel in kernels {
            let out = workspace().join(format!("target/vm/{kernel}/out"));
            if !self.again {
                run_guest(&kernel.to_string(), &root, &scenarios)?;
            }
            let _ = writeln!(text, "{}", table(&kernel.to_string(), &scenarios, &out)?);
        }
        self.finish(&text, page)
    }

    /// Prints the tables, and writes the page that they are in.
    fn finish(&self, text: &str, page: impl Fn(&str) -> String) -> Result<ExitCode> {
        print!("{text}");
        if let Some(path) = &self.markdown {
            fs::write(path, page(text)).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn run_guest(kernel: &str, root: &Path, scenarios: &[Scenario]) -> Result<()> {
    let mut vm = guest::ending_with_xtask(std::env::current_exe()?)?;
    vm.args(["vm", "--peers", "--kernel", kernel, "--timeout", GUEST_TIMEOUT]);
    // The peers take memory too.
    vm.args(["--memory", "1536", "--share"]).arg(root);
    vm.args(["--", "bash", "/share/peers.sh"])
        .args(scenarios.iter().map(|scenario| &scenario.name));
    if !vm.status()?.success() {
        bail!("the guest with Linux {kernel} failed");
    }
    Ok(())
}

/// The table of one kernel, as Markdown.
fn table(kernel: &str, scenarios: &[Scenario], out: &Path) -> Result<String> {
    let mut notes = String::new();
    let mut running = Vec::new();
    for tool in TOOLS {
        match tool.fault(out) {
            None => running.push(Some(tool)),
            Some(why) => {
                running.push(None);
                let _ = writeln!(notes, "* {} did not run on this kernel: {why}", tool.name);
            }
        }
    }
    let mut text = format!("## Linux {kernel}\n\n| scenario | asked |");
    for tool in TOOLS {
        let _ = write!(text, " {} |", tool.name);
    }
    let _ = writeln!(text, " oomtrace leads |\n|---|---|{}---|", "---|".repeat(TOOLS.len()));
    for scenario in scenarios {
        let folder = out.join("full").join(&scenario.name);
        let kills = scenario
            .expected(&folder)
            .map(|lines| lines.iter().filter_map(Kill::from_line).collect::<Vec<_>>());
        let kills = match kills {
            Ok(kills) => kills,
            Err(error) => {
                let _ = writeln!(notes, "* {}: no ground truth: {error:#}", scenario.name);
                continue;
            }
        };
        let asked = Fact::ALL.iter().filter(|fact| fact.is_known(&kills));
        let asked: String = asked.map(|fact| fact.letter()).collect();
        let cells = running
            .iter()
            .map(|tool| {
                tool.map(|tool| cell(tool, &folder, &kills, scenario.expectation.kills))
                    .transpose()
            })
            .collect::<Result<Vec<_>>>()?;
        let _ = write!(text, "| {} | `{asked}` |", scenario.name);
        for cell in &cells {
            match cell {
                Some(cell) => {
                    let _ = write!(text, " `{cell}` |");
                }
                None => text.push_str(" – |"),
            }
        }
        let _ = writeln!(text, " {} |", lead(&cells));
    }
    Ok(format!("{text}\n{notes}"))
}

fn cell(tool: &Tool, folder: &Path, kills: &[Kill], count: usize) -> Result<Cell> {
    let path = folder.join(tool.output);
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Cell::new(
        kills,
        count,
        &(tool.claims)(&String::from_utf8_lossy(&bytes)),
    ))
}

/// Whether the first cell, oomtrace's, is better than all others; and where not, who is as good.
fn lead(cells: &[Option<Cell>]) -> String {
    let Some((Some(own), peers)) = cells.split_first() else {
        return "no: it did not run".to_owned();
    };
    let who = |wanted: std::cmp::Ordering| -> Vec<&str> {
        let is_so = |cell: &Option<Cell>| cell.as_ref().is_some_and(|cell| cell.rank().cmp(&own.rank()) == wanted);
        let named = peers.iter().zip(TOOLS.iter().skip(1));
        named
            .filter(|(cell, _)| is_so(cell))
            .map(|(_, tool)| tool.name)
            .collect()
    };
    let (better, equal) = (who(std::cmp::Ordering::Greater), who(std::cmp::Ordering::Equal));
    if own.is_silence() {
        "nothing to report, nothing reported".to_owned()
    } else if !better.is_empty() {
        format!("no: {} reports more", better.join(", "))
    } else if !equal.is_empty() {
        format!("no: {} reports as much", equal.join(", "))
    } else {
        "yes".to_owned()
    }
}

fn page(tables: &str) -> String {
    let mut text = String::from(
        "# Conformance: what each tool reports about a memory kill

Measured by `cargo xtask conformance --markdown docs/conformance.md`: every scenario of `tests/scenarios` in a guest,
with all tools watching the same kills. A tool is scored by what the scenario knows to be true. What is told of kills from
logs alone: docs/conformance-logs.md.

A cell has a place for each fact that the scenario asks for. Capital letter: right for every kill. Small letter: right for
some, not reported for others. `·`: not reported. `✗`: reported, and wrong.

",
    );
    for fact in Fact::ALL {
        let _ = writeln!(text, "* `{}`: {}", fact.letter(), fact.meaning());
    }
    text.push_str("\nThe tools:\n\n");
    for tool in TOOLS {
        let _ = writeln!(text, "* {}: {}", tool.name, tool.what);
    }
    format!("{text}\n{}\n", tables.trim_end())
}
