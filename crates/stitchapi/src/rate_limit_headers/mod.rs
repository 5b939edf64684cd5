//! Readers of the response headers that state when the API accepts requests again.
//!
//! Pure functions of a status, headers and a wall clock. [`read`] returns the [`RateLimitSignal`] of a response, which
//! the throttle applies; Retries, errors and logins use only [`retry_after`]. Each dialect (the header fields of one
//! API or standard) has a file; the table of dialects is in `signal.rs`. `docs/cooldown.md` lists them.

mod discord;
mod github;
mod ietf;
mod ietf_early;
mod quota;
mod retry_after;
mod shopify;
mod signal;
mod time;
mod x_rate_limit;

pub(crate) use retry_after::retry_after;
pub(crate) use signal::{Cooldown, RateLimitSignal, read};
