//! Leases: acquiring, holding, queueing.

pub(crate) mod holding;
pub(crate) mod lease_key;
pub(crate) mod queue;
pub(crate) mod ttl;
