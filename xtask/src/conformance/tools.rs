//! What each tool wrote, as claims.
//!
//! The tools are read as their users read them: a log line by the published expressions of those who watch it, a journal
//! entry by its MESSAGE_ID.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::score::{Claim, KERNEL};

/// A tool of the table.
#[derive(Debug)]
pub(crate) struct Tool {
    /// Its column.
    pub(crate) name: &'static str,
    /// What it is and how it was read.
    pub(crate) what: &'static str,
    /// What it wrote, below the scenario's folder.
    pub(crate) output: &'static str,
    /// What that says.
    pub(crate) claims: fn(&str) -> Vec<Claim>,
}

/// oomtrace first.
pub(crate) static TOOLS: &[Tool] = &[
    Tool {
        name: "oomtrace",
        what: "the `kill` lines of `oomtrace -o json`",
        output: "events.jsonl",
        claims: oomtrace,
    },
    Tool {
        name: "bpftrace",
        what: "Debian's `oomkill.bt`",
        output: "peers/bpftrace",
        claims: oomkill,
    },
    Tool {
        name: "bcc",
        what: "Debian's `oomkill-bpfcc`",
        output: "peers/bcc",
        claims: oomkill,
    },
    Tool {
        name: "libbpf-tools",
        what: "Debian's `oomkill` of libbpf-tools",
        output: "peers/libbpf",
        claims: oomkill,
    },
    Tool {
        name: "cadvisor",
        what: "the kernel log, parsed with the expressions of cadvisor's `utils/oomparser` (which the kubelet uses)",
        output: "peers/kmsg",
        claims: cadvisor,
    },
    Tool {
        name: "n-p-d",
        what: "the kernel log, parsed with the rule `OOMKilling` of node-problem-detector's `kernel-monitor.json`",
        output: "peers/kmsg",
        claims: node_problem_detector,
    },
    Tool {
        name: "systemd",
        what: "PID 1's own journal entries by their MESSAGE_ID: a unit had a process killed by the OOM killer, or by systemd-oomd",
        output: "peers/journal",
        claims: systemd,
    },
    Tool {
        name: "user space",
        what: "what earlyoom and nohang log about their own kills",
        output: "peers/journal",
        claims: killers,
    },
];

impl Tool {
    /// Why it did not run, where it did not: what it wrote at its start, in a line.
    pub(crate) fn fault(&self, out: &Path) -> Option<String> {
        let name = self.output.strip_prefix("peers/").filter(|name| *name != "journal")?;
        let wrote = fs::read_to_string(out.join("peers").join(name)).unwrap_or_default();
        // All of them say so once their probes are attached.
        if wrote.lines().any(|line| line.starts_with("Tracing")) {
            return None;
        }
        let last = wrote.lines().rev().find(|line| !line.trim().is_empty());
        Some(last.unwrap_or("it wrote nothing").trim().to_owned())
    }
}

fn lines(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.lines().filter_map(|line| serde_json::from_str(line).ok())
}

pub(super) fn oomtrace(text: &str) -> Vec<Claim> {
    let told = |value: &Value| value.as_str().map(str::to_owned);
    lines(text)
        .filter(|line| line["event"] == "kill")
        .map(|line| Claim {
            pid: line["victim"]["pid"].as_u64(),
            cgroup: told(&line["cgroup"]["path"]),
            limit: told(&line["limit"]["cgroup"]),
            origin: told(&line["origin"]).filter(|origin| origin != "unknown"),
            trigger: line["trigger"]["pid"].as_u64(),
        })
        .collect()
}

/// The line that the three tools of that name share.
fn oomkill(text: &str) -> Vec<Claim> {
    static LINE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"Triggered by PID (\d+) \(".*"\), OOM kill of PID (\d+) \(""#).ok());
    let told = text.lines().filter_map(|line| LINE.as_ref()?.captures(line));
    told.map(|told| Claim {
        pid: number(&told, 2),
        trigger: number(&told, 1),
        // The probe is the kernel's.
        origin: Some(KERNEL.to_owned()),
        ..Claim::default()
    })
    .collect()
}

