//! Windowed tickets: a budget on a store that can count and nothing else.
//!
//! Time is cut into windows, and a window into as many tickets as the rate has starts in it. Whoever adds one to the
//! counter of a window has drawn the ticket of the number that comes back, and may start at the time of that ticket, by its
//! own wall clock. A number above the last one is no ticket: the next window is asked.
//!
//! [`Tickets`] is a [`Pacer`](stitchapi_core::Pacer) of one bucket that books one call a request, on the process' own
//! clock. Whatever else a throttle does is done for it as for every other one: the queue, late binding, lateness, the
//! policies for an outage.

mod drawn;
mod judge;
mod tickets;
mod windows;

pub(super) use judge::{judge, tune};
pub(super) use tickets::Tickets;
