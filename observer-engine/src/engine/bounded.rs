//! A map that holds so many paths and no more: the one not asked for longest makes room.

use lru::LruCache;

#[derive(Debug)]
pub(super) struct Bounded<T> {
    entries: LruCache<String, T>,
    most: usize,
}

impl<T: Default> Bounded<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            // Its own bound would be allocated at once, for the host with ten units as well.
            entries: LruCache::unbounded(),
            most: most.max(1),
        }
    }

    /// The entry of a path, made where there is none, and what made room for it.
    pub(super) fn entry(&mut self, path: &str) -> (&mut T, Option<T>) {
        let gone = if self.entries.len() >= self.most && !self.entries.contains(path) {
            self.entries.pop_lru().map(|(_, gone)| gone)
        } else {
            None
        };
        (self.entries.get_or_insert_mut_ref(path, T::default), gone)
    }

    /// The entry of a path, where there is one.
    pub(super) fn get_mut(&mut self, path: &str) -> Option<&mut T> {
        self.entries.get_mut(path)
    }

    /// Without counting as asked for.
    pub(super) fn get(&self, path: &str) -> Option<&T> {
        self.entries.peek(path)
    }

    /// All of them, with their paths.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
