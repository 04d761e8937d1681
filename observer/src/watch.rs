//! The live pipeline: rings, timers and signals at the edge, plain values behind it.
//!
//! In: what the kernel, the cgroup files and systemd tell. Out: lines to a sink. It is the only place that knows all the
//! boxes. It decides what to look at and what belongs together; identity is `cgroup`'s and `unit`'s, verdicts and forecasts are
//! `engine`'s.

mod ahead;
mod bus;
mod cgroups;
mod clock;
mod collector;
mod holders;
mod kernel_log;
mod kills;
mod ledger;
mod looks;
mod objects;
mod placeless;
mod prekills;
mod processes;
mod programs;
mod questions;
mod reconcile;
mod redirected;
mod reports;
mod rings;
mod service;
mod signals;
mod standing;
mod status;
mod stream;
mod units;

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::cgroup::Hierarchy;
use crate::conf::Loaded;
use crate::event::{CgroupVersion, Event, Lost, Probe, Run, SCHEMA, Stacks, Start, StopReason, Via};
use crate::heap;
use crate::kernel::{Probes, log, plan};
use crate::measure::Timestamp;
use crate::notice::notice;
use crate::rights;
use crate::sink::Sink;
use crate::unit::prekill::{self, Hook, Prekill};
use crate::unit::{Selection, did_you_mean, present, systemd::Systemd};

pub use stream::StreamError;

use bus::Bus;
use clock::Clock;
use collector::Collector;
use kernel_log::KernelLog;
use questions::Questions;
use rings::Rings;
use service::Watchdog;
use stream::Stream;

/// How long a unit that systemd does not know may take to appear: someone may be starting it right now.
const UNKNOWN_UNIT_GRACE: Duration = Duration::from_secs(8);

/// How many unit changes may wait; more are learnt at the next look.
const CHANGE_QUEUE: usize = 1024;

/// How long an answer of systemd's is waited for when all ends: longer than one may take.
const LAST_ANSWER: Duration = Duration::from_secs(3);

/// What a watch is to do.
#[derive(Debug)]
pub struct Options {
    /// Which units.
    pub selection: Selection,
    /// How often selected cgroups are sampled.
    pub interval: Duration,
    /// When to end by itself.
    pub duration: Option<Duration>,
    /// The machine's name in every line.
    pub host: String,
    /// The best way that is tried; with [`Via::Poll`] files are read only.
    pub best: Via,
    /// Whether command lines are told.
    pub cmdline: bool,
    /// Warn when a limit is nearer than this.
    pub warn_within: Duration,
    /// Whether the verifier's words are shown.
    pub verbose: bool,
    /// How earlier runs of units went.
    pub known: Vec<Run>,
    /// Which code fills units that were warned of, where somebody follows that.
    pub followed: Option<mpsc::Receiver<Stacks>>,
    /// The configuration that a reload compares with the files, for a recorder.
    pub conf: Option<Loaded>,
}

