//! oomtrace: why memory killed a service, and seeing it come.
//!
//! The flow is one way: `kernel`, `cgroup` and `unit` make typed input, [`oomtrace_engine`] turns it into [`event`]s,
//! `sink` shows them. See `ARCHITECTURE.md`.
#![warn(missing_docs)]
// It ends the process where standard error has no reader: `notice` does not.
#![deny(clippy::print_stderr)]

mod again;
pub mod capture;
pub mod cgroup;
pub mod cli;
pub mod cmd;
pub mod complete;
pub mod conf;
pub mod confine;
mod connections;
mod errands;
mod heap;
pub mod kernel;
pub mod notice;
mod page;
mod private;
mod programs;
pub mod report;
mod rights;
pub mod sink;
pub mod stacks;
pub mod unit;
mod varlink;
pub mod watch;
mod words;

pub(crate) use oomtrace_engine as engine;
pub use oomtrace_engine::{event, human, journal, measure, pasted, shown};
