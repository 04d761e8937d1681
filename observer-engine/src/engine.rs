//! The engine: samples become trends and forecasts, kills become verdicts.
//!
//! In: typed values that carry their own time. Out: the same values, filled in, and events. It knows no clock, no file
//! and no kernel, so that a replayed stream gives what the live one gave.

mod above;
mod bounded;
mod bursts;
mod forecast;
mod growers;
mod late;
mod line;
mod parts;
mod rank;
mod recent;
mod runs;
mod series;
mod slot;
mod throttle;
mod warning;
mod waves;

use crate::event::{
    Before, BeforeSample, Class, Earlier, Event, Forecast, ForecastChange, ForecastState, Grower, GrowingPart, Kill,
    Ledger, Limit, Memory, Processes, Relation, Run, RunEnd, RunOutline, RunState, Sample, Subject, Trend, ancestry,
};
use crate::measure::{Bytes, Timestamp};
use crate::verdict::{self, KillFacts};

use above::HOST;
use bounded::Bounded;
use bursts::Bursts;
use growers::Followed;
use late::{Late, Life, Said};
use parts::PartsOverTime;
use recent::Recent;
use runs::Runs;
use series::{Detail, Series};
use warning::Told;

/// Cgroups that are looked at closely, at most: ten times what the others take is spent on each.
const MAX_CLOSE: usize = 512;

/// Limits' owners that are followed, at most: slices, pods, the host.
const MAX_OWNERS: usize = 1024;

/// So many samples without a limit in sight end the close look.
const OUT_OF_SIGHT: u8 = 64;

/// Of a cgroup that only the host's memory limits this share of the last samples is kept.
const KEPT_PLAIN: usize = 3;

/// Near `memory.high` from this share on.
const NEAR_HIGH: f64 = 0.9;

/// How long a forecast counts as said after the last one, in seconds.
const STILL_SAID: f64 = 10.0;

/// A limit is near enough for its cgroup to be sampled at each tick, and its processes to be looked at, within so many
/// times what is warned of.
const NEAR_ENOUGH: f64 = 4.0;

/// The processes of a unit whose limit is so near are looked at at each tick, in seconds.
const SOON: f64 = 120.0;

/// A unit is under pressure from this share of time on, in per cent of the last 10 s, in which some of its tasks waited for memory.
const PRESSED: f64 = 1.0;

/// Templates whose instances' runs are remembered, at most: a third of a KiB each.
const MAX_TEMPLATES: usize = 256;

/// Units whose processes are followed, at most; the one not told of for longest goes first. 48 KiB each at most.
const MAX_FOLLOWED: usize = 64;

/// What is followed of a unit's processes takes as much as what is known of so many cgroups that never move.
const FOLLOWED_AS: usize = 32;

/// How long a cgroup's limit counts after the cgroup's last sample, in seconds.
const STILL_THERE: f64 = 60.0;

/// Kills between two samples whose growth is thought of, at most.
const MAX_ENDED: usize = 1_024;

/// What is given back at once is much from this share on.
const MUCH: f64 = 0.2;

/// An earlier run that settled with so much room below the limit, as a share of what it held, is a reason not to warn.
const ROOM: f64 = 0.1;

/// How the engine is set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Warn when a limit is nearer than this, in seconds.
    pub warn_within_seconds: f64,
    /// How many samples of a cgroup go out with a kill.
    pub keep_before: usize,
    /// Cgroups remembered, at most; the one not seen for longest goes first.
    pub max_cgroups: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            warn_within_seconds: 1800.0,
            keep_before: 12,
            max_cgroups: 16_384,
        }
    }
}

