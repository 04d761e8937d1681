//! What is on the screen: the stream's telling, and where in it the person stands.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::history::Point;
use super::keys::window_of;
use super::model::{Incident, Key, Known, Model};
use super::pace::Pace;
use crate::event::{Line, UnitState};
use crate::measure::Timestamp;

/// A unit that ended stays in the table so long, in seconds.
const SHOWN_AFTER_END: f64 = 600.0;

/// Messages of oomtrace itself that are kept.
const MAX_MESSAGES: usize = 50;

/// How the terminal takes it.
#[derive(Debug, Clone)]
pub struct Look {
    /// Red, yellow and grey.
    pub color: bool,
    /// Symbols beyond ASCII.
    pub unicode: bool,
    /// For the clock.
    pub time_zone: TimeZone,
    /// The day whose times are told without a date.
    pub today: jiff::civil::Date,
    /// How fast it is shown, if it was recorded.
    pub replay: Option<Arc<Pace>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum View {
    Units,
    Detail(Key),
    Kills,
    /// The whole verdict, by its number.
    Verdict(u64),
    Help,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Left,
    Share,
    Used,
    Growth,
    Name,
}

impl Sort {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Left => Self::Share,
            Self::Share => Self::Used,
            Self::Used => Self::Growth,
            Self::Growth => Self::Name,
            Self::Name => Self::Left,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Left => "time left",
            Self::Share => "share",
            Self::Used => "use",
            Self::Growth => "growth",
            Self::Name => "name",
        }
    }
}

/// What is typed at the foot of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prompt {
    /// The filter, which counts as it is typed.
    Filter,
    /// A time to go to.
    Time(String),
}

/// A row of the table: a unit, or what only holds others in the tree.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) depth: usize,
}

/// The one state that drawing sees and keys change.
#[derive(Debug)]
pub(super) struct State {
    pub(super) look: Look,
    pub(super) model: Model,
    pub(super) view: View,
    pub(super) back: Vec<View>,
    pub(super) selected: Option<Key>,
    /// The incident that is marked, from the newest.
    pub(super) incident: usize,
    pub(super) scroll: u16,
    pub(super) sort: Sort,
    pub(super) tree: bool,
    pub(super) filter: String,
    /// The order is turned round.
    pub(super) reversed: bool,
    pub(super) prompt: Option<Prompt>,
    /// The time that is looked at; `None` = as it comes in.
    pub(super) at: Option<Timestamp>,
    /// The past that plots show; `None` = as long as the growth that is told.
    pub(super) zoom: Option<Duration>,
    pub(super) messages: Vec<String>,
    /// Whether anything changed since it was drawn.
    pub(super) changed: bool,
}

impl State {
    pub(super) fn new(look: Look) -> Self {
        Self {
            look,
            model: Model::default(),
            view: View::Units,
            back: Vec::new(),
            selected: None,
            incident: 0,
            scroll: 0,
            sort: Sort::Left,
            tree: false,
            filter: String::new(),
            reversed: false,
            prompt: None,
            at: None,
            zoom: None,
            messages: Vec::new(),
            changed: true,
        }
    }

    pub(super) fn line(&mut self, line: &Line) {
        self.model.line(line);
        self.changed = true;
    }

