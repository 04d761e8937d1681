//! What a shell offers for an argument (`oomtrace why <TAB>`): names that are there now.
//!
//! In: the cgroup hierarchy, and for `why` the units that systemd has loaded, since a unit that failed has no cgroup. Out:
//! candidates for clap_complete's engine, which the shell's script asks by running `oomtrace` with `COMPLETE=SHELL`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

use clap_complete::CompletionCandidate;
use clap_complete::env::Shells;

use crate::cgroup::{Hierarchy, scan};
use crate::cli::Failure;
use crate::event::Subject;
use crate::programs::PATH;
use crate::shown::shown;
use crate::unit::{container_names, present};

/// The variable that a shell's script sets.
pub const VARIABLE: &str = "COMPLETE";

/// zsh loads the script as a function at the first TAB, and that call wants an answer, too; the script only registers the function
/// that is asked from then on (autoload in zshmisc(1), `compdef` in zshcompsys(1)).
const FIRST_IN_ZSH: &[u8] = b"
if [[ $funcstack[1] == _oomtrace ]]; then
    _clap_dynamic_completer_oomtrace \"$@\"
fi
";

/// The script that a shell reads; it asks this program for each word, so that it need not be made anew for another version.
///
/// # Errors
/// Where it cannot be made.
pub fn script(shell: clap_complete::Shell) -> Result<Vec<u8>, Failure> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let completer = shells
        .completer(&shell.to_string())
        .ok_or_else(|| anyhow::anyhow!("no completions for {shell}"))?;
    completer.write_registration(VARIABLE, "oomtrace", "oomtrace", "oomtrace", &mut script)?;
    if shell == clap_complete::Shell::Zsh {
        script.extend_from_slice(FIRST_IN_ZSH);
    }
    Ok(script)
}

/// Units, user units, containers and pods that run.
#[must_use]
pub fn running(current: &OsStr) -> Vec<CompletionCandidate> {
    candidates(current, there().into_iter().flat_map(names))
}

/// The same, and the units that systemd knows and that may have failed.
#[must_use]
pub fn known(current: &OsStr) -> Vec<CompletionCandidate> {
    candidates(current, there().into_iter().flat_map(names).chain(loaded()))
}

/// Units of users' own managers.
#[must_use]
pub fn user_units(current: &OsStr) -> Vec<CompletionCandidate> {
    candidates(current, there().into_iter().filter_map(|subject| subject.user_unit))
}

/// Slices.
#[must_use]
pub fn slices(current: &OsStr) -> Vec<CompletionCandidate> {
    let of = |subject: Subject| subject.user_unit.or(subject.unit);
    let slices = there().into_iter().filter_map(of);
    candidates(current, slices.filter(|unit| unit.ends_with(".slice")))
}

/// Paths of cgroups.
#[must_use]
pub fn cgroups(current: &OsStr) -> Vec<CompletionCandidate> {
    let paths = Hierarchy::detect()
        .map(|hierarchy| scan(&hierarchy))
        .unwrap_or_default();
    candidates(current, paths.into_iter().map(|(_, path)| path))
}

/// What a subject is called: its unit, its container and its pod.
fn names(subject: Subject) -> impl Iterator<Item = String> {
    let container = subject.container.as_ref().map(container_names);
    let unit = subject.user_unit.or(subject.unit);
    unit.into_iter().chain(container.into_iter().flatten())
}

fn there() -> Vec<Subject> {
    Hierarchy::detect()
        .map(|hierarchy| present(&hierarchy))
        .unwrap_or_default()
}

/// The units that systemd has loaded; none where it does not answer.
fn loaded() -> Vec<String> {
    let mut systemctl = Command::new("systemctl");
    systemctl.env("PATH", PATH);
    systemctl.args(["list-units", "--all", "--plain", "--no-legend", "--no-pager"]);
    systemctl.args(["--type=service,scope,slice"]);
    let output = systemctl.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let lines = String::from_utf8_lossy(&text);
    let names = lines.lines().filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// Those that begin as what was typed, each once and in order. A name that a terminal or a shell could take for more than a
/// name is left out: anybody may have chosen it.
fn candidates(current: &OsStr, names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    let begun = current.to_string_lossy();
    let is_plain = |name: &String| shown(name) == name.as_str() && !name.contains(char::is_whitespace);
    let names: BTreeSet<String> = names
        .into_iter()
        .filter(|name| name.starts_with(&*begun) && is_plain(name))
        .collect();
    names.into_iter().map(CompletionCandidate::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_that_zsh_calls_at_first_is_the_one_that_answers() {
        let text = String::from_utf8(script(clap_complete::Shell::Zsh).unwrap_or_default()).unwrap();
        assert!(
            text.contains("compdef _clap_dynamic_completer_oomtrace oomtrace"),
            "{text}"
        );
        assert!(text.trim_end().ends_with("fi") && text.contains("$funcstack[1] == _oomtrace"));
    }

    #[test]
    fn names_are_offered_once_and_in_order_and_hostile_ones_are_not() {
        let names = ["b.service", "a.service", "b.service", "a\u{1b}[2J", "a b", "a\nb"];
        let offered = candidates(OsStr::new(""), names.map(str::to_owned));
        let offered: Vec<&OsStr> = offered.iter().map(CompletionCandidate::get_value).collect();
        assert_eq!(offered, ["a.service", "b.service"]);
        assert_eq!(candidates(OsStr::new("b"), names.map(str::to_owned)).len(), 1);
    }
}
