//! A setting for which configurations of one bucket can declare different values. The strictest value is in force.

use std::time::Duration;

use crate::StoreTime;

/// Time for which a stricter setting stays in force after the last request that declared it.
const IN_FORCE_FOR: Duration = Duration::from_secs(60);
/// Minimum age of a time stamp before it is renewed, so that a request which changes nothing else writes nothing.
const STAMP_RESOLUTION: Duration = Duration::from_secs(1);

/// Strictest value of a setting among those declared within the last 60 s.
///
/// During a rolling deploy, requests with the old and the new configuration reach one bucket, and the stricter value is
/// in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strictest {
    /// Value in force.
    pub value: u32,
    /// Time of the last request that declared the value, to about a second.
    pub at: StoreTime,
}

impl Strictest {
    /// Creates a setting that is declared for the first time, now.
    pub(super) fn declared(value: u32, now: StoreTime) -> Self {
        Self { value, at: now }
    }

    /// Returns the setting after a request has declared `value` now. `stricter` returns the stricter of two values.
    pub(super) fn declare(self, value: u32, now: StoreTime, stricter: fn(u32, u32) -> u32) -> Self {
        let at = self.at.min(now);
        let strictest = if now.since(at) > IN_FORCE_FOR { value } else { stricter(self.value, value) };
        let renew = strictest == value && (strictest != self.value || now.since(at) >= STAMP_RESOLUTION);
        Self { value: strictest, at: if renew { now } else { at } }
    }

    /// Returns `true` if a request declared the value within the last 60 s.
    pub(super) fn is_in_force(self, now: StoreTime) -> bool {
        now.since(self.at) <= IN_FORCE_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_value_is_in_force_until_no_request_declared_it_for_a_minute() {
        let second = |n: u64| StoreTime(n * 1_000_000);
        let ten = Strictest::declared(10, second(0));
        let still_ten = ten.declare(20, second(60), u32::min);
        assert_eq!(still_ten, ten);
        assert_eq!(still_ten.declare(20, second(61), u32::min), Strictest::declared(20, second(61)));
        assert_eq!(ten.declare(10, second(30), u32::min).at, second(30));
    }
}
