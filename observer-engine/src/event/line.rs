//! One line of the stream.

use schemars::JsonSchema;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{
    Bursty, CgroupRef, Container, Forecast, ForecastChange, Kill, Ledger, Limit, Lost, Memory, MemoryEvents,
    OomWithoutKill, Pressure, Processes, Run, SCHEMA, Sample, Stacks, Start, Stop, Subject, TaskSize, Throttle, Trend,
    Unexplained, Unit, few,
};
use crate::measure::Timestamp;

/// One line of the stream: an event with its time and number.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(title = SCHEMA, extend("$id" = format!("urn:{}", SCHEMA.replace('/', ":"))))]
pub struct Line {
    /// What happened; `event` is its kind.
    #[serde(flatten)]
    pub event: Event,
    /// When it happened.
    pub ts: Timestamp,
    /// Line number in the stream, from 0. A gap means that lines are missing here: dropped for a slow reader (`lost` says how many), not written to a full disk, or lost on the way.
    #[serde(default)]
    pub seq: u64,
    /// The host's name.
    #[serde(default)]
    pub host: String,
}

/// An event, one variant per kind.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Start of the stream.
    Start(Start),
    /// Current state of a cgroup.
    Sample(Sample),
    /// The processes of a unit that nears a limit, is under memory pressure, or is watched by name.
    Processes(Processes),
    /// A forecast was raised, updated or cleared.
    Forecast(ForecastChange),
    /// `memory.high` throttles a unit to a halt, or no longer does.
    Throttle(Throttle),
    /// Memory history of one run of a unit, which later runs are compared with.
    Run(Run),
    /// A process was killed because memory ran out.
    Kill(Box<Kill>),
    /// The kernel was out of memory and found nothing to kill.
    OomWithoutKill(OomWithoutKill),
    /// A unit started, stopped or failed.
    Unit(Unit),
    /// Records or events were lost.
    Lost(Lost),
    /// Which code took the memory that is still there.
    Stacks(Stacks),
    /// The kernel or systemd counted kills that oomtrace did not see.
    Unexplained(Unexplained),
    /// End of the stream.
    Stop(Stop),
}

impl Event {
    /// The cgroup that it is about; `None` if it is about the stream.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Sample(sample) => Some(&sample.subject),
            Self::Processes(processes) => Some(&processes.subject),
            Self::Forecast(change) => Some(&change.subject),
            Self::Throttle(throttle) => Some(&throttle.subject),
            Self::Run(run) => Some(&run.subject),
            Self::Kill(kill) => Some(&kill.subject),
            Self::OomWithoutKill(oom) => Some(&oom.subject),
            Self::Unit(unit) => Some(&unit.subject),
            Self::Stacks(stacks) => Some(&stacks.subject),
            Self::Unexplained(unexplained) => Some(&unexplained.subject),
            Self::Start(_) | Self::Lost(_) | Self::Stop(_) => None,
        }
    }
}

/// Longer than any text that is written, in bytes of JSON: 4,096 characters, each an escape.
const MAX_TEXT: usize = 32 << 10;

/// The first bytes of a sample's line, as it is written.
const SAMPLE: &[u8] = br#"{"event":"sample","#;

impl Line {
    /// A line from its JSON.
    ///
    /// What is flattened or tagged inside serde reads by keeping all of it aside first, fields that nobody knows too: a
    /// hundred times what the line is long. So the text is read once for what every line has, once for whom it is about,
    /// once for its kind, each straight into its place; whatever else stands in it is passed over.
    ///
    /// A stream is nearly all samples, and oomtrace writes `event` first: those are read at once.
    ///
    /// # Errors
    /// Where it is none.
    pub fn from_json(text: &[u8]) -> serde_json::Result<Self> {
        if text.len() > MAX_TEXT && has_long_text(text) {
            return Err(serde_json::Error::custom(
                "a text longer than any that is written (32K)",
            ));
        }
        // What fails there says nothing: the long way knows what is wrong.
        let sample = text.starts_with(SAMPLE).then(|| serde_json::from_slice(text).ok());
        if let Some(SampleLine(line)) = sample.flatten() {
            return Ok(line);
        }
        let Head { event, ts, seq, host } = serde_json::from_slice(text)?;
        let about = || serde_json::from_slice::<Subject>(text);
        let event = match event {
            Kind::Start => Event::Start(serde_json::from_slice(text)?),
            Kind::Sample => Event::Sample(Sample {
                subject: about()?,
                ..serde_json::from_slice(text)?
            }),
            Kind::Processes => Event::Processes(Processes {
                subject: about()?,
                ..serde_json::from_slice(text)?
            }),
            Kind::Forecast => Event::Forecast(ForecastChange {
                subject: about()?,
                ..serde_json::from_slice(text)?
            }),
            Kind::Throttle => Event::Throttle(Throttle {
                subject: about()?,
                ..serde_json::from_slice(text)?
            }),
            Kind::Run => Event::Run(Run {
                subject: about()?,
                ..serde_json::from_slice(text)?
            }),
            Kind::Kill => Event::Kill(Box::new(Kill {
                subject: about()?,
                ..serde_json::from_slice(text)?
            })),
            Kind::OomWithoutKill => Event::OomWithoutKill(OomWithoutKill {
                subject: about()?,
                ..serde_json::from_slice(text)?
            }),
            Kind::Unit => Event::Unit(Unit {
                subject: about()?,
                ..serde_json::from_slice(text)?
            }),
            Kind::Stacks => Event::Stacks(Stacks {
                subject: about()?,
                ..serde_json::from_slice(text)?
            }),
            Kind::Lost => Event::Lost(serde_json::from_slice(text)?),
            Kind::Unexplained => Event::Unexplained(Unexplained {
                subject: about()?,
                ..serde_json::from_slice(text)?
            }),
            Kind::Stop => Event::Stop(serde_json::from_slice(text)?),
        };
        Ok(Self { event, ts, seq, host })
    }
}

