//! `oomtrace man`: manual pages, made from the command line's own definition.
//!
//! What clap's help says after the options, headed `Examples:` and so on, are sections of their own here, as man-pages(7)
//! has them.

mod conf;

use clap::error::ErrorKind;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::Failure;
use crate::sink::KEYS;

pub use conf::file;

/// Daemons and what an administrator runs (man-pages(7)).
const SECTION: &str = "8";

/// The configuration file, which has a page of its own in section 5.
pub(crate) const CONF: &str = "oomtrace.conf";

/// What oomtrace reads and writes by itself, and why.
const FILES: [(&str, &str); 9] = [
    (
        "/etc/oomtrace/oomtrace.conf, /etc/oomtrace/oomtrace.conf.d/*.conf",
        "Settings of the recorder, see oomtrace.conf(5).",
    ),
    (
        "/etc/default/oomtrace",
        "OOMTRACE_OPTIONS, options for the service; they win over the files above.",
    ),
    (
        "/var/lib/oomtrace/*.jsonl.zst",
        "The service's recordings: NDJSON in zstd frames, at most 1 GiB and 30 days.",
    ),
    (
        "/var/lib/oomtrace/runs",
        "Memory history of units' earlier runs, kept across restarts.",
    ),
    (
        "/run/systemd/oomd.prekill.hook/io.oomtrace.PID",
        "Socket to which systemd-oomd tells what it is about to kill, see PrekillHookTimeoutSec= in oomd.conf(5); in the folder's absence there is none.",
    ),
    (
        "/run/systemd/report/io.oomtrace",
        "Socket at which every user, and systemd-report, can ask for kills, warnings and times left (io.systemd.Metrics); in the folder's absence there is none. Of several that run the first has it.",
    ),
    (
        "/usr/lib/systemd/system/oomtrace.service",
        "The service unit, which records.",
    ),
    (
        "/usr/lib/systemd/user/oomtrace.service",
        "The same for a user's own units, without root: 'systemctl --user enable --now oomtrace'. It records into ~/.local/state/oomtrace, where 'why' and 'units' of that user look first; options in ~/.config/oomtrace.env, as OOMTRACE_OPTIONS.",
    ),
    (
        "/usr/lib/systemd/catalog/oomtrace.catalog",
        "Explanations of oomtrace's entries for journalctl --catalog.",
    ),
];

const SEE_ALSO: &str = "oomtrace.conf(5), systemctl(1), journalctl(1), systemd.resource-control(5), systemd.service(5), systemd-oomd.service(8), \
                        oomctl(1), cgroups(7), capabilities(7)";

/// The page of a command, or of all of it, as roff.
///
/// # Errors
///
/// Where the page cannot be made. Of a command that does not exist clap tells, and ends the program.
pub fn page(command: Option<&str>) -> Result<Vec<u8>, Failure> {
    let source = format!("oomtrace {}", env!("CARGO_PKG_VERSION"));
    if command == Some(CONF) {
        return Ok(conf::page(&source).render().into_bytes());
    }
    // `oomtrace help` says what the pages say.
    let mut all = crate::conf::command().disable_help_subcommand(true);
    // Commands are named in full from now on: oomtrace-record.
    all.build();
    let whole = command.is_none();
    let mut command = match command {
        None => all,
        Some(name) => match all.find_subcommand(name) {
            Some(command) => command.clone(),
            None => {
                let names: Vec<&str> = all.get_subcommands().map(clap::Command::get_name).collect();
                let message = format!(
                    "there is no command '{name}'; there are {}, and {CONF}",
                    names.join(", ")
                );
                all.error(ErrorKind::InvalidSubcommand, message).exit()
            }
        },
    };
    let usage = command.render_usage().to_string();
    let name = command.get_bin_name().unwrap_or_default().to_owned();
    let after = command.get_after_long_help().map(ToString::to_string);
    let man = Man::new(command).section(SECTION).source(source).manual("oomtrace");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    synopsis(&usage, &name).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if whole {
        man.render_subcommands_section(&mut text)?;
    }
    let mut more = Roff::new();
    for (heading, lines) in after.as_deref().map(sections).unwrap_or_default() {
        more.control("SH", [heading.to_uppercase().as_str()]);
        more.control("nf", []);
        for line in lines {
            more.text([roman(line)]);
        }
        more.control("fi", []);
    }
    if whole {
        more.control("SH", ["KEYS"]);
        more.text([roman("Of the full-screen view:")]);
        for (key, what) in KEYS {
            more.control("TP", []);
            more.text([bold(key)]);
            more.text([roman(what)]);
        }
        more.control("SH", ["FILES"]);
        for (path, what) in FILES {
            more.control("TP", []);
            more.text([bold(path)]);
            more.text([roman(what)]);
        }
    }
    more.control("SH", ["SEE ALSO"]);
    let of_all = if whole { "" } else { "oomtrace(8), " };
    more.text([roman(format!("{of_all}{SEE_ALSO}"))]);
    more.to_writer(&mut text)?;
    Ok(text)
}

/// The ways to call it, as the help has them.
fn synopsis(usage: &str, name: &str) -> Roff {
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    for (number, way) in usage.trim_start_matches("Usage:").lines().enumerate() {
        if number > 0 {
            synopsis.control("br", []);
        }
        let arguments = way.trim().strip_prefix(name).unwrap_or(way);
        synopsis.text([bold(name), roman(arguments)]);
    }
    synopsis
}

/// Help text in parts: a line `Heading:` at the margin begins one, lines below it are set in.
fn sections(help: &str) -> Vec<(&str, Vec<&str>)> {
    let mut parts: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in help.lines() {
        match line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            Some(heading) => parts.push((heading, Vec::new())),
            None => {
                if let Some((_, lines)) = parts.last_mut().filter(|_| !line.trim().is_empty()) {
                    lines.push(line.strip_prefix("  ").unwrap_or(line));
                }
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headings(page: &[u8]) -> Vec<String> {
        let text = String::from_utf8(page.to_vec()).unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix(".SH "));
        lines.map(|heading| heading.trim_matches('"').to_owned()).collect()
    }

    #[test]
    fn the_page_has_the_sections_of_man_pages_7() {
        let headings = headings(&page(None).unwrap_or_default());
        for wanted in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "EXAMPLES",
            "EXIT STATUS",
            "ENVIRONMENT",
            "KEYS",
            "FILES",
            "SEE ALSO",
        ] {
            assert!(
                headings.iter().any(|heading| heading == wanted),
                "{wanted} in {headings:?}"
            );
        }
    }

    #[test]
    fn the_page_of_a_command_is_in_the_same_section() {
        let text = String::from_utf8(page(Some("why")).unwrap_or_default()).unwrap();
        assert!(text.contains(".TH oomtrace-why 8"), "{text}");
        assert!(text.contains("oomtrace(8)"));
        assert!(text.contains("\n\\fBoomtrace why\\fR [OPTIONS] [UNIT]...\n"), "{text}");
    }
}
