//! Pacing as pure transitions: GCRA over several limits, in whole microseconds, without a clock and without a store.
//!
//! A bucket is one [`Cell`] in a store. [`transition::reserve`] takes the stored cell, the store's time and a
//! [`ReserveRequest`]; it repairs the cell, books a start for each call, and returns a [`Reservation`] and the cell to
//! write. A store runs it atomically. From the reservation the caller computes every start time with the same arithmetic
//! ([`StartTimes`]), so a reply has one size for any number of calls. `docs/pacing.md` explains each rule.
//!
//! The *generic cell rate algorithm* (GCRA) is that of ITU-T I.371, in its form of virtual scheduling: a *theoretical
//! arrival time* (tat) advances by one spacing with every permit. A limit of `N` permits a period `W`, with a burst `b`
//! and a maximum lateness `J`, has the spacing `(W + J) / N`, kept as an exact fraction:
//!
//! ```text
//! T_k(x)  = x (W_k + J) / N_k                                    time of x units on limit k
//! e_min   = max(now + lead, held_until, opens_at, not_before) earliest start of the request
//! ready_k = max(tat_k, e_min) + T_k(c_k - b_k)                   exact time at which limit k admits cost c_k
//! e_i     = max(e_(i-1), e_min, max_k ceil(ready_k))             start of call i
//! from_k  = ready_k where that was rounded up to e_i, else e_i
//! tat_k   = max(tat_k, from_k - T_k(max(0, c_k - b_k))) + T_k(c_k)
//! ```
//!
//! # Promise
//!
//! If every call starts at its slot or less than the maximum lateness after it, then in any half-open window of a
//! declared period at most `N + max(b, largest cost) - 1` units start, and over any interval of length `T` at most `T N
//! / W + max(b, largest cost)`, plus `J N / W` when `T` is shorter than the period.

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
