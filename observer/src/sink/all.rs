//! Several sinks for one stream.

use std::io;

use super::Sink;
use crate::event::Line;
use crate::measure::Timestamp;

/// Every line goes to all of them, in their order. The first is the one whose reader may go.
pub struct All(pub Vec<Box<dyn Sink>>);

impl Sink for All {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        self.0.iter_mut().try_for_each(|sink| sink.line(line))
    }

    fn is_gone(&self) -> bool {
        self.0.iter().any(|sink| sink.is_gone())
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        self.0.iter_mut().try_for_each(|sink| sink.tick(now))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.iter_mut().try_for_each(|sink| sink.flush())
    }
}
