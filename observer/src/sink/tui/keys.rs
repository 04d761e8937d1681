//! What a key does: from a state to the next, and nothing else.

use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::Gravity;
use super::state::{Prompt, State, View};
use crate::cli::moment_at;
use crate::measure::Timestamp;

/// The past that the table's small plots and the detail show.
pub(super) const WINDOW: Duration = Duration::from_secs(600);

/// What a plot may show, in seconds, from the nearest to the farthest.
const ZOOMS: [u64; 8] = [60, 180, 600, 1800, 7200, 6 * 3600, 86_400, 7 * 86_400];

/// The next nearer or farther window.
fn zoomed(window: Duration, nearer: bool) -> Duration {
    let zooms = ZOOMS.map(Duration::from_secs);
    let next = if nearer {
        zooms.iter().rev().find(|zoom| **zoom < window)
    } else {
        zooms.iter().find(|zoom| **zoom > window)
    };
    next.copied().unwrap_or(window)
}

/// The window in which growth that has lasted so long is seen whole.
pub(super) fn window_of(growing: Duration) -> Duration {
    let zooms = ZOOMS.map(Duration::from_secs);
    let whole = zooms.iter().find(|zoom| **zoom >= growing.max(WINDOW));
    whole.copied().unwrap_or(WINDOW)
}

/// One step in time, and a large one.
const STEP: Duration = Duration::from_secs(10);

/// Rows of a page.
const PAGE: isize = 10;

/// What is to be done beyond the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Go on.
    Stay,
    /// Leave.
    Quit,
    /// Give the terminal back for a while, as Ctrl-Z asks.
    Suspend,
}

