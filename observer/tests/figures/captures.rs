//! Small captures of what people run: a pod, a user's unit, a writer of files, a JVM. What a recorder would have written for them:
//! samples with what they are made of, a kill with what was so before it, the end.

use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

/// A unit, how it fills its limit, and what is told of it at its end.
pub(crate) struct Spec {
    /// Its fields in every line: unit, path, container.
    pub(crate) subject: Value,
    /// Its limit, in bytes.
    pub(crate) max: u64,
    /// Seconds that it lives.
    pub(crate) seconds: u64,
    /// Its anonymous memory and its page cache after so many seconds, in bytes.
    pub(crate) held: fn(u64) -> (u64, u64),
    /// Who is killed at the end: pid and name; nobody where it lives on.
    pub(crate) victim: Option<(u64, &'static str)>,
}

fn at(second: u64) -> String {
    format!("2026-11-24T14:{:02}:{:02}.250000000Z", second / 60, second % 60)
}

impl Spec {
    fn path(&self) -> &str {
        self.subject["cgroup"]["path"].as_str().unwrap()
    }

    fn line(&self, second: u64, event: &Value) -> Value {
        let mut line = json!({"ts": at(second), "seq": 0, "host": "h", "slice": null, "invocation_id": null,
            "unit": null, "user_unit": null, "container": null});
        for of in [&self.subject, event] {
            for (key, value) in of.as_object().unwrap() {
                line[key] = value.clone();
            }
        }
        line
    }

    fn memory(&self, second: u64) -> Value {
        let (anon, file) = (self.held)(second);
        let kernel = 300_000 + second * 1_000;
        json!({"current": anon + file + kernel, "max": self.max, "anon": anon, "file": file, "shmem": 0,
            "kernel": kernel, "swap_current": 0})
    }

    fn sample(&self, second: u64) -> Value {
        let memory = self.memory(second);
        let (pid, comm) = self.victim.unwrap_or((90, "dd"));
        let held = (self.held)(second).0;
        let limit = json!({"cgroup": self.path(), "unit": self.subject["unit"], "relation": "own", "file": "memory.max",
            "bytes": self.max, "usage": memory["current"], "reclaimable": memory["file"]});
        let event = json!({"event": "sample", "memory": memory, "limits": [limit],
            "tasks": [{"pid": pid, "comm": comm, "held": held}]});
        self.line(second, &event)
    }

    /// The kill, with what the engine knew of the unit's last sample.
    fn kill(&self, (pid, comm): (u64, &str), last: &Value) -> Value {
        let (anon, file) = (self.held)(self.seconds);
        let before = json!({"ts": last["ts"], "cgroup": self.path(), "unit": self.subject["unit"],
            "memory": last["memory"]});
        let event = json!({"event": "kill", "origin": "memcg_limit", "confidence": "observed",
            "evidence": ["oom_kill_process", "mark_victim"],
            "limit": {"cgroup": self.path(), "unit": self.subject["unit"], "relation": "own", "file": "memory.max",
                "bytes": self.max, "usage": self.max - 4096, "swap_usage": 0, "swap_max": null},
            "trigger": {"pid": pid, "tid": pid + 1, "comm": "worker", "uid": 1000, "unit": self.subject["unit"],
                "cgroup": self.path()},
            "victim": {"pid": pid, "tid": pid, "comm": comm, "cmdline": null, "uid": 1000, "oom_score_adj": 100,
                "total_vm": 900 * MIB, "anon": anon, "file": file / 2 + 3 * MIB, "shmem": 0, "swap": 0,
                "pgtables": 323_584, "started": at(1)},
            "leader_pid": null, "killer": null, "request": {"order": 2, "gfp": "GFP_KERNEL"},
            "before": {"samples": [before], "trend": last["trend"], "forecast": last["forecast"]},
            "tasks": [{"pid": pid, "comm": comm, "anon": anon, "file": file, "shmem": 0, "swap": 0, "oom_score_adj": 100},
                {"pid": 77, "comm": "sidecar", "anon": 5 * MIB, "file": 2 * MIB, "shmem": 0, "swap": 0, "oom_score_adj": 0}],
            "advice": []});
        self.line(self.seconds, &event)
    }

    fn start(&self) -> Value {
        json!({"event": "start", "ts": at(0), "seq": 0, "host": "h", "schema": "oomtrace/1", "version": "0.1.0",
            "kernel": "6.12.0", "boot_id": "b", "cgroup_version": "v2", "probes": []})
    }

    /// Its life; the kill as `replayed` knew it, the same life as the engine has judged it.
    pub(crate) fn lines(&self, replayed: &[Value]) -> Vec<Value> {
        let unit = |state: &str, second: u64, result: Value| {
            let event = json!({"event": "unit", "state": state, "result": result, "restarts": 2, "tasks": 3});
            self.line(second, &event)
        };
        let mut lines = vec![self.start(), unit("started", 0, Value::Null)];
        lines.extend((1..self.seconds).map(|second| self.sample(second)));
        if let Some(victim) = self.victim {
            let last = replayed.iter().rfind(|line| line["event"] == "sample");
            let last = last.cloned().unwrap_or_else(|| self.sample(self.seconds - 1));
            lines.push(self.kill(victim, &last));
            lines.push(unit("failed", self.seconds + 1, json!("oom-kill")));
        }
        lines
    }
}

fn pod_holds(second: u64) -> (u64, u64) {
    (8 * MIB + second * 700_000, 3 * MIB)
}

fn user_unit_holds(second: u64) -> (u64, u64) {
    (4 * MIB + second * 400_000, 2 * MIB + second * 10_000)
}

fn writer_holds(second: u64) -> (u64, u64) {
    (7 * MIB, (second * 3 * MIB).min(190 * MIB))
}

/// A heap that is filled and collected, each time from a little higher.
fn jvm_holds(second: u64) -> (u64, u64) {
    (30 * MIB + (second % 20) * 3 * MIB + second * 300_000, 6 * MIB)
}

/// The captures that are made, by name.
pub(crate) fn specs() -> Vec<(&'static str, Spec)> {
    let id = "5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f";
    let pod = json!({"cgroup": {"id": 7, "path": format!("/kubepods/burstable/pod0a1b/{id}")}, "container":
        {"runtime": "containerd", "id": id, "name": "web", "pod": "0a1b", "pod_name": "web-7d", "namespace": "shop"}});
    let user = json!({"unit": "user@1000.service", "user_unit": "firefox.service", "slice": "user-1000.slice",
        "cgroup": {"id": 8, "path": "/user.slice/user-1000.slice/user@1000.service/app.slice/firefox.service"}});
    let unit = |name: &str, id: u64| {
        json!({"unit": name, "slice": "system.slice", "invocation_id": "0123456789abcdef0123456789abcdef",
            "cgroup": {"id": id, "path": format!("/system.slice/{name}")}})
    };
    let spec = |subject: Value, max: u64, seconds: u64, held: fn(u64) -> (u64, u64), victim| Spec {
        subject,
        max: max * MIB,
        seconds,
        held,
        victim,
    };
    vec![
        ("a pod", spec(pod, 64, 80, pod_holds, Some((4711, "node")))),
        (
            "a user's unit",
            spec(user, 40, 90, user_unit_holds, Some((28312, "firefox"))),
        ),
        (
            "a writer of files",
            spec(unit("backup.service", 9), 200, 120, writer_holds, None),
        ),
        (
            "a JVM",
            spec(unit("billing.service", 10), 160, 200, jvm_holds, Some((815, "java"))),
        ),
    ]
}
