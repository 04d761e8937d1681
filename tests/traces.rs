//! Recorded traces: how real programs used memory, and what became of them.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What a program's `trace:` line says of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The limit of its cgroup, as the kernel takes it.
    pub limit: String,
    /// For how long it runs at most, all its lives together.
    pub seconds: u64,
    /// Whether it leaks.
    pub kind: Kind,
    /// What its trace is for.
    pub split: Split,
    /// The classes that are right for its last half, the best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class: Vec<String>,
    /// A leak ends with so many kills, what does not leak after so many runs: it is started again after each.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub lives: u32,
    /// For how many seconds of the life that it imitates one second stands.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub compressed: u32,
    /// Words for the interpreter or the compiler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Debian packages that it takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
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

/// Whether anyone may look at a trace while the engine is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Constants are chosen on it.
    Tune,
    /// It is scored, and nothing is chosen on it.
    Score,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one(value: &u32) -> bool {
    *value == 1
}

impl Header {
    /// Reads `trace: limit=192M seconds=420 kind=leak split=score lives=3 needs=ruby args=-v,-w`.
    ///
    /// # Errors
    /// Where a word is missing or is none of those.
    pub fn parse(text: &str) -> Result<Self> {
        let line = text
            .lines()
            .find_map(|line| line.split_once("trace: "))
            .context("no 'trace:' line")?
            .1;
        let mut words = Map::new();
        for word in line.split_whitespace() {
            let (name, value) = word
                .split_once('=')
                .with_context(|| format!("'{word}' is no word=value"))?;
            let value = match name {
                "seconds" | "lives" | "compressed" => Value::from(value.parse::<u32>()?),
                "args" | "needs" | "class" => value.split(',').collect(),
                _ => Value::from(value),
            };
            words.insert(name.to_owned(), value);
        }
        serde_json::from_value(Value::Object(words)).with_context(|| format!("in '{line}'"))
    }
}

/// Keeps of a recorded stream what a forecast needs of one cgroup: samples up to the last kill that the header asks for,
/// and the kills. Each of `lives` is an invocation of its own; what was sampled outside of them is not the program's.
///
/// # Errors
/// Where a file cannot be read or written.
pub fn slim(raw: &Path, cgroup: &str, header: &Header, lives: &[Lived], trace: &Path) -> Result<Slimmed> {
    let mut out = BufWriter::new(File::create(trace)?);
    writeln!(out, "{}", json!({"trace": header}))?;
    let mut slimmed = Slimmed::default();
    for line in BufReader::new(File::open(raw)?).lines() {
        let line: Value = serde_json::from_str(&line?)?;
        if line["cgroup"]["path"] != cgroup {
            continue;
        }
        let ts: Timestamp = line["ts"].as_str().context("a line without ts")?.parse()?;
        let event = line["event"].as_str().unwrap_or_default();
        let life = lives.iter().rposition(|life| life.start <= ts);
        let mut slim = match event {
            "sample" if life.is_some_and(|life| lives.get(life).is_some_and(|life| ts <= life.end)) => {
                slimmed.samples += 1;
                let mut memory = line["memory"].as_object().context("a sample without memory")?.clone();
                memory.retain(|name, value| {
                    !value.is_null() && name != "peak" && (name != "swap_current" || *value != 0)
                });
                json!({"memory": memory})
            }
            "kill" => {
                slimmed.kills += 1;
                // Who it was is told; a pid means nothing later.
                json!({"origin": line["origin"], "confidence": line["confidence"], "evidence": line["evidence"],
                       "victim": {"pid": 0, "comm": line["victim"]["comm"]}})
            }
            _ => continue,
        };
        slim["event"] = event.into();
        // A millisecond is as exact as a sample is.
        slim["ts"] = format!("{ts:.3}").into();
        slim["cgroup"] = json!({"path": cgroup});
        if let Some(life) = life.filter(|_| lives.len() > 1) {
            slim["unit"] = format!("{}.service", cgroup.trim_start_matches('/')).into();
            slim["invocation_id"] = format!("{:032x}", life + 1).into();
        }
        writeln!(out, "{slim}")?;
        if header.kind == Kind::Leak && slimmed.kills == header.lives {
            break;
        }
    }
    out.flush()?;
    Ok(slimmed)
}

