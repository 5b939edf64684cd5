//! Pacing as pure functions: GCRA over several limits, in whole microseconds, without a clock and without a store.
//!
//! A bucket is the budget that all calls of one throttle share. Its state is one [`Cell`] in a store.
//! [`transition::reserve`] takes the stored cell, the store's time and a [`ReserveRequest`]. It repairs the cell, books
//! a start for each call, and returns a [`Reservation`] and the cell to write. A store runs this function atomically.
//! From the reservation the caller computes every start time with the same arithmetic ([`StartTimes`]), so that the
//! size of a reply does not depend on the number of calls. `docs/pacing.md` explains each rule.
//!
//! The *generic cell rate algorithm* (GCRA) is defined in ITU-T I.371. Its form here is virtual scheduling: a
//! *theoretical arrival time* (tat) advances by one spacing with every permit. A limit of `N` permits per period `W`,
//! with a burst `b` and a maximum lateness `J`, has the spacing `(W + J) / N`, which is kept as an exact fraction:
//!
//! ```text
//! T_k(x)  = x (W_k + J) / N_k                                    time of x units on limit k
//! e_min   = max(now + lead, held_until, opens_at, not_before) earliest start of the request
//! ready_k = max(tat_k, e_min) + T_k(c_k - b_k)                   exact time at which limit k admits cost c_k
//! e_i     = max(e_(i-1), e_min, max_k ceil(ready_k))             start of call i
//! from_k  = ready_k if it was rounded up to e_i, else e_i
//! tat_k   = max(tat_k, from_k - T_k(max(0, c_k - b_k))) + T_k(c_k)
//! ```
//!
//! # Promise
//!
//! If every call starts at its booked time, or late by less than the maximum lateness, then at most this number of
//! units starts:
//!
//! * in any half-open window of a declared period: `N + max(b, largest cost) - 1`,
//! * in any interval of length `T`: `T N / W + max(b, largest cost)`, plus `J N / W` if `T` is shorter than the period.

mod cell;
mod gcra;
mod gcra_set;
mod limit;
mod process_count;
mod rejoin;
mod repair;
mod request;
mod reservation;
mod start_times;
mod strictest;
mod tat;
pub mod transition;

pub use cell::{Cell, CellError, LimitState};
pub use gcra_set::GcraSet;
pub use limit::{Limit, LimitError, LimitId, LimitSpec, SHORTEST_PERIOD, default_max_lateness, limits};
pub use process_count::{COUNT_WINDOW, ProcessCount};
pub use request::{CellSnapshot, Costs, Rejoin, ReserveRequest};
pub use reservation::{Booking, Reservation};
pub use start_times::StartTimes;
pub use strictest::Strictest;
pub use tat::Tat;
