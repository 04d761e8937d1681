//! One line of the stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ForecastChange, Kill, Lost, OomWithoutKill, Run, Sample, Start, Stop, Subject, Throttle, Unexplained, Unit,
};
use crate::measure::Timestamp;

/// One line of the stream: an event and where it stands in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// What happened. Its `event` field names the kind.
    #[serde(flatten)]
    pub event: Event,
    /// When it happened.
    pub ts: Timestamp,
    /// From 0, one more with every line of a stream: a gap is a loss downstream of oomtrace.
    #[serde(default)]
    pub seq: u64,
    /// The machine's name.
    #[serde(default)]
    pub host: String,
}

/// What a line can tell, one variant a kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The stream begins.
    Start(Start),
    /// A cgroup as it stands.
    Sample(Sample),
    /// A forecast began, changed or ended.
    Forecast(ForecastChange),
    /// `memory.high` slows a unit down.
    Throttle(Throttle),
    /// A run of a unit has ended: the next one is compared with it.
    Run(Run),
    /// A process was killed for memory.
    Kill(Box<Kill>),
    /// The kernel was out of memory and killed nothing.
    OomWithoutKill(OomWithoutKill),
    /// A unit started, stopped or failed.
    Unit(Unit),
    /// Records were lost.
    Lost(Lost),
    /// A counter moved without an event.
    Unexplained(Unexplained),
    /// The stream ends.
    Stop(Stop),
}

impl Event {
    /// Whom it is about; `None` where it is about the stream.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Sample(sample) => Some(&sample.subject),
            Self::Forecast(change) => Some(&change.subject),
            Self::Throttle(throttle) => Some(&throttle.subject),
            Self::Run(run) => Some(&run.subject),
            Self::Kill(kill) => Some(&kill.subject),
            Self::OomWithoutKill(oom) => Some(&oom.subject),
            Self::Unit(unit) => Some(&unit.subject),
            Self::Unexplained(unexplained) => Some(&unexplained.subject),
            Self::Start(_) | Self::Lost(_) | Self::Stop(_) => None,
        }
    }
}
