//! Whether to try again, and when.

use std::time::Duration;

use http::{Method, StatusCode};

/// When a failed attempt is tried again. A plain value.
///
/// * Tried again: no connection, and the statuses 429, 502, 503 and 504.
/// * Only for calls that may safely be made twice: GET, HEAD, PUT, DELETE, OPTIONS, and stitches that say
///   [`idempotent`](crate::StitchBuilder::idempotent).
/// * The pause is *full jitter*: anything between nothing and a bound that doubles with every retry
///   (M. Brooker, "Exponential Backoff And Jitter", 2015). After a `Retry-After` the pause is that, and the jitter.
/// * Each attempt takes its own slot of the throttle, after the pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    times: u32,
    base: Duration,
    cap: Duration,
    max_retry_after: Duration,
}

impl Default for Retry {
    /// Twice, 100 ms growing to 5 s, a `Retry-After` of up to 60 s.
    fn default() -> Self {
        Self::times(2)
    }
}

impl Retry {
    /// Never.
    #[must_use]
    pub const fn none() -> Self {
        Self::times(0)
    }

    /// At most so many times after the first attempt.
    #[must_use]
    pub const fn times(times: u32) -> Self {
        let (base, cap) = (Duration::from_millis(100), Duration::from_secs(5));
        Self { times, base, cap, max_retry_after: Duration::from_secs(60) }
    }

    /// The bound of the first pause, and the bound of any.
    #[must_use]
    pub const fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.base = base;
        self.cap = cap;
        self
    }

    /// The longest `Retry-After` to obey; after a longer one the call fails at once, and its error says how long.
    #[must_use]
    pub const fn max_retry_after(mut self, longest: Duration) -> Self {
        self.max_retry_after = longest;
        self
    }

    /// Returns `true` if nothing is retried.
    pub(crate) const fn is_none(&self) -> bool {
        self.times == 0
    }

    /// The pause before the next attempt after `retries` so far; `None` to give up. `random` is 64 random bits.
    pub(crate) fn pause(&self, retries: u32, retry_after: Option<Duration>, random: u64) -> Option<Duration> {
        if retries >= self.times || retry_after.is_some_and(|after| after > self.max_retry_after) {
            return None;
        }
        let bound = self.base.saturating_mul(1_u32.checked_shl(retries).unwrap_or(u32::MAX)).min(self.cap);
        // The upper 53 bits as a fraction of 1.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
        let jitter = bound.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64);
        Some(retry_after.unwrap_or_default().saturating_add(jitter))
    }
}

/// Whether a call of this method may be made twice without being told.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS].contains(method)
}

/// Whether this status asks to be tried again.
pub(crate) fn says_retry(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_cap_and_the_pause_is_anything_below_it() {
        let retry = Retry::times(100);
        let most = |retries| retry.pause(retries, None, u64::MAX).unwrap().as_millis();
        assert_eq!([most(0), most(1), most(2), most(6), most(99)], [100, 200, 400, 5_000, 5_000]);
        assert_eq!(retry.pause(3, None, 0), Some(Duration::ZERO));
        assert_eq!(retry.pause(100, None, 0), None);
        assert_eq!(Retry::none().pause(0, None, 0), None);
    }

    #[test]
    fn a_retry_after_is_obeyed_before_the_jitter_unless_it_is_too_long() {
        let retry = Retry::default();
        assert_eq!(retry.pause(0, Some(Duration::from_secs(2)), 0), Some(Duration::from_secs(2)));
        assert_eq!(retry.pause(0, Some(Duration::from_secs(61)), 0), None);
        let patient = retry.max_retry_after(Duration::MAX);
        assert_eq!(patient.pause(0, Some(Duration::MAX), u64::MAX), Some(Duration::MAX));
    }
}
