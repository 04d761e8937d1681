//! Walks over every memory cgroup of this host and holds what it is told against the files: `cargo xtask test` runs it in guests.
//!
//! `walk check` prints every difference and fails where there is one. `walk cost ROUNDS` prints what a walk takes a cgroup, and what
//! reading a file of it does, in nanoseconds of this process's CPU time: under `--icount` these are instructions.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use observer::event::{MemoryEvents, Via};
use observer::kernel::Probes;
use observer::kernel::walk::{Limit, Pass, Row, Walk};
use observer::measure::{Bytes, CgroupId};
use observer_common::WALK_ROWS;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

const ROOT: &str = "/sys/fs/cgroup";

/// A cgroup that changes between two walks is looked at again, so often at most.
const LOOKS: u32 = 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match *words {
        ["check"] => check(),
        ["cost", rounds] => rounds.parse().context("ROUNDS").and_then(cost),
        _ => {
            eprintln!("usage: walk check | walk cost ROUNDS");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("walk: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The probes, which hold the walk's program, and the walk.
fn open() -> Result<(Probes, Walk)> {
    let mut probes = Probes::load(0, Via::Fentry)?;
    let walk = probes.walk.take();
    let told = probes.attached.list.iter().find(|probe| probe.name == "cgroup_iter");
    for refusal in &probes.attached.refusals {
        eprintln!("refused: {refusal}");
    }
    let walk = walk.with_context(|| format!("no walk: {told:?}"))?;
    Ok((probes, walk))
}

/// A whole walk.
fn over_all(walk: &mut Walk, mut each: impl FnMut(&Row)) -> Result<()> {
    walk.begin();
    loop {
        match walk.pass(&mut each)? {
            Pass::More => {}
            Pass::Last => return Ok(()),
            Pass::Broken => bail!("a cgroup went in the middle of the walk"),
        }
    }
}

/// All rows in order.
fn rows(walk: &mut Walk) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    over_all(walk, |row| rows.push(*row))?;
    Ok(rows)
}

fn check() -> Result<()> {
    let (_probes, mut walk) = open()?;
    let mut wrong = 0;
    let mut compared = 0;
    let mut values = 0;
    let mut moving: BTreeMap<CgroupId, PathBuf> = cgroups()?;
    let all = moving.len();
    for _ in 0..LOOKS {
        let before = by_id(rows(&mut walk)?);
        let files: Vec<(CgroupId, Option<Row>)> =
            moving.iter().map(|(id, path)| (*id, from_files(*id, path))).collect();
        let after = by_id(rows(&mut walk)?);
        for (id, files) in files {
            let path = moving.get(&id).cloned().unwrap_or_default();
            let (before, after) = (before.get(&id), after.get(&id));
            let Some(files) = files else {
                // Gone while it was read.
                moving.remove(&id);
                continue;
            };
            match (before, after) {
                (Some(before), Some(after)) if before == after => {
                    moving.remove(&id);
                    compared += 1;
                    for (what, told, truth) in facts(before)
                        .into_iter()
                        .zip(facts(&files))
                        .map(|(a, b)| (a.0, a.1, b.1))
                    {
                        values += 1;
                        if told != truth {
                            wrong += 1;
                            println!("{}: {what} is told as {told}, its file says {truth}", path.display());
                        }
                    }
                }
                (None, None) => {
                    moving.remove(&id);
                    wrong += 1;
                    println!("{}: not told", path.display());
                }
                // It changed between the two walks.
                _ => {}
            }
        }
    }
    // Small passes tell the same cgroups in the same order.
    let whole: Vec<CgroupId> = rows(&mut walk)?.iter().map(|row| row.cgroup).collect();
    for room in [1, 7] {
        walk.set_room(room);
        let parts: Vec<CgroupId> = rows(&mut walk)?.iter().map(|row| row.cgroup).collect();
        if parts != whole {
            wrong += 1;
            println!("in passes of {room}: {} cgroups, {} at once", parts.len(), whole.len());
        }
    }
    println!(
        "cgroups={all} compared={compared} values={values} moving={} wrong={wrong}",
        moving.len()
    );
    if wrong > 0 || compared == 0 {
        bail!("{wrong} differences in {compared} cgroups");
    }
    Ok(())
}

fn by_id(rows: Vec<Row>) -> BTreeMap<CgroupId, Row> {
    rows.into_iter().map(|row| (row.cgroup, row)).collect()
}

/// Every fact of a row, as text.
fn facts(row: &Row) -> Vec<(&'static str, String)> {
    vec![
        ("memory.current", format!("{:?}", row.current)),
        ("memory.peak", format!("{:?}", row.peak)),
        ("memory.low", format!("{:?}", row.low)),
        ("memory.high", format!("{:?}", row.high)),
        ("memory.max", format!("{:?}", row.max)),
        ("memory.swap.current", format!("{:?}", row.swap_current)),
        ("memory.swap.max", format!("{:?}", row.swap_max)),
        ("memory.events", format!("{:?}", row.events)),
        ("memory.events.local", format!("{:?}", row.events_local)),
    ]
}

/// Every cgroup that has memory files, by id.
fn cgroups() -> Result<BTreeMap<CgroupId, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![PathBuf::from(ROOT)];
    while let Some(path) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&path) else { continue };
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(entry.path());
            }
        }
        if path.join("memory.current").exists() {
            found.insert(CgroupId(fs::metadata(&path)?.ino()), path);
        }
    }
    Ok(found)
}

