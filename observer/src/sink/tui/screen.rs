//! The terminal and who sits at it: a thread beside the pipeline that draws at its own pace and reads keys.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};

use super::keys::Next;
use super::state::{Look, State};
use super::terminal::Terminal;
use super::view;

/// How long a key is waited for; as often at most it is drawn anew.
const PACE: Duration = Duration::from_millis(100);

/// What the sink and the screen share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// The person has left, or the terminal has gone.
    pub(super) left: AtomicBool,
    /// The pipeline has ended: nothing is to be shown any more.
    ending: AtomicBool,
}

impl Shared {
    /// A thread that panicked while it held the state has left it drawable: every field stands for itself.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The terminal while it is ours.
#[derive(Debug)]
pub struct Screen {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Screen {
    /// Takes the terminal. `on_quit` is called once, after it was given back, when the person leaves: it ends what feeds
    /// the sink.
    ///
    /// # Errors
    /// Where there is no terminal, or signals cannot be listened to.
    pub(super) fn open(look: Look, on_quit: impl FnOnce() + Send + 'static) -> io::Result<(Self, Arc<Shared>)> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(look)),
            left: AtomicBool::new(false),
            ending: AtomicBool::new(false),
        });
        let signals = Signals::listen()?;
        let terminal = Terminal::take()?;
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("screen".to_owned()).spawn(move || {
            crate::rights::for_writing();
            crate::confine::thread(crate::confine::Task::Read);
            let left = Left(Arc::clone(&theirs));
            let result = run(&theirs, terminal, &signals);
            drop(left);
            if !theirs.ending.load(Ordering::Acquire) {
                on_quit();
            }
            result
        })?;
        let screen = Self {
            shared: Arc::clone(&shared),
            thread: Some(thread),
        };
        Ok((screen, shared))
    }

    /// Waits until the person leaves: a recording has ended, and is still to be looked at.
    ///
    /// # Errors
    /// Where the terminal failed.
    pub fn wait(mut self) -> io::Result<()> {
        self.join()
    }

    /// Gives the terminal back.
    ///
    /// # Errors
    /// Where the terminal failed.
    pub fn close(mut self) -> io::Result<()> {
        self.shared.ending.store(true, Ordering::Release);
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the screen's thread panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Screen {
    /// On an error's way out the terminal is given back all the same.
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Release);
        // Its failure is the smaller one here.
        let _ = self.join();
    }
}

/// Says that nobody looks any more, also where the thread panics.
struct Left(Arc<Shared>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.left.store(true, Ordering::Release);
    }
}

/// Signals that concern the terminal. Those that end the pipeline are its own matter too: both hear them.
struct Signals {
    end: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    cont: Arc<AtomicBool>,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let flag = |signals: &[i32]| -> io::Result<Arc<AtomicBool>> {
            let flag = Arc::new(AtomicBool::new(false));
            for signal in signals {
                signal_hook::flag::register(*signal, Arc::clone(&flag))?;
            }
            Ok(flag)
        };
        // It is for the outputs and must not end us; whether the terminal has gone is looked at.
        flag(&[SIGHUP])?;
        Ok(Self {
            end: flag(&[SIGINT, SIGTERM])?,
            stop: flag(&[SIGTSTP])?,
            cont: flag(&[SIGCONT])?,
        })
    }
}

fn run(shared: &Shared, mut terminal: Terminal, signals: &Signals) -> io::Result<()> {
    loop {
        for message in terminal.messages() {
            shared.state().message(&message);
        }
        draw(shared, &mut terminal)?;
        let heard = |flag: &AtomicBool| flag.swap(false, Ordering::AcqRel);
        if shared.ending.load(Ordering::Acquire) || heard(&signals.end) {
            return Ok(());
        }
        // Also where nothing was heard of it: under nohup, or before the signal comes.
        if !terminal.is_there() {
            return Ok(());
        }
        let mut next = if heard(&signals.stop) {
            Next::Suspend
        } else {
            Next::Stay
        };
        if heard(&signals.cont) {
            terminal.retake()?;
            shared.state().changed = true;
        }
        if next == Next::Stay && event::poll(PACE)? {
            next = match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => shared.state().key(key),
                Event::Resize(..) => {
                    shared.state().changed = true;
                    Next::Stay
                }
                Event::Key(_) | Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_) => Next::Stay,
            };
        }
        match next {
            Next::Stay => {}
            Next::Quit => return Ok(()),
            Next::Suspend => {
                terminal.give_back()?;
                // Goes on here when the shell says `fg`.
                signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
                terminal.retake()?;
                shared.state().changed = true;
            }
        }
    }
}

fn draw(shared: &Shared, terminal: &mut Terminal) -> io::Result<()> {
    let mut state = shared.state();
    if !std::mem::take(&mut state.changed) {
        return Ok(());
    }
    terminal.draw(|frame| view::draw(frame, &state))
}
