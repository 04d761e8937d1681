//! `cargo xtask vm`: any command on real kernels, with the freshly built oomtrace beside it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::arch::Arch;
use crate::binary::{self, Profile};
use crate::guest::{Cores, Guest, Machine, Outcome};
use crate::kernel::{Flavour, Kernel, Pages, Series};
use crate::{cache, image, step, workspace};

/// Run a command as root in a guest: a real kernel, systemd as PID 1, the freshly built oomtrace on the PATH
///
/// The command's stdout, stderr and exit status are those of this step. What it leaves in /out comes back to
/// target/vm/KERNEL/out (emptied before), beside console.log. Without a command: a shell on the serial line.
/// Two guests run at once where their results lie apart: on two kernels, or with --results.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cargo xtask vm -- uname -r
  cargo xtask vm --kernel 6.1 --kernel 7.2 -- 'systemd-run -q --wait -p MemoryMax=64M stress-ng --vm 1; dmesg > /out/log'
  cargo xtask vm --arch aarch64 --pages 16k -- getconf PAGESIZE
  cargo xtask vm --share tests/traces -- ls -l /share")]
pub(crate) struct Vm {
    /// Series of the kernel, the newest of which is booted; several are run one after the other
    #[arg(long = "kernel", value_name = "SERIES", default_value = "6.12")]
    kernels: Vec<Series>,

    /// Kind of machine [default: this one's]
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,

    /// Size of the kernel's pages
    #[arg(long, value_name = "SIZE", default_value = "4k")]
    pages: Pages,

    /// Copy the content of this folder to /share in the guest
    #[arg(long, value_name = "DIR")]
    share: Option<PathBuf>,

    /// Another program for the guest's PATH; may be repeated
    #[arg(long = "program", value_name = "FILE")]
    programs: Vec<PathBuf>,

    /// Where what the guest leaves comes to, in place of target/vm/KERNEL
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,

    /// End the guest after this many seconds, boot included, with exit status 124
    ///
    /// A shell has no limit unless one is given.
    #[arg(
        long,
        value_name = "S",
        default_value_if("command", clap::builder::ArgPredicate::IsPresent, "300")
    )]
    timeout: Option<u64>,

    /// Let the guest's clock count instructions: timings are then repeatable costs (one CPU, 20 times slower)
    #[arg(long)]
    icount: bool,

    /// Run the guest's CPUs at the same time, for truer times; the guest dies of the emulation now and then
    #[arg(long, conflicts_with = "icount")]
    parallel: bool,

    /// CPUs of the guest
    #[arg(long, value_name = "N", default_value_t = 2)]
    smp: u32,

    /// Memory of the guest
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    memory: u32,

    /// More of the kernel's command line
    #[arg(long, value_name = "ARGS", default_value = "", allow_hyphen_values = true)]
    append: String,

    /// A root image that has the tools beside it that oomtrace is compared with, and the kernel's headers
    #[arg(long, conflicts_with = "arch")]
    peers: bool,

    /// A root image of this Debian release, with its systemd [default: bookworm before 6.12, else trixie]
    #[arg(long, value_name = "NAME", conflicts_with = "peers")]
    suite: Option<String>,

    /// A root image that has more packages
    #[arg(long, value_name = "NAME", conflicts_with_all = ["peers", "suite"], value_parser = PossibleValuesParser::new(image::names()))]
    image: Option<String>,

    /// How oomtrace is built
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,

    /// The command: several words are run as they are, one word alone is a line for bash
    #[arg(last = true)]
    command: Vec<String>,
}

impl Vm {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if let Some(share) = self.share.as_ref().filter(|share| !share.is_dir()) {
            bail!("--share {}: not a folder", share.display());
        }
        let command = script(&self.command);
        if command.is_none() && self.kernels.len() > 1 {
            bail!("a shell runs on one kernel at a time: give --kernel once, or a command");
        }
        if self.results.is_some() && self.kernels.len() > 1 {
            bail!("--results is for one guest: give --kernel once");
        }
        let cores = match (self.icount, self.parallel) {
            (true, _) => Cores::Counting,
            (false, true) => Cores::Parallel,
            (false, false) => Cores::Shared,
        };
        let machine = Machine {
            cpus: if self.icount { 1 } else { self.smp },
            memory_mb: self.memory,
            nodes: if self.icount { 1 } else { 2 },
            cores,
            append: self.append,
            timeout: self.timeout.map(Duration::from_secs),
        };
        let flavour = Flavour::new(self.arch, self.pages)?;
        let oomtrace = binary::oomtrace_for(flavour.arch, self.profile)?;
        let mut exit = 0;
        for &series in &self.kernels {
            let kernel = Kernel::newest_of(series, flavour)?;
            let image = match (&self.image, &self.suite) {
                _ if self.peers => image::with_peers(&kernel.release)?,
                (Some(name), _) => image::named(flavour.arch, name)?,
                (None, Some(suite)) => image::root(flavour.arch, suite)?,
                (None, None) => image::root(flavour.arch, &image::suite_of(flavour.arch, series)?)?,
            };
            let default = workspace().join(format!("target/vm/{series}{}", flavour.mark()));
            let results = self.results.as_ref().unwrap_or(&default);
            let name = results.file_name().context("--results: no name for a folder")?;
            let parent = results.parent().unwrap_or(Path::new("."));
            // Two guests may not write to the same folder.
            let _lock = cache::lock(parent, &name.to_string_lossy())?;
            let guest = Guest {
                kernel: &kernel,
                image: &image,
                oomtrace: &oomtrace,
                programs: &self.programs,
                share: self.share.as_deref(),
                command: command.clone(),
                machine: &machine,
                results,
            };
            step(format!(
                "booting Linux {} (emulated; systemd is up in about 15 s)",
                kernel.release
            ));
            let started = Instant::now();
            let status = match guest.run(std::io::stdout(), std::io::stderr())? {
                Outcome::Done(status) => status,
                Outcome::TimedOut => {
                    step(format!(
                        "Linux {} did not end within {} s (--timeout) and was switched off\n{}",
                        kernel.release,
                        started.elapsed().as_secs(),
                        guest.last_words()?
                    ));
                    124 // as timeout(1)
                }
            };
            if self.kernels.len() > 1 {
                step(format!("Linux {}: exit status {status}", kernel.release));
            }
            if exit == 0 {
                exit = status;
            }
        }
        Ok(ExitCode::from(exit))
    }
}

/// The command as a shell script: quoted word by word, or, if it is one word, as it is.
fn script(words: &[String]) -> Option<String> {
    match words {
        [] => None,
        [line] => Some(line.clone()),
        words => {
            let quoted: Vec<_> = words
                .iter()
                .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
                .collect();
            Some(format!("exec {}", quoted.join(" ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_guest_unsplit() {
        let words = ["echo", "a b", "it's", "$HOME", ""].map(str::to_owned);
        assert_eq!(script(&words).unwrap(), r"exec 'echo' 'a b' 'it'\''s' '$HOME' ''");
        assert_eq!(script(&["echo a; echo b".to_owned()]).unwrap(), "echo a; echo b");
        assert_eq!(script(&[]), None);
    }
}
