//! `oomtrace` and `oomtrace record`: watch, onto the screen or into captures.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;

use super::output::{self, Outlet, Source};
use crate::capture::is_capture;
use crate::cgroup::{CgroupError, Hierarchy};
use crate::cli::{Exit, Failure, Learn, Output, ProbeChoice, Record, Watch, When};
use crate::conf::Loaded;
use crate::event::{Event, ForecastState, Line, UnitState, Via};
use crate::human::{bytes, duration};
use crate::measure::{Bytes, Timestamp};
use crate::notice::notice;
use crate::sink::{
    Capture, CaptureError, CaptureOptions, Exec, Follow, Journal, Metrics, Runs, Screen, Sink, listen, report, runs,
};
use crate::unit::{Asked, Selection, present};
use crate::varlink::socket::Socket;
use crate::watch::{self, Options, StreamError, WatchError};
use crate::words;

/// What followers told and the watch has not taken yet: each tells once a minute.
const FOLLOWED: usize = 4;

/// Watches until it ends.
///
/// # Errors
/// Why it could not begin or go on, with the status to end with.
pub fn run(mut options: Watch) -> Result<(), Failure> {
    options.learn.answers_reports = true;
    let selection = output::selection(&options.which)?;
    let Outlet { sink, screen } = output::open(&options.show, &selection, Source::Live)?;
    let done = start(options.learn, selection, options.show.warn_within, vec![sink], None);
    // The terminal first: what went wrong is told where it can be read.
    let closed = screen.map_or(Ok(()), Screen::close);
    done.and(closed.map_err(Failure::from))
}

/// Whether the values mean something that only their use shows.
///
/// # Errors
/// What is wrong with the first that does not.
pub(crate) fn usable(options: &Record) -> Result<(), String> {
    output::selection(&options.which).map_err(|failure| failure.error.to_string())?;
    let command = options.learn.exec_on_warning.as_deref();
    command.map_or(Ok(()), |command| Exec::new(command).map(|_| ()))
}

/// Watches into captures until it ends.
///
/// # Errors
/// As [`run`], and where the folder cannot be recorded into.
pub fn record(mut options: Record) -> Result<(), Failure> {
    options.learn.keeps_runs = true;
    options.learn.answers_reports = true;
    let selection = output::selection(&options.which)?;
    let dir = options.dir.clone();
    let capture = Capture::new(CaptureOptions {
        dir: options.dir,
        max_size: options.max_size,
        max_age: options.max_age,
    })
    .map_err(|error| match error {
        CaptureError::Unusable { ref source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Failure::new(
            Exit::NotPermitted,
            anyhow!("{error}; run it as root (sudo), or choose a folder of your own with --dir"),
        ),
        error => Failure::from(error),
    })?;
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(capture)];
    let shown = |form| output::stdout(form, output::text_options(When::Auto, false, &selection));
    let output = if options.json {
        Some(Output::Json)
    } else {
        options.output
    };
    sinks.extend(output.map(shown));
    let conf = Some(options.loaded);
    if !io::stderr().is_terminal() {
        return start(options.learn, selection, options.warn_within, sinks, conf);
    }
    // Who sits there is told that it works, and at the end what there is.
    let (size, age) = (bytes(Bytes(options.max_size)), duration(options.max_age.as_secs_f64()));
    notice(format_args!(
        "recording into {} ({size} and {age} at most); Ctrl-C ends",
        dir.display()
    ));
    let counted = Counted::default();
    sinks.push(Box::new(counted.clone()));
    start(options.learn, selection, options.warn_within, sinks, conf)?;
    notice(format_args!("{counted}; {} takes {}", dir.display(), bytes(held(&dir))));
    Ok(())
}

/// What a folder's recordings take on disk; what cannot be looked at counts nothing.
fn held(dir: &Path) -> Bytes {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let files = entries.filter(|entry| is_capture(&entry.path()));
    Bytes(files.filter_map(|file| Some(file.metadata().ok()?.len())).sum())
}

