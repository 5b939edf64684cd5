//! What a clause works with.
//!
//! In: the driver's clients and [`ContractOptions`]. Out: a [`Fixture`] of two clients, unused keys and helpers, and a
//! [`ClauseResult`]. The clauses import this folder; `contract` runs them and writes the report.

mod client;
mod expiry;
mod fixture;
mod not_passed;
mod options;

pub(crate) use client::Client;
pub(crate) use expiry::{Expiry, Lifetime};
pub(crate) use fixture::Fixture;
pub(crate) use not_passed::{ClauseResult, NotPassed, ensure, expect_error};
pub use options::ContractOptions;
