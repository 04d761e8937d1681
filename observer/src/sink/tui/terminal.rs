//! The terminal, taken and given back: whatever happens, it is left as it was found.
//!
//! While it is taken, what is written to standard error would fall into the picture: it goes into a pipe, is shown as a
//! message, and is written where it belongs afterwards.

use std::io::{self, IsTerminal as _, Read as _, Stdout, Write as _};
use std::os::fd::OwnedFd;

use ratatui::Frame;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::stdio::{dup2_stderr, stderr};

/// Bytes of messages that are kept for afterwards.
const MAX_HELD: usize = 64 * 1024;

/// The terminal while it is ours.
pub(super) struct Terminal {
    screen: ratatui::Terminal<CrosstermBackend<Stdout>>,
    stderr: OwnedFd,
    said: std::fs::File,
    held: Vec<u8>,
    /// The beginning of a line that has not ended yet.
    partial: Vec<u8>,
}

impl Terminal {
    /// Takes it.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn take() -> io::Result<Self> {
        let screen = ratatui::Terminal::new(CrosstermBackend::new(io::stdout()))?;
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
        // Reading must not wait.
        rustix::fs::fcntl_setfl(&read, rustix::fs::OFlags::NONBLOCK)?;
        let saved = rustix::io::fcntl_dupfd_cloexec(stderr(), 3)?;
        enable_raw_mode()?;
        // From here on dropping it puts everything back.
        let taken = Self {
            screen,
            stderr: saved,
            said: read.into(),
            held: Vec::new(),
            partial: Vec::new(),
        };
        dup2_stderr(&write)?;
        execute!(io::stdout(), EnterAlternateScreen)?;
        Ok(taken)
    }

    /// Gives it to the shell for a while.
    pub(super) fn give_back(&mut self) -> io::Result<()> {
        self.screen.show_cursor()?;
        execute!(io::stdout(), LeaveAlternateScreen)?;
        disable_raw_mode()
    }

    /// Takes it again, as it may look by now.
    pub(super) fn retake(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen)?;
        self.screen.clear()
    }

    /// Whether it is still there.
    #[expect(clippy::unused_self, reason = "only who has taken it may ask")]
    pub(super) fn is_there(&self) -> bool {
        io::stdout().is_terminal()
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.screen.draw(draw).map(drop)
    }

    /// What was written to standard error since, line by line.
    pub(super) fn messages(&mut self) -> Vec<String> {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = self.said.read(&mut buffer) {
            let new = buffer.get(..count).unwrap_or_default();
            self.partial.extend_from_slice(new);
            if self.held.len() < MAX_HELD {
                self.held.extend_from_slice(new);
            }
        }
        let Some(end) = self.partial.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let rest = self.partial.split_off(end + 1);
        let lines = std::mem::replace(&mut self.partial, rest);
        let lines = String::from_utf8_lossy(&lines);
        lines.lines().map(str::to_owned).collect()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Each is tried, whatever became of the one before.
        let _ = self.give_back();
        self.messages();
        let _ = dup2_stderr(&self.stderr);
        let _ = io::stderr().write_all(&self.held);
    }
}
