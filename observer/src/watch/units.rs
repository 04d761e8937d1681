//! Units as they come and go: what systemd says of the selected ones, told when it changes.

use std::collections::HashMap;

use super::collector::{Collector, Turn};
use super::questions::{Answer, Question};
use super::stream::{Stream, StreamError};
use crate::cgroup::{namespaces, pids};
use crate::event::{CgroupRef, Event, Relation, Subject, Unit, UnitLimit, UnitState};
use crate::unit::UnitPath;
use crate::unit::systemd::Systemd;

/// Units remembered, at most.
const MAX_UNITS: usize = 16_384;

/// What was last told of each unit: its invocation and state.
#[derive(Debug, Default)]
pub(super) struct UnitStates {
    told: HashMap<String, (Option<String>, UnitState)>,
}

impl UnitStates {
    /// Remembers; whether it is new. An invocation id that systemd has dropped since makes nothing new.
    fn change(&mut self, unit: &str, invocation: Option<&String>, state: UnitState) -> bool {
        let before = self.told.get(unit);
        let is_there = |state| matches!(state, UnitState::Running | UnitState::Started);
        let known = before.is_some_and(|(known, told)| {
            let same_state = *told == state || is_there(*told) && is_there(state);
            same_state && (invocation.is_none() || known.is_none() || known.as_ref() == invocation)
        });
        if known {
            return false;
        }
        if self.told.len() >= MAX_UNITS {
            self.told.clear();
        }
        self.told.insert(unit.to_owned(), (invocation.cloned(), state));
        true
    }

    /// A unit that is there, of which nothing is told: its end will be news.
    pub(super) fn seen(&mut self, unit: &str) {
        self.change(unit, None, UnitState::Running);
    }
}

impl Collector {
    /// At the start: what is selected is there, or is waited for.
    pub(super) fn begin(&mut self, stream: &mut Stream) -> Result<(), StreamError> {
        self.look_around();
        if self.cgroups.selection().is_empty() {
            for name in self.cgroups.live().filter_map(|(_, cgroup)| cgroup.unit.name()) {
                self.units.seen(name);
            }
            return Ok(());
        }
        let live = self.cgroups.live().map(|(_, cgroup)| cgroup);
        let running: Vec<String> = live
            .filter(|cgroup| cgroup.is_selected && (cgroup.unit.is_unit || cgroup.unit.unit.is_none()))
            .map(|cgroup| cgroup.path.to_string())
            .collect();
        for path in &running {
            self.there(path, UnitState::Running, stream)?;
        }
        for unit in self.cgroups.selection().literal_units() {
            if !running
                .iter()
                .any(|path| UnitPath::parse(path).unit.as_deref() == Some(unit.as_str()))
            {
                let subject = Subject {
                    unit: Some(unit),
                    ..Subject::default()
                };
                stream.write(
                    self.now(),
                    Event::Unit(Unit {
                        subject,
                        state: UnitState::Waiting,
                        ..Unit::default()
                    }),
                )?;
            }
        }
        Ok(())
    }

    /// A selected unit's cgroup is there. systemd has its invocation id before that is written on the cgroup, and knows its
    /// description: it is told when that is known.
    pub(super) fn there(&mut self, path: &str, state: UnitState, stream: &mut Stream) -> Result<(), StreamError> {
        let question = Question::There {
            path: path.to_owned(),
            state,
        };
        match self.questions.ask(&self.system_unit(path), question) {
            Err(_) => self.there_told(path, state, None, stream),
            Ok(()) => Ok(()),
        }
    }

    /// The unit to ask the system's manager for; empty where there is none: a user's units are the user's manager's.
    pub(super) fn system_unit(&self, path: &str) -> String {
        let unit = self.cgroups.unit(path);
        unit.unit.filter(|_| unit.user_unit.is_none()).unwrap_or_default()
    }

