//! A kill, put together: the kernel's choice and its victims, the cgroups they name, the processes there were.

use std::collections::{HashMap, VecDeque};

use super::cgroups::Cgroup;
use super::collector::{Collector, Turn};
use super::kernel_log::LoggedChoice;
use super::placeless::Unplaced;
use super::programs::same;
use super::questions::{Answer, Question};
use super::stream::{Stream, StreamError};
use crate::cgroup::{TaskInfo, cgroup_of, cmdline, environment, process, tasks, tgid_of};
use crate::cgroup::{host::HostMemory, nodes};
use crate::engine::ceiling::{self, Environment};
use crate::engine::verdict::counters::{MetLimit, limit_met};
use crate::engine::verdict::earlier::Earlier;
use crate::engine::verdict::from_log::{MAX_TASKS, constraint};
use crate::engine::verdict::gfp::gfp_name;
use crate::engine::{Constraint, KillFacts, OomFacts, OwnerFacts};
use crate::event::{self, CgroupVersion, Event, Holder, KillLimit, Ledger, Relation, Trigger, ancestry};
use crate::kernel::log::DEVICE;
use crate::kernel::record::{Oom, Task, Victim, Writing};
use crate::measure::{BootNanos, Bytes, CgroupId, Sizes, Tgid, Tid, Timestamp};
use crate::unit::UnitPath;

/// Choices whose victims may still come, and victims that may be told twice: a storm's worth.
const REMEMBERED: usize = 4_096;

/// Joins choices and victims.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    ooms: VecDeque<Oom>,
    /// A chosen leader of a group is marked twice: once alone, once as a member (mm/oom_kill.c).
    victims: VecDeque<(Option<Tgid>, Option<BootNanos>)>,
    /// The kernel's last victims: when, whose process, where.
    killed: VecDeque<(BootNanos, Tgid, String)>,
    /// Marks of the kernel's, doubles included: what it counts in `oom_kill` is never more.
    pub(super) marks: u64,
}

impl Joiner {
    pub(super) fn oom(&mut self, oom: Oom) {
        self.ooms.push_back(oom);
        if self.ooms.len() > REMEMBERED {
            self.ooms.pop_front();
        }
    }

    pub(super) fn killed(&mut self, time: BootNanos, tgid: Tgid, path: &str) {
        self.killed.push_back((time, tgid, path.to_owned()));
        if self.killed.len() > REMEMBERED {
            self.killed.pop_front();
        }
    }

