//! The store of a seam, as the rest of the library uses it.
//!
//! [`Client`] carries every operation of every facet: bounded in time, each failure an event. Callers above never hold a
//! `StitchStore` themselves. `fit_key` shortens keys that the store would refuse.

mod bounded;
mod client;
mod fit_key;

pub(crate) use bounded::watch;
pub(crate) use client::Client;
pub(crate) use fit_key::fit_key;
