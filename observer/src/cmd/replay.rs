//! `oomtrace replay`: captures through the same engine and sinks as the live stream.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use lru::LruCache;

use super::output::{self, Damages, Outlet, Source};
use super::pager::{self, Pager};
use crate::capture::{Damage, Merged};
use crate::cli::{self, Failure, Form, Replay};
use crate::confine::{self, Task};
use crate::engine::{Config, Engine};
use crate::event::{Event, Line, RunState};
use crate::measure::Timestamp;
use crate::notice::notice;
use crate::rights;
use crate::sink::{Pace, Screen, Sink};
use crate::unit::{Asked, Selection};

/// The longest pause between two lines, in seconds: nobody watches a night go by.
const MAX_PAUSE: f64 = 3600.0;

/// How soon another pace counts.
const PACED: Duration = Duration::from_millis(100);

/// Lines that are handed on at once at most, and how often that much may wait.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 256 << 10;
const WAITING: usize = 4;

/// Hosts that are followed at one time, and the cgroups of all of them together: the host not heard of longest goes first.
const HOSTS: usize = 1_024;
const CGROUPS: usize = 32_768;

/// Replays in the order of time: captures are read by one thread, played by another, and shown by this one.
///
/// # Errors
/// Where nothing can be read, or not everything could; what could be read has been shown.
pub fn run(options: &Replay) -> Result<(), Failure> {
    cli::in_order(options.since, options.until)?;
    rights::for_reading();
    let selection = output::selection(&options.which)?;
    let captures = output::captures(&options.paths)?;
    let is_paged = options.speed.is_none() && output::form(&options.show) == Form::Text;
    let pagers = is_paged.then(|| pager::errands(options.paging)).flatten();
    let pace = Arc::new(Pace::new(options.speed));
    let source = Source::Replay(Arc::clone(&pace));
    let Outlet { mut sink, screen } = output::open(&options.show, &selection, source)?;
    confine::process(Task::Read);
    let player = Player {
        config: Config {
            warn_within_seconds: options.show.warn_within.as_secs_f64(),
            ..Config::default()
        },
        engines: LruCache::unbounded(),
        cgroups: 0,
        is_forgetful: false,
        selection,
        asked: Asked::default(),
        span: Span {
            since: options.since,
            until: options.until,
            is_paced: options.speed.is_some(),
        },
        before: None,
        seq: 0,
    };
    let mut damages = Damages::default();
    // As wide as the terminal that the pager is on.
    let _pager = pagers.as_ref().and_then(|pagers| Pager::open(pagers, options.paging));
    let (sender, told) = sync_channel(WAITING);
    let playing = Builder::new()
        .name("replay".to_owned())
        .spawn(move || player.play(captures, &sender))
        .context("no thread for the replay")?;
    loop {
        let batch = match told.try_recv() {
            Ok(batch) => batch,
            Err(_) => {
                // Nothing more for now: whoever reads sees all there is.
                if output::is_over(sink.flush())? {
                    return Ok(());
                }
                let Ok(batch) = told.recv() else { break };
                batch
            }
        };
        for told in batch {
            match told {
                Told::Damage(damage) => damages.tell(damage),
                Told::Note(words) => notice(words),
                Told::Wait(length) => {
                    if output::is_over(sink.flush())? {
                        return Ok(());
                    }
                    pause(length, &pace, sink.as_ref());
                }
                Told::Line(line) => {
                    if output::is_over(sink.line(&line))? {
                        return Ok(());
                    }
                }
            }
        }
    }
    // One that failed is not to pass for the end.
    let (asked, selection) = playing.join().unwrap_or_else(|panic| resume_unwind(panic));
    if output::is_over(sink.flush())? {
        return Ok(());
    }
    // What was recorded is all there now, and is looked at for as long as it is wanted.
    screen.map_or(Ok(()), Screen::wait)?;
    damages.end()?;
    output::is_there(&asked, &selection)
}

/// Waits until so many seconds of the recording have gone by at its pace, unless nobody looks any more: then it is woken.
fn pause(seconds: f64, pace: &Pace, sink: &dyn Sink) {
    let (mut left, mut before) = (seconds.min(MAX_PAUSE * pace.get()), Instant::now());
    while left > 0.0 && !sink.is_gone() {
        // The pace may change meanwhile.
        std::thread::park_timeout(Duration::from_secs_f64(left / pace.get()).min(PACED));
        let now = Instant::now();
        left -= (now - before).as_secs_f64() * pace.get();
        before = now;
    }
}

