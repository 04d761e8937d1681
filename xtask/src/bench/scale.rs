//! `cargo xtask bench scale`: what it costs to watch a host of ordinary size, and how that grows with it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::guest::Cores;
use crate::inside::Inside;
use crate::kernel::Series;
use crate::step;
use crate::tally::tell_figures;

/// Instructions a second, memory, open files and system calls at some sizes of a host, 1 % of whose cgroups move
///
/// oomtrace is the service as it is shipped; beside it, on the same host, systemd-cgtop and a loop that reads
/// `memory.current` of every cgroup once a second from files that stay open. In a guest whose clock counts instructions.
/// 100 and 1,000 take about ten minutes on two slow cores; 10,000 by itself up to half an hour.
#[derive(Debug, Args)]
pub(crate) struct Scale {
    /// How many cgroups; several, separated by commas, one guest each
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "100,1000", value_parser = clap::value_parser!(u32).range(100..))]
    cgroups: Vec<u32>,

    /// Series of the kernel
    #[arg(long = "kernel", value_name = "SERIES", default_value = "6.12")]
    kernel: Series,

    /// The best way to learn from the kernel that oomtrace tries: `poll` is files alone
    #[arg(long, value_name = "WAY", default_value = "auto")]
    probes: String,

    /// Seconds of the guest that are measured, once ten have passed
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,

    /// The guest's time, in minutes of this machine
    #[arg(long, value_name = "MIN", default_value_t = 60)]
    at_most: u64,

    /// oomtrace's limit of open files (LimitNOFILE=) in place of the one that it is shipped with
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(64..))]
    files: Option<u32>,

    /// Fails where a figure is above what it may be
    #[arg(long)]
    check: bool,
}

/// What was measured on one host.
#[derive(Debug)]
struct Host {
    /// Cgroups that were asked for, and that there are, the guest's own among them.
    asked: u32,
    all: f64,
    /// Microseconds of CPU time: a second, and of a round.
    used: f64,
    cgtop: f64,
    plain: f64,
    /// KiB.
    resident: f64,
    peak: f64,
    files: f64,
    /// `None` where the kernel could not count them.
    calls: Option<f64>,
    /// Samples that it recorded a second.
    samples: f64,
}

/// What may not be passed, of a number of cgroups.
struct Bound {
    cgroups: u32,
    probes: &'static str,
    /// Instructions a second, millions.
    instructions: f64,
    /// MiB; files alone are bound by instructions only.
    memory: Option<(f64, f64)>,
}

/// A core is taken for three thousand million instructions a second.
const BOUNDS: [Bound; 3] = [
    Bound {
        cgroups: 1_000,
        probes: "auto",
        instructions: 6.0,
        memory: Some((24.0, 40.0)),
    },
    Bound {
        cgroups: 10_000,
        probes: "auto",
        instructions: 30.0,
        memory: Some((48.0, 64.0)),
    },
    Bound {
        cgroups: 1_000,
        probes: "poll",
        instructions: 60.0,
        memory: None,
    },
];

/// oomtrace against systemd-cgtop.
const SHARE_OF_CGTOP: f64 = 1.0 / 20.0;