    /// The kernel's last victim in this cgroup, or below or above it, within a time before.
    pub(super) fn kernel_kill_before(&self, time: BootNanos, path: &str, within: u64) -> Option<(BootNanos, Tgid)> {
        let below = |path: &str, above: &str| {
            path.strip_prefix(above)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let related = |other: &str| below(other, path) || below(path, other);
        let found = self
            .killed
            .iter()
            .rev()
            .find(|(killed, _, other)| killed.0 <= time.0 && time.0 - killed.0 <= within && related(other));
        found.map(|(killed, tgid, _)| (*killed, *tgid))
    }

    fn choice(&self, time: Option<BootNanos>) -> Option<Oom> {
        let time = time?;
        self.ooms.iter().rev().find(|oom| oom.time == time).cloned()
    }

    /// Whether this process was not told yet.
    pub(super) fn is_new(&mut self, tgid: Option<Tgid>, started: Option<BootNanos>) -> bool {
        let is_it = |(known, at): &(Option<Tgid>, Option<BootNanos>)| *known == tgid && same(*at, started);
        if tgid.is_some() && self.victims.iter().any(is_it) {
            return false;
        }
        self.victims.push_back((tgid, started));
        if self.victims.len() > REMEMBERED {
            self.victims.pop_front();
        }
        true
    }
}

/// A mark, with what was known when it was told.
pub(super) struct Seen {
    victim: Victim,
    tgid: Tgid,
    started: Option<BootNanos>,
    info: Option<TaskInfo>,
    logged: Option<LoggedChoice>,
    /// The file whose counter says where it was, where nothing else did.
    pub(super) counted_by: Option<&'static str>,
}

/// What was full where no memory cgroup's limit was.
pub(super) struct Outside {
    pub(super) limit: KillLimit,
    /// Of the machine, what all of it is used for.
    pub(super) ledger: Option<Box<Ledger>>,
}

fn host_limit(host: &HostMemory) -> Outside {
    let limit = KillLimit {
        cgroup: Some("/".to_owned()),
        unit: None,
        relation: Some(Relation::Host),
        file: "MemTotal".to_owned(),
        bytes: Some(host.total),
        usage: Some(host.used()),
        swap_usage: Some(host.swap_total.saturating_sub(host.swap_free)),
        swap_max: None,
    };
    Outside {
        limit,
        ledger: Some(Box::new(host.ledger())),
    }
}

fn task(info: TaskInfo) -> event::Task {
    event::Task {
        rss: None,
        pid: info.pid,
        comm: info.comm,
        anon: info.anon,
        file: info.file,
        shmem: info.shmem,
        swap: info.swap,
        oom_score_adj: info.oom_score_adj,
        ppid: info.ppid,
        grown: None,
    }
}

/// The processes of the victim's cgroup, largest first. What the kernel told of the victim is from before it died.
pub(super) fn with_victim(others: Vec<TaskInfo>, victim: &event::Victim) -> Vec<event::Task> {
    let mut tasks: Vec<event::Task> = others.into_iter().map(task).collect();
    tasks.push(event::Task {
        rss: None,
        pid: victim.pid,
        comm: victim.comm.clone(),
        anon: victim.anon,
        file: victim.file,
        shmem: victim.shmem,
        swap: victim.swap,
        oom_score_adj: victim.oom_score_adj,
        ppid: None,
        grown: None,
    });
    tasks.sort_by_key(|task| std::cmp::Reverse(task.anon));
    tasks
}

impl Collector {
    /// The kernel has chosen. It counts the kill before it marks the victim (mm/oom_kill.c: `__oom_kill_process`), so what
    /// systemd does for it may come in between.
    pub(super) fn chosen(&mut self, oom: Oom) {
        let chosen = &oom.chosen;
        let path = chosen.cgroup.and_then(|id| self.cgroups.path(id));
        if let (Some(tgid), Some(path), false) = (chosen.tgid, path, chosen.exiting) {
            self.joiner.killed(oom.time, tgid, path);
        }
        self.look_ahead(&oom);
        self.joiner.oom(oom);
    }

    /// A task was marked: one `kill` line, if its unit is selected.
    pub(super) fn victim(&mut self, victim: Victim, stream: &mut Stream) -> Result<(), StreamError> {
        // A tracepoint names the thread that holds the memory: the process is its group's.
        let mut tgid = victim
            .task
            .tgid
            .or_else(|| tgid_of(victim.task.tid))
            .unwrap_or(Tgid(victim.task.tid.0));
        let logged = self.logged_choice(&victim, tgid, stream)?;
        let row = logged.as_ref().and_then(|logged| logged.row);
        if let (None, Some((listed, _))) = (victim.task.tgid, row) {
            tgid = listed;
        }
        if !victim.shared_mm {
            self.joiner.marks += 1;
        }
        // A tracepoint does not tell it; `/proc` does as long as the process is there, and so for both of a leader's marks.
        let info = victim.task.started.is_none().then(|| process(tgid)).flatten();
        let started = victim.task.started.or_else(|| info.as_ref()?.started);
        let path = logged
            .as_ref()
            .and_then(|logged| logged.path.clone())
            .or_else(|| self.victim_path(victim.task.cgroup, tgid));
        let seen = Seen {
            victim,
            tgid,
            started,
            info,
            logged,
            counted_by: None,
        };
        let Some(path) = path else {
            return if seen.victim.shared_mm {
                self.placed(seen, None, stream)
            } else {
                self.unplaced(Unplaced::Marked(Box::new(seen)), stream)
            };
        };
        if !seen.victim.shared_mm {
            self.ledger.marked(&path);
        }
        self.placed(seen, Some(&path), stream)
    }

