//! How a run of a unit went: what the next one is compared with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Subject, few};
use crate::measure::Bytes;

/// A run of a unit that has ended: this stream saw it, or it is known from before. What comes is compared with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Whose run.
    #[serde(flatten, skip_deserializing)]
    #[schemars(!skip_deserializing)]
    pub subject: Subject,
    /// How it is known.
    pub state: RunState,
    /// How it went.
    pub run: RunOutline,
}

/// How a run is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It ended in this stream.
    Ended,
    /// It ended before this stream began.
    Known,
}

/// A run in outline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunOutline {
    /// What ended it.
    pub end: RunEnd,
    /// For how long it was seen, in seconds.
    pub seconds: f64,
    /// The most that it held.
    pub peak: Bytes,
    /// What it held on average at each age, at ages that become longer.
    #[serde(deserialize_with = "few::few")]
    pub held: Vec<HeldAt>,
}

/// What a run held at an age: what reclaim could not give back, and what was in swap.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HeldAt {
    /// Where the age begins, in seconds.
    pub age_seconds: f64,
    /// How much it held.
    pub bytes: Bytes,
}

/// What ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// It was killed for memory.
    Killed,
    /// Something else.
    Stopped,
}

/// An earlier run that grew as this one does, and how that went on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Earlier {
    /// What ended it.
    pub end: RunEnd,
    /// For how long it was seen, in seconds.
    pub seconds: f64,
    /// The most that it held.
    pub peak: Bytes,
}
