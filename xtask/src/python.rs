//! Programs that come as Python packages, from PyPI: each version is a folder of the cache.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::cache;
use crate::packages::{self, Tool};

const TOOLS: [Tool; 1] = [Tool {
    program: "pip3",
    package: "python3-pip",
    purpose: "installs what comes as Python packages",
}];

/// The folder of a Python package and what it needs.
pub(crate) fn package(requirement: &str) -> Result<PathBuf> {
    cache::entry(
        &format!("python-{requirement}"),
        &format!("installing {requirement} from PyPI"),
        |draft| {
            packages::require(&TOOLS)?;
            let status = Command::new("pip3")
                .args(["install", "--quiet", "--disable-pip-version-check", "--target"])
                .arg(draft)
                .arg(requirement)
                .status()?;
            ensure!(status.success(), "pip3 cannot install {requirement}");
            Ok(())
        },
    )
}

/// Runs a program that uses packages, each at one version, with arguments, and gives what it prints as JSON.
pub(crate) fn ask(requirements: &[&str], program: &str, arguments: &[&str]) -> Result<Value> {
    let folders = requirements.iter().map(|requirement| package(requirement));
    let folders = folders.collect::<Result<Vec<_>>>()?;
    let output = Command::new("python3")
        .args(["-c", program])
        .args(arguments)
        .env("PYTHONPATH", std::env::join_paths(folders)?)
        .output()
        .context("cannot run python3")?;
    let names = requirements.join(", ");
    if !output.status.success() {
        bail!("{names}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout)?;
    serde_json::from_str(&text).with_context(|| format!("{names} said {text}"))
}
