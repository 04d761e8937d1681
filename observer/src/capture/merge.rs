//! Several captures, of one host or of many, as one stream in the order of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::path::Path;

use super::ahead::Source;
use super::{Damage, OpenError, open};
use crate::event::Line;
use crate::measure::Timestamp;

/// Sources that are read ahead at most, each by a thread of its own: of more the memory for what waits would be large, and
/// few machines had a core for each.
const MAX_AHEAD: usize = 4;

/// The lines of all sources, the earliest first; of lines of one time, those of the first source.
pub struct Merged {
    sources: Vec<Source>,
    next: BinaryHeap<Reverse<Next>>,
    damages: VecDeque<Damage>,
}

/// The next line of a source.
struct Next {
    ts: Timestamp,
    place: usize,
    line: Box<Line>,
}

impl Merged {
    /// Opens captures, plain files and folders of them; `-` is standard input.
    ///
    /// # Errors
    /// The first that is not there or may not be read.
    pub fn open<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, OpenError> {
        let mut sources = Vec::new();
        for path in paths {
            sources.extend(open(path.as_ref())?);
        }
        let read = if sources.len() <= MAX_AHEAD {
            Source::ahead
        } else {
            |lines| Source::Here(Box::new(lines))
        };
        let mut merged = Self {
            sources: sources.into_iter().map(read).collect(),
            next: BinaryHeap::new(),
            damages: VecDeque::new(),
        };
        for place in 0..merged.sources.len() {
            merged.advance(place);
        }
        Ok(merged)
    }

    /// Whether the next line can be had without waiting for a file.
    #[must_use]
    pub fn is_at_hand(&self) -> bool {
        let source = self.next.peek().and_then(|Reverse(next)| self.sources.get(next.place));
        !self.damages.is_empty() || source.is_none_or(Source::is_at_hand)
    }

    /// Puts the next line of a source where it belongs.
    fn advance(&mut self, place: usize) {
        let Some(source) = self.sources.get_mut(place) else {
            return;
        };
        for line in source {
            match line {
                Ok(line) => {
                    let ts = line.ts;
                    self.next.push(Reverse(Next { ts, place, line }));
                    return;
                }
                Err(damage) => self.damages.push_back(damage),
            }
        }
    }
}

impl Iterator for Merged {
    type Item = Result<Box<Line>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(damage) = self.damages.pop_front() {
            return Some(Err(damage));
        }
        let Reverse(Next { place, line, .. }) = self.next.pop()?;
        self.advance(place);
        Some(Ok(line))
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        (self.ts, self.place) == (other.ts, other.place)
    }
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.ts, self.place).cmp(&(other.ts, other.place))
    }
}
