//! NDJSON: one object a line, one write a line, so that a kill is out at once and no line is ever half.

use std::io::{self, Write};

use super::Sink;
use crate::event::Line;

/// Writes every line as JSON.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    buffer: Vec<u8>,
}

impl<W: Write> Json<W> {
    /// To this writer, which should not buffer.
    pub fn new(out: W) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(4096),
        }
    }
}

impl<W: Write + Send> Sink for Json<W> {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, line)?;
        self.buffer.push(b'\n');
        self.out.write_all(&self.buffer)?;
        self.out.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
