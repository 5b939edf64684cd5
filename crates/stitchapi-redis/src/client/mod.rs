//! The Redis client below the store: a small trait, its implementations for the `redis` crate, and their errors.
//!
//! `command` has the trait, which a user may implement for another client. `redis_rs` implements it for the connections of
//! the `redis` crate, and `reconnecting` is the connection of `RedisStore::connect`.

mod command;
mod error;
#[cfg(feature = "redis-rs")]
mod reconnecting;
#[cfg(feature = "redis-rs")]
mod redis_rs;

pub use command::{RedisClient, Reply};
pub use error::ClientError;
#[cfg(feature = "redis-rs")]
pub(crate) use reconnecting::{OpenError, ReconnectingClient};