/// Whether there is a string that long, or one that has no end.
fn has_long_text(json: &[u8]) -> bool {
    let (mut is_within, mut is_escaped, mut length) = (false, false, 0);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_within => is_escaped = true,
            b'"' => (is_within, length) = (!is_within, 0),
            _ => {}
        }
        length += usize::from(is_within);
        if length > MAX_TEXT {
            return true;
        }
    }
    false
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?;
        Self::from_json(text.get().as_bytes()).map_err(D::Error::custom)
    }
}

/// What every line has.
#[derive(Deserialize)]
struct Head {
    event: Kind,
    ts: Timestamp,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    host: String,
}

/// The kinds of an [`Event`], by their names.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Start,
    Sample,
    Processes,
    Forecast,
    Throttle,
    Run,
    Kill,
    OomWithoutKill,
    Unit,
    Lost,
    Stacks,
    Unexplained,
    Stop,
}

/// A sample's line, read in one go: several times faster, and to the same value. Another event, `event` elsewhere, anything
/// that is wrong is an error that says nothing.
struct SampleLine(Line);

impl<'de> Deserialize<'de> for SampleLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SampleVisitor)
    }
}

struct SampleVisitor;

impl<'de> Visitor<'de> for SampleVisitor {
    type Value = SampleLine;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a sample")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SampleLine, A::Error> {
        if !matches!(map.next_entry()?, Some((FirstKey::Event, OnlyKind::Sample))) {
            return Err(A::Error::custom("no sample"));
        }
        let fields = FlatSample::deserialize(MapAccessDeserializer::new(map))?;
        Ok(SampleLine(fields.into()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FirstKey {
    Event,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnlyKind {
    Sample,
}

/// The fields of a [`Line`] with a [`Sample`], all on one level, as they are written. The conversion below does not compile
/// where one is missing.
#[derive(Deserialize)]
struct FlatSample {
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    user_unit: Option<String>,
    #[serde(default)]
    slice: Option<String>,
    #[serde(default)]
    invocation_id: Option<String>,
    #[serde(default)]
    cgroup: CgroupRef,
    #[serde(default)]
    container: Option<Container>,
    memory: Memory,
    #[serde(default)]
    events: Option<MemoryEvents>,
    #[serde(default)]
    pressure: Option<Pressure>,
    #[serde(default, deserialize_with = "few::few")]
    limits: Vec<Limit>,
    #[serde(default)]
    trend: Option<Trend>,
    #[serde(default)]
    forecast: Option<Forecast>,
    #[serde(default, deserialize_with = "few::few")]
    tasks: Vec<TaskSize>,
    #[serde(default)]
    slowed: Option<Forecast>,
    #[serde(default)]
    ledger: Option<Box<Ledger>>,
    #[serde(default)]
    bursty: Option<Bursty>,
    ts: Timestamp,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    host: String,
    /// A second kind is an error.
    #[serde(default, rename = "event", deserialize_with = "refuse")]
    _again: (),
}

fn refuse<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    IgnoredAny::deserialize(deserializer)?;
    Err(D::Error::custom("two kinds"))
}

impl From<FlatSample> for Line {
    fn from(flat: FlatSample) -> Self {
        Self {
            event: Event::Sample(Sample {
                subject: Subject {
                    unit: flat.unit,
                    user_unit: flat.user_unit,
                    slice: flat.slice,
                    invocation_id: flat.invocation_id,
                    cgroup: flat.cgroup,
                    container: flat.container,
                },
                memory: flat.memory,
                events: flat.events,
                pressure: flat.pressure,
                limits: flat.limits,
                trend: flat.trend,
                forecast: flat.forecast,
                tasks: flat.tasks,
                slowed: flat.slowed,
                ledger: flat.ledger,
                bursty: flat.bursty,
            }),
            ts: flat.ts,
            seq: flat.seq,
            host: flat.host,
        }
    }
}
