//! Points in time, in whole microseconds, and the only two clocks that this crate reads.
//!
//! A [`Tick`] is local time, a [`StoreTime`] is the time of a store. They are separate types, so that code cannot
//! compare local time with a store's time.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Point on the clock of a [`Runtime`](crate::Runtime), in microseconds from an origin of its own.
///
/// It is a plain number, because `std::time::Instant` panics on `wasm32-unknown-unknown`.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::Tick;
///
/// let start = Tick::of_boot_clock();
/// let deadline = start + Duration::from_millis(250);
/// assert_eq!(deadline.since(start), Duration::from_millis(250));
/// assert_eq!(start.since(deadline), Duration::ZERO);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tick(pub u64);

/// Point on the clock of a store, in microseconds from an origin of its own.
///
/// The decisions of a store are ordered by its own time, which is never compared with local time or with the time of
/// another store.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::StoreTime;
///
/// let slot = StoreTime(1_000_000) + Duration::from_micros(5);
/// assert_eq!(slot, StoreTime(1_000_005));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StoreTime(pub u64);

/// Largest integer up to which a double holds every integer exactly: `2^53 - 1`. No time and no count in a stored cell
/// is larger, because the scripts of the Redis driver compute with doubles.
pub(crate) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Returns the microseconds of `duration`, rounded up, and `u64::MAX` if they do not fit.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(stitchapi_core::micros_up(Duration::from_nanos(1_001)), 2);
/// ```
#[must_use]
pub fn micros_up(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX)
}

macro_rules! point {
    ($point:ident) => {
        impl $point {
            /// Returns the time since `earlier`; zero if `earlier` is not earlier.
            #[must_use]
            pub fn since(self, earlier: Self) -> Duration {
                Duration::from_micros(self.0.saturating_sub(earlier.0))
            }
        }

        /// Rounds the duration up to a whole microsecond; saturates at `u64::MAX`.
        impl Add<Duration> for $point {
            type Output = Self;
            fn add(self, duration: Duration) -> Self {
                Self(self.0.saturating_add(micros_up(duration)))
            }
        }

        /// Rounds the duration up to a whole microsecond; saturates at zero, the origin.
        impl Sub<Duration> for $point {
            type Output = Self;
            fn sub(self, duration: Duration) -> Self {
                Self(self.0.saturating_sub(micros_up(duration)))
            }
        }

        impl fmt::Display for $point {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} us", self.0)
            }
        }
    };
}
point!(Tick);
point!(StoreTime);

impl Tick {
    /// Reads the machine's boot clock: `CLOCK_BOOTTIME` on Linux, `CLOCK_MONOTONIC` on other unix systems.
    ///
    /// The boot clock cannot be set, has the same reading in every process, and on Linux counts through a suspend. The
    /// Windows version of this function counts from the first reading of its process. On wasm32 the function does not
    /// exist, because a [`Runtime`](crate::Runtime) of the host provides the clock.
    #[cfg(unix)]
    #[must_use]
    pub fn of_boot_clock() -> Self {
        use rustix::time::{ClockId, clock_gettime};
        #[cfg(any(target_os = "linux", target_os = "android"))]
        const CLOCK: ClockId = ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        const CLOCK: ClockId = ClockId::Monotonic;
        let read = clock_gettime(CLOCK);
        Self(read.tv_sec.unsigned_abs() * 1_000_000 + read.tv_nsec.unsigned_abs() / 1_000)
    }

    /// Reads the machine's monotonic clock, in microseconds since the first reading of this process.
    #[cfg(windows)]
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "one of the two clocks of this crate")]
    pub fn of_boot_clock() -> Self {
        static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        Self(micros_up(ORIGIN.get_or_init(std::time::Instant::now).elapsed()))
    }
}

impl StoreTime {
    /// Reads the machine's wall clock, in microseconds since 1970; zero before 1970.
    ///
    /// Use it for a store without a better clock. If the wall clock is set back, all callers wait until it has caught
    /// up.
    #[cfg(any(unix, windows))]
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "one of the two clocks of this crate")]
    pub fn from_system_clock() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_a_duration_rounds_up_and_saturates() {
        assert_eq!(Tick(1) + Duration::from_nanos(1), Tick(2));
        assert_eq!(Tick(1) + Duration::MAX, Tick(u64::MAX));
        assert_eq!(Tick(5) - Duration::from_micros(9), Tick(0));
        assert_eq!(StoreTime(3).since(StoreTime(9)), Duration::ZERO);
    }

    #[test]
    fn the_boot_clock_does_not_go_back() {
        let first = Tick::of_boot_clock();
        assert!(Tick::of_boot_clock() >= first);
    }
}