/// What is remembered of a cgroup, by its path: a unit that restarts comes back to the same. Within 4 KiB with all that
/// it points at, 6 KiB where it or one above has a limit, 64 KiB where that is in sight (a test holds all).
#[derive(Debug, Default)]
struct History {
    invocation: Option<String>,
    growth: Series,
    runs: Runs,
    /// The earlier run that the present one goes the way of, where it grows.
    earlier: Option<Earlier>,
    /// Whether one of the present run's processes was killed for memory.
    was_killed: bool,
    throttling: throttle::Throttling,
    last: Recent,
    bursts: Bursts,
    /// The owners of the limits above it, nearest first.
    owners: above::Owners,
    forecast: Option<Box<(Timestamp, Forecast)>>,
    /// Whether it is under memory pressure.
    is_pressed: bool,
    /// What of the machine's memory is used for what; of the host alone.
    parts: Option<Box<PartsOverTime>>,
    /// The warning that stands.
    told: Option<Box<Told>>,
    /// The warning that was cleared last, while all that it was of is still held.
    calmed: Option<Box<Told>>,
    /// Since when a limit is met.
    met_since: Option<Timestamp>,
    /// Whether what the standing warning was of has come.
    is_over: bool,
    /// What was known a while ago, where a kill may still ask for it.
    late: Option<Box<Late>>,
    /// Samples since a limit was in sight.
    blind: u8,
}

/// How closely the processes of a unit are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// At each tick.
    Close,
    /// Now and then.
    Seldom,
}

/// Trends, forecasts and verdicts of every cgroup.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    cgroups: Bounded<History>,
    owners: Bounded<Series>,
    above: above::Above,
    /// The last runs of any instance of a template, by the path that the template itself would have.
    templates: Bounded<Runs>,
    /// Units whose processes are told of.
    followed: Bounded<Followed>,
    /// How many of the cgroups are looked at closely.
    close: usize,
    /// Whose processes were killed since the last sample, and what they held, in bytes.
    ended: Vec<(Subject, f64)>,
}

