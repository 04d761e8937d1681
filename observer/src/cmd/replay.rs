//! `oomtrace replay`: captures through the same engine and sinks as the live stream.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;

use super::output;
use crate::capture::{self, Damage, Lines};
use crate::cli::{Exit, Failure, Replay};
use crate::engine::{Config, Engine};
use crate::event::{Event, Line, Subject};
use crate::measure::Timestamp;
use crate::sink::Sink;
use crate::unit::{Selection, UnitPath};

/// Damages that are told one by one; of the rest only how many.
const MAX_TOLD: u64 = 5;

/// Replays in the order of time.
///
/// # Errors
/// Where nothing can be read, or not everything could; what could be read has been shown.
pub fn run(options: &Replay) -> Result<(), Failure> {
    let selection = output::selection(&options.which)?;
    let mut sink = output::sink(&options.show, &selection);
    let mut sources = Vec::new();
    for path in &options.paths {
        sources.extend(open(path)?);
    }
    let mut damages = 0;
    let mut told = |damage: &Damage| {
        damages += 1;
        if damages <= MAX_TOLD {
            eprintln!("oomtrace: {damage}; the rest is read on");
        }
    };
    let config = Config {
        warn_within_seconds: options.show.warn_within.as_secs_f64(),
        ..Config::default()
    };
    let mut player = Player {
        engine: Engine::new(config),
        selection,
        seq: 0,
    };
    let mut next = BinaryHeap::new();
    let mut advance = |place: usize, source: &mut Lines, next: &mut BinaryHeap<_>| {
        for line in source {
            match line {
                Ok(line) => {
                    next.push(Reverse(Next {
                        ts: line.ts,
                        place,
                        line: Box::new(line),
                    }));
                    return;
                }
                Err(damage) => told(&damage),
            }
        }
    };
    for (place, source) in sources.iter_mut().enumerate() {
        advance(place, source, &mut next);
    }
    let mut before: Option<Timestamp> = None;
    while let Some(Reverse(Next { ts, place, line })) = next.pop() {
        if let Some(source) = sources.get_mut(place) {
            advance(place, source, &mut next);
        }
        if options.until.is_some_and(|until| ts.0 > until) {
            continue;
        }
        let shown = options.since.is_none_or(|since| ts.0 >= since);
        if let (Some(speed), Some(before), true) = (options.speed, before, shown) {
            let wait = (ts.seconds_since(before) / speed).clamp(0.0, 3600.0);
            std::thread::sleep(Duration::from_secs_f64(wait));
        }
        before = shown.then_some(ts);
        match player.line(*line, shown, sink.as_mut()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            result => result?,
        }
    }
    sink.flush()?;
    if damages > 0 {
        let message = anyhow!("{damages} places could not be read; everything else is above");
        return Err(Failure::new(Exit::Damaged, message));
    }
    Ok(())
}

fn open(path: &Path) -> Result<Vec<Lines>, Failure> {
    capture::open(path)
        .map_err(|error| Failure::new(Exit::NotFound, anyhow!("cannot read {}: {error}", path.display())))
}

/// The next line of a source, ordered by time, then by source.
struct Next {
    ts: Timestamp,
    place: usize,
    line: Box<Line>,
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        (self.ts, self.place) == (other.ts, other.place)
    }
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.ts, self.place).cmp(&(other.ts, other.place))
    }
}

struct Player {
    engine: Engine,
    selection: Selection,
    seq: u64,
}

impl Player {
    /// One recorded line: what the engine makes of it is made anew, everything else is as it was.
    fn line(&mut self, line: Line, shown: bool, sink: &mut dyn Sink) -> std::io::Result<()> {
        let Line {
            mut event, ts, host, ..
        } = line;
        if subject(&event).is_some_and(|subject| !self.selected(subject)) {
            return Ok(());
        }
        let mut changes = Vec::new();
        match &mut event {
            // Made anew from the samples.
            Event::Forecast(_) | Event::Throttle(_) => return Ok(()),
            Event::Sample(sample) => self.engine.sample(ts, sample, &mut changes),
            Event::Kill(kill) => self.engine.recall(ts, kill),
            _ => {}
        }
        if !shown {
            return Ok(());
        }
        for event in std::iter::once(event).chain(changes) {
            let line = Line {
                event,
                ts,
                seq: self.seq,
                host: host.clone(),
            };
            self.seq += 1;
            sink.line(&line)?;
        }
        Ok(())
    }

    fn selected(&self, subject: &Subject) -> bool {
        let path = subject.cgroup.path.as_deref().unwrap_or_default();
        let unit = UnitPath {
            unit: subject.unit.clone(),
            user_unit: subject.user_unit.clone(),
            slice: subject.slice.clone(),
            ..UnitPath::default()
        };
        self.selection.matches(&unit, path)
    }
}

fn subject(event: &Event) -> Option<&Subject> {
    match event {
        Event::Sample(sample) => Some(&sample.subject),
        Event::Forecast(change) => Some(&change.subject),
        Event::Throttle(throttle) => Some(&throttle.subject),
        Event::Kill(kill) => Some(&kill.subject),
        Event::OomWithoutKill(oom) => Some(&oom.subject),
        Event::Unit(unit) => Some(&unit.subject),
        Event::Unexplained(unexplained) => Some(&unexplained.subject),
        Event::Start(_) | Event::Lost(_) | Event::Stop(_) => None,
    }
}
