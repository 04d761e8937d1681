//! `oomtrace why`: past kills explained, from captures and from what the host kept.
//!
//! Captures and the journal become one list of ends, in the order of time; what both tell of is told once, as the capture
//! has it. The text is a function of that list.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::anyhow;

use super::output::{self, Damages};
use crate::capture::{self, CAPTURES, Lines};
use crate::cli::{Exit, Failure, Output, Why};
use crate::event::{Event, ForecastState, Kill, Line, Subject, Unit, UnitState};
use crate::human::duration;
use crate::journal::{MATCHES, Reader, Told, What};
use crate::kernel::log::{DEVICE, LogLine};
use crate::measure::Timestamp;
use crate::sink::{Json, Sink as _, Text, TextOptions, fold};
use crate::unit::Selection;
use crate::unit::ends::explain;

/// What two sources tell of one kill differs by less, in seconds: the journal's time is that of reading the kernel's log.
const SAME: f64 = 10.0;

/// systemd's word on a kill comes within this time, in seconds.
const SOON: f64 = 120.0;

/// Earlier kills that are named.
const MAX_NAMED: usize = 6;

/// Explains.
///
/// # Errors
/// Where nothing of the unit is recorded, or not everything could be read; what could be read has been used.
pub fn run(options: &Why) -> Result<(), Failure> {
    let units: Vec<String> = options.units.iter().chain(&options.which.unit).cloned().collect();
    let which = &options.which;
    let selection = Selection::new(&units, &which.user_unit, &which.slice, &which.cgroup)
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    let mut past = Past {
        selection,
        ..Past::default()
    };
    past.captures(options)?;
    past.journal(options)?;
    past.settle(options);
    let told = match options.output {
        Output::Json => past.json(options.all),
        Output::Text => {
            let text = output::text_options(options.color, false, &past.selection);
            past.text(options.all, text)
        }
    };
    match told {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        told => told?,
    }
    past.damages.end()?;
    if past.ends.is_empty() && !past.selection.is_empty() {
        let message = anyhow!(
            "nothing is recorded of {}: neither a kill nor another failure; looked at {}{}",
            past.name(),
            past.looked_at(),
            past.hint()
        );
        return Err(Failure::new(Exit::NotFound, message));
    }
    Ok(())
}

/// Where an end is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Capture,
    Journal,
    KernelLog,
}

impl Source {
    fn words(self) -> &'static str {
        match self {
            Self::Capture => "captures",
            Self::Journal => "the journal",
            Self::KernelLog => "the kernel's log (/dev/kmsg)",
        }
    }
}

#[derive(Debug)]
struct End {
    told: Told,
    source: Source,
}

/// All that is known of what was.
#[derive(Debug, Default)]
struct Past {
    selection: Selection,
    ends: Vec<End>,
    /// When growth was warned of: whose, in which run, and by how much it was before.
    warned: Vec<(Timestamp, Subject)>,
    looked: BTreeSet<Source>,
    /// Whether the captures are this machine's.
    is_own: bool,
    /// The earliest that any source tells of.
    begins: Option<Timestamp>,
    damages: Damages,
    /// Why a source could not be used.
    faults: Vec<String>,
}