impl Engine {
    /// With nothing known yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            cgroups: Bounded::new(config.max_cgroups),
            owners: Bounded::new(MAX_OWNERS),
            config,
            above: above::Above::default(),
            templates: Bounded::new(MAX_TEMPLATES),
            followed: Bounded::new(MAX_FOLLOWED),
            close: 0,
            ended: Vec::new(),
        }
    }

    /// How many cgroups are remembered; a unit whose processes are followed takes as much as some of them.
    #[must_use]
    pub fn cgroups(&self) -> usize {
        self.cgroups.len() + self.followed.len() * FOLLOWED_AS
    }

    /// Takes a sample, fills in its trend and forecast, and tells where a forecast began, changed or ended.
    pub fn sample(&mut self, ts: Timestamp, sample: &mut Sample, out: &mut Vec<Event>) {
        let subject = &sample.subject;
        let name = subject
            .cgroup
            .path
            .as_ref()
            .or(subject.user_unit.as_ref())
            .or(subject.unit.as_ref());
        let (Some(path), Some(current)) = (name.cloned(), sample.memory.current) else {
            return;
        };
        if sample.limits.is_empty() {
            sample.limits = self.implied_limits(ts, &path, sample);
        }
        for (subject, freed) in std::mem::take(&mut self.ended) {
            out.extend(self.run_killed(subject, freed));
        }
        out.extend(self.new_life(ts, &path, &sample.subject).into_iter().flatten());
        // The limits' owners first: their growth decides as much as the cgroup's own.
        for limit in sample.limits.iter().filter(|limit| limit.relation != Relation::Own) {
            if let Some(usage) = limit.usage {
                let held = forecast::held(usage, limit.reclaimable.unwrap_or_default(), limit.swap_usage);
                let (owner, _) = self.owners.entry(&limit.cgroup);
                owner.look(Detail::Close);
                owner.push(ts, held);
            }
        }
        // One figure, whoever tells it: that of the sample, where it has its parts.
        let own = sample.limits.iter().find(|limit| limit.cgroup == path);
        // What of the machine's can be had back its usage has not in it.
        let told = own.filter(|limit| limit.relation == Relation::Host || sample.memory.file.is_none());
        let reclaimable = told
            .and_then(|limit| limit.reclaimable)
            .unwrap_or_else(|| sample.memory.reclaimable());
        let (history, gone) = self.cgroups.entry(&path);
        let gone = gone.is_some_and(|gone| gone.growth.detail() == Detail::Close);
        self.close -= usize::from(gone);
        let was_close = history.growth.detail() == Detail::Close;
        if history.invocation != sample.subject.invocation_id && sample.subject.invocation_id.is_some() {
            history.invocation.clone_from(&sample.subject.invocation_id);
        }
        if std::mem::take(&mut history.is_over) {
            history.told = None;
            out.push(history.cleared(sample.subject.clone()));
        }
        let held = forecast::held(current, reclaimable, sample.memory.swap_current);
        let rise = history.growth.last().map_or(0.0, |last| held - last);
        let before = history.last.last_seen();
        history.growth.push_parts(ts, held, &sample.memory);
        history.runs.push(ts, held);
        let siblings = runs::template(&path).and_then(|template| self.templates.get(&template));
        history.compare(&sample.limits, siblings);
        out.extend(history.throttling.push(ts, sample).map(Event::Throttle));
        sample.trend = history.trend();
        let class = sample.trend.map_or(Class::Unknown, |trend| trend.class);
        let mut ahead = forecast::ahead(class, &history.growth, &self.owners, sample, reclaimable);
        history.growth.nears(ahead.room.map(|room| room.left));
        history.met_since = ahead.met.and(history.met_since.or(Some(ts)));
        if let (None, Some(_), Some(limit), Some(since)) = (&ahead.binding, &history.told, ahead.met, history.met_since)
        {
            ahead.binding = Some(forecast::overdue(limit, ts.seconds_since(since)));
        }
        let bursty = history.bursts.push(ts, before, rise, ahead.room);
        let growth = ahead.growth;
        (sample.forecast, sample.slowed) = (ahead.binding, ahead.slowed);
        sample.bursty = bursty;
        history.look(sample.forecast.is_some(), self.close < MAX_CLOSE);
        history.is_pressed = sample.pressure.is_some_and(|pressure| pressure.some_avg10 >= PRESSED);
        if !sample.tasks.is_empty() {
            let (followed, _) = self.followed.entry(&path);
            followed.sample(ts, held, &sample.tasks);
        }
        history.watch_parts(ts, sample.ledger.as_deref());
        let is_close = history.growth.detail() == Detail::Close;
        self.close = self.close + usize::from(is_close) - usize::from(was_close);
        history.owners = above::Owners::among(&path, &sample.limits);
        // What went out of memory at a limit is asked what it held before; at the host's, most are bystanders.
        let is_limited = sample.limits.iter().any(|limit| limit.relation != Relation::Host);
        let room = if is_close || is_limited || path == HOST {
            self.config.keep_before
        } else {
            self.config.keep_before.div_ceil(KEPT_PLAIN)
        };
        history
            .last
            .push(ts, sample.subject.unit.as_deref(), &sample.memory, room);
        let ends = self.followed.get(&path).and_then(|followed| followed.ends(ts));
        let case = warning::Case {
            class,
            forecast: sample.forecast.as_ref(),
            growth,
            ends_below: history.ends_below(ends, sample.forecast.as_ref()),
            within: self.config.warn_within_seconds,
        };
        let change = warning::change(ts, history, &case);
        // No slope tells of the next burst; who is warned is told on.
        if sample.bursty.is_some() && history.told.is_none() {
            sample.forecast = None;
        }
        history.say(ts, sample.forecast.as_ref());
        history.remember(ts, sample.trend, self.config.keep_before);
        out.extend(change.map(|state| {
            Event::Forecast(ForecastChange {
                subject: sample.subject.clone(),
                state,
                class,
                trend: sample.trend,
                forecast: sample.forecast.clone(),
                memory: Some(sample.memory),
                task: self.followed.get(&path).and_then(Followed::growing),
                part: history.growing_part(sample.trend.as_ref()),
                reason: sample.trend.and_then(|trend| trend.reason()),
            })
        }));
    }

    /// Where a sample is the first of a unit's next run: what the old one did is no trend of it, and nobody is to wait for
    /// what the old one was warned of.
    fn new_life(&mut self, ts: Timestamp, path: &str, subject: &Subject) -> [Option<Event>; 3] {
        let next =
            |history: &&mut History| subject.invocation_id.is_some() && history.invocation != subject.invocation_id;
        let Some(history) = self.cgroups.get_mut(path).filter(next) else {
            return [None, None, None];
        };
        let mut old = std::mem::take(history);
        let end = if old.was_killed {
            RunEnd::Killed
        } else {
            RunEnd::Stopped
        };
        let run = old.runs.end(end);
        history.runs = std::mem::take(&mut old.runs);
        history.late = (!old.last.is_empty()).then(|| {
            let said = old.late.take().map(|late| late.said).unwrap_or_default();
            let (last, owners) = (std::mem::take(&mut old.last), std::mem::take(&mut old.owners));
            Box::new(Late::after(Life {
                last,
                owners,
                said,
                ended: ts,
            }))
        });
        self.close -= usize::from(old.growth.detail() == Detail::Close);
        if let Some(freed) = old.growth.last() {
            self.freed(path, freed);
        }
        let subject = Subject {
            invocation_id: old.invocation.clone(),
            ..subject.clone()
        };
        let run = run.map(|run| {
            self.know_of_template(path, &run);
            ended(subject.clone(), run)
        });
        let throttle = old.throttling.over(subject.clone()).map(Event::Throttle);
        [run, throttle, old.told.is_some().then(|| old.cleared(subject))]
    }

    /// A run that was told: of an earlier stream, or of this one where its samples are not there.
    pub fn know(&mut self, run: &Run) {
        if let Some(path) = &run.subject.cgroup.path {
            let (history, _) = self.cgroups.entry(path);
            history.runs.know(&run.run);
            self.know_of_template(path, &run.run);
        }
    }

    /// A run of an instance says something of the next one of any other.
    fn know_of_template(&mut self, path: &str, run: &RunOutline) {
        if let Some(template) = runs::template(path) {
            self.templates.entry(&template).0.know(run);
        }
    }

    /// Processes of a cgroup were killed that held so much: where that was much, its run is over.
    fn run_killed(&mut self, subject: Subject, freed: f64) -> Option<Event> {
        let killed = subject.cgroup.path.clone()?;
        // A cgroup below the unit's own is not sampled: the unit's is.
        let path = ancestry(&killed)
            .find(|path| self.cgroups.get(path).is_some())?
            .to_owned();
        let history = self.cgroups.get_mut(&path)?;
        history.was_killed = true;
        let is_over = history.growth.last().is_some_and(|last| freed >= last * MUCH);
        let run = is_over.then(|| history.runs.end(RunEnd::Killed)).flatten();
        if let Some(run) = &run {
            self.know_of_template(&path, run);
        }
        self.freed(&killed, freed);
        let mut subject = subject;
        subject.cgroup.id = subject.cgroup.id.filter(|_| killed == path);
        subject.cgroup.path = Some(path);
        run.map(|run| ended(subject, run))
    }

    /// A process was killed: where it held much, growth begins anew with what is left, from the next sample on. Those that
    /// are killed together with it are still to be told what was known before.
    pub fn killed(&mut self, kill: &Kill) {
        let Some(path) = &kill.subject.cgroup.path else { return };
        let sizes = kill
            .victim
            .as_ref()
            .map(|victim| [victim.anon, victim.shmem, victim.swap]);
        let known = sizes
            .into_iter()
            .flatten()
            .flatten()
            .map(Bytes::as_f64)
            .reduce(|sum, size| sum + size);
        // Where nobody told what it held, it may have been all there was.
        let all = || self.cgroups.get(path)?.growth.last();
        let Some(freed) = known.or_else(all) else { return };
        let last = self.ended.last_mut();
        // One of a group: what they held together has gone.
        if let Some((_, sum)) = last.filter(|(subject, _)| subject.cgroup.path.as_ref() == Some(path)) {
            *sum += freed;
        } else if self.ended.len() < MAX_ENDED {
            self.ended.push((kill.subject.clone(), freed));
        }
    }

    /// So much was given back at once, in bytes: whoever had much of it, the cgroup and those above, has a past that is no
    /// guide any more.
    fn freed(&mut self, path: &str, freed: f64) {
        let is_much = |series: &Series| series.last().is_some_and(|last| freed >= last * MUCH);
        for above in ancestry(path).chain([HOST]) {
            if let Some(history) = self.cgroups.get_mut(above).filter(|history| is_much(&history.growth)) {
                history.growth.begin_anew();
                history.is_over = history.told.is_some();
            }
            if let Some(owner) = self.owners.get_mut(above).filter(|owner| is_much(owner)) {
                owner.begin_anew();
            }
            if let Some(followed) = self.followed.get_mut(above) {
                followed.freed();
            }
        }
    }

    /// Takes what was seen of a unit's processes.
    pub fn processes(&mut self, ts: Timestamp, told: &Processes) {
        let Some(path) = &told.subject.cgroup.path else { return };
        let held = self.cgroups.get(path).and_then(|history| history.growth.last());
        let (followed, _) = self.followed.entry(path);
        followed.look(ts, held, told);
    }

    /// What grew most before a kill, wherever its memory may have come from, and how much each of its tasks did.
    fn name_growers(&self, ts: Timestamp, kill: &mut Kill) {
        let path = kill.subject.cgroup.path.clone();
        let own = path.as_deref().and_then(|path| self.followed_above(path));
        let mut growers: Vec<(f64, Grower)> = Vec::new();
        if let Some(scope) = verdict::growers::scope(kill) {
            for (path, followed) in self.followed.iter().filter(|(path, _)| verdict::holds(scope, path)) {
                let is_own = own.is_some_and(|(own, _)| own == path);
                let tasks = if is_own { kill.tasks.as_slice() } else { &[] };
                growers.extend(followed.growers(ts, path, tasks));
            }
        }
        let growers = verdict::growers::most(growers);
        // Those of a unit that is not in this stream are known from the kill alone.
        let is_known = |grower: &Grower| self.followed.get(&grower.cgroup).is_some();
        if kill.growers.first().is_none_or(is_known) {
            kill.growers = growers;
        }
        for task in &mut kill.tasks {
            task.grown = own.and_then(|(_, followed)| followed.grown(ts, task)).or(task.grown);
            task.ppid = task.ppid.or_else(|| own?.1.parent(task.pid));
        }
    }

    /// The unit that a cgroup belongs to, where its processes are followed.
    fn followed_above<'a>(&'a self, path: &'a str) -> Option<(&'a str, &'a Followed)> {
        ancestry(path).find_map(|above| Some((above, self.followed.get(above)?)))
    }

    /// A stream that is not oomtrace's may tell limits only as what a cgroup's files said: its own, and those of the cgroups
    /// above it that are in the stream too.
    fn implied_limits(&self, ts: Timestamp, path: &str, sample: &Sample) -> Vec<Limit> {
        let own = (path, sample.subject.unit.clone(), sample.memory);
        let above = ancestry(path).skip(1).filter_map(|above| {
            let last = self.cgroups.get(above)?.last.last(above)?;
            (ts.seconds_since(last.ts) < STILL_THERE).then_some((above, last.unit, last.memory))
        });
        let swap_room = |memory: &Memory| Some(memory.swap_max?.saturating_sub(memory.swap_current?));
        let limits = std::iter::once(own).chain(above).flat_map(|(cgroup, unit, memory)| {
            let files = [("memory.max", memory.max), ("memory.high", memory.high)];
            files.into_iter().filter_map(move |(file, bytes)| {
                Some(Limit {
                    cgroup: cgroup.to_owned(),
                    unit: unit.clone(),
                    relation: if cgroup == path {
                        Relation::Own
                    } else {
                        Relation::Ancestor
                    },
                    file: file.to_owned(),
                    bytes: bytes?,
                    usage: memory.current,
                    reclaimable: Some(memory.reclaimable()),
                    swap_usage: memory.swap_current,
                    swap_room: swap_room(&memory),
                })
            })
        });
        limits.collect()
    }

    /// What a cgroup held when it was sampled last.
    #[must_use]
    pub fn last(&self, path: &str) -> Option<BeforeSample> {
        self.cgroups.get(path)?.last.last(path)
    }

    fn last_sampled(&self, path: &str) -> Option<Timestamp> {
        self.cgroups.get(path)?.last.last_seen()
    }

    /// Whether a cgroup is to be sampled though nothing tells that it moves: one that nears a limit by less than is told
    /// comes there too, near its `memory.high` it may stand still, and one that does so is waited for.
    #[must_use]
    pub fn wants_samples(&self, path: &str) -> bool {
        let Some(history) = self.cgroups.get(path) else {
            return false;
        };
        let sizes = history.last.memory().and_then(|memory| memory.current.zip(memory.high));
        self.nears_limit(history)
            || history.throttling.is_raised()
            || sizes.is_some_and(|(current, high)| current.as_f64() >= high.as_f64() * NEAR_HIGH)
    }

    /// What a cgroup held that is not sampled itself, but whose limit holds one that is: it goes out with a kill, and is told
    /// nowhere else.
    pub fn above(&mut self, sample: BeforeSample) {
        self.above.push(sample, self.config.keep_before);
    }

    /// A kill, from the facts: the verdict, what was known before, and what follows.
    #[must_use]
    pub fn kill(&self, ts: Timestamp, facts: KillFacts) -> Kill {
        let mut kill = verdict::verdict(facts, |subject| self.before(ts, subject.cgroup.path.as_deref()));
        self.name_growers(ts, &mut kill);
        kill
    }

    /// A kill that was recorded: what was known before it is what this engine knows, where it knows anything. Of cgroups
    /// of which the stream has no samples, or older ones only, the kill itself tells.
    pub fn recall(&self, ts: Timestamp, kill: &mut Kill) {
        self.name_growers(ts, kill);
        let Some(mut before) = self.before(ts, kill.subject.cgroup.path.as_deref()) else {
            return;
        };
        let recorded = kill.before.take().map(|before| before.samples).unwrap_or_default();
        for of_one in recorded.chunk_by(|left, right| left.cgroup == right.cgroup) {
            let is_same = |sample: &BeforeSample| of_one.first().is_some_and(|first| first.cgroup == sample.cgroup);
            let known = before
                .samples
                .iter()
                .filter(|sample| is_same(sample))
                .map(|sample| sample.ts)
                .max();
            if of_one.last().map(|sample| sample.ts) > known {
                before.samples.retain(|sample| !is_same(sample));
                before.samples.extend_from_slice(of_one);
            }
        }
        kill.before = Some(before);
    }

    /// How closely it is worth to look at a cgroup's processes: a limit is in sight, or memory is short, and one of them may be
    /// who fills it. `None` = not at all.
    #[must_use]
    pub fn attention(&self, path: &str) -> Option<Attention> {
        let history = self.cgroups.get(path)?;
        let said = history.forecast.as_deref();
        let is_soon = said.is_some_and(|(_, forecast)| forecast.seconds <= SOON);
        if history.is_pressed
            || history.met_since.is_some() && history.told.is_some()
            || self.nears_limit(history) && is_soon
        {
            Some(Attention::Close)
        } else if self.nears_limit(history) || history.told.is_some() {
            Some(Attention::Seldom)
        } else {
            None
        }
    }

    /// Whether a limit is in sight, and within a few times what is warned of.
    fn nears_limit(&self, history: &History) -> bool {
        let said = history.forecast.as_deref();
        let within = self.config.warn_within_seconds * NEAR_ENOUGH;
        history.growth.detail() == Detail::Close && said.is_some_and(|(_, forecast)| forecast.seconds <= within)
    }

    /// What was known of a cgroup and of the owners of the limits above it before now.
    fn before(&self, ts: Timestamp, path: Option<&str>) -> Option<Before> {
        // A cgroup below the unit's own is not sampled: the unit's is.
        let (sampled_path, history) = ancestry(path?).find_map(|path| {
            let history = self.cgroups.get(path).filter(|history| !history.last.is_empty())?;
            Some((path, history))
        })?;
        let late = history.late.as_deref();
        let life = late.and_then(|late| late.life_at(ts));
        let (last, owners) = life.map_or((&history.last, &history.owners), |life| (&life.last, &life.owners));
        let kept = life.map(|life| &life.said).or(late.map(|late| &late.said));
        let now = || life.is_none().then(|| history.said(history.trend()));
        let said = kept
            .and_then(|kept| kept.at(ts).cloned())
            .or_else(now)
            .unwrap_or_default();
        let mut before = Before {
            samples: until(ts, last.all(sampled_path)),
            trend: said.trend,
            forecast_age_seconds: said.forecast.as_ref().map(|(said, _)| ts.seconds_since(*said).max(0.0)),
            forecast: said.forecast.map(|(_, forecast)| forecast),
            bursty: said.bursty,
        };
        // Those of the stream first: a replay finds them there, and the others in the kill.
        let (sampled, others): (Vec<&str>, Vec<&str>) = owners
            .of(sampled_path)
            .partition(|owner| self.last_sampled(owner) >= self.above.last_seen(owner));
        for owner in sampled {
            let owner_history = self.cgroups.get(owner).into_iter();
            let samples = owner_history.flat_map(|history| history.last.all(owner));
            before.samples.extend(until(ts, samples));
        }
        for owner in others {
            before.samples.extend(until(ts, self.above.last(owner).cloned()));
        }
        Some(before)
    }
}