fn number(told: &regex::Captures<'_>, group: usize) -> Option<u64> {
    told.get(group)?.as_str().parse().ok()
}

/// What the records of the device say.
fn messages(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| Some(line.split_once(';')?.1))
}

/// <https://github.com/google/cadvisor/blob/master/utils/oomparser/oomparser.go>: from the first line of a report to the
/// first line that names the victim, and nothing after it.
pub(super) fn cadvisor(text: &str) -> Vec<Claim> {
    static FIRST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("invoked oom-killer:").ok());
    static CONTAINER: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let line = "oom-kill:constraint=(.*),nodemask=(.*),cpuset=(.*),mems_allowed=(.*),oom_memcg=(.*),task_memcg=(.*),task=(.*),pid=(.*),uid=(.*)";
        Regex::new(line).ok()
    });
    static LAST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"Killed process ([0-9]+) \((.+)\)").ok());
    let matches = |regex: &Option<Regex>, text: &str| regex.as_ref().is_some_and(|regex| regex.is_match(text));
    let mut claims = Vec::new();
    let mut in_report = false;
    for message in messages(text) {
        if !in_report {
            in_report = matches(&FIRST, message);
        } else if let Some(told) = CONTAINER.as_ref().and_then(|regex| regex.captures(message)) {
            let path = |group: usize| told.get(group).map(|path| path.as_str().to_owned());
            let origin = match told.get(1).map(|name| name.as_str()) {
                Some("CONSTRAINT_MEMCG") => "memcg_limit",
                Some("CONSTRAINT_NONE") => "host",
                Some("CONSTRAINT_CPUSET") => "cpuset",
                Some("CONSTRAINT_MEMORY_POLICY") => "mempolicy",
                _ => KERNEL,
            };
            claims.push(Claim {
                pid: number(&told, 8),
                cgroup: path(6),
                limit: path(5),
                origin: Some(origin.to_owned()),
                trigger: None,
            });
            in_report = false;
        } else if let Some(told) = LAST.as_ref().and_then(|regex| regex.captures(message)) {
            claims.push(Claim {
                pid: number(&told, 1),
                // Both of its names for a container are `/` then.
                limit: Some("/".to_owned()),
                origin: Some(KERNEL.to_owned()),
                ..Claim::default()
            });
            in_report = false;
        }
    }
    claims
}

/// <https://github.com/kubernetes/node-problem-detector/blob/master/config/kernel-monitor.json>
pub(super) fn node_problem_detector(text: &str) -> Vec<Claim> {
    static RULE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"Killed process (\d+) (.+) total-vm:\d+kB, anon-rss:\d+kB, file-rss:\d+kB.*").ok()
    });
    let told = messages(text).filter_map(|message| RULE.as_ref()?.captures(message));
    told.map(|told| Claim {
        pid: number(&told, 1),
        origin: Some(KERNEL.to_owned()),
        ..Claim::default()
    })
    .collect()
}

/// systemd's `src/systemd/sd-messages.h`: `SD_MESSAGE_UNIT_OUT_OF_MEMORY`.
const OUT_OF_MEMORY: &str = "fe6faa94e7774663a0da52717891d8ef";
/// `SD_MESSAGE_UNIT_OOMD_KILL`.
const OOMD_KILL: &str = "d989611b15e44c9dbf31e3c81256e4ed";

fn systemd(text: &str) -> Vec<Claim> {
    lines(text)
        .filter_map(|entry| {
            let origin = match entry["MESSAGE_ID"].as_str()? {
                OUT_OF_MEMORY => KERNEL,
                OOMD_KILL => "systemd_oomd",
                _ => return None,
            };
            let unit = entry["UNIT"].as_str().or_else(|| entry["USER_UNIT"].as_str());
            Some(Claim {
                cgroup: unit.map(str::to_owned),
                origin: Some(origin.to_owned()),
                ..Claim::default()
            })
        })
        .collect()
}

