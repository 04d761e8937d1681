//! The packages in guests with each Debian release and its kernel: installed, used, upgraded, purged.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Arch, Release};
use crate::guest::{Guest, Machine};
use crate::kernel::{Kernel, Series};
use crate::tally::Tally;
use crate::{image, step, workspace};

const TIMEOUT: Duration = Duration::from_secs(900);

/// Each release with its kernel.
const WHERE: [(Series, &str); 3] = [
    (Series::new(6, 1), "bookworm"),
    (Series::new(6, 12), "trixie"),
    (Series::new(7, 2), "sid"),
];

/// Runs `tests/packages/run.sh`, and tells each of its checks.
pub(super) fn tell(release: &Release, tally: &mut Tally) -> Result<()> {
    WHERE
        .into_iter()
        .try_for_each(|(series, suite)| tell_on(series, suite, release, tally))
}

fn tell_on(series: Series, suite: &str, release: &Release, tally: &mut Tally) -> Result<()> {
    let suite = image::at_least(suite)?;
    let results = workspace().join(format!("target/vm/packages-{suite}"));
    let kernel = Kernel::newest(series)?;
    let script = workspace().join("tests/packages/run.sh");
    let machine = Machine {
        timeout: Some(TIMEOUT),
        ..Machine::default()
    };
    let guest = Guest {
        kernel: &kernel,
        image: &image::root(kernel.arch, &suite)?,
        oomtrace: &release.home.join("root/usr/bin/oomtrace"),
        programs: &[],
        share: Some(&release.out),
        command: Some(fs::read_to_string(&script).with_context(|| script.display().to_string())?),
        machine: &machine,
        results: &results,
    };
    step(format!(
        "booting Linux {} with {suite} to install {} {}",
        kernel.release,
        release.version,
        Arch::X86.name()
    ));
    guest.finish()?;
    let told = fs::read_to_string(results.join("out/results")).context("no check was made")?;
    ensure!(told.lines().count() > 20, "not every check was made: {told}");
    for line in told.lines() {
        let (name, status) = line.rsplit_once(' ').context("a check without a status")?;
        let held = if status == "0" {
            Ok(())
        } else {
            let words = fs::read_to_string(results.join(format!("out/{name}.txt"))).unwrap_or_default();
            Err(anyhow::anyhow!("exit status {status}: {}", words.trim()))
        };
        tally.tell(&format!("package {name} ({suite})"), held);
    }
    Ok(())
}
