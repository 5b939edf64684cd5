//! The stages of an attempt: `circuit`, `credential`, `throttle`, `send` and `intake`, which `pipeline/attempt.rs`
//! calls in this order. `redirect`, `reauthenticate` and `retry` run between two attempts; `pipeline/exchange.rs` calls
//! them.

pub(super) mod circuit;
pub(super) mod credential;
pub(super) mod intake;
pub(super) mod reauthenticate;
pub(super) mod redirect;
pub(super) mod retry;
pub(super) mod send;
pub(super) mod throttle;
