//! Metrics for Prometheus and its like, as OpenMetrics over HTTP, and for systemd-report. In: lines. Out: what they add up to, to whoever
//! asks.
//!
//! Base units, `_total`, HELP, TYPE and UNIT as the OpenMetrics specification has them. Totals outlive the cgroup; what
//! describes a unit as it stands goes with the unit. At most [`MAX_UNITS`] units have labels of their own: of more those that
//! were heard of last, so that whoever makes cgroups displaces no unit for longer than until it moves. What was counted of
//! one that gave up its place counts as `unit="other"`. A cgroup within a unit is told by the unit's sizes, which hold its own.

mod http;
mod plain;
pub(crate) mod report;

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use lru::LruCache;
use prometheus_client::encoding::{EncodeLabel as _, EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};
use prometheus_client::registry::{Registry, Unit};

pub use http::{answer_to, listen};
pub use report::replies_to;

use crate::confine::Task;
use crate::connections;
use crate::event::{Event, ForecastState, Line, Memory, Relation, Sample, Subject, ThrottleState, UnitState};
use crate::measure::{Bytes, CgroupId};
use crate::words::{HOST, name};

/// Units with labels of their own.
const MAX_UNITS: usize = 1_000;

/// The units beyond them.
const OTHER: &str = "other";

/// Whose value it is; of a container its name (its id as long as that is unknown), its pod and the pod's namespace too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Of {
    unit: String,
    slice: String,
    container: Option<String>,
    pod: Option<String>,
    namespace: Option<String>,
}

impl Of {
    fn subject(subject: &Subject) -> Self {
        let container = subject.container.as_ref();
        Self {
            unit: name(subject).to_owned(),
            slice: subject.slice.clone().unwrap_or_default(),
            container: container.map(|container| container.name.clone().unwrap_or_else(|| container.id.clone())),
            pod: container.and_then(|container| container.pod_name.clone().or_else(|| container.pod.clone())),
            namespace: container.and_then(|container| container.namespace.clone()),
        }
    }

    fn key(&self) -> Key {
        (self.unit.clone(), self.slice.clone())
    }

    /// What is no unit and no container.
    fn only(unit: &str) -> Self {
        Self {
            unit: unit.to_owned(),
            ..Self::default()
        }
    }
}

impl EncodeLabelSet for Of {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut put = |label: &str, value: &str| (label, value).encode(encoder.encode_label());
        put("unit", &self.unit)?;
        put("slice", &self.slice)?;
        // An empty label is none for Prometheus: who has no container has no such labels.
        for (label, value) in [
            ("container", &self.container),
            ("pod", &self.pod),
            ("namespace", &self.namespace),
        ] {
            if let Some(value) = value {
                put(label, value)?;
            }
        }
        Ok(())
    }
}

macro_rules! labels {
    ($name:ident, $more:ident) => {
        #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        struct $name {
            #[prometheus(flatten)]
            of: Of,
            $more: String,
        }

        impl $name {
            fn new(of: &Of, $more: &str) -> Self {
                Self {
                    of: of.clone(),
                    $more: $more.to_owned(),
                }
            }
        }
    };
}
labels!(OfKind, kind);
labels!(OfOrigin, origin);
labels!(OfFile, file);
labels!(OfBound, bound);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStream {
    stream: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfVersion {
    version: String,
}

type Value = Gauge<f64, AtomicU64>;

/// What was counted of a unit.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Counted {
    /// By origin.
    kills: HashMap<String, u64>,
    nothing_killed: u64,
    unexplained: u64,
}

/// A unit and its slice: a container's name is known some time after its cgroup.
type Key = (String, String);

/// A unit's labels as they are now, what was counted under them, and the cgroup that its sizes are of.
#[derive(Debug)]
struct Known {
    of: Of,
    counted: Counted,
    cgroup: Option<CgroupId>,
}

