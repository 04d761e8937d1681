//! `cargo xtask bench log`: how long `oomtrace why --log` takes for a log of ordinary lines with some kills in it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::Value;

use super::median;
use crate::binary::{self, Profile};
use crate::faults::machine::{End, command, run};
use crate::{step, target_dir};

/// To be reached for a log of 100 MB.
const SECONDS: f64 = 1.0;
const RESIDENT_MIB: f64 = 32.0;

/// Tasks in the table of a report.
const TASKS: u32 = 60;

/// Lines that a host writes all day. `{}` is a number; the last ones look like a kernel's of a kill and are none.
const ORDINARY: [&str; 8] = [
    "sshd[{}]: Accepted publickey for deploy from 203.0.113.9 port 50{} ssh2: ED25519 SHA256:Jx0z1vC2",
    "CRON[{}]: (root) CMD (/usr/lib/sysstat/debian-sa1 1 1)",
    "nginx[{}]: 203.0.113.7 - - \"GET /api/v1/items?page={} HTTP/1.1\" 200 5123 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
    "systemd[1]: run-docker-runtime\\x2drunc-moby-{}-runc.mount: Deactivated successfully.",
    "kubelet[{}]: I1129 12:00:00.000000 {} reconciler.go:224] \"operationExecutor.VerifyControllerAttachedVolume started\"",
    "kernel: [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00 SRC=198.51.100.3 DST=203.0.113.1 LEN=40 ID={} PROTO=TCP SPT=443",
    "java[{}]: java.lang.OutOfMemoryError: Java heap space: failed reallocation of {} bytes",
    "myapp[{}]: worker killed process {} after a timeout, out of memory budget for this tenant",
];

/// How long `oomtrace why --log` takes for 100 MB of syslog with 50 kills, its memory and what it tells, beside grep
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Size of the log
    #[arg(long, value_name = "MB", default_value_t = 100)]
    size: u32,

    /// Kills in it
    #[arg(long, value_name = "N", default_value_t = 50)]
    kills: u32,

    /// Rounds, each with every program
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,

    /// Fail above a second or 32 MiB, or where a kill is missing or one too many
    #[arg(long)]
    check: bool,
}

impl Log {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        // As it is handed out.
        let oomtrace = binary::oomtrace(Profile::Dist)?;
        let folder = target_dir().join("bench-log");
        fs::create_dir_all(&folder)?;
        let log = folder.join("syslog");
        step("writing the log");
        self.write(&log)?;
        let (mut own, mut grep, mut peak_kib, mut kills) = (Vec::new(), Vec::new(), 0, Vec::new());
        for round in 0..self.rounds.max(1) {
            step(format!("round {}", round + 1));
            let (end, took) = timed(
                command(&oomtrace)
                    .args(["why", "--all", "-o", "json", "--log"])
                    .arg(&log),
            )?;
            own.push(took);
            peak_kib = peak_kib.max(end.peak_kib);
            kills = kills_of(&end.out)?;
            let words = "out of memory|oom-kill|invoked oom-killer";
            grep.push(timed(command("grep").args(["-c", "-i", "-E", words]).arg(&log))?.1);
        }
        let wrong = self.wrong(&kills);
        let (own, grep, resident) = (median(&own), median(&grep), peak_kib as f64 / 1024.0);
        println!("{} MB, {} kills", self.size, self.kills);
        println!("| | seconds | of oomtrace's time | peak, MiB | kills |\n|---|---|---|---|---|");
        println!(
            "| oomtrace why --log | {own:.2} | 1.00 | {resident:.1} | {} |",
            kills.len()
        );
        println!("| grep -c -i -E with three words | {grep:.2} | {:.2} | | |", grep / own);
        for wrong in &wrong {
            println!("{wrong}");
        }
        let is_reached = own <= SECONDS && resident <= RESIDENT_MIB && wrong.is_empty();
        if self.check && !is_reached {
            println!("above {SECONDS:.0} s or {RESIDENT_MIB:.0} MiB, or told wrongly");
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, path: &Path) -> Result<()> {
        let size = u64::from(self.size) * 1_000_000;
        let mut file = BufWriter::new(File::create(path).with_context(|| path.display().to_string())?);
        let (mut written, mut line, mut kills, mut text) = (0_u64, 0_u64, 0_u32, String::new());
        while written < size || kills < self.kills {
            text.clear();
            let second = line / 100;
            let stamp = format!(
                "Nov {:>2} {:02}:{:02}:{:02} web1",
                1 + second / 86_400 % 28,
                second / 3_600 % 24,
                second / 60 % 60,
                second % 60
            );
            // Spread over the whole of it.
            if written >= u64::from(kills) * size / u64::from(self.kills.max(1)) && kills < self.kills {
                report(&mut text, &stamp, second, pid(kills))?;
                kills += 1;
            }
            let kind = usize::try_from(line).unwrap_or_default() % ORDINARY.len();
            let ordinary = ORDINARY.get(kind).copied().unwrap_or_default();
            writeln!(text, "{stamp} {}", ordinary.replace("{}", &(line % 9_973).to_string()))?;
            file.write_all(text.as_bytes())?;
            written += u64::try_from(text.len())?;
            line += 1;
        }
        Ok(file.flush()?)
    }

