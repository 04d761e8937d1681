//! `oomtrace replay`: captures through the same engine and sinks as the live stream.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use super::output::{self, Damages, Outlet, Source};
use crate::cli::{Failure, Replay};
use crate::engine::{Config, Engine};
use crate::event::{Event, Line, RunState};
use crate::measure::Timestamp;
use crate::sink::{Screen, Sink};
use crate::unit::Selection;

/// The longest pause between two lines, in seconds: nobody watches a night go by.
const MAX_PAUSE: f64 = 3600.0;

/// Replays in the order of time.
///
/// # Errors
/// Where nothing can be read, or not everything could; what could be read has been shown.
pub fn run(options: &Replay) -> Result<(), Failure> {
    let selection = output::selection(&options.which)?;
    let captures = output::captures(&options.paths)?;
    let Outlet { mut sink, screen } = output::open(&options.show, &selection, Source::Replay)?;
    let mut player = Player {
        config: Config {
            warn_within_seconds: options.show.warn_within.as_secs_f64(),
            ..Config::default()
        },
        engines: HashMap::new(),
        selection,
        seq: 0,
    };
    let mut damages = Damages::default();
    let mut before: Option<Timestamp> = None;
    for line in captures {
        let line = match line {
            Ok(line) => line,
            Err(damage) => {
                damages.tell(damage);
                continue;
            }
        };
        let ts = line.ts;
        if options.until.is_some_and(|until| ts.0 > until) {
            continue;
        }
        let shown = options.since.is_none_or(|since| ts.0 >= since);
        if let (Some(speed), Some(before), true) = (options.speed, before, shown) {
            let wait = (ts.seconds_since(before) / speed).clamp(0.0, MAX_PAUSE);
            pause(Duration::from_secs_f64(wait), sink.as_ref());
        }
        before = shown.then_some(ts);
        match player.line(line, shown, sink.as_mut()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            result => result?,
        }
    }
    sink.flush()?;
    // What was recorded is all there now, and is looked at for as long as it is wanted.
    screen.map_or(Ok(()), Screen::wait)?;
    damages.end()
}

/// Waits, unless nobody looks any more: then it is woken.
fn pause(length: Duration, sink: &dyn Sink) {
    let end = Instant::now() + length;
    while !sink.is_gone() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}

struct Player {
    config: Config,
    /// One a host: cgroups of two hosts have the same paths.
    engines: HashMap<String, Engine>,
    selection: Selection,
    seq: u64,
}

impl Player {
    /// One recorded line: what the engine makes of it is made anew, everything else is as it was.
    fn line(&mut self, line: Line, shown: bool, sink: &mut dyn Sink) -> io::Result<()> {
        let Line {
            mut event, ts, host, ..
        } = line;
        if event.subject().is_some_and(|subject| !self.selection.covers(subject)) {
            return Ok(());
        }
        let mut changes = Vec::new();
        match &mut event {
            // The live one knew nothing yet, either.
            Event::Start(_) => {
                self.engines.remove(&host);
            }
            // Made anew from the samples.
            Event::Forecast(_) | Event::Throttle(_) => return Ok(()),
            Event::Run(run) => match run.state {
                RunState::Ended => return Ok(()),
                RunState::Known => self.engine(&host).know(run),
            },
            Event::Sample(sample) => self.engine(&host).sample(ts, sample, &mut changes),
            Event::Kill(kill) => {
                let engine = self.engine(&host);
                engine.recall(ts, kill);
                engine.killed(kill);
            }
            Event::OomWithoutKill(_) | Event::Unit(_) | Event::Lost(_) | Event::Unexplained(_) | Event::Stop(_) => {}
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

    fn engine(&mut self, host: &str) -> &mut Engine {
        self.engines
            .entry(host.to_owned())
            .or_insert_with(|| Engine::new(self.config.clone()))
    }
}
