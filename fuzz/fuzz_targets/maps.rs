//! What a process says of its own code: `/tmp/perf-PID.map`, and the names of what it has mapped.
#![no_main]

#[path = "../bound.rs"]
mod bound;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bound::held(bytes, || observer::stacks::feed(bytes)));
