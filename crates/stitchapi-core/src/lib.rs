#![doc = include_str!("../README.md")]

mod body;
#[cfg(any(unix, windows))]
pub mod boot_timer;
mod cells;
mod checks;
mod counter;
mod error;
mod identifier;
mod key;
pub mod lease;
mod leases;
mod memory;
pub mod pace;
mod pacer;
mod runtime;
mod split;
mod store;
mod store_limits;
mod time;
mod transition;
mod transport;
mod transport_error;
mod versioned;
mod words;

pub use async_trait::async_trait;
pub use body::{Body, Chunks, Collected};
pub use cells::{CellFacets, CellStore, Cells, Change, MAX_OVERHEAD};
pub use checks::{check_key, check_limit, check_ttl, check_value};
pub use counter::Counter;
pub use error::{StoreError, StoreErrorKind};
pub use identifier::{Owner, Version};
pub use key::{Key, Prefix};
pub use lease::Lease;
pub use leases::Leases;
pub use memory::MemoryStore;
pub use pacer::Pacer;
pub use runtime::{BoxFuture, Runtime};
pub use split::SplitStore;
pub use store::StitchStore;
pub use store_limits::StoreLimits;
pub use time::{StoreTime, Tick, micros_up};
pub use transport::Transport;
pub use transport_error::{TransportError, TransportErrorKind};
pub use versioned::Versioned;
