//! What rustc alone lacks for the BPF target: bpf-linker, and the standard library's source to build `core` from.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use crate::apt::Apt;
use crate::ebpf::object::BPF_LINKER;
use crate::{cache, packages, step};

/// The version of LLVM that [`BPF_LINKER`] links with.
const BPF_LINKER_LLVM: &str = "22";

/// A rustc that finds the standard library's source, and what goes with it.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// To be named in `RUSTC`.
    pub(crate) rustc: PathBuf,
    /// The folder with rustc's LLVM, which bpf-linker loads.
    pub(crate) libraries: PathBuf,
    pub(crate) bpf_linker: PathBuf,
    /// Versions, for the stamp beside the object.
    pub(crate) versions: String,
}

impl Toolchain {
    /// Finds or makes all of it.
    pub(crate) fn find() -> Result<Self> {
        let sh = Shell::new()?;
        let verbose = cmd!(sh, "rustc --version --verbose").quiet().read()?;
        let release = field(&verbose, "release")?;
        let llvm = field(&verbose, "LLVM version")?;
        if llvm.split('.').next() != Some(BPF_LINKER_LLVM) {
            bail!(
                "rustc {release} has LLVM {llvm}, but bpf-linker {BPF_LINKER} links LLVM {BPF_LINKER_LLVM}: \
                 use the Rust version named in Cargo.toml (rust-version)"
            );
        }
        let sysroot = PathBuf::from(cmd!(sh, "rustc --print sysroot").quiet().read()?);
        Ok(Self {
            rustc: rustc_with_source(&sysroot, release)?,
            libraries: sysroot.join("lib"),
            bpf_linker: bpf_linker()?,
            versions: format!("rustc {release}\nbpf-linker {BPF_LINKER}\n"),
        })
    }
}

/// The value of `key: value` in what `rustc -vV` prints.
fn field<'a>(verbose: &'a str, key: &str) -> Result<&'a str> {
    verbose
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
        .with_context(|| format!("'rustc --version --verbose' names no {key}"))
}

fn bpf_linker() -> Result<PathBuf> {
    cargo_program("bpf-linker", BPF_LINKER, "links the eBPF object; once, about 2 minutes")
}

/// A program built by `cargo install`, of exactly this version; `purpose` is told when it is built.
pub(crate) fn cargo_program(program: &str, version: &str, purpose: &str) -> Result<PathBuf> {
    let name = format!("{program}-{version}");
    let why = format!("building {program} {version} ({purpose})");
    let folder = cache::entry(&name, &why, |draft| {
        let sh = Shell::new()?;
        // Built inside the draft, so that an interrupted build leaves nothing behind.
        let target = draft.join("target");
        cmd!(
            sh,
            "cargo install --quiet --locked --root {draft} --target-dir {target} {program}@{version}"
        )
        // What the user exports for their own builds is not meant for this one.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .quiet()
        .run()?;
        fs::remove_dir_all(&target)?;
        Ok(())
    })?;
    Ok(folder.join("bin").join(program))
}

/// The toolchain's own rustc if it has the source or rustup can fetch it, else a wrapper around it that has.
pub(crate) fn rustc_with_source(sysroot: &Path, release: &str) -> Result<PathBuf> {
    let rustc = sysroot.join("bin/rustc");
    let source = sysroot.join("lib/rustlib/src/rust/library/core");
    if source.exists() || (packages::find("rustup").is_some() && rustup_adds_source(sysroot)? && source.exists()) {
        return Ok(rustc);
    }
    let packaged = packaged_source(release)?;
    shadow_sysroot(sysroot, release, &packaged)
}

fn rustup_adds_source(sysroot: &Path) -> Result<bool> {
    // A toolchain is named by its folder; a distribution's rustc under /usr is none of rustup's.
    let Some(toolchain) = sysroot
        .parent()
        .filter(|parent| parent.ends_with("toolchains"))
        .and(sysroot.file_name())
    else {
        return Ok(false);
    };
    let root = cache::root()?;
    // rustup is not asked again on this machine once it failed: without a way out each try costs a minute.
    let refused = root.join("rustup-has-no-source");
    if cache::is_fresh(&refused, std::time::Duration::from_secs(7 * 24 * 3600)) {
        return Ok(false);
    }
    step("adding rustup's component rust-src (`core` is built from it for the BPF target)");
    let sh = Shell::new()?;
    let added = cmd!(sh, "rustup component add rust-src --toolchain {toolchain}")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_ok();
    if !added {
        step("rustup cannot add it; falling back to the distribution's package");
        fs::write(&refused, "")?;
    }
    Ok(added)
}

