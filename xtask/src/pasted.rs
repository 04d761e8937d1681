//! The page for pasted logs in a real browser without a network: of every report of the tests it tells what the program
//! tells, names stay text, and there are pictures of it to look at, in `target/page`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::devtools::Browser;
use crate::{page, step, target_dir, workspace};

/// What the page's kills are, as it marks them.
const KILLS: &str = "[...document.querySelectorAll('#told > li.kill')].map((kill) => [+kill.dataset.pid || null, kill.dataset.origin, kill.dataset.limit ?? null])";

/// Elements that the page makes itself; any other came out of a log.
const MADE: &str = "B CAPTION DD DETAILS DIV DL DT H3 H4 I LI P SPAN SUMMARY TABLE TBODY TD TH THEAD TR";

/// Names that would do something if they were taken for markup.
const HOSTILE: &str = "\
[   12.000000] <img src=x> invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
[   12.000001] memory: usage 8192kB, limit 8192kB, failcnt 3
[   12.000001] [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[   12.000001] [     77]     0    77     1042      771    53248        0             0 <img src=x>
[   12.000002] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/<b>x.service,task_memcg=/system.slice/<b>x.service,task=<img src=x>,pid=77,uid=0
[   12.000003] Memory cgroup out of memory: Killed process 77 (<img src=x>) total-vm:9000kB, anon-rss:5000kB, file-rss:10kB, shmem-rss:0kB, UID:0 pgtables:60kB oom_score_adj:0
";

/// A picture: its name, its size, whether it is dark, and what is to be seen.
const PICTURES: [(&str, (u32, u32), bool, &str); 5] = [
    (
        "why-empty.png",
        (1100, 800),
        false,
        "document.getElementById('clear').click()",
    ),
    (
        "why-one.png",
        (1100, 1300),
        false,
        "document.getElementById('sample').click()",
    ),
    (
        "why-dark.png",
        (1100, 1300),
        true,
        "document.getElementById('sample').click()",
    ),
    (
        "why-narrow.png",
        (360, 1700),
        false,
        "document.getElementById('sample').click()",
    ),
    ("why-several.png", (1100, 1500), false, "several()"),
];

/// Makes the page and looks at it.
pub(crate) fn see() -> Result<()> {
    let path = page::build()?;
    step("explaining the reports of the tests in the page for pasted logs, in chromium without a network");
    let mut browser = Browser::open(&path)?;
    let reports = reports()?;
    for report in &reports {
        let told = give(&mut browser, &fs::read(report)?, "file", KILLS)?;
        let native = native(report)?;
        if told != native {
            bail!("of {} the page tells {told}, the program {native}", report.display());
        }
    }
    packed(&mut browser, &reports)?;
    hostile(&mut browser)?;
    pictures(&mut browser, &reports)?;
    let asked: Vec<&String> = browser.asked.iter().filter(|url| !url.starts_with("file:")).collect();
    if !asked.is_empty() {
        bail!("the page asks for {asked:?}");
    }
    println!(
        "test page for pasted logs: {} reports in chromium ... ok (see {})",
        reports.len(),
        path.display()
    );
    Ok(())
}

fn reports() -> Result<Vec<PathBuf>> {
    let folder = workspace().join("observer-engine/tests/reports");
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|end| end == "log"));
    paths.sort();
    if paths.is_empty() {
        bail!("no reports in {}", folder.display());
    }
    Ok(paths)
}

/// The kills as the program tells them: pid, origin, and the limit's owner.
fn native(report: &Path) -> Result<Value> {
    let output = Command::new(target_dir().join("debug/oomtrace"))
        .args(["why", "--all", "-o", "json", "--log"])
        .arg(report)
        .output()
        .context("cannot run oomtrace")?;
    let mut kills = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let line: Value = serde_json::from_str(line)?;
        if line["event"] == "kill" {
            kills.push(json!([line["victim"]["pid"], line["origin"], line["limit"]["cgroup"]]));
        }
    }
    Ok(Value::Array(kills))
}

