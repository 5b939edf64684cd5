//! Sessions of a [`Login`](super::Login): one login for all callers of a process, and for the whole fleet on a store.
//!
//! [`Sessions`] is the strategy. It reads the session of this process (`session_cache`), then that of the fleet
//! (`session_refresh`), and otherwise logs in by single flight. `docs/architecture.md` has the walk of a token.

mod login_strategy;
mod session_cache;
mod session_key;
mod session_refresh;
mod stored_session;

pub use login_strategy::{Sessions, session};
