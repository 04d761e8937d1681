//! How a run of a unit went: what the next one is compared with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Subject, few};
use crate::measure::Bytes;

/// A finished run of a unit, from this stream or from before it; later runs are compared with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// The unit.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// Where it is known from.
    pub state: RunState,
    /// Its memory over its life.
    pub run: RunOutline,
}

/// Where a run is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It ended in this stream.
    Ended,
    /// It ended before this stream began.
    Known,
}

/// A run's memory over its life, in outline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunOutline {
    /// What ended it.
    pub end: RunEnd,
    /// How long it was observed, in seconds.
    pub seconds: f64,
    /// Peak memory.
    pub peak: Bytes,
    /// Average memory at each age, in growing intervals.
    #[serde(deserialize_with = "few::few")]
    pub held: Vec<HeldAt>,
}

/// A run's unreclaimable memory at an age, swap included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HeldAt {
    /// Start of the interval, in seconds since the unit's start.
    pub age_seconds: f64,
    /// Average in the interval.
    pub bytes: Bytes,
}

/// What ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// A memory kill.
    Killed,
    /// Anything else.
    Stopped,
}

/// An earlier run that grew like this one, and how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Earlier {
    /// What ended it.
    pub end: RunEnd,
    /// How long it was observed, in seconds.
    pub seconds: f64,
    /// Peak memory.
    pub peak: Bytes,
}
