//! oomtrace: why memory killed a service, and seeing it come.
//!
//! The flow is one way: `kernel`, `cgroup` and `unit` make typed input, `engine` turns it into [`event`]s, `sink` shows
//! them. See `ARCHITECTURE.md`.
#![warn(missing_docs)]

pub mod event;
pub mod kernel;
pub mod measure;
