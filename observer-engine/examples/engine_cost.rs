//! What the engine costs: microseconds a sample, and resident memory a cgroup. `cargo xtask bench engine` runs it.

use std::time::Instant;

use anyhow::Context as _;
use oomtrace_engine::event::{CgroupRef, Limit, Memory, Relation, Sample, Subject};
use oomtrace_engine::measure::{Bytes, Timestamp};
use oomtrace_engine::{Config, Engine};

/// Enough for every level of a history to have a slot.
const LONG: u32 = 4_u32.pow(7) + 1;

fn sample(path: &str, held: u64, limit: Option<u64>) -> Sample {
    let limits = limit.map(|bytes| Limit {
        cgroup: path.to_owned(),
        unit: None,
        relation: Relation::Own,
        file: "memory.max".to_owned(),
        bytes: Bytes(bytes),
        usage: Some(Bytes(held)),
        reclaimable: Some(Bytes(0)),
        swap_usage: None,
        swap_room: None,
    });
    Sample {
        subject: Subject {
            cgroup: CgroupRef {
                id: None,
                path: Some(path.to_owned()),
            },
            ..Subject::default()
        },
        memory: Memory {
            current: Some(Bytes(held)),
            anon: Some(Bytes(held)),
            ..Memory::default()
        },
        limits: limits.into_iter().collect(),
        ..Sample::default()
    }
}

/// Feeds each cgroup so many samples a second apart; gives microseconds a sample.
fn feed(engine: &mut Engine, cgroups: u32, samples: u32, grows: bool) -> anyhow::Result<f64> {
    let mut out = Vec::new();
    let begun = Instant::now();
    for second in 0..samples {
        let ts = Timestamp(jiff::Timestamp::from_second(1_700_000_000 + i64::from(second))?);
        for place in 0..cgroups {
            let path = format!("/system.slice/of-many-{place}.service");
            let held = if grows {
                u64::from(second) << 16
            } else {
                (100 << 20) + u64::from(second.wrapping_mul(2_654_435_761) % 997) * 1000
            };
            engine.sample(ts, &mut sample(&path, held, grows.then_some(1 << 36)), &mut out);
            out.clear();
        }
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(samples) / f64::from(cgroups.max(1)))
}

fn resident() -> anyhow::Result<u64> {
    let status = procfs::process::Process::myself()?.status()?;
    status.vmrss.context("the kernel tells no VmRSS")
}

fn main() -> anyhow::Result<()> {
    let cgroups: u32 = std::env::args().nth(1).context("how many cgroups?")?.parse()?;
    for (what, grows) in [("no limit in sight", false), ("a limit in sight", true)] {
        let cost = feed(&mut Engine::new(Config::default()), 1, LONG, grows)?;
        println!("{what}: {cost:.1} us a sample");
    }
    // What most of a host's are, and a level of a history taking all of its room: five of the eight.
    let mut engines = Vec::new();
    for samples in [1, 4_u32.pow(4) + 1] {
        let before = resident()?;
        let mut engine = Engine::new(Config::default());
        feed(&mut engine, cgroups, samples, false)?;
        let kib = resident()?.saturating_sub(before);
        println!(
            "{cgroups} cgroups, samples of each {samples}: {kib} KiB resident, {:.2} KiB a cgroup",
            f64::from(u32::try_from(kib)?) / f64::from(cgroups.max(1))
        );
        // What it gave back would be the next one's, and not be counted.
        engines.push(engine);
    }
    Ok(())
}
