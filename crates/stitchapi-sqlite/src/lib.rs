#![doc = include_str!("../README.md")]

mod clock;
mod error;
mod lock_wait;
mod rows;
mod schema;
mod store;
mod worker;

pub use store::SqliteStore;
