//! A call of systemd-oomd's: replied to in a message that ends with its NUL, or not at all.
#![no_main]

#[path = "../bound.rs"]
mod bound;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bound::held(bytes, || {
        let Some(told) = observer::unit::prekill::answer_to(bytes) else {
            return;
        };
        assert_eq!(told.iter().position(|byte| *byte == 0), Some(told.len() - 1));
        // What is named in it is what was asked for.
        assert!(told.len() < 4096 + 6 * bytes.len(), "{} bytes", told.len());
    });
});