    /// A mark of which it is known where, as far as that can be.
    pub(super) fn placed(&mut self, seen: Seen, path: Option<&str>, stream: &mut Stream) -> Result<(), StreamError> {
        let (victim, tgid) = (&seen.victim, seen.tgid);
        if !self.joiner.is_new(Some(tgid), seen.started) {
            return Ok(());
        }
        if let Some(path) = path {
            let run = victim.task.cgroup.and_then(|id| self.invocation(id));
            self.ledger.killed(path, run);
        }
        let ts = self.clock.at(victim.time);
        let oom = self.joiner.choice(victim.oom_time);
        let exiting = match &oom {
            Some(oom) if oom.chosen.tgid == Some(tgid) => Some(oom.chosen.exiting),
            Some(_) => None,
            // Who asks while it is ending is marked without a choice (mm/oom_kill.c: `out_of_memory`).
            None => (self.sees.choices && victim.oom_time.is_none()).then_some(victim.trigger_tgid == tgid),
        };
        // systemd goes by what the kernel counts.
        if let Some(path) = path.filter(|_| exiting != Some(true)) {
            self.joiner.killed(victim.time, tgid, path);
        }
        if exiting != Some(true) {
            let earlier = Earlier {
                pid: tgid,
                comm: victim.task.comm.clone(),
                path: path.map(str::to_owned),
                killed: victim.time,
                nodes: oom.as_ref().map(|oom| oom.nodes.clone()).unwrap_or_default(),
                held: Bytes(0),
            };
            self.dying.marked(earlier, victim.task.started);
        }
        if !self.cgroups.is_selected(path) {
            return Ok(());
        }
        let facts = self.mark_facts(seen, path, oom.as_ref(), exiting);
        self.tell_kill(ts, facts, stream)
    }

    /// What is known of a mark, and what the files and `/proc` say now.
    fn mark_facts(&mut self, seen: Seen, path: Option<&str>, oom: Option<&Oom>, exiting: Option<bool>) -> KillFacts {
        let Seen {
            victim,
            tgid,
            started: _,
            info,
            logged,
            counted_by,
        } = seen;
        // A tracepoint does not tell all of them.
        let listed = logged.as_ref().and_then(|logged| logged.row);
        let listed = listed.map(|(_, sizes)| sizes).unwrap_or_default();
        let sizes = victim.sizes.or(listed);
        let ahead = self.known_before(&victim, tgid, &sizes, oom);
        let mut victim_event = self.victim_event(&victim.task, tgid, sizes, info, ahead.read);
        victim_event.exiting = exiting;
        let subject = self.victim_subject(victim.task.cgroup, path);
        let mut tasks = match ahead.tasks {
            Some(others) => with_victim(others, &victim_event),
            None => self.victim_tasks(path, &victim_event),
        };
        if let Some(task) = tasks.iter_mut().find(|task| task.pid == tgid) {
            task.ppid = victim.task.parent;
        }
        let seen_at = if victim.shared_mm {
            "do_send_sig_info"
        } else {
            "mark_victim"
        };
        let mut evidence = vec![seen_at.to_owned()];
        let asked_in = match (oom, &logged) {
            (Some(oom), _) => oom
                .trigger
                .cgroup
                .and_then(|id| self.cgroups.path(id))
                .map(str::to_owned),
            // The log names no cgroup but the victim's: it is who asked that is in its own.
            (None, Some(_)) => path.filter(|_| victim.trigger_tgid == tgid).map(str::to_owned),
            (None, None) => None,
        };
        let nodes = match (oom, &logged) {
            (Some(oom), _) => oom.nodes.clone(),
            (None, Some(logged)) => logged.nodes.clone(),
            (None, None) => Vec::new(),
        };
        let (logged, logged_shortage) = logged.map_or((None, None), |logged| (Some(logged.facts), logged.shortage));
        let facts = oom.map(|oom| self.oom_facts(oom)).or(logged);
        if facts.is_some() {
            let seen_at = if oom.is_some() { "oom_kill_process" } else { DEVICE };
            evidence.insert(0, seen_at.to_owned());
        }
        let mut concluded_limit = None;
        if facts.is_none()
            && let Some(path) = path
            && let Some((limit, file)) = self.conclude(path)
        {
            evidence.push(file.to_owned());
            concluded_limit = Some(limit);
        }
        let host = ahead.machine.as_ref().and_then(|machine| machine.host);
        let outside = facts
            .as_ref()
            .filter(|facts| facts.owner.is_none())
            .and_then(|facts| self.outside(facts.constraint, asked_in.as_deref(), &nodes, host));
        let (outside, ledger) = outside.map(|outside| (outside.limit, outside.ledger)).unzip();
        let (read, files) = ahead.machine.and_then(|machine| machine.shortage).unzip();
        evidence.extend(files.into_iter().flatten().map(str::to_owned));
        if let Some(earlier) = &ahead.unfreed {
            evidence.push(format!("/proc/{}/stat", earlier.pid));
        }
        let holders = self.kernel_holders(facts.as_ref(), concluded_limit.as_ref(), path);
        evidence.extend(counted_by.map(str::to_owned));
        KillFacts {
            trigger: Some(self.trigger(&victim, tgid, path, oom)),
            outside,
            ledger: ledger.flatten(),
            holders,
            oom: facts,
            shared_mm: victim.shared_mm,
            tasks,
            concluded_limit,
            shortage: read.or(logged_shortage),
            unfreed: ahead.unfreed,
            ..KillFacts::new(subject, victim_event, evidence)
        }
    }

