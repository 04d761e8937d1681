//! zstd frames out of a file that may be cut or damaged.
//!
//! In: bytes. Out: the text of one frame after the other. What a frame holds is used only once its checksum has said that
//! it is what was written: a flipped bit may well unpack into a line with another number in it. The one exception is the
//! end of a file that was cut, and is told.

use std::io::{self, BufRead, BufReader, Read};

/// How every zstd frame begins (RFC 8878, 3.1.1).
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Larger than any frame that is written, packed and unpacked: a few seconds of lines, or a few MiB of them.
const MAX_PACKED: usize = 32 << 20;
const MAX_UNPACKED: u64 = 256 << 20;

/// A frame that unpacks to more is not kept as a whole: it is unpacked twice, once for its checksum and once for its
/// lines. Ours have 4 MiB, and one line more.
const WHOLE: u64 = 6 << 20;

/// The window that a frame may need, as a power of two: 8 MiB, as `zstd -19` takes.
const WINDOW: u32 = 23;

/// What may be looked at in vain: so much, and so many times what was passed. A file of nothing but beginnings of frames
/// would otherwise cost its length squared.
const IN_VAIN: u64 = 512 << 20;
const IN_VAIN_TIMES: u64 = 8;

/// How much is read at once; in tests so little that every place in a frame is where a piece ends.
const STEP: usize = if cfg!(test) { 61 } else { 64 << 10 };

/// The text of a frame, and what is wrong with it.
pub(crate) struct Frame {
    /// Where it begins in the file.
    pub(crate) at: u64,
    pub(crate) text: Text,
    pub(crate) fault: Option<String>,
}

/// What a frame unpacks to.
pub(crate) enum Text {
    Whole(io::Cursor<Vec<u8>>),
    Long(Box<BufReader<Decoder>>),
}

type Decoder = zstd::Decoder<'static, io::Cursor<Vec<u8>>>;

impl Default for Text {
    fn default() -> Self {
        Self::Whole(io::Cursor::default())
    }
}

impl Text {
    /// Whether more of it can be had without work.
    pub(super) fn is_at_hand(&self) -> bool {
        match self {
            Self::Whole(text) => text.position() < text.get_ref().len() as u64,
            Self::Long(text) => text.buffer().contains(&b'\n'),
        }
    }

    pub(super) fn reader(&mut self) -> &mut dyn BufRead {
        match self {
            Self::Whole(text) => text,
            Self::Long(text) => text,
        }
    }
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
    /// Bytes that were looked at or unpacked in vain.
    in_vain: u64,
}

impl Frames {
    pub(crate) fn new(source: Box<dyn Read + Send>) -> Self {
        Self {
            source,
            bytes: Vec::new(),
            passed: 0,
            at: 0,
            ended: false,
            in_vain: 0,
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
            if self.in_vain > IN_VAIN + self.at.saturating_mul(IN_VAIN_TIMES) {
                return Ok(Some(self.give_up()));
            }
            if let Ok(size) = zstd::zstd_safe::find_frame_compressed_size(self.rest()) {
                return Ok(Some(self.whole(size)));
            }
            // Not read to its end yet, or cut, or damaged.
            let rest = self.rest();
            let is_frame = rest.starts_with(&MAGIC) || MAGIC.starts_with(rest);
            let may_go_on = is_frame && rest.len() < MAX_PACKED && self.next_magic().is_none();
            if !may_go_on || !self.more()? {
                self.in_vain += self.rest().len() as u64;
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
        let unpacked = unpack(self.rest().get(..size).unwrap_or_default());
        match unpacked.fault {
            None => {
                self.pass(size);
                let text = unpacked.text;
                Frame { at, text, fault: None }
            }
            // Its size is no more to be believed than the rest of it.
            Some(error) => {
                self.in_vain += size as u64 + unpacked.length;
                self.pass_to_next();
                Frame {
                    at,
                    text: Text::default(),
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
            (
                cut(unpack(self.rest()).text),
                "cut; what is left of it is used, and could not be checked",
            )
        } else if is_last && self.rest().len() >= MAX_PACKED {
            let hint =
                "no frame that oomtrace wrote, or damaged; if zstd can read it: zstd -dc FILE | oomtrace replay -";
            (Text::default(), hint)
        } else {
            (Text::default(), "damaged; its lines are not used")
        };
        self.pass_to_next();
        Frame {
            at,
            text,
            fault: Some(fault.to_owned()),
        }
    }

    /// The end of a file that is mostly no frames.
    fn give_up(&mut self) -> Frame {
        let at = self.at;
        self.ended = true;
        self.pass(self.rest().len());
        Frame {
            at,
            text: Text::default(),
            fault: Some("too much of it is damaged; the rest of the file is not read".to_owned()),
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

/// One frame, unpacked.
#[derive(Default)]
struct Unpacked {
    /// As far as it goes.
    text: Text,
    length: u64,
    /// Why it goes no further.
    fault: Option<String>,
}

fn unpack(frame: &[u8]) -> Unpacked {
    let mut unpacked = Unpacked::default();
    if let Err(error) = unpack_into(frame, &mut unpacked) {
        unpacked.fault = Some(error.to_string());
    }
    unpacked
}

fn unpack_into(frame: &[u8], unpacked: &mut Unpacked) -> io::Result<()> {
    let mut decoder = zstd::Decoder::with_buffer(frame)?.single_frame();
    decoder.window_log_max(WINDOW)?;
    let mut text = Vec::new();
    let read = decoder.by_ref().take(WHOLE).read_to_end(&mut text);
    unpacked.length = text.len() as u64;
    let is_whole = unpacked.length < WHOLE;
    unpacked.text = Text::Whole(io::Cursor::new(text));
    read?;
    if is_whole {
        return Ok(());
    }
    // Each line is handed out only when it is known that all of them are as they were written.
    unpacked.text = Text::default();
    let mut piece = vec![0; STEP];
    let checked = loop {
        match decoder.read(&mut piece) {
            Ok(0) => break Ok(()),
            Ok(length) => unpacked.length += length as u64,
            Err(error) => break Err(error),
        }
        if unpacked.length > MAX_UNPACKED {
            return Err(io::Error::other("larger than any that oomtrace writes"));
        }
    };
    drop(decoder);
    let mut again = Decoder::with_buffer(io::Cursor::new(frame.to_vec()))?.single_frame();
    again.window_log_max(WINDOW)?;
    unpacked.text = Text::Long(Box::new(BufReader::with_capacity(64 << 10, again)));
    checked
}

/// Of a text that was cut the whole lines; a long one is read up to where it ends.
fn cut(text: Text) -> Text {
    match text {
        Text::Whole(text) => {
            let mut text = text.into_inner();
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            text.truncate(whole);
            Text::Whole(io::Cursor::new(text))
        }
        long @ Text::Long(_) => long,
    }
}
