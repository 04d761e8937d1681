//! `oomtrace units`: one table now, from the cgroup files alone.

use std::io;
use std::time::Duration;

use super::{output, watch};
use crate::cli::{Failure, Learn, Output, ProbeChoice, Units};
use crate::event::{Event, Line};
use crate::sink::{Json, Sink, Units as Table};

/// How often the files are read meanwhile.
const INTERVAL: Duration = Duration::from_millis(500);

/// Reads for a moment, then tells.
///
/// # Errors
/// As [`watch::run`].
pub fn run(options: &Units) -> Result<(), Failure> {
    let selection = output::selection(&options.which)?;
    let sink: Box<dyn Sink> = match options.format.output() {
        Output::Text => {
            let text = output::text_options(options.color, false, &selection);
            Box::new(Table::new(io::stdout(), text))
        }
        Output::Json => Box::new(Last {
            json: Json::new(io::stdout()),
            lines: Vec::new(),
        }),
    };
    let learn = Learn {
        interval: INTERVAL,
        duration: Some(options.wait),
        host: None,
        no_cmdline: true,
        journal: false,
        metrics_listen: None,
        exec_on_warning: None,
        stacks: false,
        runs: std::path::PathBuf::new(),
        no_runs: true,
        keeps_runs: false,
        // Nothing that is told takes a probe: no privileges are needed.
        probes: ProbeChoice::Poll,
        verbose: false,
    };
    watch::start(learn, selection, Duration::from_secs(0), vec![sink], None)
}

/// The last sample of each cgroup, as the event that it is.
struct Last<W: io::Write> {
    json: Json<W>,
    lines: Vec<Line>,
}

impl<W: io::Write + Send> Sink for Last<W> {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        let path = |line: &Line| match &line.event {
            Event::Sample(sample) => sample.subject.cgroup.path.clone(),
            _ => None,
        };
        match &line.event {
            Event::Sample(_) => {
                self.lines.retain(|other| path(other) != path(line));
                self.lines.push(line.clone());
            }
            Event::Stop(_) => {
                for (seq, mut line) in (0..).zip(std::mem::take(&mut self.lines)) {
                    line.seq = seq;
                    self.json.line(&line)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.json.flush()
    }
}