    /// systemd has said what a unit is whose cgroup is there.
    pub(super) fn there_told(
        &mut self,
        path: &str,
        state: UnitState,
        answer: Answer,
        stream: &mut Stream,
    ) -> Result<(), StreamError> {
        let unit = self.cgroups.unit(path);
        let status = answer.and_then(Result::ok);
        let id = self.cgroups.id(path);
        let mut subject = self.subject(id, path);
        if subject.invocation_id.is_none() {
            subject.invocation_id = status.as_ref().and_then(|status| status.invocation_id.clone());
        }
        let name = unit.name().unwrap_or(path).to_owned();
        if !self.units.change(&name, subject.invocation_id.as_ref(), state) {
            return Ok(());
        }
        let mut turn = Turn::at(self.clock.now());
        let memory = self.read(path, &mut turn).map(|reading| reading.memory);
        let mut limits: Vec<UnitLimit> = self
            .limits(path, &mut turn)
            .into_iter()
            .map(|limit| UnitLimit {
                cgroup: limit.cgroup,
                unit: limit.unit,
                relation: limit.relation,
                file: limit.file,
                bytes: Some(limit.bytes),
                usage: limit.usage,
            })
            .collect();
        let has_own = limits
            .iter()
            .any(|limit| limit.relation == Relation::Own && limit.file == "memory.max");
        if !has_own {
            let own = UnitLimit {
                cgroup: path.to_owned(),
                unit: unit.name().map(str::to_owned),
                relation: Relation::Own,
                file: "memory.max".to_owned(),
                bytes: None,
                usage: memory.and_then(|memory| memory.current),
            };
            limits.insert(0, own);
        }
        let event = Unit {
            tasks: namespaces::pids_are_the_hosts().then(|| pids(&self.hierarchy, path, 0).1),
            subject,
            state,
            restarts: status.as_ref().and_then(|status| status.restarts),
            description: status.map(|status| status.description),
            memory,
            limits,
            ..Unit::default()
        };
        stream.write(self.now(), Event::Unit(event))
    }

    /// The connection to systemd is made or lost. What has changed of units meanwhile it is asked.
    pub(super) fn connected(&mut self, systemd: Option<Systemd>) {
        let is_made = systemd.is_some();
        self.questions.connected(systemd);
        if is_made {
            self.units.told.keys().for_each(|name| self.questions.ask_change(name));
        }
    }

    /// systemd told that something of a unit changed: what, it is asked.
    pub(super) fn unit_changed(&mut self, name: &str) {
        let unit = UnitPath {
            unit: Some(name.to_owned()),
            is_unit: true,
            ..UnitPath::default()
        };
        if self.cgroups.selection().matches(&unit, "") {
            self.questions.ask_change(name);
        }
    }

    /// What systemd says of a unit after a change.
    pub(super) fn change_told(&mut self, name: &str, answer: Answer, stream: &mut Stream) -> Result<(), StreamError> {
        let Some(Ok(status)) = answer else { return Ok(()) };
        let state = match (status.active_state.as_str(), status.sub_state.as_str()) {
            ("failed", _) => UnitState::Failed,
            // Between two runs of Restart=: the result of the one before is still told.
            ("activating", "auto-restart" | "auto-restart-queued") if status.result.as_deref() != Some("success") => {
                UnitState::Failed
            }
            ("inactive", _) | ("activating", "auto-restart" | "auto-restart-queued") => UnitState::Stopped,
            _ => return Ok(()),
        };
        // What never ran while we watched is no news.
        if !self.units.told.contains_key(name) && state == UnitState::Stopped {
            return Ok(());
        }
        if !self.units.change(name, status.invocation_id.as_ref(), state) {
            return Ok(());
        }
        let subject = Subject {
            unit: Some(name.to_owned()),
            invocation_id: status.invocation_id,
            cgroup: CgroupRef {
                id: None,
                path: status.control_group,
            },
            ..Subject::default()
        };
        if status.result.as_deref() == Some("oom-kill") {
            self.ledger.recorded(subject.clone());
        }
        let event = Unit {
            kills: Some(self.ledger.kills(&subject)),
            subject,
            state,
            result: status.result,
            restarts: status.restarts,
            exit: status.exit,
            description: Some(status.description),
            ..Unit::default()
        };
        stream.write(self.now(), Event::Unit(event))
    }
}
