//! The configuration file, oomtrace.conf(5). In: files of `name=value` lines. Out: the command line's own definition with these
//! values as its defaults, so that names, values and their checks are the same and what is typed wins.
//!
//! A value in a file is no option that was given: it conflicts with none that is.

mod check;
mod files;
mod reload;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _};
use rustix::process::geteuid;

use crate::cli::{Cli, Command, Exit, Failure};
use crate::notice::notice;

pub(crate) use check::options;
pub use reload::Loaded;

/// The command whose options a file may set, and the section's name.
pub const SECTION: &str = "record";

/// The administrator's file.
pub const FILE: &str = "/etc/oomtrace/oomtrace.conf";

/// More of the administrator's files, read after it in the order of their names.
pub const DROP_INS: &str = "/etc/oomtrace/oomtrace.conf.d";

/// The package's own, read first: how the service differs from the built-in defaults.
pub const PACKAGES: &str = "/usr/lib/oomtrace/oomtrace.conf";

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// An assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// An option's name without the hyphens before it.
    pub name: String,
    /// As it stands there; an empty one takes back what was assigned before.
    pub value: String,
    /// Where.
    pub place: Place,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfError {
    /// The file that was asked for is not there.
    #[error("{file}: no such configuration file; name another with --config, or omit the option")]
    NotThere {
        /// The file.
        file: PathBuf,
    },
    /// It cannot be read.
    #[error("{file}: cannot read the configuration: {cause}; correct that, or ignore it with --no-config")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A line of it is wrong.
    #[error("{place}: {fault}")]
    Wrong {
        /// Where.
        place: Place,
        /// What, and how to mend it.
        fault: String,
    },
}

impl ConfError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotThere { .. } => Exit::NotFound,
            Self::Unreadable { cause, .. } if cause.kind() == std::io::ErrorKind::PermissionDenied => {
                Exit::NotPermitted
            }
            Self::Unreadable { .. } => Exit::Failed,
            Self::Wrong { .. } => Exit::Usage,
        }
    }

    pub(crate) fn failure(self) -> Failure {
        Failure::new(self.exit(), self)
    }
}

/// The command line's definition, as it is parsed: an option of the recorder that is given twice counts as it is given last, as where
/// `OOMTRACE_OPTIONS` follows the unit's own, and a switch that a file turns on can be turned off (`--journal=no`).
#[must_use]
pub fn command() -> clap::Command {
    Cli::command().mut_subcommand(SECTION, |record| {
        record.mut_args(|arg| {
            let id = arg.get_id().clone();
            match arg.get_action() {
                ArgAction::SetTrue if !check::is_of_the_command_line(&arg) => arg
                    .action(ArgAction::Set)
                    .overrides_with(id)
                    .num_args(0..=1)
                    .require_equals(true)
                    .value_name("yes|no")
                    .default_value("no")
                    .hide_default_value(true)
                    .default_missing_value("yes")
                    .value_parser(boolean),
                ArgAction::Set => arg.overrides_with(id),
                _ => arg,
            }
        })
    })
}

/// A boolean as systemd writes it (systemd.syntax(7)).
fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Ok(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Ok(false),
        _ => Err("yes or no".to_owned()),
    }
}

/// What is typed, on top of what the files say. Wrong usage and `--help` end the program, as with clap alone.
///
/// # Errors
/// Where a file that counts cannot be used.
pub fn parse(words: &[OsString]) -> Result<Cli, Failure> {
    let matches = command()
        .try_get_matches_from(words)
        .unwrap_or_else(|error| exit(&error));
    let record = matches.subcommand_matches(SECTION);
    let (matches, loaded) = match record {
        Some(record) => {
            let loaded = Loaded::read(record).map_err(ConfError::failure)?;
            (over(words, &loaded), loaded)
        }
        None => (matches, Loaded::default()),
    };
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    cli.watch.learn.keeps_runs = is_given(&matches, "runs");
    if let Some(Command::Record(record)) = &mut cli.command {
        record.loaded = loaded;
    }
    Ok(cli)
}

