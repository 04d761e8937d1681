//! `oomtrace config`: what is in force for the recorder, and where it comes from.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use serde::Serialize;

use crate::cli::{Config, Exit, Failure};
use crate::conf::{self, ConfError, Entry, Loaded, SECTION};
use crate::shown::shown;

/// The variable whose words the unit puts at the end of its command line.
const OPTIONS: &str = "OOMTRACE_OPTIONS";

/// Where the unit takes that from.
const DEFAULTS: &str = "/etc/default/oomtrace";

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Built in.
    Default,
    /// A configuration file.
    File,
    /// `OOMTRACE_OPTIONS`.
    Environment,
    /// Given to `oomtrace config` itself.
    CommandLine,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct At {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; `null` where a file has the words of a command line.
    pub line: Option<usize>,
}

/// An option of the recorder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its name, on the command line and in a file.
    pub name: String,
    /// What is in force; several where it can be given several times, none where it is not set.
    pub values: Vec<String>,
    /// Where that comes from.
    pub origin: Origin,
    /// In which lines, if from a file.
    pub at: Vec<At>,
}

/// What the options typed after `--`, the environment and the files make together.
///
/// # Errors
/// Where one of them cannot be used.
pub fn settings(options: &Config) -> Result<Vec<Setting>, Failure> {
    let (environment, from) = environment()?;
    let loaded =
        Loaded::from_files(options.files.config.clone(), options.files.no_config).map_err(ConfError::failure)?;
    let words = |more: &[&[OsString]]| -> Vec<OsString> {
        let own = ["oomtrace", SECTION].map(OsString::from);
        own.into_iter().chain(more.concat()).collect()
    };
    let typed = conf::command().get_matches_from(words(&[&options.options]));
    let all = conf::over(&words(&[&environment, &options.options]), &loaded);
    let (Some(typed), Some(all)) = (typed.subcommand_matches(SECTION), all.subcommand_matches(SECTION)) else {
        return Ok(Vec::new());
    };
    let whole = conf::command();
    let told = conf::options(&whole).map(|arg| setting(arg, all, typed, &loaded.entries, from.as_ref()));
    Ok(told.collect())
}

fn setting(arg: &Arg, all: &ArgMatches, typed: &ArgMatches, entries: &[Entry], from: Option<&At>) -> Setting {
    let id = arg.get_id().as_str();
    let name = arg.get_long().unwrap_or(id);
    let is_given = |matches: &ArgMatches| matches.value_source(id) == Some(ValueSource::CommandLine);
    let places = places(arg, entries);
    let (origin, at) = match (is_given(typed), is_given(all)) {
        (true, _) => (Origin::CommandLine, Vec::new()),
        (false, true) => (Origin::Environment, from.cloned().into_iter().collect()),
        (false, false) if places.is_empty() => (Origin::Default, Vec::new()),
        (false, false) => (Origin::File, places),
    };
    let values = all.get_raw(id).into_iter().flatten();
    Setting {
        name: name.to_owned(),
        values: values.map(|value| value.to_string_lossy().into_owned()).collect(),
        origin,
        at,
    }
}

/// The lines whose values count: of an option with one value the last, none where the last takes it back.
fn places(arg: &Arg, entries: &[Entry]) -> Vec<At> {
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    let mut places = Vec::new();
    for entry in entries.iter().filter(|entry| arg.get_long() == Some(&entry.name)) {
        if !is_list || entry.value.is_empty() {
            places.clear();
        }
        if !entry.value.is_empty() {
            places.push(At {
                file: entry.place.file.clone(),
                line: Some(entry.place.line),
            });
        }
    }
    places
}

/// What the service's command line ends with, and the file that says so if it is not this process's environment.
fn environment() -> Result<(Vec<OsString>, Option<At>), Failure> {
    let (text, from) = match std::env::var(OPTIONS) {
        Ok(text) => (Some(text), None),
        Err(_) => {
            // Without the file there are none: the unit says `EnvironmentFile=-`.
            let file = fs::read_to_string(DEFAULTS).unwrap_or_default();
            let at = At {
                file: DEFAULTS.into(),
                line: None,
            };
            (assigned(&file), Some(at))
        }
    };
    let text = text.unwrap_or_default();
    let words = shlex::split(&text).ok_or_else(|| {
        let place = from.as_ref().map_or("the environment", |_| DEFAULTS);
        let message = anyhow::anyhow!("{OPTIONS} in {place}: a quote is not closed: '{text}'");
        Failure::new(Exit::Usage, message)
    })?;
    Ok((words.into_iter().map(OsString::from).collect(), from))
}

/// What a file of systemd's `EnvironmentFile=` sets the variable to.
fn assigned(file: &str) -> Option<String> {
    let mut lines = file
        .lines()
        .filter_map(|line| line.trim().strip_prefix(OPTIONS)?.strip_prefix('='));
    let value = lines.next_back()?.trim();
    let quoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    Some(quoted.unwrap_or(value).to_owned())
}

/// The settings as a table.
#[must_use]
pub fn text(settings: &[Setting]) -> String {
    let width = settings
        .iter()
        .map(|setting| setting.name.len())
        .max()
        .unwrap_or_default();
    let rows = settings.iter().map(|setting| {
        let at = |at: &At| match at.line {
            Some(line) => format!("{}:{line}", at.file.display()),
            None => at.file.display().to_string(),
        };
        let at = setting.at.iter().map(at).collect::<Vec<String>>().join(", ");
        let from = match setting.origin {
            Origin::Default => "default".to_owned(),
            Origin::File => at,
            Origin::Environment if at.is_empty() => format!("{OPTIONS} in the environment"),
            Origin::Environment => format!("{OPTIONS} in {at}"),
            Origin::CommandLine => "command line".to_owned(),
        };
        let value = match setting.values.join(", ") {
            value if value.is_empty() => "-".to_owned(),
            value => value,
        };
        (&setting.name, value, from)
    });
    let rows: Vec<_> = rows.collect();
    // One long value does not push all others to the right.
    let values = rows
        .iter()
        .map(|(_, value, _)| value.chars().count())
        .filter(|width| *width <= 40);
    let values = values.max().unwrap_or_default();
    let lines = rows
        .iter()
        .map(|(name, value, from)| format!("{name:<width$}  {value:<values$}  {from}"));
    lines.map(|line| format!("{}\n", shown(&line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_variable_is_read_as_systemd_does() {
        assert_eq!(assigned("# none\nOTHER=1\n"), None);
        let file = "OOMTRACE_OPTIONS=--a\n# OOMTRACE_OPTIONS=--c\n OOMTRACE_OPTIONS=\"--max-size 2G\"\n";
        assert_eq!(assigned(file).as_deref(), Some("--max-size 2G"));
    }
}
