//! Pacing, exactly: GCRA over several limits in whole microseconds, without a clock and without a store.
//!
//! A bucket is one [`Cell`] in a store. [`transition::reserve`] reads a cell, repairs it, books a start for each call and says
//! what to write; a store runs it atomically on its own time. Whoever holds the reply computes every start from it with
//! the same arithmetic, so a reply has one size whatever it books.
//!
//! The *generic cell rate algorithm* is that of ITU-T I.371, as virtual scheduling: a *theoretical arrival time* (tat)
//! moves on by one spacing with every permit. A limit of `N` permits a period `W` with a burst `b` and a guard `J` has
//! the spacing `(W + J) / N`, kept as an exact fraction:
//!
//! ```text
//! T_k(x) = x (W_k + J) / N_k
//! e_min  = max(now + lead, held_until, fresh_until, not_before)
//! free_k = max(tat_k, e_min) + T_k(c_k - b_k)
//! e_i    = max(e_(i-1), e_min, max_k ceil(free_k))
//! at_k   = free_k where that was rounded up to e_i, else e_i
//! tat_k  = max(tat_k, at_k - T_k(max(0, c_k - b_k))) + T_k(c_k)
//! ```
//!
//! # Promise
//!
//! If every call starts at its slot or less than the guard after it, then in any half-open window of a declared period
//! at most `N + max(b, largest cost) - 1` units start, and over any interval of length `T` at most
//! `T N / W + max(b, largest cost)`, plus `J N / W` when `T` is shorter than the period.

mod cell;
mod gcra;
mod limit;
mod process_count;
mod repair;
mod reservation;
mod start_times;
pub mod transition;

pub use cell::{Cell, CellError, LimitState, Strictest, Tat};
pub use gcra::GcraSet;
pub use limit::{Limit, LimitError, LimitId, LimitSpec, SHORTEST_PERIOD, default_guard, limits};
pub use process_count::{COUNT_WINDOW, ProcessCount};
pub use reservation::{Booking, CellSnapshot, Costs, Rejoin, Reservation, ReserveRequest};
pub use start_times::StartTimes;
