//! Reading that a signal does not end.

use std::io::{self, Read};

/// Makes a call again that was interrupted (read(2): `EINTR`): `read_to_end` and the like do, `BufRead::fill_buf` does not.
#[derive(Debug)]
pub(crate) struct Again<R>(pub(crate) R);

impl<R: Read> Read for Again<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};

    use super::*;

    /// Is interrupted before every byte.
    struct Interrupted(bool);

    impl Read for Interrupted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 = !self.0;
            if self.0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            buffer.fill(b'x');
            Ok(buffer.len().min(1))
        }
    }

    #[test]
    fn what_is_interrupted_is_read_on() {
        let mut reader = BufReader::new(Again(Interrupted(false)));
        for _ in 0..3 {
            assert_eq!(reader.fill_buf().unwrap(), b"x");
            reader.consume(1);
        }
    }
}