/// Why a watch could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A selected unit is none of systemd's.
    #[error("no unit {unit}{near}; see 'systemctl list-units --all'")]
    UnknownUnit {
        /// As it was asked for.
        unit: String,
        /// The near misses, ready to be read.
        near: String,
    },
    /// No memory cgroups.
    #[error(transparent)]
    Cgroup(#[from] crate::cgroup::CgroupError),
    /// The output failed.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The runtime failed.
    #[error("cannot wait for events: {0}")]
    Io(#[from] std::io::Error),
}

/// A reload: what is recorded goes to disk, and a thread, since nobody waits for a disk here, says what the files change.
fn reload(stream: &mut Stream, conf: Option<&Loaded>) {
    stream.reopen();
    if let Some(conf) = conf.cloned() {
        let told = thread::Builder::new().spawn(move || conf.reread().map(notice));
        // Without a thread there is no word of it, and nothing else is lost.
        drop(told);
    }
}

/// Watches until a signal, the duration's end, or the output's.
///
/// # Errors
/// Where nothing can be watched, or the output fails for another reason than its reader having gone.
pub async fn run(mut options: Options, sinks: Vec<Box<dyn Sink>>) -> Result<(), WatchError> {
    heap::be_frugal();
    standing::take();
    let conf = options.conf.take();
    let clock = Clock::new();
    let hierarchy = Hierarchy::detect()?;
    let mut stream = Stream::new(sinks, options.host.clone())?;
    let (probes, mut list) = attach(&options, &hierarchy);
    let log = kernel_log(&mut list);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let had_terminal = has_terminal();

    stream.write(clock.now(), Event::Start(start(&hierarchy, list)))?;

    let (changes_in, mut changes) = mpsc::channel(CHANGE_QUEUE);
    let (oomd_in, mut oomd) = mpsc::channel(CHANGE_QUEUE);
    let (systemd_in, mut systemds) = mpsc::channel(1);
    let bus = Bus {
        hierarchy: hierarchy.clone(),
        changes: changes_in.clone(),
        oomd: oomd_in.clone(),
        systemd: systemd_in.clone(),
    };
    let (systemd, heard) = bus.connect().await.unzip();
    if let Some(systemd) = &systemd {
        // Whoever has mistyped a name ends it.
        tokio::select! {
            known = known(systemd, &options.selection) => known?,
            _ = interrupt.recv() => return end(stream, clock.now()),
            _ = terminate.recv() => return end(stream, clock.now()),
        }
    }
    tokio::spawn(bus.keep(heard));
    let mut prekills = prekills(Path::new(prekill::FOLDER), &hierarchy);
    let mut probes = probes;
    let walk = probes.as_mut().and_then(|probes| probes.walk.take());
    let mut rings = Rings::new(probes)?;
    let deadline = options.duration.map(|duration| Instant::now() + duration);
    let mut ticks = tokio::time::interval(options.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (questions, mut answers) = Questions::new(systemd);
    let mut followed = options.followed.take();
    let mut collector = Collector::new(options, clock, hierarchy, questions, (rings.sees(), walk), log);
    collector.begin(&mut stream)?;
    let mut watchdog = Watchdog::new();
    // All that takes more is attached or open.
    rights::for_sampling(|| rings.can_be_asked() && collector.can_walk());
    service::ready();

    let reason = loop {
        tokio::select! {
            biased;
            _ = interrupt.recv() => break StopReason::Signal,
            _ = terminate.recv() => break StopReason::Signal,
            // Of a terminal that is closed, it is the end; of anybody else, the word to reload.
            _ = hangup.recv() => match had_terminal && !has_terminal() {
                true => break StopReason::Signal,
                false => reload(&mut stream, conf.as_ref()),
            },
            () = until(deadline) => break StopReason::Duration,
            () = watchdog.due() => Watchdog::feed(),
            () = rings.readable() => {
                let records = rings.drain();
                collector.records(records, &mut stream)?;
            }
            () = logged(collector.log.as_ref()) => collector.read_log(&mut stream)?,
            Some(prekill) = warned(prekills.as_mut()) => collector.about_to_be_killed(prekill, &mut stream)?,
            Some((ticket, answer)) = answers.recv() => collector.answered(ticket, answer, &mut stream)?,
            Some(systemd) = systemds.recv() => collector.connected(systemd),
            Some(kill) = oomd.recv() => collector.oomd_told(&kill, &mut stream)?,
            Some(stacks) = told(followed.as_mut()) => collector.followed(stacks, &mut stream)?,
            Some(change) = changes.recv() => collector.unit_changed(&change.unit),
            _ = ticks.tick() => {
                stream.tick(collector.now(), || collector.watched())?;
                collector.count_kills();
                // Some records wake nobody.
                let records = rings.drain();
                collector.records(records, &mut stream)?;
                collector.tick(&mut stream)?;
                newly_lost(&mut rings, collector.now(), &mut stream)?;
            }
            // With something left to do it does not wait, but comes back to the runtime, which only then looks what is ready.
            () = tokio::task::yield_now(), if rings.has_more() || collector.is_due() || collector.is_mark_near() => {}
        }
        // A mark that is about to come is looked for, which is sooner than to be told of it.
        let is_mark_near = collector.is_mark_near();
        if is_mark_near || rings.has_more() {
            let records = rings.drain();
            collector.records(records, &mut stream)?;
        }
        // One step after whatever came: kills wait for no more than that, and who is to be sampled waits for no quiet moment.
        if !is_mark_near {
            collector.step(&mut stream)?;
        }
    };
    service::stopping();
    // Nothing more is waited for here.
    drop(prekills);
    // What the kernel told before the signal still counts.
    collector.count_kills();
    let records = rings.drain();
    collector.records(records, &mut stream)?;
    newly_lost(&mut rings, collector.now(), &mut stream)?;
    collector.read_log(&mut stream)?;
    while collector.is_asking()
        && let Ok(Some((ticket, answer))) = tokio::time::timeout(LAST_ANSWER, answers.recv()).await
    {
        collector.answered(ticket, answer, &mut stream)?;
    }
    collector.unanswered(&mut stream)?;
    collector.look_for_places(true, &mut stream)?;
    collector.oomd_waited(true, &mut stream)?;
    collector.repeats_over(true, &mut stream)?;
    stream.stop(collector.now(), reason)?;
    drop((changes_in, oomd_in, systemd_in));
    Ok(())
}

/// Whether somebody sits before it.
fn has_terminal() -> bool {
    io::stdin().is_terminal() || io::stderr().is_terminal()
}

/// Ends before anything was watched.
fn end(stream: Stream, now: Timestamp) -> Result<(), WatchError> {
    Ok(stream.stop(now, StopReason::Signal)?)
}

/// Says what the kernel had no room for.
fn newly_lost(rings: &mut Rings, now: Timestamp, stream: &mut Stream) -> Result<(), StreamError> {
    rings.newly_lost().into_iter().try_for_each(|(lost, count)| {
        let killer = None;
        stream.write(
            now,
            Event::Lost(Lost {
                stream: lost,
                count,
                killer,
            }),
        )
    })
}

async fn logged(log: Option<&KernelLog>) {
    match log {
        Some(log) => log.readable().await,
        None => std::future::pending().await,
    }
}

async fn warned(prekills: Option<&mut (Hook, mpsc::Receiver<Prekill>)>) -> Option<Prekill> {
    match prekills {
        Some((_, prekills)) => prekills.recv().await,
        None => std::future::pending().await,
    }
}

async fn told(followed: Option<&mut mpsc::Receiver<Stacks>>) -> Option<Stacks> {
    match followed {
        Some(followed) => followed.recv().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn start(hierarchy: &Hierarchy, probes: Vec<Probe>) -> Start {
    let read = |path: &str| {
        std::fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    };
    let version: CgroupVersion = hierarchy.version();
    Start {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: read("/proc/sys/kernel/osrelease"),
        boot_id: read("/proc/sys/kernel/random/boot_id"),
        cgroup_version: Some(version),
        probes,
    }
}

/// The probes, and the list for the `start` event. Without any, files are read.
fn attach(options: &Options, hierarchy: &Hierarchy) -> (Option<Probes>, Vec<Probe>) {
    let probes = options.best < Via::Poll;
    let loaded = if probes {
        Probes::load(hierarchy.id(), options.best).map_err(|error| error.to_string())
    } else {
        Err("--probes=poll".to_owned())
    };
    match loaded {
        Ok(probes) => {
            if options.verbose {
                for refusal in &probes.attached.refusals {
                    // A line each: what is shown in one is cut.
                    refusal
                        .lines()
                        .for_each(|line| notice(format_args!("the verifier refused {line}")));
                }
            }
            let list = probes.attached.list.clone();
            (Some(probes), list)
        }
        Err(reason) => {
            if probes {
                notice(format_args!(
                    "{reason}; falling back to cgroup files and the kernel log"
                ));
            }
            (None, plan::unattached(&reason))
        }
    }
}

/// What systemd-oomd tells before it kills, where its folder is there and this may listen in it; 'oomtrace doctor' says where not.
fn prekills(folder: &Path, hierarchy: &Hierarchy) -> Option<(Hook, mpsc::Receiver<Prekill>)> {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    match prekill::listen(folder, hierarchy.clone()) {
        Ok(listening) => Some(listening),
        Err(error) if [NotFound, PermissionDenied, ReadOnlyFilesystem].contains(&error.kind()) => None,
        Err(error) => {
            let folder = folder.display();
            notice(format_args!(
                "cannot listen in {folder}: {error}; kills by systemd-oomd have no sample from just before"
            ));
            None
        }
    }
}

/// The kernel's log, opened where it stands in for a probe; the list says so.
fn kernel_log(list: &mut Vec<Probe>) -> Option<KernelLog> {
    if !log::is_needed(list) {
        return None;
    }
    let opened = KernelLog::open();
    log::mark_stand_ins(list, opened.as_ref().err());
    opened.ok()
}

/// Whether a user's unit or a container of that name runs: the system's manager knows neither.
fn is_present(unit: &str) -> bool {
    let name = unit.strip_suffix(".service").unwrap_or(unit);
    let (Ok(hierarchy), Ok(selection)) = (Hierarchy::detect(), Selection::new(&[name.to_owned()], &[], &[], &[]))
    else {
        return false;
    };
    present(&hierarchy).iter().any(|subject| selection.covers(subject))
}

/// Whether systemd knows the units that are selected by name, or comes to know them in a moment; without systemd nobody is refused.
///
/// # Errors
/// [`WatchError::UnknownUnit`].
pub async fn are_known(selection: &Selection) -> Result<(), WatchError> {
    match Systemd::connect().await {
        Some(systemd) => known(&systemd, selection).await,
        None => Ok(()),
    }
}

/// Every selected unit that is named in full is one that systemd knows, or comes to know in a moment.
async fn known(systemd: &Systemd, selection: &Selection) -> Result<(), WatchError> {
    let deadline = Instant::now() + UNKNOWN_UNIT_GRACE;
    for unit in selection.literal_units() {
        let mut said = false;
        if is_present(&unit) {
            continue;
        }
        loop {
            // Where systemd cannot be asked, nobody is refused.
            let not_found = systemd
                .state(&unit)
                .await
                .is_ok_and(|status| status.load_state == "not-found");
            if !not_found {
                break;
            }
            if !std::mem::replace(&mut said, true) {
                let seconds = UNKNOWN_UNIT_GRACE.as_secs();
                notice(format_args!(
                    "unit {unit} is not known to systemd; waiting {seconds} s for it to appear"
                ));
            }
            if Instant::now() >= deadline {
                let known = systemd.known_units().await.unwrap_or_default();
                let near = did_you_mean(&[&unit], &known);
                return Err(WatchError::UnknownUnit { unit, near });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}
