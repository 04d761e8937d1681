//! `oomtrace report`: captures as one page, or one unit's plot as a picture.

mod png;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::output::{self, Damages};
use crate::cli::{self, Exit, Failure};
use crate::confine::{self, Task};
use crate::errands::Errands;
use crate::notice::notice;
use crate::report::{Lettering, Report};
use crate::rights;
use crate::unit::Asked;

/// A file that is made for it: whoever parses makes none (`errands`).
#[derive(Debug, Serialize, Deserialize)]
enum Errand {
    /// What an option names.
    Html,
    Svg,
    Png,
    /// A page in the working directory, named after what is in it.
    Page(String),
}

/// Reads captures and writes what is asked for; the page, where nothing is.
///
/// # Errors
/// Where nothing can be read or written, or not everything could be read; what could be is in the page.
pub fn run(options: &cli::Report) -> Result<(), Failure> {
    cli::in_order(options.since, options.until)?;
    rights::for_reading();
    let selection = output::selection(&options.which)?;
    let errands = errands(options).context("cannot start another process")?;
    confine::process(Task::Read);
    let (mut damages, mut asked) = (Damages::default(), Asked::default());
    let mut report = Report::new(TimeZone::system());
    for line in output::captures(&options.paths)? {
        match line {
            Ok(line) => {
                let is_within = options.since.is_none_or(|since| line.ts.0 >= since)
                    && options.until.is_none_or(|until| line.ts.0 <= until);
                let subject = line.event.subject();
                let is_meant = subject.is_none_or(|subject| asked.see(&selection, subject));
                if is_within && is_meant {
                    report.take(*line);
                }
            }
            Err(damage) => damages.tell(damage),
        }
    }
    output::is_there(&asked, &selection)?;
    if report.units() == 0 {
        let recordings: Vec<String> = options.paths.iter().map(|path| path.display().to_string()).collect();
        let units = match selection.is_empty() {
            true => String::new(),
            false => format!(" of {}", selection.names().join(", ")),
        };
        let time = match options.since.is_some() || options.until.is_some() {
            true => " in that time",
            false => "",
        };
        let message = anyhow!("nothing to report: no events{units}{time} in {}", recordings.join(", "));
        return Err(Failure::new(Exit::NotFound, message));
    }
    if options.svg.is_some() || options.png.is_some() {
        is_one(&report)?;
        if let Some(path) = &options.svg {
            let svg = plot(&report, Lettering::Text)?;
            put(&errands, &Errand::Svg, path, svg.as_bytes())?;
        }
        if let Some(path) = &options.png {
            let svg = plot(&report, Lettering::Outlines)?;
            put(&errands, &Errand::Png, path, &png::render(&svg)?)?;
        }
    }
    if let Some(path) = &options.html {
        put(&errands, &Errand::Html, path, report.page().as_bytes())?;
        if io::stderr().is_terminal() && path != Path::new("-") {
            notice(format_args!("wrote {}", path.display()));
        }
    } else if options.svg.is_none() && options.png.is_none() {
        let name = report.file_name();
        let errand = Errand::Page(name.clone());
        put(&errands, &errand, Path::new(&name), report.page().as_bytes())?;
        output::print(format!("{name}\n").as_bytes())?;
    }
    damages.end()
}

/// A plot is of one unit.
fn is_one(report: &Report) -> Result<(), Failure> {
    if report.units() > 1 {
        let names: Vec<&str> = report.names().take(8).collect();
        let message = anyhow!(
            "--svg and --png are of one unit, and there are {}: choose one with -u ({}{})",
            report.units(),
            names.join(", "),
            if report.units() > names.len() { ", …" } else { "" }
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}

fn plot(report: &Report, lettering: Lettering) -> Result<String, Failure> {
    report.svg(lettering).ok_or_else(|| {
        Failure::new(
            Exit::NotFound,
            anyhow!("nothing to plot: there is no sample of this unit"),
        )
    })
}

/// Whoever makes the files: those that the options name, and a page here.
fn errands(options: &cli::Report) -> io::Result<Errands<Errand>> {
    let named = |path: &Option<PathBuf>| path.clone().ok_or(io::ErrorKind::NotFound);
    let (html, svg, png) = (named(&options.html), named(&options.svg), named(&options.png));
    Errands::start(move |errand| {
        let path = match errand {
            Errand::Html => html.clone()?,
            Errand::Svg => svg.clone()?,
            Errand::Png => png.clone()?,
            Errand::Page(name) if is_page(&name) => PathBuf::from(name),
            Errand::Page(_) => return Err(io::ErrorKind::InvalidInput.into()),
        };
        Ok(Some(make(&path)?.into()))
    })
}

/// Whether it is a name that [`Report::file_name`] gives.
fn is_page(name: &str) -> bool {
    name.starts_with("oomtrace-") && name.ends_with(".html") && !name.contains('/')
}

/// Into a file that somebody else makes, or for `-` to standard output.
pub(super) fn put<E: Serialize + DeserializeOwned>(
    errands: &Errands<E>,
    errand: &E,
    path: &Path,
    content: &[u8],
) -> Result<(), Failure> {
    if path == Path::new("-") {
        return output::print(content);
    }
    let file = errands
        .run(errand)
        .and_then(|file| file.ok_or(io::ErrorKind::NotFound.into()));
    file.and_then(|file| File::from(file).write_all(content))
        .map_err(|error| Failure::from(anyhow!("cannot write {}: {error}", path.display())))
}

/// For its owner alone: it holds command lines.
pub(super) fn make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).open(path)
}
