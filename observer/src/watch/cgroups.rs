//! The registry: every cgroup that is there, and the last that went, by id, each with all that is known of it.
//!
//! In: births and ends. Out: [`Cgroup`]s. A path is parsed and matched against the selection once, at birth; the end of a
//! cgroup is one removal, whoever has taken its path since. Bounded in both: a kill names cgroups by id and often comes
//! when the directory is gone already, so the last ones gone are kept.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::cgroup::MAX_LIVE;
use crate::engine::holds;
use crate::event::{Container, Memory};
use crate::kernel::walk::{Limit, Row};
use crate::measure::{Bytes, CgroupId, Timestamp};
use crate::unit::{Names, Selection, UnitPath};

/// How many that are gone are remembered.
const MAX_GONE: usize = 4_096;

/// How often it is looked for an invocation id where none is found, once processes run in a cgroup: systemd writes it
/// before they do, so that whoever has none then is no unit of systemd's.
const INVOCATION_TRIES: u8 = 3;

/// A step that matters is so much of the limit, and within these bounds, in bytes.
const STEPS: u64 = 64;
const STEP_MIN: u64 = 512 << 10;
const STEP_MAX: u64 = 16 << 20;

/// So long what a walk told of limits is taken for what they are, in seconds: on a host of thousands of cgroups there is not a
/// walk in every turn, and reading the files of each limit costs more than all that else is read.
const LIMITS_STAY: f64 = 10.0;

/// So long a cgroup that moved is at rest before it is looked at once more. The kernel adds up what `memory.stat` says each 2 s, on a
/// timer that an idle CPU may keep waiting; until then a reader of it lacks up to 64 pages for each CPU (mm/memcontrol.c: `FLUSH_TIME`,
/// `MEMCG_CHARGE_BATCH`). So the last sample on the way may say that a unit is made of other than it is, by 16 MiB on 64 CPUs,
/// and would stand for as long as the unit does.
const REST: Duration = Duration::from_secs(10);

/// The limits of a cgroup; `None` where one is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) low: Option<Limit>,
    pub(super) high: Option<Limit>,
    pub(super) max: Option<Limit>,
    pub(super) swap_max: Option<Limit>,
}

impl Limits {
    pub(super) fn of(row: &Row) -> Self {
        let Row {
            low,
            high,
            max,
            swap_max,
            ..
        } = *row;
        Self {
            low,
            high,
            max,
            swap_max,
        }
    }
}

/// What is known of a cgroup.
#[derive(Debug)]
pub(super) struct Cgroup {
    pub(super) path: Arc<str>,
    pub(super) unit: UnitPath,
    /// Whether it is selected, or lies below one that is.
    pub(super) is_selected: bool,
    /// The unit's run that it belongs to.
    pub(super) invocation: Option<String>,
    /// How often that was looked for in vain.
    invocation_tries: u8,
    /// Whether it names memory nodes of its own; `None` = not looked at.
    pub(super) is_confined: Option<bool>,
    /// When it was sampled last, in time since boot.
    pub(super) sampled: Option<Duration>,
    /// What it used then, and the lower of its `memory.max` and `memory.high`.
    pub(super) used: Option<(Bytes, Option<Bytes>)>,
    /// When its largest processes were told last, in time since boot.
    pub(super) tasks_told: Option<Duration>,
    /// What the last walk told of it.
    walked: Option<Walked>,
    /// `memory.events oom_kill` as last read.
    pub(super) oom_kills: Option<u64>,
    /// `memory.events.local oom` as last read: whose limit was met, where nobody saw the kernel choose.
    pub(super) ooms: Option<u64>,
}

/// What a walk told of a cgroup.
#[derive(Debug)]
struct Walked {
    /// The time of that turn.
    ts: Timestamp,
    current: Option<Bytes>,
    low: Option<Limit>,
    may_limit: bool,
    /// All of it, where that turn may need it: of who moved, and of who may hold a limit. Of thousands most do neither.
    row: Option<Box<Row>>,
}

impl Cgroup {
    fn new(path: &str, selection: &Selection, names: &mut Names) -> Self {
        let mut unit = UnitPath::parse(path);
        if selection.may_be_container() {
            names.name(&mut unit.container, path);
        }
        Self {
            is_selected: selection.matches(&unit, path),
            unit,
            path: path.into(),
            invocation: None,
            invocation_tries: 0,
            is_confined: None,
            sampled: None,
            used: None,
            tasks_told: None,
            walked: None,
            oom_kills: None,
            ooms: None,
        }
    }

