//! The folder that tarball and packages are made of: every file where it is installed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::archive::gzip;
use super::{Arch, Release};
use crate::packages::{self, Tool};
use crate::workspace;

/// What is in the repository as it is installed.
const FILES: [(&str, &str); 12] = [
    ("packaging/oomtrace.conf", "etc/oomtrace/oomtrace.conf"),
    ("packaging/defaults.conf", "usr/lib/oomtrace/oomtrace.conf"),
    ("packaging/oomtrace.service", "usr/lib/systemd/system/oomtrace.service"),
    (
        "packaging/oomtrace-user.service",
        "usr/lib/systemd/user/oomtrace.service",
    ),
    ("packaging/oomtrace.catalog", "usr/lib/systemd/catalog/oomtrace.catalog"),
    (
        "packaging/grafana-dashboard.json",
        "usr/share/oomtrace/grafana-dashboard.json",
    ),
    (
        "packaging/prometheus-rules.yaml",
        "usr/share/oomtrace/prometheus-rules.yaml",
    ),
    ("README.md", "usr/share/doc/oomtrace/README.md"),
    ("docs/install.md", "usr/share/doc/oomtrace/install.md"),
    ("docs/events.md", "usr/share/doc/oomtrace/events.md"),
    ("LICENSE-MIT", "usr/share/doc/oomtrace/LICENSE-MIT"),
    ("LICENSE-APACHE", "usr/share/doc/oomtrace/LICENSE-APACHE"),
];

/// Commands that have a manual page of their own.
const COMMANDS: [&str; 9] = [
    "record", "replay", "why", "stacks", "report", "units", "resolve", "config", "doctor",
];

/// Shells, and where their completions are looked for.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/oomtrace"),
    ("zsh", "usr/share/zsh/site-functions/_oomtrace"),
    ("fish", "usr/share/fish/vendor_completions.d/oomtrace.fish"),
];

/// Lays everything out anew, and returns the folder. The observer's `Cargo.toml` names it too, for the packages.
pub(super) fn lay_out(release: &Release, arch: Arch, binary: &Path) -> Result<PathBuf> {
    let root = release.home.join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for (from, to) in FILES {
        put(&root, to, &read(&workspace().join(from))?)?;
    }
    put(&root, "usr/bin/oomtrace", &read(binary)?)?;

    let sh = Shell::new()?;
    let ask = |arguments: &[&str]| -> Result<Vec<u8>> {
        let asked = if arch.is_own() {
            cmd!(sh, "{binary} {arguments...}")
        } else {
            packages::require(&[Tool {
                program: "qemu-aarch64-static",
                package: "qemu-user-static",
                purpose: "asks the binary for aarch64 for its manual pages",
            }])?;
            cmd!(sh, "qemu-aarch64-static {binary} {arguments...}")
        };
        let output = asked.quiet().output().context("the binary does not run")?;
        Ok(output.stdout)
    };
    put(&root, "usr/share/man/man8/oomtrace.8.gz", &gzip(&ask(&["man"])?)?)?;
    for command in COMMANDS {
        let page = gzip(&ask(&["man", command])?)?;
        put(&root, &format!("usr/share/man/man8/oomtrace-{command}.8.gz"), &page)?;
    }
    let page = gzip(&ask(&["man", "oomtrace.conf"])?)?;
    put(&root, "usr/share/man/man5/oomtrace.conf.5.gz", &page)?;
    for (shell, to) in SHELLS {
        put(&root, to, &ask(&["completions", shell])?)?;
    }

    let changelog = read(&workspace().join("CHANGELOG.md"))?;
    put(&root, "usr/share/doc/oomtrace/changelog.gz", &gzip(&changelog)?)?;
    put(
        &release.home,
        "changelog.Debian.gz",
        &gzip(debian_changelog(release)?.as_bytes())?,
    )?;
    Ok(root)
}

/// The packaging's own changes, of which there are none beside oomtrace's (deb-changelog(5)).
fn debian_changelog(release: &Release) -> Result<String> {
    let time = jiff::Timestamp::from_second(release.epoch.try_into()?)?.in_tz("UTC")?;
    Ok(format!(
        "oomtrace ({}-1) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- The oomtrace authors <oomtrace@localhost>  {}\n",
        release.version,
        time.strftime("%a, %d %b %Y %H:%M:%S +0000"),
    ))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn put(root: &Path, to: &str, bytes: &[u8]) -> Result<()> {
    let path = root.join(to);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
