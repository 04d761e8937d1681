//! Puts the eBPF object where the library embeds it from.
//!
//! `cargo xtask build` makes the object first. A plain `cargo build` works without: the binary then says at start what
//! it lacks and reads files instead.

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=OOMTRACE_EBPF_OBJECT");
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let object = env::var_os("OOMTRACE_EBPF_OBJECT")
        .map_or_else(|| manifest.join("../target/ebpf/observer-ebpf.o"), PathBuf::from);
    println!("cargo::rerun-if-changed={}", object.display());
    let bytes = match fs::read(&object) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!(
                "cargo::warning=no eBPF object yet: this oomtrace will read files only; 'cargo xtask build' makes both"
            );
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("observer-ebpf.o"), bytes)
}
