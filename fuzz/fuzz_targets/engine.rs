//! Any history of any cgroups: what is told of it is finite and in order, and what is kept of it is bounded.
#![no_main]

use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use oomtrace_engine::event::{Event, Forecast, Limit, Memory, MemoryEvents, Pressure, Relation, Sample, Trend};
use oomtrace_engine::measure::{self, Bytes};
use oomtrace_engine::{Config, Engine};

/// A sample, of few cgroups and runs so that they meet again.
#[derive(Debug, Arbitrary)]
struct Step {
    /// To the sample before; clocks step back, too.
    milliseconds: i32,
    cgroup: u8,
    run: u8,
    current: Option<u64>,
    anon: Option<u64>,
    file: Option<u64>,
    shmem: Option<u64>,
    kernel: Option<u64>,
    swap: Option<u64>,
    high: Option<u64>,
    high_events: Option<u64>,
    full_avg10: Option<u16>,
    limits: Vec<Ceiling>,
}

#[derive(Debug, Arbitrary)]
struct Ceiling {
    owner: u8,
    bytes: u64,
    usage: Option<u64>,
    reclaimable: Option<u64>,
    swap_usage: Option<u64>,
    swap_room: Option<u64>,
}

impl Ceiling {
    fn limit(&self, cgroup: &str) -> Limit {
        let (relation, cgroup) = match self.owner % 4 {
            0 => (Relation::Own, cgroup.to_owned()),
            3 => (Relation::Host, "/".to_owned()),
            above => (Relation::Ancestor, format!("/above{above}")),
        };
        Limit {
            cgroup,
            unit: None,
            relation,
            file: if self.owner > 127 { "memory.high" } else { "memory.max" }.to_owned(),
            bytes: Bytes(self.bytes),
            usage: self.usage.map(Bytes),
            reclaimable: self.reclaimable.map(Bytes),
            swap_usage: self.swap_usage.map(Bytes),
            swap_room: self.swap_room.map(Bytes),
        }
    }
}

impl Step {
    fn sample(&self) -> Sample {
        let path = format!("/a.slice/{}.service", self.cgroup % 8);
        let mut sample = Sample {
            memory: Memory {
                current: self.current.map(Bytes),
                anon: self.anon.map(Bytes),
                file: self.file.map(Bytes),
                shmem: self.shmem.map(Bytes),
                kernel: self.kernel.map(Bytes),
                swap_current: self.swap.map(Bytes),
                high: self.high.map(Bytes),
                ..Memory::default()
            },
            events: self.high_events.map(|high| MemoryEvents {
                high,
                ..MemoryEvents::default()
            }),
            pressure: self.full_avg10.map(|avg10| Pressure {
                some_avg10: f64::from(avg10) / 100.0,
                full_avg10: f64::from(avg10) / 100.0,
            }),
            limits: self.limits.iter().take(6).map(|limit| limit.limit(&path)).collect(),
            ..Sample::default()
        };
        sample.subject.unit = Some(format!("{}.service", self.cgroup % 8));
        sample.subject.invocation_id = Some((self.run % 4).to_string());
        sample.subject.cgroup.path = Some(path);
        sample
    }
}

fn is_sound(forecast: &Forecast) -> bool {
    forecast.seconds.is_finite()
        && forecast.low_seconds >= 0.0
        && forecast.low_seconds <= forecast.seconds
        && forecast
            .high_seconds
            .is_none_or(|high| high.is_finite() && high >= forecast.seconds)
}

fn is_true_to_itself(trend: &Trend) -> bool {
    trend.window_seconds.is_finite()
        && [trend.low, trend.bytes_per_second, trend.high]
            .iter()
            .all(|rate| rate.is_finite())
        && trend.low <= trend.bytes_per_second
        && trend.bytes_per_second <= trend.high
}

libfuzzer_sys::fuzz_target!(|steps: Vec<Step>| {
    let mut engine = Engine::new(Config {
        max_cgroups: 4,
        ..Config::default()
    });
    let mut now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50);
    for step in &steps {
        now = now
            .saturating_add(SignedDuration::from_millis(step.milliseconds.into()))
            .unwrap_or(now);
        let mut sample = step.sample();
        let mut told = Vec::new();
        engine.sample(measure::Timestamp(now), &mut sample, &mut told);
        assert!(sample.trend.as_ref().is_none_or(is_true_to_itself), "{sample:?}");
        assert!(sample.forecast.iter().chain(&sample.slowed).all(is_sound), "{sample:?}");
        for event in &told {
            if let Event::Forecast(change) = event {
                assert!(change.forecast.as_ref().is_none_or(is_sound), "{change:?}");
            }
        }
    }
});