/// Opens a file in the page, by the field or dropped, and asks once it is read.
fn give(browser: &mut Browser, log: &[u8], how: &str, question: &str) -> Result<Value> {
    let log = BASE64_STANDARD.encode(log);
    let give = match how {
        "drop" => "dispatchEvent(new DragEvent('drop', { dataTransfer: all, bubbles: true, cancelable: true }))",
        _ => {
            "document.getElementById('file').files = all.files; document.getElementById('file').dispatchEvent(new Event('change'))"
        }
    };
    browser.value(&format!(
        "(async () => {{
            const all = new DataTransfer();
            all.items.add(new File([Uint8Array.from(atob('{log}'), (letter) => letter.charCodeAt(0))], 'a.log'));
            {give};
            {READ}
            return {question};
        }})()"
    ))
}

/// Waits for the page to have read.
const READ: &str = "while (document.body.classList.contains('busy')) await new Promise((done) => setTimeout(done, 2));";

/// A log that gzip packed, dropped; one in UTF-16; and one that the browser cannot unpack.
fn packed(browser: &mut Browser, reports: &[PathBuf]) -> Result<()> {
    let report = reports.first().context("no reports")?;
    let sh = Shell::new()?;
    let gzip = cmd!(sh, "gzip --stdout {report}").quiet().output()?.stdout;
    let wide = format!("\u{feff}{}", fs::read_to_string(report)?);
    let wide: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let native = native(report)?;
    for (how, bytes) in [("packed", gzip), ("in UTF-16", wide)] {
        let told = give(browser, &bytes, "drop", KILLS)?;
        if told != native {
            bail!(
                "of {} {how} the page tells {told}, the program {native}",
                report.display()
            );
        }
    }
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0];
    let told = give(browser, &zstd, "file", "document.getElementById('trouble').textContent")?;
    if told != "Cannot read a.log: it is packed with zstd: unpack it first." {
        bail!("of a packed file the page says {told}");
    }
    Ok(())
}

fn hostile(browser: &mut Browser) -> Result<()> {
    let told = give(
        browser,
        HOSTILE.as_bytes(),
        "file",
        &format!(
            "({{
                kills: {KILLS}.length,
                text: document.getElementById('told').textContent,
                title: document.title,
                alien: [...document.querySelectorAll('#told *')].map((one) => one.nodeName).filter((name) => !'{MADE}'.split(' ').includes(name)),
            }})"
        ),
    )?;
    let text = told["text"].as_str().unwrap_or_default();
    let is_text = ["<img src=x>[77]", "/system.slice/<b>x.service"]
        .iter()
        .all(|name| text.contains(name));
    if !is_text || told["kills"] != 1 || told["title"] != "Why memory killed it" || told["alien"] != json!([]) {
        bail!("names do not stay text: {told}");
    }
    Ok(())
}

fn pictures(browser: &mut Browser, reports: &[PathBuf]) -> Result<()> {
    let mut several = Vec::new();
    for report in reports.iter().filter(|report| {
        let name = report.file_name().unwrap_or_default().to_string_lossy();
        [
            "docker_v1_pasted_twice.log",
            "shortage_dma.log",
            "suppressed.log",
            "host_rhel7.log",
        ]
        .contains(&&*name)
    }) {
        several.extend(fs::read(report)?);
    }
    for (name, (width, height), dark, what) in PICTURES {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        browser.ask("Emulation.setDeviceMetricsOverride", &size)?;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.ask("Emulation.setEmulatedMedia", &media)?;
        if what == "several()" {
            give(browser, &several, "file", "null")?;
        } else {
            browser.value(&format!("(async () => {{ {what}; {READ} }})()"))?;
        }
        let wide = browser.value("scrollTo(0, 0); document.documentElement.scrollWidth")?;
        if wide.as_u64().is_none_or(|wide| wide > u64::from(width)) {
            bail!("{name}: the page is {wide} wide in a window of {width}");
        }
        let picture = browser.ask("Page.captureScreenshot", &json!({"format": "png"}))?;
        let picture = BASE64_STANDARD.decode(picture["data"].as_str().unwrap_or_default())?;
        fs::write(target_dir().join("page").join(name), picture)?;
    }
    Ok(())
}
