//! The commands, one file each: from typed options to an exit status.

pub mod doctor;
pub mod resolve;
pub mod watch;
