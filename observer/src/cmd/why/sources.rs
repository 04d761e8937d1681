//! Where ends are known from: captures, the journal, and where there is none the kernel's own log.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::errand::{Errand, is_kept};
use super::past::{Past, Source, hostname};
use super::{boot, packed};
use crate::capture::{self, CAPTURES};
use crate::cli::{Exit, Failure, Why};
use crate::cmd::output;
use crate::conf;
use crate::engine::log::LogLine;
use crate::event::{Event, ForecastState, Line, UnitState};
use crate::journal::{Reader, Told, What};
use crate::kernel::log::DEVICE;
use crate::measure::Timestamp;

/// The longest line of a journal: journald itself keeps no field of more than 768 KiB unless it is told to.
const MAX_LINE: usize = 1 << 20;

/// What is passed over of one line, at most.
const MAX_OVER: usize = 64 << 20;

impl Past {
    pub(super) fn captures(&mut self, options: &Why) -> Result<(), Failure> {
        // A journal that is given may be another machine's: this one's captures are not its.
        if options.journal_file.is_some() && options.dir.is_none() {
            return Ok(());
        }
        let path = options
            .dir
            .clone()
            .unwrap_or_else(|| conf::recordings(Path::new(CAPTURES)));
        let sources = match capture::open(&path) {
            Ok(sources) => sources,
            Err(error) if options.dir.is_some() => return Err(output::unreadable(&error.source, &error)),
            // Nobody has recorded here.
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.cannot(&path.display().to_string(), &error.source);
                return Ok(());
            }
        };
        let boot = self.boot.as_ref();
        let boot = boot.map(|boot| boot.id(self.errands.as_ref())).transpose()?;
        for lines in sources {
            // Though it may hold samples alone, which are passed over.
            self.looked.insert(Source::Capture);
            let mut lines = lines.passing_over(self.passed_over());
            while let Some(line) = lines.next() {
                match line {
                    Ok(_) if boot.as_deref().is_some_and(|boot| lines.boot() != Some(boot)) => {}
                    Ok(line) => {
                        self.begin(line.ts);
                        let boot = lines.boot();
                        self.is_own = self.is_own || self.is_here(&line.host, boot);
                        self.line(*line, boot);
                    }
                    Err(damage) => self.damages.tell(damage),
                }
            }
        }
        Ok(())
    }

    /// Samples of units that nobody asks about are not read.
    fn passed_over(&self) -> impl Fn(&[u8]) -> bool + use<> {
        let every = self.selection.is_empty();
        // As a path or the runtime's files have it: the suffix that is implied may stand in none of them.
        let names: Vec<String> = self.selection.written();
        move |line| {
            let is_meant = || {
                let has = |name: &String| line.windows(name.len()).any(|window| window == name.as_bytes());
                names.is_empty() || names.iter().any(has)
            };
            capture::is_sample(line) && (every || !is_meant())
        }
    }

    fn line(&mut self, line: Line, boot: Option<&str>) {
        let Line { event, ts, host, .. } = line;
        if let Some(subject) = event.subject() {
            self.asked.see(&self.selection, subject);
        }
        let what = match event {
            Event::Kill(kill) => What::Kill(kill),
            Event::Unit(unit) if unit.state == UnitState::Failed => What::Failed(Box::new(unit)),
            Event::Sample(sample) => {
                if self.selection.covers(&sample.subject) {
                    self.growth.push(ts, &sample);
                }
                return;
            }
            Event::Forecast(change) if change.state == ForecastState::Raised => {
                self.warn(ts, change.subject);
                return;
            }
            Event::Stacks(stacks) => {
                self.filled(ts, stacks);
                return;
            }
            _ => return,
        };
        let boot = boot.map(str::to_owned);
        self.push(Told { ts, host, boot, what }, Source::Capture);
    }

    pub(super) fn journal(&mut self, options: &Why) -> Result<(), Failure> {
        match options.journal_file.as_deref() {
            Some(path) if is_kept(path) => self.kept_journal(path),
            Some(path) => self.exported_journal(path),
            None => {
                // Captures that are given may be another machine's too.
                if options.dir.is_none() || self.is_own {
                    self.own_journal();
                }
                Ok(())
            }
        }
    }

    /// A folder or a file of journald's.
    fn kept_journal(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.display();
        if path.is_dir() && !has_journals(path) {
            let message = anyhow!("no journal is in {name}: none of journald's files, there or one below");
            return Err(Failure::new(Exit::NotFound, message));
        }
        let failed = |exit, error: io::Error| Failure::new(exit, anyhow!("cannot read {name}: {error}"));
        let pipe = self.run(&Errand::Journal).map_err(|error| {
            let message = format!("journalctl cannot be run: {error}");
            failed(Exit::NotFound, io::Error::other(message))
        })?;
        if let Some(pipe) = pipe {
            self.entries(Box::new(BufReader::new(File::from(pipe))), &name.to_string());
        }
        self.run(&Errand::Ended).map_err(|error| failed(Exit::Damaged, error))?;
        self.looked.insert(Source::Journal);
        Ok(())
    }

    /// What journalctl printed.
    fn exported_journal(&mut self, path: &Path) -> Result<(), Failure> {
        let source = match path == Path::new("-") {
            true => packed::open(io::stdin()),
            false => File::open(path).and_then(packed::open),
        };
        let name = path.display();
        let source = source.map_err(|error| output::unreadable(&error, format_args!("cannot read {name}: {error}")))?;
        self.entries(source, &name.to_string());
        if self.looked.is_empty() && self.damages.is_none() {
            let message = anyhow!("{name} is empty: no journal, and nothing that journalctl printed");
            return Err(Failure::new(Exit::NotFound, message));
        }
        Ok(())
    }

    /// This machine's, or its kernel log.
    fn own_journal(&mut self) {
        match self.run(&Errand::Journal) {
            Ok(Some(pipe)) => self.entries(Box::new(BufReader::new(File::from(pipe))), "the journal"),
            Ok(None) => {}
            Err(error) => {
                self.faults.push(format!("journalctl: {error}"));
                self.kernel_log();
                return;
            }
        }
        let ended = self.run(&Errand::Ended);
        if !self.looked.contains(&Source::Journal) {
            let words = ended.err().map(|error| error.to_string());
            self.faults.extend(words.filter(|words| !words.trim().is_empty()));
            self.kernel_log();
        }
        if let Some(journal) = system_journals(&["/var/log/journal", "/run/log/journal"]).find(|path| is_denied(path)) {
            self.denied.push(format!(
                "the system's journal, {}: permission denied",
                journal.display()
            ));
        }
    }

    fn run(&self, errand: &Errand) -> io::Result<Option<OwnedFd>> {
        let errands = self.errands.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        errands.run(errand)
    }

    fn entries(&mut self, mut source: Box<dyn BufRead>, name: &str) {
        let mut reader = Reader::default();
        let mut line = Vec::new();
        for number in 0.. {
            match bounded(&mut source, &mut line) {
                Ok(None) => return,
                Ok(Some(false)) => {
                    self.damages
                        .tell(format_args!("{name}: line {}: longer than 1 MiB", number + 1));
                    continue;
                }
                Ok(Some(true)) if line.trim_ascii().is_empty() => continue,
                Ok(Some(true)) => {}
                Err(error) => {
                    self.damages.tell(format_args!("{name}: after line {number}: {error}"));
                    return;
                }
            }
            match reader.entry(&line) {
                Ok(told) => {
                    self.looked.insert(Source::Journal);
                    if let Some(told) = told {
                        self.begin(told.ts);
                        self.push(told, Source::Journal);
                    }
                }
                Err(error) => {
                    let number = number + 1;
                    let words = "no entry of `journalctl --output=json`";
                    self.damages
                        .tell(format_args!("{name}: line {number}: {words}: {error}"));
                }
            }
        }
    }

    /// What the kernel still has in memory, where there is no journal.
    fn kernel_log(&mut self) {
        // It has no other boot's.
        if self.boot.as_ref().is_some_and(|boot| !boot.is_current()) {
            return;
        }
        let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
        let mut device = match OpenOptions::new().read(true).custom_flags(nonblocking).open(DEVICE) {
            Ok(device) => device,
            Err(error) => {
                self.cannot(DEVICE, &error);
                return;
            }
        };
        let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let uptime = jiff::SignedDuration::new(uptime.tv_sec, i32::try_from(uptime.tv_nsec).unwrap_or_default());
        let (host, boot) = (hostname(), boot::this());
        let now = jiff::Timestamp::now();
        let (mut reader, mut buffer) = (Reader::default(), vec![0; 16_384]);
        loop {
            let length = match device.read(&mut buffer) {
                Ok(length) if length > 0 => length,
                Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::Interrupted) => {
                    continue;
                }
                Ok(_) | Err(_) => return,
            };
            let Some(line) = LogLine::parse(buffer.get(..length).unwrap_or_default()) else {
                continue;
            };
            self.looked.insert(Source::KernelLog);
            let micros = i64::try_from(line.time).unwrap_or(i64::MAX);
            let ago = uptime.saturating_sub(jiff::SignedDuration::from_micros(micros));
            let ts = Timestamp(now.checked_sub(ago).unwrap_or(now));
            self.begin(ts);
            if let Some(what) = reader.log_line(line) {
                let (host, boot) = (host.clone(), boot.clone());
                self.push(Told { ts, host, boot, what }, Source::KernelLog);
            }
        }
    }
}

