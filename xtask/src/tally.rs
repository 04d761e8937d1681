//! What passed and what failed, told as `cargo test` tells it.

use std::process::ExitCode;

use anyhow::Result;

/// Tells of each figure whether it holds; whether all do.
pub(crate) fn tell_figures(figures: &[(String, bool)]) -> bool {
    for (what, holds) in figures {
        println!("{}: {what}", if *holds { "holds" } else { "DOES NOT HOLD" });
    }
    figures.iter().all(|(_, holds)| *holds)
}

/// Both counts so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u32,
    failed: u32,
}

impl Tally {
    /// Tells how one ended.
    pub(crate) fn tell(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => {
                println!("test {name} ... ok");
                self.passed += 1;
            }
            Err(error) => {
                println!("test {name} ... FAILED\n{error:#}");
                self.failed += 1;
            }
        }
    }

    /// Tells how all ended.
    pub(crate) fn end(self) -> ExitCode {
        let Self { passed, failed } = self;
        println!("{passed} passed, {failed} failed");
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