/// The metrics, kept up to date.
#[derive(Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    /// Whether anybody can ask for sizes and trends, which the port alone has.
    has_port: bool,
    /// Who has labels, by what does not change of these.
    known: LruCache<Key, Known>,
    /// Whose sizes go with a cgroup.
    cgroups: HashMap<CgroupId, Key>,
    kills: Family<OfOrigin, Counter>,
    nothing_killed: Family<Of, Counter>,
    unexplained: Family<Of, Counter>,
    lost: Family<OfStream, Counter>,
    usage: Family<Of, Value>,
    parts: Family<OfKind, Value>,
    limits: Family<OfFile, Value>,
    growth: Family<Of, Value>,
    left: Family<OfBound, Value>,
    warned: Family<Of, Value>,
    throttled: Family<Of, Value>,
    stalled: Family<Of, Value>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("oomtrace");
        let mut metrics = Self {
            registry: Arc::default(),
            has_port: false,
            known: LruCache::unbounded(),
            cgroups: HashMap::new(),
            kills: Family::default(),
            nothing_killed: Family::default(),
            unexplained: Family::default(),
            lost: Family::default(),
            usage: Family::default(),
            parts: Family::default(),
            limits: Family::default(),
            growth: Family::default(),
            left: Family::default(),
            warned: Family::default(),
            throttled: Family::default(),
            stalled: Family::default(),
        };
        let build = Family::<OfVersion, Gauge>::default();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        build.get_or_create(&OfVersion { version }).set(1);
        registry.register("build_info", "Build information", build);
        let bytes = || Unit::Bytes;
        registry.register("kills", "Processes killed because of memory", metrics.kills.clone());
        registry.register(
            "out_of_memory_without_kill",
            "Out-of-memory events without a killable process",
            metrics.nothing_killed.clone(),
        );
        registry.register(
            "unexplained_kills",
            "Kills that the kernel counted or systemd recorded but oomtrace did not see",
            metrics.unexplained.clone(),
        );
        registry.register("lost_records", "Events dropped", metrics.lost.clone());
        registry.register_with_unit("usage", "Memory usage (memory.current)", bytes(), metrics.usage.clone());
        registry.register_with_unit(
            "memory",
            "Memory usage by kind; all but swap add up to the usage, kernel is without slab",
            bytes(),
            metrics.parts.clone(),
        );
        registry.register_with_unit(
            "limit",
            "Limits set on the unit itself, by file",
            bytes(),
            metrics.limits.clone(),
        );
        registry.register_with_unit(
            "growth",
            "Growth of unreclaimable memory",
            Unit::Other("bytes_per_second".to_owned()),
            metrics.growth.clone(),
        );
        registry.register_with_unit(
            "time_left",
            "Forecast time until the first limit is reached, with its interval; absent without a forecast",
            Unit::Seconds,
            metrics.left.clone(),
        );
        registry.register("warning", "1 while a warning is active", metrics.warned.clone());
        registry.register(
            "throttled",
            "1 while memory.high throttles the unit to a halt",
            metrics.throttled.clone(),
        );
        registry.register_with_unit(
            "stalled",
            "Share of the last ten seconds in which every task was stalled on memory",
            Unit::Other("ratio".to_owned()),
            metrics.stalled.clone(),
        );
        metrics.registry = Arc::new(Mutex::new(registry));
        metrics
    }
}

impl Metrics {
    /// Has everything that is asked at a port answered by a thread of its own.
    ///
    /// # Errors
    /// Where there can be no thread.
    pub fn serve(&mut self, listener: TcpListener) -> io::Result<()> {
        self.has_port = true;
        let registry = Arc::clone(&self.registry);
        connections::answer("metrics", Task::Serve, http::accept(listener, registry))
    }

    /// The same at systemd-report's socket.
    ///
    /// # Errors
    /// Where there can be no thread.
    pub(crate) fn report(&self, listener: UnixListener) -> io::Result<()> {
        let registry = Mutex::new(self.reported());
        connections::answer("report", Task::Serve, report::attend(listener, registry))
    }

    /// What systemd-report gets: the same families, by the names of [`report::FAMILIES`]. These describe them too, because a registry
    /// passes over a family without a value.
    fn reported(&self) -> Registry {
        let mut registry = Registry::default();
        registry.register("Kills", "", self.kills.clone());
        registry.register("LostRecords", "", self.lost.clone());
        registry.register("OutOfMemoryWithoutKill", "", self.nothing_killed.clone());
        registry.register("SecondsToLimit", "", self.left.clone());
        registry.register("Throttled", "", self.throttled.clone());
        registry.register("UnexplainedKills", "", self.unexplained.clone());
        registry.register("Warning", "", self.warned.clone());
        registry
    }