/// Of a cgroup's samples, oldest first, those until a kill: some kills are told late, as those that wait for systemd-oomd's reason. If all
/// are later, the kill's time is the kernel log's, whose clock stands still while the machine sleeps: they are kept.
fn until(ts: Timestamp, samples: impl Iterator<Item = BeforeSample>) -> Vec<BeforeSample> {
    let mut samples: Vec<BeforeSample> = samples.collect();
    let count = samples.partition_point(|sample| sample.ts <= ts);
    if count > 0 {
        samples.truncate(count);
    }
    samples
}

impl History {
    /// How it grows, and what is known from earlier runs.
    fn trend(&self) -> Option<Trend> {
        let mut trend = self.growth.trend()?;
        trend.earlier = self.earlier;
        if self.earlier.is_some_and(|earlier| earlier.end == RunEnd::Stopped) {
            trend.class = Class::Warmup;
        }
        Some(trend)
    }

    /// Looks whether the present growth is that of an earlier run. One that settled is no guide where it would not have
    /// room to.
    fn compare(&mut self, limits: &[Limit], siblings: Option<&Runs>) {
        let grows = self.growth.class().is_some_and(grows);
        let has_room = |earlier: &Earlier| {
            let own = limits.iter().filter(|limit| limit.relation == Relation::Own);
            own.map(|limit| limit.bytes.as_f64())
                .all(|bytes| bytes > earlier.peak.as_f64() * (1.0 + ROOM))
        };
        self.earlier = grows
            .then(|| self.runs.alike(siblings))
            .flatten()
            .filter(|earlier| earlier.end == RunEnd::Killed || has_room(earlier));
    }

