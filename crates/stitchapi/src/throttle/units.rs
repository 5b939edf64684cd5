//! What several calls cost together.

use std::sync::Arc;

/// Units per limit of one bucket, in their order.
pub(crate) type Units = Arc<[u32]>;

/// Calls, counted and summed up.
#[derive(Debug, Default, Clone)]
pub(super) struct Total {
    calls: usize,
    /// How many of them cost more or less than a plain call.
    odd: usize,
    units: Vec<u64>,
}

impl Total {
    /// `is_plain` where that is one plain call.
    pub(super) fn add(&mut self, units: &Units, is_plain: bool) {
        self.calls += 1;
        self.odd += usize::from(!is_plain);
        if self.units.len() < units.len() {
            self.units.resize(units.len(), 0);
        }
        for (sum, units) in self.units.iter_mut().zip(&**units) {
            *sum += u64::from(*units);
        }
    }

    /// Takes back one that was added.
    pub(super) fn remove(&mut self, units: &Units, is_plain: bool) {
        self.calls -= 1;
        self.odd -= usize::from(!is_plain);
        for (sum, units) in self.units.iter_mut().zip(&**units) {
            *sum -= u64::from(*units);
        }
    }

    /// How many calls.
    pub(super) fn calls(&self) -> usize {
        self.calls
    }

    /// Whether each of them is one plain call.
    pub(super) fn is_plain(&self) -> bool {
        self.odd == 0
    }

    /// What they draw on the limit at `index`.
    pub(super) fn on(&self, index: usize) -> u64 {
        self.units.get(index).copied().unwrap_or(0)
    }
}
