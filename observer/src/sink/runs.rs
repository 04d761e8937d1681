//! How runs of units went, remembered past oomtrace's own end: the next one compares with them what it sees.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::confine::Task;
use crate::event::{Event, Line, Run, RunState};
use crate::measure::Timestamp;
use crate::notice::notice;
use crate::private;

/// Runs of a unit that are remembered.
const OF_A_UNIT: usize = 3;
/// Units whose runs are remembered, at most; the one whose last run ended first goes first.
const UNITS: usize = 1_024;
/// A run that ended longer ago says nothing any more, in seconds: 30 days.
const OLD: f64 = 30.0 * 86_400.0;
/// Between two writings, in seconds.
const SPACING: f64 = 10.0;

/// Longer than any line that is written here, and than all of them: a run is told in some hundred bytes.
const MAX_LINE: u64 = 64 << 10;
const MAX_FILE: u64 = 16 << 20;

/// A file of the last runs.
#[derive(Debug)]
pub struct Runs {
    path: PathBuf,
    /// By host and cgroup, oldest first.
    runs: HashMap<(String, String), VecDeque<Line>>,
    /// Since when there is something to write.
    changed: Option<Timestamp>,
    /// Whether it was told that it cannot be written.
    is_told: bool,
    /// As long as it is open no other oomtrace writes to the same file; `None` where another one has it.
    lock: Option<File>,
}

impl Runs {
    /// A file that is opened when the stream begins: before that there may be a better reason not to go on.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            runs: HashMap::new(),
            changed: None,
            is_told: false,
            lock: None,
        }
    }

    /// Begins with what the file holds.
    fn open(&mut self) -> io::Result<()> {
        if let Some(parent) = self.path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        let lock = private::lock(&beside(&self.path, ".lock"))?;
        // Where another oomtrace writes to it already, that one remembers.
        if lock.try_lock().is_err() {
            return Ok(());
        }
        for line in read(&self.path)? {
            self.keep(line);
        }
        self.lock = Some(lock);
        Ok(())
    }

    fn tell(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.is_told, true) {
            let path = self.path.display();
            notice(format_args!(
                "cannot remember units' runs in {path}: {error} (--runs FILE names another file)"
            ));
        }
    }

    fn keep(&mut self, line: Line) -> Option<()> {
        let Event::Run(run) = &line.event else { return None };
        let key = (line.host.clone(), run.subject.cgroup.path.clone()?);
        if self.runs.len() >= UNITS && !self.runs.contains_key(&key) {
            let oldest = self.runs.iter().min_by_key(|(_, runs)| runs.back().map(|run| run.ts));
            let oldest = oldest.map(|(key, _)| key.clone())?;
            self.runs.remove(&oldest);
        }
        let runs = self.runs.entry(key).or_default();
        runs.push_back(line);
        while runs.len() > OF_A_UNIT {
            runs.pop_front();
        }
        Some(())
    }

    /// A whole file or the old one.
    fn write(&self) -> io::Result<()> {
        let draft = beside(&self.path, ".new");
        let mut out = io::BufWriter::new(private::replace(&draft)?);
        let mut lines: Vec<&Line> = self.runs.values().flatten().collect();
        lines.sort_by_key(|line| line.ts);
        for line in lines {
            serde_json::to_writer(&mut out, line)?;
            out.write_all(b"\n")?;
        }
        out.into_inner()?.sync_data()?;
        fs::rename(draft, &self.path)
    }
}

/// The same path with something behind it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The runs that a file holds, in their order; none where there is no file. Lines that are none are left out: a run that is
/// not known costs a warning that need not have been, and no more.
///
/// # Errors
/// Where there is a file that cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<Line>> {
    let file = match private::read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let (mut file, mut lines, mut line) = (BufReader::new(file.take(MAX_FILE)), Vec::new(), Vec::new());
    while lines.len() < UNITS * OF_A_UNIT {
        line.clear();
        if (&mut file).take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let told = Line::from_json(&line).ok();
        lines.extend(told.filter(|line| matches!(line.event, Event::Run(_))));
    }
    Ok(lines)
}