/// From a program's start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lived {
    /// It was started.
    pub start: Timestamp,
    /// It was gone, or its time was over.
    pub end: Timestamp,
}

impl FromStr for Lived {
    type Err = anyhow::Error;

    /// Reads `2026-01-01T00:00:01Z 2026-01-01T00:00:02Z`, as `record.sh` writes it.
    fn from_str(line: &str) -> Result<Self> {
        let (start, end) = line
            .split_once(' ')
            .with_context(|| format!("'{line}' is no start and end"))?;
        Ok(Self {
            start: start.parse()?,
            end: end.parse()?,
        })
    }
}

/// How much a trace holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slimmed {
    /// Samples.
    pub samples: u32,
    /// Kills.
    pub kills: u32,
}

/// The header of a recorded trace.
///
/// # Errors
/// Where it has none.
pub fn header(trace: &Path) -> Result<Header> {
    let text = fs::read_to_string(trace)?;
    let first: Value = serde_json::from_str(text.lines().next().context("an empty trace")?)?;
    serde_json::from_value(first["trace"].clone()).with_context(|| trace.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_its_words_say() {
        let text = "#!/bin/sh\n# trace: limit=64M seconds=60 kind=leak split=tune lives=2 needs=ruby,curl args=-v\n";
        let header = Header::parse(text).unwrap();
        assert_eq!(
            (header.kind, header.split, header.lives, header.compressed),
            (Kind::Leak, Split::Tune, 2, 1)
        );
        assert_eq!(header.needs, ["ruby", "curl"]);
        for wrong in [
            "trace: limit=64M",
            "trace: limit=64M seconds=1 kind=leak split=score swap",
            "nothing",
        ] {
            assert!(Header::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_trace_keeps_what_happened_in_the_lives_of_its_cgroup_until_the_last_kill() {
        let folder = tempfile::tempdir().unwrap();
        let (raw, trace) = (folder.path().join("raw"), folder.path().join("trace"));
        let line = |event: &str, second: u32, path: &str| {
            json!({"event": event, "ts": format!("2026-01-01T00:00:{second:02}Z"), "cgroup": {"path": path},
                   "origin": "memcg_limit", "memory": {"current": 1, "peak": 2, "swap_current": 0, "high": null}})
            .to_string()
        };
        let told = [
            line("sample", 0, "/a"),
            line("sample", 1, "/a"),
            line("sample", 1, "/b"),
            line("kill", 2, "/a"),
            line("sample", 3, "/a"),
            line("sample", 5, "/a"),
            line("kill", 6, "/a"),
            line("sample", 6, "/a"),
        ];
        fs::write(&raw, told.join("\n")).unwrap();
        let header = Header::parse("trace: limit=64M seconds=60 kind=leak split=tune lives=2").unwrap();
        let lives = ["01Z 2026-01-01T00:00:02Z", "04Z 2026-01-01T00:00:07Z"];
        let lives = lives.map(|rest| format!("2026-01-01T00:00:{rest}").parse().unwrap());
        let kept = slim(&raw, "/a", &header, &lives, &trace).unwrap();
        assert_eq!(kept, Slimmed { samples: 2, kills: 2 });
        let lines = fs::read_to_string(&trace).unwrap();
        assert!(lines.contains("\"origin\":\"memcg_limit\""));
        assert_eq!(super::header(&trace).unwrap(), header);
        let text = fs::read_to_string(&trace).unwrap();
        let second: Value = serde_json::from_str(text.lines().nth(3).unwrap()).unwrap();
        assert_eq!(second["memory"], json!({"current": 1}));
        assert!(second["invocation_id"].as_str().unwrap().ends_with("02"));
    }
}
