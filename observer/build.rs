//! Puts the eBPF object, and what else it embeds, where the library embeds it from.
//!
//! `cargo xtask` makes the object first, fetching what that takes. Where it has not, it is built here, with the tools that
//! there are and the same command; where one is missing this says which, and the binary says at start that it reads files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use object::build::elf;
use object::elf::SHT_STRTAB;

#[path = "build/letters.rs"]
mod letters;
#[path = "build/object.rs"]
mod recipe;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=OOMTRACE_EBPF_OBJECT");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let out = PathBuf::from(variable("OUT_DIR")?);
    let workspace = PathBuf::from(variable("CARGO_MANIFEST_DIR")?)
        .join("..")
        .canonicalize()?;
    // An object is for one kind of machine.
    let arch = variable("CARGO_CFG_TARGET_ARCH")?;
    let made = env::var_os("OOMTRACE_EBPF_OBJECT").map_or_else(
        || workspace.join("target/ebpf").join(&arch).join("observer-ebpf.o"),
        PathBuf::from,
    );
    println!("cargo::rerun-if-changed={}", made.display());
    let bytes = match fs::read(&made) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => build(&workspace, &out, &arch.to_string_lossy()).unwrap_or_else(|lacking| {
            println!(
                "cargo::warning=no eBPF object, this oomtrace will read files only: {lacking}; 'cargo xtask build' fetches what it takes"
            );
            Vec::new()
        }),
        Err(error) => return Err(error),
    };
    let object = without_debug_sections(&bytes)?;
    fs::write(out.join("observer-ebpf.o.length"), object.len().to_string())?;
    fs::write(out.join("observer-ebpf.o.z"), packed(&object)?)?;
    let schema = workspace.join("docs/schema/oomtrace-1.json");
    println!("cargo::rerun-if-changed={}", schema.display());
    fs::write(out.join("schema.json.z"), packed(&fs::read(schema)?)?)?;
    let letters = letters::source(dejavu::sans::regular());
    let letters = letters.map_err(|lacking| io::Error::other(format!("the font cannot be used: {lacking}")))?;
    fs::write(out.join("letters.rs"), letters)
}

/// Raw deflate: what is embedded is needed once or never, and takes a quarter of the room so.
fn packed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The object as it is embedded: DWARF is two thirds of it, and neither the kernel nor aya reads that (they read BTF).
fn without_debug_sections(bytes: &[u8]) -> io::Result<Vec<u8>> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let damaged = |error| io::Error::other(format!("the eBPF object is damaged: {error}"));
    let mut elf = elf::Builder::read(bytes).map_err(damaged)?;
    for section in &mut elf.sections {
        let name = section.name.as_slice();
        section.delete = name.starts_with(b".debug_") || name.starts_with(b".rel.debug_");
    }
    // LLVM has one table for the names of symbols and of sections; here they need one each.
    let names = elf.sections.add();
    names.name = b".shstrtab".as_slice().into();
    names.sh_type = SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = elf::SectionData::SectionString;
    elf.delete_orphans();
    let mut kept = Vec::new();
    elf.write(&mut kept).map_err(damaged)?;
    Ok(kept)
}

fn variable(name: &str) -> io::Result<std::ffi::OsString> {
    env::var_os(name).ok_or_else(|| io::Error::other(format!("cargo sets no {name}")))
}

/// Builds the object with what this machine has, or says in a line what it lacks.
fn build(workspace: &Path, out: &Path, arch: &str) -> Result<Vec<u8>, String> {
    for sources in ["observer-ebpf", "observer-common", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(sources).display());
    }
    println!("cargo::rerun-if-env-changed=PATH");
    let sysroot = sysroot()?;
    if !sysroot.join("lib/rustlib/src/rust/library/core").exists() {
        return Err("the standard library's source is missing ('rustup component add rust-src')".to_owned());
    }
    let bpf_linker = bpf_linker().ok_or_else(|| {
        let version = recipe::BPF_LINKER;
        format!("bpf-linker is missing ('cargo install bpf-linker@{version} --locked')")
    })?;
    let tools = recipe::Tools {
        rustc: &sysroot.join("bin/rustc"),
        libraries: &sysroot.join("lib"),
        bpf_linker: &bpf_linker,
    };
    let target = out.join("ebpf");
    let built = recipe::command(&tools, workspace, &target, arch)
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !built.status.success() {
        let words = String::from_utf8_lossy(&built.stderr);
        let first = words.lines().find(|line| line.starts_with("error"));
        return Err(format!(
            "it cannot be built with {}: {}",
            bpf_linker.display(),
            first.unwrap_or("no reason given")
        ));
    }
    fs::read(recipe::built(&target)).map_err(|error| format!("it was built, but cannot be read: {error}"))
}

fn sysroot() -> Result<PathBuf, String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc).args(["--print", "sysroot"]).output();
    let output = output.map_err(|error| format!("cannot run {}: {error}", rustc.display()))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// On the PATH, where cargo installs it, or where `cargo xtask` keeps it.
fn bpf_linker() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let home = env::home_dir().unwrap_or_default();
    let cargo = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let cache = env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let ours = cache.join(format!("oomtrace/bpf-linker-{}/bin", recipe::BPF_LINKER));
    env::split_paths(&path)
        .chain([cargo.join("bin"), ours])
        .map(|folder| folder.join("bpf-linker"))
        .find(|candidate| candidate.is_file())
}
