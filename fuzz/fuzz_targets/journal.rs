//! Entries of a journal, as `journalctl -o json` has them.
#![no_main]

#[path = "../bound.rs"]
mod bound;

use oomtrace_engine::journal::Reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bound::held(bytes, || {
        let mut reader = Reader::default();
        for line in bytes.split(|byte| *byte == b'\n') {
            let _ = reader.entry(line);
        }
    });
});
