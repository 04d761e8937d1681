//! A call of systemd-oomd's, or for the metrics: replied to in messages that end with their NUL, or not at all.
#![no_main]

#[path = "../bound.rs"]
mod bound;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bound::held(bytes, || {
        let Some(told) = observer::unit::prekill::answer_to(bytes) else {
            assert_eq!(observer::sink::replies_to(bytes), None);
            return;
        };
        assert_eq!(told.iter().position(|byte| *byte == 0), Some(told.len() - 1));
        // What is named in it is what was asked for.
        assert!(told.len() < 4096 + 6 * bytes.len(), "{} bytes", told.len());
        let told = observer::sink::replies_to(bytes).unwrap_or_default();
        assert!(told.len() < 8192 + 6 * bytes.len(), "{} bytes", told.len());
        let replies: Vec<&[u8]> = told.split_inclusive(|byte| *byte == 0).collect();
        let (last, before) = replies.split_last().expect("a call has a reply");
        assert!(last.ends_with(b"}\0") && !last.ends_with(b"\"continues\":true}\0"));
        assert!(before.iter().all(|reply| reply.ends_with(b",\"continues\":true}\0")));
    });
});
