//! [`SlotSource`]: what determines the slots (start times of calls) of a bucket. That is the bucket's cell, its state
//! in the store, or this process alone. The planner owns one.

use std::time::Duration;

use stitchapi_core::{StoreTime, Tick};

use super::cell_source::CellSource;
use super::in_process_pacer::InProcessPacer;
use super::slots::{Slot, SlotOrigin};

/// What determines the slots of a bucket.
#[derive(Debug)]
pub(super) enum SlotSource {
    /// This process: the seam has no store.
    InProcess(InProcessPacer),
    /// A cell of the store.
    Cell(Box<CellSource>),
}

/// Effect of a hold.
#[derive(Debug)]
pub(in crate::throttle) struct HoldEffect {
    /// Whether the hold ends later than every hold before.
    pub(super) is_longer: bool,
    /// End of the hold on the store's clock, if the hold has to be stored in the cell.
    pub(in crate::throttle) store_until: Option<StoreTime>,
}

impl SlotSource {
    /// Returns how late a start at `now` would be for its slot, if that is the maximum lateness or more.
    pub(super) fn lateness(&self, slot: &Slot, now: Tick, max_lateness: Duration) -> Option<Duration> {
        match (slot.origin, self) {
            (SlotOrigin::Cell(start, _), Self::Cell(cell)) => cell.view.lateness(start, slot.due, now, max_lateness),
            (SlotOrigin::Unpaced, _) => None,
            _ => (now >= slot.due + max_lateness).then(|| now.since(slot.due)),
        }
    }

    /// Returns `true` if the booking of a slot is void.
    pub(super) fn is_void(&self, slot: &Slot) -> bool {
        match (self, slot.origin) {
            (Self::Cell(cell), SlotOrigin::Cell(start, stamp)) => cell.view.is_void(start, stamp),
            _ => false,
        }
    }

    /// Returns `true` if the source can be discarded and created again later: no hold and no outage lasts, no request
    /// is in flight, and the budget is full.
    pub(super) fn is_idle(&self, now: Tick) -> bool {
        match self {
            Self::InProcess(pacer) => pacer.is_full(now),
            Self::Cell(cell) => cell.is_quiet() && cell.outage.is_none() && cell.view.is_expired(now),
        }
    }

    /// Lets no call start before `until`.
    pub(super) fn hold(&mut self, until: Tick, now: Tick) -> HoldEffect {
        match self {
            Self::InProcess(pacer) => HoldEffect { is_longer: pacer.hold(until), store_until: None },
            Self::Cell(cell) => {
                let is_longer = cell.outage.as_mut().is_some_and(|outage| outage.pacer.hold(until));
                let store_until = cell.view.store_time(until, now).map(|(_, latest)| latest);
                let store_until = store_until.filter(|until| cell.view.hold_until(*until));
                HoldEffect { is_longer: is_longer || store_until.is_some(), store_until }
            }
        }
    }

    /// Corrects a charge on the limit at `index`. Returns `true` if the store has to correct it, too.
    pub(super) fn settle(&mut self, index: usize, delta: i64, now: Tick) -> bool {
        let cell = match self {
            Self::InProcess(pacer) => {
                pacer.settle(index, delta, now);
                return false;
            }
            Self::Cell(cell) => cell,
        };
        match &mut cell.outage {
            // A charge made during an outage is corrected in this process only. In the store, the correction would look as if
            // a process used the cell.
            Some(outage) => outage.pacer.settle(index, delta, now),
            None => cell.view.settle(index, delta, now),
        }
        cell.outage.is_none()
    }

    /// Returns the remaining length of the hold.
    pub(super) fn held_for(&self, now: Tick) -> Duration {
        match self {
            Self::InProcess(pacer) => pacer.held_until().since(now),
            Self::Cell(cell) => cell.view.held_for(now),
        }
    }

    /// Returns the time until each limit has its whole burst again, if that is known.
    pub(super) fn full_in(&self, now: Tick) -> Option<Vec<Duration>> {
        let pacer = match self {
            Self::InProcess(pacer) => pacer,
            Self::Cell(cell) => match &cell.outage {
                Some(outage) => &outage.pacer,
                None => return cell.view.full_in(now),
            },
        };
        Some(pacer.full_at().map(|at| at.since(now)).collect())
    }
}