    /// What is not as it was written.
    fn wrong(&self, told: &[Value]) -> Vec<String> {
        let mut wrong = Vec::new();
        if told.len() != usize::try_from(self.kills).unwrap_or_default() {
            wrong.push(format!("{} kills told of {}", told.len(), self.kills));
        }
        for (number, kill) in (0..).zip(told) {
            let is_right = kill["victim"]["pid"] == pid(number)
                && kill["unit"] == "web.service"
                && kill["origin"] == "memcg_limit"
                && kill["limit"]["bytes"] == 512 << 20;
            if !is_right {
                wrong.push(format!("told wrongly: {kill}"));
            }
        }
        wrong
    }
}

fn pid(kill: u32) -> u32 {
    20_000 + kill * 7
}

/// What Linux 6.12 writes of a kill at a unit's own limit.
fn report(text: &mut String, stamp: &str, second: u64, pid: u32) -> Result<()> {
    let mut line = |message: &str| writeln!(text, "{stamp} kernel: [{second}.000000] {message}");
    line("python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0")?;
    line(&format!(
        "CPU: 1 UID: 1000 PID: {pid} Comm: python3 Not tainted 6.12.48-amd64 #1  Debian 6.12.48-1"
    ))?;
    line("memory: usage 524288kB, limit 524288kB, failcnt 411")?;
    line("swap: usage 0kB, limit 9007199254740988kB, failcnt 0")?;
    line("Memory cgroup stats for /system.slice/web.service:")?;
    line("anon 520093696")?;
    line("file 1310720")?;
    line("Tasks state (memory values in pages):")?;
    line(
        "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
    )?;
    for task in (pid - TASKS..pid).rev() {
        line(&format!(
            "[{task:>7}]  1000 {task:>5}     7924      412      306      106         0    57344        0             0 worker"
        ))?;
    }
    line(&format!(
        "[{pid:>7}]  1000 {pid:>5}   140210   126814   126512      302         0  1077248        0             0 python3"
    ))?;
    line(&format!(
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/web.service,task_memcg=/system.slice/web.service,task=python3,pid={pid},uid=1000"
    ))?;
    line(&format!(
        "Memory cgroup out of memory: Killed process {pid} (python3) total-vm:560840kB, anon-rss:506048kB, file-rss:1208kB, shmem-rss:0kB, UID:1000 pgtables:1052kB oom_score_adj:0"
    ))?;
    Ok(())
}

fn kills_of(stream: &[u8]) -> Result<Vec<Value>> {
    let lines = serde_json::Deserializer::from_slice(stream).into_iter::<Value>();
    let lines = lines.collect::<Result<Vec<_>, _>>().context("not JSON")?;
    Ok(lines.into_iter().filter(|line| line["event"] == "kill").collect())
}

/// Runs it to its end, and how long that took.
fn timed(command: &mut Command) -> Result<(End, Duration)> {
    let begun = Instant::now();
    let end = run(command)?;
    ensure!(end.status.success(), "{command:?}: {}: {}", end.status, end.err);
    Ok((end, begun.elapsed()))
}
