//! The kernel's files, and names of cgroups as it has them: bytes become text, and text the same bytes.
#![no_main]

#[path = "../bound.rs"]
mod bound;

use oomtrace_engine::raw;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bound::held(bytes, || observer::cgroup::feed(bytes));
    let text = raw::text(bytes);
    assert_eq!(&*raw::bytes(&text), bytes, "{text:?}");
});