impl State {
    /// A replay goes so many times as fast as it did.
    fn pace(&self, times: f64) {
        if let Some(pace) = &self.look.replay {
            pace.change(times);
        }
    }

    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Next {
        self.changed = true;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Next::Quit,
                KeyCode::Char('z') => Next::Suspend,
                _ => Next::Stay,
            };
        }
        if let Some(prompt) = self.prompt.take() {
            self.prompt = match prompt {
                Prompt::Filter => self.type_filter(key.code),
                Prompt::Time(text) => self.type_time(text, key.code),
            };
            return Next::Stay;
        }
        // A message that was read makes room.
        self.messages.clear();
        let large = key.modifiers.contains(KeyModifiers::SHIFT);
        let step = if large { WINDOW } else { STEP };
        match key.code {
            KeyCode::Char('q') => return Next::Quit,
            KeyCode::Esc | KeyCode::Backspace => self.leave(),
            KeyCode::Char('?') if self.view == View::Help => self.leave(),
            KeyCode::Char('?') => self.enter(View::Help),
            KeyCode::Char('!' | 'K') => self.enter(View::Kills),
            KeyCode::Char('+') => self.zoom = Some(zoomed(self.window(), true)),
            KeyCode::Char('-') => self.zoom = Some(zoomed(self.window(), false)),
            KeyCode::Char('<') => self.pace(0.5),
            KeyCode::Char('>') => self.pace(2.0),
            KeyCode::Char('/') => self.prompt = Some(Prompt::Filter),
            KeyCode::Char(':') => self.prompt = Some(Prompt::Time(String::new())),
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('r') => self.reversed = !self.reversed,
            KeyCode::Char('t') => self.tree = !self.tree,
            KeyCode::Char(' ') => self.at = if self.at.is_some() { None } else { self.model.last },
            KeyCode::Left => self.travel(|now| now.checked_sub(step).unwrap_or(now)),
            KeyCode::Right => self.travel(|now| now.checked_add(step).unwrap_or(now)),
            KeyCode::Char('[') => self.jump(false),
            KeyCode::Char(']') => self.jump(true),
            KeyCode::Home => self.at = self.model.first,
            KeyCode::End => self.at = None,
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::Char('g') => self.step(isize::MIN),
            KeyCode::Char('G') => self.step(isize::MAX),
            KeyCode::PageUp => self.step(-PAGE),
            KeyCode::PageDown => self.step(PAGE),
            KeyCode::Enter => self.open(),
            _ => {}
        }
        Next::Stay
    }

    /// Takes a key for the filter; what is typed after it.
    fn type_filter(&mut self, code: KeyCode) -> Option<Prompt> {
        match code {
            KeyCode::Enter => return None,
            KeyCode::Esc => {
                self.filter.clear();
                return None;
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(letter) => self.filter.push(letter),
            _ => {}
        }
        Some(Prompt::Filter)
    }

    /// Takes a key for the time to go to; what is typed after it.
    fn type_time(&mut self, mut text: String, code: KeyCode) -> Option<Prompt> {
        match code {
            KeyCode::Enter => {
                self.go_to(&text);
                return None;
            }
            KeyCode::Esc => return None,
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(letter) => text.push(letter),
            _ => {}
        }
        Some(Prompt::Time(text))
    }

    /// To a time as `--since` takes it, seen from the one that is shown: `14:05` is that day's, `-10min` before it.
    fn go_to(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        let (Some(first), Some(last)) = (self.model.first, self.model.last) else {
            self.message("no time to go to: nothing has been sampled yet");
            return;
        };
        let to = match moment_at(text, self.now().0, &self.look.time_zone) {
            Ok(to) => Timestamp(to),
            Err(error) => {
                self.message(&format!("'{text}': {error}"));
                return;
            }
        };
        self.travel(|_| to.0);
        if to < first {
            self.message(&format!("the history begins at {}", self.clock(first)));
        } else if to > last {
            self.message(&format!("the history ends at {}", self.clock(last)));
        }
    }

    fn enter(&mut self, view: View) {
        if self.view != view {
            self.back.push(std::mem::replace(&mut self.view, view));
            self.scroll = 0;
        }
    }

    fn leave(&mut self) {
        match self.back.pop() {
            Some(view) => {
                self.view = view;
                self.scroll = 0;
            }
            None => self.filter.clear(),
        }
    }

    /// To another time, within what is remembered. Past the newest it is as it comes in again.
    fn travel(&mut self, to: impl FnOnce(jiff::Timestamp) -> jiff::Timestamp) {
        let (Some(first), Some(last)) = (self.model.first, self.model.last) else {
            return;
        };
        let to = Timestamp(to(self.now().0)).max(first);
        self.at = (to < last).then_some(to);
    }

    fn jump(&mut self, forward: bool) {
        let now = self.now();
        // What only started or ended is no reason to stop.
        let grave = self.model.incidents.iter();
        let mut times = grave
            .filter(|incident| incident.gravity != Gravity::Note)
            .map(|incident| incident.ts);
        let to = if forward {
            times.find(|ts| *ts > now)
        } else {
            times.rfind(|ts| *ts < now)
        };
        if let Some(to) = to {
            self.at = Some(to);
        }
    }

    fn step(&mut self, by: isize) {
        match self.view {
            View::Units => {
                let rows = self.rows();
                let last = rows.len().saturating_sub(1);
                let place = self.place(&rows).saturating_add_signed(by).min(last);
                self.selected = rows.get(place).map(|row| row.key.clone());
            }
            View::Kills => {
                let last = self.incidents().count().saturating_sub(1);
                self.incident = self.incident.saturating_add_signed(by).min(last);
            }
            View::Detail(_) | View::Verdict(_) | View::Help => {
                let by = i16::try_from(by).unwrap_or(if by < 0 { i16::MIN } else { i16::MAX });
                self.scroll = self.scroll.saturating_add_signed(by);
            }
        }
    }

    fn open(&mut self) {
        match &self.view {
            View::Units => {
                let rows = self.rows();
                if let Some(row) = rows.get(self.place(&rows)) {
                    self.selected = Some(row.key.clone());
                    self.enter(View::Detail(row.key.clone()));
                }
            }
            View::Kills => {
                let number = self.incidents().nth(self.incident).map(|incident| incident.number);
                if let Some(number) = number {
                    self.enter(View::Verdict(number));
                }
            }
            View::Detail(key) => {
                let last = self.incidents().find(|incident| incident.key == *key);
                if let Some(number) = last.map(|incident| incident.number) {
                    self.enter(View::Verdict(number));
                }
            }
            View::Verdict(_) | View::Help => {}
        }
    }
}
