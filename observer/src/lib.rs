//! oomtrace: why memory killed a service, and seeing it come.
//!
//! The flow is one way: `kernel`, `cgroup` and `unit` make typed input, `engine` turns it into [`event`]s, `sink` shows
//! them. See `ARCHITECTURE.md`.
#![warn(missing_docs)]

pub mod capture;
pub mod cgroup;
pub mod cli;
pub mod cmd;
pub mod engine;
pub mod event;
pub mod human;
pub mod journal;
pub mod kernel;
mod logged;
pub mod measure;
pub mod report;
pub mod sink;
pub mod unit;
pub mod watch;
