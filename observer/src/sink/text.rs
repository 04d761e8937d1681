//! Text for a person at a terminal: what a unit is, a line when it changes in a way that matters, the verdict at a kill.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write};

use jiff::tz::TimeZone;
use lru::LruCache;

use super::Sink;
use super::incidents::{Incidents, News};
use super::paper::{Colour, Paper};
use crate::event::{
    Class, Event, ForecastChange, Limit, Line, Probe, Relation, Sample, StopReason, Stream, Unit, UnitState, Via,
    setting,
};
use crate::human::bytes;
use crate::measure::{Bytes, Timestamp};
use crate::shown::shown;
use crate::stacks::table;
use crate::words::middle;
use crate::words::paragraph;
use crate::words::{
    self, HOST, bursty, called, class_name, counted, ground, interval, is_early, limit_owner, name, pace, standstill,
    trend_name, unkilled, warning,
};

/// What has been so for less than this is no state yet, in seconds.
const STATE_LASTED: f64 = 5.0;

/// At least this often something is told of a unit that moves, in seconds.
const TELL_EVERY: f64 = 60.0;

/// Cgroups of which it is known what was last told, as many as the engine remembers.
const TOLD: usize = 16_384;

/// The probes that are named in a header; of the others only what is lost without them.
const MAIN_PROBES: [&str; 3] = ["oom_kill_process", "mark_victim", "refill_stock"];

/// How text is written.
#[derive(Debug, Clone)]
pub struct TextOptions {
    /// Red, yellow and grey.
    pub color: bool,
    /// Symbols beyond ASCII.
    pub unicode: bool,
    /// Columns; `None` = as long as it is.
    pub width: Option<usize>,
    /// For the clock.
    pub time_zone: TimeZone,
    /// The day whose times are told without a date.
    pub today: jiff::civil::Date,
    /// Only warnings and kills.
    pub quiet: bool,
    /// Whose line it is stands in every line; not needed where there is one unit only.
    pub names: bool,
    /// The host has lines of its own: it was not asked for single units.
    pub host: bool,
}

/// What was last told of a cgroup.
#[derive(Debug)]
struct Told {
    ts: Timestamp,
    current: f64,
    class: Option<Class>,
    forecast: bool,
    state: State,
}

/// What a cgroup is to who reads a pipe: in a word what its growth is, and whether a limit is in sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    growth: Option<&'static str>,
    is_ending: bool,
}

impl State {
    fn of(sample: &Sample) -> Self {
        let is_young = sample.trend.as_ref().is_some_and(is_early);
        Self {
            // Before it has one it is as good as steady: everything that starts grows at first.
            growth: sample.trend.filter(|_| !is_young).map(|trend| trend_name(&trend)),
            is_ending: sample.forecast.is_some() && !is_young,
        }
    }
}

/// Writes text.
#[derive(Debug)]
pub struct Text<W> {
    paper: Paper<W>,
    options: TextOptions,
    probes: Vec<Probe>,
    told_losses: bool,
    /// By the hash of a cgroup's path: a path may be long, and there may be many.
    told: LruCache<u64, Told>,
    hasher: RandomState,
    incidents: Incidents,
}

impl<W: Write> Text<W> {
    /// To this writer.
    pub fn new(out: W, options: TextOptions) -> Self {
        Self {
            paper: Paper::new(out, &options),
            options,
            probes: Vec::new(),
            told_losses: false,
            told: LruCache::unbounded(),
            hasher: RandomState::new(),
            incidents: Incidents::default(),
        }
    }

    fn clock(&self, ts: Timestamp) -> String {
        let zoned = ts.0.to_zoned_datetime(self.options.time_zone.clone());
        let form = if zoned.date() == self.options.today {
            "%H:%M:%S"
        } else {
            "%b %d %H:%M:%S" // as journalctl
        };
        zoned.strftime(form).to_string()
    }

    /// Where what belongs to a line begins below it: under its words, or, where there is little room, near the edge.
    fn indent(&self) -> usize {
        if self.options.width.is_some_and(|width| width < 60) {
            2
        } else {
            10
        }
    }

    /// A paragraph line, folded to the width.
    fn put(&mut self, text: &str, indent: usize) -> io::Result<()> {
        self.paper.put(text, indent)
    }

