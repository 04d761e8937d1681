//! The eBPF object: `observer-ebpf` built for the BPF target, with BTF, by a stable rustc.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::toolchain::Toolchain;
use crate::{cache, workspace};

/// Builds the object and returns its path: `target/ebpf/observer-ebpf.o`, where `observer`'s build script looks for it.
///
/// It lies there under any `CARGO_TARGET_DIR`. A stamp beside it says what built it.
pub(crate) fn build() -> Result<PathBuf> {
    let toolchain = Toolchain::find()?;
    let target = workspace().join("target/ebpf");
    let _lock = cache::lock(&target, "object")?;

    let sh = Shell::new()?;
    sh.change_dir(workspace());
    // `-Z build-std` is the one unstable thing needed: `core` for a target that comes without it.
    sh.set_var("RUSTC_BOOTSTRAP", "1");
    sh.set_var("RUSTC", &toolchain.rustc);
    sh.set_var("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", &toolchain.bpf_linker);
    // bpf-linker emits BTF from debug info, and aya reads maps and kernel types from BTF. This variable outranks every
    // other place for flags, so that a user's RUSTFLAGS for the host stay out. Its separator is 0x1f.
    sh.set_var("CARGO_ENCODED_RUSTFLAGS", "-Cdebuginfo=2\u{1f}-Clink-arg=--btf");
    sh.set_var("LD_LIBRARY_PATH", library_path(&toolchain)?);
    cmd!(
        sh,
        "cargo build --quiet --release --package observer-ebpf --target bpfel-unknown-none -Z build-std=core --target-dir {target}"
    )
    .quiet()
    .run()
    .context("cannot build the eBPF object")?;

    let built = target.join("bpfel-unknown-none/release/observer-ebpf");
    let object = target.join("observer-ebpf.o");
    let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    // Written only when it changed: its time decides whether `observer` is built again.
    if fs::read(&object).ok().as_deref() != Some(&bytes) {
        fs::write(&object, &bytes)?;
    }
    let stamp = target.join("observer-ebpf.stamp");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&toolchain.versions) {
        fs::write(&stamp, &toolchain.versions)?;
    }
    Ok(object)
}

/// rustc's own libraries first: its LLVM is the one that bpf-linker has to load.
fn library_path(toolchain: &Toolchain) -> Result<std::ffi::OsString> {
    let inherited = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let inherited = std::env::split_paths(&inherited).filter(|path| !path.as_os_str().is_empty());
    Ok(std::env::join_paths(
        std::iter::once(toolchain.libraries.clone()).chain(inherited),
    )?)
}
