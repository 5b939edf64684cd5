//! The policy for retries. Pure: randomness is passed in.
//!
//! [`Retry::pause`] takes the number of retries so far and the `retry_after` of the response. It returns the pause
//! before the next attempt, or `None` if there is no next attempt. The pipeline uses it for calls, auth for logins.

use std::time::Duration;

use http::{Method, StatusCode};

use crate::error::{Error, Result};

/// Policy that decides when a failed attempt is repeated. A plain value, validated when the seam or the stitch is
/// built.
///
/// * An attempt is repeated if no connection was established, or if the response has the status 429, 502, 503 or 504.
/// * Only calls that may safely be made twice are repeated: GET, HEAD, PUT, DELETE, OPTIONS, and stitches that are
///   declared [`idempotent`](crate::StitchBuilder::idempotent).
/// * The pause is *full jitter*: random between zero and a bound that doubles with every retry (M. Brooker,
///   "Exponential Backoff And Jitter", 2015). If the response has a `Retry-After`, the pause is that time plus the
///   jitter.
/// * If the pause would not end before the deadline of the call, the call fails at once.
/// * Each attempt takes a slot of its own in the throttle, after the pause.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi::{Retry, Seam};
///
/// let retry = Retry::times(4)
///     .backoff(Duration::from_millis(200), Duration::from_secs(10))
///     .max_retry_after(Duration::from_secs(30));
/// let seam = Seam::builder("https://api.example.com").retry(retry);
/// # let _ = seam;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    times: u32,
    base: Duration,
    cap: Duration,
    max_retry_after: Duration,
    /// Whether the policy was created by [`Retry::none`], so that no setter has an effect.
    is_disabled: bool,
    /// Name of the last setter that was called on [`Retry::none`], where it has no effect. `validate` reports it.
    ineffective_setter: Option<&'static str>,
}

impl Default for Retry {
    /// Returns a policy of two retries with pauses of up to 100 ms and 200 ms. It accepts a `Retry-After` of up to 60
    /// s.
    fn default() -> Self {
        Self::times(2)
    }
}

impl Retry {
    /// Returns a policy without retries.
    #[must_use]
    pub const fn none() -> Self {
        let mut none = Self::times(0);
        none.is_disabled = true;
        none
    }

    /// Returns a policy of at most this number of retries after the first attempt. The bound of the pause is 100 ms,
    /// doubles with every retry, and is at most 5 s.
    #[must_use]
    pub const fn times(times: u32) -> Self {
        Self {
            times,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(5),
            max_retry_after: Duration::from_secs(60),
            is_disabled: false,
            ineffective_setter: None,
        }
    }

    /// Sets the bound of the first pause, and the largest bound. `build` fails if `base` is longer than `cap`.
    #[must_use]
    pub const fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.base = base;
        self.cap = cap;
        self.needs_retries("backoff")
    }

    /// Sets the longest `Retry-After` for which a call waits. After a longer one the call fails at once, and
    /// [`Error::retry_after`] states it.
    #[must_use]
    pub const fn max_retry_after(mut self, longest: Duration) -> Self {
        self.max_retry_after = longest;
        self.needs_retries("max_retry_after")
    }

    /// Records the setter if it has no effect, because the policy is [`Retry::none`](Self::none).
    const fn needs_retries(mut self, setter: &'static str) -> Self {
        if self.is_disabled {
            self.ineffective_setter = Some(setter);
        }
        self
    }

    /// Returns `true` if no attempt is repeated.
    pub(crate) const fn is_none(&self) -> bool {
        self.times == 0
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a setter without effect, and for a first bound that is
    /// longer than the largest.
    pub(crate) fn validate(&self) -> Result<()> {
        if let Some(setter) = self.ineffective_setter {
            let what = format!("retry: .{setter}(..) has no effect on Retry::none(): remove the setter");
            return Err(Error::config(what));
        }
        if self.base > self.cap {
            let (base, cap) = (self.base, self.cap);
            return Err(Error::config(format!("retry: the backoff begins with {base:?}, beyond its cap of {cap:?}")));
        }
        Ok(())
    }

    /// Returns the pause before the next attempt, after `retries` retries so far; `None` to end the call. `random` is
    /// 64 random bits.
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

/// Returns `true` for a method whose calls are retried even if the stitch is not declared idempotent, because RFC 9110,
/// section 9.2.2, defines the method as idempotent.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS].contains(method)
}

/// Returns `true` for a status after which the same request may succeed.
pub(crate) fn is_retryable_status(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_the_pause_doubles_up_to_the_cap_and_the_pause_is_below_it() {
        let retry = Retry::times(100);
        let longest = |retries| retry.pause(retries, None, u64::MAX).unwrap().as_millis();
        assert_eq!([longest(0), longest(1), longest(2), longest(6), longest(99)], [100, 200, 400, 5_000, 5_000]);
        assert_eq!(retry.pause(3, None, 0), Some(Duration::ZERO));
        assert_eq!(retry.pause(100, None, 0), None);
        assert_eq!(Retry::none().pause(0, None, 0), None);
    }

    #[test]
    fn a_retry_after_precedes_the_jitter_unless_it_is_too_long() {
        let retry = Retry::default();
        assert_eq!(retry.pause(0, Some(Duration::from_secs(2)), 0), Some(Duration::from_secs(2)));
        assert_eq!(retry.pause(0, Some(Duration::from_secs(61)), 0), None);
        let unbounded = retry.max_retry_after(Duration::MAX);
        assert_eq!(unbounded.pause(0, Some(Duration::MAX), u64::MAX), Some(Duration::MAX));
    }

    #[test]
    fn a_setter_without_effect_and_a_backoff_beyond_its_cap_are_errors() {
        let (short, long) = (Duration::from_secs(1), Duration::from_secs(10));
        for (what, retry) in [
            (".backoff(..) has no effect on Retry::none()", Retry::none().backoff(short, long)),
            (".max_retry_after(..) has no effect on Retry::none()", Retry::none().max_retry_after(long)),
            ("beyond its cap of 1s", Retry::times(1).backoff(long, short)),
        ] {
            let error = retry.validate().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        // The number may come from a configuration, where zero disables retries.
        for valid in [Retry::none(), Retry::times(0).backoff(short, long), Retry::times(1).backoff(long, long)] {
            assert!(valid.validate().is_ok(), "{valid:?}");
        }
    }
}
