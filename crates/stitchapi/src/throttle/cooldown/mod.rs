//! Cooldowns: the length of a hold (a pause of all starts of a bucket) if the response does not state it.
//!
//! The pipeline reads the [`RateLimitSignal`](crate::rate_limit_headers::RateLimitSignal) of a response and passes it
//! to the bucket. The planner of the bucket asks the [`BackOff`] for the length of the hold, and the bucket stores the
//! hold in its cell, for the whole fleet. `docs/cooldown.md` has the rules.

mod back_off;

pub(super) use back_off::BackOff;