    /// Whether growth ends with a tenth of the limit to spare where its program was told to end it.
    fn ends_below(&self, ends: Option<f64>, forecast: Option<&Forecast>) -> bool {
        let (Some(ends), Some(forecast), Some(held)) = (ends, forecast, self.growth.last()) else {
            return false;
        };
        let slope = self.growth.line().map_or(0.0, |line| line.slope().middle);
        ends - held + forecast.limit.bytes.as_f64() * ROOM <= forecast.seconds * slope
    }

    /// That its warning stands no more.
    fn cleared(&self, subject: Subject) -> Event {
        Event::Forecast(ForecastChange {
            subject,
            state: ForecastState::Cleared,
            class: self.trend().map_or(Class::Unknown, |trend| trend.class),
            trend: None,
            forecast: None,
            memory: None,
            task: None,
            part: None,
            reason: None,
        })
    }

    /// Remembers what was said last.
    fn say(&mut self, ts: Timestamp, forecast: Option<&Forecast>) {
        match (&mut self.forecast, forecast) {
            // Mostly of the limit it was of before: its names are there.
            (Some(said), Some(forecast)) if said.1.limit == forecast.limit => {
                let Forecast {
                    seconds,
                    low_seconds,
                    high_seconds,
                    confidence,
                    limit: _,
                } = *forecast;
                said.0 = ts;
                (said.1.seconds, said.1.confidence) = (seconds, confidence);
                (said.1.low_seconds, said.1.high_seconds) = (low_seconds, high_seconds);
            }
            (said, Some(forecast)) => *said = Some(Box::new((ts, forecast.clone()))),
            // An older forecast stays what was last said only while the series is silent for a moment.
            (said, None) => *said = said.take().filter(|said| ts.seconds_since(said.0) < STILL_SAID),
        }
    }

