//! The machines that oomtrace is built for, as rustc, Debian and QEMU name each.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use xshell::Shell;

use crate::packages;

/// A kind of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    #[value(name = "x86_64")]
    X86,
    #[value(name = "aarch64")]
    Arm,
}

/// The C compiler for the other machine, and its C library to link in.
const CROSS: [&str; 2] = ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"];

impl Arch {
    /// This machine's kind.
    pub(crate) fn own() -> Result<Self> {
        let all = [Self::X86, Self::Arm];
        all.into_iter().find(|arch| arch.is_own()).with_context(|| {
            format!(
                "nothing is built for {}: --arch x86_64 or aarch64",
                std::env::consts::ARCH
            )
        })
    }

    /// As the kernel, rpm and rustc name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "aarch64",
        }
    }

    /// As Debian and container images name it.
    pub(crate) fn debian(self) -> &'static str {
        match self {
            Self::X86 => "amd64",
            Self::Arm => "arm64",
        }
    }

    pub(crate) fn target(self) -> String {
        format!("{}-unknown-linux-gnu", self.name())
    }

    /// Whether its programs run here.
    pub(crate) fn is_own(self) -> bool {
        self.name() == std::env::consts::ARCH
    }

    /// Makes sure that programs for it can be linked here, and names the linker to cargo where it is not this machine's.
    pub(crate) fn require_linker(self, sh: &Shell) -> Result<()> {
        if self.is_own() {
            return Ok(());
        }
        if self == Self::X86 {
            bail!("x86_64 is built on x86_64 only");
        }
        packages::install(&CROSS.map(str::to_owned), "compiles and links for aarch64")?;
        sh.set_var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
        sh.set_var("CC_aarch64_unknown_linux_gnu", "aarch64-linux-gnu-gcc");
        Ok(())
    }
}
