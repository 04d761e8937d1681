//! What is told of a kill from a log alone: the reports that people pasted, read by oomtrace and by what parses such logs
//! elsewhere, each by its published rules.
//!
//! Nothing is booted. What is true of a report stands beside it (`observer-engine/tests/reports`, docs/logs.md).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context as _, Result};
use regex::Regex;
use serde_json::Value;

use super::score::{Cell, Claim, Fact, Kill};
use super::tools::{cadvisor, node_problem_detector, oomtrace};

/// A log, and what is true of it.
struct Report {
    name: String,
    path: PathBuf,
    log: String,
    kills: Vec<Kill>,
    /// Whether there are more kills than these.
    has_more: bool,
}

/// What reads a log, and what it makes of one.
struct Parser {
    name: &'static str,
    what: &'static str,
    claims: fn(&Path, &Report) -> Result<Vec<Claim>>,
}

const PARSERS: [Parser; 4] = [
    Parser {
        name: "oomtrace",
        what: "`oomtrace why --log`",
        claims: own,
    },
    Parser {
        name: "OOMAnalyser",
        what: "OOMAnalyser's rules: the block from the first `invoked oom-killer:` to `Killed process`, its leading columns counted at the line that begins with `CPU:`",
        claims: |_, report| Ok(oom_analyser(&report.log)),
    },
    Parser {
        name: "cadvisor",
        what: "the expressions of cadvisor's `utils/oomparser`, on each line as it stands",
        claims: |_, report| Ok(cadvisor(&records(&report.log))),
    },
    Parser {
        name: "n-p-d",
        what: "the rule `OOMKilling` of node-problem-detector's `kernel-monitor.json`, on each line as it stands",
        claims: |_, report| Ok(node_problem_detector(&records(&report.log))),
    },
];

/// The page of all reports, as Markdown. `program` is oomtrace.
pub(super) fn page(program: &Path, reports: &Path) -> Result<String> {
    let mut rows = String::new();
    let mut sums: [BTreeMap<char, [usize; 3]>; PARSERS.len()] = Default::default();
    for report in read_all(reports)? {
        let kills = &report.kills;
        let asked = Fact::ALL.iter().filter(|fact| fact.is_known(kills));
        let asked: String = asked.map(|fact| fact.letter()).collect();
        let _ = write!(rows, "| `{}` | `{asked}` |", report.name);
        for (parser, sums) in PARSERS.iter().zip(&mut sums) {
            let claims = (parser.claims)(program, &report)?;
            let count = if report.has_more { claims.len() } else { kills.len() };
            let cell = Cell::new(kills, count, &claims);
            for (fact, tally) in cell.tallies() {
                let sum = sums.entry(fact.letter()).or_default();
                for (sum, number) in sum.iter_mut().zip(tally) {
                    *sum += number;
                }
            }
            let _ = write!(rows, " `{cell}` |");
        }
        rows.push('\n');
    }
    let mut text = String::from(
        "# Conformance: what a log alone shows

Made by `cargo xtask conformance --logs --markdown docs/conformance-logs.md`: every report of `observer-engine/tests/reports`
([logs.md](logs.md) says what each is), scored as in [conformance.md](conformance.md). The others are restated from their published rules
and given each line as it stands; none of them claims to read all of these forms, and cadvisor and n-p-d read the kernel's own device only.
The reports were chosen while oomtrace was made: its own column says that they are read, not how it does on others.

",
    );
    for parser in &PARSERS {
        let _ = writeln!(text, "* {}: {}", parser.name, parser.what);
    }
    text.push_str("\nOf all reports together, right · unknown · wrong:\n\n| fact |");
    for parser in &PARSERS {
        let _ = write!(text, " {} |", parser.name);
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(PARSERS.len()));
    for fact in Fact::ALL {
        let _ = write!(text, "| {} |", fact.meaning());
        for sums in &sums {
            let [right, not_told, wrong] = sums.get(&fact.letter()).copied().unwrap_or_default();
            let _ = write!(text, " {right} · {not_told} · {wrong} |");
        }
        text.push('\n');
    }
    text.push_str("\n| report | asked |");
    for parser in &PARSERS {
        let _ = write!(text, " {} |", parser.name);
    }
    let _ = writeln!(text, "\n|---|---|{}", "---|".repeat(PARSERS.len()));
    Ok(text + &rows)
}