    /// Whether it has samples of its own: a unit's own cgroup, and what belongs to no unit. The root is the host.
    pub(super) fn is_sampled(&self) -> bool {
        let is_own = self.unit.is_unit || self.unit.unit.is_none();
        self.is_selected && is_own && &*self.path != "/"
    }

    /// The walk of a turn has come to it. Whether it moved by a step that matters.
    pub(super) fn met(&mut self, ts: Timestamp, row: &Row) -> bool {
        let has_moved = row.current.is_some_and(|usage| self.has_moved(usage));
        let may_limit = row.may_limit();
        let last = self.walked.take().and_then(|walked| walked.row);
        let kept = (has_moved || may_limit).then(|| match last {
            Some(mut place) => {
                *place = *row;
                place
            }
            None => Box::new(*row),
        });
        self.ooms = row.events_local.map(|events| events.oom).or(self.ooms);
        self.walked = Some(Walked {
            ts,
            current: row.current,
            low: row.low,
            may_limit,
            row: kept,
        });
        has_moved
    }

    /// What the walk of a turn told of it, where that is kept.
    pub(super) fn row(&self, turn: Timestamp) -> Option<Row> {
        let walked = self.walked.as_ref().filter(|walked| walked.ts == turn)?;
        walked.row.as_deref().copied()
    }

    /// Whether it may have a limit: not where a walk told lately that it has none.
    pub(super) fn may_limit(&self, now: Timestamp) -> bool {
        self.walked_within(now, LIMITS_STAY)
            .is_none_or(|walked| walked.may_limit)
    }

    /// Its limits, where a walk told them lately.
    pub(super) fn limits(&self, now: Timestamp) -> Option<Limits> {
        let walked = self.walked_within(now, LIMITS_STAY)?;
        Some(match &walked.row {
            Some(row) => Limits::of(row),
            None if walked.may_limit => return None,
            None => Limits {
                low: walked.low,
                high: Some(Limit::Unlimited),
                max: Some(Limit::Unlimited),
                swap_max: Some(Limit::Unlimited),
            },
        })
    }

    /// What it used when a walk came to it, where that is no more than so many seconds ago.
    pub(super) fn used_since(&self, now: Timestamp, seconds: f64) -> Option<Bytes> {
        self.walked_within(now, seconds)?.current
    }

    fn walked_within(&self, now: Timestamp, seconds: f64) -> Option<&Walked> {
        let walked = self.walked.as_ref()?;
        (0.0..seconds).contains(&now.seconds_since(walked.ts)).then_some(walked)
    }

    /// It was sampled: the step that matters from here on is a share of the nearer of what kills and what slows down.
    /// Whether it had moved by one.
    pub(super) fn held(&mut self, memory: &Memory) -> bool {
        let has_moved = memory.current.is_some_and(|usage| self.has_moved(usage));
        let nearest = [memory.max, memory.high].into_iter().flatten().min();
        self.used = memory.current.map(|usage| (usage, nearest));
        has_moved
    }

    /// Whether it moved by a step that matters since it was sampled last: as the kernel side has it (observer-ebpf,
    /// `charge.rs`), but down as well as up.
    pub(super) fn has_moved(&self, usage: Bytes) -> bool {
        self.used.is_none_or(|(before, limit)| {
            let step = limit.map_or(STEP_MAX, |limit| (limit.0 / STEPS).clamp(STEP_MIN, STEP_MAX));
            usage.0.abs_diff(before.0) >= step
        })
    }

    /// Whether it has not been sampled for so long that what its files say of it has settled.
    pub(super) fn is_at_rest(&self, now: Duration) -> bool {
        self.sampled.is_none_or(|sampled| now.saturating_sub(sampled) >= REST)
    }

    /// Whether an invocation id may yet be found.
    pub(super) fn wants_invocation(&self) -> bool {
        self.invocation.is_none() && self.invocation_tries < INVOCATION_TRIES
    }

    /// Whether it may belong to a run of a unit's: not where none was found.
    pub(super) fn may_have_invocation(&self) -> bool {
        self.invocation.is_some() || self.wants_invocation()
    }

    /// It was looked for in vain while processes ran in it.
    pub(super) fn has_no_invocation(&mut self) {
        self.invocation_tries = self.invocation_tries.saturating_add(1);
    }
}