    /// What oomtrace itself said meanwhile.
    pub(super) fn message(&mut self, text: &str) {
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.remove(0);
        }
        self.messages.push(text.to_owned());
        self.changed = true;
    }

    /// The past that the plot of the unit that is looked at shows.
    pub(super) fn window(&self) -> Duration {
        let key = match &self.view {
            View::Detail(key) => Some(key),
            _ => self.selected.as_ref(),
        };
        let known = key.and_then(|key| self.model.units.get(key));
        self.zoom.unwrap_or_else(|| self.window_for(known))
    }

    /// The past that a unit's plot shows.
    pub(super) fn window_for(&self, known: Option<&Known>) -> Duration {
        let growth = known.and_then(|known| known.history.at(self.now())?.growing);
        let growth = Duration::from_secs_f32(growth.unwrap_or_default());
        self.zoom.unwrap_or_else(|| window_of(growth))
    }

    /// The time that is shown.
    pub(super) fn now(&self) -> Timestamp {
        self.at
            .or(self.model.last)
            .unwrap_or(Timestamp(jiff::Timestamp::UNIX_EPOCH))
    }

    pub(super) fn clock(&self, ts: Timestamp) -> String {
        let zoned = ts.0.to_zoned_datetime(self.look.time_zone.clone());
        let form = if zoned.date() == self.look.today {
            "%H:%M:%S"
        } else {
            "%b %d %H:%M:%S" // as journalctl
        };
        zoned.strftime(form).to_string()
    }

    /// The rows as they stand: a unit's come and go with the time that is looked at.
    pub(super) fn rows(&self) -> Vec<Row> {
        let now = self.now();
        let wanted = self.filter.to_lowercase();
        let mut rows: Vec<(&Key, &Known, &Point)> = self
            .model
            .units
            .iter()
            .filter(|(key, known)| {
                let ended = known
                    .state_at(now)
                    .is_some_and(|(ts, state)| is_end(state) && now.seconds_since(ts) > SHOWN_AFTER_END);
                key.path != "/" && !ended && self.model.title(key).to_lowercase().contains(&wanted)
            })
            .filter_map(|(key, known)| Some((key, known, known.history.at(now)?)))
            .collect();
        if self.tree {
            return tree(rows.into_iter().map(|(key, ..)| key.clone()).collect());
        }
        rows.sort_by(|(a_key, a_known, a), (b_key, b_known, b)| {
            // What has no end in sight comes last either way.
            let endless = if self.reversed {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            };
            let left = |point: &Point| point.left.map_or(endless, |left| left.seconds);
            let share = |point: &Point| point.limit.map_or(0.0, |held| held.share());
            let growth = |point: &Point| point.slope.map_or(0.0, |(slope, _)| slope);
            let order = match self.sort {
                Sort::Left => left(a).total_cmp(&left(b)).then(share(b).total_cmp(&share(a))),
                Sort::Share => share(b).total_cmp(&share(a)),
                Sort::Used => b.current().cmp(&a.current()),
                Sort::Growth => growth(b).total_cmp(&growth(a)),
                Sort::Name => a_known.name.cmp(&b_known.name),
            };
            let order = if self.reversed { order.reverse() } else { order };
            let ended = |known: &Known| known.state_at(now).is_some_and(|(_, state)| is_end(state));
            // What has ended is below what lives, whatever it is sorted by.
            ended(a_known)
                .cmp(&ended(b_known))
                .then(order)
                .then_with(|| a_known.name.cmp(&b_known.name))
                .then_with(|| a_key.cmp(b_key))
        });
        let row = |(key, ..): (&Key, &Known, &Point)| Row {
            key: key.clone(),
            depth: 0,
        };
        rows.into_iter().map(row).collect()
    }

    /// The marked row's place; the first where what was marked is gone.
    pub(super) fn place(&self, rows: &[Row]) -> usize {
        let marked = rows.iter().position(|row| Some(&row.key) == self.selected.as_ref());
        marked.unwrap_or(0)
    }

    /// Incidents up to the time that is shown, the newest first.
    pub(super) fn incidents(&self) -> impl Iterator<Item = &Incident> {
        let now = self.now();
        let all = self.model.incidents.iter().rev();
        all.filter(move |incident| incident.ts <= now)
    }
}

pub(super) fn is_end(state: UnitState) -> bool {
    match state {
        UnitState::Stopped | UnitState::Failed => true,
        UnitState::Waiting | UnitState::Running | UnitState::Started => false,
    }
}

/// By path, each below what holds it. What holds others and was not told of is there by its path alone.
fn tree(keys: Vec<Key>) -> Vec<Row> {
    let mut all: Vec<Key> = Vec::new();
    for key in keys {
        let above: Vec<Key> = crate::event::ancestry(&key.path)
            .map(|path| Key {
                host: key.host.clone(),
                path: path.to_owned(),
            })
            .collect();
        all.extend(above);
    }
    // By parts, so that `a-b.slice` never comes between `a` and what is below `a`.
    all.sort_by(|a, b| (&a.host, a.path.split('/').collect::<Vec<_>>()).cmp(&(&b.host, b.path.split('/').collect())));
    all.dedup();
    let depth = |key: &Key| key.path.matches('/').count().saturating_sub(1);
    all.into_iter()
        .map(|key| Row {
            depth: depth(&key),
            key,
        })
        .collect()
}
