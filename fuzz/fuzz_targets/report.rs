//! Lines of a recording, unpacked, as a page: whoever wrote them, nothing in it acts.
#![no_main]

#[path = "../bound.rs"]
mod bound;

use jiff::tz::TimeZone;
use observer::report::Report;
use oomtrace_engine::event::Line;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bound::held(bytes, || {
        let mut report = Report::new(TimeZone::UTC);
        let lines = bytes.split(|byte| *byte == b'\n');
        lines
            .filter_map(|line| Line::from_json(line).ok())
            .for_each(|line| report.take(line));
        let page = report.page();
        assert!(!page.contains("<script") && !page.contains("<img"));
        assert_eq!(page.matches("</style>").count(), 1);
    });
});
