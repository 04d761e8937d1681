//! `oomtrace stacks`: follows the pages that a unit takes, for a while, and tells which code took those that are still there.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::output;
use crate::cgroup::{Hierarchy, scan, usage};
use crate::cli::{Exit, Failure, Profile, Stacks as Options};
use crate::event::{CgroupVersion, Event, Line, Stacks};
use crate::kernel::KernelError;
use crate::kernel::pages::{MOST_LIVE, Pages, decode};
use crate::measure::{Bytes, CgroupId, Timestamp};
use crate::notice::notice;
use crate::report::flame;
use crate::rights;
use crate::shown::shown;
use crate::sink::{Json, Paper, Sink as _};
use crate::stacks::{Follower, TOLD, folded, pprof, table, together};
use crate::unit::{Selection, UnitPath, invocation_id, unit_cgroup};
use crate::watch;

/// Cgroups that are made meanwhile are found this soon, and so is a unit that starts; on a host of thousands later, so that looking
/// takes no more than this part of the time.
const RESCAN: Duration = Duration::from_millis(500);
const SHARE: u32 = 20;

/// The ring is looked at this often: it holds more than is taken meanwhile.
const POLL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// One page in so many at least: below that a fault costs 3 % more (`cargo xtask bench charge --stacks`).
const LEAST: u32 = 256;

/// More pages than this are not kept in mind: those that have gone are forgotten before.
const MOST_KEPT: usize = 2 * MOST_LIVE as usize;

/// A unit whose pages are followed.
struct Group {
    path: String,
    before: Option<Bytes>,
}

/// What is followed, and in which unit.
#[derive(Default)]
struct Chosen {
    groups: Vec<Group>,
    by_id: HashMap<CgroupId, usize>,
}

/// Follows, waits, tells.
///
/// # Errors
/// Where nothing is selected or there, where pages cannot be followed, or where the result cannot be written.
pub fn run(options: &Options) -> Result<(), Failure> {
    let selection = output::selection(&options.which)?;
    if selection.is_empty() {
        let message = anyhow!("which unit? 'oomtrace stacks -u myapp'");
        return Err(Failure::new(Exit::Usage, message));
    }
    let hierarchy = Hierarchy::detect()?;
    if hierarchy.version() != CgroupVersion::V2 {
        let message =
            anyhow!("'stacks' needs memory cgroups of version 2; boot with systemd.unified_cgroup_hierarchy=1");
        return Err(Failure::new(Exit::Unsupported, message));
    }
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    let page_size = u64::try_from(rustix::param::page_size())?;
    let mut chosen = Chosen::default();
    wait_for(&hierarchy, &selection, &mut chosen, &ended)?;
    let one_in = options
        .one_in
        .map_or_else(|| one_in(&chosen, page_size), u32::next_power_of_two);
    let mut pages = Pages::load(one_in).map_err(refused)?;
    rights::for_naming();
    for id in chosen.by_id.keys() {
        pages.choose(*id).context("cannot follow so many cgroups")?;
    }
    if io::stderr().is_terminal() {
        let names: Vec<&str> = chosen.groups.iter().map(|group| group.path.as_str()).take(3).collect();
        let span = crate::human::duration(options.span.as_secs_f64());
        notice(format_args!(
            "following 1 page in {one_in} that {} takes, for {span}; Ctrl-C shows what there is until then",
            shown(&names.join(", "))
        ));
    }
    let begun = Instant::now();
    let mut follower = Follower::new(one_in);
    follow(
        &mut pages,
        &mut follower,
        &mut chosen,
        &hierarchy,
        &selection,
        begun + options.span,
        &ended,
    )?;
    let window = begun.elapsed();
    let units = told(&pages, &mut follower, &chosen, &hierarchy, window, (one_in, page_size));
    write(options, &units, &selection, page_size)
}

/// Until a unit of these is there.
fn wait_for(
    hierarchy: &Hierarchy,
    selection: &Selection,
    chosen: &mut Chosen,
    ended: &AtomicBool,
) -> Result<(), Failure> {
    let mut said = false;
    loop {
        chosen.look(hierarchy, selection);
        if !chosen.groups.is_empty() || ended.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !std::mem::replace(&mut said, true) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime
                .block_on(watch::are_known(selection))
                .map_err(|error| match error {
                    watch::WatchError::UnknownUnit { .. } => Failure::new(Exit::NotFound, error),
                    error => Failure::from(error),
                })?;
            notice(format_args!(
                "waiting for {} to start",
                shown(&selection.names().join(", "))
            ));
        }
        std::thread::sleep(RESCAN);
    }
}

impl Chosen {
    /// Finds cgroups that are selected and new; gives their ids.
    fn look(&mut self, hierarchy: &Hierarchy, selection: &Selection) -> Vec<CgroupId> {
        let mut new = Vec::new();
        for (id, path) in scan(hierarchy) {
            if path == "/" || self.by_id.contains_key(&id) || !selection.matches(&UnitPath::parse(&path), &path) {
                continue;
            }
            let unit = unit_cgroup(&path);
            let place = self
                .groups
                .iter()
                .position(|group| group.path == unit)
                .unwrap_or_else(|| {
                    self.groups.push(Group {
                        path: unit.to_owned(),
                        before: usage(hierarchy, unit),
                    });
                    self.groups.len() - 1
                });
            self.by_id.insert(id, place);
            new.push(id);
        }
        new
    }
}

