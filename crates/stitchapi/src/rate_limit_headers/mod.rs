//! Readers of the response headers that state when the API accepts requests again.
//!
//! Pure functions of a status, headers and a wall clock. [`read`] returns the [`RateLimitSignal`] of a response, which the
//! throttle applies; [`retry_after`] alone is read by the retry policy, the error and the token endpoint. Each dialect is a
//! file that reads one [`Quota`](quota::Quota); the table of dialects is in `signal.rs`. `docs/cooldown.md` lists them.

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
