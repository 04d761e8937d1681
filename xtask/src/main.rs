//! Every step a person or CI takes, as code: `cargo xtask --help`.
fn main() {}
