//! Pacing on a store that can only count.
//!
//! Time is divided into windows, and each window into tickets: one for each start that the rate permits in the window.
//! The process whose increment of a window's counter returns `n` owns the window's `n`th ticket, and may start a call
//! at the time of that ticket, by its own wall clock. If `n` is beyond the last ticket, the process increments the
//! counter of a later window.
//!
//! [`CountingPacer`] takes the place of a pacer. It books one call per reserve, on the process' own clock. The queue,
//! the lateness test and the outage policies are those of every other throttle. `docs/promises.md` states the weaker
//! promise.

mod pacer;
mod ticket_pool;
mod validate;
mod windows;

pub(super) use pacer::{CountingPacer, TIMEOUT_FACTOR};
pub(super) use validate::validate;
pub(super) use windows::USUAL_WINDOW_TICKETS;
