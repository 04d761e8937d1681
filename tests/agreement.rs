//! What `oomtrace why` tells from a kernel's log against what was told live: field by field the same, or unknown.
//!
//! Every scenario leaves its kernel's log. It is put into the forms in which such logs are pasted, whole and cut at random.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use oomtrace_engine::pasted::{Pasted, read};
use serde_json::{Value, json};

/// How often each form is cut.
const CUTS: u64 = 6;

/// What a log cannot tell as it was told live, or what is looked at some time after the kernel's own report: which log and
/// when, how sure it is, in a sentence too, and what the machine's memory was used for. Of a shortage its kind has to be the same.
const OTHERWISE: [&str; 15] = [
    "seq",
    "ts",
    "host",
    "log_time",
    "confidence",
    "message",
    "ledger",
    "limit.usage",
    "limit.swap_usage",
    "shortage.node",
    "shortage.zone",
    "shortage.free",
    "shortage.min",
    "shortage.low",
    "shortage.high",
];

/// Sizes of a victim, which the kernel's log has exact and a probe without what is not added up yet, in bytes: what each of the guest's two
/// CPUs has, 32 pages at most (lib/percpu_counter.c: `percpu_counter_batch`), or up to 6.1 what the victim's last 64 faults brought
/// (mm/memory.c: `TASK_RSS_EVENTS_THRESH`), of a file up to 16 pages each (`fault_around_bytes`). Its end adds that, and may come between.
const COUNTED: [&str; 4] = ["victim.anon", "victim.file", "victim.shmem", "victim.swap"];
const MAPPED: [&str; 2] = ["victim.file", "victim.shmem"];
const NOT_ADDED: u64 = 64 * 4096;
const AROUND_A_FAULT: u64 = 16;

/// What only the stack says, or the line about a group, and what is told where that is cut off: the limit that was lowered was a
/// limit, one of a group was killed at one, and the magic key has the kernel look for a victim as a host does that is out of memory.
const BY_ANOTHER_LINE: [(&str, &str); 3] = [
    ("memcg_limit", "limit_lowered"),
    ("memcg_limit", "oom_group"),
    ("host", "sysrq"),
];

/// A line of `journalctl -k`.
struct Line<'a> {
    /// Of its day.
    second: u64,
    text: &'a str,
}

fn parse(log: &str) -> Vec<Line<'_>> {
    log.lines()
        .filter_map(|line| {
            let (head, text) = line.split_once(" kernel: ")?;
            let clock = head.split_whitespace().nth(2)?;
            let second = clock
                .split(':')
                .try_fold(0, |sum, part| Some(sum * 60 + part.parse::<u64>().ok()?))?;
            Some(Line { second, text })
        })
        .collect()
}

/// The ways in which a kernel's log is pasted.
#[derive(Debug, Clone, Copy)]
enum Form {
    Journal,
    Dmesg,
    Kmsg,
    Syslog5424,
    Json,
    Mail,
    /// As the journal's, the newest line first.
    NewestFirst,
    /// The journal's entries, the newest first.
    JsonNewestFirst,
}

impl Form {
    const ALL: [Self; 8] = [
        Self::Journal,
        Self::Dmesg,
        Self::Kmsg,
        Self::Syslog5424,
        Self::Json,
        Self::Mail,
        Self::NewestFirst,
        Self::JsonNewestFirst,
    ];

