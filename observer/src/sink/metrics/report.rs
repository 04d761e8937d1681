//! The metrics for systemd-report (systemd 260), over varlink: `io.systemd.Metrics` at a socket in its folder.
//!
//! In: the same families as the port's, in a registry of their own. Out: of those that nobody else on a host has, one reply for each
//! value. Sizes are systemd's (`io.systemd.CGroup.MemoryUsage`). Only an encoder sees what is in a family, so that the
//! values come from OpenMetrics' text, as the port's older format does (`plain`).

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde::Serialize;
use serde_json::{Number, Value};

use crate::private::Callers;
use crate::varlink::server::{self, Service};
use crate::varlink::socket::{self, Socket};
use crate::varlink::{Call, Fault, Interface, Replies};

/// Where systemd-report looks for sockets. systemd itself makes the folder, with one of its own in it (systemd 260:
/// src/report/report.c, src/core/varlink.c).
pub(crate) const FOLDER: &str = "/run/systemd/report";

/// The socket's name: what the names of its metrics begin with, or systemd-report skips them (report.c: `metrics_verdict`).
const NAME: &str = "io.oomtrace";

/// Of src/shared/varlink-io.systemd.Metrics.c (systemd 262) what is used here.
const INTERFACE: Interface = Interface {
    name: "io.systemd.Metrics",
    description: "# Metrics APIs
interface io.systemd.Metrics

# An enum representing various metric family types
type MetricFamilyType (
  counter,
  gauge,
  string
)

# Method to get a list of metrics among which the collection of related metrics forms a metric family
# [Requires 'more' flag]
method List() -> (
  name: string,
  value: any,
  object: ?string,
  fields: ?object
)

# Method to get the metric families
# [Requires 'more' flag]
method Describe() -> (
  name: string,
  description: string,
  type: MetricFamilyType
)

# No such metric found
error NoSuchMetric ()
",
};

/// The families, in systemd's words: names, types and descriptions.
pub(super) const FAMILIES: [(&str, &str, &str); 8] = [
    (
        "Kills",
        "counter",
        "Per unit metric: processes killed because of memory (origin=memcg_limit|host|systemd_oomd|...)",
    ),
    (
        "LostRecords",
        "counter",
        "Number of events dropped (stream=kill|growth|output|...)",
    ),
    (
        "OutOfMemoryWithoutKill",
        "counter",
        "Per unit metric: out-of-memory events without a killable process",
    ),
    (
        "SecondsToLimit",
        "gauge",
        "Per unit metric: forecast time in seconds until the first memory limit is reached (bound=low|middle|high); absent without a forecast",
    ),
    (
        "Throttled",
        "gauge",
        "Per unit metric: 1 while memory.high throttles the unit to a halt, 0 afterwards",
    ),
    (
        "UnexplainedKills",
        "counter",
        "Per unit metric: kills that the kernel counted or systemd recorded but oomtrace did not see",
    ),
    ("Version", "string", "Version of oomtrace"),
    (
        "Warning",
        "gauge",
        "Per unit metric: 1 while a warning is active, 0 afterwards",
    ),
];

/// The label that is a metric's object: systemd's own families have the unit there too.
const OBJECT: &str = "unit";

/// Where the socket is, in a folder.
pub(crate) fn place(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Listens in a folder, open to every user as systemd's own sockets there are (units/systemd-report-cgroup.socket: `SocketMode=0666`).
///
/// # Errors
/// Where there is no folder, or others may write to it, or an oomtrace listens there already.
pub(crate) fn listen(folder: &Path) -> io::Result<(Socket, UnixListener)> {
    let path = place(folder);
    socket::sweep(&path);
    Socket::listen(&path, Callers::Everyone)
}

/// Answers whoever connects.
pub(super) async fn attend(listener: UnixListener, registry: Mutex<Registry>) {
    server::attend(listener, Arc::new(Report { registry }), std::future::pending()).await;
}

struct Report {
    registry: Mutex<Registry>,
}

impl Service for Report {
    const INTERFACE: Interface = INTERFACE;

    /// A third of what systemd-report waits for all of its sources (report.c: `TIMEOUT_USEC`).
    const CONNECTION: Duration = Duration::from_secs(10);

    /// Everyone: what runs on a machine, and that it was killed, systemctl(1) says too.
    fn is_trusted(&self, _uid: u32, _pid: Option<i32>) -> bool {
        true
    }

    async fn answer(&self, call: &Call) -> Result<Replies, Fault> {
        let method = call.method();
        if !["List", "Describe"].contains(&method) {
            return Err(call.unknown_method());
        }
        call.several_replies()?;
        call.no_parameters()?;
        if method == "Describe" {
            return Ok(Replies::several(FAMILIES.map(Described::from)));
        }
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // It cannot fail: a text takes whatever is written to it.
        let _ = encode(&mut text, &registry);
        drop(registry);
        Ok(Replies::several(values(&text)))
    }
}

/// One value, as a reply has it.
#[derive(Debug, Serialize, PartialEq)]
struct Metric<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    value: Value,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<&'a str, String>,
}

