//! Metrics for Prometheus and its like, as OpenMetrics over HTTP. In: lines. Out: what they add up to, to whoever asks.
//!
//! Base units, `_total`, HELP, TYPE and UNIT as the OpenMetrics specification has them. Totals outlive the cgroup; what
//! describes a unit as it stands goes with the unit. The first [`MAX_UNITS`] units have labels of their own: kills of
//! others count as `unit="other"`, and their sizes are left out.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes as Body;
use hyper::{Method, Request, Response, StatusCode, header, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;
use tokio::sync::Semaphore;

use super::text::name;
use crate::event::{Event, ForecastState, Line, Relation, Sample, Subject, ThrottleState, UnitState};
use crate::measure::Bytes;

/// Units with labels of their own.
const MAX_UNITS: usize = 1_000;

/// The units beyond them.
const OTHER: &str = "other";

/// Connections at one time.
const CONNECTIONS: usize = 16;

/// How long a connection may last, and how long its request may take to come.
const CONNECTION: Duration = Duration::from_secs(120);
const REQUEST: Duration = Duration::from_secs(10);

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    unit: String,
    slice: String,
}

macro_rules! labels {
    ($name:ident, $more:ident) => {
        #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        struct $name {
            unit: String,
            slice: String,
            $more: String,
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

/// The metrics, kept up to date.
#[derive(Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    known: HashSet<Of>,
    kills: Family<OfOrigin, Counter>,
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

/// Where to listen: `9877` and `:9877` are this machine's own address.
///
/// # Errors
/// Where it is no address, or cannot be listened at.
pub fn listen(address: &str) -> io::Result<TcpListener> {
    let port = address.strip_prefix(':').unwrap_or(address).parse::<u16>().ok();
    let listener = match port {
        Some(port) => TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?,
        None => TcpListener::bind(address.to_socket_addrs()?.collect::<Vec<_>>().as_slice())?,
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("oomtrace");
        let mut metrics = Self {
            registry: Arc::default(),
            known: HashSet::new(),
            kills: Family::default(),
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
        registry.register("build_info", "This oomtrace", build);
        let bytes = || Unit::Bytes;
        registry.register("kills", "Processes killed for memory", metrics.kills.clone());
        registry.register(
            "unexplained_kills",
            "Kills that were counted by the kernel or recorded by systemd and not seen",
            metrics.unexplained.clone(),
        );
        registry.register("lost_records", "Records that were lost", metrics.lost.clone());
        registry.register_with_unit("usage", "memory.current", bytes(), metrics.usage.clone());
        registry.register_with_unit("memory", "What it is made of", bytes(), metrics.parts.clone());
        registry.register_with_unit("limit", "The unit's own limits", bytes(), metrics.limits.clone());
        registry.register(
            "growth_bytes_per_second",
            "The trend of what cannot be reclaimed",
            metrics.growth.clone(),
        );
        registry.register_with_unit(
            "time_left",
            "To the limit that is reached first, with its interval; absent where none is in sight",
            Unit::Seconds,
            metrics.left.clone(),
        );
        registry.register("warning", "1 while a warning stands", metrics.warned.clone());
        registry.register(
            "throttled",
            "1 while memory.high brings it to a standstill",
            metrics.throttled.clone(),
        );
        registry.register_with_unit(
            "stalled",
            "The share of the last ten seconds in which every task waited for memory",
            Unit::Ratios,
            metrics.stalled.clone(),
        );
        metrics.registry = Arc::new(Mutex::new(registry));
        metrics
    }
}

impl Metrics {
    /// With everything that is asked at `listener` answered by a thread of its own.
    ///
    /// # Errors
    /// Where there can be no thread.
    pub fn serve(listener: TcpListener) -> io::Result<Self> {
        let metrics = Self::default();
        let registry = Arc::clone(&metrics.registry);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || runtime.block_on(accept(listener, registry)))?;
        Ok(metrics)
    }

    /// The labels of a subject; `None` where there is no room for one more.
    fn of(&mut self, subject: &Subject) -> Option<Of> {
        let of = Of {
            unit: name(subject).to_owned(),
            slice: subject.slice.clone().unwrap_or_default(),
        };
        if self.known.len() >= MAX_UNITS && !self.known.contains(&of) {
            return None;
        }
        self.known.insert(of.clone());
        Some(of)
    }

    /// For what is counted, and never left out.
    fn of_or_other(&mut self, subject: &Subject) -> Of {
        self.of(subject).unwrap_or_else(|| Of {
            unit: OTHER.to_owned(),
            slice: String::new(),
        })
    }

    fn sample(&mut self, sample: &Sample) {
        let Some(of) = self.of(&sample.subject) else { return };
        let memory = &sample.memory;
        set(&self.usage, &of, memory.current.map(Bytes::as_f64));
        for (kind, size) in [
            ("anon", memory.anon),
            ("file", memory.file),
            ("shmem", memory.shmem),
            ("kernel", memory.kernel),
            ("slab_reclaimable", memory.slab_reclaimable),
            ("slab_unreclaimable", memory.slab_unreclaimable),
            ("sock", memory.sock),
            ("swap", memory.swap_current),
        ] {
            set(&self.parts, &OfKind::new(&of, kind), size.map(Bytes::as_f64));
        }
        for (file, size) in [
            ("memory.max", memory.max),
            ("memory.high", memory.high),
            ("memory.swap.max", memory.swap_max),
        ] {
            set(&self.limits, &OfFile::new(&of, file), size.map(Bytes::as_f64));
        }
        // The host's has no file of a cgroup.
        for limit in sample.limits.iter().filter(|limit| limit.relation == Relation::Host) {
            let host = Of {
                unit: "host".to_owned(),
                slice: String::new(),
            };
            set(
                &self.limits,
                &OfFile::new(&host, &limit.file),
                Some(limit.bytes.as_f64()),
            );
        }
        set(&self.growth, &of, sample.trend.map(|trend| trend.bytes_per_second));
        let forecast = sample.forecast.as_ref();
        for (bound, seconds) in [
            ("low", forecast.map(|forecast| forecast.low_seconds)),
            ("middle", forecast.map(|forecast| forecast.seconds)),
            ("high", forecast.and_then(|forecast| forecast.high_seconds)),
        ] {
            set(&self.left, &OfBound::new(&of, bound), seconds);
        }
        set(
            &self.stalled,
            &of,
            sample.pressure.map(|pressure| pressure.full_avg10 / 100.0),
        );
    }

    /// What describes a unit as it stands goes with it.
    fn ended(&mut self, subject: &Subject) {
        let unit = name(subject).to_owned();
        let gone: Vec<Of> = self.known.iter().filter(|of| of.unit == unit).cloned().collect();
        for of in gone {
            for family in [&self.usage, &self.growth, &self.warned, &self.throttled, &self.stalled] {
                family.remove(&of);
            }
            for kind in [
                "anon",
                "file",
                "shmem",
                "kernel",
                "slab_reclaimable",
                "slab_unreclaimable",
                "sock",
                "swap",
            ] {
                self.parts.remove(&OfKind::new(&of, kind));
            }
            for file in ["memory.max", "memory.high", "memory.swap.max"] {
                self.limits.remove(&OfFile::new(&of, file));
            }
            for bound in ["low", "middle", "high"] {
                self.left.remove(&OfBound::new(&of, bound));
            }
        }
    }
}

macro_rules! labelled {
    ($name:ident, $more:ident) => {
        impl $name {
            fn new(of: &Of, $more: &str) -> Self {
                Self {
                    unit: of.unit.clone(),
                    slice: of.slice.clone(),
                    $more: $more.to_owned(),
                }
            }
        }
    };
}
labelled!(OfKind, kind);
labelled!(OfOrigin, origin);
labelled!(OfFile, file);
labelled!(OfBound, bound);

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
                let of = self.of_or_other(&kill.subject);
                self.kills.get_or_create(&OfOrigin::new(&of, &word(&kill.origin))).inc();
            }
            Event::Unexplained(unexplained) => {
                let of = self.of_or_other(&unexplained.subject);
                let missing = unexplained.counted.saturating_sub(unexplained.seen);
                self.unexplained.get_or_create(&of).inc_by(missing);
            }
            Event::Lost(lost) => {
                let stream = word(&lost.stream);
                self.lost.get_or_create(&OfStream { stream }).inc_by(lost.count);
            }
            Event::Forecast(change) => {
                if let Some(of) = self.of(&change.subject) {
                    let stands = change.state != ForecastState::Cleared;
                    set(&self.warned, &of, Some(f64::from(u8::from(stands))));
                }
            }
            Event::Throttle(throttle) => {
                if let Some(of) = self.of(&throttle.subject) {
                    let stands = throttle.state == ThrottleState::Raised;
                    set(&self.throttled, &of, Some(f64::from(u8::from(stands))));
                }
            }
            Event::Unit(unit) if matches!(unit.state, UnitState::Stopped | UnitState::Failed) => {
                self.ended(&unit.subject);
            }
            Event::Unit(_) | Event::Start(_) | Event::OomWithoutKill(_) | Event::Stop(_) => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn accept(listener: TcpListener, registry: Arc<Mutex<Registry>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, it may be: a moment later there are some.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let registry = Arc::clone(&registry);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(&request, &registry);
                async { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST)
                .serve_connection(TokioIo::new(stream), service);
            // Whoever breaks off, or is too slow, asks again.
            let _ = tokio::time::timeout(CONNECTION, connection).await;
            drop(permit);
        });
    }
}