fn read_all(folder: &Path) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "log") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let expect: Value = serde_json::from_slice(&fs::read(path.with_extension("expect.json"))?)?;
        let kills = expect["kills"].as_array().cloned().unwrap_or_default();
        let kills = kills.into_iter().filter_map(|mut kill| {
            kill["event"] = "kill".into();
            Kill::from_line(&kill)
        });
        let log = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        reports.push(Report {
            name,
            log,
            kills: kills.collect(),
            has_more: expect["more"] == true,
            path,
        });
    }
    reports.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(reports)
}

fn own(program: &Path, report: &Report) -> Result<Vec<Claim>> {
    let output = Command::new(program)
        .args(["why", "--all", "--json", "--log"])
        .arg(&report.path)
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    Ok(oomtrace(&String::from_utf8_lossy(&output.stdout)))
}

/// Lines as records of the device: what stands before the first `;` is not looked at.
fn records(log: &str) -> String {
    log.lines().map(|line| format!(";{line}\n")).collect()
}

/// <https://git.sr.ht/~carstengrohmann/OOMAnalyser>, `OOMEntity` and `EXTRACT_PATTERN_BASE`: one report of a text. What it needs and
/// does not find is left out here; it says so itself.
fn oom_analyser(log: &str) -> Vec<Claim> {
    static TRIGGER: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?m)^CPU: \d+ PID: (\d+) Comm: .* (?:Not tainted|Tainted:.*) \d[\w.+-]+ #\d").ok()
    });
    static VICTIM: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?m)^(?:(?:Memory cgroup o|O)ut of memory: )?Killed process (\d+),? (?:UID \d+, )?\([\S ]+\) total-vm:\d+kB, anon-rss:\d+kB, file-rss:\d+kB").ok()
    });
    static IN_CGROUP: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?m)^memory: usage \d+kB, limit \d+kB, failcnt \d+").ok());
    let Some(block) = block(log) else { return Vec::new() };
    let number = |regex: &Option<Regex>| regex.as_ref()?.captures(&block)?.get(1)?.as_str().parse().ok();
    let in_cgroup = IN_CGROUP.as_ref().is_some_and(|regex| regex.is_match(&block));
    let Some(pid) = number(&VICTIM) else { return Vec::new() };
    vec![Claim {
        pid: Some(pid),
        cgroup: None,
        limit: (!in_cgroup).then(|| "/".to_owned()),
        origin: Some(if in_cgroup { "memcg_limit" } else { "host" }.to_owned()),
        trigger: number(&TRIGGER),
    }]
}

/// The first report without what stands before the kernel's words, as far as that is so many columns in each line.
fn block(log: &str) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in log.lines().skip_while(|line| !line.contains("invoked oom-killer:")) {
        lines.push(line.replacen("kernel:", "", 1));
        if line.contains("Killed process") {
            break;
        }
    }
    if lines.is_empty() {
        return None;
    }
    let columns = lines
        .iter()
        .find_map(|line| line.split(' ').position(|word| word == "CPU:"));
    let columns = columns.unwrap_or(0);
    let stripped = lines.iter().flat_map(|line| line.split("#012")).map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        words.get(columns..).unwrap_or_default().join(" ")
    });
    Some(stripped.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_report_with_a_prefix_of_columns_is_what_it_reads() {
        let log = "Apr 01 14:13:32 mysrv kernel: sed invoked oom-killer: gfp_mask=0x201da, order=0, oom_score_adj=0\n\
            Apr 01 14:13:32 mysrv kernel: CPU: 4 PID: 29481 Comm: sed Not tainted 3.10.0-514.6.1.el7.x86_64 #1\n\
            Apr 01 14:13:32 mysrv kernel: Killed process 6576 (mysqld) total-vm:33914892kB, anon-rss:20629004kB, file-rss:0kB, shmem-rss:0kB\n\
            Apr 01 14:13:33 mysrv kernel: Killed process 7 (b) total-vm:1kB, anon-rss:2kB, file-rss:0kB\n";
        let claims = oom_analyser(log);
        assert_eq!(claims.len(), 1);
        assert_eq!((claims[0].pid, claims[0].trigger), (Some(6576), Some(29481)));
        assert_eq!(claims[0].origin.as_deref(), Some("host"));
        assert!(oom_analyser("nothing").is_empty());
    }
}
