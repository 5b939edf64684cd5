//! Cooldowns: the length of a hold whose length the response does not state.
//!
//! The pipeline reads the [`RateLimitSignal`](crate::rate_limit_headers::RateLimitSignal) of a response and passes it to the
//! bucket; its planner stores a hold in the cell, for the whole fleet, and asks the [`BackOff`] for its length.
//! `docs/cooldown.md` has the rules.

mod back_off;

pub(super) use back_off::BackOff;
