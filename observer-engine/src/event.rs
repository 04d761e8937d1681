//! The public events: what `-o json` writes, captures hold and replay reads.
//!
//! In: nothing; these are plain values with `serde`. Out: one JSON object a line.
//! This module must never know where a value came from (kernel, files, a capture) or who shows it.
//! Names and meanings are a contract: `oomtrace schema` prints it from these types.
//! Unknown is `null`, never 0.

mod few;
mod kill;
mod ledger;
mod line;
mod object;
mod processes;
mod run;
mod sample;
mod stacks;
mod subject;
mod system;

pub use few::FRAMES;
pub use kill::{
    Before, BeforeSample, Ceiling, CeilingSource, Confidence, Holder, Kill, KillLimit, Killer, OomWithoutKill, Origin,
    Request, Shortage, ShortageKind, Task, Trigger, Victim,
};
pub use ledger::{GrowingPart, Ledger, UNACCOUNTED};
pub use line::{Event, Line};
pub use object::{Object, ObjectKind};
pub use processes::{Ancestor, Children, Grower, Process, Processes, Siblings, sum};
pub use run::{Earlier, HeldAt, Run, RunEnd, RunOutline, RunState};
pub use sample::{
    Bursty, Class, Forecast, ForecastChange, ForecastState, GrowingTask, Limit, LimitRef, Memory, MemoryEvents,
    Pressure, Relation, Sample, TaskSize, Throttle, ThrottleState, Trend, owner_name, setting,
};
pub use stacks::{PageKind, Runtime, Stack, Stacks};
pub use subject::{CgroupRef, Container, Subject, ancestry};
pub use system::{
    CgroupVersion, Crash, Lost, Probe, Start, Stop, StopReason, Stream, Unexplained, Unit, UnitLimit, UnitState, Via,
};

/// The name and version of the schema, as every `start` event carries it.
pub const SCHEMA: &str = "oomtrace/1";
