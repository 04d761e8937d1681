//! What tests of the command have in common.

use assert_cmd::Command;

/// The command, with nothing in its environment that a user may have set.
pub(crate) fn oomtrace() -> Command {
    let mut command = Command::cargo_bin("oomtrace").unwrap();
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}
