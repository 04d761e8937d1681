//! The binary: static, so that one file runs on every distribution and in an empty container, its debug symbols apart.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::{Fresh, Release};
use crate::arch::Arch;
use crate::{step, target_dir, toolchain, workspace};

/// What the binary should be at most, in bytes, its symbols apart.
const LIMIT: u64 = 10_000_000;

/// Nothing unwinds through C. Recordings are packed at the third level and at the 19th (`sink/capture.rs`), which take none of these of
/// zstd's strategies; who asks for one gets the next that is there (`ZSTD_adjustCParams_internal`).
const FOR_C: [&str; 6] = [
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
    "-DZSTD_EXCLUDE_GREEDY_BLOCK_COMPRESSOR",
    "-DZSTD_EXCLUDE_LAZY_BLOCK_COMPRESSOR",
    "-DZSTD_EXCLUDE_LAZY2_BLOCK_COMPRESSOR",
    "-DZSTD_EXCLUDE_BTLAZY2_BLOCK_COMPRESSOR",
];

/// Builds it, and returns the stripped one's path. The debug symbols are among what is handed out.
pub(super) fn build(release: &Release, arch: Arch, fresh: Fresh) -> Result<PathBuf> {
    let sh = release.shell()?;
    let folder = match fresh {
        Fresh::No => target_dir(),
        Fresh::Yes => release.home.join("again"),
    };
    if fresh == Fresh::Yes && folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let maps = maps(&folder)?;
    sh.set_var("CARGO_ENCODED_RUSTFLAGS", flags(&sh, arch, &maps)?);
    let for_c = FOR_C.map(str::to_owned);
    let mapped = maps.iter().map(|(from, to)| format!("-ffile-prefix-map={from}={to}"));
    sh.set_var("CFLAGS", for_c.into_iter().chain(mapped).collect::<Vec<_>>().join(" "));
    let target = arch.target();
    arch.require_linker(&sh)?;
    let more = toolchain::small_standard_library(&sh)?;
    step(format!(
        "building oomtrace for {} (static, small; some minutes)",
        arch.name()
    ));
    cmd!(
        sh,
        "cargo build --quiet --locked --profile dist --package oomtrace --target {target} --target-dir {folder} {more...}"
    )
    .quiet()
    .run()
    .context("cannot build oomtrace")?;
    let built = folder.join(&target).join("dist/oomtrace");
    strip(&sh, release, arch, &built)
}

/// Another name for each folder of this machine whose path would stand in the binary. Of several that fit the last counts.
fn maps(folder: &Path) -> Result<Vec<(String, &'static str)>> {
    let cargo = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")?;
    let mut maps = vec![
        (workspace().display().to_string(), "/oomtrace"),
        (cargo.display().to_string(), "/cargo"),
    ];
    if folder != workspace().join("target") {
        maps.push((folder.display().to_string(), "/oomtrace/target"));
    }
    Ok(maps)
}

fn flags(sh: &Shell, arch: Arch, maps: &[(String, &str)]) -> Result<String> {
    let sysroot = cmd!(sh, "rustc --print sysroot").quiet().read()?;
    let mut flags = vec![
        "-Ctarget-feature=+crt-static".to_owned(),
        "-Clink-arg=-Wl,--build-id=sha1".to_owned(),
    ];
    if arch == Arch::X86 {
        // A quarter of a megabyte of relocations in some kilobytes; glibc 2.36 and later apply them in a static binary. The linker for
        // aarch64 cannot make them before binutils 2.43.
        flags.push("-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned());
    }
    flags.extend(maps.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")));
    flags.push(format!("--remap-path-prefix={sysroot}/lib/rustlib/src/rust=/rust"));
    Ok(flags.join("\u{1f}"))
}

/// The binary without symbols, and its symbols in a file of their own, where debuggers look by build id or name.
fn strip(sh: &Shell, release: &Release, arch: Arch, built: &Path) -> Result<PathBuf> {
    let objcopy = if arch.is_own() {
        "objcopy"
    } else {
        "aarch64-linux-gnu-objcopy"
    };
    let debug = release
        .out
        .join(format!("oomtrace-{}-{}.debug", release.version, arch.name()));
    let stripped = built.with_file_name("oomtrace.stripped");
    cmd!(
        sh,
        "{objcopy} --only-keep-debug --compress-debug-sections {built} {debug}"
    )
    .quiet()
    .run()?;
    cmd!(
        sh,
        "{objcopy} --strip-all --add-gnu-debuglink={debug} {built} {stripped}"
    )
    .quiet()
    .run()?;
    let size = fs::metadata(&stripped)?.len();
    step(format!("oomtrace for {}: {:.1} MB", arch.name(), size as f64 / 1e6));
    if size > LIMIT {
        step(format!(
            "that is more than the {:.1} MB it should be",
            LIMIT as f64 / 1e6
        ));
    }
    Ok(stripped)
}