    fn write(self, lines: &[Line<'_>]) -> String {
        let mut log = String::new();
        for (number, Line { second, text }) in lines.iter().enumerate() {
            let (hour, minute, rest) = (second / 3_600, second / 60 % 60, second % 60);
            let clock = format!("{hour:02}:{minute:02}:{rest:02}");
            let _ = match self {
                Self::Journal | Self::NewestFirst => writeln!(log, "Nov 29 {clock} guest kernel: {text}"),
                Self::Dmesg => writeln!(log, "[{second:>5}.{number:06}] {text}"),
                Self::Kmsg => writeln!(log, "4,{number},{second}000000,-;{text}"),
                Self::Syslog5424 => writeln!(log, "<4>1 2026-11-29T{clock}.000000+00:00 guest kernel - - - {text}"),
                Self::Json | Self::JsonNewestFirst => {
                    let time = (1_795_910_400 + second) * 1_000_000;
                    let entry = json!({
                        "_TRANSPORT": "kernel", "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": text, "_HOSTNAME": "guest",
                        "__REALTIME_TIMESTAMP": time.to_string(), "_SOURCE_MONOTONIC_TIMESTAMP": (second * 1_000_000).to_string(),
                    });
                    writeln!(log, "{entry}")
                }
                Self::Mail => write!(log, "> [{second:>5}.{number:06}] {text}\r\n"),
            };
        }
        if matches!(self, Self::NewestFirst | Self::JsonNewestFirst) {
            let lines: Vec<&str> = log.split_inclusive('\n').rev().collect();
            return lines.concat();
        }
        log
    }
}

/// What comes next of numbers that look random and depend on what they begin with alone.
fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// A part of a log, its first line cut, and a line of it left out.
fn cut<'a>(log: &'a str, state: &mut u64) -> Result<String> {
    let lines: Vec<&'a str> = log.split_inclusive('\n').collect();
    let length = u64::try_from(lines.len())?.max(1);
    let mut place = || usize::try_from(next(state) % length);
    let (one, other, without) = (place()?, place()?, place()?);
    let (from, to) = (one.min(other), one.max(other));
    let mut part = String::new();
    for (number, line) in lines.iter().enumerate().take(to).skip(from) {
        let middle = line.floor_char_boundary(line.len() / 2);
        match line.get(middle..) {
            Some(rest) if number == from => part.push_str(rest),
            _ if number == without => {}
            _ => part.push_str(line),
        }
    }
    Ok(part)
}

/// What a log tells, of each pid the first kill.
fn told(log: &str) -> Result<BTreeMap<u64, Value>> {
    let mut kills = BTreeMap::new();
    read(log.as_bytes(), &mut Pasted::default(), &mut |told| {
        let line = told.to_json(0)?;
        if let (Some("kill"), Some(pid)) = (line["event"].as_str(), pid(&line)) {
            kills.entry(pid).or_insert(line);
        }
        Ok(())
    })
    .context("cannot read the kernel's log")?;
    Ok(kills)
}

fn pid(kill: &Value) -> Option<u64> {
    kill["victim"]["pid"].as_u64()
}

/// What a log may tell otherwise without being wrong.
#[derive(Debug, Clone, Copy)]
struct Leeway {
    is_cut: bool,
    /// Whether the kernel leaves to each task what its last faults brought.
    by_task: bool,
}

impl Leeway {
    fn of(kernel: &str) -> Self {
        let numbers = kernel.split('.').filter_map(|number| number.parse::<u32>().ok());
        Self {
            is_cut: false,
            by_task: numbers.le([6, 1]),
        }
    }

    /// What a probe may lack of a size, in bytes.
    fn not_added(self, at: &str) -> u64 {
        let pages_a_fault = if self.by_task && MAPPED.contains(&at) {
            AROUND_A_FAULT
        } else {
            1
        };
        NOT_ADDED * pages_a_fault
    }
}

