//! The file of earlier runs, which a user may have put there.
#![no_main]

#[path = "../bound.rs"]
mod bound;

use std::fs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join("runs");
    if fs::write(&path, bytes).is_err() {
        return;
    }
    bound::held(bytes, || {
        let lines = observer::sink::runs::read(&path).unwrap_or_default();
        assert!(lines.len() <= bytes.len());
    });
});
