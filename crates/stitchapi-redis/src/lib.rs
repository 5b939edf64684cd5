#![cfg_attr(feature = "redis-rs", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "redis-rs"), doc = "The Redis store of StitchAPI for Rust, on a client of your own.")]

mod client;
mod counter;
mod error;
mod leases;
mod pacer;
mod plain;
mod script;
mod store;
mod versioned;

pub use client::{ClientError, RedisClient, Reply};
pub use store::RedisStore;