/// Adds each field that the log tells otherwise.
fn compare(logged: &Value, live: &Value, at: &str, leeway: Leeway, wrong: &mut Vec<String>) {
    if OTHERWISE.contains(&at) {
        return;
    }
    match (logged, live) {
        // Lists are as long as each knows, and with fewer probes the log knows more.
        (Value::Null | Value::Array(_), _) | (_, Value::Null) => {}
        (Value::Object(fields), Value::Object(others)) => {
            for (name, field) in fields {
                let at = if at.is_empty() {
                    name.clone()
                } else {
                    format!("{at}.{name}")
                };
                compare(field, others.get(name).unwrap_or(&Value::Null), &at, leeway, wrong);
            }
        }
        (Value::String(unknown), _) if at == "origin" && unknown == "unknown" => {}
        (Value::String(told), Value::String(known))
            if leeway.is_cut && at == "origin" && BY_ANOTHER_LINE.contains(&(told.as_str(), known.as_str())) => {}
        // The kernel's log has the name of each flag.
        (Value::String(flags), Value::String(known)) if at == "request.gfp" && flags.starts_with(known.as_str()) => {}
        (Value::Number(exact), Value::Number(read))
            if COUNTED.contains(&at)
                && exact
                    .as_u64()
                    .zip(read.as_u64())
                    .is_some_and(|(exact, read)| exact.abs_diff(read) <= leeway.not_added(at)) => {}
        _ if logged == live => {}
        _ => wrong.push(format!("{at} is {logged} in the log and was {live} live")),
    }
}