    /// The labels of a subject; the one not heard of longest makes room for them.
    fn of(&mut self, subject: &Subject) -> Of {
        let of = Of::subject(subject);
        let key = of.key();
        if self.known.len() >= MAX_UNITS
            && !self.known.contains(&key)
            && let Some((key, gone)) = self.known.pop_lru()
        {
            self.leave(gone.cgroup, &key);
            self.undescribe(&gone.of);
            self.count_as(&Of::only(OTHER), &gone.of, gone.counted);
        }
        let known = self.known.get_or_insert_mut(key, || Known {
            of: of.clone(),
            counted: Counted::default(),
            cgroup: None,
        });
        if known.of != of {
            let before = std::mem::replace(&mut known.of, of.clone());
            let counted = known.counted.clone();
            self.undescribe(&before);
            self.count_as(&of, &before, counted);
        }
        of
    }

    /// The labels of a subject of which something is counted.
    fn count(&mut self, subject: &Subject, count: impl FnOnce(&mut Counted)) -> Of {
        let of = self.of(subject);
        if let Some(known) = self.known.get_mut(&of.key()) {
            count(&mut known.counted);
        }
        of
    }

    /// Totals stay what they are, whoever they are told of.
    fn count_as(&self, other: &Of, gone: &Of, counted: Counted) {
        for (origin, kills) in counted.kills {
            self.kills.remove(&OfOrigin::new(gone, &origin));
            self.kills.get_or_create(&OfOrigin::new(other, &origin)).inc_by(kills);
        }
        for (family, count) in [
            (&self.nothing_killed, counted.nothing_killed),
            (&self.unexplained, counted.unexplained),
        ] {
            family.remove(gone);
            if count > 0 {
                family.get_or_create(other).inc_by(count);
            }
        }
    }

    fn sample(&mut self, sample: &Sample) {
        if is_within(&sample.subject) {
            return;
        }
        let of = self.of(&sample.subject);
        self.lives_in(&of, sample.subject.cgroup.id);
        let forecast = sample.forecast.as_ref();
        for (bound, seconds) in [
            ("low", forecast.map(|forecast| forecast.low_seconds)),
            ("middle", forecast.map(|forecast| forecast.seconds)),
            ("high", forecast.and_then(|forecast| forecast.high_seconds)),
        ] {
            set(&self.left, &OfBound::new(&of, bound), seconds);
        }
        if !self.has_port {
            return;
        }
        let memory = &sample.memory;
        set(&self.usage, &of, memory.current.map(Bytes::as_f64));
        for (kind, size) in parts(memory) {
            set(&self.parts, &OfKind::new(&of, kind), size.map(Bytes::as_f64));
        }
        for (file, size) in limits(memory) {
            set(&self.limits, &OfFile::new(&of, file), size.map(Bytes::as_f64));
        }
        // The host's has no file of a cgroup.
        for limit in sample.limits.iter().filter(|limit| limit.relation == Relation::Host) {
            let host = Of::only(HOST);
            set(
                &self.limits,
                &OfFile::new(&host, &limit.file),
                Some(limit.bytes.as_f64()),
            );
        }
        set(&self.growth, &of, sample.trend.map(|trend| trend.bytes_per_second));
        set(
            &self.stalled,
            &of,
            sample.pressure.map(|pressure| pressure.full_avg10 / 100.0),
        );
    }

    /// Remembers with which cgroup a unit's sizes go: a unit that is started again has another.
    fn lives_in(&mut self, of: &Of, cgroup: Option<CgroupId>) {
        let key = of.key();
        let Some(known) = self.known.get_mut(&key).filter(|known| known.cgroup != cgroup) else {
            return;
        };
        let before = std::mem::replace(&mut known.cgroup, cgroup);
        self.leave(before, &key);
        cgroup.map(|cgroup| self.cgroups.insert(cgroup, key));
    }

    fn leave(&mut self, cgroup: Option<CgroupId>, key: &Key) {
        if let Some(cgroup) = cgroup
            && self.cgroups.get(&cgroup) == Some(key)
        {
            self.cgroups.remove(&cgroup);
        }
    }

