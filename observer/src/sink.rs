//! Sinks: what becomes of the events. In: [`Line`]s and nothing else, live or replayed. Out: bytes.

mod capture;
mod exec;
mod follow;
mod incidents;
mod journal;
mod json;
mod metrics;
mod outbox;
mod paper;
pub mod runs;
mod text;
mod tui;
mod units;

use std::io;

use crate::confine::Task;
use crate::event::Line;
use crate::measure::{CgroupId, Timestamp};

pub use capture::{Capture, CaptureError, CaptureOptions};
pub use exec::Exec;
pub use follow::Follow;
pub use journal::Journal;
pub use json::Json;
pub(crate) use metrics::report;
pub use metrics::{Metrics, answer_to, listen, replies_to};
pub use outbox::Outbox;
pub(crate) use paper::{Colour, Paper};
pub use runs::Runs;
pub use text::{Text, TextOptions};
pub(crate) use tui::KEYS;
pub use tui::{Look, Pace, Screen, Tui};
pub use units::{Order, Units};

/// Where lines go.
pub trait Sink: Send {
    /// Takes a line.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn line(&mut self, line: &Line) -> io::Result<()>;

    /// Whether samples are of use to it: most lines are.
    fn takes_samples(&self) -> bool {
        true
    }

    /// Whether it keeps what a cgroup is like now, which has to go with the cgroup.
    fn describes_cgroups(&self) -> bool {
        false
    }

    /// A cgroup has gone. Asked of those that [`Sink::describes_cgroups`].
    fn gone(&mut self, _cgroup: CgroupId) {}

    /// Whether it is what the others are beside: as long as there is a recording, a reader that goes away ends nothing.
    fn is_recording(&self) -> bool {
        false
    }

    /// Whether nobody will ever read again: asked now and then, for a stream may be silent for long.
    fn is_gone(&self) -> bool {
        false
    }

    /// What its thread may still do. `None` = whatever oomtrace may: it runs programs, which are to have what rights oomtrace was given.
    fn task(&self) -> Option<Task> {
        Some(Task::Read)
    }

    /// Takes the time, now and then: a stream may be silent for long.
    ///
    /// # Errors
    /// Where what waited for its time cannot be written.
    fn tick(&mut self, _now: Timestamp) -> io::Result<()> {
        Ok(())
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn flush(&mut self) -> io::Result<()>;
}