/// Whether a kernel's log, as `journalctl -k` prints it, tells what these lines tell, in every form; and cut nothing else.
///
/// # Errors
/// What it tells otherwise, for a person.
pub fn agree(log: &str, lines: &[Value], kernel: &str) -> Result<()> {
    let leeway = Leeway::of(kernel);
    let live: BTreeMap<u64, &Value> = lines
        .iter()
        .filter(|line| line["event"] == "kill")
        .filter_map(|kill| Some((pid(kill)?, kill)))
        .collect();
    let parsed = parse(log);
    let mut state = u64::try_from(log.len())?;
    for form in Form::ALL {
        let whole = form.write(&parsed);
        let all = told(&whole)?;
        for pid in live.keys() {
            if log.contains(&format!("Killed process {pid} (")) && !all.contains_key(pid) {
                bail!("as {form:?} the kernel's log does not tell of the kill of process {pid}");
            }
        }
        let same = |told: &BTreeMap<u64, Value>, cut: Option<u64>| {
            for (pid, logged) in told {
                let Some(live) = live.get(pid) else { continue };
                let mut wrong = Vec::new();
                let is_cut = cut.is_some();
                compare(logged, live, "", Leeway { is_cut, ..leeway }, &mut wrong);
                if !wrong.is_empty() {
                    let cut = cut.map(|number| format!(" cut ({number})")).unwrap_or_default();
                    bail!("as {form:?}{cut}, process {pid}: {}", wrong.join("; "));
                }
            }
            Ok(())
        };
        same(&all, None)?;
        for number in 1..=CUTS {
            let part = cut(&whole, &mut state)?;
            same(&told(&part)?, Some(number)).with_context(|| part.lines().take(2).collect::<String>())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
Nov 29 12:00:01 guest kernel: python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
Nov 29 12:00:01 guest kernel: memory: usage 8192kB, limit 8192kB, failcnt 3
Nov 29 12:00:01 guest kernel: oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/a.service,task_memcg=/system.slice/a.service,task=python3,pid=77,uid=0
Nov 29 12:00:01 guest kernel: Memory cgroup out of memory: Killed process 77 (python3) total-vm:9000kB, anon-rss:5000kB, file-rss:10kB, shmem-rss:0kB, UID:0 pgtables:60kB oom_score_adj:0
";

    fn live(unit: &str, anon: u64) -> Value {
        json!({
            "event": "kill", "unit": unit, "slice": "system.slice", "origin": "memcg_limit", "evidence": [],
            "cgroup": {"id": 7, "path": "/system.slice/a.service"},
            "victim": {"pid": 77, "tid": 77, "comm": "python3", "uid": 0, "oom_score_adj": 0, "total_vm": 9000 << 10,
                "anon": anon, "file": 10 << 10, "shmem": 0, "pgtables": 60 << 10, "rss": 5010 << 10},
            "limit": {"cgroup": "/system.slice/a.service", "unit": "a.service", "relation": "own", "file": "memory.max",
                "bytes": 8192 << 10, "usage": 8192 << 10},
            "request": {"gfp": "GFP_KERNEL", "order": 0},
            "trigger": {"comm": "python3", "pid": 77, "tid": 77, "unit": "a.service", "cgroup": "/system.slice/a.service"},
        })
    }

    #[test]
    fn what_the_last_faults_brought_is_told_late_up_to_6_1() {
        let late = |kernel: &str| ["victim.file", "victim.anon"].map(|at| Leeway::of(kernel).not_added(at) >> 12);
        assert_eq!(["5.10", "6.1"].map(late), [[1024, 64]; 2]);
        assert_eq!(["6.12", "7.2"].map(late), [[64, 64]; 2]);
    }

    #[test]
    fn what_is_told_otherwise_is_found() {
        agree(LOG, &[live("a.service", 5000 << 10)], "7.2").unwrap();
        for (kill, part) in [
            (live("b.service", 5000 << 10), "unit is \"a.service\""),
            (live("a.service", 6000 << 10), "victim.anon"),
        ] {
            let error = agree(LOG, &[kill], "7.2").unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_kill_that_the_log_has_and_is_not_told_is_found() {
        let mut other = live("a.service", 5000 << 10);
        other["victim"]["pid"] = 78.into();
        let log = format!("{LOG}Nov 29 12:00:02 guest kernel: a program says: Killed process 78 (x)\n");
        assert!(agree(&log, &[other], "7.2").unwrap_err().to_string().contains("78"));
    }

    /// Three kills within a second, as Linux 7.2 prints them, and how they were told live.
    fn three() -> (String, BTreeMap<u64, Value>) {
        let (mut log, mut live) = (String::new(), BTreeMap::new());
        for (pid, unit, gfp) in [
            (215, "memfd.service", "0xcc0(GFP_KERNEL)"),
            (217, "pipes.service", "0x500cc2(GFP_HIGHUSER|__GFP_ACCOUNT)"),
            (219, "dentry.service", "0xdc0(GFP_KERNEL|__GFP_ZERO)"),
        ] {
            let size = pid * 10;
            let text = format!(
                "\
python3 invoked oom-killer: gfp_mask={gfp}, order=0, oom_score_adj=0
CPU: 0 UID: 0 PID: {pid} Comm: python3 Not tainted 7.2.13+deb14-cloud-amd64 #1 PREEMPT(lazy)  Debian 7.2.13-1
Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
 ? alloc_empty_file+0x8e/0x140
 </TASK>
memory: usage {size}kB, limit {size}kB, failcnt 3
swap: usage 0kB, limit 9007199254740988kB, failcnt 0
Memory cgroup stats for /system.slice/{unit}:
anon 5193728
pgfault 2070
Memory cgroup min protection 0kB -- low protection 0kB
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
[    {pid}]     0   {pid}     3785     3780     1268     2512         0    65536        0             0 python3
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0-1,oom_memcg=/system.slice/{unit},\
task_memcg=/system.slice/{unit},task=python3,pid={pid},uid=0
Memory cgroup out of memory: Killed process {pid} (python3) total-vm:15140kB, anon-rss:{size}kB, file-rss:0kB, \
shmem-rss:0kB, UID:0 pgtables:64kB oom_score_adj:0
"
            );
            for line in text.lines() {
                let _ = writeln!(log, "Nov 29 12:00:01 guest kernel: {line}");
            }
            let mut kill = self::live(unit, size << 10);
            kill["cgroup"]["path"] = json!(format!("/system.slice/{unit}"));
            kill["victim"] = json!({"pid": pid, "tid": pid, "comm": "python3", "uid": 0, "oom_score_adj": 0,
                "total_vm": 15140 << 10, "anon": size << 10, "file": 0, "shmem": 0, "pgtables": 64 << 10, "rss": size << 10});
            kill["limit"]["cgroup"] = kill["cgroup"]["path"].clone();
            kill["limit"]["unit"] = json!(unit);
            kill["limit"]["bytes"] = json!(size << 10);
            kill["trigger"] =
                json!({"comm": "python3", "pid": pid, "tid": pid, "unit": unit, "cgroup": kill["cgroup"]["path"]});
            kill["request"]["gfp"] = json!(gfp.split_once('(').unwrap().1.trim_end_matches(')'));
            live.insert(pid, kill);
        }
        (log, live)
    }

    /// Most logs have whole seconds: one may end between any two lines of what the kernel did at once.
    #[test]
    fn wherever_a_second_ends_a_log_tells_the_same() {
        let (mut log, _) = three();
        for line in [
            "Tasks in /system.slice/dentry.service are going to be killed due to memory.oom.group set",
            "Memory cgroup out of memory: Killed process 301 (sh) total-vm:90kB, anon-rss:9kB, file-rss:0kB, shmem-rss:0kB",
            "Memory cgroup out of memory: Killed process 302 (sleep) total-vm:90kB, anon-rss:9kB, file-rss:0kB, shmem-rss:0kB",
        ] {
            let _ = writeln!(log, "Nov 29 12:00:01 guest kernel: {line}");
        }
        let mut lines = parse(&log);
        for form in Form::ALL {
            let at_once = told(&form.write(&lines)).unwrap();
            assert_eq!(at_once[&302]["origin"], "oom_group");
            for place in 1..lines.len() {
                lines[place..].iter_mut().for_each(|line| line.second += 1);
                let later = told(&form.write(&lines)).unwrap();
                lines[place..].iter_mut().for_each(|line| line.second -= 1);
                assert!(later.keys().eq(at_once.keys()));
                let mut wrong = Vec::new();
                for (pid, kill) in later {
                    compare(&kill, &at_once[&pid], "", Leeway::of("7.2"), &mut wrong);
                }
                assert!(
                    wrong.is_empty(),
                    "{form:?}, {:?}: {}",
                    lines[place].text,
                    wrong.join("; ")
                );
            }
        }
    }

    /// Wherever a log begins and ends, and whichever of its lines is missing.
    #[test]
    fn no_part_of_a_log_tells_of_a_kill_what_is_of_another() {
        let (log, live) = three();
        let parsed = parse(&log);
        let mut all = Vec::new();
        for form in [
            Form::Journal,
            Form::Dmesg,
            Form::NewestFirst,
            Form::Json,
            Form::JsonNewestFirst,
        ] {
            let whole = form.write(&parsed);
            let lines: Vec<&str> = whole.split_inclusive('\n').collect();
            for (from, first) in lines.iter().enumerate() {
                for without in from..lines.len() {
                    for to in [lines.len(), without + 1, without + 2] {
                        // A report's beginning beside another's end: either may come first.
                        if to.saturating_sub(from) <= 4 {
                            continue;
                        }
                        let mut part = first.get(first.len() / 2..).unwrap().to_owned();
                        let rest = lines.iter().enumerate().take(to).skip(from + 1);
                        part.extend(rest.filter(|(number, _)| *number != without).map(|(_, line)| *line));
                        for (pid, logged) in told(&part).unwrap() {
                            let mut wrong = Vec::new();
                            let leeway = Leeway {
                                is_cut: true,
                                ..Leeway::of("7.2")
                            };
                            compare(&logged, &live[&pid], "", leeway, &mut wrong);
                            if !wrong.is_empty() {
                                all.push(format!(
                                    "{form:?} {from} to {to} without {without}, {pid}: {}",
                                    wrong.join("; ")
                                ));
                            }
                        }
                    }
                }
            }
        }
        assert!(
            all.is_empty(),
            "{} of them:\n{}",
            all.len(),
            all[..all.len().min(30)].join("\n")
        );
    }
}
