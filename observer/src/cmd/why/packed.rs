//! Logs as they are kept: plain, packed by logrotate and journald's users, or in UTF-16, as PowerShell writes what it is given;
//! known by their first bytes.

use std::io::{self, BufRead, BufReader};

use crate::again::Again;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
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
    text: Vec<u8>,
    /// How much of it was taken.
    taken: usize,
}

impl<R: BufRead> Utf16<R> {
    fn new(reader: R, is_big: bool) -> Self {
        Self {
            reader,
            is_big,
            text: Vec::new(),
            taken: 0,
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
        if self.taken == self.text.len() {
            (self.taken, self.text) = (0, std::mem::take(&mut self.text));
            self.text.clear();
            let mut units = Vec::with_capacity(UNITS);
            while let Some(unit) = self.unit()? {
                units.push(unit);
                // The second half of a sign outside the first plane is to stand beside its first; two firsts are no text.
                let is_first = |unit: &u16| (0xd800..0xdc00).contains(unit);
                let (last, before) = (
                    units.last(),
                    units.len().checked_sub(2).and_then(|place| units.get(place)),
                );
                if units.len() >= UNITS && (!last.is_some_and(is_first) || before.is_some_and(is_first)) {
                    break;
                }
            }
            for sign in char::decode_utf16(units) {
                let sign = sign.unwrap_or(char::REPLACEMENT_CHARACTER);
                self.text.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        let left = self.text.get(self.taken..).unwrap_or_default();
        let length = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), left.get(..length)) {
            to.copy_from_slice(from);
        }
        self.taken += length;
        Ok(length)
    }
}
