//! Whoever connects, within a bound: the oldest connection makes room for the next, so that nobody who says nothing keeps others
//! waiting.

use std::collections::VecDeque;

use tokio::task::AbortHandle;

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Connections {
    open: VecDeque<AbortHandle>,
    most: usize,
}

impl Connections {
    /// So many at one time, at most.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            open: VecDeque::new(),
            most,
        }
    }

    /// Serves another one, in a task of its own.
    pub(crate) fn serve(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.open.retain(|connection| !connection.is_finished());
        if self.open.len() >= self.most
            && let Some(oldest) = self.open.pop_front()
        {
            oldest.abort();
        }
        self.open.push_back(tokio::spawn(connection).abort_handle());
    }
}
