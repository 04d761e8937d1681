//! `oomtrace units`: one table now, from the cgroup files and from what a running recorder has seen.

mod recorded;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{output, pager, watch};
use crate::capture::CAPTURES;
use crate::cli::{Exit, Failure, Learn, Output, Paging, ProbeChoice, Units};
use crate::conf;
use crate::event::{Event, Line};
use crate::sink::{Json, Order, Sink, Units as Table};

use recorded::Recorded;

/// How often the files are read meanwhile.
const INTERVAL: Duration = Duration::from_millis(500);

/// Reads for a moment, then tells.
///
/// # Errors
/// As [`watch::run`].
pub fn run(options: &Units) -> Result<(), Failure> {
    let selection = output::selection(&options.which)?;
    let order = Order {
        most: options
            .lines
            .map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX)),
        reversed: options.reverse,
    };
    // It is shown at the end: only then is there something to show, and for a pager.
    let written = Written::default();
    let output = options.format.output();
    let sink: Box<dyn Sink> = match output {
        Output::Text => {
            let text = output::text_options(options.color, false, &selection);
            Box::new(Table::new(written.clone(), text, order))
        }
        Output::Json => Box::new(Objects {
            json: Json::new(written.clone()),
            order,
            lines: Vec::new(),
        }),
    };
    let folder = options.dir.clone();
    if let Some(folder) = &folder {
        std::fs::read_dir(folder).map_err(|error| {
            Failure::new(
                Exit::NotFound,
                anyhow::anyhow!("cannot read {}: {error}", folder.display()),
            )
        })?;
    }
    let sink = Last {
        sink,
        folder: folder.unwrap_or_else(|| conf::recordings(Path::new(CAPTURES))),
        lines: HashMap::new(),
        boot: String::new(),
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
        runs: PathBuf::new(),
        no_runs: true,
        keeps_runs: false,
        answers_reports: false,
        // Nothing that is told takes a probe: no privileges are needed.
        probes: ProbeChoice::Poll,
        verbose: false,
    };
    let done = watch::start(learn, selection, Duration::from_secs(0), vec![Box::new(sink)], None);
    let text = std::mem::take(&mut *written.0.lock().unwrap_or_else(PoisonError::into_inner));
    // A table of no units is none.
    let is_none = done.as_ref().is_err_and(|failure| failure.exit == Exit::NotFound);
    if !is_none {
        let paging = Paging {
            no_pager: options.paging.no_pager || output == Output::Json,
        };
        pager::print(&text, paging)?;
    }
    done
}

/// What was written meanwhile.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The last sample of each cgroup, completed by what a recorder knows at the end.
struct Last {
    sink: Box<dyn Sink>,
    folder: PathBuf,
    lines: HashMap<String, Line>,
    boot: String,
}

impl Sink for Last {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        match &line.event {
            Event::Start(start) => self.boot = start.boot_id.replace('-', ""),
            Event::Sample(sample) => {
                let path = sample.subject.cgroup.path.clone().unwrap_or_default();
                self.lines.insert(path, line.clone());
            }
            Event::Stop(_) => {
                let recorded = Recorded::read(&self.folder, &self.boot, line.ts);
                for (_, mut last) in self.lines.drain() {
                    if let Event::Sample(sample) = &mut last.event {
                        recorded.complete(line.ts, sample);
                    }
                    self.sink.line(&last)?;
                }
                self.sink.line(line)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// The samples as the events that they are.
struct Objects<W: io::Write> {
    json: Json<W>,
    order: Order,
    lines: Vec<Line>,
}

impl<W: io::Write + Send> Sink for Objects<W> {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        match &line.event {
            Event::Sample(_) => self.lines.push(line.clone()),
            Event::Stop(_) => {
                let lines = std::mem::take(&mut self.lines);
                for (seq, line) in (0..).zip(self.order.of(lines.iter())) {
                    let mut line = line.clone();
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
