//! `oomtrace why --log`: what a log says of kills, of whatever machine, without this one's help.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use super::errand::SIGNATURE;
use super::packed;
use crate::cli::{Exit, Failure, Output, Why};
use crate::cmd::output::{self, Damages};
use crate::cmd::pager::{self, Pager};
use crate::confine::{self, Task};
use crate::engine::log::Told;
use crate::event::{Event, Subject};
use crate::notice::notice;
use crate::pasted::{Pasted, read};
use crate::sink::{Colour, Paper, TextOptions};
use crate::unit::Selection;
use crate::words::{LOOKED_FOR, NO_KILL, WHOLE_REPORT, counted, is_last_line, sentences};
use anyhow::anyhow;

/// Where the words of a labelled line begin.
const LABELS: usize = 12;

/// The logs that are given: by name, or on standard input where that is a pipe or a file, and nothing else is asked for, nor a unit:
/// `while read unit; do oomtrace why $unit; done` has the next units there.
pub(super) fn given(options: &Why, selection: &Selection) -> Option<Vec<PathBuf>> {
    if !options.log.is_empty() {
        return Some(options.log.clone());
    }
    let other =
        options.journal_file.is_some() || options.dir.is_some() || options.boot.is_some() || !selection.is_empty();
    (!other && is_text(&io::stdin()) && has_more()).then(|| vec![PathBuf::from("-")])
}

/// Whether standard input was given to be read: a pipe or a file, and no terminal or device (services and cron jobs have
/// /dev/null there). A socket is what `ssh HOST oomtrace why` has there, silent and open.
fn is_text(stdin: &io::Stdin) -> bool {
    use rustix::fs::FileType;
    if stdin.is_terminal() {
        return false;
    }
    let kind = rustix::fs::fstat(stdin).map(|stat| FileType::from_raw_mode(stat.st_mode));
    matches!(kind, Ok(FileType::Fifo | FileType::RegularFile))
}

/// Whether there is anything to read, now or later: what starts this command without a thought gives it an empty input.
fn has_more() -> bool {
    use std::io::BufRead as _;
    // What cannot be read says so when it is.
    !matches!(io::stdin().lock().fill_buf(), Ok([]))
}

/// Reads the logs and tells what they say.
pub(super) fn run(options: &Why, selection: &Selection, logs: &[PathBuf]) -> Result<(), Failure> {
    let is_text = options.format.output() == Output::Text;
    // What is typed or pasted is seen as it comes.
    let is_typed = logs.iter().any(|path| path == Path::new("-")) && io::stdin().is_terminal();
    if is_typed {
        notice(format_args!(
            "paste the log here, then press Ctrl-D on a line of its own"
        ));
    }
    let pagers = (is_text && !is_typed).then(|| pager::errands(options.paging)).flatten();
    confine::process(Task::Read);
    let mut damages = Damages::default();
    // As wide as the terminal that the pager is on.
    let mut teller = Teller::new(options, selection);
    let _pager = pagers.as_ref().and_then(|pagers| Pager::open(pagers, options.paging));
    for path in logs {
        let mut pasted = Pasted::default();
        let text = open(path)?;
        match read(text, &mut pasted, &mut |told| teller.tell(told)) {
            Ok(skipped) if skipped.long > 0 => {
                let lines = counted(skipped.long, "line");
                damages.tell(format_args!(
                    "{}: {lines} of more than 1 MiB passed over",
                    path.display()
                ));
            }
            Ok(_) => {}
            Err(error) if teller.is_closed => {
                drop(error);
                return Ok(());
            }
            Err(error) => damages.tell(format_args!("{}: {error}", path.display())),
        }
        for meaning in pasted.hearsay() {
            if !teller.hearsay.contains(&meaning) {
                teller.hearsay.push(meaning);
            }
        }
    }
    if output::is_over(teller.end())? {
        return Ok(());
    }
    damages.end()?;
    if teller.count == 0 && !selection.is_empty() {
        let message = anyhow!("the log says nothing of a kill in the units that are asked for");
        return Err(Failure::new(Exit::NotFound, message));
    }
    Ok(())
}

fn open(path: &Path) -> Result<Box<dyn io::BufRead>, Failure> {
    let failed = |error: io::Error| output::unreadable(&error, format_args!("cannot read {}: {error}", path.display()));
    let text = match path == Path::new("-") {
        true => packed::open(io::stdin()),
        false => File::open(path).and_then(packed::open),
    };
    let mut text = text.map_err(failed)?;
    let first = text.fill_buf().map_err(failed)?;
    let (what, option) = if is_recording(first) {
        ("a recording", "--dir")
    } else if first.starts_with(SIGNATURE) {
        ("journald's own file", "--journal-file")
    } else {
        return Ok(text);
    };
    let message = if path == Path::new("-") {
        anyhow!("standard input is {what}: 'oomtrace why {option} FILE' reads it from a file")
    } else {
        anyhow!("{0} is {what}: 'oomtrace why {option} {0}' reads it", path.display())
    };
    Err(Failure::new(Exit::Damaged, message))
}