impl Scale {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let mut hosts = Vec::new();
        for cgroups in &self.cgroups {
            step(format_args!("{cgroups} cgroups, probes: {}", self.probes));
            let host = self.measure(*cgroups)?;
            // A later one may fail, after long.
            step(table(std::slice::from_ref(&host)).trim_end());
            hosts.push(host);
        }
        print!("{}", table(&hosts));
        let verdicts: Vec<(String, bool)> = hosts.iter().flat_map(|host| judge(host, &self.probes)).collect();
        let all_hold = tell_figures(&verdicts);
        Ok(if self.check && !all_hold {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    fn measure(&self, cgroups: u32) -> Result<Host> {
        let (count, moving) = (cgroups.to_string(), (cgroups / 100).to_string());
        let files = self
            .files
            .map_or_else(|| "default".to_owned(), |files| files.to_string());
        let text = Inside {
            kernel: self.kernel,
            cores: Cores::Counting,
            peers: false,
            // A cgroup takes some 50 KiB, a process that moves two MiB.
            memory_mb: 1024 + cgroups / 8,
            timeout: self.at_most * 60,
            programs: &["plain"],
            files: &["tests/bench/scale.sh", "tests/scenarios/host.py"],
        }
        .run(&[
            "bash",
            "/share/scale.sh",
            &count,
            &moving,
            &self.seconds.to_string(),
            &self.probes,
            &files,
        ])?;
        let mut told = BTreeMap::new();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(' ') else {
                bail!("not a measurement: {line}");
            };
            told.insert(key, value.parse::<f64>().with_context(|| line.to_owned())?);
        }
        let of = |key: &str| {
            told.get(key)
                .copied()
                .with_context(|| format!("{key} was not measured"))
        };
        Ok(Host {
            asked: cgroups,
            all: of("cgroups")?,
            used: of("used")?,
            cgtop: of("cgtop")?,
            plain: of("plain")?,
            resident: of("resident")?,
            peak: of("peak")?,
            files: of("files")?,
            calls: of("calls").ok(),
            samples: of("samples")?,
        })
    }
}

/// A thousandth of a microsecond is an instruction.
fn millions(microseconds: f64) -> f64 {
    microseconds / 1e3
}

fn mebibytes(kibibytes: f64) -> f64 {
    kibibytes / 1024.0
}

/// As Markdown.
fn table(hosts: &[Host]) -> String {
    let mut text = String::from(
        "| cgroups | oomtrace, M instr/s | a cgroup, instr/s | of a core of 3 G instr/s | resident, MiB | peak, MiB | open files | system calls/s | samples/s | systemd-cgtop, M instr/round | oomtrace : cgtop | plain loop, M instr/round | oomtrace : plain |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for host in hosts {
        let used = millions(host.used);
        text += &format!(
            "| {} | {used:.1} | {:.0} | {:.2} % | {:.1} | {:.1} | {} | {} | {:.0} | {:.1} | 1 : {:.2} | {:.1} | {:.2} : 1 |\n",
            host.all,
            used * 1e6 / host.all,
            used / 30.0,
            mebibytes(host.resident),
            mebibytes(host.peak),
            host.files,
            host.calls.map_or_else(|| "?".to_owned(), |calls| format!("{calls:.0}")),
            host.samples,
            millions(host.cgtop),
            host.cgtop / host.used,
            millions(host.plain),
            host.used / host.plain,
        );
    }
    for pair in hosts.windows(2) {
        if let [less, more] = pair {
            let further = more.all - less.all;
            text += &format!(
                "\nfrom {} to {}, each further cgroup: {:.0} instructions a second (systemd-cgtop {:.0}, plain loop {:.0} a round), {:.2} KiB resident\n",
                less.all,
                more.all,
                millions(more.used - less.used) * 1e6 / further,
                millions(more.cgtop - less.cgtop) * 1e6 / further,
                millions(more.plain - less.plain) * 1e6 / further,
                (more.resident - less.resident) / further,
            );
        }
    }
    text + "\n"
}

/// What is to hold there, and whether it does.
fn judge(host: &Host, probes: &str) -> Vec<(String, bool)> {
    let mut verdicts = Vec::new();
    let mut at_most = |what: &str, value: f64, most: f64| {
        verdicts.push((
            format!("{} cgroups, {what}: {value:.2}, at most {most:.2}", host.asked),
            value <= most,
        ));
    };
    let bounds = BOUNDS
        .iter()
        .filter(|bound| bound.cgroups == host.asked && bound.probes == probes);
    for bound in bounds {
        at_most("million instructions a second", millions(host.used), bound.instructions);
        if let Some((resident, peak)) = bound.memory {
            at_most("MiB resident", mebibytes(host.resident), resident);
            at_most("MiB at its peak", mebibytes(host.peak), peak);
            at_most(
                "of systemd-cgtop's instructions",
                host.used / host.cgtop,
                SHARE_OF_CGTOP,
            );
        }
    }
    let moving = f64::from(host.asked / 100);
    verdicts.push((
        format!(
            "{} cgroups, samples a second: {:.1}, those that move: {moving:.0}",
            host.asked, host.samples
        ),
        host.samples >= 0.9 * moving,
    ));
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(used: f64) -> Host {
        Host {
            asked: 1_000,
            all: 1_030.0,
            used,
            cgtop: 130_000.0,
            plain: 10_000.0,
            resident: 20.0 * 1024.0,
            peak: 41.0 * 1024.0,
            files: 50.0,
            calls: None,
            samples: 12.0,
        }
    }

    #[test]
    fn each_figure_is_judged_by_itself() {
        let held = |used, probes| {
            judge(&host(used), probes)
                .iter()
                .map(|(_, holds)| *holds)
                .collect::<Vec<_>>()
        };
        assert_eq!(held(5_900.0, "auto"), [true, true, false, true, true]);
        assert_eq!(held(6_600.0, "auto"), [false, true, false, false, true]);
        assert_eq!(held(59_000.0, "poll"), [true, true]);
        let blind = Host {
            asked: 300,
            samples: 0.0,
            ..host(1.0)
        };
        assert!(
            matches!(judge(&blind, "auto").as_slice(), [(_, false)]),
            "it is cheap to see nothing"
        );
    }

    #[test]
    fn the_slope_is_between_two_hosts() {
        let larger = Host {
            all: 2_030.0,
            ..host(8_000.0)
        };
        let text = table(&[host(6_000.0), larger]);
        assert!(
            text.contains(
                "| 1030 | 6.0 | 5825 | 0.20 % | 20.0 | 41.0 | 50 | ? | 12 | 130.0 | 1 : 21.67 | 10.0 | 0.60 : 1 |"
            ),
            "{text}"
        );
        assert!(
            text.contains("each further cgroup: 2000 instructions a second"),
            "{text}"
        );
    }
}
