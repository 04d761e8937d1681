//! `oomtrace`: watches.

use std::io::{self, IsTerminal as _};

use jiff::tz::TimeZone;

use crate::cgroup::CgroupError;
use crate::cli::{Exit, Output, ProbeChoice, Watch, When};
use crate::event::Via;
use crate::sink::{Json, Sink, Text, TextOptions};
use crate::unit::Selection;
use crate::watch::{self, Options, StreamError, WatchError};

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn text_options(options: &Watch, selection: &Selection) -> TextOptions {
    let terminal = io::stdout().is_terminal();
    let wanted = set("NO_COLOR").is_none()
        && !matches!(set("SYSTEMD_COLORS").as_deref(), Some("0" | "no" | "false"))
        && set("TERM").as_deref() != Some("dumb");
    let color = match options.color {
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
        quiet: options.quiet,
        names: selection.single_unit().is_none(),
    }
}

/// Watches until it ends. Messages have been written to stderr where the status is not [`Exit::Done`].
#[must_use]
pub fn run(options: Watch) -> Exit {
    let selection = match Selection::new(&options.unit, &options.user_unit, &options.slice, &options.cgroup) {
        Ok(selection) => selection,
        Err(error) => {
            eprintln!("oomtrace: {error}");
            return Exit::Usage;
        }
    };
    let sink: Box<dyn Sink> = if options.json || options.output == Output::Json {
        Box::new(Json::new(io::stdout()))
    } else {
        Box::new(Text::new(io::stdout(), text_options(&options, &selection)))
    };
    let hostname = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    let options = Options {
        selection,
        interval: options.interval,
        duration: options.duration,
        host: options.host.unwrap_or_else(hostname),
        best: match options.probes {
            ProbeChoice::Auto => Via::Fentry,
            ProbeChoice::Kprobe => Via::Kprobe,
            ProbeChoice::Tracepoint => Via::Tracepoint,
            ProbeChoice::Poll => Via::Poll,
        },
        cmdline: !options.no_cmdline,
        warn_within: options.warn_within,
        verbose: options.verbose,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime
        .map_err(WatchError::Io)
        .and_then(|runtime| runtime.block_on(watch::run(options, sink)));
    match result {
        // A reader that has seen enough is no failure: `oomtrace | head -1`.
        Ok(()) | Err(WatchError::Stream(StreamError::Closed)) => Exit::Done,
        Err(error) => {
            eprintln!("oomtrace: {error}");
            match error {
                WatchError::UnknownUnit { .. } => Exit::NotFound,
                WatchError::NotPermitted(_) => Exit::NotPermitted,
                WatchError::Cgroup(CgroupError::Unreadable { source, .. })
                    if source.kind() == io::ErrorKind::PermissionDenied =>
                {
                    Exit::NotPermitted
                }
                WatchError::Cgroup(_) => Exit::Unsupported,
                WatchError::Stream(_) | WatchError::Io(_) => Exit::Failed,
            }
        }
    }
}
