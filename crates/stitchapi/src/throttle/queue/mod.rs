//! FIFO queue of the waiters of one process, fair between flows. Pure: no clock, no I/O. The rate limit and the concurrency
//! limit have one each.

mod fair_queue;
mod line;

pub(super) use fair_queue::{DecidedWaiter, FairQueue, Waiter, WaiterId};
