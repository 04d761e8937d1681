//! Bytes that a ring never held are refused, not believed and not the end of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = observer::kernel::record::decode(bytes);
});
