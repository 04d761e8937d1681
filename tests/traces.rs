//! Recorded traces: how real programs used memory, and what became of them.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a program's first line says of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The limit of its cgroup, as the kernel takes it.
    pub limit: String,
    /// For how long it runs at most.
    pub seconds: u64,
    /// Whether it leaks.
    pub kind: Kind,
    /// Words for the interpreter.
    #[serde(default)]
    pub args: String,
}

/// What kind of life a program leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It grows until it is killed.
    Leak,
    /// It does not.
    Calm,
}

impl Header {
    /// Reads `trace: limit=192M seconds=420 kind=leak`.
    ///
    /// # Errors
    /// Where a word is missing.
    pub fn parse(text: &str) -> Result<Self> {
        let line = text
            .lines()
            .find_map(|line| line.split_once("trace: "))
            .context("no 'trace:' line")?
            .1;
        let value = |name: &str| {
            let found = line
                .split(' ')
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            found.with_context(|| format!("no {name}= in '{line}'"))
        };
        Ok(Self {
            limit: value("limit")?.to_owned(),
            seconds: value("seconds")?.parse()?,
            kind: serde_json::from_value(Value::from(value("kind")?))?,
            args: value("args").unwrap_or_default().to_owned(),
        })
    }
}

/// Keeps of a recorded stream what a forecast needs: samples up to the kill, and the kill.
///
/// # Errors
/// Where a file cannot be read or written.
pub fn slim(raw: &Path, header: &Header, trace: &Path) -> Result<()> {
    let mut out = BufWriter::new(File::create(trace)?);
    writeln!(out, "{}", json!({"trace": header}))?;
    for line in BufReader::new(File::open(raw)?).lines() {
        let mut line: Value = serde_json::from_str(&line?)?;
        let path = line["cgroup"]["path"].as_str().unwrap_or_default().to_owned();
        if !path.starts_with("/trace-") {
            continue;
        }
        match line["event"].as_str() {
            Some("sample") => {
                let memory = line["memory"].as_object_mut().context("a sample without memory")?;
                memory.retain(|_, value| !value.is_null());
                let slim =
                    json!({"event": "sample", "ts": line["ts"], "cgroup": {"path": path}, "memory": line["memory"]});
                writeln!(out, "{slim}")?;
            }
            Some("kill") => {
                let slim = json!({"event": "kill", "ts": line["ts"]});
                writeln!(out, "{slim}")?;
                break;
            }
            _ => {}
        }
    }
    out.flush()?;
    Ok(())
}

/// The header of a recorded trace.
///
/// # Errors
/// Where it has none.
pub fn header(trace: &Path) -> Result<Header> {
    let text = fs::read_to_string(trace)?;
    let first: Value = serde_json::from_str(text.lines().next().context("an empty trace")?)?;
    Ok(serde_json::from_value(first["trace"].clone())?)
}
