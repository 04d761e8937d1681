//! The eBPF object: `observer-ebpf` built for the BPF target, with BTF, by a stable rustc.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::arch::Arch;
use crate::toolchain::Toolchain;
use crate::{cache, workspace};

#[path = "../../observer/build/object.rs"]
pub(crate) mod object;

/// Builds the object and returns its path: `target/ebpf/ARCH/observer-ebpf.o`, where `observer`'s build script looks for it.
///
/// It lies there under any `CARGO_TARGET_DIR`. A stamp beside it says what built it.
pub(crate) fn build(arch: Arch) -> Result<PathBuf> {
    let toolchain = Toolchain::find()?;
    let target = workspace().join("target/ebpf").join(arch.name());
    let _lock = cache::lock(&target, "object")?;

    let tools = object::Tools {
        rustc: &toolchain.rustc,
        libraries: &toolchain.libraries,
        bpf_linker: &toolchain.bpf_linker,
    };
    let status = object::command(&tools, workspace(), &target, arch.name())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "cannot build the eBPF object");

    let built = object::built(&target);
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