    /// What describes a unit as it stands goes with it.
    fn ended(&mut self, subject: &Subject) {
        let unit = name(subject);
        let known = self.known.iter().filter(|((name, _), _)| name == unit);
        let keys: Vec<Key> = known.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.forget(&key);
        }
    }

    /// Of what has gone the totals stay.
    fn forget(&mut self, key: &Key) {
        let Some(known) = self.known.peek_mut(key) else { return };
        let (of, is_counted) = (known.of.clone(), known.counted != Counted::default());
        let cgroup = known.cgroup.take();
        self.leave(cgroup, key);
        if !is_counted {
            self.known.pop(key);
        }
        self.undescribe(&of);
    }

    fn undescribe(&self, of: &Of) {
        for family in [&self.usage, &self.growth, &self.warned, &self.throttled, &self.stalled] {
            family.remove(of);
        }
        for (kind, _) in parts(&Memory::default()) {
            self.parts.remove(&OfKind::new(of, kind));
        }
        for (file, _) in limits(&Memory::default()) {
            self.limits.remove(&OfFile::new(of, file));
        }
        for bound in ["low", "middle", "high"] {
            self.left.remove(&OfBound::new(of, bound));
        }
    }
}

/// What a unit's memory is made of: all but what is in swap add up to what it uses, as far as the kernel counts by kind.
fn parts(memory: &Memory) -> [(&'static str, Option<Bytes>); 8] {
    let slab = [memory.slab_reclaimable, memory.slab_unreclaimable];
    let slab = Bytes(
        slab.into_iter()
            .flatten()
            .map(|part| part.0)
            .fold(0, u64::saturating_add),
    );
    [
        ("anon", memory.anon),
        (
            "file",
            memory
                .file
                .map(|file| file.saturating_sub(memory.shmem.unwrap_or_default())),
        ),
        ("shmem", memory.shmem),
        ("kernel", memory.kernel.map(|kernel| kernel.saturating_sub(slab))),
        ("slab_reclaimable", memory.slab_reclaimable),
        ("slab_unreclaimable", memory.slab_unreclaimable),
        ("sock", memory.sock),
        ("swap", memory.swap_current),
    ]
}

/// A unit's own limits by their files.
fn limits(memory: &Memory) -> [(&'static str, Option<Bytes>); 3] {
    [
        ("memory.max", memory.max),
        ("memory.high", memory.high),
        ("memory.swap.max", memory.swap_max),
    ]
}

/// Whether it is a cgroup below its unit's own, as a service with `Delegate=` has them.
fn is_within(subject: &Subject) -> bool {
    match (subject.name(), subject.cgroup.path.as_deref()) {
        (Some(unit), Some(path)) => path.rsplit('/').next() != Some(unit),
        _ => false,
    }
}

/// What is not known is absent, never 0.
fn set<L: Clone + std::hash::Hash + Eq>(family: &Family<L, Value>, labels: &L, value: Option<f64>) {
    match value.filter(|value| value.is_finite()) {
        Some(value) => {
            family.get_or_create(labels).set(value);
        }
        None => {
            family.remove(labels);
        }
    }
}

fn word<T: serde::Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or("unknown").to_owned()
}

impl super::Sink for Metrics {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        match &line.event {
            Event::Sample(sample) => self.sample(sample),
            Event::Kill(kill) => {
                let origin = word(&kill.origin);
                let of = self.count(&kill.subject, |counted| {
                    *counted.kills.entry(origin.clone()).or_default() += 1;
                });
                self.kills.get_or_create(&OfOrigin::new(&of, &origin)).inc();
            }
            Event::OomWithoutKill(oom) => {
                let of = self.count(&oom.subject, |counted| counted.nothing_killed += 1);
                self.nothing_killed.get_or_create(&of).inc();
            }
            Event::Unexplained(unexplained) => {
                let missing = unexplained.counted.saturating_sub(unexplained.seen);
                let of = self.count(&unexplained.subject, |counted| {
                    counted.unexplained = counted.unexplained.saturating_add(missing);
                });
                self.unexplained.get_or_create(&of).inc_by(missing);
            }
            Event::Lost(lost) => {
                let stream = word(&lost.stream);
                self.lost.get_or_create(&OfStream { stream }).inc_by(lost.count);
            }
            Event::Forecast(change) => {
                let of = self.of(&change.subject);
                let stands = change.state != ForecastState::Cleared;
                set(&self.warned, &of, Some(f64::from(u8::from(stands))));
            }
            Event::Throttle(throttle) => {
                let of = self.of(&throttle.subject);
                let stands = throttle.state == ThrottleState::Raised;
                set(&self.throttled, &of, Some(f64::from(u8::from(stands))));
            }
            Event::Unit(unit) if matches!(unit.state, UnitState::Stopped | UnitState::Failed) => {
                self.ended(&unit.subject);
            }
            Event::Unit(_)
            | Event::Start(_)
            | Event::Processes(_)
            | Event::Run(_)
            | Event::Stacks(_)
            | Event::Stop(_) => {}
        }
        Ok(())
    }

    fn describes_cgroups(&self) -> bool {
        true
    }

    fn gone(&mut self, cgroup: CgroupId) {
        if let Some(key) = self.cgroups.get(&cgroup).cloned() {
            self.forget(&key);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::sink::Sink as _;

    const KILL: &str = r#"{"event":"kill","ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":"a.service","user_unit":null,"slice":"system.slice","invocation_id":null,"cgroup":{"id":7,"path":"/system.slice/a.service"},"container":null,"origin":"memcg_limit","confidence":"observed","evidence":[],"limit":null,"trigger":null,"victim":{"pid":7,"tid":7,"comm":"a","cmdline":null,"uid":0,"oom_score_adj":0,"total_vm":null,"anon":null,"file":null,"shmem":null,"swap":null,"pgtables":null,"started":null},"leader_pid":null,"killer":null,"request":null,"before":null}"#;

    fn with_port() -> Metrics {
        Metrics {
            has_port: true,
            ..Metrics::default()
        }
    }

    fn sample(unit: &str, current: u64) -> Line {
        serde_json::from_str(&format!(
            r#"{{"event":"sample","ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":"{unit}","slice":"system.slice","cgroup":{{"id":7,"path":"/system.slice/{unit}"}},"memory":{{"current":{current},"max":100}}}}"#
        ))
        .unwrap()
    }

    fn ended(unit: &str) -> Line {
        serde_json::from_str(&format!(
            r#"{{"event":"unit","ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":"{unit}","slice":null,"cgroup":{{"id":null,"path":null}},"state":"failed","result":"oom-kill","restarts":null}}"#
        ))
        .unwrap()
    }

    fn text(metrics: &Metrics) -> String {
        let mut text = String::new();
        encode(&mut text, &metrics.registry.lock().unwrap()).unwrap();
        text
    }

    #[test]
    fn units_of_one_name_in_two_slices_keep_their_own_series_and_totals() {
        let mut metrics = with_port();
        let line = |user: u32, used: u64| -> Line {
            let text = format!(
                r#"{{"event":"sample","ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":"app.service","slice":"user-{user}.slice","cgroup":{{"id":{user},"path":"/user.slice/user-{user}.slice/app.service"}},"memory":{{"current":{used}}}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let mut kill: Line = serde_json::from_str(KILL).unwrap();
        if let (Event::Kill(kill), Event::Sample(sample)) = (&mut kill.event, line(1, 1).event) {
            kill.subject = sample.subject;
        }
        metrics.line(&line(1, 64)).unwrap();
        metrics.line(&kill).unwrap();
        metrics.line(&line(2, 7)).unwrap();
        let mut told = String::new();
        encode(&mut told, &metrics.registry.lock().unwrap()).unwrap();
        for series in [
            r#"oomtrace_usage_bytes{unit="app.service",slice="user-1.slice"} 64"#,
            r#"oomtrace_usage_bytes{unit="app.service",slice="user-2.slice"} 7"#,
            r#"oomtrace_kills_total{unit="app.service",slice="user-1.slice",origin="memcg_limit"} 1"#,
        ] {
            assert!(told.contains(series), "{series}:\n{told}");
        }
    }

    #[test]
    fn a_container_has_its_name_its_pod_and_its_namespace_once_they_are_known() {
        let mut metrics = with_port();
        let line = |container: &str| -> Line {
            let text = format!(
                r#"{{"event":"sample","ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":null,"slice":null,"cgroup":{{"id":7,"path":"/kubepods/pod1/c1"}},"container":{{"runtime":"containerd","id":"c1","pod":"1"{container}}},"memory":{{"current":64,"anon":40,"file":12,"shmem":2,"kernel":10,"slab_reclaimable":3,"slab_unreclaimable":4,"sock":2}}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let mut kill: Line = serde_json::from_str(KILL).unwrap();
        if let Event::Kill(kill) = &mut kill.event
            && let Event::Sample(sample) = line("").event
        {
            kill.subject = sample.subject;
        }
        metrics.line(&line("")).unwrap();
        metrics.line(&kill).unwrap();
        metrics
            .line(&line(r#","name":"app","pod_name":"web-1","namespace":"prod""#))
            .unwrap();
        let mut told = String::new();
        encode(&mut told, &metrics.registry.lock().unwrap()).unwrap();
        let labels = r#"unit="/kubepods/pod1/c1",slice="",container="app",pod="web-1",namespace="prod""#;
        assert!(told.contains(&format!("oomtrace_usage_bytes{{{labels}}} 64")), "{told}");
        assert!(
            told.contains(&format!("oomtrace_kills_total{{{labels},origin=\"memcg_limit\"}} 1")),
            "what was counted before stays counted: {told}"
        );
        assert!(!told.contains("container=\"c1\""), "{told}");
        let sizes = told.lines().filter(|line| line.starts_with("oomtrace_memory_bytes{"));
        let sum: f64 = sizes
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum();
        assert!((sum - 64.0).abs() < 1e-9, "kinds add up to what is used: {told}");
    }

    #[test]
    fn totals_outlive_the_unit_and_sizes_do_not() {
        let mut metrics = with_port();
        metrics.line(&sample("a.service", 64)).unwrap();
        metrics.line(&serde_json::from_str(KILL).unwrap()).unwrap();
        let told = text(&metrics);
        assert!(
            told.contains("oomtrace_usage_bytes{unit=\"a.service\",slice=\"system.slice\"} 64"),
            "{told}"
        );
        assert!(
            told.contains("oomtrace_limit_bytes{unit=\"a.service\",slice=\"system.slice\",file=\"memory.max\"} 100")
        );
        assert!(!told.contains("kind=\"anon\""), "unknown is absent");
        assert!(told.ends_with("# EOF\n"));
        metrics.line(&ended("a.service")).unwrap();
        let told = text(&metrics);
        assert!(!told.contains("oomtrace_usage_bytes{"), "{told}");
        assert!(
            told.contains("oomtrace_kills_total{unit=\"a.service\",slice=\"system.slice\",origin=\"memcg_limit\"} 1"),
            "{told}"
        );
    }

    #[test]
    fn sizes_go_with_the_cgroup_that_they_are_of() {
        let mut metrics = with_port();
        metrics.line(&sample("a.service", 64)).unwrap();
        metrics.line(&serde_json::from_str(KILL).unwrap()).unwrap();
        metrics.gone(CgroupId(8));
        assert!(text(&metrics).contains("oomtrace_usage_bytes{unit=\"a.service\""));
        let mut again = sample("a.service", 65);
        let Event::Sample(sample) = &mut again.event else {
            panic!()
        };
        sample.subject.cgroup.id = Some(CgroupId(9));
        metrics.line(&again).unwrap();
        metrics.gone(CgroupId(7));
        let told = text(&metrics);
        assert!(
            told.contains("oomtrace_usage_bytes{unit=\"a.service\",slice=\"system.slice\"} 65"),
            "it was started again: {told}"
        );
        metrics.gone(CgroupId(9));
        let told = text(&metrics);
        assert!(!told.contains("oomtrace_usage_bytes{"), "{told}");
        assert!(told.contains("oomtrace_kills_total{unit=\"a.service\""), "{told}");
        assert!(metrics.cgroups.is_empty());
    }

    #[test]
    fn a_unit_that_ended_gives_its_place_to_another_unless_it_was_killed() {
        let mut metrics = with_port();
        metrics.line(&serde_json::from_str(KILL).unwrap()).unwrap();
        metrics.line(&ended("a.service")).unwrap();
        for unit in 0..MAX_UNITS * 2 {
            metrics.line(&sample(&format!("u{unit}.service"), 1)).unwrap();
            metrics.line(&ended(&format!("u{unit}.service"))).unwrap();
        }
        metrics.line(&sample("b.service", 7)).unwrap();
        let told = text(&metrics);
        assert_eq!(metrics.known.len(), 2);
        assert!(told.contains("oomtrace_kills_total{unit=\"a.service\""), "{told}");
        assert!(told.contains("oomtrace_usage_bytes{unit=\"b.service\",slice=\"system.slice\"} 7"));
    }

    #[test]
    fn a_cgroup_within_a_unit_does_not_stand_for_it() {
        let mut metrics = with_port();
        metrics.line(&sample("a.service", 64)).unwrap();
        let mut inner = sample("a.service", 3);
        let Event::Sample(sample) = &mut inner.event else {
            panic!()
        };
        sample.subject.cgroup.path = Some("/system.slice/a.service/inner".to_owned());
        metrics.line(&inner).unwrap();
        assert!(text(&metrics).contains("oomtrace_usage_bytes{unit=\"a.service\",slice=\"system.slice\"} 64"));
    }

    #[test]
    fn whoever_makes_cgroups_makes_nobody_invisible() {
        let mut metrics = with_port();
        metrics.line(&serde_json::from_str(KILL).unwrap()).unwrap();
        for unit in 0..MAX_UNITS + 50 {
            metrics.line(&sample(&format!("u{unit}.service"), 1)).unwrap();
        }
        metrics.line(&sample("important.service", 7)).unwrap();
        let told = text(&metrics);
        assert_eq!(told.matches("oomtrace_usage_bytes{").count(), MAX_UNITS);
        assert!(told.contains("oomtrace_usage_bytes{unit=\"important.service\",slice=\"system.slice\"} 7"));
        assert!(!told.contains("unit=\"u0.service\""));
        let kills = "oomtrace_kills_total{unit=\"other\",slice=\"\",origin=\"memcg_limit\"} 1";
        assert!(
            told.contains(kills) && told.matches("oomtrace_kills_total{").count() == 1,
            "{told}"
        );
    }

    #[test]
    fn what_the_dashboard_and_the_alerts_ask_for_is_told() {
        let mut metrics = with_port();
        let subject = r#""ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":"a.service","slice":"system.slice","cgroup":{"id":7,"path":"/system.slice/a.service"}"#;
        for event in [
            r#""event":"sample","memory":{"current":1,"anon":1,"max":2},"pressure":{"some_avg10":0.0,"full_avg10":0.0},"trend":{"bytes_per_second":1.0,"low":1.0,"high":1.0,"window_seconds":1.0,"class":"leak"},"forecast":{"seconds":1.0,"low_seconds":1.0,"high_seconds":2.0,"confidence":0.8,"limit":{"cgroup":"/","unit":null,"file":"memory.max","bytes":2}}"#,
            r#""event":"forecast","state":"raised","class":"leak","trend":null,"forecast":null"#,
            r#""event":"throttle","state":"raised","high":1,"high_events":1,"stalled_share":0.9"#,
            r#""event":"unexplained","counter":"memory.events oom_kill","counted":2,"seen":1"#,
            r#""event":"oom_without_kill","reason":"no_killable_task""#,
            r#""event":"lost","stream":"growth","count":1"#,
        ] {
            let line = format!("{{{subject},{event}}}");
            metrics.line(&serde_json::from_str(&line).expect(&line)).unwrap();
        }
        metrics.line(&serde_json::from_str(KILL).unwrap()).unwrap();
        let told = text(&metrics);
        let asked = [
            include_str!("../../../packaging/grafana-dashboard.json"),
            include_str!("../../../packaging/prometheus-rules.yaml"),
        ]
        .concat();
        let mut names: Vec<&str> = asked
            .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .filter(|word| word.starts_with("oomtrace_"))
            .collect();
        names.sort_unstable();
        names.dedup();
        assert!(names.len() > 8, "{names:?}");
        for name in names {
            assert!(
                told.contains(&format!("\n{name}{{")),
                "{name} is asked for, and nobody tells it:\n{told}"
            );
        }
    }
}
