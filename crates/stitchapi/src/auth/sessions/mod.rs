//! Sessions of a [`Login`](super::Login): one login for all callers of a process, and with a store for the whole fleet.
//!
//! [`Sessions`] is the strategy. It reads the session that this process remembers (`session_cache`), then the session
//! in the store (`session_refresh`), and otherwise logs in by single flight. `docs/architecture.md`, "The walk of a
//! token", lists the files in the order in which a call runs through them.

mod login_strategy;
mod session_cache;
mod session_key;
mod session_refresh;
mod stored_session;

pub use login_strategy::{Sessions, session};
