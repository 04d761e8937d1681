//! NDJSON: one object a line, one write a line, so that a kill is out at once and no line is ever half. What is replayed
//! has happened long ago: it goes out in large pieces.

use std::io::{self, Write};

use super::Sink;
use crate::event::Line;

/// Writes every line as JSON.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    buffer: Vec<u8>,
    /// So many bytes may wait.
    room: usize,
}

/// What of a replay waits to be written at most, in bytes: as much as a pipe takes (pipe(7)).
const PIECE: usize = 64 << 10;

impl<W: Write> Json<W> {
    /// To this writer, which should not buffer.
    pub fn new(out: W) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(4096),
            room: 0,
        }
    }

    /// To this writer, many lines at once; a flush brings out what waits.
    pub fn in_pieces(out: W) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(PIECE + 4096),
            room: PIECE,
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let written = self.out.write_all(&self.buffer);
        self.buffer.clear();
        written?;
        self.out.flush()
    }
}

impl<W: Write + Send> Sink for Json<W> {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        let whole = self.buffer.len();
        if let Err(error) = serde_json::to_writer(&mut self.buffer, line) {
            self.buffer.truncate(whole);
            return Err(error.into());
        }
        self.buffer.push(b'\n');
        if self.buffer.len() < self.room {
            return Ok(());
        }
        self.write()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every write by itself.
    #[derive(Default)]
    struct Writes(Vec<String>);

    impl Write for &mut Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn told(count: usize, make: impl FnOnce(&mut Writes) -> Json<&mut Writes>) -> Vec<String> {
        let mut writes = Writes::default();
        let line = r#"{"event":"lost","stream":"kill","count":1,"ts":"2026-11-24T09:00:00Z","seq":1,"host":"h"}"#;
        let line: Line = serde_json::from_str(line).unwrap();
        let mut json = make(&mut writes);
        for _ in 0..count {
            json.line(&line).unwrap();
        }
        json.flush().unwrap();
        writes.0.retain(|write| !write.is_empty());
        writes.0
    }

    #[test]
    fn a_live_line_is_one_write_and_a_replay_takes_few() {
        let live = told(2000, |out| Json::new(out));
        assert!(live.len() == 2000 && live.iter().all(|write| write.ends_with("}\n")));
        let replayed = told(2000, |out| Json::in_pieces(out));
        assert!((2..10).contains(&replayed.len()), "{}", replayed.len());
        assert_eq!(replayed.concat(), live.concat());
    }
}