    /// Puts together a kill of this process that nobody is told of. The first true one, on a host that may be out of memory,
    /// then finds its code there: without this it waited some 50 ms for pages to be read.
    pub(super) fn rehearse(&mut self) {
        let tgid = Tgid(std::process::id());
        let path = cgroup_of(&self.hierarchy, tgid);
        let me = Task {
            tgid: Some(tgid),
            tid: Tid(tgid.0),
            cgroup: path.as_deref().and_then(|path| self.cgroups.id(path)),
            started: Some(BootNanos(0)),
            uid: None,
            oom_score_adj: None,
            parent: None,
            exiting: false,
            comm: String::new(),
        };
        let victim = Victim {
            time: BootNanos(0),
            oom_time: None,
            trigger_tgid: tgid,
            trigger_tid: me.tid,
            trigger_comm: String::new(),
            task: me,
            shared_mm: false,
            sizes: Sizes::default(),
        };
        let seen = Seen {
            victim,
            tgid,
            started: None,
            info: None,
            logged: None,
            counted_by: None,
        };
        let facts = self.mark_facts(seen, path.as_deref(), None, None);
        // As far as the bytes that a sink would write.
        let kill = self.engine.kill(self.clock.now(), facts);
        let _ = serde_json::to_writer(std::io::sink(), &kill);
    }

    /// The verdict, into the stream; where systemd alone knows the victim's run, as soon as it has said so.
    pub(super) fn tell_kill(
        &mut self,
        ts: Timestamp,
        mut facts: KillFacts,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        // Now: when systemd has answered the unit may be gone.
        facts.held = self.held_objects(&facts);
        let Some(unit) = self.unit_to_ask(&facts.subject) else {
            return self.write_kill(ts, facts, stream);
        };
        match self.questions.ask(&unit, Question::Run(ts, Box::new(facts))) {
            Err(Question::Run(ts, facts)) => self.write_kill(ts, *facts, stream),
            _ => Ok(()),
        }
    }

