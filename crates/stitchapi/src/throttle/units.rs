//! [`Units`] of one call and [`UnitTotals`] of several calls, per limit of one bucket. The queue and the planner use
//! them.

use std::sync::Arc;

/// Units that a call draws on each limit of one bucket, in the order of the limits.
pub(crate) type Units = Arc<[u32]>;

/// Number of calls and sum of their units.
#[derive(Debug, Default, Clone)]
pub(super) struct UnitTotals {
    calls: usize,
    /// Number of calls whose units differ from those of one call at the default [cost](crate::Cost).
    custom: usize,
    units: Vec<u64>,
}

impl UnitTotals {
    /// Adds a call. `is_one_call` says whether `units` are those of one call.
    pub(super) fn add(&mut self, units: &Units, is_one_call: bool) {
        self.calls += 1;
        self.custom += usize::from(!is_one_call);
        if self.units.len() < units.len() {
            self.units.resize(units.len(), 0);
        }
        for (sum, units) in self.units.iter_mut().zip(&**units) {
            *sum += u64::from(*units);
        }
    }

    /// Removes a call that was added before.
    pub(super) fn remove(&mut self, units: &Units, is_one_call: bool) {
        self.calls -= 1;
        self.custom -= usize::from(!is_one_call);
        for (sum, units) in self.units.iter_mut().zip(&**units) {
            *sum -= u64::from(*units);
        }
    }

    /// Returns the number of calls.
    pub(super) fn calls(&self) -> usize {
        self.calls
    }

    /// Returns `true` if every call has the units of one call.
    pub(super) fn is_uniform(&self) -> bool {
        self.custom == 0
    }

    /// Returns the sum of the units on the limit at `index`.
    pub(super) fn units_on(&self, index: usize) -> u64 {
        self.units.get(index).copied().unwrap_or(0)
    }
}
