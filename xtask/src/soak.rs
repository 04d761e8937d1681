//! `cargo xtask soak`: the shipped service on a host that is never quiet, for as long as it is given.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::guest::Cores;
use crate::inside::Inside;
use crate::kernel::Series;
use crate::step;
use crate::tally::tell_figures;

/// The service among restarts, storms, clock steps and thousands of cgroups that come and go: nothing lost, nothing grows
///
/// In a guest, with time compressed: ten samples a second of each of 200 units, a thousand births and ends of cgroups a second,
/// process ids that are used again after 4,096. In turn: kills in eight cgroups at once, restarts, limits changed by hand,
/// scrapes, the clock set on and back by an hour and on by a day, the observer stopped for seconds as a suspend stops it, victims that
/// rename themselves, journald restarted, systemd executed anew, systemd-oomd stopped and started, D-Bus restarted and gone, SIGHUP. Fails where a kill is missing or wrong, or what the observer holds grows.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// Minutes of the guest, once the host is there
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,

    /// Series of the kernel
    #[arg(long = "kernel", value_name = "SERIES", default_value = "6.12")]
    kernel: Series,
}

/// What the guest measured.
#[derive(Debug, Default)]
struct Outcome {
    values: BTreeMap<String, u64>,
    /// After each round: anonymous memory in KiB, open files.
    held: Vec<(u64, u64)>,
}

/// Anonymous memory may differ by so much between the middle of the time and its end, and still not grow, in KiB.
const STEADY_KIB: u64 = 2_048;

/// And open files by so many, but those of cgroups.
const STEADY_FILES: u64 = 16;

/// Files of cgroups that are held open at most (observer/src/cgroup/open.rs).
const CGROUP_FILES: u64 = 2_048;

impl Soak {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let minutes = self.minutes.to_string();
        step(format_args!(
            "a soak of {minutes} min, once the guest has made its units"
        ));
        let text = Inside {
            kernel: self.kernel,
            cores: Cores::Shared,
            peers: false,
            memory_mb: 2048,
            timeout: u64::from(self.minutes) * 60 + 1800,
            programs: &[],
            files: &["tests/soak/soak.py"],
        }
        .run(&["python3", "/share/soak.py", &minutes])?;
        let outcome = Outcome::parse(&text)?;
        print!("{text}");
        let verdicts = outcome.judge()?;
        let all_hold = tell_figures(&verdicts);
        Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Outcome {
    fn parse(text: &str) -> Result<Self> {
        let mut outcome = Self::default();
        for line in text.lines() {
            let number = |text: &str| text.parse::<u64>().with_context(|| line.to_owned());
            match *line.split(' ').collect::<Vec<_>>() {
                ["held", memory, files] => outcome.held.push((number(memory)?, number(files)?)),
                [key, value] => {
                    outcome.values.insert(key.to_owned(), number(value)?);
                }
                _ => bail!("not a measurement: {line}"),
            }
        }
        Ok(outcome)
    }

    fn judge(&self) -> Result<Vec<(String, bool)>> {
        let of = |key: &str| {
            self.values
                .get(key)
                .copied()
                .with_context(|| format!("no {key} was measured"))
        };
        let (counted, told) = (of("counted")?, of("told")?);
        // What it holds at first is on its way; the median of a third is what one round's chance does not move.
        let third = self.held.len() / 3;
        let median = |part: &[(u64, u64)], value: fn(&(u64, u64)) -> u64| {
            let mut values: Vec<u64> = part.iter().map(value).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied()
        };
        let of_thirds = |value| {
            let middle = self.held.get(third..2 * third).and_then(|part| median(part, value));
            let end = self.held.get(2 * third..).and_then(|part| median(part, value));
            middle
                .zip(end)
                .context("fewer rounds than can be compared: give it more minutes")
        };
        let (memory, memory_end) = of_thirds(|held| held.0)?;
        let (files, files_end) = of_thirds(|held| held.1)?;
        Ok(vec![
            (
                format!("{told} kills told of the {counted} that the kernel counted"),
                told == counted && told > 0,
            ),
            (format!("{} of them wrong", of("wrong")?), of("wrong")? == 0),
            (
                format!(
                    "{} kill records lost, {} counted kills unexplained",
                    of("lost")?,
                    of("unexplained")?
                ),
                of("lost")? + of("unexplained")? == 0,
            ),
            ("one process from the first to the last".to_owned(), of("same")? == 1),
            (
                format!("its captures are read without a damage, {} samples", of("samples")?),
                of("replayed")? == 0,
            ),
            (
                format!("anonymous memory {memory} KiB in the middle, {memory_end} at the end"),
                memory_end <= memory + STEADY_KIB,
            ),
            (
                format!("open files {files} in the middle, {files_end} at the end"),
                files_end <= files + STEADY_FILES,
            ),
            (
                format!("{} files of cgroups at once", of("cgroup_files")?),
                of("cgroup_files")? <= CGROUP_FILES,
            ),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(held: &str) -> Vec<bool> {
        let values =
            "counted 9\ntold 9\nwrong 0\nlost 0\nunexplained 0\nsame 1\nsamples 5\nreplayed 0\ncgroup_files 9\n";
        let outcome = Outcome::parse(&format!("{values}{held}")).unwrap();
        outcome.judge().unwrap().into_iter().map(|(_, holds)| holds).collect()
    }

    #[test]
    fn what_grows_from_the_middle_to_the_end_does_not_hold() {
        assert!(
            outcome("held 1000 50\nheld 9000 80\nheld 9100 80\nheld 9000 90\nheld 9000 80\nheld 9500 81\n")
                .iter()
                .all(|holds| *holds)
        );
        let grown = outcome("held 1000 50\nheld 9000 80\nheld 9100 80\nheld 9000 90\nheld 99000 800\nheld 99500 810\n");
        assert_eq!(grown.iter().filter(|holds| !**holds).count(), 2);
    }

    #[test]
    fn a_kill_that_is_missing_does_not_hold() {
        let mut outcome = Outcome::parse(
            "counted 9\ntold 8\nwrong 0\nlost 0\nunexplained 0\nsame 1\nsamples 5\nreplayed 0\ncgroup_files 9\n",
        )
        .unwrap();
        assert!(outcome.judge().is_err(), "nothing to compare");
        outcome.held = vec![(1, 1); 6];
        assert_eq!(outcome.judge().unwrap().iter().filter(|(_, holds)| !holds).count(), 1);
    }
}