/// A family, as a reply has it.
#[derive(Debug, Serialize)]
struct Described {
    name: String,
    description: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl From<(&str, &'static str, &'static str)> for Described {
    fn from((name, kind, description): (&str, &'static str, &'static str)) -> Self {
        Self {
            name: in_full(name),
            description,
            kind,
        }
    }
}

fn in_full(name: &str) -> String {
    format!("{NAME}.{name}")
}

/// The values in OpenMetrics' text, and the version, which is no number and in no registry: there always is one to reply.
fn values(text: &str) -> impl Iterator<Item = Metric<'_>> {
    let version = Metric {
        name: in_full("Version"),
        object: None,
        value: env!("CARGO_PKG_VERSION").into(),
        fields: BTreeMap::new(),
    };
    text.lines().filter_map(value).chain([version])
}

/// The value in a line, `NAME{LABEL="VALUE",…} NUMBER`; `None` of other lines. A label without a value is none.
fn value(line: &str) -> Option<Metric<'_>> {
    let name_end = line.find(['{', ' ']).filter(|_| !line.starts_with('#'))?;
    let (name, mut rest) = line.split_at(name_end);
    let mut fields = BTreeMap::new();
    while let Some(label) = rest.strip_prefix(['{', ',']) {
        let (name, quoted) = label.split_once("=\"")?;
        let (value, after) = unquoted(quoted)?;
        if !value.is_empty() {
            fields.insert(name, value);
        }
        rest = after;
    }
    let number = rest.trim_start_matches('}').trim_start();
    let number = number.parse::<u64>().ok().map(Number::from).or_else(|| {
        let number = number.parse::<f64>().ok()?;
        Number::from_f64(number)
    })?;
    Some(Metric {
        // OpenMetrics' suffix of a counter's value.
        name: in_full(name.strip_suffix("_total").unwrap_or(name)),
        object: fields.remove(OBJECT),
        value: number.into(),
        fields,
    })
}

