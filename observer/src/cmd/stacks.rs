//! `oomtrace stacks`: follows the pages that a unit takes, for a while, and tells which code took those that are still there.

use std::collections::{HashMap, HashSet};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use procfs::FromRead as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

use super::pager::{self, Pager};
use super::{output, report};
use crate::cgroup::{Buffer, Hierarchy, MemoryFiles, Wanted, Which, objects, pids, scan, usage};
use crate::cli::{Exit, Failure, Profile, Stacks as Options};
use crate::confine::{self, Task};
use crate::errands::Errands;
use crate::event::{CgroupVersion, Event, Line, Object, Stacks};
use crate::kernel::KernelError;
use crate::kernel::pages::{MOST_CGROUPS, MOST_LIVE, Pages, decode};
use crate::measure::{Bytes, CgroupId, Pages as Count, Timestamp};
use crate::notice::notice;
use crate::page;
use crate::report::flame;
use crate::rights;
use crate::shown::shown;
use crate::sink::{Json, Paper, Sink as _};
use crate::stacks::{Follower, Snapshot, TOLD, folded, pprof, table, together};
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

/// What came is read no sooner than this after the first of it: while some is unread, no more of it wakes anybody, which is work in the
/// page faults of whoever is followed.
const TOGETHER: Duration = Duration::from_millis(10);

/// One page in so many at least: below that a fault costs 3 % more (`cargo xtask bench charge --stacks`).
const LEAST: u32 = 256;

/// More pages than this are not kept in mind: those that have gone are forgotten before.
const MOST_KEPT: usize = 2 * MOST_LIVE as usize;

/// Cgroups that are remembered; of more, those that are there.
const MOST_KNOWN: usize = 65_536;

/// Processes of a unit whose descriptors and mappings are looked at in the end, and how long that may take.
const MOST_PROCESSES: usize = 4_096;
const LOOK: Duration = Duration::from_secs(2);

/// What holds more than this part of a unit's memory and belongs to no process is told, and no more than so much of it.
const LITTLE: u64 = 100;
const MOST_OBJECTS: usize = 16;

/// A unit whose pages are followed.
struct Group {
    path: String,
    before: Option<Bytes>,
}

/// What there was a moment ago is remembered this often, for a unit that is killed.
const REMEMBER: Duration = Duration::from_secs(5);

/// What a signal asks for.
#[derive(Default)]
struct Ended {
    /// To end, and tell what there is.
    now: Arc<AtomicBool>,
    /// To end, and tell what there was before the unit was killed.
    before: Arc<AtomicBool>,
}

impl Ended {
    fn is_asked_for(&self) -> bool {
        self.now.load(Ordering::Relaxed) || self.is_of_before()
    }

    fn is_of_before(&self) -> bool {
        self.before.load(Ordering::Relaxed)
    }
}

/// What there was a moment ago.
struct Remembered {
    at: Instant,
    pages: Snapshot,
    sizes: Vec<Option<Bytes>>,
}

/// What is followed, and in which unit.
#[derive(Default)]
struct Chosen {
    groups: Vec<Group>,
    /// Those that have gone are among them: their pages may be there still.
    by_id: HashMap<CgroupId, usize>,
    there: HashSet<CgroupId>,
}

