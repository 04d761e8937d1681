//! The stream: numbers the lines and hands them to the sink.

use std::io;

use crate::event::{Event, Line, Stop, StopReason};
use crate::measure::Timestamp;
use crate::sink::Sink;

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
    sink: Box<dyn Sink>,
    host: String,
    seq: u64,
}

impl Stream {
    pub(super) fn new(sink: Box<dyn Sink>, host: String) -> Self {
        Self { sink, host, seq: 0 }
    }

    pub(super) fn write(&mut self, ts: Timestamp, event: Event) -> Result<(), StreamError> {
        let line = Line {
            event,
            ts,
            seq: self.seq,
            host: self.host.clone(),
        };
        self.seq += 1;
        self.sink.line(&line)?;
        Ok(())
    }

    /// Tells the time to sinks that wait for it, and ends a stream that nobody reads any more.
    pub(super) fn tick(&mut self, now: Timestamp) -> Result<(), StreamError> {
        if self.sink.is_gone() {
            return Err(StreamError::Closed);
        }
        Ok(self.sink.tick(now)?)
    }

    /// Nothing to reopen on standard output: what is buffered goes out.
    pub(super) fn reopen(&mut self) -> Result<(), StreamError> {
        Ok(self.sink.flush()?)
    }

    pub(super) fn stop(&mut self, ts: Timestamp, reason: StopReason) -> Result<(), StreamError> {
        let written = self.seq;
        self.write(ts, Event::Stop(Stop { reason, written }))?;
        Ok(self.sink.flush()?)
    }
}
