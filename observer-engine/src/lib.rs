//! What oomtrace knows of memory, without the machine: the [`event`]s, and the [`Engine`] that makes trends, forecasts
//! and verdicts.
//!
//! In: typed values that carry their own time. Out: the same values, filled in, and events. Nothing here reads a clock, a
//! file or the kernel, and `Cargo.toml` has no crate that would: what is replayed gives what was live.
#![warn(missing_docs)]

mod engine;
pub mod event;
pub mod human;
pub mod measure;

pub use engine::{Config, Constraint, Engine, KillFacts, OomFacts, OwnerFacts, UserFacts, gfp, holds};
