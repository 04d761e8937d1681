//! Messages for people, on standard error: in one line, and never at the cost of what they are about.
//!
//! `eprintln!` panics where standard error has no reader any more, and waits where its reader does not read. Neither may
//! end or hold up a watch, so such a message is dropped instead.

use std::fmt::Display;
use std::io::Write as _;

use crate::shown::shown;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a pipe takes in one piece (linux/limits.h).
const PIPE_BUF: usize = 4096;

/// Writes `oomtrace: MESSAGE` to standard error, where that can be done at once.
///
/// In one write, since several threads may say something at a time. What names from outside have in them is written out,
/// so that a message is one line. One of up to 4 KiB (`PIPE_BUF`) never waits: more is cut.
pub fn notice(message: impl Display) {
    let mut stderr = std::io::stderr().lock();
    let is_writable = {
        let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // Where it cannot be polled, it cannot be waited for either.
        poll(&mut fds, Some(&now)).is_err() || fds.iter().any(|fd| fd.revents().contains(PollFlags::OUT))
    };
    if is_writable {
        let mut text = format!("oomtrace: {}", shown(&message.to_string()));
        text.truncate(text.floor_char_boundary(PIPE_BUF - 1));
        text.push('\n');
        let _ = stderr.write_all(text.as_bytes());
    }
}
