//! A file that is called a capture: frames, plain lines, or neither. It is read to its end, which comes.
#![no_main]

#[path = "../bound.rs"]
mod bound;

use std::fs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join("a.jsonl.zst");
    if fs::write(&path, bytes).is_err() {
        return;
    }
    bound::held(bytes, || {
        let told = observer::capture::open(&path).into_iter().flatten().flatten().count();
        // A line or a complaint takes a byte at the least, packed a few; each may be told of once more as a gap.
        assert!(told <= 2 * bytes.len() + 2 || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
    });
});
