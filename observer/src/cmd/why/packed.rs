//! Logs as they are kept: plain, packed by logrotate and journald's users, or in UTF-16, as PowerShell writes what it is given;
//! known by their first bytes.

use std::io::{self, BufRead, BufReader, Cursor};

use crate::again::Again;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BZIP2: &[u8] = b"BZh";
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];

const UTF16_LITTLE: &[u8] = &[0xff, 0xfe];
const UTF16_BIG: &[u8] = &[0xfe, 0xff];

/// Units of UTF-16 that are read at once.
const UNITS: usize = 16 << 10;

/// What is read at once.
const BLOCK: usize = 256 << 10;

/// How much memory a packed file may ask for: what `xz -9` needs.
const XZ_MEMORY: u64 = 80 << 20;

/// What zstd may look back, as a power of two: its own default for what it unpacks.
const ZSTD_WINDOW: u32 = 27;

/// The text of a log.
///
/// # Errors
/// Where the first bytes cannot be read or a decoder cannot be set up.
pub(super) fn open(reader: impl io::Read + 'static) -> io::Result<Box<dyn BufRead>> {
    let mut reader = BufReader::with_capacity(BLOCK, Again(reader));
    let first = reader.fill_buf()?;
    if first.starts_with(GZIP) {
        Ok(Box::new(BufReader::with_capacity(
            BLOCK,
            flate2::bufread::MultiGzDecoder::new(reader),
        )))
    } else if first.starts_with(ZSTD) {
        let mut decoder = zstd::Decoder::with_buffer(reader)?;
        decoder.window_log_max(ZSTD_WINDOW)?;
        Ok(Box::new(BufReader::with_capacity(BLOCK, decoder)))
    } else if first.starts_with(XZ) {
        let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
        let decoder = liblzma::bufread::XzDecoder::new_stream(reader, stream);
        Ok(Box::new(BufReader::with_capacity(BLOCK, decoder)))
    } else if first.starts_with(BZIP2) {
        let message = "bzip2 is not read; unpack it first: bzcat FILE | oomtrace why";
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    } else if first.starts_with(UTF16_LITTLE) || first.starts_with(UTF16_BIG) {
        let is_big = first.starts_with(UTF16_BIG);
        Ok(Box::new(BufReader::with_capacity(BLOCK, Utf16::new(reader, is_big))))
    } else {
        Ok(Box::new(reader))
    }
}

/// UTF-16, read as UTF-8. What is no text becomes U+FFFD.
struct Utf16<R> {
    reader: R,
    is_big: bool,
    text: Cursor<Vec<u8>>,
}

impl<R: BufRead> Utf16<R> {
    fn new(reader: R, is_big: bool) -> Self {
        Self {
            reader,
            is_big,
            text: Cursor::default(),
        }
    }

    /// The next two bytes; `None` at the end, and for half a unit there.
    fn unit(&mut self) -> io::Result<Option<u16>> {
        let mut bytes = [0; 2];
        match self.reader.read_exact(&mut bytes) {
            Ok(()) if self.is_big => Ok(Some(u16::from_be_bytes(bytes))),
            Ok(()) => Ok(Some(u16::from_le_bytes(bytes))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl<R: BufRead> io::Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.text.fill_buf()?.is_empty() {
            let mut units = Vec::with_capacity(UNITS + 1);
            // The second half of a sign outside the first plane is to stand beside its first.
            let is_half = |units: &[u16]| units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit));
            while units.len() < UNITS || units.len() == UNITS && is_half(&units) {
                let Some(unit) = self.unit()? else { break };
                units.push(unit);
            }
            let signs = char::decode_utf16(units).map(|sign| sign.unwrap_or(char::REPLACEMENT_CHARACTER));
            self.text = Cursor::new(signs.collect::<String>().into_bytes());
        }
        self.text.read(buffer)
    }
}
