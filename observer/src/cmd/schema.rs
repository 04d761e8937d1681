//! `oomtrace schema`: the JSON Schema of the events, as docs/schema has it. It comes from the types themselves, and a test compares
//! it with them: what makes it need not be in the program.

use std::io::Read as _;

use crate::cli::Failure;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/schema.json.z"));

/// The schema as JSON.
///
/// # Errors
/// Where it is damaged, which it is not.
pub fn text() -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    flate2::read::DeflateDecoder::new(PACKED).read_to_end(&mut text)?;
    Ok(text)
}