/// Counts what was recorded.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    cgroups: HashSet<u64>,
    kills: u64,
    warnings: u64,
}

impl Sink for Counted {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &line.event {
            Event::Kill(_) => counts.kills += 1,
            Event::Forecast(change) if change.state == ForecastState::Raised => counts.warnings += 1,
            _ => {}
        }
        if let Some(id) = line.event.subject().and_then(|subject| subject.cgroup.id) {
            counts.cgroups.insert(id.0);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cgroups = u64::try_from(counts.cgroups.len()).unwrap_or(u64::MAX);
        let [cgroups, kills, warnings] = [
            (cgroups, "cgroup"),
            (counts.kills, "kill"),
            (counts.warnings, "warning"),
        ]
        .map(|(count, what)| words::counted(count, what));
        write!(out, "recorded {cgroups}, {kills}, {warnings}")
    }
}

pub(super) fn start(
    options: Learn,
    selection: Selection,
    warn_within: Duration,
    mut sinks: Vec<Box<dyn Sink>>,
    conf: Option<Loaded>,
) -> Result<(), Failure> {
    sinks.extend(beside(&options)?);
    // Its socket is there as long as this.
    let (metrics, _socket) = metrics(&options)?;
    sinks.extend(metrics.map(|metrics| Box::new(metrics) as Box<dyn Sink>));
    // Watching reads what is remembered; recording writes it, and who names a file.
    if options.keeps_runs && !options.no_runs {
        sinks.push(Box::new(Runs::new(options.runs.clone())));
    }
    let host = options.host.unwrap_or_else(host_name);
    let known = if options.no_runs {
        Vec::new()
    } else {
        // Where it cannot be read nothing is remembered; where it is to be written too, the sink tells why.
        let lines = runs::read(&options.runs).unwrap_or_default();
        runs::known(lines, &host, Timestamp(jiff::Timestamp::now()))
    };
    // A watch that ends by itself says so where what it was to watch never was there.
    let seen = (options.duration.is_some() && !selection.is_empty()).then(|| Seen {
        selection: selection.clone(),
        any: Arc::default(),
    });
    sinks.extend(seen.clone().map(|seen| Box::new(seen) as Box<dyn Sink>));
    let followed = options.stacks.then(|| {
        let (told, followed) = tokio::sync::mpsc::channel(FOLLOWED);
        sinks.push(Box::new(Follow::new(told)));
        followed
    });
    let options = Options {
        known,
        selection,
        interval: options.interval,
        duration: options.duration,
        host,
        best: match options.probes {
            ProbeChoice::Auto => Via::Fentry,
            ProbeChoice::Kprobe => Via::Kprobe,
            ProbeChoice::Tracepoint => Via::Tracepoint,
            ProbeChoice::Poll => Via::Poll,
        },
        cmdline: !options.no_cmdline,
        warn_within,
        verbose: options.verbose,
        followed,
        conf,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let error = match runtime.block_on(watch::run(options, sinks)) {
        // A reader that has seen enough is no failure: `oomtrace | head -1`.
        Ok(()) => return seen.as_ref().map_or(Ok(()), Seen::found),
        Err(WatchError::Stream(StreamError::Closed)) => return Ok(()),
        Err(error) => error,
    };
    let exit = match &error {
        WatchError::UnknownUnit { .. } => Exit::NotFound,
        WatchError::Cgroup(CgroupError::Unreadable { source, .. })
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            Exit::NotPermitted
        }
        WatchError::Cgroup(_) => Exit::Unsupported,
        WatchError::Stream(_) | WatchError::Io(_) => Exit::Failed,
    };
    Err(Failure::new(exit, error))
}

/// Looks whether anything of what is selected was there at all.
#[derive(Clone)]
struct Seen {
    selection: Selection,
    any: Arc<AtomicBool>,
}

