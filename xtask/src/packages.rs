//! Programs of the distribution that a step needs: as root they are installed, otherwise the one command is printed.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use crate::{cache, step};

/// A program, the Debian package it comes in, and what it is needed for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) purpose: &'static str,
}

/// Makes sure that every one of `tools` can be run.
pub(crate) fn require(tools: &[Tool]) -> Result<()> {
    ensure(|| {
        let missing = tools.iter().filter(|tool| find(tool.program).is_none());
        let wanted = missing.map(|tool| (tool.package, format!("{} ({})", tool.program, tool.purpose)));
        wanted.collect()
    })
}

/// Makes sure that these Debian packages are installed.
pub(crate) fn install(packages: &[String], purpose: &str) -> Result<()> {
    let sh = Shell::new()?;
    let is_missing = |package: &&str| {
        let format = "--showformat=${db:Status-Abbrev}";
        let status = cmd!(sh, "dpkg-query --show {format} {package}")
            .quiet()
            .ignore_stderr()
            .read();
        !status.is_ok_and(|status| status.starts_with("ii"))
    };
    ensure(|| {
        let missing = packages.iter().map(String::as_str).filter(is_missing);
        missing.map(|package| (package, purpose.to_owned())).collect()
    })
}

/// Installs what `missing` names, packages and what each is for, one xtask at a time: apt takes no second one.
fn ensure<'a>(missing: impl Fn() -> Vec<(&'a str, String)>) -> Result<()> {
    if missing().is_empty() {
        return Ok(());
    }
    let _lock = cache::lock(&cache::root()?, "packages")?;
    let (mut packages, mut purposes): (Vec<_>, Vec<_>) = missing().into_iter().unzip();
    if packages.is_empty() {
        return Ok(()); // the other xtask installed them while we waited
    }
    packages.dedup();
    purposes.dedup();
    let (names, purpose) = (packages.join(" "), purposes.join(", "));
    if !is_root()? {
        bail!("missing: {purpose}; install with: sudo apt-get install --no-install-recommends {names}");
    }
    step(format!("installing {names} from the distribution: {purpose}"));
    let sh = Shell::new()?;
    sh.set_var("DEBIAN_FRONTEND", "noninteractive");
    // Daemons are wanted as programs: init scripts of another run level are not started.
    sh.set_var("RUNLEVEL", "1");
    // Someone else's apt, as unattended-upgrades, is waited for.
    let patience = "--option=DPkg::Lock::Timeout=600";
    // stdout belongs to the step's own result.
    let update = cmd!(sh, "apt-get update --quiet {patience}")
        .quiet()
        .ignore_stdout()
        .run();
    cmd!(
        sh,
        "apt-get install --yes --quiet --no-install-recommends {patience} {packages...}"
    )
    .quiet()
    .ignore_stdout()
    .run()
    .with_context(|| match update {
        Ok(()) => format!("cannot install {names}"),
        Err(error) => format!("cannot install {names} ({error})"),
    })
}

/// The path of `program`, also where only root's PATH has it (`mke2fs`, `depmod`).
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

pub(crate) fn is_root() -> Result<bool> {
    let sh = Shell::new()?;
    Ok(cmd!(sh, "id --user").quiet().read()? == "0")
}
