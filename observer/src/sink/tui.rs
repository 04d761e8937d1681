//! A screen that is looked at and moved through: the same of a live stream and of a recorded one.
//!
//! In: lines, like any sink, and keys. Out: cells of a terminal. The pipeline knows a sink and no more: the sink writes
//! into a state, and a thread beside it draws that state at its own pace (`screen`). What drawing and keys do are
//! functions of the state alone (`view`, `keys`).

mod detail;
mod help;
mod history;
mod ink;
mod keys;
mod kills;
mod model;
mod pace;
#[cfg(test)]
mod past;
mod plot;
mod screen;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod then;
mod tree;
mod units;
mod view;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Sink;
use crate::event::Line;

pub(crate) use help::KEYS;
pub use pace::Pace;
pub use screen::Screen;
pub use state::Look;

/// The sink that feeds the screen.
#[derive(Debug)]
pub struct Tui {
    shared: Arc<screen::Shared>,
}

impl Tui {
    /// Takes the terminal. `on_quit` is called once when the person leaves, to end what feeds this sink.
    ///
    /// # Errors
    /// Where there is no terminal.
    pub fn open(look: Look, on_quit: impl FnOnce() + Send + 'static) -> io::Result<(Self, Screen)> {
        let (screen, shared) = Screen::open(look, on_quit)?;
        Ok((Self { shared }, screen))
    }
}

impl Sink for Tui {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        if self.is_gone() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.shared.state().line(line);
        Ok(())
    }

    fn is_gone(&self) -> bool {
        self.shared.left.load(Ordering::Acquire)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