    /// A line that begins with the clock and a coloured mark.
    fn mark(&mut self, ts: Timestamp, mark: &str, colour: Colour, text: &str) -> io::Result<()> {
        let text = format!("{}  {mark} {text}", self.clock(ts));
        self.paper.marked(&text, mark, colour, self.indent())
    }

    fn unit(&mut self, ts: Timestamp, unit: &Unit) -> io::Result<()> {
        let name = name(&unit.subject).to_owned();
        match unit.state {
            UnitState::Waiting => {
                self.put(&format!("{name} is not running yet; waiting for it."), 0)?;
                self.probes()
            }
            UnitState::Running | UnitState::Started => {
                if unit.state == UnitState::Started {
                    let clock = self.clock(ts);
                    self.put(&format!("{clock}  {name}: started"), 10)?;
                }
                self.header(&name, unit)
            }
            UnitState::Stopped | UnitState::Failed => {
                let clock = self.clock(ts);
                let state = if unit.state == UnitState::Failed {
                    "failed"
                } else {
                    "stopped"
                };
                let mut text = format!("{clock}  {name}: {state}");
                if let Some(result) = &unit.result {
                    text += &format!(" (Result={result}");
                    if let Some(exit) = &unit.exit {
                        text += &format!(", {exit}");
                    }
                    text += ")";
                }
                if let Some(kills) = unit.kills.filter(|kills| *kills > 1) {
                    text += &format!(", {kills} of its processes killed for memory in this run");
                }
                if let Some(restarts) = unit.restarts.filter(|restarts| *restarts > 0) {
                    let times = if restarts == 1 {
                        "once".to_owned()
                    } else {
                        format!("{restarts} times")
                    };
                    text += &format!(", restarted {times} by systemd");
                }
                self.put(&text, 10)
            }
        }
    }

    fn header(&mut self, name: &str, unit: &Unit) -> io::Result<()> {
        let mut facts = Vec::new();
        facts.extend(unit.subject.cgroup.path.clone());
        facts.extend(
            unit.subject
                .invocation_id
                .as_ref()
                .map(|id| format!("invocation {}…", id.get(..8).unwrap_or(id))),
        );
        facts.extend(unit.tasks.map(|tasks| counted(tasks, "task")));
        let description = unit
            .description
            .as_ref()
            .filter(|text| *text != name)
            .map(|text| format!(" - {text}"));
        self.put(
            &format!("● {name}{}   {}", description.unwrap_or_default(), facts.join(", ")),
            2,
        )?;
        let limits: Vec<String> = unit
            .limits
            .iter()
            .filter(|limit| limit.bytes.is_some() || limit.relation == Relation::Own)
            .map(|limit| {
                let key = setting(&limit.file, limit.unit.as_deref(), Some(&limit.cgroup));
                let size = limit.bytes.map_or_else(|| "infinity".to_owned(), bytes);
                match limit.relation {
                    Relation::Own => format!("{key}={size} (own)"),
                    Relation::Ancestor | Relation::Host => {
                        let used = limit
                            .usage
                            .map(|used| format!(" (used {})", bytes(used)))
                            .unwrap_or_default();
                        format!(
                            "{} {key}={size}{used}",
                            limit_owner(limit.relation, limit.unit.as_deref(), &limit.cgroup)
                        )
                    }
                }
            })
            .collect();
        self.put(&format!("  Limits: {}", limits.join(" · ")), 10)?;
        self.probes()?;
        self.paper.row("")
    }

    /// How oomtrace knows, and once what it cannot know.
    fn probes(&mut self) -> io::Result<()> {
        let probes: Vec<String> = self
            .probes
            .iter()
            .filter(|probe| MAIN_PROBES.contains(&probe.name.as_str()))
            .map(|probe| match probe.via {
                Via::Fentry => format!("{} (fentry)", probe.name),
                Via::Iter => format!("{} (iterator)", probe.name),
                Via::Kprobe => format!("{} (kprobe)", probe.name),
                Via::Tracepoint => format!("{} (tracepoint)", probe.name),
                Via::Poll => format!("{} (polled)", probe.name),
                Via::None => format!("{} (missing)", probe.name),
            })
            .collect();
        self.put(&format!("  Probes: {}", probes.join(", ")), 10)?;
        if std::mem::replace(&mut self.told_losses, true) {
            return Ok(());
        }
        let losses: Vec<String> = self
            .probes
            .iter()
            .filter(|probe| probe.via == Via::None)
            .filter_map(|probe| Some(format!("  Without {}: {}", probe.name, probe.loss.as_ref()?)))
            .collect();
        for loss in losses {
            self.put(&loss, 10)?;
        }
        Ok(())
    }

