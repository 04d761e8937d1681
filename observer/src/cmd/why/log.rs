//! `oomtrace why --log`: what a log says of kills, of whatever machine, without this one's help.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use super::packed;
use crate::cli::{Exit, Failure, Output, Why};
use crate::cmd::output::{self, Damages};
use crate::engine::log::{Stamp, Told};
use crate::event::{Event, Kill, Subject};
use crate::human::{date, duration};
use crate::measure::Timestamp;
use crate::pasted::{Pasted, read};
use crate::sink::{Colour, Paper, TextOptions};
use crate::unit::Selection;
use crate::words::{cause, counted, paragraph};
use anyhow::anyhow;

/// Where the words of a labelled line begin.
const LABELS: usize = 12;

/// The logs that are given: by name, or on standard input where that is a pipe or a file, and nothing else is asked for.
pub(super) fn given(options: &Why) -> Option<Vec<PathBuf>> {
    if !options.log.is_empty() {
        return Some(options.log.clone());
    }
    let other = options.journal_file.is_some() || options.dir.is_some() || options.boot;
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
    io::stdin().lock().fill_buf().is_ok_and(|block| !block.is_empty())
}

/// Reads the logs and tells what they say.
pub(super) fn run(options: &Why, selection: &Selection, logs: &[PathBuf]) -> Result<(), Failure> {
    let mut damages = Damages::default();
    let mut teller = Teller::new(options, selection);
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
    }
    match teller.end() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        told => told?,
    }
    damages.end()?;
    if teller.count == 0 && !selection.is_empty() {
        let message = anyhow!("the log says nothing of a kill in the units that are asked for");
        return Err(Failure::new(Exit::NotFound, message));
    }
    Ok(())
}

fn open(path: &Path) -> Result<Box<dyn io::BufRead>, Failure> {
    let failed = |error: io::Error| Failure::new(Exit::NotFound, anyhow!("cannot read {}: {error}", path.display()));
    if path == Path::new("-") {
        return packed::open(io::stdin()).map_err(failed);
    }
    File::open(path).and_then(packed::open).map_err(failed)
}

/// Tells each as it comes, or the last of all.
struct Teller<'a> {
    options: &'a Why,
    selection: &'a Selection,
    text: TextOptions,
    /// The last kill, and whatever came after it.
    last: Option<Told>,
    seq: u64,
    count: u64,
    earlier: u64,
    is_closed: bool,
}

impl<'a> Teller<'a> {
    fn new(options: &'a Why, selection: &'a Selection) -> Self {
        Self {
            options,
            selection,
            text: output::text_options(options.color, false, selection),
            last: None,
            seq: 0,
            count: 0,
            earlier: 0,
            is_closed: false,
        }
    }

    fn tell(&mut self, told: Told) -> io::Result<()> {
        if !self.wants(&told) {
            return Ok(());
        }
        self.count += 1;
        if self.options.all {
            return self.write(&told);
        }
        let is_kill = matches!(told.event, Event::Kill(_));
        if is_kill
            || self
                .last
                .as_ref()
                .is_none_or(|last| !matches!(last.event, Event::Kill(_)))
        {
            self.earlier += u64::from(matches!(
                self.last.as_ref().map(|last| &last.event),
                Some(Event::Kill(_))
            ));
            self.last = Some(told);
        }
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
        if let Some(last) = self.last.take() {
            self.write(&last)?;
        }
        if self.options.output == Output::Text {
            let mut out = io::stdout().lock();
            if self.count == 0 {
                writeln!(out, "The log tells of no kill for memory.")?;
            }
            match self.earlier {
                0 => {}
                1 => writeln!(out, "  It tells of 1 kill before: --all shows both.")?,
                more => writeln!(out, "  It tells of {more} kills before: --all shows them.")?,
            }
        }
        io::stdout().flush()
    }

    fn write(&mut self, told: &Told) -> io::Result<()> {
        let written = match self.options.output {
            Output::Json => self.json(told),
            Output::Text => self.words(told),
        };
        self.is_closed = written
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        self.seq += 1;
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
        let when = when(&told.stamp);
        if self.options.all && self.seq > 0 {
            out.row("")?;
        }
        match &told.event {
            Event::Kill(kill) => write_kill(kill, told, &when, out),
            Event::Unit(unit) => {
                let name = unit.subject.user_unit.as_ref().or(unit.subject.unit.as_ref());
                let line = format!(
                    "{} failed{when}: Result={}.",
                    name.map_or("A unit", String::as_str),
                    unit.result.as_deref().unwrap_or("unknown")
                );
                out.put(&line, 2)
            }
            Event::OomWithoutKill(event) => {
                let owner = event.subject.cgroup.path.as_deref().unwrap_or("the machine");
                out.put(
                    &format!("Out of memory{when} in {owner}, and nothing could be killed."),
                    2,
                )
            }
            Event::Unexplained(event) => out.put(&unexplained(event, &when), 2),
            _ => Ok(()),
        }
    }
}

