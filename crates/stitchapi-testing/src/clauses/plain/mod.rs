//! Plain values: `get`, `set` and `delete`.

pub(crate) mod sizes;
pub(crate) mod ttl;
pub(crate) mod values;
