//! Versioned values.

pub(crate) mod sizes;
pub(crate) mod ttl;
pub(crate) mod values;