/// Of lines those that are this host's and not old: what a stream that begins now is to know.
#[must_use]
pub fn known(lines: Vec<Line>, host: &str, now: Timestamp) -> Vec<Run> {
    let lines = lines
        .into_iter()
        .filter(|line| line.host == host && now.seconds_since(line.ts) < OLD);
    lines
        .filter_map(|line| match line.event {
            Event::Run(run) => Some(run),
            _ => None,
        })
        .collect()
}

impl super::Sink for Runs {
    fn task(&self) -> Option<Task> {
        Some(Task::Write)
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        if let Event::Start(_) = &line.event
            && let Err(error) = self.open()
        {
            self.tell(&error);
        }
        // What is known already was read from here.
        let Event::Run(run) = &line.event else { return Ok(()) };
        if run.state == RunState::Known || self.lock.is_none() {
            return Ok(());
        }
        let mut run = run.clone();
        run.state = RunState::Known;
        // The next run has a cgroup of its own.
        run.subject.cgroup.id = None;
        self.keep(Line {
            event: Event::Run(run),
            ..line.clone()
        });
        self.changed.get_or_insert(line.ts);
        Ok(())
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        if self.changed.is_some_and(|since| now.seconds_since(since) >= SPACING) {
            self.flush()?;
        }
        Ok(())
    }

    fn takes_samples(&self) -> bool {
        false
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.changed.is_none() {
            return Ok(());
        }
        match self.write() {
            Ok(()) => (self.changed, self.is_told) = (None, false),
            // No reason to end for: it is tried again.
            Err(error) => self.tell(&error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{RunEnd, RunOutline, Subject};
    use crate::measure::Bytes;
    use crate::sink::Sink as _;

    fn line(path: &str, second: i64, peak: u64) -> Line {
        let mut subject = Subject::default();
        subject.cgroup.path = Some(path.to_owned());
        Line {
            event: Event::Run(Run {
                subject,
                state: RunState::Ended,
                run: RunOutline {
                    end: RunEnd::Stopped,
                    seconds: 60.0,
                    peak: Bytes(peak),
                    held: Vec::new(),
                },
            }),
            ts: at(second),
            seq: 0,
            host: "web-07".to_owned(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp(jiff::Timestamp::from_second(second).unwrap())
    }

    fn open(path: &Path) -> Runs {
        let mut sink = Runs::new(path.to_owned());
        sink.open().unwrap();
        sink
    }

    #[test]
    fn the_last_runs_are_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/runs");
        let mut sink = open(&path);
        for (run, second) in (0..5).zip(100..) {
            sink.line(&line("/a.service", second, run)).unwrap();
        }
        sink.line(&line("/b.service", 200, 7)).unwrap();
        assert!(open(&path).lock.is_none(), "two writers");
        sink.flush().unwrap();
        drop(sink);
        // What is damaged costs itself only.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{{\"event\":\n{text}\u{fffd}\n")).unwrap();
        let runs = known(read(&path).unwrap(), "web-07", at(300));
        let peaks: Vec<u64> = runs.iter().map(|run| run.run.peak.0).collect();
        assert_eq!(peaks, [2, 3, 4, 7]);
        assert!(runs.iter().all(|run| run.state == RunState::Known));
        assert!(known(read(&path).unwrap(), "db-01", at(300)).is_empty());
        assert!(known(read(&path).unwrap(), "web-07", at(10_000_000)).is_empty());
        // And the next writer goes on from there.
        let mut sink = open(&path);
        sink.line(&line("/b.service", 400, 8)).unwrap();
        sink.tick(at(405)).unwrap();
        sink.tick(at(410)).unwrap();
        assert_eq!(known(read(&path).unwrap(), "web-07", at(500)).len(), 5);
    }

    #[test]
    fn there_is_room_for_so_many_units() {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = open(&folder.path().join("runs"));
        for unit in 0..2_000 {
            sink.line(&line(&format!("/{unit}.service"), unit, 1)).unwrap();
        }
        assert_eq!(sink.runs.len(), UNITS);
        assert!(sink.runs.keys().all(|(_, path)| path != "/0.service"));
    }
}