    /// systemd has said which run a unit's last is. As long as no other cgroup has come in its place, it is the victim's.
    pub(super) fn run_told(
        &mut self,
        ts: Timestamp,
        mut facts: KillFacts,
        answer: Answer,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        let path = facts.subject.cgroup.path.as_deref();
        if path.is_some_and(|path| self.hierarchy.id_of(path).is_err()) {
            let run = answer.and_then(|answer| answer.ok()?.invocation_id);
            let id = path.and_then(|path| self.cgroups.id(path));
            let known = id.filter(|id| self.knows_run(*id, run.as_deref()));
            facts.subject.cgroup.id = facts.subject.cgroup.id.or(known);
            facts.subject.invocation_id = run;
        }
        self.write_kill(ts, facts, stream)
    }

    /// The unit whose last run the victim's is, where nothing else tells which run that is.
    fn unit_to_ask(&self, subject: &event::Subject) -> Option<String> {
        // A user's units are the user's manager's: the system's knows nothing of them.
        let unit = subject.unit.as_ref().filter(|_| subject.user_unit.is_none())?;
        let path = subject.cgroup.path.as_deref()?;
        let is_gone = subject.invocation_id.is_none() && self.hierarchy.id_of(path).is_err();
        let may_have = self.cgroups.at(path).is_none_or(Cgroup::may_have_invocation);
        (is_gone && may_have && self.questions.can_ask()).then(|| unit.clone())
    }

    fn write_kill(&mut self, ts: Timestamp, facts: KillFacts, stream: &mut Stream) -> Result<(), StreamError> {
        let kill = self.engine.kill(ts, facts);
        self.engine.killed(&kill);
        stream.write(ts, Event::Kill(Box::new(kill)))
    }

    /// Who held what the kernel ran out of: below the owner of the limit, or on the host.
    pub(super) fn kernel_holders(
        &mut self,
        oom: Option<&OomFacts>,
        concluded: Option<&KillLimit>,
        victim: Option<&str>,
    ) -> Vec<Holder> {
        let owner = match oom {
            Some(oom) => match (&oom.owner, oom.constraint) {
                (Some(owner), _) => owner.path.as_deref(),
                (None, Constraint::Host) => Some("/"),
                // Of a node it is not known who held it.
                (None, Constraint::Cpuset | Constraint::Mempolicy | Constraint::Memcg | Constraint::Unknown(_)) => None,
            },
            None => concluded.and_then(|limit| limit.cgroup.as_deref()),
        };
        owner.map(|owner| self.holders(owner, victim)).unwrap_or_default()
    }

    /// Whose process it was.
    pub(super) fn victim_subject(&mut self, id: Option<CgroupId>, path: Option<&str>) -> event::Subject {
        let id = id.or_else(|| self.cgroups.id(path?));
        let mut subject = match path {
            Some(path) => self.subject(id, path),
            None => event::Subject::default(),
        };
        subject.cgroup.id = id;
        subject
    }

    /// The processes of the victim's cgroup as they are now; `/proc` may have nothing any more.
    pub(super) fn victim_tasks(&self, path: Option<&str>, victim: &event::Victim) -> Vec<event::Task> {
        with_victim(
            path.map(|path| self.others(path, victim.pid)).unwrap_or_default(),
            victim,
        )
    }

    /// The processes of a cgroup but the victim: of that the kernel told, or will.
    pub(super) fn others(&self, path: &str, victim: Tgid) -> Vec<TaskInfo> {
        tasks(&self.hierarchy, path, MAX_TASKS - 1, Some(victim))
    }

