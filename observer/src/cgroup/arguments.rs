//! Command lines and environments, which wait for the process that they are of: `/proc/PID/cmdline` and `environ` take its
//! `mmap_lock` (fs/proc/base.c: `access_remote_vm`), which a fork of much memory holds for long, and a process that hangs in the kernel for as
//! long as it hangs.
//!
//! A thread of its own reads them, and whoever asks waits for it no longer than [`PATIENCE`]. As long as it is held up nothing of any
//! process is read: unknown, which is what it is.

use std::fs;
use std::io::Read as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::rights;

/// How long a process may hold up whoever asks for its arguments. A busy machine takes a while to run a thread.
const PATIENCE: Duration = Duration::from_millis(500);

/// The thread, as long as one can be had.
static READER: LazyLock<Option<Mutex<Reader>>> = LazyLock::new(|| Reader::start(read).map(Mutex::new));

/// A file, and how much of it is read.
type Asked = (String, u64);

/// What it holds; `None` where it may not be read.
type Read = Option<Vec<u8>>;

struct Reader {
    asks: SyncSender<Asked>,
    answers: Receiver<Read>,
    /// Whether an answer is on its way that nobody waits for any more.
    is_held_up: bool,
}

impl Reader {
    fn start(read: impl Fn(Asked) -> Read + Send + 'static) -> Option<Self> {
        let (asks, asked) = sync_channel::<Asked>(1);
        let (answer, answers) = sync_channel(1);
        let work = move || {
            rights::for_processes();
            while let Ok(asked) = asked.recv() {
                if answer.send(read(asked)).is_err() {
                    return;
                }
            }
        };
        let started = thread::Builder::new().name("arguments".to_owned()).spawn(work);
        started.ok().map(|_| Self {
            asks,
            answers,
            is_held_up: false,
        })
    }

    fn ask(&mut self, asked: Asked) -> Read {
        if self.is_held_up {
            self.is_held_up = self.answers.try_recv().is_err();
        }
        if self.is_held_up {
            return None;
        }
        self.asks.send(asked).ok()?;
        match self.answers.recv_timeout(PATIENCE) {
            Ok(read) => read,
            Err(RecvTimeoutError::Timeout) => {
                self.is_held_up = true;
                None
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}

fn read((path, most): Asked) -> Read {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The first `most` bytes of such a file; `None` where they cannot be had, or not in time.
pub(super) fn arguments(path: String, most: u64) -> Option<Vec<u8>> {
    let asked = (path, most);
    match &*READER {
        Some(reader) => reader.lock().unwrap_or_else(PoisonError::into_inner).ask(asked),
        // Who may start no thread reads and is done.
        None => read(asked),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn who_is_held_up_holds_up_nobody_for_long_and_is_asked_again_once_that_is_over() {
        let (go, gate) = sync_channel::<()>(1);
        let mut reader = Reader::start(move |(path, _)| {
            if path == "held" {
                let _ = gate.recv();
            }
            Some(path.into_bytes())
        })
        .unwrap();
        let asked = |path: &str| (path.to_owned(), 1);
        assert_eq!(reader.ask(asked("a")), Some(b"a".to_vec()));
        assert_eq!(reader.ask(asked("held")), None);
        let since = Instant::now();
        for _ in 0..1_000 {
            assert_eq!(reader.ask(asked("b")), None);
        }
        assert!(since.elapsed() < 1_000 * PATIENCE, "each waited");
        go.send(()).unwrap();
        let mut told = (0..10_000).map(|_| {
            thread::sleep(Duration::from_millis(1));
            reader.ask(asked("c"))
        });
        assert_eq!(
            told.find(Option::is_some),
            Some(Some(b"c".to_vec())),
            "and not what was asked for before"
        );
    }

    #[test]
    fn its_own_arguments_are_read() {
        let own = arguments("/proc/self/cmdline".to_owned(), 1 << 12).unwrap();
        assert_eq!(own, fs::read("/proc/self/cmdline").unwrap());
        assert_eq!(arguments("/proc/self/nosuch".to_owned(), 1), None);
    }
}
