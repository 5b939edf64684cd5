#![doc = include_str!("../README.md")]

pub mod auth;
mod cache;
mod call;
mod error;
mod flight;
mod key;
pub mod resilience;
pub mod runtime;
mod seam;
mod stitch;
mod store;
mod throttle;
pub mod trace;
pub mod transport;

pub use auth::{SealingKey, Vault, env};
pub use cache::Cache;
pub use error::{BoxError, Error, ErrorKind, ErrorResponse, Result};
pub use resilience::Retry;
pub use seam::{Principal, Seam, SeamBuilder};
pub use stitch::{Call, Report, Response, Stitch, StitchBuilder, decode};
pub use stitchapi_core::{
    self as core, Body, BoxFuture, MemoryStore, Runtime, SplitStore, StitchStore, StoreError, StoreErrorKind, Tick,
    Transport, TransportError, TransportErrorKind, async_trait,
};
pub use throttle::{
    BucketStatus, Cost, LimitStatus, OutagePolicy, Permit, Rate, RateError, Scope, Throttle, ThrottleStatus,
};