/// What has changed since the last look.
struct Changes {
    new: Vec<CgroupId>,
    gone: Vec<CgroupId>,
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
    if options.every.is_some() && matches!(options.output, Profile::Folded | Profile::Pprof) {
        let message =
            anyhow!("--every writes several results, and -o folded and -o pprof hold one; take -o json or -o table");
        return Err(Failure::new(Exit::Usage, message));
    }
    let picture = options.svg.as_deref().filter(|path| *path != Path::new("-"));
    let files = picture.map(files).transpose();
    let files = files.context("cannot start another process")?;
    // What comes again and again is watched as it comes.
    let is_paged = options.output == Profile::Table && options.every.is_none();
    let pagers = is_paged.then(|| pager::errands(options.paging)).flatten();
    let ended = Ended::default();
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ended.now))?;
    }
    signal_hook::flag::register(SIGUSR1, Arc::clone(&ended.before))?;
    let page_size = page::size().bytes();
    let mut chosen = Chosen::default();
    wait_for(&hierarchy, &selection, &mut chosen, &ended)?;
    let one_in = options
        .one_in
        .map_or_else(|| one_in(&chosen, page_size), u32::next_power_of_two);
    let mut pages = Pages::load(one_in).map_err(refused)?;
    rights::for_naming();
    confine::process(Task::Follow);
    let present = chosen.there.iter().copied().collect();
    let mut is_full = false;
    follow(&mut pages, present, &mut is_full);
    if io::stderr().is_terminal() {
        let names: Vec<&str> = chosen.groups.iter().map(|group| group.path.as_str()).take(3).collect();
        let span = crate::human::duration(options.span.as_secs_f64());
        notice(format_args!(
            "following 1 page in {one_in} that {} takes, for {span}; Ctrl-C shows what there is until then",
            shown(&names.join(", "))
        ));
    }
    let mut following = Following {
        pages,
        follower: Follower::new(one_in),
        chosen,
        hierarchy: &hierarchy,
        selection: &selection,
        begun: Instant::now(),
        one_in,
        page_size,
        remembered: None,
        is_full,
    };
    let end = following.begun + options.span;
    let mut writer = Writer {
        options,
        selection: &selection,
        page_size,
        files,
        pagers,
        seq: 0,
    };
    loop {
        let until = options.every.map_or(end, |every| end.min(Instant::now() + every));
        let is_over = following.go_on(until, options, &ended)? || until >= end;
        let units = match following.remembered.take().filter(|_| ended.is_of_before()) {
            Some(before) => following.told_before(before),
            None => following.told(),
        };
        writer.write(&units)?;
        if is_over {
            return Ok(());
        }
    }
}

/// Whoever makes the picture's file: who parses what belongs to others makes none.
fn files(path: &Path) -> io::Result<Errands<()>> {
    let path = path.to_owned();
    Errands::start(move |()| report::make(&path).map(|file| Some(file.into())))
}

