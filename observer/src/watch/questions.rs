//! What systemd is asked, and what waits for its answers.
//!
//! systemd is busy just when a unit dies, so nothing stands still for it: a question leaves with a ticket, a task of its own
//! waits for the answer, and the answer is an input of the loop like any other.

use std::collections::HashMap;

use tokio::sync::mpsc;

use crate::engine::KillFacts;
use crate::event::UnitState;
use crate::measure::{BootNanos, Tgid, Timestamp};
use crate::unit::systemd::{Systemd, UnitStatus};

/// Questions that are open at once, at most; what is over that goes unanswered.
const MAX_OPEN: usize = 256;

/// What is to be done with an answer.
#[derive(Debug)]
pub(super) enum Question {
    /// Which run of its unit a victim belonged to, where its cgroup has gone.
    Run(Timestamp, Box<KillFacts>),
    /// Whether PID 1 ends a unit because the kernel killed in it.
    Consequence(Box<Consequence>),
    /// A selected unit's cgroup is there.
    There { path: String, state: UnitState },
    /// Something of a unit changed.
    Changed(String),
}

/// A deadly signal from PID 1 after a kill of the kernel's in the same unit.
#[derive(Debug)]
pub(super) struct Consequence {
    pub(super) sent: BootNanos,
    pub(super) is_sigterm: bool,
    /// When the kernel killed.
    pub(super) killed: BootNanos,
    /// When the victim's process started.
    pub(super) started: Option<BootNanos>,
    /// What the victim died of meanwhile: the signal's number.
    pub(super) died_of: Option<u32>,
    pub(super) facts: KillFacts,
}

impl Consequence {
    pub(super) fn victim(&self) -> Tgid {
        self.facts.victim.pid
    }
}

/// What systemd said; `None` where it could not be asked or did not answer.
pub(super) type Answer = Option<zbus::Result<UnitStatus>>;

/// The open questions.
#[derive(Debug)]
pub(super) struct Questions {
    systemd: Option<Systemd>,
    answers: mpsc::UnboundedSender<(u64, Answer)>,
    open: HashMap<u64, Question>,
    next: u64,
    changes: Changes,
}

/// Units of which it is asked what changed, each once at a time, and whether more has changed meanwhile.
#[derive(Debug, Default)]
struct Changes(HashMap<String, bool>);

impl Changes {
    /// A unit changed: whether that is to be asked now.
    fn is_to_ask(&mut self, unit: &str) -> bool {
        match self.0.get_mut(unit) {
            Some(again) => {
                *again = true;
                false
            }
            None => self.0.insert(unit.to_owned(), false).is_none(),
        }
    }

    /// There is an answer, or will be none: whether it is to be asked again.
    fn answered(&mut self, unit: &str) -> bool {
        self.0.remove(unit).unwrap_or_default()
    }
}

impl Questions {
    /// With where the answers arrive.
    pub(super) fn new(systemd: Option<Systemd>) -> (Self, mpsc::UnboundedReceiver<(u64, Answer)>) {
        let (answers, arriving) = mpsc::unbounded_channel();
        let questions = Self {
            systemd,
            answers,
            open: HashMap::new(),
            next: 0,
            changes: Changes::default(),
        };
        (questions, arriving)
    }

    /// There is a systemd to ask, or there is none.
    pub(super) fn connected(&mut self, systemd: Option<Systemd>) {
        self.systemd = systemd;
    }

    /// Whether there is a systemd to ask.
    pub(super) fn can_ask(&self) -> bool {
        self.systemd.is_some()
    }

    /// Asks for a unit's state. A unit without a name is none of systemd's.
    ///
    /// # Errors
    /// The question, where it cannot be asked.
    pub(super) fn ask(&mut self, unit: &str, question: Question) -> Result<(), Question> {
        let can_ask = !unit.is_empty() && self.open.len() < MAX_OPEN;
        let Some(systemd) = self.systemd.clone().filter(|_| can_ask) else {
            return Err(question);
        };
        let ticket = self.next;
        self.next += 1;
        self.open.insert(ticket, question);
        let (answers, unit) = (self.answers.clone(), unit.to_owned());
        tokio::spawn(async move {
            // Nobody waits any more where all has ended.
            let _ = answers.send((ticket, Some(systemd.state(&unit).await)));
        });
        Ok(())
    }

    /// Asks what changed of a unit; where that is asked already, once more behind the answer. Where it cannot be asked, the
    /// next change is.
    pub(super) fn ask_change(&mut self, unit: &str) {
        if self.changes.is_to_ask(unit) && self.ask(unit, Question::Changed(unit.to_owned())).is_err() {
            self.changes.answered(unit);
        }
    }

    /// The question that an answer belongs to.
    pub(super) fn take(&mut self, ticket: u64) -> Option<Question> {
        let question = self.open.remove(&ticket);
        if let Some(Question::Changed(unit)) = &question
            && self.changes.answered(unit)
        {
            self.ask_change(&unit.clone());
        }
        question
    }

    /// All that are still open, in the order in which they were asked.
    pub(super) fn take_all(&mut self) -> Vec<Question> {
        let mut open: Vec<(u64, Question)> = self.open.drain().collect();
        open.sort_unstable_by_key(|(ticket, _)| *ticket);
        open.into_iter().map(|(_, question)| question).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// A process died: the question whether its end is for memory is to know of what.
    pub(super) fn died(&mut self, victim: Tgid, signal: u32) -> bool {
        let asked = self.open.values_mut().find_map(|question| match question {
            Question::Consequence(consequence) if consequence.victim() == victim => Some(consequence),
            _ => None,
        });
        asked.map(|consequence| consequence.died_of = Some(signal)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_unit_that_changes_on_and_on_one_question_is_open() {
        let mut changes = Changes::default();
        let asked = (0..1_000).filter(|_| changes.is_to_ask("a.service")).count();
        assert_eq!(asked, 1);
        assert!(changes.is_to_ask("b.service"), "another's is another");
        assert!(changes.answered("a.service"), "there is more than was asked for");
        assert!(changes.is_to_ask("a.service"));
        assert!(!changes.answered("a.service") && changes.0.len() == 1);
    }
}
