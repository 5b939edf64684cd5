//! [`Slots`]: start times that a process has booked and not used yet. The planner adds the bookings of each
//! reservation, and the allocator gives due slots to waiters.

use std::collections::VecDeque;

use stitchapi_core::pace::{Booking, Reservation, ReserveRequest};
use stitchapi_core::{StoreTime, Tick};

use crate::throttle::units::{UnitTotals, Units};

/// A booked start: a number of units per limit, at a time. It is given to a waiter when it is due, and not before.
#[derive(Debug, Clone)]
pub(in crate::throttle) struct Slot {
    pub(super) origin: SlotOrigin,
    pub(super) units: Units,
    /// Whether the units are those of one call.
    pub(super) is_one_call: bool,
    /// Earliest use, on the clock of this process.
    pub(super) due: Tick,
}

impl Slot {
    /// Returns `true` if the slot has at least `units` on each limit.
    pub(super) fn covers(&self, units: &[u32]) -> bool {
        units.iter().zip(&*self.units).all(|(needed, booked)| needed <= booked)
    }
}

/// What determined the time of a slot.
#[derive(Debug, Clone, Copy)]
pub(super) enum SlotOrigin {
    /// A cell in the store: the start on the store's clock, and the stamp by which a void booking is recognised.
    Cell(StoreTime, BookingStamp),
    /// The budget of this process.
    InProcess,
    /// Nothing: the store is unavailable and the policy is [`OutagePolicy::Open`](crate::OutagePolicy::Open).
    Unpaced,
}

/// State of the cell and of its view at a booking. The booking is void once either number differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BookingStamp {
    /// Epoch of the cell.
    pub(super) epoch: u64,
    /// Number of times that all bookings became void without a new epoch of the cell.
    pub(super) void_count: u64,
}

/// Slots, ordered by the time at which they are due.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: VecDeque<Slot>,
    totals: UnitTotals,
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns the sum of the units of all slots.
    pub(super) fn totals(&self) -> &UnitTotals {
        &self.totals
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Slot> {
        self.slots.get(index)
    }

    pub(super) fn last(&self) -> Option<&Slot> {
        self.slots.back()
    }

    /// Adds a slot. Slots that are due at the same time keep the order in which they were added.
    pub(super) fn insert(&mut self, slot: Slot) {
        self.totals.add(&slot.units, slot.is_one_call);
        let index = self.slots.partition_point(|other| other.due <= slot.due);
        self.slots.insert(index, slot);
    }

    pub(super) fn remove(&mut self, index: usize) -> Option<Slot> {
        let slot = self.slots.remove(index)?;
        self.totals.remove(&slot.units, slot.is_one_call);
        Some(slot)
    }

    /// Moves slots of a cell to an earlier local time, if the store's clock is known better than at their booking.
    pub(super) fn advance(&mut self, local: impl Fn(StoreTime) -> Tick) {
        for slot in &mut self.slots {
            if let SlotOrigin::Cell(start, _) = slot.origin {
                slot.due = slot.due.min(local(start));
            }
        }
    }

    /// Removes the last `unused` slots, if they are the last ones that `reservation` has booked. Returns their
    /// bookings, to be refunded.
    pub(super) fn remove_unused(
        &mut self,
        unused: usize,
        reservation: &Reservation,
        request: &ReserveRequest,
    ) -> Option<Booking> {
        let used = reservation.granted.checked_sub(unused)?;
        let first = self.slots.len().checked_sub(unused)?;
        let mut starts = reservation.starts(request).skip(used);
        let are_its_last = self.slots.iter().skip(first).all(|slot| match slot.origin {
            SlotOrigin::Cell(start, _) => starts.next() == Some(start),
            _ => false,
        });
        if !are_its_last {
            return None;
        }
        for index in (first..self.slots.len()).rev() {
            self.remove(index);
        }
        Some(reservation.tail(request, used))
    }

    /// Removes the void slots and returns their number.
    pub(super) fn remove_void(&mut self, is_void: impl Fn(&Slot) -> bool) -> usize {
        let before = self.slots.len();
        let totals = &mut self.totals;
        self.slots.retain(|slot| {
            let is_void = is_void(slot);
            if is_void {
                totals.remove(&slot.units, slot.is_one_call);
            }
            !is_void
        });
        before - self.slots.len()
    }
}
