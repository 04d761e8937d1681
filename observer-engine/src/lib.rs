//! What oomtrace knows of memory, without the machine: the [`event`]s, the [`Engine`] that makes trends and forecasts of
//! samples, the verdicts on kills, what cgroup paths, the kernel's log and journal entries mean, and the words of all that.
//!
//! In: typed values that carry their own time, and text. Out: the same values, filled in, and events. Nothing here reads a
//! clock, a file or the kernel, and `Cargo.toml` has no crate that would: what is replayed gives what was live.
#![warn(missing_docs)]

pub mod ceiling;
mod engine;
pub mod event;
pub mod human;
pub mod journal;
pub mod log;
pub mod measure;
pub mod pasted;
pub mod raw;
pub mod shortage;
pub mod shown;
pub mod unit;
pub mod verdict;
pub mod words;

pub use engine::{Attention, Config, Engine};
pub use verdict::{Constraint, KillFacts, OomFacts, OwnerFacts, UserFacts, holds};