/// Whether journald's files are in a folder, or in one below it, as journalctl(1) looks for them (`--directory=`).
fn has_journals(folder: &Path) -> bool {
    let entries = |folder: &Path| {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    let is_journal = |path: &Path| {
        path.extension()
            .is_some_and(|end| end == "journal" || end == "journal~")
    };
    entries(folder).any(|path| is_journal(&path) || entries(&path).any(|path| is_journal(&path)))
}

/// The system's own journals, one a machine id (systemd-journald.service(8), "Files").
fn system_journals<'a>(folders: &'a [&str]) -> impl Iterator<Item = PathBuf> + 'a {
    let machines = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let journals = machines.flatten().map(|machine| machine.path().join("system.journal"));
    journals.filter(|journal| journal.exists())
}

/// Whether it is there and may not be read.
fn is_denied(path: &Path) -> bool {
    File::open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Reads a line; whether it was short enough to be kept, and `None` at the end. What has no end of line for long is no text.
fn bounded(source: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let mut length = 0_usize;
    loop {
        let block = match source.fill_buf() {
            Ok(block) => block,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if block.is_empty() {
            return Ok((length > 0).then_some(length <= MAX_LINE));
        }
        let end = block.iter().position(|byte| *byte == b'\n');
        let part = block.get(..end.unwrap_or(block.len())).unwrap_or_default();
        length += part.len() + usize::from(end.is_some());
        if length <= MAX_LINE {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        source.consume(used);
        if end.is_some() {
            return Ok(Some(length <= MAX_LINE));
        }
        if length > MAX_OVER {
            let words = format!("no end of line in {} MiB: this is no text", MAX_OVER >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
    }
}
