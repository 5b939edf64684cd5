//! One answer for many calls, and one fetch for a whole fleet.

mod entry;
mod fill;
mod policy;
mod room;

pub(crate) use fill::through;
pub(crate) use policy::Audience;
pub use policy::Cache;
pub(crate) use policy::Policy;
pub(crate) use room::CacheRoom;
