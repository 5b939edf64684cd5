//! The response cache: one response for many calls, and one fetch for a whole fleet.
//!
//! `pipeline/cached.rs` passes a request, the policy that says how long and for whom its response is kept, and a
//! closure that fetches the response. `response_cache` looks the response up in the store; on a miss `fill` fetches it,
//! once for all callers that wait for it. `entries` reads and writes the store; `key` makes the store key, and `entry`
//! defines the stored bytes. `policy` has the public declaration.

mod entries;
mod entry;
mod fetch;
mod fill;
mod key;
mod policy;
mod response_cache;

pub(crate) use fetch::{Fetch, FetchError};
pub use policy::Cache;
pub(crate) use policy::CachePolicy;
pub(crate) use response_cache::{CachedResponse, ResponseCache};
