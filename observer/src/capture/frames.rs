//! zstd frames out of a file that may be cut or damaged.
//!
//! In: bytes. Out: the text of one frame after the other. What a frame holds is used only once its checksum has said that
//! it is what was written: a flipped bit may well unpack into a line with another number in it. The one exception is the
//! end of a file that was cut, and is told.

use std::io::{self, Read};

/// How every zstd frame begins (RFC 8878, 3.1.1).
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Larger than any frame that is written, packed and unpacked: a few seconds of lines, or a few MiB of them.
const MAX_PACKED: usize = 32 << 20;
const MAX_UNPACKED: u64 = 256 << 20;

/// How much is read at once; in tests so little that every place in a frame is where a piece ends.
const STEP: usize = if cfg!(test) { 61 } else { 64 << 10 };

/// The text of a frame, and what is wrong with it.
pub(crate) struct Frame {
    /// Where it begins in the file.
    pub(crate) at: u64,
    pub(crate) text: Vec<u8>,
    pub(crate) fault: Option<String>,
}

/// The frames of one file.
pub(crate) struct Frames {
    source: Box<dyn Read + Send>,
    /// What was read, and how much of it has been passed.
    bytes: Vec<u8>,
    passed: usize,
    /// Where the rest begins in the file.
    at: u64,
    ended: bool,
}

impl Frames {
    pub(crate) fn new(source: Box<dyn Read + Send>) -> Self {
        Self {
            source,
            bytes: Vec::new(),
            passed: 0,
            at: 0,
            ended: false,
        }
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// Where the file cannot be read; what it would have had is lost.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if self.rest().is_empty() && !self.more()? {
                return Ok(None);
            }
            if let Ok(size) = zstd::zstd_safe::find_frame_compressed_size(self.rest()) {
                return Ok(Some(self.whole(size)));
            }
            // Not read to its end yet, or cut, or damaged.
            let rest = self.rest();
            let is_frame = rest.starts_with(&MAGIC) || MAGIC.starts_with(rest);
            let may_go_on = is_frame && rest.len() < MAX_PACKED && self.next_magic().is_none();
            if !may_go_on || !self.more()? {
                return Ok(Some(self.broken()));
            }
        }
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.passed..).unwrap_or_default()
    }

    /// Reads on, as much again as there is; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.bytes.drain(..self.passed);
        self.passed = 0;
        let wanted = self.bytes.len().max(STEP) as u64;
        let read = (&mut self.source).take(wanted).read_to_end(&mut self.bytes);
        self.ended = !matches!(read, Ok(read) if read as u64 == wanted);
        read.map(|read| read > 0)
    }

    /// A frame that says where it ends.
    fn whole(&mut self, size: usize) -> Frame {
        let at = self.at;
        match unpack(self.rest().get(..size).unwrap_or_default()) {
            (text, None) => {
                self.pass(size);
                Frame { at, text, fault: None }
            }
            // Its size is no more to be believed than the rest of it.
            (_, Some(error)) => {
                self.pass_to_next();
                Frame {
                    at,
                    text: Vec::new(),
                    fault: Some(format!("damaged: {error}; its lines are not used")),
                }
            }
        }
    }

    /// What stands where a frame should: the rest of a cut file, or anything else.
    fn broken(&mut self) -> Frame {
        let at = self.at;
        let is_last = self.next_magic().is_none();
        let (text, fault) = if is_last && self.ended && self.rest().starts_with(&MAGIC) {
            let (mut text, _) = unpack(self.rest());
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            text.truncate(whole);
            (text, "cut; what is left of it is used, and could not be checked")
        } else if is_last && self.rest().len() >= MAX_PACKED {
            let hint =
                "no frame that oomtrace wrote, or damaged; if zstd can read it: zstd -dc FILE | oomtrace replay -";
            (Vec::new(), hint)
        } else {
            (Vec::new(), "damaged; its lines are not used")
        };
        self.pass_to_next();
        Frame {
            at,
            text,
            fault: Some(fault.to_owned()),
        }
    }

    /// Where the next frame begins, as far as was read.
    fn next_magic(&self) -> Option<usize> {
        let mut places = self.rest().windows(MAGIC.len()).skip(1);
        places.position(|window| window == MAGIC).map(|place| place + 1)
    }

    fn pass(&mut self, size: usize) {
        self.at += size as u64;
        self.passed = (self.passed + size).min(self.bytes.len());
    }

    /// Over everything up to where the next frame begins.
    fn pass_to_next(&mut self) {
        loop {
            if let Some(place) = self.next_magic() {
                return self.pass(place);
            }
            // The magic number may lie across what is read next.
            let length = self.rest().len();
            self.pass(length.saturating_sub(MAGIC.len() - 1).max(1).min(length));
            if !matches!(self.more(), Ok(true)) {
                return self.pass(self.rest().len());
            }
            if self.rest().starts_with(&MAGIC) {
                return;
            }
        }
    }
}

/// The text of one frame, as far as it goes, and why no further.
fn unpack(frame: &[u8]) -> (Vec<u8>, Option<String>) {
    let mut text = Vec::new();
    let error = match zstd::Decoder::with_buffer(frame) {
        Ok(decoder) => {
            let read = decoder.single_frame().take(MAX_UNPACKED).read_to_end(&mut text);
            match read {
                Ok(_) if text.len() as u64 >= MAX_UNPACKED => Some("larger than any that oomtrace writes".to_owned()),
                read => read.err().map(|error| error.to_string()),
            }
        }
        Err(error) => Some(error.to_string()),
    };
    (text, error)
}
