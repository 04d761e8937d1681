//! Bytes that a ring never held are refused, not believed and not the end of it.
#![no_main]

#[path = "../bound.rs"]
mod bound;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bound::held(bytes, || {
        let _ = observer::kernel::record::decode(bytes, observer::measure::PageSize::SMALL);
    });
});