/// earlyoom 1.7: `sending SIGTERM to process 205 uid 0 "python3": badness 900, VmRSS 100 MiB`. nohang 0.2: `PID:       205,
/// name: python3, …` in one line and `Sending SIGTERM to the victim` in a later one. Two signals to one process are one kill.
fn killers(text: &str) -> Vec<Claim> {
    static SIGNAL: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)sending SIG(?:TERM|KILL)(?: to process (\d+))?").ok());
    static VICTIM: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"PID:\s+(\d+), name:").ok());
    let (mut seen, mut victim) = (HashSet::new(), None);
    lines(text)
        .filter_map(|entry| {
            let message = entry["MESSAGE"].as_str()?;
            if let Some(told) = VICTIM.as_ref()?.captures(message) {
                victim = number(&told, 1);
            }
            let told = SIGNAL.as_ref()?.captures(message)?;
            let pid = number(&told, 1).or(victim)?;
            seen.insert(pid).then(|| Claim {
                pid: Some(pid),
                origin: Some("userspace".to_owned()),
                ..Claim::default()
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trigger_and_the_victim_are_told_apart() {
        let text = "Tracing oom_kill_process()... Hit Ctrl-C to end.\n\
            12:00:01 Triggered by PID 205 (\"a (\"b\")\"), OOM kill of PID 206 (\"c\"), 16384 pages, loadavg: 0.1 0.2 0.3 1/2 9\n";
        let claims = oomkill(text);
        assert_eq!((claims[0].trigger, claims[0].pid), (Some(205), Some(206)));
        assert_eq!(claims.len(), 1);
    }

    #[test]
    fn a_report_of_the_kernel_is_read_as_each_of_them_reads_it() {
        let text = "4,1,5,-;tail invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n\
            6,2,5,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a.service,mems_allowed=0,oom_memcg=/s.slice,task_memcg=/s.slice/a.service,task=tail,pid=7,uid=0\n\
            3,3,5,-;Memory cgroup out of memory: Killed process 7 (tail) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0\n\
            3,4,5,-;Memory cgroup out of memory: Killed process 8 (tail) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0\n";
        let claims = cadvisor(text);
        assert_eq!(claims.len(), 1, "it knows nothing of who dies with the chosen one");
        assert_eq!(claims[0].cgroup.as_deref(), Some("/s.slice/a.service"));
        assert_eq!(claims[0].limit.as_deref(), Some("/s.slice"));
        let pids: Vec<_> = node_problem_detector(text).iter().map(|claim| claim.pid).collect();
        assert_eq!(pids, [Some(7), Some(8)]);
    }

    #[test]
    fn the_host_is_not_in_cadvisors_expression() {
        let text = "4,1,5,-;x invoked oom-killer: gfp_mask=0x0\n\
            6,2,5,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/a.service,task=x,pid=7,uid=0\n\
            3,3,5,-;Out of memory: Killed process 7 (x) total-vm:1kB\n";
        let claims = cadvisor(text);
        assert_eq!(claims[0].cgroup, None);
        assert_eq!((claims[0].pid, claims[0].limit.as_deref()), (Some(7), Some("/")));
    }

    #[test]
    fn units_are_told_by_message_id_and_user_space_by_its_words() {
        let text = format!(
            "{}\n{}\n{}\n",
            serde_json::json!({"MESSAGE_ID": OUT_OF_MEMORY, "UNIT": "a.service", "MESSAGE": "x"}),
            serde_json::json!({"MESSAGE": "sending SIGTERM to process 205 uid 0 \"python3\": badness 900, VmRSS 100 MiB"}),
            serde_json::json!({"MESSAGE": "sending SIGKILL to process 205 uid 0 \"python3\": badness 900, VmRSS 100 MiB"}),
        );
        assert_eq!(systemd(&text)[0].cgroup.as_deref(), Some("a.service"));
        assert_eq!(killers(&text).len(), 1);
    }
}
