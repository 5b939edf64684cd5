//! [`Line`]: linked list through a slab, ordered by number. [`FairQueue`](super::fair_queue::FairQueue) has one per flow.

use slab::Slab;

/// List of the nodes of one slab, ascending by number. Appending and removing take constant time, whatever the length.
#[derive(Debug, Default)]
pub(super) struct Line {
    first: Option<usize>,
    last: Option<usize>,
}

/// Value in a slab that can be linked into one line at a time.
#[derive(Debug)]
pub(super) struct Node<T> {
    pub(super) number: u64,
    pub(super) value: T,
    previous: Option<usize>,
    next: Option<usize>,
}

impl<T> Node<T> {
    pub(super) fn new(number: u64, value: T) -> Self {
        Self { number, value, previous: None, next: None }
    }
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Returns the nodes with their slab indexes, in order.
    pub(super) fn iter<'s, T>(&self, slab: &'s Slab<Node<T>>) -> impl Iterator<Item = (usize, &'s T)> + use<'s, T> {
        std::iter::successors(self.first, |index| slab[*index].next).map(|index| (index, &slab[index].value))
    }

    /// Links a node at its number: at the end, unless it has been in the line before.
    pub(super) fn insert<T>(&mut self, slab: &mut Slab<Node<T>>, index: usize) {
        let number = slab[index].number;
        let is_last = self.last.is_none_or(|last| slab[last].number < number);
        let next = if is_last {
            None
        } else {
            self.iter(slab).map(|(other, _)| other).find(|other| slab[*other].number > number)
        };
        let previous = next.map_or(self.last, |next| slab[next].previous);
        (slab[index].previous, slab[index].next) = (previous, next);
        *self.link_after(slab, previous) = Some(index);
        *self.link_before(slab, next) = Some(index);
    }

    /// Unlinks a node.
    pub(super) fn remove<T>(&mut self, slab: &mut Slab<Node<T>>, index: usize) {
        let (previous, next) = (slab[index].previous.take(), slab[index].next.take());
        *self.link_after(slab, previous) = next;
        *self.link_before(slab, next) = previous;
    }

    /// Returns the link from `index` to its next node; from the start of the line for `None`.
    fn link_after<'s, T>(&'s mut self, slab: &'s mut Slab<Node<T>>, index: Option<usize>) -> &'s mut Option<usize> {
        index.map_or(&mut self.first, |index| &mut slab[index].next)
    }

    /// Returns the link from `index` to its previous node; from the end of the line for `None`.
    fn link_before<'s, T>(&'s mut self, slab: &'s mut Slab<Node<T>>, index: Option<usize>) -> &'s mut Option<usize> {
        index.map_or(&mut self.last, |index| &mut slab[index].previous)
    }
}
