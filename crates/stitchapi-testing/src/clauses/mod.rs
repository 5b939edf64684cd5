//! The clauses, by subject: each works on a [`Scene`](crate::contract::Scene) and says what it saw.

pub(crate) mod booking;
pub(crate) mod comeback;
pub(crate) mod counter;
pub(crate) mod expiry;
pub(crate) mod foreign;
pub(crate) mod give_back;
pub(crate) mod hold;
pub(crate) mod keys;
pub(crate) mod lease_ttl;
pub(crate) mod leases;
mod lending;
pub(crate) mod loss;
mod pacing;
pub(crate) mod plain;
pub(crate) mod processes;
pub(crate) mod queue;
pub(crate) mod vectors;
pub(crate) mod versioned;
pub(crate) mod versioned_ttl;