/// Until a unit of these is there.
fn wait_for(hierarchy: &Hierarchy, selection: &Selection, chosen: &mut Chosen, ended: &Ended) -> Result<(), Failure> {
    let mut said = false;
    loop {
        chosen.look(hierarchy, selection);
        if !chosen.groups.is_empty() || ended.is_asked_for() {
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
    /// Finds cgroups that are selected and new, and those that have gone.
    fn look(&mut self, hierarchy: &Hierarchy, selection: &Selection) -> Changes {
        let (mut new, mut there) = (Vec::new(), HashSet::new());
        for (id, path) in scan(hierarchy) {
            if self.there.contains(&id) {
                there.insert(id);
                continue;
            }
            if path == "/" || !selection.matches(&UnitPath::parse(&path), &path) {
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
            there.insert(id);
            new.push(id);
        }
        let gone = self.there.difference(&there).copied().collect();
        self.there = there;
        if self.by_id.len() > MOST_KNOWN {
            self.by_id.retain(|id, _| self.there.contains(id));
        }
        Changes { new, gone }
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

/// What is followed.
struct Following<'a> {
    pages: Pages,
    follower: Follower,
    chosen: Chosen,
    hierarchy: &'a Hierarchy,
    selection: &'a Selection,
    begun: Instant,
    one_in: u32,
    page_size: u64,
    remembered: Option<Remembered>,
    /// Whether it was said that there is no room for more cgroups.
    is_full: bool,
}

/// Follows pages of these cgroups, as far as there is room.
fn follow(pages: &mut Pages, cgroups: Vec<CgroupId>, is_full: &mut bool) {
    let left_out = cgroups.into_iter().filter(|id| pages.choose(*id).is_err()).count();
    if left_out > 0 && !std::mem::replace(is_full, true) {
        notice(format_args!(
            "{MOST_CGROUPS} cgroups are followed, which is as many as can be: what {left_out} others take is not shown"
        ));
    }
}

impl Following<'_> {
    /// Follows until then; whether it is to end before.
    fn go_on(&mut self, until: Instant, options: &Options, ended: &Ended) -> Result<bool, Failure> {
        let mut next = Instant::now() + RESCAN;
        while Instant::now() < until && !ended.is_asked_for() {
            // A signal interrupts it, and is looked at above.
            if poll(&mut [PollFd::new(&self.pages.ring, PollFlags::IN)], Some(&POLL)).is_ok_and(|ready| ready > 0) {
                std::thread::sleep(TOGETHER);
            }
            self.drain();
            let now = Instant::now();
            if now >= next {
                let changes = self.chosen.look(self.hierarchy, self.selection);
                changes.gone.into_iter().for_each(|id| self.pages.leave(id));
                follow(&mut self.pages, changes.new, &mut self.is_full);
                next = now + RESCAN.max(now.elapsed() * SHARE);
                if let Some(most) = options
                    .max_memory
                    .filter(|most| own_memory().is_some_and(|own| own.0 > *most))
                {
                    notice(format_args!(
                        "it takes more than {} itself: it ends with what there is; a larger --one-in takes less",
                        crate::human::bytes(Bytes(most))
                    ));
                    return Ok(true);
                }
                if options.every.is_some() {
                    self.remember();
                }
            }
            if self.follower.len() > MOST_KEPT {
                self.follower.keep(&self.pages.live().collect());
            }
        }
        if !ended.is_of_before() {
            self.drain();
        }
        Ok(ended.is_asked_for())
    }

    fn drain(&mut self) {
        while let Some(item) = self.pages.ring.next() {
            match decode(&item) {
                Ok(record) => self.follower.taken(&record),
                Err(error) => notice(format_args!("{error}")),
            }
        }
    }

    fn sizes(&self) -> Vec<Option<Bytes>> {
        let groups = self.chosen.groups.iter();
        groups.map(|group| usage(self.hierarchy, &group.path)).collect()
    }

    fn remember(&mut self) {
        let is_due = |before: &Remembered| before.at.elapsed() >= REMEMBER;
        if self.remembered.as_ref().is_none_or(is_due) {
            let sizes = self.sizes();
            self.follower.keep(&self.pages.live().collect());
            self.remembered = Some(Remembered {
                at: Instant::now(),
                pages: self.follower.snapshot(),
                sizes,
            });
        }
    }

    /// What was there before a kill: by now it is given back.
    fn told_before(&mut self, before: Remembered) -> Vec<Stacks> {
        self.follower.restore(before.pages);
        self.units(before.at.duration_since(self.begun), before.sizes, false)
    }

    /// What is there now.
    fn told(&mut self) -> Vec<Stacks> {
        // At once: naming takes a while, in which the unit grows on.
        let sizes = self.sizes();
        self.follower.keep(&self.pages.live().collect());
        self.units(self.begun.elapsed(), sizes, true)
    }

    fn units(&mut self, window: Duration, sizes: Vec<Option<Bytes>>, is_now: bool) -> Vec<Stacks> {
        let groups = &self.chosen.groups;
        let group_of = |id| self.chosen.by_id.get(&id).copied();
        let held = self.follower.held(group_of, groups.len(), self.page_size);
        let lost = self.pages.lost();
        // A unit that began since has no size.
        let sizes = sizes.into_iter().chain(std::iter::repeat(None));
        let units = groups.iter().zip(sizes).zip(held).map(|((group, now), mut held)| {
            held.stacks.truncate(TOLD);
            let id = self.hierarchy.id_of(&group.path).ok();
            let unit = UnitPath::parse(&group.path);
            let invocation = invocation_id(self.hierarchy, &group.path, &unit);
            let signed = |bytes: Bytes| i64::try_from(bytes.0).unwrap_or(i64::MAX);
            Stacks {
                subject: unit.into_subject(id, &group.path, invocation),
                window_seconds: window.as_secs_f64(),
                one_in: self.one_in,
                bytes: Bytes(held.bytes),
                grown: group.before.zip(now).map(|(before, now)| signed(now) - signed(before)),
                unresolved: held.unresolved as f64 / held.bytes.max(1) as f64,
                lost,
                stacks: held.stacks,
                held: if is_now {
                    objects_of(self.hierarchy, &group.path)
                } else {
                    Vec::new()
                },
            }
        });
        units.collect()
    }
}

/// What this process takes, mapped files aside.
fn own_memory() -> Option<Bytes> {
    let statm = procfs::process::StatM::from_file("/proc/self/statm").ok()?;
    Some(Count(statm.resident.saturating_sub(statm.shared)).to_bytes(page::size()))
}

/// What holds shared memory and the kernel's, as far as it is worth a line.
fn objects_of(hierarchy: &Hierarchy, path: &str) -> Vec<Object> {
    let read =
        MemoryFiles::open(hierarchy, path, Which::All).and_then(|files| files.read(Which::All, &mut Buffer::default()));
    let Ok(memory) = read.map(|reading| reading.memory) else {
        return Vec::new();
    };
    let (pids, _) = pids(hierarchy, path, MOST_PROCESSES);
    let mut held = objects(&pids, Wanted::all(&memory), Instant::now() + LOOK).objects;
    let least = memory.current.unwrap_or_default().0 / LITTLE;
    held.retain(|object| object.at_least().0 >= least);
    held.truncate(MOST_OBJECTS);
    held
}

/// Writes results, one after the other.
struct Writer<'a> {
    options: &'a Options,
    selection: &'a Selection,
    page_size: u64,
    /// Whoever makes the picture's file.
    files: Option<Errands<()>>,
    /// Whoever starts a pager.
    pagers: Option<Errands<pager::Errand>>,
    /// The number of the next line of JSON.
    seq: u64,
}

impl Writer<'_> {
    fn write(&mut self, units: &[Stacks]) -> Result<(), Failure> {
        if let Some(path) = &self.options.svg {
            let svg = together(units).map(|all| flame(&all)).unwrap_or_default();
            let Some(files) = &self.files else {
                return to_stdout(|out| out.write_all(svg.as_bytes()));
            };
            report::put(files, &(), path, svg.as_bytes())?;
        }
        let now = Timestamp(jiff::Timestamp::now());
        match self.options.output {
            Profile::Table => {
                let text = output::text_options(self.options.color, false, self.selection);
                let pagers = self.pagers.as_ref();
                let _pager = pagers.and_then(|pagers| Pager::open(pagers, self.options.paging));
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
            Profile::Pprof => to_stdout(|out| pprof(units, now, self.page_size, out)),
            Profile::Json => to_stdout(|out| {
                let mut json = Json::new(out);
                for stacks in units {
                    json.line(&Line {
                        event: Event::Stacks(stacks.clone()),
                        ts: now,
                        seq: self.seq,
                        host: super::watch::host_name(),
                    })?;
                    self.seq += 1;
                }
                json.flush()
            }),
        }
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::event::CgroupVersion;

    #[test]
    fn what_has_gone_makes_room_and_is_still_known_by_its_id() {
        let dir = tempfile::tempdir().unwrap();
        let hierarchy = Hierarchy::at(dir.path().to_owned(), CgroupVersion::V2, 0);
        let units = ["a-1.service".to_owned(), "a-2.service".to_owned()];
        let selection = Selection::new(&units, &[], &[], &[]).unwrap();
        let cgroup = |name: &str| dir.path().join("system.slice").join(name);
        fs::create_dir_all(cgroup("a-1.service")).unwrap();
        fs::create_dir_all(cgroup("other.service")).unwrap();
        let mut chosen = Chosen::default();
        let first = chosen.look(&hierarchy, &selection);
        assert_eq!((first.new.len(), first.gone.len()), (1, 0));
        let again = chosen.look(&hierarchy, &selection);
        assert_eq!((again.new.len(), again.gone.len()), (0, 0));
        fs::create_dir_all(cgroup("a-2.service")).unwrap();
        fs::remove_dir(cgroup("a-1.service")).unwrap();
        let changes = chosen.look(&hierarchy, &selection);
        assert_eq!(changes.gone, first.new);
        assert_eq!(changes.new.len(), 1);
        assert_eq!(chosen.by_id.len(), 2);
    }
}
