//! What a program does at least that reads a stream and writes it again: each line to a `serde_json::Value`, and back. For
//! `cargo xtask bench replay`.
#![allow(clippy::unwrap_used, reason = "a measurement: a failure is what it is to say")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _, stdout};

fn main() {
    let path = std::env::args_os().nth(1).unwrap();
    let mut input = BufReader::with_capacity(256 << 10, File::open(path).unwrap());
    let mut output = BufWriter::with_capacity(64 << 10, stdout().lock());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).unwrap() > 0 {
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        serde_json::to_writer(&mut output, &value).unwrap();
        output.write_all(b"\n").unwrap();
        line.clear();
    }
    output.flush().unwrap();
}
