//! The commands, one file each: from typed options to an exit status.

pub mod config;
pub mod doctor;
pub mod man;
mod output;
pub mod pager;
pub mod replay;
pub mod report;
pub mod resolve;
pub mod schema;
pub mod stacks;
pub mod units;
pub mod watch;
pub mod why;

pub use output::print;