/// Whether a file begins as oomtrace's own do.
fn is_recording(first: &[u8]) -> bool {
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let has = |field: &[u8]| line.windows(field.len()).any(|part| part == field);
    line.starts_with(b"{") && has(b"\"event\":\"start\"") && has(b"\"seq\":")
}

/// So many kills are kept to be shown newest first.
const MAX_KEPT: usize = 10_000;

fn is_kill(event: &Event) -> bool {
    matches!(event, Event::Kill(_))
}

/// Tells each as it comes, or the last ones at the end.
struct Teller<'a> {
    options: &'a Why,
    selection: &'a Selection,
    text: TextOptions,
    /// The last kills, as many as are wanted; as long as there is none, the last other thing.
    kept: VecDeque<Told>,
    seq: u64,
    count: u64,
    earlier: u64,
    /// What others say that is no report of a kill.
    hearsay: Vec<&'static str>,
    /// Of some that were written only the last line was there.
    has_last_lines: bool,
    is_closed: bool,
}

impl<'a> Teller<'a> {
    fn new(options: &'a Why, selection: &'a Selection) -> Self {
        Self {
            options,
            selection,
            text: output::text_options(options.color, false, selection),
            kept: VecDeque::new(),
            seq: 0,
            count: 0,
            earlier: 0,
            hearsay: Vec::new(),
            has_last_lines: false,
            is_closed: false,
        }
    }

    fn tell(&mut self, told: Told) -> io::Result<()> {
        if !self.wants(&told) {
            return Ok(());
        }
        self.count += 1;
        if self.options.all && !self.options.reverse {
            return self.write(&told);
        }
        let has_kill = self.kept.back().is_some_and(|last| is_kill(&last.event));
        if !has_kill {
            self.kept.clear();
        } else if !is_kill(&told.event) {
            return Ok(());
        }
        if self.kept.len() >= self.options.wanted().min(MAX_KEPT) {
            self.kept.pop_front();
            self.earlier += 1;
        }
        self.kept.push_back(told);
        Ok(())
    }

    fn wants(&self, told: &Told) -> bool {
        let subject = match &told.event {
            Event::Kill(kill) => &kill.subject,
            Event::Unit(unit) => &unit.subject,
            Event::OomWithoutKill(event) => &event.subject,
            Event::Unexplained(event) => &event.subject,
            _ => return false,
        };
        let time = told.stamp.ts.map(|ts| ts.0);
        (self.selection.is_empty() || *subject != Subject::default() && self.selection.covers(subject))
            && time.is_none_or(|ts| {
                self.options.since.is_none_or(|since| ts >= since) && self.options.until.is_none_or(|until| ts <= until)
            })
    }

    fn end(&mut self) -> io::Result<()> {
        let mut kept: Vec<Told> = std::mem::take(&mut self.kept).into();
        if self.options.reverse {
            kept.reverse();
        }
        kept.iter().try_for_each(|told| self.write(told))?;
        if self.options.format.output() == Output::Text {
            let out = &mut Paper::new(io::stdout(), &self.text);
            if self.count == 0 {
                out.row(NO_KILL)?;
                if self.hearsay.is_empty() {
                    out.put(&format!("  {LOOKED_FOR}"), 2)?;
                }
                for meaning in &self.hearsay {
                    out.put(&format!("  {meaning}"), 2)?;
                }
            }
            match self.earlier {
                0 => {}
                1 => out.row("  1 earlier kill is in this log: --all shows it too.")?,
                more => out.row(&format!("  {more} earlier kills are in this log: --all shows them."))?,
            }
            if self.has_last_lines {
                out.put(WHOLE_REPORT, 0)?;
            }
        }
        io::stdout().flush()
    }

    fn write(&mut self, told: &Told) -> io::Result<()> {
        let written = match self.options.format.output() {
            Output::Json => self.json(told),
            Output::Text => self.words(told),
        };
        self.is_closed = written
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        self.seq += 1;
        self.has_last_lines |= is_last_line(told);
        written
    }

    fn json(&self, told: &Told) -> io::Result<()> {
        let line = told.to_json(self.seq)?;
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")
    }

    fn words(&self, told: &Told) -> io::Result<()> {
        let out = &mut Paper::new(io::stdout(), &self.text);
        if self.seq > 0 {
            out.row("")?;
        }
        let Some(told) = sentences(told) else { return Ok(()) };
        match &told.rests {
            Some(rests) => {
                out.marked(&told.headline, "killed", Colour::Red, 2)?;
                for (label, words) in &told.lines {
                    out.put(&format!("  {label:<9} {words}"), LABELS)?;
                }
                out.put(&format!("  {rests}"), 4)
            }
            None => out.put(&told.headline, 2),
        }
    }
}