fn write_kill(kill: &Kill, told: &Told, when: &str, out: &mut Paper<io::Stdout>) -> io::Result<()> {
    let subject = &kill.subject;
    let name = subject
        .user_unit
        .as_deref()
        .or(subject.unit.as_deref())
        // The root is nobody's.
        .or(subject.cgroup.path.as_deref().filter(|path| *path != "/"));
    let container = subject.container.as_ref().map(|container| {
        let id: String = container.id.chars().take(12).collect();
        format!("{} container {id}", container.runtime)
    });
    let whose = name.map(str::to_owned).or(container);
    let host = told.host.as_ref().filter(|host| !host.is_empty());
    let host = host.map(|host| format!(" on {host}")).unwrap_or_default();
    let who = match (&kill.victim, whose) {
        (Some(_), Some(whose)) => format!("{} of {whose}", kill.who()),
        (Some(_), None) => kill.who(),
        (None, Some(whose)) => format!("Something in {whose}"),
        (None, None) => "Something".to_owned(),
    };
    let line = format!("{who} was killed{host}{when} {}.", cause(kill));
    out.marked(&line, "killed", Colour::Red, 2)?;
    let at = told.stamp.ts.unwrap_or(Timestamp(jiff::Timestamp::UNIX_EPOCH));
    for (label, words) in paragraph(kill, at).1 {
        out.put(&format!("  {label:<9} {words}"), LABELS)?;
    }
    out.put(&format!("  {}", rests(kill, told.checked)), 4)
}

/// ` on 2025-03-11 10:16:36`, as far as the log tells.
fn when(stamp: &Stamp) -> String {
    match (stamp.ts, &stamp.clock, stamp.mono) {
        (Some(ts), ..) => format!(" on {}", date(ts)),
        (None, Some(clock), _) => format!(" on {clock}"),
        (None, None, Some(mono)) => {
            let seconds = std::time::Duration::from_micros(mono).as_secs_f64();
            format!(" {} after its boot", duration(seconds))
        }
        (None, None, None) => String::new(),
    }
}

fn unexplained(event: &crate::event::Unexplained, when: &str) -> String {
    let subject = &event.subject;
    let name = subject.user_unit.as_ref().or(subject.unit.as_ref()).cloned();
    let container = || {
        subject
            .container
            .as_ref()
            .map(|container| format!("container {}", container.id))
    };
    match (name.or_else(container), event.counted) {
        (Some(name), _) => format!(
            "Something of {name} was killed by the kernel's OOM killer{when}; the kernel's own lines are not in the log."
        ),
        (None, 1) => {
            format!("A report of the OOM killer{when} is not all in the log: who was killed, and whether, is not told.")
        }
        (None, count) => format!(
            "{count} reports of the OOM killer are missing{when}: the kernel left them out for there were too many."
        ),
    }
}

/// What it rests on, and what the log leaves open.
fn rests(kill: &Kill, checked: bool) -> String {
    let unknown: Vec<&str> = [
        (kill.victim.is_none(), "who was killed"),
        (
            kill.subject.cgroup.path.is_none() && kill.subject.unit.is_none() && kill.subject.user_unit.is_none(),
            "the victim's cgroup",
        ),
        (
            kill.killer.is_none() && kill.trigger.is_none(),
            "who asked for the memory",
        ),
        (
            kill.in_a_limit() && kill.limit.as_ref().is_none_or(|limit| limit.cgroup.is_none()),
            "whose limit it was",
        ),
        (
            kill.in_a_limit() && kill.limit.as_ref().is_none_or(|limit| limit.bytes.is_none()),
            "how large the limit was",
        ),
    ]
    .into_iter()
    .filter_map(|(is_unknown, what)| is_unknown.then_some(what))
    .collect();
    let text = if checked {
        "the journal's fields"
    } else {
        "the text alone, which anyone may have written"
    };
    let unknown = if unknown.is_empty() {
        String::new()
    } else {
        format!(" Not told: {}.", unknown.join(", "))
    };
    format!("Rests on: {} ({text}).{unknown}", kill.evidence.join(", "))
}
