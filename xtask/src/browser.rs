//! The report's page in a real browser: what it makes of the page, and pictures of it to look at, in `target/page`.

mod hostile;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::devtools::CHROMIUM;
use crate::{packages, step, target_dir, workspace};

/// A picture: its name, its size, and what the browser is told besides.
const PICTURES: [(&str, &str, &str); 3] = [
    ("light.png", "1100,2600", "--blink-settings=preferredColorScheme=1"),
    ("dark.png", "1100,2600", "--blink-settings=preferredColorScheme=0"),
    ("narrow.png", "500,2600", "--blink-settings=preferredColorScheme=1"),
];

/// An empty picture of these sizes is smaller than this, in bytes.
const EMPTY: u64 = 20_000;

/// What the browser must have found in the page, and how often.
const FOUND: [(&str, usize); 5] = [
    ("<svg ", 5),
    ("role=\"img\"", 5),
    ("<article class=\"kill\">", 5),
    ("<h1>", 1),
    ("</html>", 1),
];

/// Reports the recorded runs of the tests and looks at the page.
pub(crate) fn see() -> Result<()> {
    step("looking at the report's page in chromium");
    packages::require(&CHROMIUM)?;
    let folder = target_dir().join("page");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let page = folder.join("page.html");
    let status = Command::new(target_dir().join("debug/oomtrace"))
        .arg("report")
        .arg(workspace().join("observer/tests/fixtures"))
        .arg("--html")
        .arg(&page)
        .env("TZ", "Europe/Berlin")
        .status()
        .context("cannot run oomtrace")?;
    if !status.success() {
        bail!("oomtrace report failed");
    }
    let dom = chromium(&page, &["--dump-dom"])?;
    for (text, least) in FOUND {
        let count = dom.matches(text).count();
        if count < least {
            bail!(
                "the browser finds {text} {count} times in {}, {least} expected",
                page.display()
            );
        }
    }
    for (name, size, more) in PICTURES {
        let picture = folder.join(name);
        let _ = fs::remove_file(&picture);
        let screenshot = format!("--screenshot={}", picture.display());
        chromium(&page, &[&screenshot, &format!("--window-size={size}"), more])?;
        let length = fs::metadata(&picture).map_or(0, |meta| meta.len());
        if length < EMPTY {
            bail!("{} shows nothing: {length} bytes", picture.display());
        }
    }
    let pdf = format!("--print-to-pdf={}", folder.join("page.pdf").display());
    chromium(&page, &[&pdf, "--no-pdf-header-footer"])?;
    println!("test page in chromium ... ok (see {})", folder.display());
    let scratch = tempfile::tempdir()?;
    hostile::see(scratch.path())
}

fn chromium(page: &Path, arguments: &[&str]) -> Result<String> {
    let profile = tempfile::tempdir()?;
    let output = Command::new("chromium")
        .args(["--headless", "--disable-gpu", "--hide-scrollbars"])
        // Root, as in a container, has no sandbox; the page is our own.
        .args(packages::is_root()?.then_some("--no-sandbox"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .context("cannot run chromium")?;
    if !output.status.success() {
        bail!("chromium {} failed", arguments.join(" "));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
