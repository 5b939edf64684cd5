#![doc = include_str!("../README.md")]

pub mod auth;
mod cache;
mod circuit;
mod context;
mod endpoint;
mod error;
mod outage;
mod pipeline;
mod principal;
mod rate_limit_headers;
mod retry;
pub mod runtime;
mod seam;
mod single_flight;
mod stitch;
mod store;
mod throttle;
pub mod trace;
pub mod transport;
mod vault;

pub use auth::env;
pub use cache::Cache;
pub use circuit::Circuit;
pub use endpoint::decode;
pub use error::{BoxError, Error, ErrorKind, ErrorResponse, Result};
pub use outage::{FleetSize, OutagePolicy};
pub use pipeline::Report;
pub use principal::Principal;
pub use retry::Retry;
pub use seam::{Seam, SeamBuilder};
pub use stitch::{Call, Response, Stitch, StitchBuilder};
pub use stitchapi_core::{
    Body, BoxFuture, Chunks, Key, MemoryStore, Prefix, Runtime, SplitStore, StitchStore, StoreError, StoreErrorKind,
    StoreLimits, Tick, Transport, TransportError, TransportErrorKind, async_trait, pace,
};
pub use throttle::{
    BucketStatus, ConcurrencyStatus, Cost, LimitStatus, Permit, Rate, RateError, Scope, Throttle, ThrottleStatus,
};
pub use vault::{SealingKey, Vault};
