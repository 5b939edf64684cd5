//! Defects of leases.

pub(crate) mod holding;
pub(crate) mod queue;
pub(crate) mod ttl;
