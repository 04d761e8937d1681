//! A page in chromium that is asked questions, by the DevTools protocol over a pipe: one page, one question at a time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::packages::{self, Tool};

/// The browser that the tests look at pages with.
pub(crate) const CHROMIUM: [Tool; 1] = [Tool {
    program: "chromium",
    package: "chromium",
    purpose: "shows the report's page and the one for pasted logs",
}];

/// A browser with one page open.
#[derive(Debug)]
pub(crate) struct Browser {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    number: u64,
    /// The addresses that were asked for since the page was opened.
    pub(crate) asked: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Opens a page of a file in a browser that has no network.
    pub(crate) fn open(page: &Path) -> Result<Self> {
        packages::require(&CHROMIUM)?;
        let profile = tempfile::tempdir()?;
        // It reads from descriptor 3 and writes to 4: the shell puts the pipes there.
        let mut child = Command::new("sh")
            .args(["-c", "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh"])
            .args(["--headless", "--disable-gpu", "--remote-debugging-pipe"])
            .args(packages::is_root()?.then_some("--no-sandbox"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run chromium")?;
        let questions = child.stdin.take().context("no pipe to chromium")?;
        let answers = BufReader::new(child.stdout.take().context("no pipe from chromium")?);
        let mut browser = Self {
            child,
            questions,
            answers,
            session: None,
            number: 0,
            asked: Vec::new(),
            _profile: profile,
        };
        browser.begin(page)?;
        Ok(browser)
    }

    fn begin(&mut self, page: &Path) -> Result<()> {
        let target = self.ask("Target.createTarget", &json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.ask("Target.attachToTarget", &attach)?;
        self.session = session["sessionId"].as_str().map(str::to_owned);
        self.ask("Network.enable", &json!({}))?;
        self.ask(
            "Network.emulateNetworkConditions",
            &json!({"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}),
        )?;
        self.ask("Page.enable", &json!({}))?;
        self.ask("Page.navigate", &json!({"url": format!("file://{}", page.display())}))?;
        loop {
            if self.next()?["method"] == "Page.loadEventFired" {
                return Ok(());
            }
        }
    }

    /// The value of an expression, awaited, in the page.
    pub(crate) fn value(&mut self, expression: &str) -> Result<Value> {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let told = self.ask("Runtime.evaluate", &asked)?;
        if let Some(wrong) = told.get("exceptionDetails") {
            bail!("the page fails: {wrong}");
        }
        Ok(told["result"]["value"].clone())
    }

    /// What a method gives.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.number += 1;
        let number = self.number;
        let mut asked = json!({"id": number, "method": method, "params": params});
        if let Some(session) = &self.session {
            asked["sessionId"] = json!(session);
        }
        self.questions.write_all(format!("{asked}\0").as_bytes())?;
        loop {
            let mut told = self.next()?;
            if told["id"] == number {
                if let Some(wrong) = told.get("error") {
                    bail!("{method}: {wrong}");
                }
                return Ok(told["result"].take());
            }
        }
    }

    fn next(&mut self) -> Result<Value> {
        let mut told = Vec::new();
        self.answers.read_until(0, &mut told)?;
        if told.pop() != Some(0) {
            bail!("chromium has ended");
        }
        let told: Value = serde_json::from_slice(&told)?;
        if told["method"] == "Network.requestWillBeSent" {
            let url = told["params"]["request"]["url"].as_str().unwrap_or_default();
            self.asked.push(url.to_owned());
        }
        Ok(told)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
