//! Counters.

pub(crate) mod counting;
pub(crate) mod ttl;