/// Which cgroups there are.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    selection: Selection,
    /// Containers' names, as the runtimes' files have them.
    names: Names,
    /// In boxes: a table has room for up to twice as many as there are.
    live: HashMap<CgroupId, Box<Cgroup>>,
    ids: HashMap<Arc<str>, CgroupId>,
    gone: HashMap<CgroupId, Box<Cgroup>>,
    /// Oldest first.
    gone_order: VecDeque<CgroupId>,
}

impl Cgroups {
    pub(super) fn new(selection: Selection) -> Self {
        Self {
            selection,
            ..Self::default()
        }
    }

    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Puts in what the runtimes' files tell of a cgroup's container.
    pub(super) fn name(&mut self, container: &mut Option<Container>, path: &str) {
        self.names.name(container, path);
    }

    /// How many are there.
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// A cgroup is there, or has another name.
    pub(super) fn born(&mut self, id: CgroupId, path: &str) {
        if let Some(known) = self.live.get(&id) {
            if &*known.path == path {
                return;
            }
            if self.ids.get(&known.path) == Some(&id) {
                self.ids.remove(&*known.path);
            }
        } else if self.live.len() >= MAX_LIVE {
            return;
        }
        self.gone.remove(&id);
        let mut cgroup = Cgroup::new(path, &self.selection, &mut self.names);
        self.ids.insert(Arc::clone(&cgroup.path), id);
        if let Some(known) = self.live.remove(&id) {
            cgroup = Cgroup {
                path: cgroup.path,
                unit: cgroup.unit,
                is_selected: cgroup.is_selected,
                ..*known
            };
        }
        self.live.insert(id, Box::new(cgroup));
    }

    /// A cgroup went. Whether its path is nobody else's by now.
    pub(super) fn gone(&mut self, id: CgroupId) -> bool {
        let Some(cgroup) = self.live.remove(&id) else {
            return false;
        };
        let was_last = self.ids.get(&cgroup.path) == Some(&id);
        if was_last {
            self.ids.remove(&*cgroup.path);
        }
        self.gone.insert(id, cgroup);
        self.gone_order.push_back(id);
        if self.gone_order.len() > MAX_GONE
            && let Some(oldest) = self.gone_order.pop_front()
        {
            self.gone.remove(&oldest);
        }
        was_last
    }

    /// A cgroup that is there or went a moment ago.
    pub(super) fn get(&self, id: CgroupId) -> Option<&Cgroup> {
        self.live
            .get(&id)
            .or_else(|| self.gone.get(&id))
            .map(|cgroup| &**cgroup)
    }

    /// As [`Self::get`].
    pub(super) fn get_mut(&mut self, id: CgroupId) -> Option<&mut Cgroup> {
        match self.live.get_mut(&id) {
            Some(cgroup) => Some(cgroup),
            None => self.gone.get_mut(&id).map(|cgroup| &mut **cgroup),
        }
    }

    /// The path of a cgroup that is there or went a moment ago.
    pub(super) fn path(&self, id: CgroupId) -> Option<&str> {
        self.get(id).map(|cgroup| &*cgroup.path)
    }

    /// The id of the cgroup that is at a path now.
    pub(super) fn id(&self, path: &str) -> Option<CgroupId> {
        self.ids.get(path).copied()
    }

    /// The cgroup that is at a path, else the last that was.
    pub(super) fn at(&self, path: &str) -> Option<&Cgroup> {
        let live = self.id(path).and_then(|id| self.live.get(&id));
        live.or_else(|| {
            let last = self.gone_order.iter().rev().filter_map(|id| self.gone.get(id));
            last.into_iter().find(|cgroup| &*cgroup.path == path)
        })
        .map(|cgroup| &**cgroup)
    }

    /// Those that are there.
    pub(super) fn live(&self) -> impl Iterator<Item = (CgroupId, &Cgroup)> {
        self.live.iter().map(|(id, cgroup)| (*id, &**cgroup))
    }

    /// What a path names: of a cgroup that is there as it was parsed at its birth.
    pub(super) fn unit(&self, path: &str) -> UnitPath {
        let known = self.id(path).and_then(|id| self.live.get(&id));
        known.map_or_else(|| UnitPath::parse(path), |cgroup| cgroup.unit.clone())
    }

