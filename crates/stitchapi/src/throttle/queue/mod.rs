//! FIFO queue of waiters, fair between flows. Pure: no clock, no I/O.

mod fair_queue;
mod line;

pub(super) use fair_queue::{Queue, Ticket, Waiter};
