//! Logs as they are kept: plain, or packed by logrotate and journald's users, known by their first bytes.

use std::io::{self, BufRead, BufReader};

use crate::again::Again;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];

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
    } else {
        Ok(Box::new(reader))
    }
}
