//! How large a capture is: a day made of the recorded traces of real programs, one after the other, a sample a second,
//! through the engine and the recorder. `cargo xtask bench capture` runs it.
#![allow(clippy::unwrap_used, reason = "a test: a failure is what it is for")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp as Moment};
use observer::event::{
    CgroupRef, Event, Limit, Line, Memory, MemoryEvents, Pressure, Relation, Sample, Subject, TaskSize,
};
use observer::measure::{Bytes, CgroupId, Tgid, Timestamp};
use observer::sink::{Capture, CaptureOptions, Sink as _};
use oomtrace_engine::{Config, Engine};

/// Seconds of the day.
const DAY: i64 = 86_400;

/// The host's memory, and its use beside the unit's, as the engine is to see it.
const HOST: u64 = 8 << 30;

/// What it may be, in bytes.
const AT_MOST: u64 = 2_000_000;

#[test]
#[ignore = "minutes without optimisation: cargo xtask bench capture"]
fn a_unit_and_a_day_at_a_sample_a_second_are_two_megabytes_at_most() {
    let memories = memories();
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = Capture::new(CaptureOptions {
        dir: dir.path().to_owned(),
        max_size: 1 << 30,
        max_age: Duration::from_secs(1 << 30),
    })
    .unwrap();
    let mut engine = Engine::new(Config::default());
    let (mut seq, mut plain) = (0, 0);
    let begin: Moment = "2026-11-24T00:00:00.482917365Z".parse().unwrap();
    for (second, memory) in (0..DAY).zip(memories.iter().cycle()) {
        // Ticks come some microseconds late, never the same.
        let late = SignedDuration::from_nanos(second * 7_919_311 % 913_517);
        let ts = Timestamp(begin + SignedDuration::from_secs(second) + late).to_millisecond();
        let mut sample = sample(*memory, second);
        let mut events = Vec::new();
        engine.sample(ts, &mut sample, &mut events);
        events.insert(0, Event::Sample(sample));
        for event in events {
            let line = Line {
                event,
                ts,
                seq,
                host: "web-1".to_owned(),
            };
            seq += 1;
            plain += serde_json::to_vec(&line).unwrap().len() as u64 + 1;
            recorder.line(&line).unwrap();
        }
    }
    recorder.flush().unwrap();
    let loose = size(dir.path());
    recorder.finish();
    let packed = size(dir.path());
    println!("a unit and a day at a sample a second, {seq} lines");
    println!("plain NDJSON       {plain:>10} bytes");
    println!("as it is recorded  {loose:>10} bytes");
    println!(
        "once it is closed  {packed:>10} bytes, {} a sample",
        packed / DAY.unsigned_abs()
    );
    assert!(packed <= AT_MOST, "more than {AT_MOST} bytes");
}

/// What the programs of the traces used, a second after the other.
fn memories() -> Vec<Memory> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/traces");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let mut memories = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let samples = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        memories.extend(samples.filter_map(|line| match line.event {
            Event::Sample(sample) => Some(sample.memory),
            _ => None,
        }));
    }
    assert!(memories.len() > 1000, "no samples in {folder}");
    memories
}

/// A sample as the collector makes it.
fn sample(memory: Memory, second: i64) -> Sample {
    let current = memory.current.unwrap_or_default();
    let path = "/system.slice/myapp.service".to_owned();
    let limit = |cgroup: &str, unit: Option<&str>, relation, file: &str, bytes, usage| Limit {
        cgroup: cgroup.to_owned(),
        unit: unit.map(str::to_owned),
        relation,
        file: file.to_owned(),
        bytes,
        usage: Some(usage),
        reclaimable: Some(Bytes(
            memory.file.unwrap_or_default().0 + 4096 * (second.unsigned_abs() / 300),
        )),
        swap_usage: None,
        swap_room: None,
    };
    let others = Bytes(current.0 + (1 << 30) + second.unsigned_abs() * 7_919 % 4_001 * 4096);
    Sample {
        subject: Subject {
            unit: Some("myapp.service".to_owned()),
            slice: Some("system.slice".to_owned()),
            invocation_id: Some("aa51842d08ee472ebae18388fd33e171".to_owned()),
            cgroup: CgroupRef {
                id: Some(CgroupId(726)),
                path: Some(path.clone()),
            },
            ..Subject::default()
        },
        pressure: Some(Pressure {
            some_avg10: 0.0,
            full_avg10: 0.0,
        }),
        limits: vec![
            limit(
                &path,
                Some("myapp.service"),
                Relation::Own,
                "memory.max",
                memory.max.unwrap_or(Bytes(1 << 29)),
                current,
            ),
            limit("/", None, Relation::Host, "MemTotal", Bytes(HOST), others),
        ],
        memory,
        events: Some(MemoryEvents::default()),
        trend: None,
        forecast: None,
        // As where its limit is less than two hours away.
        tasks: if second % 10 == 0 && second >= 22 * 3600 {
            vec![TaskSize {
                pid: Tgid(2051),
                comm: "python3".to_owned(),
                held: memory.anon.unwrap_or_default(),
            }]
        } else {
            Vec::new()
        },
        slowed: None,
        ledger: None,
        bursty: None,
    }
}

fn size(dir: &Path) -> u64 {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let captures = files.filter(|file| file.file_name().to_string_lossy().ends_with(".zst"));
    captures.map(|file| file.metadata().unwrap().len()).sum()
}
