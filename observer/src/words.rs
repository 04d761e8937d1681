//! The words of an event are the engine's (`words`); here is what makes lines of them that a terminal has room for.

mod fold;

pub(crate) use fold::{fold, middle};
pub(crate) use oomtrace_engine::words::*;