/// One page in so many that all of what the units may come to hold has room in the map.
fn one_in(chosen: &Chosen, page_size: u64) -> u32 {
    let held: u64 = chosen.groups.iter().filter_map(|group| Some(group.before?.0)).sum();
    // Three quarters of it, for what they hold twice.
    let pages = held.saturating_mul(2) / page_size.max(1);
    let fit = pages / (u64::from(MOST_LIVE) * 3 / 4);
    u32::try_from(fit).unwrap_or(u32::MAX).next_power_of_two().max(LEAST)
}

fn refused(error: KernelError) -> Failure {
    let exit = match &error {
        KernelError::NotPermitted { .. } => Exit::NotPermitted,
        KernelError::Unsupported(_) | KernelError::Load(_) => Exit::Unsupported,
        KernelError::NoObject | KernelError::NoMap(_) | KernelError::Map(_) => Exit::Failed,
    };
    Failure::new(exit, error)
}

fn follow(
    pages: &mut Pages,
    follower: &mut Follower,
    chosen: &mut Chosen,
    hierarchy: &Hierarchy,
    selection: &Selection,
    end: Instant,
    ended: &AtomicBool,
) -> Result<(), Failure> {
    let mut next = Instant::now() + RESCAN;
    while Instant::now() < end && !ended.load(Ordering::Relaxed) {
        // A signal interrupts it, and is looked at above.
        let _ = poll(&mut [PollFd::new(&pages.ring, PollFlags::IN)], Some(&POLL));
        drain(pages, follower);
        let now = Instant::now();
        if now >= next {
            for id in chosen.look(hierarchy, selection) {
                pages.choose(id).context("cannot follow so many cgroups")?;
            }
            next = now + RESCAN.max(now.elapsed() * SHARE);
        }
        if follower.len() > MOST_KEPT {
            follower.keep(&pages.live().collect());
        }
    }
    drain(pages, follower);
    Ok(())
}

fn drain(pages: &mut Pages, follower: &mut Follower) {
    while let Some(item) = pages.ring.next() {
        match decode(&item) {
            Ok(record) => follower.taken(&record),
            Err(error) => notice(format_args!("{error}")),
        }
    }
}

fn told(
    pages: &Pages,
    follower: &mut Follower,
    chosen: &Chosen,
    hierarchy: &Hierarchy,
    window: Duration,
    (one_in, page_size): (u32, u64),
) -> Vec<Stacks> {
    // At once: naming takes a while, in which the unit grows on.
    let sizes: Vec<Option<Bytes>> = chosen
        .groups
        .iter()
        .map(|group| usage(hierarchy, &group.path))
        .collect();
    let lost = pages.lost();
    follower.keep(&pages.live().collect());
    let held = follower.held(|id| chosen.by_id.get(&id).copied(), chosen.groups.len(), page_size);
    let units = chosen
        .groups
        .iter()
        .zip(sizes)
        .zip(held)
        .map(|((group, now), mut held)| {
            held.stacks.truncate(TOLD);
            let id = hierarchy.id_of(&group.path).ok();
            let unit = UnitPath::parse(&group.path);
            let invocation = invocation_id(hierarchy, &group.path, &unit);
            let signed = |bytes: Bytes| i64::try_from(bytes.0).unwrap_or(i64::MAX);
            Stacks {
                subject: unit.into_subject(id, &group.path, invocation),
                window_seconds: window.as_secs_f64(),
                one_in,
                bytes: Bytes(held.bytes),
                grown: group.before.zip(now).map(|(before, now)| signed(now) - signed(before)),
                unresolved: held.unresolved as f64 / held.bytes.max(1) as f64,
                lost,
                stacks: held.stacks,
            }
        });
    units.collect()
}

fn write(options: &Options, units: &[Stacks], selection: &Selection, page_size: u64) -> Result<(), Failure> {
    if let Some(path) = &options.svg {
        let svg = together(units).map(|all| flame(&all)).unwrap_or_default();
        if path == Path::new("-") {
            return to_stdout(|out| out.write_all(svg.as_bytes()));
        }
        super::report::write(path, svg.as_bytes())?;
    }
    let now = Timestamp(jiff::Timestamp::now());
    match options.output {
        Profile::Table => {
            let text = output::text_options(options.color, false, selection);
            to_stdout(|out| {
                let mut paper = Paper::new(out, &text);
                units.iter().try_for_each(|unit| table(unit, &mut paper))
            })
        }
        Profile::Folded => to_stdout(|out| match together(units) {
            Some(all) => folded(&all.stacks, out),
            None => Ok(()),
        }),
        Profile::Pprof if io::stdout().is_terminal() => {
            let message =
                anyhow!("-o pprof is binary; write it to a file: 'oomtrace stacks … -o pprof > stacks.pb.gz'");
            Err(Failure::new(Exit::Usage, message))
        }
        Profile::Pprof => to_stdout(|out| pprof(units, now, page_size, out)),
        Profile::Json => to_stdout(|out| {
            let mut json = Json::new(out);
            for (seq, stacks) in (0..).zip(units) {
                json.line(&Line {
                    event: Event::Stacks(stacks.clone()),
                    ts: now,
                    seq,
                    host: super::watch::host_name(),
                })?;
            }
            json.flush()
        }),
    }
}

/// A reader that has seen enough is no failure.
fn to_stdout(write: impl FnOnce(&mut io::Stdout) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = io::stdout();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::from(
            anyhow::Error::new(error).context("cannot write the output"),
        )),
        _ => Ok(()),
    }
}
