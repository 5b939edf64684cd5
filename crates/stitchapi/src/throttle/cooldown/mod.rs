//! Cooldowns: how a throttle applies the [`RateLimitSignal`](crate::rate_limit_headers::RateLimitSignal) of a response.
//!
//! The pipeline reads the signal and passes it to a [`Bucket`](super::Bucket) (`apply.rs`), which stores a hold in its cell,
//! for the whole fleet. [`BackOff`] gives the length of a hold that the response does not state. `docs/cooldown.md` has the
//! rules.

mod apply;
mod back_off;

pub(super) use back_off::BackOff;