    fn said(&self, trend: Option<Trend>) -> Said {
        Said {
            trend,
            forecast: self.forecast.as_deref().cloned(),
            bursty: self.bursts.told(),
        }
    }

    /// Keeps what was said with a sample, where a limit is in sight: elsewhere a kill that is told late has the last of it.
    fn remember(&mut self, ts: Timestamp, trend: Option<Trend>, room: usize) {
        let said = (self.growth.detail() == Detail::Close).then(|| self.said(trend));
        if said.is_some() || self.late.is_some() {
            let late = self.late.get_or_insert_default();
            if !late.push(ts, said, room) {
                self.late = None;
            }
        }
    }

    /// What the machine's memory is used for, where a sample tells of it.
    fn watch_parts(&mut self, ts: Timestamp, ledger: Option<&Ledger>) {
        match (&mut self.parts, ledger) {
            (Some(parts), Some(ledger)) => parts.push(ts, ledger),
            (parts, Some(ledger)) => *parts = Some(Box::new(PartsOverTime::new(ts, ledger))),
            (_, None) => {}
        }
    }

    /// What of the machine's memory grew most in a trend's time.
    fn growing_part(&self, trend: Option<&Trend>) -> Option<GrowingPart> {
        self.parts.as_deref()?.growing(trend?.window_seconds)
    }

