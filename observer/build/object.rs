//! How the eBPF object is built, for `cargo xtask` and for this crate's build script alike.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The newest bpf-linker that links with rustc's own LLVM (later ones want one installed).
pub(crate) const BPF_LINKER: &str = "0.10.3";

/// What it takes.
#[derive(Debug)]
pub(crate) struct Tools<'a> {
    /// A rustc whose sysroot has the standard library's source.
    pub(crate) rustc: &'a Path,
    /// The folder with rustc's LLVM, which bpf-linker loads.
    pub(crate) libraries: &'a Path,
    pub(crate) bpf_linker: &'a Path,
}

/// The cargo that builds it from the sources in `workspace` below `target`, by a stable rustc, with BTF.
///
/// `arch` is the kind of machine whose kernel loads it, as rustc names it: BPF is the same everywhere, but a kprobe finds its
/// arguments in that machine's registers (`struct pt_regs`).
pub(crate) fn command(tools: &Tools<'_>, workspace: &Path, target: &Path, arch: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(workspace)
        // `-Z build-std` is the one unstable thing needed: `core` for a target that comes without it.
        .args(["build", "--quiet", "--release", "--package", "observer-ebpf"])
        .args(["--target", "bpfel-unknown-none", "-Z", "build-std=core", "--target-dir"])
        .arg(target)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", tools.rustc)
        .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", tools.bpf_linker)
        .env("LD_LIBRARY_PATH", library_path(tools.libraries))
        // bpf-linker emits BTF from debug info, and aya reads maps and kernel types from BTF. This variable outranks every
        // other place for flags, so that a user's RUSTFLAGS for the host stay out. Its separator is 0x1f. BTF has the
        // lines' source files, which are named alike wherever it is built.
        .env("CARGO_ENCODED_RUSTFLAGS", flags(tools, workspace, arch))
        // A build script's or clippy's, not meant for this one.
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_BUILD_TARGET");
    cargo
}

fn flags(tools: &Tools<'_>, workspace: &Path, arch: &str) -> String {
    let mut flags = "-Cdebuginfo=2\u{1f}-Clink-arg=--btf".to_owned();
    flags.push_str(&format!("\u{1f}--cfg=bpf_target_arch=\"{arch}\""));
    let mut map = |from: &Path, to: &str| {
        flags.push_str(&format!("\u{1f}--remap-path-prefix={}={to}", from.display()));
    };
    let home = std::env::home_dir().unwrap_or_default();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    map(&cargo, "/cargo");
    map(&tools.libraries.join("rustlib/src/rust"), "/rust");
    map(workspace, "/oomtrace");
    flags
}

/// Where [`command`] leaves it.
pub(crate) fn built(target: &Path) -> PathBuf {
    target.join("bpfel-unknown-none/release/observer-ebpf")
}

/// rustc's own libraries first: its LLVM is the one that bpf-linker has to load.
fn library_path(libraries: &Path) -> OsString {
    let inherited = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut path = libraries.as_os_str().to_owned();
    if !inherited.is_empty() {
        path.push(":");
        path.push(inherited);
    }
    path
}
