//! Defects of versioned values.

pub(crate) mod ttl;
pub(crate) mod values;
