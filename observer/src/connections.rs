//! Whoever connects, within a bound: an older connection makes room for the next, so that nobody who says nothing keeps others
//! waiting.

use std::collections::VecDeque;
use std::io;

use tokio::task::AbortHandle;

use crate::confine::{self, Task};
use crate::rights;

/// Answers whoever connects in a thread of its own, with no more rights than that takes.
///
/// # Errors
/// Where there can be no thread.
pub(crate) fn answer(name: &str, task: Task, answering: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        rights::for_writing();
        confine::thread(task);
        runtime.block_on(answering);
    })?;
    Ok(())
}

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Connections {
    open: VecDeque<Open>,
    most: usize,
}

#[derive(Debug)]
struct Open {
    /// Whose it is: a user's id, where that is known.
    whose: u32,
    task: AbortHandle,
}

impl Connections {
    /// So many at one time, at most.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            open: VecDeque::new(),
            most,
        }
    }

    /// Serves another one, in a task of its own. The oldest of whoever has most makes room: one user's keep no other out.
    pub(crate) fn serve(&mut self, whose: u32, connection: impl Future<Output = ()> + Send + 'static) {
        self.open.retain(|open| !open.task.is_finished());
        if self.open.len() >= self.most
            && let Some(oldest) = self.in_the_way().and_then(|index| self.open.remove(index))
        {
            oldest.task.abort();
        }
        let task = tokio::spawn(connection).abort_handle();
        self.open.push_back(Open { whose, task });
    }

    /// The oldest connection of the user who has most; of several such users the one whose is oldest of all.
    fn in_the_way(&self) -> Option<usize> {
        let count = |whose: u32| self.open.iter().filter(|open| open.whose == whose).count();
        let counts = self
            .open
            .iter()
            .enumerate()
            .map(|(index, open)| (index, count(open.whose)));
        // Of equals the last is taken.
        let most = counts.rev().max_by_key(|(_, count)| *count);
        most.map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_whoever_has_most_makes_room() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut open = Connections::new(4);
            let mut serve = |whose: u32| {
                open.serve(whose, std::future::pending());
                open.open.iter().map(|open| open.whose).collect::<Vec<_>>()
            };
            for whose in [7, 0, 0] {
                serve(whose);
            }
            assert_eq!(serve(0), [7, 0, 0, 0]);
            assert_eq!(serve(0), [7, 0, 0, 0], "the seventh's is oldest, and alone");
            assert_eq!(serve(7), [7, 0, 0, 7]);
            assert_eq!(serve(8), [0, 0, 7, 8], "of as many the oldest");
        });
    }
}
