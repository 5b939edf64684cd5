//! The response cache: one response for many calls, and one fetch for a whole fleet.
//!
//! In: a request, how long and for whom its response is kept, and a closure that fetches it. Out: the response. Called by
//! `pipeline/cached.rs`. `response_cache` looks a response up; on a miss `fill` fetches it in a single flight. `entries`
//! reads and writes the store, under a `key`, in the format of `entry`. `policy` holds the public declaration.

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