    fn matters(&self, ts: Timestamp, sample: &Sample, key: u64) -> bool {
        let Some(current) = sample.memory.current.map(Bytes::as_f64) else {
            return false;
        };
        let Some(told) = self.told.peek(&key) else { return true };
        let moved = (current - told.current).abs();
        let room = sample
            .limits
            .iter()
            .map(|limit| limit.bytes.as_f64())
            .fold(f64::INFINITY, f64::min);
        let age = ts.seconds_since(told.ts);
        // In a pipe a line is a change of state: what it is, and whether a limit is in sight.
        if self.options.width.is_none() {
            return told.state != State::of(sample) && age > STATE_LASTED;
        }
        moved > room * 0.05
            || moved > told.current * 0.10 && moved > 1e6
            || told.forecast != sample.forecast.is_some() && age > 1.0
            || told.class != sample.trend.map(|trend| trend.class) && age > 5.0
            || age > TELL_EVERY && moved > 0.0
    }

    fn sample(&mut self, ts: Timestamp, sample: &Sample) -> io::Result<()> {
        let path = sample.subject.cgroup.path.as_deref();
        let key = self.hasher.hash_one(path);
        // What only holds others is told by what it holds, where it has no limit; of one unit that is the host too.
        let is_holder = sample.subject.unit.as_deref().is_some_and(|unit| {
            let is_manager = unit.starts_with("user@") && sample.subject.user_unit.is_none();
            let slice = sample.subject.user_unit.as_deref().unwrap_or(unit);
            is_manager || slice.ends_with(".slice")
        });
        let has_limit = sample.limits.iter().any(|limit| limit.relation == Relation::Own);
        let is_other = path == Some("/") && !self.options.host;
        if is_holder && !has_limit || is_other || !self.matters(ts, sample, key) {
            return Ok(());
        }
        let current = sample.memory.current.unwrap_or_default();
        let told = Told {
            ts,
            current: current.as_f64(),
            class: sample.trend.map(|trend| trend.class),
            forecast: sample.forecast.is_some(),
            state: State::of(sample),
        };
        let before = self.told.put(key, told).and_then(|before| before.class);
        if self.told.len() > TOLD {
            self.told.pop_lru();
        }
        // The limit that the time left is about, else the unit's own, else the one that is nearest to being full.
        let share = |limit: &&Limit| limit.usage.unwrap_or_default().as_f64() / limit.bytes.as_f64().max(1.0);
        let hard = || sample.limits.iter().filter(|limit| limit.file != "memory.high");
        let told_of = sample.forecast.as_ref().map(|forecast| &forecast.limit);
        let nearest = hard()
            .find(|limit| told_of.is_some_and(|told| told.cgroup == limit.cgroup && told.file == limit.file))
            .or_else(|| hard().find(|limit| limit.relation == Relation::Own))
            .or_else(|| hard().max_by(|a, b| share(a).total_cmp(&share(b))));
        let mut columns = vec![self.clock(ts), format!("{:>7}", bytes(current))];
        if let Some(limit) = nearest {
            let per_cent = format!("{:.0}%", share(&limit) * 100.0);
            // On a narrow terminal the share alone: it is what says how near the limit is.
            columns.push(match self.options.width {
                Some(..60) => per_cent,
                _ => format!("/ {} {per_cent}", bytes(limit.bytes)),
            });
            if sample.subject.cgroup.path.as_ref() != Some(&limit.cgroup) || limit.relation == Relation::Own {
                columns.push(limit_owner(limit.relation, limit.unit.as_deref(), &limit.cgroup));
            }
        }
        if let Some(trend) = sample.trend {
            columns.push(pace(trend.bytes_per_second, trend.class));
            columns.push(trend_name(&trend).to_owned());
        }
        columns.extend(sample.bursty.as_ref().map(bursty));
        columns.extend(
            sample
                .forecast
                .as_ref()
                .filter(|_| !sample.trend.as_ref().is_some_and(is_early))
                .map(|forecast| format!("limit in {}", interval(forecast))),
        );
        let width = self.options.width.unwrap_or(usize::MAX);
        let mut line = columns.remove(0);
        let called = called(&sample.subject);
        let name = shown(&called);
        if self.options.names || name == HOST {
            line += "  ";
            // In a pipe a name is whole: it is searched for.
            let room = self.options.width.map_or(usize::MAX, |width| 24.min(width / 3));
            line += &middle(&name, room, self.options.unicode);
        }
        for column in columns {
            if line.chars().count() + 2 + column.chars().count() > width {
                break;
            }
            line += "  ";
            line += &column;
        }
        self.paper.row(&line)?;
        // Of one unit there is room to say why.
        if let Some(trend) = sample
            .trend
            .filter(|trend| !self.options.names && before != Some(trend.class) && !is_early(trend))
            && let Some(reason) = trend.reason()
        {
            let indent = self.indent();
            let text = format!("{:indent$}{}: {reason}", "", class_name(trend.class));
            self.paper.painted("", &text, Colour::Grey, indent)?;
        }
        Ok(())
    }