/// The standard library's source of exactly this rustc, from the Debian package `rust-src`.
fn packaged_source(release: &str) -> Result<PathBuf> {
    let name = format!("rust-src-{release}");
    let why = format!("fetching rust-src {release} (`core` is built from it for the BPF target; once, 45 MB)");
    let folder = cache::entry(&name, &why, |draft| {
        let apt = Apt::open()?;
        let version = apt
            .versions("rust-src")?
            .into_iter()
            .find(|version| version.starts_with(&format!("{release}+")))
            .with_context(|| {
                format!(
                    "no package rust-src has version {release}, the one of this rustc: \
                     use rustup with a network (rustup component add rust-src)"
                )
            })?;
        apt.unpack(&[format!("rust-src={version}")], draft)
    })?;
    Ok(folder.join("usr/src").join(format!("rustc-{release}")))
}

/// A copy of the sysroot made of links, with the source added, and the rustc that uses it.
///
/// `-Z build-std` looks for the source below the sysroot that `rustc --print sysroot` names, so it takes a rustc that
/// names another one. The user's toolchain stays as it is.
fn shadow_sysroot(sysroot: &Path, release: &str, source: &Path) -> Result<PathBuf> {
    // Links hold absolute paths, so the entry belongs to this toolchain's place.
    let place = sysroot
        .display()
        .to_string()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let name = format!("sysroot-{release}{place}");
    let folder = cache::entry(
        &name,
        "linking a sysroot that has the standard library's source",
        |draft| {
            link_all(sysroot, &draft.join("sysroot"), Path::new("lib"))?;
            link_all(&sysroot.join("lib"), &draft.join("sysroot/lib"), Path::new("rustlib"))?;
            link_all(
                &sysroot.join("lib/rustlib"),
                &draft.join("sysroot/lib/rustlib"),
                Path::new("src"),
            )?;
            fs::create_dir_all(draft.join("sysroot/lib/rustlib/src"))?;
            symlink(source, draft.join("sysroot/lib/rustlib/src/rust"))?;
            let wrapper = draft.join("rustc");
            let rustc = sysroot.join("bin/rustc");
            fs::write(
                &wrapper,
                format!(
                    "#!/bin/sh\nexec '{}' --sysroot \"$(dirname \"$0\")/sysroot\" \"$@\"\n",
                    rustc.display()
                ),
            )?;
            fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
            Ok(())
        },
    )?;
    Ok(folder.join("rustc"))
}

/// Links every entry of `from` into the new folder `to`, except `apart`, which the caller makes itself.
fn link_all(from: &Path, to: &Path, apart: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let name = entry?.file_name();
        if Path::new(&name) != apart {
            symlink(from.join(&name), to.join(&name))?;
        }
    }
    Ok(())
}

/// Sees to it that there is a standard library for `target`: the toolchain's, else rustup's, else built from its source. Returns
/// what cargo is told for that, `panic` being the crate that panics there; what it takes of the environment is set in `sh`.
pub(crate) fn standard_library(sh: &Shell, target: &str, panic: &str) -> Result<Vec<String>> {
    let library = PathBuf::from(
        cmd!(sh, "rustc --print target-libdir --target {target}")
            .quiet()
            .read()?,
    );
    if library.exists() {
        return Ok(Vec::new());
    }
    if packages::find("rustup").is_some() {
        step(format_args!(
            "adding rustup's target {target} (its standard library; once)"
        ));
        let added = cmd!(sh, "rustup target add {target}")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run();
        if added.is_ok() && library.exists() {
            return Ok(Vec::new());
        }
    }
    step(format_args!(
        "no standard library for {target}: it is built from its source"
    ));
    from_source(sh, panic)
}

/// A standard library of its own, built for size but for the parts that are run for each line of a log. Of backtraces it tells the addresses: what they belong to is in the debug symbols,
/// which are handed out apart. Returns what cargo is told for that; what it takes of the environment is set in `sh`.
pub(crate) fn small_standard_library(sh: &Shell) -> Result<Vec<String>> {
    let mut more = from_source(sh, "panic_unwind")?;
    let features = "build-std-features=panic-unwind,optimize_for_size,backtrace-trace-only";
    // Not in Cargo.toml: where the standard library is the toolchain's there are no such packages, and cargo says so.
    let fast = ["core", "alloc"].map(|part| format!("--config=profile.dist.package.{part}.opt-level=3"));
    more.extend(["-Z".to_owned(), features.to_owned()].into_iter().chain(fast));
    Ok(more)
}

/// `-Z build-std` is not stable; rustc and cargo are told to have it all the same.
fn from_source(sh: &Shell, panic: &str) -> Result<Vec<String>> {
    let verbose = cmd!(sh, "rustc --version --verbose").quiet().read()?;
    let release = verbose.lines().find_map(|line| line.strip_prefix("release: "));
    let sysroot = PathBuf::from(cmd!(sh, "rustc --print sysroot").quiet().read()?);
    sh.set_var(
        "RUSTC",
        rustc_with_source(&sysroot, release.context("rustc tells no release")?)?,
    );
    sh.set_var("RUSTC_BOOTSTRAP", "1");
    Ok(vec!["-Z".to_owned(), format!("build-std=std,{panic}")])
}