impl Past {
    fn captures(&mut self, options: &Why) -> Result<(), Failure> {
        // A journal that is given may be another machine's: this one's captures are not its.
        if options.journal_file.is_some() && options.dir.is_none() {
            return Ok(());
        }
        let path = options.dir.as_deref().unwrap_or(Path::new(CAPTURES));
        let sources = match capture::open(path) {
            Ok(sources) => sources,
            Err(error) if options.dir.is_some() => return Err(Failure::new(Exit::NotFound, error)),
            // Nobody has recorded here.
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.faults.push(error.to_string());
                return Ok(());
            }
        };
        let boot = options.boot.then(this_boot).flatten();
        for mut lines in sources.into_iter().map(Lines::without_samples) {
            while let Some(line) = lines.next() {
                match line {
                    Ok(_) if boot.as_deref().is_some_and(|boot| lines.boot() != Some(boot)) => {}
                    Ok(line) => {
                        self.looked.insert(Source::Capture);
                        self.begin(line.ts);
                        self.is_own |= line.host == hostname();
                        self.line(line);
                    }
                    Err(damage) => self.damages.tell(damage),
                }
            }
        }
        Ok(())
    }

    fn line(&mut self, line: Line) {
        let Line { event, ts, host, .. } = line;
        let what = match event {
            Event::Kill(kill) => What::Kill(kill),
            Event::Unit(unit) if unit.state == UnitState::Failed => What::Failed(Box::new(unit)),
            Event::Forecast(change) if change.state == ForecastState::Raised => {
                self.warned.push((ts, change.subject));
                return;
            }
            _ => return,
        };
        self.push(Told { ts, host, what }, Source::Capture);
    }

    fn push(&mut self, told: Told, source: Source) {
        if self.selection.covers(told.what.subject()) {
            self.ends.push(End { told, source });
        }
    }

    fn begin(&mut self, ts: Timestamp) {
        self.begins = Some(self.begins.map_or(ts, |begins| begins.min(ts)));
    }

    fn journal(&mut self, options: &Why) -> Result<(), Failure> {
        if let Some(path) = &options.journal_file {
            let source: Box<dyn BufRead> = if path.as_path() == Path::new("-") {
                Box::new(BufReader::new(io::stdin()))
            } else {
                let file = File::open(path).map_err(|error| {
                    Failure::new(Exit::NotFound, anyhow!("cannot read {}: {error}", path.display()))
                })?;
                Box::new(BufReader::new(file))
            };
            self.entries(source, &path.display().to_string());
            return Ok(());
        }
        // Captures that are given may be another machine's too.
        if options.dir.is_some() && !self.is_own {
            return Ok(());
        }
        let mut journalctl = Command::new("journalctl");
        journalctl.args(["--output=json", "--quiet", "--no-pager", "--all"]);
        if options.boot {
            journalctl.arg("--boot");
        }
        // Some time before, for a report begins before its kill.
        let before = options
            .since
            .and_then(|since| since.checked_sub(std::time::Duration::from_secs(60)).ok());
        journalctl.args(before.map(|since| format!("--since=@{}", since.as_second())));
        journalctl.args(MATCHES);
        let child = journalctl
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                self.faults.push(format!("journalctl: {error}"));
                self.kernel_log();
                return Ok(());
            }
        };
        if let Some(stdout) = child.stdout.take() {
            self.entries(Box::new(BufReader::new(stdout)), "the journal");
        }
        let mut words = String::new();
        if let Some(stderr) = &mut child.stderr {
            let _ = stderr.take(4096).read_to_string(&mut words);
        }
        let succeeded = child.wait().is_ok_and(|status| status.success());
        if !self.looked.contains(&Source::Journal) {
            if !succeeded && !words.trim().is_empty() {
                self.faults.push(words.lines().next().unwrap_or_default().to_owned());
            }
            self.kernel_log();
        }
        Ok(())
    }

    fn entries(&mut self, source: Box<dyn BufRead>, name: &str) {
        let mut reader = Reader::default();
        for (number, line) in source.split(b'\n').enumerate() {
            let line = match line {
                Ok(line) if line.trim_ascii().is_empty() => continue,
                Ok(line) => line,
                Err(error) => {
                    self.damages.tell(format_args!("{name}: after line {number}: {error}"));
                    return;
                }
            };
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
        let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
        let mut device = match OpenOptions::new().read(true).custom_flags(nonblocking).open(DEVICE) {
            Ok(device) => device,
            Err(error) => {
                self.faults.push(format!("{DEVICE}: {error}"));
                return;
            }
        };
        let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let uptime = jiff::SignedDuration::new(uptime.tv_sec, i32::try_from(uptime.tv_nsec).unwrap_or_default());
        let host = hostname();
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
            if let Some(what) = reader.log_line(line, ts) {
                let host = host.clone();
                self.push(Told { ts, host, what }, Source::KernelLog);
            }
        }
    }

    /// Puts the ends in order, each once.
    fn settle(&mut self, options: &Why) {
        let wanted = |ts: Timestamp| {
            options.since.is_none_or(|since| ts.0 >= since) && options.until.is_none_or(|until| ts.0 <= until)
        };
        self.ends.retain(|end| wanted(end.told.ts));
        // The better source first among those of one time.
        self.ends.sort_by_key(|end| (end.told.ts, end.source));
        let mut kept: Vec<End> = Vec::with_capacity(self.ends.len());
        for end in std::mem::take(&mut self.ends) {
            let same = kept
                .iter_mut()
                .rev()
                .take_while(|other| end.told.ts.seconds_since(other.told.ts) < SAME)
                .find(|other| is_same(&end.told, &other.told) && end.source != other.source);
            match same {
                Some(other) if end.source < other.source => *other = end,
                Some(_) => {}
                None => kept.push(end),
            }
        }
        self.ends = kept;
        self.name_runs();
    }

    /// The kernel's log knows no run of a unit: systemd's word on the same kill does.
    fn name_runs(&mut self) {
        let runs: Vec<(Timestamp, Subject)> = self
            .ends
            .iter()
            .filter(|end| !matches!(end.told.what, What::Kill(_)))
            .map(|end| (end.told.ts, end.told.what.subject().clone()))
            .collect();
        for end in &mut self.ends {
            let ts = end.told.ts;
            let What::Kill(kill) = &mut end.told.what else { continue };
            if kill.subject.invocation_id.is_some() {
                continue;
            }
            let after = runs.iter().find(|(told, subject)| {
                let late = told.seconds_since(ts);
                (-1.0..SOON).contains(&late) && name(subject) == name(&kill.subject)
            });
            kill.subject.invocation_id = after.and_then(|(_, subject)| subject.invocation_id.clone());
        }
    }

    fn kills(&self) -> Vec<(&End, &Kill)> {
        let kills = self.ends.iter().filter_map(|end| match &end.told.what {
            What::Kill(kill) => Some((end, kill.as_ref())),
            _ => None,
        });
        kills.collect()
    }

    /// What is asked about.
    fn name(&self) -> String {
        match self.selection.single_unit() {
            Some(unit) => unit.to_owned(),
            None if self.selection.is_empty() => "any unit".to_owned(),
            None => "the units that are asked for".to_owned(),
        }
    }

    fn looked_at(&self) -> String {
        let words: Vec<&str> = self.looked.iter().map(|source| source.words()).collect();
        if words.is_empty() {
            return "nothing: there are no captures and no journal".to_owned();
        }
        let since = self
            .begins
            .map(|begins| format!(", with something to tell since {}", date(begins)));
        format!("{}{}", words.join(" and "), since.unwrap_or_default())
    }

    fn hint(&self) -> String {
        let mut hint = String::new();
        for fault in &self.faults {
            hint += &format!("; {fault}");
        }
        if !rustix::process::geteuid().is_root() {
            hint += "; as root, or in the group systemd-journal, all of the journal can be read";
        }
        hint
    }

    fn json(&self, all: bool) -> io::Result<()> {
        let mut sink = Json::new(io::stdout());
        let events: Vec<(&Told, Event)> = self
            .ends
            .iter()
            .filter_map(|end| match &end.told.what {
                What::Kill(kill) => Some((&end.told, Event::Kill(kill.clone()))),
                What::Failed(unit) => Some((&end.told, Event::Unit(unit.as_ref().clone()))),
                What::OutOfMemory(_) | What::Oomd(..) | What::Core(..) => None,
            })
            .collect();
        let last = |is_kind: fn(&Event) -> bool| events.iter().rposition(|(_, event)| is_kind(event));
        let (kill, unit) = (
            last(|event| matches!(event, Event::Kill(_))),
            last(|event| matches!(event, Event::Unit(_))),
        );
        let mut seq = 0;
        for (place, (told, event)) in events.iter().enumerate() {
            if all || Some(place) == kill || Some(place) == unit {
                let line = Line {
                    event: event.clone(),
                    ts: told.ts,
                    seq,
                    host: told.host.clone(),
                };
                sink.line(&line)?;
                seq += 1;
            }
        }
        sink.flush()
    }

    fn text(&self, all: bool, options: TextOptions) -> io::Result<()> {
        if self.ends.is_empty() && !self.selection.is_empty() {
            return Ok(()); // told as the error that it is
        }
        let (width, unicode) = (options.width, options.unicode);
        let put = |text: &str, indent: usize| {
            let text = if unicode {
                text.to_owned()
            } else {
                text.replace('·', "-")
            };
            let text = width.map_or_else(|| text.clone(), |width| fold(&text, width, indent, unicode));
            writeln!(io::stdout(), "{text}")
        };
        let kills = self.kills();
        let from = if all { 0 } else { kills.len().saturating_sub(1) };
        let mut sink = Text::new(io::stdout(), options);
        for (place, (end, kill)) in kills.iter().enumerate().skip(from) {
            put(&format!("{} was hit on {}.", whose(kill), date(end.told.ts)), 2)?;
            sink.line(&Line {
                event: Event::Kill(Box::new((*kill).clone())),
                ts: end.told.ts,
                seq: 0,
                host: end.told.host.clone(),
            })?;
            sink.flush()?;
            for line in self.around(end, kill, kills.get(..place).unwrap_or_default()) {
                put(&format!("  {line}"), 4)?;
            }
        }
        self.others(kills.last().map(|(end, _)| end.told.ts), &put)
    }

    /// What belongs to a kill: the warning before, the unit's end after, its like before, and what it rests on.
    fn around(&self, end: &End, kill: &Kill, earlier: &[(&End, &Kill)]) -> Vec<String> {
        let mut lines = Vec::new();
        let run = |subject: &Subject| {
            name(subject) == name(&kill.subject)
                && (subject.invocation_id.is_none()
                    || kill.subject.invocation_id.is_none()
                    || subject.invocation_id == kill.subject.invocation_id)
        };
        let ts = end.told.ts;
        if let Some((warned, _)) = self
            .warned
            .iter()
            .find(|(warned, subject)| *warned <= ts && subject.invocation_id.is_some() && run(subject))
        {
            let before = duration(ts.seconds_since(*warned));
            lines.push(format!("First warned of on {}, {before} before.", date(*warned)));
        }
        let after = self.ends.iter().find_map(|other| match &other.told.what {
            What::Failed(unit) if (-1.0..SOON).contains(&other.told.ts.seconds_since(ts)) && run(&unit.subject) => {
                Some(unit)
            }
            _ => None,
        });
        if let Some(unit) = after {
            let exit = unit.exit.as_ref().map(|exit| format!(", main process {exit}"));
            let result = unit.result.as_deref().unwrap_or("unknown");
            lines.push(format!(
                "The unit failed of it: Result={result}{}.",
                exit.unwrap_or_default()
            ));
        }
        let like: Vec<Timestamp> = earlier
            .iter()
            .filter(|(_, other)| name(&other.subject) == name(&kill.subject))
            .map(|(end, _)| end.told.ts)
            .collect();
        if let Some(first) = like.first() {
            let named: Vec<String> = like.iter().rev().take(MAX_NAMED).rev().map(|ts| date(*ts)).collect();
            let more = if like.len() > MAX_NAMED { "…, " } else { "" };
            lines.push(format!(
                "It was kill {} of {} in {}: before it {more}{}.",
                like.len() + 1,
                whose(kill),
                duration(ts.seconds_since(*first)),
                named.join(" · ")
            ));
        }
        let mut rests = vec![match end.source {
            Source::Capture => "a capture",
            Source::Journal => "the kernel's lines in the journal",
            Source::KernelLog => "the kernel's log",
        }];
        if self.ends.iter().any(|other| {
            other.source == Source::Journal
                && !matches!(other.told.what, What::Kill(_))
                && (-1.0..SOON).contains(&other.told.ts.seconds_since(ts))
                && run(other.told.what.subject())
        }) {
            rests.push("systemd's words in the journal");
        }
        let unknown: Vec<&str> = [
            (kill.victim.cmdline.is_none(), "the command line"),
            (
                kill.before.is_none(),
                "the growth before it (no capture has it: oomtrace record)",
            ),
            (kill.limit.is_none() && kill.killer.is_none(), "whose limit it was"),
            (kill.subject.cgroup.path.is_none(), "the victim's cgroup"),
        ]
        .into_iter()
        .filter_map(|(is_unknown, what)| is_unknown.then_some(what))
        .collect();
        let unknown = if unknown.is_empty() {
            String::new()
        } else {
            format!(" Not known any more: {}.", unknown.join(", "))
        };
        lines.push(format!("Rests on {}.{unknown}", rests.join(" and ")));
        lines
    }

    /// What was not the kernel's kill, or is known from systemd's word alone: the last of each, where it came after the last
    /// kill that is told.
    fn others(&self, last_kill: Option<Timestamp>, put: &dyn Fn(&str, usize) -> io::Result<()>) -> io::Result<()> {
        let later = |end: &&End| last_kill.is_none_or(|kill| end.told.ts.seconds_since(kill) > SOON);
        let rest: Vec<&End> = self.ends.iter().filter(later).collect();
        let killed = rest.iter().rev().find_map(|end| match &end.told.what {
            What::Oomd(subject, words) => Some((end, subject, words.trim_end_matches('.').to_owned())),
            What::OutOfMemory(subject) => {
                let words = "systemd saw that the kernel's OOM killer had killed a process of it, and the kernel's own lines are gone: at whose limit is not known any more";
                Some((end, subject, words.to_owned()))
            }
            _ => None,
        });
        if let Some((end, subject, words)) = &killed {
            let name = name(subject).unwrap_or("a unit");
            put(&format!("{name} was hit on {}: {words}.", date(end.told.ts)), 2)?;
        }
        let failed = rest.iter().rev().find_map(|end| match &end.told.what {
            What::Failed(unit) if unit.result.as_deref() != Some("oom-kill") => Some((end, unit)),
            _ => None,
        });
        if let Some((end, unit)) = failed
            && killed
                .as_ref()
                .is_none_or(|(kill, ..)| end.told.ts.seconds_since(kill.told.ts) > SOON)
        {
            self.not_memory(end.told.ts, unit, last_kill.is_some() || killed.is_some(), put)?;
        } else if last_kill.is_none() && killed.is_none() {
            put(
                &format!(
                    "No memory kill of {} is recorded; looked at {}.",
                    self.name(),
                    self.looked_at()
                ),
                2,
            )?;
        }
        Ok(())
    }

    fn not_memory(
        &self,
        ts: Timestamp,
        unit: &Unit,
        had_kill: bool,
        put: &dyn Fn(&str, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let name = name(&unit.subject).unwrap_or("a unit");
        let result = unit.result.as_deref().unwrap_or("unknown");
        let word = if had_kill { "later failed" } else { "last failed" };
        put(
            &format!(
                "{name} {word} on {}, and not for memory: {}.",
                date(ts),
                explain(result, unit.exit.as_deref())
            ),
            2,
        )?;
        let crash = self.ends.iter().rev().find_map(|end| match &end.told.what {
            What::Core(subject, pid, words)
                if end.told.ts.seconds_since(ts).abs() < SOON && subject.unit == unit.subject.unit =>
            {
                Some((pid, words))
            }
            _ => None,
        });
        if let Some((pid, words)) = crash {
            let how = pid.map(|pid| format!(": coredumpctl info {pid}")).unwrap_or_default();
            put(&format!("  {words}{how}"), 4)?;
        }
        if !had_kill {
            put(
                &format!("  No memory kill is recorded for it; looked at {}.", self.looked_at()),
                4,
            )?;
        }
        Ok(())
    }
}

fn name(subject: &Subject) -> Option<&str> {
    subject.user_unit.as_deref().or(subject.unit.as_deref())
}

fn whose(kill: &Kill) -> String {
    let path = kill.subject.cgroup.path.as_deref();
    name(&kill.subject)
        .or(path)
        .unwrap_or("A process of an unknown cgroup")
        .to_owned()
}

/// Whether two sources tell of the same.
fn is_same(a: &Told, b: &Told) -> bool {
    match (&a.what, &b.what) {
        (What::Kill(a), What::Kill(b)) => a.victim.pid == b.victim.pid && a.victim.comm == b.victim.comm,
        (What::Failed(a), What::Failed(b)) => name(&a.subject) == name(&b.subject),
        _ => false,
    }
}

/// As systemctl writes it.
fn date(ts: Timestamp) -> String {
    let zoned = ts.0.to_zoned_datetime(jiff::tz::TimeZone::system());
    zoned.strftime("%a %Y-%m-%d %H:%M:%S").to_string()
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn this_boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().replace('-', ""))
}
