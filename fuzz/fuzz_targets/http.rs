//! A request to the metrics' port: answered in a few hundred bytes, or not at all.
#![no_main]

#[path = "../bound.rs"]
mod bound;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bound::held(bytes, || {
        let told = observer::sink::answer_to(bytes).unwrap_or_default();
        assert!(told.len() < 4096, "{} bytes", told.len());
        assert!(told.is_empty() || told.starts_with(b"HTTP/1."));
    });
});
