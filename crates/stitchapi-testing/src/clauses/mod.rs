//! The checks of all clauses, by facet.
//!
//! Each check is an `async fn` that takes a [`Fixture`](crate::harness::Fixture), uses the store through its public
//! operations, and returns what it observed if the store breaks the rule. `contract/table.rs` gives each check its
//! identifier and its sentence.

pub(crate) mod counter;
pub(crate) mod keys;
pub(crate) mod leases;
pub(crate) mod pacer;
pub(crate) mod plain;
pub(crate) mod shared;
pub(crate) mod versioned;
