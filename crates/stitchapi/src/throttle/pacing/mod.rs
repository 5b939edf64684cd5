//! Pure planner of starts: which waiter may start now, and what to request from the store. No I/O, no locks.
//!
//! [`Planner`] is the entry. A seam without a store is paced by `in_process_pacer`; with one, `cell_source` decides on
//! requests, and `cell_view` remembers the cell.

mod cell_source;
mod cell_view;
mod in_process_pacer;
mod outage;
mod planner;
mod round_trips;
mod slot_allocator;
mod slot_source;
mod slots;
mod store_clock;

pub(super) use cell_source::StoreRequest;
pub(super) use outage::fleet_size;
pub(super) use planner::Planner;
pub(super) use slot_allocator::Decision;
