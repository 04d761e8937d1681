//! `cargo xtask page`: the page that explains a pasted log, one file that needs nothing else.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use sha2::{Digest as _, Sha256};
use xshell::{Shell, cmd};

use crate::{pasted, step, target_dir, toolchain, workspace};

/// The report's colours and style sheet: both pages look alike. Taken as a file, for the program would bring eBPF along.
#[path = "../../observer/src/report/palette.rs"]
#[expect(dead_code, reason = "plots are the report's")]
mod palette;

const TARGET: &str = "wasm32-unknown-unknown";

/// Build the page that explains a pasted log, one file without a server: target/page/why.html
#[derive(Debug, Args)]
pub(crate) struct Page {
    /// Look at it in chromium too, as the tests do
    #[arg(long)]
    see: bool,
}

impl Page {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.see {
            let sh = Shell::new()?;
            cmd!(sh, "cargo build --quiet --package oomtrace").quiet().run()?;
            pasted::see()?;
            return Ok(ExitCode::SUCCESS);
        }
        let page = build()?;
        step(format_args!("{} kB", fs::metadata(&page)?.len() / 1000));
        println!("{}", page.display());
        Ok(ExitCode::SUCCESS)
    }
}

/// Builds the page.
pub(crate) fn build() -> Result<PathBuf> {
    let wasm = module()?;
    let source = |name: &str| {
        let path = workspace().join("observer-page/page").join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let style = palette::page() + &source("why.css")?;
    let (script, sample) = (source("why.js")?, source("sample.log")?);
    for (name, text) in [("why.css", &style), ("why.js", &script), ("sample.log", &sample)] {
        if text.contains("</") || text.contains("<!--") {
            bail!("{name} would end the element that it stands in");
        }
    }
    let policy = format!(
        "default-src 'none'; script-src '{}' 'wasm-unsafe-eval'; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(&script),
        hash(&style)
    );
    let parts = [
        ("@POLICY@", policy.as_str()),
        ("@VERSION@", env!("CARGO_PKG_VERSION")),
        ("@STYLE@", &style),
        ("@SAMPLE@", &sample),
        ("@SCRIPT@", &script),
        ("@WASM@", &BASE64_STANDARD.encode(wasm)),
    ];
    let mut page = source("why.html")?;
    for (place, text) in parts {
        if page.matches(place).count() != 1 {
            bail!("why.html has {place} not once");
        }
        page = page.replace(place, text);
    }
    let folder = target_dir().join("page");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join("why.html");
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// A source as a Content-Security-Policy names it.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

/// The WebAssembly.
fn module() -> Result<Vec<u8>> {
    let sh = Shell::new()?;
    sh.change_dir(workspace());
    let more = toolchain::standard_library(&sh, TARGET, "panic_abort")?;
    step("building the WebAssembly of the page");
    cmd!(
        sh,
        "cargo build --quiet --package oomtrace-page --lib --profile wasm --target {TARGET} {more...}"
    )
    .env_remove("RUSTFLAGS")
    .env_remove("CARGO_ENCODED_RUSTFLAGS")
    .env_remove("CARGO_BUILD_TARGET")
    .quiet()
    .run()?;
    let path = target_dir().join(TARGET).join("wasm/oomtrace_page.wasm");
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}
