//! Pure planner of starts: who of the waiters may start now, and what to ask the store next. No I/O, no waiting.

mod cell_source;
mod cell_view;
mod in_process;
mod intake;
mod outage;
mod planner;
mod round_trips;
mod slots;
mod store_clock;

pub(super) use cell_source::Request;
pub(super) use in_process::Pacing;
pub(super) use outage::{PROBE_EVERY, fleet_size};
pub(super) use planner::{Source, State, Verdict, Work, lateness};
pub(super) use slots::At;