    /// Where the choice was not seen: the limit that the victim's cgroup or one above it met, and the file that says so.
    pub(super) fn conclude(&mut self, path: &str) -> Option<(KillLimit, &'static str)> {
        let before: HashMap<String, u64> = ancestry(path)
            .filter_map(|above| Some((above.to_owned(), self.cgroups.at(above)?.ooms?)))
            .collect();
        let mut turn = Turn::at(self.clock.now());
        let limits = self.limits(path, &mut turn);
        let owners: Vec<MetLimit> = limits
            .into_iter()
            .filter(|limit| limit.file == "memory.max")
            .filter_map(|limit| {
                let reading = self.read(&limit.cgroup, &mut turn)?;
                Some(MetLimit {
                    peak: reading.memory.peak,
                    ooms: reading.events_local.map(|events| events.oom),
                    ooms_before: before.get(&limit.cgroup).copied().unwrap_or_default(),
                    limit: KillLimit {
                        cgroup: Some(limit.cgroup),
                        unit: limit.unit,
                        relation: Some(limit.relation),
                        file: limit.file,
                        bytes: Some(limit.bytes),
                        usage: None, // by now the victim's share may be gone from it
                        swap_usage: None,
                        swap_max: None,
                    },
                })
            })
            .collect();
        limit_met(&owners).map(|(limit, file)| (limit.clone(), file))
    }

    pub(super) fn victim_path(&self, id: Option<CgroupId>, tgid: Tgid) -> Option<String> {
        let known = id.and_then(|id| self.cgroups.path(id)).map(str::to_owned);
        known.or_else(|| cgroup_of(&self.hierarchy, tgid))
    }

    /// `ahead` is its command line and its environment, where they were read already.
    pub(super) fn victim_event(
        &self,
        task: &Task,
        tgid: Tgid,
        sizes: Sizes,
        info: Option<TaskInfo>,
        ahead: Option<(Option<String>, Environment)>,
    ) -> event::Victim {
        let started = task.started.or_else(|| info.as_ref()?.started);
        let (ahead, environment) = ahead.unwrap_or_else(|| (None, environment(tgid)));
        let cmdline = info
            .as_ref()
            .and_then(|info| info.cmdline.clone())
            .or(ahead)
            // Of one of which a record tells the rest, this alone is read.
            .or_else(|| task.started.and_then(|_| cmdline(tgid)))
            .or_else(|| self.programs.cmdline(tgid, started, task).map(str::to_owned));
        let ceiling = ceiling::of_process(cmdline.as_deref(), &environment);
        let cmdline = cmdline.filter(|_| self.cmdline);
        let comm = info.map(|info| info.comm).filter(|_| task.comm.is_empty());
        event::Victim {
            pid: tgid,
            tid: Some(task.tid),
            comm: comm.unwrap_or_else(|| task.comm.clone()),
            cmdline,
            uid: task.uid,
            oom_score_adj: task.oom_score_adj,
            total_vm: sizes.total_vm,
            anon: sizes.anon,
            file: sizes.file,
            shmem: sizes.shmem,
            swap: sizes.swap,
            pgtables: sizes.pgtables,
            started: started.map(|started| self.clock.at(started)),
            exiting: None,
            ceiling,
        }
    }

    /// The victim's process and its cgroup's path are given with it.
    fn trigger(&self, victim: &Victim, tgid: Tgid, path: Option<&str>, oom: Option<&Oom>) -> Trigger {
        let task = oom.map(|oom| &oom.trigger);
        let path = task
            .and_then(|task| self.cgroups.path(task.cgroup?).map(str::to_owned))
            // Who asks and dies of it may be gone, but it is known where it lived.
            .or_else(|| path.filter(|_| victim.trigger_tgid == tgid).map(str::to_owned))
            .or_else(|| cgroup_of(&self.hierarchy, victim.trigger_tgid));
        Trigger {
            pid: Some(victim.trigger_tgid),
            tid: Some(victim.trigger_tid),
            comm: victim.trigger_comm.clone(),
            uid: task.and_then(|task| task.uid),
            unit: path.as_deref().and_then(|path| UnitPath::parse(path).unit),
            cgroup: path,
        }
    }