impl Sink for Seen {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        let is_waiting = matches!(&line.event, Event::Unit(unit) if unit.state == UnitState::Waiting);
        let subject = line.event.subject().filter(|_| !is_waiting);
        if subject.is_some_and(|subject| self.selection.covers(subject)) {
            self.any.store(true, Ordering::Release);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seen {
    fn found(&self) -> Result<(), Failure> {
        let hierarchy = Hierarchy::detect()?;
        // What is there and had nothing to tell is there.
        let mut asked = Asked::default();
        for subject in present(&hierarchy) {
            asked.see(&self.selection, &subject);
        }
        if self.any.load(Ordering::Acquire) || !asked.is_missed(&self.selection) {
            return Ok(());
        }
        let (names, near) = (self.selection.names().join(", "), asked.near(&self.selection));
        let message = anyhow!("no unit, container or cgroup {names} was there{near}");
        Err(Failure::new(Exit::NotFound, message))
    }
}

/// This machine's name.
pub(super) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The sinks that are asked for beside the command's own output, without the metrics.
fn beside(options: &Learn) -> Result<Vec<Box<dyn Sink>>, Failure> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if options.journal {
        let journal = Journal::new().map_err(|error| {
            let message =
                anyhow!("--journal: there is no journal on this machine: /run/systemd/journal/socket: {error}");
            Failure::new(Exit::Unsupported, message)
        })?;
        sinks.push(Box::new(journal));
    }
    if let Some(command) = &options.exec_on_warning {
        let exec = Exec::new(command)
            .map_err(|error| Failure::new(Exit::Usage, anyhow!("--exec-on-warning '{command}': {error}")))?;
        sinks.push(Box::new(exec));
    }
    Ok(sinks)
}

/// The metrics, where anybody can ask for them: one count for the port and for systemd-report, whose socket comes with it.
fn metrics(options: &Learn) -> Result<(Option<Metrics>, Option<Socket>), Failure> {
    let mut metrics = None;
    if let Some(address) = &options.metrics_listen {
        let serve = |listener| metrics.get_or_insert_with(Metrics::default).serve(listener);
        listen(address).and_then(serve).map_err(|error| {
            let mend = match error.kind() {
                _ if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
                    "; the service has no network as it is shipped: set PrivateNetwork=no and RestrictAddressFamilies=AF_INET AF_INET6"
                }
                io::ErrorKind::AddrInUse => "; take another port, or see who has it with 'ss -ltnp'",
                io::ErrorKind::PermissionDenied => "; ports below 1024 take CAP_NET_BIND_SERVICE",
                _ => "; it is PORT, or ADDRESS:PORT of this machine",
            };
            let exit = match error.kind() {
                io::ErrorKind::InvalidInput => Exit::Usage,
                _ => Exit::Failed,
            };
            Failure::new(
                exit,
                anyhow!("--metrics-listen {address}: cannot listen there: {error}{mend}"),
            )
        })?;
    }
    let mut socket = None;
    if options.answers_reports
        && let Some((made, listener)) = report_socket(Path::new(report::FOLDER), options)
        && metrics.get_or_insert_with(Metrics::default).report(listener).is_ok()
    {
        socket = Some(made);
    }
    Ok((metrics, socket))
}

/// systemd-report's socket, where its folder is there and this may listen in it; 'oomtrace doctor' says where not.
fn report_socket(folder: &Path, options: &Learn) -> Option<(Socket, UnixListener)> {
    use io::ErrorKind::{AlreadyExists, NotFound, PermissionDenied, ReadOnlyFilesystem};
    let place = report::place(folder);
    let place = place.display();
    match report::listen(folder) {
        Ok(made) => Some(made),
        Err(error) if [NotFound, PermissionDenied, ReadOnlyFilesystem].contains(&error.kind()) => None,
        Err(error) if error.kind() == AlreadyExists => {
            // A watch beside the recorder is nothing special.
            if options.keeps_runs || options.verbose {
                notice(format_args!(
                    "{place} is another oomtrace's: systemd-report shows that one's metrics"
                ));
            }
            None
        }
        Err(error) => {
            notice(format_args!(
                "cannot listen at {place}: {error}; systemd-report shows no metrics of oomtrace"
            ));
            None
        }
    }
}