/// What comes of a capture, in its order.
enum Told {
    Line(Box<Line>),
    Damage(Damage),
    /// Something about the replay itself.
    Note(&'static str),
    /// As much time went by, in seconds.
    Wait(f64),
}

/// Which part of the time is shown.
struct Span {
    since: Option<jiff::Timestamp>,
    until: Option<jiff::Timestamp>,
    /// Whether it is shown at a pace, or as fast as it goes.
    is_paced: bool,
}

struct Player {
    config: Config,
    /// One a host: cgroups of two hosts have the same paths.
    engines: LruCache<String, Engine>,
    /// What they remember, together.
    cgroups: usize,
    /// Whether it was said that a host was forgotten.
    is_forgetful: bool,
    selection: Selection,
    asked: Asked,
    span: Span,
    /// The time of the last line that is shown.
    before: Option<Timestamp>,
    seq: u64,
}

impl Player {
    /// Plays it all, ahead of what is shown by a few batches; what there is goes out before more is waited for.
    /// Gives what was told of against what was asked for.
    fn play(mut self, mut captures: Merged, told: &SyncSender<Vec<Told>>) -> (Asked, Selection) {
        let (mut batch, mut bytes) = (Vec::with_capacity(BATCH), 0);
        loop {
            if batch.len() >= BATCH || bytes >= BATCH_BYTES || (!batch.is_empty() && !captures.is_at_hand()) {
                bytes = 0;
                let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                if told.send(full).is_err() {
                    return (self.asked, self.selection);
                }
            }
            match captures.next() {
                Some(Ok(line)) => {
                    bytes += captures.weight();
                    self.line(line, &mut batch);
                }
                Some(Err(damage)) => batch.push(Told::Damage(damage)),
                None => break,
            }
        }
        // Where nobody takes it any more, nobody misses it.
        let _ = told.send(batch);
        (self.asked, self.selection)
    }

    /// One recorded line: what the engine makes of it is made anew, everything else is as it was.
    fn line(&mut self, mut line: Box<Line>, told: &mut Vec<Told>) {
        let Line { event, ts, host, .. } = &mut *line;
        let ts = *ts;
        if self.span.until.is_some_and(|until| ts.0 > until) {
            return;
        }
        let shown = self.span.since.is_none_or(|since| ts.0 >= since);
        if let (true, Some(before), true) = (self.span.is_paced, self.before, shown) {
            told.push(Told::Wait(ts.seconds_since(before).max(0.0)));
        }
        self.before = shown.then_some(ts);
        let Self { asked, selection, .. } = self;
        if event.subject().is_some_and(|subject| !asked.see(selection, subject)) {
            return;
        }
        let mut changes = Vec::new();
        match event {
            // The live one knew nothing yet, either.
            Event::Start(_) => {
                self.forget(host);
            }
            // Made anew from the samples.
            Event::Forecast(_) | Event::Throttle(_) => return,
            Event::Run(run) => match run.state {
                RunState::Ended => return,
                RunState::Known => self.engine(host).know(run),
            },
            Event::Sample(sample) => {
                let engine = self.engine(host);
                let before = engine.cgroups();
                engine.sample(ts, sample, &mut changes);
                let more = engine.cgroups().saturating_sub(before);
                self.cgroups += more;
                self.make_room(told);
            }
            Event::Processes(processes) => {
                let engine = self.engine(host);
                let before = engine.cgroups();
                engine.processes(ts, processes);
                let more = engine.cgroups().saturating_sub(before);
                self.cgroups += more;
                self.make_room(told);
            }
            Event::Kill(kill) => {
                let engine = self.engine(host);
                engine.recall(ts, kill);
                engine.killed(kill);
            }
            Event::OomWithoutKill(_)
            | Event::Unit(_)
            | Event::Stacks(_)
            | Event::Lost(_)
            | Event::Unexplained(_)
            | Event::Stop(_) => {}
        }
        if !shown {
            return;
        }
        let changes: Vec<_> = changes.into_iter().map(|event| (event, host.clone())).collect();
        told.push(Told::Line(self.numbered(line)));
        for (event, host) in changes {
            let line = self.numbered(Box::new(Line {
                event,
                ts,
                seq: 0,
                host,
            }));
            told.push(Told::Line(line));
        }
    }

    /// A line in its place in what is told.
    fn numbered(&mut self, mut line: Box<Line>) -> Box<Line> {
        line.seq = self.seq;
        self.seq += 1;
        line
    }

    fn engine(&mut self, host: &str) -> &mut Engine {
        let config = &self.config;
        self.engines.get_or_insert_mut_ref(host, || Engine::new(config.clone()))
    }

    fn forget(&mut self, host: &str) {
        if let Some(engine) = self.engines.pop(host) {
            self.cgroups = self.cgroups.saturating_sub(engine.cgroups());
        }
    }

    /// One host has the room that it has live; of many together those that are heard of last.
    fn make_room(&mut self, told: &mut Vec<Told>) {
        while self.engines.len() > 1 && (self.engines.len() > HOSTS || self.cgroups > CGROUPS) {
            let Some((_, engine)) = self.engines.pop_lru() else {
                break;
            };
            self.cgroups = self.cgroups.saturating_sub(engine.cgroups());
            if !std::mem::replace(&mut self.is_forgetful, true) {
                told.push(Told::Note(
                    "more hosts at one time than can be followed (1024, and 32768 cgroups): those not heard of longest begin anew; replay fewer at a time",
                ));
            }
        }
    }
}