/// What the files say; `None` where the cgroup is gone.
fn from_files(cgroup: CgroupId, path: &Path) -> Option<Row> {
    let text = |name: &str| fs::read_to_string(path.join(name)).ok();
    let size = |name| text(name)?.trim().parse().ok().map(Bytes);
    let limit = |name| match text(name)?.trim() {
        "max" => Some(Limit::Unlimited),
        bytes => bytes.parse().ok().map(Bytes).map(Limit::At),
    };
    let events = |name| {
        let text = text(name)?;
        let count = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
                .unwrap_or_default()
        };
        Some(MemoryEvents {
            low: count("low"),
            high: count("high"),
            max: count("max"),
            oom: count("oom"),
            oom_kill: count("oom_kill"),
            oom_group_kill: count("oom_group_kill"),
            sock_throttled: text
                .lines()
                .find_map(|line| line.strip_prefix("sock_throttled ")?.parse().ok()),
        })
    };
    Some(Row {
        cgroup,
        current: Some(size("memory.current")?),
        peak: size("memory.peak"),
        low: limit("memory.low"),
        high: limit("memory.high"),
        max: limit("memory.max"),
        swap_current: size("memory.swap.current"),
        swap_max: limit("memory.swap.max"),
        events: events("memory.events"),
        events_local: events("memory.events.local"),
    })
}

fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// The median of some rounds, a cgroup.
fn median(rounds: u32, cgroups: usize, mut what: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut took = Vec::new();
    for _ in 0..rounds.max(1) {
        let begun = cpu_time();
        what()?;
        took.push((cpu_time() - begun) / cgroups as f64);
    }
    took.sort_by(f64::total_cmp);
    Ok(took.get(took.len() / 2).copied().unwrap_or_default())
}

fn resident() -> Result<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    Ok(line.unwrap_or_default().to_owned())
}

fn cost(rounds: u32) -> Result<()> {
    let (_probes, mut walk) = open()?;
    let before = resident()?;
    let cgroups = cgroups()?;
    let mut sum = 0;
    let all = cgroups.len();
    for room in [WALK_ROWS, 1024, 256] {
        walk.set_room(room);
        let by_walk = median(rounds, all, || {
            over_all(&mut walk, |row| sum += row.current.unwrap_or_default().0)
        })?;
        println!("cgroups {all} walk-in-passes-of-{room} {by_walk:.0}");
    }
    // A file of each is held open, however many are allowed at first.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )?;
    for name in ["memory.current", "memory.stat"] {
        let files: Vec<File> = cgroups.values().flat_map(|path| File::open(path.join(name))).collect();
        let mut buffer = [0; 8192];
        let by_file = median(rounds, files.len(), || {
            for file in &files {
                sum += file.read_at(&mut buffer, 0)? as u64;
            }
            Ok(())
        })?;
        println!("cgroups {} {name} {by_file:.0}", files.len());
    }
    println!("resident {before} then {} ({sum})", resident()?);
    Ok(())
}
