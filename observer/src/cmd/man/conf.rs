//! oomtrace.conf(5) and the file itself with every setting commented out, from the command line's own definition.

use clap::{Arg, ArgAction};
use clap_mangen::roff::{Roff, bold, roman};

use crate::conf::{DROP_INS, FILE, PACKAGES, SECTION, command, options};

/// What there is to know before the settings.
const ABOUT: [&str; 4] = [
    "These files set options of oomtrace-record(8), and so of oomtrace.service. Names and values are those of the command line, without \
     the hyphens; a switch takes yes or no. An option that is given on the command line or in OOMTRACE_OPTIONS \
     (/etc/default/oomtrace) wins. 'oomtrace config' shows what is in force and where it comes from.",
    "Lines are NAME=VALUE below a line [record]; those that begin with '#' or ';' are comments. Values are not quoted, except within \
     exec-on-warning. Of several assignments the last counts; unit, user-unit, slice and cgroup collect theirs. An empty value takes back what \
     was assigned before. A name or a value that is not known is an error, and the recorder does not start.",
    "The package's file is read first, then oomtrace.conf, then the drop-ins in the order of their names. Own settings are best put into \
     a drop-in, which no upgrade touches. --config reads another file instead of all of these, --no-config none.",
    "The files are read when the recorder starts. 'systemctl reload oomtrace' says in the journal which settings have changed and \
     take effect at 'systemctl restart oomtrace'. A file that others than root may write to is refused: it names a program to run.",
];

const EXAMPLE: &str = "# /etc/oomtrace/oomtrace.conf.d/10-local.conf\n[record]\nmax-size=4G\nmetrics-listen=9877\nunit=shop-api\nunit=web@*";

/// The manual page.
pub(super) fn page(source: &str) -> Roff {
    let mut page = Roff::new();
    page.control("TH", ["oomtrace.conf", "5", "", source, "oomtrace"]);
    page.control("SH", ["NAME"]);
    page.text([roman("oomtrace.conf - settings of the oomtrace recorder")]);
    page.control("SH", ["SYNOPSIS"]);
    for file in [PACKAGES, FILE] {
        page.text([roman(file)]);
        page.control("br", []);
    }
    page.text([roman(format!("{DROP_INS}/*.conf"))]);
    page.control("SH", ["DESCRIPTION"]);
    for paragraph in ABOUT {
        page.control("PP", []);
        page.text([roman(paragraph)]);
    }
    page.control("SH", [format!("[{SECTION}] SECTION").as_str()]);
    for arg in options(&command()) {
        page.control("TP", []);
        page.text([bold(format!("{}=", name(arg))), roman(value_name(arg))]);
        page.text([roman(help(arg))]);
    }
    page.control("SH", ["EXAMPLE"]);
    page.control("nf", []);
    for line in EXAMPLE.lines() {
        page.text([roman(line)]);
    }
    page.control("fi", []);
    page.control("SH", ["SEE ALSO"]);
    page.text([roman(
        "oomtrace(8), oomtrace-record(8), oomtrace-config(8), systemd.syntax(7), systemd.time(7)",
    )]);
    page
}

/// The file as it is installed: nothing is set, and everything that can be is shown with its default.
#[must_use]
pub fn file() -> String {
    let mut text = format!(
        "# Settings of the oomtrace recorder, see oomtrace.conf(5). Everything is commented out and shows the default;\n\
         # {PACKAGES} has what the package sets, 'oomtrace config' what is in force.\n\
         # Own settings are best put into {DROP_INS}/NAME.conf, which no upgrade touches.\n\
         # They take effect at 'systemctl restart oomtrace'.\n\n[{SECTION}]\n"
    );
    for arg in options(&command()) {
        text += &format!("\n# {}\n#{}={}\n", help(arg), name(arg), default(arg));
    }
    text
}

fn name(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_default()
}

fn value_name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().map(ToString::to_string).collect()
}

fn default(arg: &Arg) -> String {
    let values = arg.get_default_values().iter();
    values.map(|value| value.to_string_lossy()).collect()
}

/// The help's one line, with what values there are.
fn help(arg: &Arg) -> String {
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let is_choice = !matches!(arg.get_action(), ArgAction::SetTrue);
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect();
    if is_choice && !values.is_empty() {
        help += &format!(": {}", values.join(", "));
    }
    let default = default(arg);
    if !default.is_empty() {
        help += &format!(" [default: {default}]");
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_setting_and_nothing_that_is_typed_only() {
        let text = page("oomtrace").render();
        for name in ["max\\-size", "unit", "journal", "exec\\-on\\-warning"] {
            assert!(text.contains(&format!("\\fB{name}=\\fR")), "{name} in {text}");
        }
        assert!(!text.contains("no\\-config=") && !text.contains("\\fBjson="), "{text}");
    }

    #[test]
    fn the_installed_file_is_what_the_command_line_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/oomtrace.conf");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, file()).unwrap();
        }
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(there, file(), "UPDATE_DOCS=1 cargo test -p oomtrace installed_file");
    }
}