    /// A limit in sight is worth a closer look, where there is room for one.
    fn look(&mut self, in_sight: bool, is_room: bool) {
        self.blind = if in_sight { 0 } else { self.blind.saturating_add(1) };
        if in_sight && is_room {
            self.growth.look(Detail::Close);
        } else if self.blind >= OUT_OF_SIGHT {
            self.growth.look(Detail::Plain);
        }
    }

    /// What it takes on the heap, in bytes.
    #[cfg(test)]
    fn heap(&self) -> usize {
        let name = |name: &String| name.capacity();
        let forecast = self.forecast.as_deref().map_or(0, |(_, forecast)| {
            size_of::<(Timestamp, Forecast)>() + late::names(forecast)
        });
        let told = self.told.as_ref().map_or(0, |_| size_of::<Told>());
        told + self.late.as_ref().map_or(0, |late| late.heap())
            + self.growth.heap()
            + self.runs.heap()
            + self.last.heap()
            + self.bursts.heap()
            + forecast
            + self.invocation.as_ref().map_or(0, name)
    }
}

/// Whether it is growth that ends at a limit, where nothing ends it before.
fn grows(class: Class) -> bool {
    matches!(class, Class::Leak | Class::Shmem | Class::Kernel)
}

fn ended(subject: Subject, run: RunOutline) -> Event {
    Event::Run(Run {
        subject,
        state: RunState::Ended,
        run,
    })
}

#[cfg(test)]
mod tests;
