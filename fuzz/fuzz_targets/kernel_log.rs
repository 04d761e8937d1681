//! Lines of `/dev/kmsg`, whoever wrote them.
#![no_main]

#[path = "../bound.rs"]
mod bound;

use oomtrace_engine::log::{LogLine, LogParser};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bound::held(bytes, || {
        let mut parser = LogParser::default();
        for line in bytes.split(|byte| *byte == b'\n').filter_map(LogLine::parse) {
            parser.line(line);
        }
        parser.gap();
    });
});
