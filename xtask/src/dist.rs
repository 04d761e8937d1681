//! `cargo xtask dist`: what is handed out, from the sources alone, byte for byte the same each time.
//!
//! One static binary (`static_binary`) and what belongs beside it is laid out as it is installed (`stage`); the tarball,
//! the `.deb` and the `.rpm` are made of that folder. Every time in them is that of the last commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use xshell::{Shell, cmd};

use crate::arch::Arch;
use crate::packages::{self, Tool};
use crate::tally::Tally;
use crate::toolchain::cargo_program;
use crate::{cache, ebpf, step, workspace};

mod archive;
mod guest;
mod kubernetes;
mod lint;
mod oci;
mod stage;
mod static_binary;

/// Build what is handed out: a static binary as .tar.gz, .deb, .rpm and OCI image, Helm chart, debug symbols, SBOM, checksums
///
/// They come to target/packages/VERSION. Two runs of one commit give equal files.
#[derive(Debug, Args)]
pub(crate) struct Dist {
    /// For which machines [default: this one's kind]
    #[arg(long = "arch", value_name = "ARCH")]
    archs: Vec<Arch>,

    /// Build all of it once more, from nothing, and compare
    #[arg(long)]
    twice: bool,

    /// Install, use, upgrade and purge the package in guests with each Debian release, and the tarball; render the chart
    #[arg(long = "try")]
    tried: bool,
}

impl Dist {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let archs = if self.archs.is_empty() {
            vec![Arch::own()?]
        } else {
            self.archs
        };
        if self.tried && !archs.contains(&Arch::X86) {
            bail!("--try: guests are x86_64, add --arch x86_64");
        }
        let home = workspace().join("target/packages");
        let _lock = cache::lock(&home, "dist")?;
        let release = Release::of_this_tree(&home)?;
        release.build(&archs, Fresh::No)?;
        if self.twice {
            let first = fs::read_to_string(release.out.join(CHECKSUMS))?;
            release.build(&archs, Fresh::Yes)?;
            let second = fs::read_to_string(release.out.join(CHECKSUMS))?;
            if first != second {
                bail!("two builds differ:\n{first}and then\n{second}");
            }
            step("the second build gave the same bytes");
        }
        println!("{}", release.out.display());
        if !self.tried {
            return Ok(ExitCode::SUCCESS);
        }
        let mut tally = Tally::default();
        release.tell(&mut tally)?;
        Ok(tally.end())
    }
}

/// Builds what is handed out for x86_64, and tells how it fares in a guest.
pub(crate) fn tell(tally: &mut Tally) -> Result<()> {
    let home = workspace().join("target/packages");
    let _lock = cache::lock(&home, "dist")?;
    let release = Release::of_this_tree(&home)?;
    release.build(&[Arch::X86], Fresh::No)?;
    release.tell(tally)
}

const CHECKSUMS: &str = "SHA256SUMS";

/// Whether everything is compiled anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fresh {
    Yes,
    No,
}

/// What all files of one release have in common.
#[derive(Debug)]
struct Release {
    version: String,
    /// Of the last commit, in seconds since 1970: <https://reproducible-builds.org/specs/source-date-epoch>
    epoch: u64,
    /// `target/packages`
    home: PathBuf,
    /// Where the files come to.
    out: PathBuf,
}