fn answer<B>(request: &Request<B>, registry: &Mutex<Registry>) -> Response<Full<Body>> {
    let tell = |status: StatusCode, text: String| {
        let mut response = Response::new(Full::new(Body::from(text)));
        *response.status_mut() = status;
        response
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return tell(StatusCode::METHOD_NOT_ALLOWED, "GET /metrics\n".to_owned());
    }
    if request.uri().path() != "/metrics" {
        return tell(StatusCode::NOT_FOUND, "oomtrace's metrics are at /metrics\n".to_owned());
    }
    let mut text = String::new();
    let registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
    if encode(&mut text, &registry).is_err() {
        return tell(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics cannot be written\n".to_owned(),
        );
    }
    let mut response = tell(StatusCode::OK, text);
    let content = header::HeaderValue::from_static(CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, content);
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;
    use crate::sink::Sink as _;

    const KILL: &str = r#"{"event":"kill","ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":"a.service","user_unit":null,"slice":"system.slice","invocation_id":null,"cgroup":{"id":7,"path":"/system.slice/a.service"},"container":null,"origin":"memcg_limit","confidence":"observed","evidence":[],"limit":null,"trigger":null,"victim":{"pid":7,"tid":7,"comm":"a","cmdline":null,"uid":0,"oom_score_adj":0,"total_vm":null,"anon":null,"file":null,"shmem":null,"swap":null,"pgtables":null,"started":null},"leader_pid":null,"killer":null,"request":null,"before":null}"#;

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
    fn totals_outlive_the_unit_and_sizes_do_not() {
        let mut metrics = Metrics::default();
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
    fn labels_are_bounded_and_kills_are_counted_all_the_same() {
        let mut metrics = Metrics::default();
        for unit in 0..MAX_UNITS + 50 {
            metrics.line(&sample(&format!("u{unit}.service"), 1)).unwrap();
        }
        metrics.line(&serde_json::from_str(KILL).unwrap()).unwrap();
        let told = text(&metrics);
        assert_eq!(told.matches("oomtrace_usage_bytes{").count(), MAX_UNITS);
        assert!(told.contains("oomtrace_kills_total{unit=\"other\",slice=\"\",origin=\"memcg_limit\"} 1"));
    }

    #[test]
    fn who_asks_is_answered_and_who_asks_for_something_else_is_told_where() {
        let listener = listen(":0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(address.ip().is_loopback());
        let _metrics = Metrics::serve(listener).unwrap();
        let ask = |path: &str| {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        };
        let told = ask("/metrics");
        assert!(told.starts_with("HTTP/1.1 200") && told.contains("openmetrics-text") && told.contains("# EOF"));
        assert!(ask("/").starts_with("HTTP/1.1 404") && ask("/").contains("/metrics"));
        assert!(listen(&address.to_string()).is_err(), "it is in use");
        assert!(listen("nonsense").is_err());
    }
}
