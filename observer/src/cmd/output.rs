//! What the commands that show a stream have in common: which units, and in which form.

use std::fmt::Display;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use anyhow::anyhow;
use jiff::tz::TimeZone;

use crate::capture::Merged;
use crate::cli::{Exit, Failure, Output, Show, When, Which};
use crate::event::Line;
use crate::measure::Timestamp;
use crate::sink::{Json, Sink, Text, TextOptions};
use crate::unit::Selection;

/// The units that are asked for.
///
/// # Errors
/// Where a pattern is none.
pub(super) fn selection(which: &Which) -> Result<Selection, Failure> {
    Selection::new(&which.unit, &which.user_unit, &which.slice, &which.cgroup)
        .map_err(|error| Failure::new(Exit::Usage, error))
}

/// Damages that are told one by one; of the rest only how many.
const MAX_TOLD: u64 = 5;

/// Places that could not be read: each is told, the first few in words, and all by the exit status.
#[derive(Debug, Default)]
pub(super) struct Damages(u64);

impl Damages {
    pub(super) fn tell(&mut self, damage: impl Display) {
        self.0 += 1;
        if self.0 <= MAX_TOLD {
            eprintln!("oomtrace: {damage}; the rest is read on");
        }
    }

    /// # Errors
    /// Where there were any.
    pub(super) fn end(&self) -> Result<(), Failure> {
        if self.0 == 0 {
            return Ok(());
        }
        let places = if self.0 == 1 {
            "1 place"
        } else {
            &format!("{} places", self.0)
        };
        let message = anyhow!("{places} could not be read; everything else was used");
        Err(Failure::new(Exit::Damaged, message))
    }
}

/// Captures as one stream in the order of time.
///
/// # Errors
/// Where one is not there or may not be read.
pub(super) fn captures(paths: &[impl AsRef<Path>]) -> Result<Merged, Failure> {
    Merged::open(paths).map_err(|error| Failure::new(Exit::NotFound, error))
}

/// The sink on standard output.
pub(super) fn sink(show: &Show, selection: &Selection) -> Box<dyn Sink> {
    let form = if show.json { Output::Json } else { show.output };
    stdout(form, text_options(show.color, show.quiet, selection))
}

/// The sink on standard output, by its form.
pub(super) fn stdout(form: Output, text: TextOptions) -> Box<dyn Sink> {
    match form {
        Output::Json => Box::new(Stdout(Json::new(io::stdout()))),
        Output::Text => Box::new(Stdout(Text::new(io::stdout(), text))),
    }
}

/// A sink that writes to standard output, whose reader may go.
struct Stdout<S>(S);

impl<S: Sink> Sink for Stdout<S> {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        self.0.line(line)
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        self.0.tick(now)
    }

    fn is_gone(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let stdout = io::stdout();
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        // A pipe without a reader is in error (poll(2)).
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok() && fds.iter().any(|fd| fd.revents().contains(PollFlags::ERR))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// How this terminal, or what stands for it, takes text.
pub(super) fn text_options(color: When, quiet: bool, selection: &Selection) -> TextOptions {
    let terminal = io::stdout().is_terminal();
    let wanted = set("NO_COLOR").is_none()
        && !matches!(set("SYSTEMD_COLORS").as_deref(), Some("0" | "no" | "false"))
        && set("TERM").as_deref() != Some("dumb");
    let color = match color {
        When::Auto => terminal && wanted,
        When::Always => true,
        When::Never => false,
    };
    let locale = set("LC_ALL")
        .or_else(|| set("LC_CTYPE"))
        .or_else(|| set("LANG"))
        .unwrap_or_default()
        .to_lowercase();
    let columns = set("COLUMNS").and_then(|columns| columns.parse().ok());
    let size = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    TextOptions {
        color,
        unicode: locale.contains("utf-8") || locale.contains("utf8"),
        width: columns
            .or_else(|| if terminal { size() } else { None })
            .map(|width: usize| width.max(40)),
        today: jiff::Timestamp::now().to_zoned_datetime(TimeZone::system()).date(),
        time_zone: TimeZone::system(),
        quiet,
        names: selection.single_unit().is_none(),
    }
}
