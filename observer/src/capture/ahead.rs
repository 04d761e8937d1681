//! Reading ahead of who takes the lines, on a thread of its own.
//!
//! In: a source of lines. Out: the same lines and damages in the same order, a batch at a time. What has been read goes
//! out before the source is waited for, and no more than a few batches are ever held.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::vec;

use super::{Damage, Lines};
use crate::event::Line;

type Item = Result<Box<Line>, Damage>;

/// With the line's length in bytes.
type Weighed = (Item, usize);

/// Lines of a batch at most, and their bytes: what a wake-up costs is nothing beside it.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 256 << 10;

/// Batches that wait at most.
const WAITING: usize = 2;

/// A source that is read where its lines are taken, or ahead of that.
pub(super) enum Source {
    Here(Box<Lines>),
    Ahead(Ahead),
}

/// A source that another thread reads.
pub(super) struct Ahead {
    batch: vec::IntoIter<Weighed>,
    batches: Receiver<Vec<Weighed>>,
    /// Of the last line.
    weight: usize,
    reader: Option<JoinHandle<()>>,
}

impl Source {
    /// Reads ahead; where there is no thread to be had, it does not.
    pub(super) fn ahead(lines: Lines) -> Self {
        let (hand_over, take_over) = channel::<Lines>();
        let (sender, batches) = sync_channel(WAITING);
        let read = move || {
            let Ok(mut lines) = take_over.recv() else { return };
            let (mut batch, mut bytes) = (Vec::with_capacity(BATCH), 0);
            while let Some(item) = lines.next() {
                batch.push((item, lines.weight));
                bytes += lines.weight;
                if batch.len() >= BATCH || bytes >= BATCH_BYTES || !lines.is_at_hand() {
                    bytes = 0;
                    let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                    if sender.send(full).is_err() {
                        return;
                    }
                }
            }
            // What came before blank lines at the end.
            let _ = sender.send(batch);
        };
        let Ok(reader) = Builder::new().name("read".to_owned()).spawn(read) else {
            return Self::Here(Box::new(lines));
        };
        match hand_over.send(lines) {
            Ok(()) => Self::Ahead(Ahead {
                batch: Vec::new().into_iter(),
                batches,
                weight: 0,
                reader: Some(reader),
            }),
            Err(error) => Self::Here(Box::new(error.0)),
        }
    }

    /// The length in bytes of the last line.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Here(lines) => lines.weight,
            Self::Ahead(ahead) => ahead.weight,
        }
    }

    /// Whether the next line can be had without waiting.
    pub(super) fn is_at_hand(&self) -> bool {
        match self {
            Self::Here(lines) => lines.is_at_hand(),
            Self::Ahead(ahead) => !ahead.batch.as_slice().is_empty(),
        }
    }
}

impl Iterator for Source {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        match self {
            Self::Here(lines) => lines.next(),
            Self::Ahead(ahead) => ahead.next(),
        }
    }
}

impl Iterator for Ahead {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some((item, weight)) = self.batch.next() {
                self.weight = weight;
                return Some(item);
            }
            match self.batches.recv() {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(_) => {
                    // All there was, or the thread failed: that is not to pass for the end.
                    if let Some(Err(panic)) = self.reader.take().map(JoinHandle::join) {
                        resume_unwind(panic);
                    }
                    return None;
                }
            }
        }
    }
}