    fn forecast(&mut self, ts: Timestamp, change: &ForecastChange, news: News) -> io::Result<()> {
        let text = warning(change);
        let word = match news {
            News::Warning => "WARNING",
            News::Still => "still  ",
            News::Again => "again  ",
            News::Cleared => {
                let clock = self.clock(ts);
                return self.put(&format!("{clock}  {text}"), 10);
            }
            News::Old => return Ok(()),
        };
        self.mark(ts, "▲", Colour::Yellow, &format!("{word}  {text}"))?;
        // An update says how much sooner it is.
        if let Some(ground) = ground(change).filter(|_| news == News::Warning) {
            let indent = self.indent();
            self.put(&format!("{:indent$}{ground}", ""), indent)?;
        }
        Ok(())
    }
}

impl<W: Write + Send> Sink for Text<W> {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        let ts = line.ts;
        let news = self.incidents.take(line);
        match &line.event {
            Event::Start(start) => self.probes.clone_from(&start.probes),
            Event::Unit(unit) if !self.options.quiet => self.unit(ts, unit)?,
            Event::Sample(sample) if !self.options.quiet => self.sample(ts, sample)?,
            Event::Stop(stop) if stop.reason == StopReason::Crash => {
                let text = "recording stopped unexpectedly; no data until the recorder restarted";
                self.put(&format!("{}  {text}", self.clock(ts)), 10)?;
            }
            Event::Unit(_) | Event::Sample(_) | Event::Processes(_) | Event::Run(_) | Event::Stop(_) => {}
            Event::Forecast(change) => self.forecast(ts, change, news)?,
            Event::Throttle(throttle) => self.mark(ts, "≋", Colour::Yellow, &standstill(throttle))?,
            Event::Kill(kill) => {
                let (head, lines) = paragraph(kill, ts);
                self.mark(ts, "✖", Colour::Red, &format!("KILLED   {head}"))?;
                for (label, text) in lines {
                    let indent = self.indent();
                    self.put(&format!("{:indent$}{label:<9} {text}", ""), indent + 10)?;
                }
            }
            Event::OomWithoutKill(oom) => {
                self.mark(ts, "✖", Colour::Red, &format!("OUT OF MEMORY  {}", unkilled(oom)))?;
            }
            Event::Lost(lost) => {
                let text = match lost.stream {
                    Stream::Output => format!("{} dropped: disk full or reader too slow", counted(lost.count, "event")),
                    Stream::Sample => format!(
                        "{} missed: the interval is too short for this host; take a longer one (--interval 10s)",
                        counted(lost.count, "sample")
                    ),
                    Stream::Repeated => words::repeated(lost),
                    stream => format!(
                        "{} lost: the ring was full",
                        counted(lost.count, &format!("{stream:?} record"))
                    ),
                };
                let clock = format!("{}  ", self.clock(ts));
                self.paper.painted(&clock, &text, Colour::Grey, 10)?;
            }
            Event::Stacks(stacks) => table(stacks, &mut self.paper)?,
            Event::Unexplained(unexplained) => {
                let text = format!("UNEXPLAINED  {}", words::unexplained(unexplained));
                self.mark(ts, "▲", Colour::Yellow, &text)?;
            }
        }
        self.paper.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.paper.flush()
    }
}