impl Release {
    fn of_this_tree(home: &Path) -> Result<Self> {
        let sh = Shell::new()?;
        sh.change_dir(workspace());
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(epoch) => epoch,
            Err(_) => cmd!(sh, "git log -1 --format=%ct").quiet().read()?,
        };
        let epoch = epoch.trim().parse().context("SOURCE_DATE_EPOCH: not a number")?;
        let version = env!("CARGO_PKG_VERSION").to_owned(); // the workspace's
        let out = home.join(&version);
        Ok(Self {
            version,
            epoch,
            home: home.to_owned(),
            out,
        })
    }

    fn build(&self, archs: &[Arch], fresh: Fresh) -> Result<()> {
        packages::require(&[Tool {
            program: "objcopy",
            package: "binutils",
            purpose: "keeps debug symbols apart",
        }])?;
        if self.out.exists() {
            fs::remove_dir_all(&self.out)?;
        }
        fs::create_dir_all(&self.out)?;
        for &arch in archs {
            ebpf::build(arch)?;
            let binary = static_binary::build(self, arch, fresh)?;
            let root = stage::lay_out(self, arch, &binary)?;
            step(format!("packing for {}", arch.name()));
            let name = format!("oomtrace-{}-{}", self.version, arch.name());
            archive::tarball(&root, &name, self.epoch, &self.out.join(format!("{name}.tar.gz")))?;
            oci::image(self, arch, &binary)?;
            self.packages(arch)?;
        }
        let chart = self.out.join(format!("oomtrace-{}.tgz", self.version)); // as 'helm package' names it
        archive::tarball(&workspace().join(kubernetes::CHART), "oomtrace", self.epoch, &chart)?;
        self.bill_of_materials(archs)?;
        archive::checksums(&self.out, CHECKSUMS)
    }

    /// Tells how it fares where it is installed.
    fn tell(&self, tally: &mut Tally) -> Result<()> {
        kubernetes::tell(&self.version, tally)?;
        lint::tell(self, tally)?;
        guest::tell(self, tally)
    }

    /// A shell in the workspace for programs that put times into what they write.
    fn shell(&self) -> Result<Shell> {
        let sh = Shell::new()?;
        sh.change_dir(workspace());
        sh.set_var("SOURCE_DATE_EPOCH", self.epoch.to_string());
        Ok(sh)
    }

    fn packages(&self, arch: Arch) -> Result<()> {
        let sh = self.shell()?;
        let (target, out) = (arch.target(), &self.out);
        let deb = cargo_program("cargo-deb", "3.8.0", "makes the .deb; once, some minutes")?;
        cmd!(
            sh,
            "{deb} --package oomtrace --target {target} --profile dist --no-build --no-strip --quiet --output {out}/"
        )
        .quiet()
        .ignore_stdout()
        .run()
        .context("cannot make the .deb")?;
        let rpm = cargo_program("cargo-generate-rpm", "0.21.1", "makes the .rpm; once, some minutes")?;
        cmd!(
            sh,
            "{rpm} --package observer --target {target} --profile dist --output {out}/"
        )
        .quiet()
        .ignore_stdout()
        .run()
        .context("cannot make the .rpm")
    }

    /// Every crate that is linked in, with its licence (<https://cyclonedx.org>).
    fn bill_of_materials(&self, archs: &[Arch]) -> Result<()> {
        let program = cargo_program(
            "cargo-cyclonedx",
            "0.5.9",
            "lists what is linked in; once, some minutes",
        )?;
        let sh = self.shell()?;
        for arch in archs {
            let target = arch.target();
            let name = format!("oomtrace-{}-{}.cdx", self.version, arch.name());
            cmd!(
                sh,
                "{program} cyclonedx --manifest-path observer/Cargo.toml --format json --quiet --target {target} --no-build-deps --override-filename {name}"
            )
            .quiet()
            .run()
            .context("cannot list what is linked in")?;
            // It writes one beside the manifest of each of our crates; the binary's has them all.
            for folder in fs::read_dir(workspace())? {
                let folder = folder?.path();
                let written = folder.join(format!("{name}.json"));
                let Ok(text) = fs::read_to_string(&written) else {
                    continue;
                };
                fs::remove_file(&written)?;
                if folder.ends_with("observer") {
                    // Where it was built is nobody's matter, and differs.
                    let here = workspace().display().to_string();
                    fs::write(self.out.join(format!("{name}.json")), text.replace(&here, "/oomtrace"))?;
                }
            }
        }
        Ok(())
    }
}
