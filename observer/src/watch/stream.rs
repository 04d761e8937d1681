//! The stream: numbers the lines and hands them to the sinks, each of which has a thread of its own.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::redirected::Redirected;
use super::service;
use super::status::Status;
use crate::event::{Event, Line, Stop, StopReason};
use crate::measure::{CgroupId, Timestamp};
use crate::notice::notice;
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
    redirected: Option<Redirected>,
    /// What an output failed of while the recording went on.
    failure: Option<StreamError>,
}

impl Stream {
    pub(super) fn new(sinks: Vec<Box<dyn Sink>>, host: String) -> Result<Self, StreamError> {
        let sinks = sinks.into_iter().map(Outbox::new).collect::<io::Result<_>>()?;
        Ok(Self {
            sinks,
            host,
            seq: 0,
            status: Status::default(),
            redirected: Redirected::find(),
            failure: None,
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
        self.each(|sink| sink.line(&line))
    }

    /// Does it with every sink. A recording does not end with an output beside it: what is meant to run for days is not to depend on
    /// who reads along.
    fn each(&mut self, mut done: impl FnMut(&Outbox) -> io::Result<()>) -> Result<(), StreamError> {
        for sink in &self.sinks {
            let Err(error) = done(sink).map_err(StreamError::from) else {
                continue;
            };
            if sink.is_recording() || !self.sinks.iter().any(Outbox::is_recording) {
                return Err(error);
            }
            notice(format_args!("{error}; the recording goes on"));
            if !matches!(error, StreamError::Closed) {
                self.failure.get_or_insert(error);
            }
        }
        Ok(())
    }

    /// A cgroup has gone: no line, for its unit's end is one where systemd has that.
    pub(super) fn gone(&self, cgroup: CgroupId) {
        for sink in &self.sinks {
            sink.gone(cgroup);
        }
    }

    /// Tells the time to sinks that wait for it, and the service manager what is watched: `cgroups` counts. That nobody reads any
    /// more is noticed here, though nothing is written.
    pub(super) fn tick(&mut self, now: Timestamp, cgroups: impl FnOnce() -> usize) -> Result<(), StreamError> {
        if let Some(text) = self.status.news(Instant::now(), cgroups) {
            service::status(text);
        }
        self.each(|sink| sink.tick(now))
    }

    /// What is buffered goes out, and standard output is opened anew where it is a file that has another name by now.
    pub(super) fn reopen(&mut self) {
        if let Some(redirected) = &self.redirected {
            redirected.reopen();
        }
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
        self.failure.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;
    use crate::event::Lost;

    /// Fails of everything.
    struct Fails(io::ErrorKind);

    impl Sink for Fails {
        fn line(&mut self, _line: &Line) -> io::Result<()> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Keeps which lines it was given.
    struct Records(Sender<u64>);

    impl Sink for Records {
        fn is_recording(&self) -> bool {
            true
        }

        fn line(&mut self, line: &Line) -> io::Result<()> {
            let _ = self.0.send(line.seq);
            Ok(())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Writes until an output's failure is noticed, or for long; how it ended.
    fn write(sinks: Vec<Box<dyn Sink>>, is_over: impl Fn(&Stream) -> bool) -> Result<(), StreamError> {
        let mut stream = Stream::new(sinks, "h".to_owned()).unwrap();
        let now = Timestamp(jiff::Timestamp::from_second(1_800_000_000).unwrap());
        while stream.seq < 10_000 && !is_over(&stream) {
            let lost = Lost {
                stream: crate::event::Stream::Kill,
                count: 1,
                killer: None,
            };
            stream.write(now, Event::Lost(lost))?;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        stream.stop(now, StopReason::Signal)
    }

    #[test]
    fn a_stream_ends_with_its_reader() {
        let ended = write(vec![Box::new(Fails(io::ErrorKind::BrokenPipe))], |_| false);
        assert!(matches!(ended, Err(StreamError::Closed)), "{ended:?}");
    }

    #[test]
    fn a_recording_goes_on_without_its_reader_and_says_at_its_end_what_could_not_be_written() {
        for (kind, is_failure) in [(io::ErrorKind::BrokenPipe, false), (io::ErrorKind::StorageFull, true)] {
            let (kept, lines) = channel();
            let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Fails(kind)), Box::new(Records(kept))];
            let ended = write(sinks, |stream| stream.seq > 100);
            assert_eq!(matches!(ended, Err(StreamError::Write(_))), is_failure, "{ended:?}");
            assert_eq!(lines.iter().collect::<Vec<_>>(), (0..=101).collect::<Vec<_>>());
        }
    }
}
