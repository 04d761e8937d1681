//! What Debian's and Fedora's own checkers say of the packages.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Release;
use crate::arch::Arch;
use crate::packages::{self, Tool};
use crate::tally::Tally;
use crate::workspace;

const TOOLS: [Tool; 3] = [
    Tool {
        program: "lintian",
        package: "lintian",
        purpose: "checks the .deb",
    },
    Tool {
        program: "rpmlint",
        package: "rpmlint",
        purpose: "checks the .rpm",
    },
    Tool {
        program: "rpm",
        package: "rpm",
        purpose: "checks the .rpm",
    },
];

/// Tells what each has to say of its package.
pub(super) fn tell(release: &Release, tally: &mut Tally) -> Result<()> {
    packages::require(&TOOLS)?;
    let (version, arch) = (&release.version, Arch::X86);
    let deb = release.out.join(format!("oomtrace_{version}-1_{}.deb", arch.debian()));
    let rpm = release.out.join(format!("oomtrace-{version}-1.{}.rpm", arch.name()));
    let config = workspace().join("packaging/rpm/rpmlint.toml");
    let mut lintian = Command::new("lintian");
    // Root, as in a container of a build service, is no reason to fail.
    lintian.args(["--allow-root", "--no-tag-display-limit", "--fail-on", "error,warning"]);
    let mut rpmlint = Command::new("rpmlint");
    rpmlint.arg("--strict").arg("--config").arg(config);
    tally.tell("package lintian", checked(lintian.arg(deb)));
    tally.tell("package rpmlint", checked(rpmlint.arg(rpm)));
    Ok(())
}

/// Runs a checker; an error is what it has to say.
fn checked(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let words = [&output.stdout, &output.stderr].map(|words| String::from_utf8_lossy(words));
    ensure!(output.status.success(), "{}: {}", output.status, words.concat().trim());
    Ok(())
}
