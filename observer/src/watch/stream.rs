//! The stream: numbers the lines and hands them to the sinks, each of which has a thread of its own.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::service;
use super::status::Status;
use crate::event::{Event, Line, Stop, StopReason};
use crate::measure::{CgroupId, Timestamp};
use crate::sink::{Outbox, Sink};

/// The output failed.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The reader has gone: `oomtrace | head -1`. No failure.
    #[error("the reader of the output has gone")]
    Closed,
    /// It cannot be written.
    #[error("cannot write the output: {0}")]
    Write(io::Error),
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::Write(error)
        }
    }
}

pub(super) struct Stream {
    sinks: Vec<Outbox>,
    host: String,
    seq: u64,
    status: Status,
}

impl Stream {
    pub(super) fn new(sinks: Vec<Box<dyn Sink>>, host: String) -> Result<Self, StreamError> {
        let sinks = sinks.into_iter().map(Outbox::new).collect::<io::Result<_>>()?;
        Ok(Self {
            sinks,
            host,
            seq: 0,
            status: Status::default(),
        })
    }

    pub(super) fn write(&mut self, ts: Timestamp, event: Event) -> Result<(), StreamError> {
        let line = Arc::new(Line {
            event,
            ts,
            seq: self.seq,
            host: self.host.clone(),
        });
        self.seq += 1;
        self.status.take(&line);
        for sink in &self.sinks {
            sink.line(&line)?;
        }
        Ok(())
    }

    /// A cgroup has gone: no line, for its unit's end is one where systemd has that.
    pub(super) fn gone(&self, cgroup: CgroupId) {
        for sink in &self.sinks {
            sink.gone(cgroup);
        }
    }

    /// Tells the time to sinks that wait for it, and the service manager what is watched: `cgroups` counts. A stream that nobody
    /// reads any more ends here.
    pub(super) fn tick(&mut self, now: Timestamp, cgroups: impl FnOnce() -> usize) -> Result<(), StreamError> {
        if let Some(text) = self.status.news(Instant::now(), cgroups) {
            service::status(text);
        }
        for sink in &self.sinks {
            sink.tick(now)?;
        }
        Ok(())
    }

    /// Nothing to reopen on standard output: what is buffered goes out.
    pub(super) fn reopen(&mut self) {
        for sink in &self.sinks {
            sink.flush();
        }
    }

    pub(super) fn stop(mut self, ts: Timestamp, reason: StopReason) -> Result<(), StreamError> {
        let written = self.seq;
        self.write(ts, Event::Stop(Stop { reason, written }))?;
        for sink in self.sinks {
            sink.finish()?;
        }
        Ok(())
    }
}
