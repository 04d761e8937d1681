//! The services of the fleet: whose life each leads, how slowly, and under whose limit.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{DAY, Truth};
use crate::workspace;

/// A service that every host has.
pub(super) struct Service {
    unit: &'static str,
    slice: &'static str,
    /// The recorded program.
    trace: &'static str,
    /// Seconds from sample to sample, where the recording has one.
    pace: f64,
    limit: Limit,
}

enum Limit {
    /// Its own, as it was recorded.
    Recorded,
    /// Its own, of so many bytes: hardly more than it needs.
    Tight(u64),
    /// Its slice's, as it was recorded.
    Slice,
}

/// A life: the samples' memory, and whether it ends in a kill.
pub(super) struct Life {
    memory: Vec<Value>,
    is_killed: bool,
}

pub(super) const SERVICES: [Service; 7] = [
    service("api.service", "system.slice", "leak_steady", 120.0, Limit::Recorded),
    service("cart.service", "shop.slice", "leak_children", 280.0, Limit::Slice),
    service("search.service", "system.slice", "leak_malloc", 240.0, Limit::Recorded),
    // Leaks too, and not by tomorrow: four days into a life of twelve.
    service("mailer.service", "system.slice", "leak_steady", 3300.0, Limit::Recorded),
    service("cache.service", "system.slice", "cache_files", 240.0, Limit::Recorded),
    service("batch.service", "system.slice", "batch", 240.0, Limit::Tight(140 << 20)),
    service("idle.service", "system.slice", "idle", 600.0, Limit::Recorded),
];

const fn service(unit: &'static str, slice: &'static str, trace: &'static str, pace: f64, limit: Limit) -> Service {
    Service {
        unit,
        slice,
        trace,
        pace,
        limit,
    }
}

impl Service {
    pub(super) fn read(&self) -> Result<Life> {
        let path = workspace().join(format!("tests/traces/{}.jsonl", self.trace));
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut life = Life {
            memory: Vec::new(),
            is_killed: false,
        };
        for line in text.lines().skip(1) {
            let line: Value = serde_json::from_str(line)?;
            life.is_killed |= line["event"] == "kill";
            life.memory
                .extend((line["event"] == "sample").then(|| line["memory"].clone()));
        }
        Ok(life)
    }

    /// Its lines until `end`, each with its second; what is true of them counts `copies` times.
    pub(super) fn run(&self, life: &Life, variant: f64, end: f64, copies: u64, truth: &mut Truth) -> Vec<(f64, Value)> {
        let mut lines = Vec::new();
        let length = life.memory.len() as f64 * self.pace;
        // Hosts were not started in the same second.
        let mut begin = 1.0 + variant * 977.0;
        let mut number: u64 = 1;
        while begin < end {
            let subject = self.subject(number);
            for (place, memory) in life.memory.iter().enumerate() {
                let at = begin + place as f64 * self.pace;
                if at < end {
                    lines.push((at, self.sample(&subject, memory)));
                }
            }
            begin += length;
            if life.is_killed && begin < end {
                let owner = self.owner();
                *truth.kills.entry((self.unit.to_owned(), owner)).or_default() += copies;
                lines.push((begin - 0.5, self.kill(&subject, life, number)));
                number += 1;
            } else if life.is_killed && begin < end + DAY {
                *truth.tomorrow.entry(self.unit.to_owned()).or_default() += copies;
            }
        }
        if matches!(self.limit, Limit::Tight(_)) {
            *truth.small.entry(self.unit.to_owned()).or_default() += copies;
        }
        lines
    }

    /// The unit whose limit it is.
    fn owner(&self) -> String {
        match self.limit {
            Limit::Recorded | Limit::Tight(_) => self.unit.to_owned(),
            Limit::Slice => self.slice.to_owned(),
        }
    }

    fn subject(&self, number: u64) -> Value {
        json!({"unit": self.unit, "user_unit": null, "slice": self.slice, "invocation_id": format!("{number:032x}"),
            "cgroup": {"id": number * 1000 + self.unit.len() as u64 * 37 + self.pace.to_bits() % 997,
                "path": format!("/{}/{}", self.slice, self.unit)},
            "container": null})
    }

    fn limit_of(&self, memory: &Value) -> Value {
        match self.limit {
            Limit::Recorded | Limit::Slice => memory["max"].clone(),
            Limit::Tight(bytes) => Value::from(bytes),
        }
    }

    fn limit(&self, memory: &Value) -> Value {
        let (cgroup, relation) = match self.limit {
            Limit::Recorded | Limit::Tight(_) => (format!("/{}/{}", self.slice, self.unit), "own"),
            Limit::Slice => (format!("/{}", self.slice), "ancestor"),
        };
        json!({"cgroup": cgroup, "unit": self.owner(), "relation": relation, "file": "memory.max",
            "bytes": self.limit_of(memory), "usage": memory["current"]})
    }

    fn sample(&self, subject: &Value, memory: &Value) -> Value {
        let mut line = subject.clone();
        line["event"] = Value::from("sample");
        line["memory"] = memory.clone();
        line["memory"]["max"] = match self.limit {
            Limit::Recorded | Limit::Tight(_) => self.limit_of(memory),
            Limit::Slice => Value::Null,
        };
        line["limits"] = json!([self.limit(memory)]);
        line
    }

    fn kill(&self, subject: &Value, life: &Life, number: u64) -> Value {
        let mut line = subject.clone();
        let memory = life.memory.last().cloned().unwrap_or_default();
        let more = json!({"event": "kill", "origin": "memcg_limit", "confidence": "observed",
            "evidence": ["oom_kill_process", "mark_victim"], "limit": self.limit(&memory), "trigger": null,
            "victim": {"pid": 1000 + number, "tid": 1000 + number, "comm": self.trace, "cmdline": null, "uid": 0,
                "oom_score_adj": 0, "total_vm": null, "anon": memory["anon"], "file": memory["file"],
                "shmem": memory["shmem"], "swap": null, "pgtables": null, "started": null},
            "leader_pid": null, "killer": null, "request": null, "before": null, "tasks": [], "advice": []});
        for (key, value) in more.as_object().into_iter().flatten() {
            line[key] = value.clone();
        }
        line
    }
}
