#![doc = include_str!("../README.md")]

#[cfg(any(unix, windows))]
pub mod boot_timer;
pub mod cells;
mod counter;
mod error;
mod key;
pub mod lease;
mod leases;
mod memory;
pub mod pace;
mod pacer;
mod runtime;
mod split;
mod store;
mod time;
mod token;
mod transport;
mod versioned;

pub use async_trait::async_trait;
pub use cells::{CellFacets, Cells, Change};
pub use counter::Counter;
pub use error::{StoreError, StoreErrorKind};
pub use key::{Key, Prefix};
pub use lease::Lease;
pub use leases::Leases;
pub use memory::MemoryStore;
pub use pacer::Pacer;
pub use runtime::{BoxFuture, Runtime};
pub use split::SplitStore;
pub use store::{StitchStore, StoreLimits, check_limit, check_ttl};
pub use time::{StoreTime, Tick, micros_up};
pub use token::{Owner, Version};
pub use transport::{Body, Chunks, Collected, Transport, TransportError, TransportErrorKind};
pub use versioned::Versioned;
