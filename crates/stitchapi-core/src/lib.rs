#![doc = include_str!("../README.md")]

#[cfg(any(unix, windows))]
pub mod boot_timer;
pub mod cells;
mod counter;
mod error;
mod key;
mod memory;
pub mod pace;
mod pacer;
mod runtime;
mod split;
mod store;
mod time;
mod transport;

pub use async_trait::async_trait;
pub use cells::{CellFacets, Cells, Change};
pub use counter::Counter;
pub use error::{StoreError, StoreErrorKind};
pub use key::{Key, Prefix};
pub use memory::MemoryStore;
pub use pacer::Pacer;
pub use runtime::{BoxFuture, Runtime};
pub use split::SplitStore;
pub use store::{StitchStore, StoreLimits, check_ttl};
pub use time::{StoreTime, Tick, micros_up};
pub use transport::{Body, Chunks, Collected, Transport, TransportError, TransportErrorKind};
