//! A line of callers, in the order in which they joined the queue.

use slab::Slab;

use super::fair_queue::Entry;

/// A list that is linked through the slab in which everybody is: to join at its end and to leave it anywhere takes the same
/// time however long it is.
#[derive(Debug, Default)]
pub(super) struct Line {
    first: Option<usize>,
    last: Option<usize>,
}

/// Who stands before and behind one in a line.
#[derive(Debug, Default)]
pub(super) struct Links {
    before: Option<usize>,
    behind: Option<usize>,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Everybody in it, in order.
    pub(super) fn iter<'q, V>(
        &self,
        all: &'q Slab<Entry<V>>,
    ) -> impl Iterator<Item = (usize, &'q Entry<V>)> + use<'q, V> {
        std::iter::successors(self.first, |index| all[*index].links.behind).map(|index| (index, &all[index]))
    }

    /// Takes its place, which is the last one unless it has been in the line before.
    pub(super) fn put<V>(&mut self, all: &mut Slab<Entry<V>>, index: usize) {
        let number = all[index].number;
        let is_last = self.last.is_none_or(|last| all[last].number < number);
        let behind = if is_last { None } else { self.iter(all).find(|(_, other)| other.number > number) };
        let behind = behind.map(|(other, _)| other);
        let before = behind.map_or(self.last, |behind| all[behind].links.before);
        all[index].links = Links { before, behind };
        *self.behind(all, before) = Some(index);
        *self.before(all, behind) = Some(index);
    }

    pub(super) fn remove<V>(&mut self, all: &mut Slab<Entry<V>>, index: usize) {
        let Links { before, behind } = std::mem::take(&mut all[index].links);
        *self.behind(all, before) = behind;
        *self.before(all, behind) = before;
    }

    /// The link from `index` to the one behind it; nobody stands before the first one.
    fn behind<'q, V>(&'q mut self, all: &'q mut Slab<Entry<V>>, index: Option<usize>) -> &'q mut Option<usize> {
        index.map_or(&mut self.first, |index| &mut all[index].links.behind)
    }

    /// The link from `index` to the one before it; nobody stands behind the last one.
    fn before<'q, V>(&'q mut self, all: &'q mut Slab<Entry<V>>, index: Option<usize>) -> &'q mut Option<usize> {
        index.map_or(&mut self.last, |index| &mut all[index].links.before)
    }
}
