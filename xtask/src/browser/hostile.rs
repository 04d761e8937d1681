//! A report of names that would do something if they were taken for markup, in a browser that lets them: its page is reloaded without
//! its own content security policy, so that it is the escaping that is looked at.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use oomtrace_tests::hostile::spoil;
use serde_json::{Value, json};

use crate::devtools::Browser;
use crate::{target_dir, workspace};

/// What names are made of. Whatever of it acts says so.
const NAME: &str = "<script>window.pwned=1</script>\"><img src=x onerror=\"window.pwned=1\">'><svg onload='window.pwned=1'>\
]]></style></title></desc><script>window.pwned=1</script><a href=\"javascript:window.pwned=1\" onfocus=window.pwned=1 autofocus>\
--><iframe srcdoc=\"<script>parent.pwned=1</script>\"></iframe><foreignObject><body onload=window.pwned=1>&lt;script&gt;";

/// The fields that somebody names.
const NAMED: [&str; 9] = [
    "unit",
    "user_unit",
    "slice",
    "path",
    "cgroup",
    "comm",
    "cmdline",
    "host",
    "text",
];

/// Each element with each of its attributes; what an attribute leads to elsewhere.
const PARTS: &str = "(() => {
    const parts = new Set();
    for (const one of document.querySelectorAll('*')) {
        parts.add(one.nodeName);
        for (const its of one.attributes) {
            parts.add(`${one.nodeName} ${its.name}`);
            if (/href|src|action|data$/.test(its.name) && !its.value.startsWith('#')) parts.add(`leads to ${its.value}`);
        }
    }
    return { parts: [...parts], pwned: window.pwned ?? null, says: document.documentElement.textContent.includes('<script>window.pwned=1') };
})()";

/// Neither the page nor the picture has an element or an attribute that it has not with good names, and nothing runs.
pub(super) fn see(folder: &Path) -> Result<()> {
    let good = fs::read_to_string(workspace().join("observer/tests/fixtures/own_limit.jsonl"))?;
    let bad: String = good.lines().map(spoilt).collect::<Result<_>>()?;
    for option in ["html", "svg"] {
        let told = |name: &str, recording: &str| -> Result<Value> {
            let (capture, page) = (
                folder.join(format!("{name}.jsonl")),
                folder.join(format!("{name}.{option}")),
            );
            fs::write(&capture, recording)?;
            let status = Command::new(target_dir().join("debug/oomtrace"))
                .arg("report")
                .arg(&capture)
                .arg(format!("--{option}"))
                .arg(&page)
                .status()
                .context("cannot run oomtrace")?;
            ensure!(status.success(), "oomtrace report failed of {}", capture.display());
            look(&page)
        };
        let (known, found) = (told("good", &good)?, told("hostile", &bad)?);
        let none = Vec::new();
        let known = known["parts"].as_array().unwrap_or(&none);
        let alien: Vec<&Value> = found["parts"]
            .as_array()
            .unwrap_or(&none)
            .iter()
            .filter(|part| !known.contains(part))
            .collect();
        if !alien.is_empty() || !found["pwned"].is_null() || known.is_empty() {
            bail!("names act in the {option}: {alien:?}, {}", found["pwned"]);
        }
        ensure!(
            found["says"] == true,
            "the {option} does not have the names: nothing was tried"
        );
    }
    println!("test names stay names in chromium ... ok");
    Ok(())
}

fn look(page: &Path) -> Result<Value> {
    let mut browser = Browser::open(page)?;
    browser.ask("Page.setBypassCSP", &json!({"enabled": true}))?;
    browser.value("window.before = 1")?;
    browser.ask("Page.reload", &json!({}))?;
    // What runs with a delay has run by then.
    let is_there = "(async () => {
        while (document.readyState != 'complete') await new Promise((done) => setTimeout(done, 10));
        await new Promise((done) => setTimeout(done, 200));
        return window.before ?? null;
    })()";
    for _ in 0..50 {
        // In the middle of it the question is lost with the page that was asked.
        match browser.value(is_there) {
            Ok(Value::Null) => return browser.value(PARTS),
            _ => std::thread::sleep(std::time::Duration::from_millis(100)),
        }
    }
    bail!("{} is not reloaded", page.display())
}

fn spoilt(line: &str) -> Result<String> {
    let mut line: Value = serde_json::from_str(line)?;
    spoil(&mut line, &|field| NAMED.contains(&field), &|text| text.push_str(NAME));
    Ok(format!("{line}\n"))
}

#[cfg(test)]
mod tests {
    #[test]
    #[ignore = "needs chromium; cargo xtask test has it"]
    fn names_stay_names() {
        let folder = tempfile::tempdir().unwrap();
        super::see(folder.path()).unwrap();
    }
}
