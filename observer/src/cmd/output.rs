//! What the commands that show a stream have in common: which units, and in which form.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use jiff::tz::TimeZone;

use crate::capture::Merged;
use crate::cli::{Exit, Failure, Form, Output, Show, When, Which};
use crate::event::Line;
use crate::measure::Timestamp;
use crate::notice::notice;
use crate::sink::{Json, Look, Pace, Screen, Sink, Text, TextOptions, Tui};
use crate::unit::{Asked, Selection};
use crate::words::counted;

/// A text to standard output.
///
/// # Errors
/// Where it cannot be written. A reader that has seen enough is no failure.
pub fn print(text: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout();
    unless_gone(out.write_all(text).and_then(|()| out.flush()))
}

/// What was written to a reader, who may have seen enough: that is no failure.
pub(super) fn unless_gone(written: io::Result<()>) -> Result<(), Failure> {
    is_over(written).map(|_| ())
}

/// The same, and whether nobody reads any more.
pub(super) fn is_over(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(anyhow::anyhow!("cannot write to standard output: {error}").into()),
        Ok(()) => Ok(false),
    }
}

/// The units that are asked for.
///
/// # Errors
/// Where a pattern is none.
pub(super) fn selection(which: &Which) -> Result<Selection, Failure> {
    Selection::new(&which.unit, &which.user_unit, &which.slice, &which.cgroup)
        .map_err(|error| Failure::new(Exit::Usage, error))
}

/// Whether captures told of what is asked for.
///
/// # Errors
/// Where they did not, with what is called alike.
pub(super) fn is_there(asked: &Asked, selection: &Selection) -> Result<(), Failure> {
    if !asked.is_missed(selection) {
        return Ok(());
    }
    let (names, near) = (selection.names().join(", "), asked.near(selection));
    Err(Failure::new(
        Exit::NotFound,
        anyhow!("the recordings hold nothing about {names}{near}"),
    ))
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
            notice(format_args!("{damage}; reading on"));
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.0 == 0
    }

    /// # Errors
    /// Where there were any.
    pub(super) fn end(&self) -> Result<(), Failure> {
        if self.0 == 0 {
            return Ok(());
        }
        let message = anyhow!(
            "{} could not be read; everything else was used",
            counted(self.0, "place")
        );
        Err(Failure::new(Exit::Damaged, message))
    }
}

/// Captures as one stream in the order of time.
///
/// # Errors
/// Where one is not there or may not be read.
pub(super) fn captures(paths: &[impl AsRef<Path>]) -> Result<Merged, Failure> {
    Merged::open(paths).map_err(|error| unreadable(&error.source, &error))
}

/// What cannot be read: it is not there, or may not be read.
pub(super) fn unreadable(error: &io::Error, words: impl Display) -> Failure {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Failure::new(Exit::NotPermitted, anyhow!("{words}; run it as root (sudo)"));
    }
    Failure::new(Exit::NotFound, anyhow!("{words}"))
}

/// Where a stream comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// From what happens now: it goes on until it is told to end.
    Live,
    /// From captures, as fast as that.
    Replay(Arc<Pace>),
}

/// Where the lines go, and the terminal where one was taken.
pub(super) struct Outlet {
    /// Where the lines go.
    pub(super) sink: Box<dyn Sink>,
    /// The terminal; the command that opened it gives it back.
    pub(super) screen: Option<Screen>,
}

/// What stands on standard output.
///
/// # Errors
/// Where a screen is wanted and there is no terminal.
pub(super) fn open(show: &Show, selection: &Selection, source: Source) -> Result<Outlet, Failure> {
    let text = text_options(show.color, show.quiet, selection);
    let written = |form, text| Outlet {
        sink: stdout(form, text),
        screen: None,
    };
    let form = form(show);
    if show.quiet && form == Form::Json {
        let message = anyhow!("-q prints text; leave it out, or choose the events with jq");
        return Err(Failure::new(Exit::Usage, message));
    }
    match form {
        Form::Json if matches!(source, Source::Replay(_)) => Ok(Outlet {
            sink: Box::new(Stdout(Json::in_pieces(io::stdout()))),
            screen: None,
        }),
        Form::Json => Ok(written(Output::Json, text)),
        Form::Text => Ok(written(Output::Text, text)),
        Form::Tui => screen(text, source).map_err(|error| {
            let message = match io::stdout().is_terminal() {
                true => anyhow!("-o tui: {error}; take '-o text' or '-o json'"),
                false => anyhow!("-o tui needs a terminal on standard output; take '-o text' or '-o json'"),
            };
            Failure::new(Exit::Usage, message)
        }),
    }
}

fn screen(text: TextOptions, source: Source) -> io::Result<Outlet> {
    if !io::stdout().is_terminal() {
        return Err(rustix::io::Errno::NOTTY.into());
    }
    let look = Look {
        color: text.color,
        unicode: text.unicode,
        time_zone: text.time_zone,
        today: text.today,
        replay: match &source {
            Source::Live => None,
            Source::Replay(pace) => Some(Arc::clone(pace)),
        },
    };
    terminal_as_stdin()?;
    let player = std::thread::current();
    let quit = move || match source {
        // A raw terminal sends no SIGINT: who leaves sends it in its place, and all ends as it always does.
        Source::Live => drop(signal_hook::low_level::raise(signal_hook::consts::SIGINT)),
        // It finds that nobody reads, also where it waits for the next line's time.
        Source::Replay(_) => player.unpark(),
    };
    let (tui, screen) = Tui::open(look, quit)?;
    Ok(Outlet {
        sink: Box::new(tui),
        screen: Some(screen),
    })
}

/// Keys come from the terminal where standard input is none (a capture in a pipe): it is opened here, for later nothing is opened
/// to be written to (`confine`).
fn terminal_as_stdin() -> io::Result<()> {
    if !io::stdin().is_terminal() {
        let terminal = std::fs::File::options().read(true).write(true).open("/dev/tty")?;
        rustix::stdio::dup2_stdin(&terminal)?;
    }
    Ok(())
}

/// The sink on standard output, by its form.
pub(super) fn stdout(form: Output, text: TextOptions) -> Box<dyn Sink> {
    match form {
        Output::Json => Box::new(Stdout(Json::new(io::stdout()))),
        Output::Text => Box::new(Stdout(Text::new(io::stdout(), text))),
    }
}

/// The form that is asked for, else what suits: on a terminal a screen, unless only warnings and kills are wanted.
pub(super) fn form(show: &Show) -> Form {
    let able = io::stdout().is_terminal() && set("TERM").is_some_and(|term| term != "dumb");
    match show.output {
        _ if show.json => Form::Json,
        Some(form) => form,
        None if able && !show.quiet => Form::Tui,
        None => Form::Text,
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

/// How wide text may be, in columns: as `$COLUMNS` says, or as this terminal is.
pub(super) fn width() -> Option<usize> {
    let columns = set("COLUMNS").and_then(|columns| columns.parse().ok());
    let size = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    columns
        .or_else(|| if io::stdout().is_terminal() { size() } else { None })
        .map(|width: usize| width.max(40))
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
    TextOptions {
        color,
        unicode: locale.contains("utf-8") || locale.contains("utf8"),
        width: width(),
        today: jiff::Timestamp::now().to_zoned_datetime(TimeZone::system()).date(),
        time_zone: TimeZone::system(),
        quiet,
        names: selection.single_unit().is_none(),
        host: selection.is_empty(),
    }
}
