//! The reply to an acquisition.

use std::time::Duration;

/// Reply to [`Leases::acquire`](crate::Leases::acquire).
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::Lease;
///
/// fn next_attempt(lease: Lease) -> Option<Duration> {
///     match lease {
///         Lease::Held { .. } => None,
///         Lease::Busy { retry_after } => Some(retry_after),
///     }
/// }
/// assert_eq!(next_attempt(Lease::Held { fence: 7 }), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a lease that is held must be released"]
pub enum Lease {
    /// The owner holds a lease.
    Held {
        /// Fencing token, larger than every token issued earlier under this key.
        fence: u64,
    },
    /// No lease is free for the owner.
    Busy {
        /// Time until the next deadline of a holder or of another waiter. A lease may be free for the owner then, or
        /// earlier if a holder releases its lease.
        retry_after: Duration,
    },
}
