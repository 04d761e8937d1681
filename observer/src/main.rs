//! The `oomtrace` command.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use observer::cli::{Cli, Command, Exit};
use observer::{cmd, event};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => return ExitCode::from(cmd::watch::run(cli.watch) as u8),
        Some(Command::Resolve { what }) => cmd::resolve::run(&what).and_then(|subject| json(&subject)),
        Some(Command::Schema) => json(&schemars::schema_for!(event::Line)),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "oomtrace", &mut io::stdout());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::from(Exit::Done as u8),
        Err(error) => {
            eprintln!("oomtrace: {error:#}");
            ExitCode::from(Exit::Failed as u8)
        }
    }
}

fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
