//! The slots that a process holds and has not used yet.

use std::collections::VecDeque;

use stitchapi_core::{StoreTime, Tick};

use crate::throttle::queue::Waiter;
use crate::throttle::units::Total;
use crate::throttle::units::Units;

/// A booked start: units per limit at a time, and nobody's until that time.
#[derive(Debug, Clone)]
pub(in crate::throttle) struct Slot {
    pub(in crate::throttle) at: At,
    pub(in crate::throttle) units: Units,
    /// Whether that is one plain call.
    pub(in crate::throttle) is_plain: bool,
    /// When it may be used, on this process' clock.
    pub(in crate::throttle) due: Tick,
}

impl Slot {
    /// Whether it has the units that one who waits needs.
    pub(in crate::throttle) fn covers(&self, waiter: &Waiter) -> bool {
        waiter.units.iter().zip(&*self.units).all(|(wants, has)| wants <= has)
    }
}

/// By whose clock.
#[derive(Debug, Clone, Copy)]
pub(in crate::throttle) enum At {
    /// The store's, in a cell of this stamp.
    Store(StoreTime, Stamp),
    /// This process' own: paced alone.
    Alone,
    /// Nobody's: the store is away, and the policy is to go on without it.
    Unpaced,
}

/// What a booking depends on: the cell that it was made in, and how often bookings had become void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::throttle) struct Stamp {
    pub(in crate::throttle) epoch: u64,
    pub(in crate::throttle) voided: u64,
}

/// Slots in the order of their times.
#[derive(Debug, Default)]
pub(in crate::throttle) struct Slots {
    slots: VecDeque<Slot>,
    total: Total,
}

impl Slots {
    pub(in crate::throttle) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What they are good for together.
    pub(in crate::throttle) fn total(&self) -> &Total {
        &self.total
    }

    pub(in crate::throttle) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    pub(in crate::throttle) fn get(&self, index: usize) -> Option<&Slot> {
        self.slots.get(index)
    }

    pub(in crate::throttle) fn last(&self) -> Option<&Slot> {
        self.slots.back()
    }

    pub(in crate::throttle) fn put(&mut self, slot: Slot) {
        self.total.add(&slot.units, slot.is_plain);
        let index = self.slots.partition_point(|other| other.due <= slot.due);
        self.slots.insert(index, slot);
    }

    pub(in crate::throttle) fn remove(&mut self, index: usize) -> Option<Slot> {
        let slot = self.slots.remove(index)?;
        self.total.remove(&slot.units, slot.is_plain);
        Some(slot)
    }

    /// A better bound on the store's clock makes slots due earlier, nearer to their true time.
    pub(in crate::throttle) fn refresh(&mut self, local: impl Fn(StoreTime) -> Tick) {
        for slot in &mut self.slots {
            if let At::Store(start, _) = slot.at {
                slot.due = slot.due.min(local(start));
            }
        }
    }

    /// Gives up what is void; how many those were.
    pub(in crate::throttle) fn drop_void(&mut self, is_void: impl Fn(&Slot) -> bool) -> usize {
        let before = self.slots.len();
        let total = &mut self.total;
        self.slots.retain(|slot| {
            let is_void = is_void(slot);
            if is_void {
                total.remove(&slot.units, slot.is_plain);
            }
            !is_void
        });
        before - self.slots.len()
    }
}
