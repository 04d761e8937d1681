//! Text that people paste, as `oomtrace why --log` reads it.
#![no_main]

#[path = "../bound.rs"]
mod bound;

use oomtrace_engine::pasted::{Pasted, read};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bound::held(bytes, || {
        let mut pasted = Pasted::default();
        let _ = read(bytes, &mut pasted, &mut |told| {
            told.to_json(0)?;
            Ok(())
        });
    });
});
