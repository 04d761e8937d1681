//! Several captures, of one host or of many, as one stream in the order of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::path::Path;

use super::ahead::Source;
use super::{Damage, OpenError, open};
use crate::event::Line;
use crate::measure::Timestamp;

/// Sources that are read ahead at most, each by a thread of its own: of more the memory for what waits would be large, and
/// few machines had a core for each.
const MAX_AHEAD: usize = 4;

/// A file's name is made up to so many seconds after its first line.
const MARGIN: f64 = 60.0;

/// The lines of all sources, the earliest first; of lines of one time, those of the first source. A capture is opened when
/// its time comes, as its name has it.
pub struct Merged {
    sources: Vec<Source>,
    next: BinaryHeap<Reverse<Next>>,
    /// Sources of which no line is in `next`, and there may be one.
    empty: Vec<usize>,
    /// Those that begin later, the first of them at the end.
    later: Vec<(Timestamp, usize)>,
    weight: usize,
}

/// The next line of a source.
struct Next {
    ts: Timestamp,
    place: usize,
    line: Box<Line>,
    weight: usize,
}

impl Merged {
    /// Opens captures, plain files and folders of them; `-` is standard input.
    ///
    /// # Errors
    /// The first that is not there or may not be read.
    pub fn open<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, OpenError> {
        let mut sources = Vec::new();
        // What is named twice, or lies in a folder that is named too, is read once.
        let mut named = HashSet::new();
        for path in paths {
            for mut lines in open(path.as_ref())? {
                let files = lines.rest.len();
                lines
                    .rest
                    .retain(|file| file.canonicalize().map_or(true, |file| named.insert(file)));
                if files == 0 || !lines.rest.is_empty() {
                    sources.push(lines);
                }
            }
        }
        let (mut empty, mut later) = (Vec::new(), Vec::new());
        for (place, lines) in sources.iter().enumerate() {
            match lines.begins() {
                Some(begins) => later.push((begins, place)),
                None => empty.push(place),
            }
        }
        later.sort_by(|a, b| b.cmp(a));
        empty.reverse();
        let read = if sources.len() <= MAX_AHEAD {
            Source::ahead
        } else {
            |lines| Source::Here(Box::new(lines))
        };
        Ok(Self {
            sources: sources.into_iter().map(read).collect(),
            next: BinaryHeap::new(),
            empty,
            later,
            weight: 0,
        })
    }

    /// Whether the next line can be had without waiting for a file.
    #[must_use]
    pub fn is_at_hand(&self) -> bool {
        let is_at_hand = |place: &usize| self.sources.get(*place).is_none_or(Source::is_at_hand);
        self.empty.iter().all(is_at_hand) && self.is_later().is_none()
    }

    /// The length in bytes of the last line.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// A source whose time has come.
    fn is_later(&self) -> Option<usize> {
        let (begins, place) = self.later.last()?;
        let first = self.next.peek().map(|Reverse(next)| next.ts);
        let has_come = first.is_none_or(|first| begins.seconds_since(first) <= MARGIN);
        has_come.then_some(*place)
    }

    /// Puts the next line of a source where it belongs, if there is one.
    fn advance(&mut self, place: usize) -> Result<(), Damage> {
        let source = self.sources.get_mut(place);
        if let Some((source, line)) = source.and_then(|source| source.next().map(|line| (source, line))) {
            let (weight, line) = (source.weight(), line?);
            let ts = line.ts;
            self.next.push(Reverse(Next {
                ts,
                place,
                line,
                weight,
            }));
        }
        Ok(())
    }
}

impl Iterator for Merged {
    type Item = Result<Box<Line>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while let Some(place) = self.empty.last().copied() {
                if let Err(damage) = self.advance(place) {
                    return Some(Err(damage));
                }
                self.empty.pop();
            }
            let Some(place) = self.is_later() else { break };
            self.later.pop();
            self.empty.push(place);
        }
        let Reverse(Next {
            place, line, weight, ..
        }) = self.next.pop()?;
        self.weight = weight;
        self.empty.push(place);
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