    /// Whether one that is selected was below this one, and has gone lately.
    pub(super) fn selected_went_below(&self, path: &str) -> bool {
        let mut gone = self.gone.values();
        gone.any(|cgroup| cgroup.is_selected && holds(path, &cgroup.path))
    }

    /// Whether what happens in a cgroup is to be told. Of a cgroup that is not known, only where everything is.
    pub(super) fn is_selected(&self, path: Option<&str>) -> bool {
        if self.selection.is_empty() {
            return true;
        }
        let path = path.unwrap_or_default();
        match self.id(path).and_then(|id| self.live.get(&id)) {
            Some(cgroup) => cgroup.is_selected,
            None => self.selection.matches(&UnitPath::parse(path), path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::walk::Limit;

    #[test]
    fn a_cgroup_that_went_still_has_its_path_and_its_successor_has_it_too() {
        let mut cgroups = Cgroups::default();
        cgroups.born(CgroupId(7), "/system.slice/a.service");
        assert!(cgroups.gone(CgroupId(7)));
        assert_eq!(cgroups.path(CgroupId(7)), Some("/system.slice/a.service"));
        assert_eq!(cgroups.id("/system.slice/a.service"), None);
        assert!(cgroups.at("/system.slice/a.service").is_some());
        cgroups.born(CgroupId(9), "/system.slice/a.service");
        assert_eq!(cgroups.id("/system.slice/a.service"), Some(CgroupId(9)));
        assert_eq!(cgroups.path(CgroupId(7)), cgroups.path(CgroupId(9)));
    }

    #[test]
    fn the_end_of_an_old_cgroup_told_late_takes_nothing_of_the_new_one() {
        let mut cgroups = Cgroups::default();
        cgroups.born(CgroupId(7), "/a");
        cgroups.get_mut(CgroupId(7)).unwrap().ooms = Some(3);
        cgroups.born(CgroupId(8), "/a");
        cgroups.get_mut(CgroupId(8)).unwrap().ooms = Some(1);
        assert!(!cgroups.gone(CgroupId(7)), "another is at its path");
        assert_eq!(cgroups.id("/a"), Some(CgroupId(8)));
        assert_eq!(cgroups.at("/a").unwrap().ooms, Some(1));
    }

    #[test]
    fn a_renamed_cgroup_keeps_what_is_known_of_it() {
        let mut cgroups = Cgroups::default();
        cgroups.born(CgroupId(7), "/a");
        cgroups.get_mut(CgroupId(7)).unwrap().invocation = Some("1".to_owned());
        cgroups.born(CgroupId(7), "/b.service");
        let renamed = cgroups.get(CgroupId(7)).unwrap();
        assert_eq!(
            (renamed.invocation.as_deref(), renamed.unit.name()),
            (Some("1"), Some("b.service"))
        );
        assert_eq!((cgroups.id("/a"), cgroups.id("/b.service")), (None, Some(CgroupId(7))));
    }

    #[test]
    fn what_went_is_remembered_within_bounds() {
        let mut cgroups = Cgroups::default();
        for id in 0..10_000 {
            cgroups.born(CgroupId(id), &format!("/{id}"));
            cgroups.gone(CgroupId(id));
        }
        assert_eq!(
            (cgroups.gone.len(), cgroups.live.len(), cgroups.ids.len()),
            (MAX_GONE, 0, 0)
        );
        assert_eq!(cgroups.path(CgroupId(0)), None);
        assert_eq!(cgroups.path(CgroupId(9_999)), Some("/9999"));
    }

    #[test]
    fn a_step_that_matters_is_a_share_of_the_limit_either_way() {
        const MIB: u64 = 1 << 20;
        let mut cgroup = Cgroup::new("/a", &Selection::default(), &mut Names::default());
        assert!(cgroup.has_moved(Bytes(0)), "never sampled");
        cgroup.used = Some((Bytes(100 * MIB), Some(Bytes(128 * MIB))));
        let moved = [98, 99, 101, 102].map(|usage| cgroup.has_moved(Bytes(usage * MIB)));
        assert_eq!(moved, [true, false, false, true]);
        cgroup.used = Some((Bytes(100 * MIB), None));
        assert!(!cgroup.has_moved(Bytes(110 * MIB)) && cgroup.has_moved(Bytes(84 * MIB)));
    }

    #[test]
    fn it_is_at_rest_some_time_after_its_last_sample() {
        let mut cgroup = Cgroup::new("/a", &Selection::default(), &mut Names::default());
        cgroup.sampled = Some(Duration::from_secs(9));
        let at_rest = [11, 18, 19].map(|second| cgroup.is_at_rest(Duration::from_secs(second)));
        assert_eq!(at_rest, [false, false, true]);
    }

    #[test]
    fn who_is_slowed_down_only_is_seen_on_the_way_there() {
        const MIB: u64 = 1 << 20;
        let mut cgroup = Cgroup::new("/a", &Selection::default(), &mut Names::default());
        let _ = cgroup.held(&Memory {
            current: Some(Bytes(20 * MIB)),
            high: Some(Bytes(24 * MIB)),
            ..Memory::default()
        });
        assert!(cgroup.has_moved(Bytes(21 * MIB)));
    }

    #[test]
    fn of_who_neither_moved_nor_may_limit_a_walk_keeps_the_usage_alone() {
        let row = |usage, max| Row {
            cgroup: CgroupId(7),
            current: Some(Bytes(usage)),
            peak: None,
            low: Some(Limit::At(Bytes(0))),
            high: Some(Limit::Unlimited),
            max: Some(max),
            swap_current: None,
            swap_max: Some(Limit::Unlimited),
            events: None,
            events_local: None,
        };
        let mut cgroup = Cgroup::new("/a", &Selection::default(), &mut Names::default());
        let at = |second| Timestamp(jiff::Timestamp::constant(second, 0));
        let (first, second) = (at(1), at(2));
        assert!(cgroup.may_limit(first) && cgroup.row(first).is_none(), "never met");
        assert!(cgroup.met(first, &row(100 << 20, Limit::Unlimited)), "never sampled");
        assert!(cgroup.row(first).is_some() && cgroup.row(second).is_none() && !cgroup.may_limit(first));
        let (late, none) = (at(11), Some(Limit::Unlimited));
        assert!(
            !cgroup.may_limit(second) && cgroup.may_limit(late),
            "what was told goes stale"
        );
        cgroup.used = Some((Bytes(100 << 20), None));
        assert!(!cgroup.met(second, &row(101 << 20, Limit::Unlimited)));
        assert!(cgroup.row(second).is_none() && !cgroup.may_limit(second) && cgroup.may_limit(first));
        let limits = cgroup.limits(at(3)).unwrap();
        assert_eq!(
            (limits.low, limits.max, cgroup.limits(at(12))),
            (Some(Limit::At(Bytes(0))), none, None)
        );
        assert_eq!(cgroup.used_since(second, 1.0), Some(Bytes(101 << 20)));
        assert!(!cgroup.met(second, &row(101 << 20, Limit::At(Bytes(1 << 30)))));
        assert!(cgroup.row(second).is_some() && cgroup.may_limit(second));
        assert_eq!(cgroup.limits(at(3)).unwrap().max, Some(Limit::At(Bytes(1 << 30))));
    }

    #[test]
    fn one_that_was_selected_and_went_is_known_below_whom() {
        let selection = Selection::new(&["a".to_owned()], &[], &[], &[]).unwrap();
        let mut cgroups = Cgroups::new(selection);
        cgroups.born(CgroupId(1), "/system.slice/a.service");
        cgroups.born(CgroupId(2), "/user.slice/b.service");
        assert!(!cgroups.selected_went_below("/"));
        cgroups.gone(CgroupId(1));
        cgroups.gone(CgroupId(2));
        let below = ["/", "/system.slice", "/user.slice"].map(|path| cgroups.selected_went_below(path));
        assert_eq!(below, [true, true, false]);
    }

    #[test]
    fn what_is_selected_is_matched_at_birth() {
        let selection = Selection::new(&["a".to_owned()], &[], &[], &[]).unwrap();
        let mut cgroups = Cgroups::new(selection);
        cgroups.born(CgroupId(1), "/system.slice/a.service");
        cgroups.born(CgroupId(2), "/system.slice/a.service/below");
        cgroups.born(CgroupId(3), "/system.slice/b.service");
        let sampled = |id| cgroups.get(CgroupId(id)).unwrap().is_sampled();
        assert_eq!([sampled(1), sampled(2), sampled(3)], [true, false, false]);
        assert!(cgroups.is_selected(Some("/system.slice/a.service/below")));
        assert!(!cgroups.is_selected(Some("/system.slice/b.service")) && !cgroups.is_selected(None));
    }
}