    /// Who asked, where nobody was killed for it.
    pub(super) fn asker(&self, task: &Task) -> Trigger {
        let tgid = task.tgid.unwrap_or(Tgid(task.tid.0));
        let known = task.cgroup.and_then(|id| self.cgroups.path(id)).map(str::to_owned);
        let path = known.or_else(|| cgroup_of(&self.hierarchy, tgid));
        Trigger {
            pid: task.tgid,
            tid: Some(task.tid),
            comm: task.comm.clone(),
            uid: task.uid,
            unit: path.as_deref().and_then(|path| UnitPath::parse(path).unit),
            cgroup: path,
        }
    }

    /// What was full where no memory cgroup's limit was: the machine, or the nodes that a cpuset or a memory policy names.
    pub(super) fn outside(
        &self,
        constraint: Constraint,
        trigger: Option<&str>,
        nodes: &[u32],
        host: Option<HostMemory>,
    ) -> Option<Outside> {
        let (file, cgroup) = match constraint {
            Constraint::Host => return host.or_else(HostMemory::read).map(|host| host_limit(&host)),
            Constraint::Cpuset => ("cpuset.mems", trigger.and_then(|path| self.confining(path))),
            Constraint::Mempolicy => ("mempolicy", None),
            Constraint::Memcg | Constraint::Unknown(_) => return None,
        };
        let limit = KillLimit {
            unit: cgroup
                .map(UnitPath::parse)
                .and_then(|unit| unit.user_unit.or(unit.unit)),
            cgroup: cgroup.map(str::to_owned),
            relation: None,
            file: file.to_owned(),
            bytes: nodes::memory(nodes),
            usage: None, // by now the victim's share may be gone from it
            swap_usage: None,
            swap_max: None,
        };
        Some(Outside { limit, ledger: None })
    }

    /// The nearest cgroup that names memory nodes: this one, or one above it.
    fn confining(&self, path: &str) -> Option<&str> {
        ancestry(path).find_map(|above| {
            let cgroup = self.cgroups.at(above)?;
            (cgroup.is_confined == Some(true)).then_some(&*cgroup.path)
        })
    }

    pub(super) fn oom_facts(&self, oom: &Oom) -> OomFacts {
        let (swap_usage, swap_max) = match self.hierarchy.version() {
            CgroupVersion::V2 => (oom.swap_usage, oom.swap_max),
            // On v1 that counter is memory and swap together (`struct mem_cgroup`: a union).
            CgroupVersion::V1 | CgroupVersion::Hybrid => {
                let less = |both: Option<Bytes>, memory| Some(both?.saturating_sub(memory?));
                (less(oom.swap_usage, oom.usage), less(oom.swap_max, oom.limit))
            }
        };
        let owner = oom.owner.map(|id| {
            let path = self.cgroups.path(id).map(str::to_owned);
            let unit = path
                .as_deref()
                .map(UnitPath::parse)
                .and_then(|unit| unit.user_unit.or(unit.unit));
            OwnerFacts {
                path,
                unit,
                limit: oom.limit,
                usage: oom.usage,
                swap_usage,
                swap_max,
            }
        });
        OomFacts {
            constraint: constraint(oom.constraint),
            order: Some(oom.order),
            gfp: oom.gfp.map(gfp_name),
            owner,
            chosen: oom.chosen.tgid,
            lowering: self.sees.limits_set.then_some(oom.writing == Writing::MemoryMax),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_marked_twice_is_told_once_and_a_reused_pid_is_another() {
        let mut joiner = Joiner::default();
        let second = |second: u64| Some(BootNanos(second * 1_000_000_000));
        assert!(joiner.is_new(Some(Tgid(7)), second(1)));
        assert!(!joiner.is_new(Some(Tgid(7)), second(1)));
        assert!(joiner.is_new(Some(Tgid(7)), second(2)));
        // A tracepoint's mark goes by /proc, in hundredths of a second, and the signal that PID 1 sends after it does not.
        assert!(!joiner.is_new(Some(Tgid(7)), Some(BootNanos(2_004_381_514))));
        // Nothing to tell them apart by: rather twice than not at all.
        assert!(joiner.is_new(Some(Tgid(8)), None) && joiner.is_new(Some(Tgid(8)), None));
    }
}
