//! The store of a seam, as the rest of the library uses it: bounded operations, keys that fit, failures as events.

mod bounded;
mod client;
mod fitted_key;

pub(crate) use bounded::watch;
pub(crate) use client::SharedStore;
pub(crate) use fitted_key::fitted;
