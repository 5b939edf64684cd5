//! The settings of a seam that its logins use.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use stitchapi_core::Transport;

use crate::retry::Retry;

/// How a login sends its requests, how long it may take, and when it is repeated. The seam passes it in an
/// [`AuthContext`](super::AuthContext).
pub(crate) struct LoginSettings {
    /// Transport of the seam.
    pub(crate) transport: Arc<dyn Transport>,
    /// Value of `User-Agent` for requests that have none.
    pub(crate) user_agent: Option<HeaderValue>,
    /// Longest time from sending a request to the last byte of its response.
    pub(crate) attempt_timeout: Duration,
    /// Longest time of a login with all its retries: the deadline that the seam sets for a whole call.
    pub(crate) deadline: Duration,
    /// When a failed login is repeated.
    pub(crate) retry: Retry,
}

/// Does not show the user agent, which may contain a secret.
impl fmt::Debug for LoginSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginSettings")
            .field("attempt_timeout", &self.attempt_timeout)
            .field("deadline", &self.deadline)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
