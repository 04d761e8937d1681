//! The `oomtrace` command.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap_complete::CompleteEnv;
use observer::cli::{Command, Exit, Failure, Output};
use observer::cmd::print;
use observer::notice::notice;
use observer::shown::shown_json;
use observer::{cmd, complete, conf};

fn main() -> ExitCode {
    // A file that grows to its limit (`LimitFSIZE=`, ulimit -f) is then an error like a full disk, and not the end.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    // A shell that completes a word gets its answer, and that is all.
    CompleteEnv::with_factory(conf::command)
        .var(complete::VARIABLE)
        .complete();
    let words: Vec<OsString> = std::env::args_os().collect();
    let cli = match conf::parse(&words) {
        Ok(cli) => cli,
        Err(failure) => return fail(&failure),
    };
    let done = match cli.command {
        None => cmd::watch::run(cli.watch),
        Some(Command::Record(record)) => cmd::watch::record(record),
        Some(Command::Replay(replay)) => cmd::replay::run(&replay),
        Some(Command::Why(why)) => cmd::why::run(&why),
        Some(Command::Report(report)) => cmd::report::run(&report),
        Some(Command::Units(units)) => cmd::units::run(&units),
        Some(Command::Stacks(stacks)) => cmd::stacks::run(&stacks),
        Some(Command::Resolve { what }) => {
            cmd::resolve::run(&what).and_then(|subjects| subjects.iter().try_for_each(json))
        }
        Some(Command::Config(config)) => {
            cmd::config::settings(&config).and_then(|shown| match config.format.output() {
                Output::Text => cmd::pager::print(cmd::config::text(&shown).as_bytes(), config.paging),
                Output::Json => json(&shown),
            })
        }
        Some(Command::Doctor { format, paging }) => {
            let report = cmd::doctor::examine();
            let told = match format.output() {
                Output::Text => cmd::pager::print(cmd::doctor::text(&report).as_bytes(), paging),
                Output::Json => json(&report),
            };
            match told {
                Ok(()) => return ExitCode::from(report.exit() as u8),
                failed => failed,
            }
        }
        Some(Command::Schema) => cmd::schema::text().and_then(|text| print(&text)),
        Some(Command::Man { command }) => cmd::man::page(command.as_deref()).and_then(|page| print(&page)),
        Some(Command::Completions { shell }) => complete::script(shell).and_then(|script| print(&script)),
    };
    match done {
        Ok(()) => ExitCode::from(Exit::Done as u8),
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &Failure) -> ExitCode {
    notice(chain(&failure.error));
    ExitCode::from(failure.exit as u8)
}

/// An error and its causes, each said once: some errors name theirs themselves.
fn chain(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .fold(String::new(), |told, cause| {
            if told.is_empty() {
                cause
            } else if told.ends_with(&cause) {
                told
            } else {
                format!("{told}: {cause}")
            }
        })
}

fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = shown_json(&serde_json::to_string_pretty(value)?) + "\n";
    print(text.as_bytes())
}
