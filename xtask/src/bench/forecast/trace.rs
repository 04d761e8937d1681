//! A trace as it is scored: its samples, its lives, and the stream that is replayed.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use oomtrace_tests::traces::{self, Header};
use serde_json::Value;

/// What a trace holds; times in seconds since its first sample.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) name: String,
    pub(super) header: Header,
    pub(super) samples: Vec<Sample>,
    pub(super) lives: Vec<Life>,
    /// Samples and kills as NDJSON, for a replay.
    pub(super) stream: String,
    pub(super) began: Timestamp,
}

/// Sizes in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) at: f64,
    pub(super) current: f64,
    /// Without page cache and reclaimable slab.
    pub(super) fixed: f64,
    pub(super) anon: f64,
    pub(super) limit: f64,
    /// Which start of the program it belongs to.
    pub(super) start: usize,
}

/// From a start, or from a kill that the program survived, to a kill or to the end of that start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Life {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) is_killed: bool,
    /// Whether it was killed by a burst, which nothing led to.
    pub(super) is_sudden: bool,
}

/// A burst takes the last of the limit, from this share of it on, in so short a time as a share of the life.
const BURST_FROM: f64 = 2.0 / 3.0;
const BURST: f64 = 0.02;

impl Trace {
    /// Reads a trace as if it had lasted `stretch` times as long.
    pub(super) fn read(path: &Path, stretch: u32) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut trace = Self {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            header: traces::header(path)?,
            samples: Vec::new(),
            lives: Vec::new(),
            stream: String::new(),
            began: Timestamp::UNIX_EPOCH,
        };
        // The first line is the trace's own header.
        for line in text.lines().skip(1) {
            let line = serde_json::from_str(line).with_context(|| format!("{}: {line}", trace.name))?;
            trace.line(line, stretch)?;
        }
        let (last, killed) = (
            trace.samples.last().map(|last| last.at),
            trace.lives.last().is_some_and(|life| life.is_killed),
        );
        if let (Some(end), false) = (last, killed) {
            trace.end_life(end, false);
        }
        Ok(trace)
    }

    fn line(&mut self, mut line: Value, stretch: u32) -> Result<()> {
        let ts: Timestamp = line["ts"].as_str().context("a line without ts")?.parse()?;
        if self.samples.is_empty() {
            self.began = ts;
        }
        let since = ts.duration_since(self.began) * i32::try_from(stretch)?;
        let at = since.as_secs_f64();
        if line["event"] == "kill" {
            self.end_life(at, true);
        } else {
            self.sample(at, &line)?;
        }
        line["ts"] = format!("{:.9}", self.began + since).into();
        self.stream += &line.to_string();
        self.stream.push('\n');
        Ok(())
    }

    fn sample(&mut self, at: f64, line: &Value) -> Result<()> {
        let size = |name: &str| line["memory"][name].as_f64();
        let current = size("current").context("a sample without memory.current")?;
        let cache = size("file").unwrap_or(0.0) - size("shmem").unwrap_or(0.0);
        let start = line["invocation_id"]
            .as_str()
            .map_or(Ok(0), |id| usize::from_str_radix(id, 16))?;
        if let Some(last) = self.samples.last().copied().filter(|last| last.start != start)
            && self.lives.last().is_none_or(|life| life.end < last.at)
        {
            self.end_life(last.at, false);
        }
        self.samples.push(Sample {
            at,
            current,
            fixed: current - cache.max(0.0) - size("slab_reclaimable").unwrap_or(0.0),
            anon: size("anon").unwrap_or(current),
            limit: size("max").context("a sample without memory.max")?,
            start,
        });
        Ok(())
    }

    /// The life that ends now began with the first sample after the one before.
    fn end_life(&mut self, end: f64, is_killed: bool) {
        let before = self.lives.last().map_or(f64::NEG_INFINITY, |life| life.end);
        let start = self.samples.iter().map(|sample| sample.at).find(|at| *at > before);
        if let Some(start) = start.filter(|start| *start < end) {
            let lived = self.samples.iter().rev().take_while(|sample| sample.at >= start);
            let had_room = lived
                .filter(|sample| sample.at <= end)
                .find(|sample| sample.fixed < sample.limit * BURST_FROM);
            self.lives.push(Life {
                start,
                end,
                is_killed,
                is_sudden: is_killed && had_room.is_some_and(|last| last.at > end - (end - start) * BURST),
            });
        }
    }
}