/// What stands before the next quote, without OpenMetrics' escapes, and what comes after it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.chars();
    loop {
        match letters.next()? {
            '"' => return Some((value, letters.as_str())),
            '\\' => value.push(match letters.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

/// What is replied to these bytes where nothing has happened yet, for `fuzz/`.
#[doc(hidden)]
#[must_use]
pub fn replies_to(message: &[u8]) -> Option<Vec<u8>> {
    let registry = Mutex::new(super::Metrics::default().reported());
    server::answer_to(&Report { registry }, message)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::*;
    use crate::event::Line;
    use crate::sink::{Metrics, Sink as _};
    use crate::varlink::MAX_CALL;
    use crate::varlink::client::Client;
    use crate::varlink::server::CONNECTIONS;

    const LIST: &str = r#"{"method":"io.systemd.Metrics.List","more":true}"#;

    /// What a warning, a forecast, two kills and the rest leave.
    fn metrics() -> Metrics {
        let mut metrics = Metrics::default();
        let subject = r#""ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":"a.service","slice":"system.slice","cgroup":{"id":7,"path":"/system.slice/a.service"}"#;
        let kill = r#""event":"kill","origin":"memcg_limit","confidence":"observed","evidence":[],"victim":{"pid":7,"tid":7,"comm":"a","uid":0,"oom_score_adj":0}"#;
        let quoted = r#""ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":null,"slice":null,"cgroup":{"id":8,"path":"/b\"=\\{,}\n 7"},"container":{"runtime":"docker","id":"c1","name":"web"}"#;
        for (subject, event) in [
            (
                subject,
                r#""event":"sample","memory":{"current":1,"anon":1,"max":2},"forecast":{"seconds":90.5,"low_seconds":60,"high_seconds":null,"confidence":0.8,"limit":{"cgroup":"/","unit":null,"file":"memory.max","bytes":2}}"#,
            ),
            (
                subject,
                r#""event":"forecast","state":"raised","class":"leak","trend":null,"forecast":null"#,
            ),
            (subject, kill),
            (subject, kill),
            (quoted, kill),
            (
                subject,
                r#""event":"unexplained","counter":"memory.events oom_kill","counted":5,"seen":2"#,
            ),
            (subject, r#""event":"lost","stream":"growth","count":4"#),
        ] {
            let line = format!("{{{subject},{event}}}");
            let line: Line = serde_json::from_str(&line).expect(&line);
            metrics.line(&line).unwrap();
        }
        metrics
    }

    /// The replies to a message, without their NULs.
    fn replies(metrics: &Metrics, message: &str) -> Vec<Value> {
        let registry = Mutex::new(metrics.reported());
        let told = server::answer_to(&Report { registry }, message.as_bytes()).unwrap();
        let (end, told) = told.split_last().unwrap();
        assert_eq!(*end, 0);
        told.split(|byte| *byte == 0)
            .map(|one| serde_json::from_slice(one).unwrap())
            .collect()
    }

    #[test]
    fn what_nobody_else_has_is_listed_for_each_unit() {
        let told = replies(&metrics(), LIST);
        let (last, before) = told.split_last().unwrap();
        assert!(before.iter().all(|one| one["continues"] == true), "{told:?}");
        let mut metrics: Vec<Value> = before.iter().map(|one| one["parameters"].clone()).collect();
        assert_eq!(
            *last,
            json!({"parameters": {"name": "io.oomtrace.Version", "value": env!("CARGO_PKG_VERSION")}})
        );
        metrics.sort_by_key(Value::to_string);
        let of = |name: &str, value: Value, more: Value| {
            let mut fields = json!({"slice": "system.slice"});
            for (name, value) in more.as_object().unwrap() {
                fields[name] = value.clone();
            }
            json!({"name": name, "object": "a.service", "value": value, "fields": fields})
        };
        let mut expected = [
            of("io.oomtrace.Kills", json!(2), json!({"origin": "memcg_limit"})),
            json!({"name": "io.oomtrace.Kills", "object": "/b\"=\\{,}\n 7", "value": 1,
                "fields": {"container": "web", "origin": "memcg_limit"}}),
            json!({"name": "io.oomtrace.LostRecords", "value": 4, "fields": {"stream": "growth"}}),
            of("io.oomtrace.SecondsToLimit", json!(90.5), json!({"bound": "middle"})),
            of("io.oomtrace.SecondsToLimit", json!(60.0), json!({"bound": "low"})),
            of("io.oomtrace.UnexplainedKills", json!(3), json!({})),
            of("io.oomtrace.Warning", json!(1.0), json!({})),
        ];
        expected.sort_by_key(Value::to_string);
        assert_eq!(metrics, expected);
    }

    #[test]
    fn every_family_is_described_before_it_has_a_value() {
        let describe = r#"{"method":"io.systemd.Metrics.Describe","more":true,"parameters":{}}"#;
        let told = replies(&Metrics::default(), describe);
        assert_eq!(told.iter().filter(|one| one.get("continues").is_none()).count(), 1);
        assert_eq!(replies(&Metrics::default(), LIST).len(), 1);
        let described: BTreeMap<String, String> = told
            .iter()
            .map(|one| {
                let [name, kind] = ["name", "type"].map(|field| one["parameters"][field].as_str().unwrap().to_owned());
                (name, kind)
            })
            .collect();
        assert_eq!(described.len(), FAMILIES.len());
        // And as what it is.
        let mut metrics = metrics();
        let subject = r#""ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":"a.service","slice":null,"cgroup":{"id":7,"path":"/a.service"}"#;
        for event in [
            r#""event":"throttle","state":"raised","high":1,"high_events":1,"stalled_share":0.9"#,
            r#""event":"oom_without_kill","reason":"no_killable_task""#,
        ] {
            let line = format!("{{{subject},{event}}}");
            metrics.line(&serde_json::from_str(&line).unwrap()).unwrap();
        }
        let mut text = String::new();
        encode(&mut text, &metrics.reported()).unwrap();
        let types = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let mut valued: BTreeMap<String, String> = types.map(|(name, kind)| (in_full(name), kind.to_owned())).collect();
        valued.insert(in_full("Version"), "string".to_owned());
        assert_eq!(described, valued);
    }

    #[test]
    fn who_takes_one_reply_or_asks_for_something_else_is_told() {
        let told = |message: &str| {
            let mut replies = replies(&metrics(), message);
            assert_eq!(replies.len(), 1);
            replies.remove(0)
        };
        let fault = |name: &str, parameters: Value| json!({"error": format!("org.varlink.service.{name}"), "parameters": parameters});
        for method in ["List", "Describe"] {
            let one = told(&format!(r#"{{"method":"io.systemd.Metrics.{method}"}}"#));
            assert_eq!(one, fault("ExpectedMore", json!({})));
            let message =
                format!(r#"{{"method":"io.systemd.Metrics.{method}","more":true,"parameters":{{"name":"a"}}}}"#);
            assert_eq!(told(&message), fault("InvalidParameter", json!({"parameter": "name"})));
        }
        assert_eq!(
            told(r#"{"method":"io.systemd.Metrics.Set","more":true}"#),
            fault("MethodNotFound", json!({"method": "io.systemd.Metrics.Set"}))
        );
        assert_eq!(
            told(r#"{"method":"io.systemd.Unit.List","more":true}"#),
            fault("InterfaceNotFound", json!({"interface": "io.systemd.Unit"}))
        );
    }

    /// All replies to a call.
    fn receive_all(client: &mut Client) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(one) = client.receive() {
            let is_last = one.get("continues").is_none();
            all.push(one);
            if is_last {
                break;
            }
        }
        all
    }

    #[test]
    fn at_the_socket_everyone_is_told_what_is_counted_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        // What a run left that was killed.
        drop(UnixListener::bind(place(dir.path())).unwrap());
        let (socket, listener) = listen(dir.path()).unwrap();
        let path = dir.path().join("io.oomtrace");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o666);
        let mut metrics = Metrics::default();
        metrics.report(listener).unwrap();
        let mut client = Client::connect(&path);
        client.send(&LIST);
        assert_eq!(receive_all(&mut client).len(), 1);
        let subject = r#""ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":"a.service","slice":null,"cgroup":{"id":7,"path":"/a.service"}"#;
        let line = format!(r#"{{{subject},"event":"oom_without_kill","reason":"no_killable_task"}}"#);
        metrics.line(&serde_json::from_str(&line).unwrap()).unwrap();
        client.send(&LIST);
        let told = receive_all(&mut client);
        let name = "io.oomtrace.OutOfMemoryWithoutKill";
        let one = json!({"parameters": {"name": name, "object": "a.service", "value": 1}, "continues": true});
        assert_eq!((told.len(), &told[0]), (2, &one));
        // A second one leaves it alone, and at the end of the first it is gone.
        let taken = listen(dir.path()).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn who_says_nothing_or_reads_nothing_keeps_nobody_waiting_and_too_long_a_call_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let (_socket, listener) = listen(dir.path()).unwrap();
        let path = place(dir.path());
        metrics().report(listener).unwrap();
        let mut waiting: Vec<Client> = (0..CONNECTIONS * 2).map(|_| Client::connect(&path)).collect();
        for client in &mut waiting {
            // The oldest of them are closed.
            let _ = client.0.write_all(format!("{LIST}\0").repeat(64).as_bytes());
        }
        let mut last = Client::connect(&path);
        last.send(&LIST);
        assert_eq!(receive_all(&mut last).len(), 8);
        let long = usize::try_from(MAX_CALL).unwrap();
        // It may be closed before all is sent.
        let _ = last.0.write_all(format!("{}\0", "x".repeat(long)).as_bytes());
        assert_eq!(last.receive(), None);
    }

    #[test]
    fn units_as_many_as_there_may_be_are_told_in_some_megabytes() {
        let mut metrics = Metrics::default();
        for unit in 0..super::super::MAX_UNITS * 2 {
            let unit = format!("{unit:0>240}.service");
            let line = format!(
                r#"{{"ts":"2026-11-21T03:12:44Z","seq":1,"host":"h","unit":"{unit}","slice":"system.slice","cgroup":{{"id":7,"path":"/system.slice/{unit}"}},"event":"forecast","state":"raised","class":"leak","trend":null,"forecast":null}}"#
            );
            metrics.line(&serde_json::from_str(&line).unwrap()).unwrap();
        }
        let registry = Mutex::new(metrics.reported());
        let told = server::answer_to(&Report { registry }, LIST.as_bytes()).unwrap();
        let count = told.iter().filter(|byte| **byte == 0).count();
        assert_eq!(count, super::super::MAX_UNITS + 1);
        assert!(told.len() < 512 * count, "{} bytes", told.len());
    }
}
