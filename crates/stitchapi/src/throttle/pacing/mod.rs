//! Pure planner of starts: which waiter may start now, and what to request from the store. No I/O, no locks.
//!
//! A *slot* is the start time of one call. The *cell* is the state of a bucket in the store, in which processes book
//! slots. [`Planner`] is the entry. Without a store, `in_process_pacer` paces the calls. With a store, `cell_source`
//! decides which requests to send, and `cell_view` remembers the cell.

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
