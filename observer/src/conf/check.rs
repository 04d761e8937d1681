//! Names and values of a file, held against the command line's own definition.

use std::collections::BTreeMap;
use std::error::Error as _;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command, FromArgMatches as _, Id};

use super::{ConfError, Entry, SECTION};
use crate::cli::{self, Cli};
use crate::cmd::watch;
use crate::unit::did_you_mean;

/// Options that make sense where they are typed only: which file is read, and another spelling of `output`.
const TYPED: [&str; 4] = ["config", "no-config", "json", "help"];

pub(super) fn is_of_the_command_line(arg: &Arg) -> bool {
    arg.get_long().is_none_or(|name| TYPED.contains(&name))
}

/// The options that a file may set, in the order of the help.
pub(crate) fn options(whole: &Command) -> impl Iterator<Item = &Arg> {
    let record = whole.find_subcommand(SECTION);
    record
        .into_iter()
        .flat_map(Command::get_arguments)
        .filter(|arg| !is_of_the_command_line(arg))
}

/// The values of each option that the entries set, by the option's id.
pub(super) fn settings(whole: &Command, entries: &[Entry]) -> Result<BTreeMap<Id, Vec<String>>, ConfError> {
    let mut settings: BTreeMap<Id, Vec<String>> = BTreeMap::new();
    for entry in entries {
        let arg = option(whole, entry)?;
        let values = settings.entry(arg.get_id().clone()).or_default();
        if entry.value.is_empty() {
            values.clear();
            continue;
        }
        value(whole, entry)?;
        if !matches!(arg.get_action(), ArgAction::Append) {
            values.clear();
        }
        values.push(entry.value.clone());
    }
    // Taken back altogether: the default stands.
    settings.retain(|_, values| !values.is_empty());
    Ok(settings)
}

fn option<'a>(whole: &'a Command, entry: &Entry) -> Result<&'a Arg, ConfError> {
    if let Some(arg) = options(whole).find(|arg| arg.get_long() == Some(&entry.name)) {
        return Ok(arg);
    }
    let known: Vec<String> = options(whole).filter_map(Arg::get_long).map(str::to_owned).collect();
    let name = &entry.name;
    let plain = name.trim_start_matches('-').replace('_', "-").to_lowercase();
    let fix = match name.as_str() {
        "json" => "; write output=json".to_owned(),
        _ if known.contains(&plain) => format!("; did you mean {plain}?"),
        _ => match did_you_mean(&[&plain], &known) {
            near if near.is_empty() => "; see oomtrace.conf(5) for the names".to_owned(),
            near => near,
        },
    };
    Err(ConfError::Wrong {
        place: entry.place.clone(),
        fault: format!("no setting '{name}' in [{SECTION}]{fix}"),
    })
}

/// Whether the option takes it, typed alone.
fn value(whole: &Command, entry: &Entry) -> Result<(), ConfError> {
    let typed = format!("--{}={}", entry.name, entry.value);
    let parsed = whole
        .clone()
        .try_get_matches_from(["oomtrace", SECTION, &typed])
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let reason = match parsed.map(|cli| cli.command) {
        Err(error) => Some(reason(&error)),
        Ok(Some(cli::Command::Record(record))) => watch::usable(&record).err(),
        Ok(_) => None,
    };
    reason.map_or(Ok(()), |reason| {
        Err(ConfError::Wrong {
            place: entry.place.clone(),
            fault: format!("bad value '{}' of {}: {reason}", entry.value, entry.name),
        })
    })
}

/// clap's reason without the option around it.
fn reason(error: &clap::Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => format!("one of {}", values.join(", ")),
        _ => error
            .source()
            .map_or_else(|| error.kind().to_string(), ToString::to_string),
    }
}
