//! The requests that one worker makes for the whole fleet.

use clap::ValueEnum;

/// Request that one worker makes for the whole fleet: its result goes to the shared store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SharedRequest {
    /// Token request of the login.
    Login,
    /// Fetch of the cached resource.
    Fetch,
}

impl SharedRequest {
    /// Returns the name used in messages and in the protocol.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Fetch => "fetch",
        }
    }
}