/// Whether it stands on the command line.
fn is_given(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Prints help, or what is wrong, and ends. Help that could not be written is a failure, which clap leaves unsaid.
fn exit(error: &clap::Error) -> ! {
    if !error.use_stderr()
        && let Err(failed) = error.print().and_then(|()| io::stdout().flush())
        && failed.kind() != io::ErrorKind::BrokenPipe
    {
        notice(format_args!("cannot write to standard output: {failed}"));
        std::process::exit(Exit::Failed as i32);
    }
    if error.use_stderr() {
        error.exit();
    }
    std::process::exit(error.exit_code());
}

/// The recorder's command line, parsed with the files' values as its defaults.
pub(crate) fn over(words: &[OsString], loaded: &Loaded) -> ArgMatches {
    let mut whole = command();
    for (id, values) in &loaded.values {
        // clap keeps defaults for as long as the program runs; a file has only so many, and is applied once.
        let values: Vec<&'static str> = values.iter().map(|value| &*value.clone().leak()).collect();
        whole = whole.mut_subcommand(SECTION, |record| {
            record.mut_arg(id.clone(), |arg| arg.default_values(values))
        });
    }
    whole.get_matches_from(words)
}

/// The folder that a recorder records into, for whoever reads it: the user's own, where there is one, else the system's. A
/// configuration that cannot be used is reported, and the built-in default taken: a kill is to be explained nevertheless.
#[must_use]
pub fn recordings(default: &Path) -> PathBuf {
    let own = own_recordings(geteuid().is_root(), std::env::var_os("HOME").map(PathBuf::from));
    if let Some(own) = own.filter(|own| own.is_dir()) {
        return own;
    }
    let entries = files::read(None).unwrap_or_else(|error| {
        notice(format!("{error}; recordings are looked for in {}", default.display()));
        Vec::new()
    });
    let last = entries.into_iter().rfind(|entry| entry.name == "dir");
    last.filter(|entry| !entry.value.is_empty())
        .map_or_else(|| default.to_owned(), |entry| entry.value.into())
}

/// Where `oomtrace.service` of a user's own manager records (packaging/oomtrace-user.service). Root's is the system's.
fn own_recordings(is_root: bool, home: Option<PathBuf>) -> Option<PathBuf> {
    let home = home.filter(|home| !is_root && home.is_absolute())?;
    Some(home.join(".local/state/oomtrace"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_recordings_of_their_own_and_root_those_of_the_system() {
        let of = |is_root, home: Option<&'static str>| own_recordings(is_root, home.map(PathBuf::from));
        assert_eq!(of(false, Some("/home/a")), Some("/home/a/.local/state/oomtrace".into()));
        assert_eq!(of(true, Some("/root")), None);
        assert_eq!((of(false, None), of(false, Some("a"))), (None, None));
    }

    fn words(words: &[&str]) -> Vec<OsString> {
        ["oomtrace", "record"].iter().chain(words).map(OsString::from).collect()
    }

    fn record(text: &str, typed: &[&str]) -> crate::cli::Record {
        let entries = files::parse(Path::new("test.conf"), text).unwrap();
        let loaded = Loaded::of(entries);
        let matches = over(&words(typed), &loaded);
        match Cli::from_arg_matches(&matches).unwrap().command {
            Some(Command::Record(record)) => record,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn what_is_typed_wins_over_the_file_and_the_file_over_the_default() {
        let text = "[record]\nmax-size=2G\njournal=yes\nunit=a\nunit = b\nno-runs = on\n";
        let from_file = record(text, &[]);
        assert_eq!((from_file.max_size, from_file.learn.journal), (2 << 30, true));
        assert_eq!(from_file.which.unit, ["a", "b"]);
        assert!(from_file.learn.no_runs);
        let typed = record(text, &["--max-size", "3G", "--journal=no", "-u", "c"]);
        assert_eq!((typed.max_size, typed.learn.journal), (3 << 30, false));
        assert_eq!(typed.which.unit, ["c"]);
        let neither = record("", &[]);
        assert_eq!((neither.max_size, neither.learn.journal), (1 << 30, false));
    }

    #[test]
    fn the_last_of_several_counts_and_an_empty_one_takes_back() {
        assert_eq!(record("[record]\nmax-size=2G\nmax-size=4G\n", &[]).max_size, 4 << 30);
        assert_eq!(record("[record]\nmax-size=2G\nmax-size=\n", &[]).max_size, 1 << 30);
        assert_eq!(record("[record]\nunit=a\nunit=\nunit=b\n", &[]).which.unit, ["b"]);
        assert_eq!(record("", &["--max-size", "2G", "--max-size", "3G"]).max_size, 3 << 30);
    }

    #[test]
    fn a_file_conflicts_with_nothing_that_is_typed() {
        let typed = record("[record]\noutput=text\n", &["--json"]);
        assert!(typed.json);
    }
}
