//! Points in time, in whole microseconds, and the two clocks this crate reads.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on a [`Runtime`](crate::Runtime)'s own clock: microseconds from any origin.
///
/// A plain number instead of `Instant`, which panics on `wasm32-unknown-unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tick(pub u64);

/// A point on a store's own clock: microseconds from any origin.
///
/// It orders everything that the store decides and is never compared with the time of another store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StoreTime(pub u64);

/// The largest time and count in what a store keeps: every step is exact in the doubles of Lua, too.
pub(crate) const LARGEST: u64 = (1 << 53) - 1;

/// The microseconds of `duration`, rounded up, at most `u64::MAX`.
#[must_use]
pub fn micros_up(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX)
}

macro_rules! point {
    ($point:ident) => {
        impl $point {
            /// How long after `earlier` this is; zero if it is not after it.
            #[must_use]
            pub fn since(self, earlier: Self) -> Duration {
                Duration::from_micros(self.0.saturating_sub(earlier.0))
            }
        }

        /// Rounds the duration up to a whole microsecond; stops at the end of time.
        impl Add<Duration> for $point {
            type Output = Self;
            fn add(self, duration: Duration) -> Self {
                Self(self.0.saturating_add(micros_up(duration)))
            }
        }

        /// Rounds the duration up to a whole microsecond; stops at the origin.
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
    /// Reads the machine's boot clock: it counts through a suspend, is never set by anybody, and reads the same in
    /// every process (`CLOCK_BOOTTIME` on Linux, `CLOCK_MONOTONIC` on other unix systems).
    ///
    /// On Windows it counts from this process' first reading. Absent on wasm32: a Worker brings its own
    /// [`Runtime`](crate::Runtime).
    #[cfg(unix)]
    #[must_use]
    pub fn of_boot_clock() -> Self {
        use rustix::time::{ClockId, clock_gettime};
        #[cfg(any(target_os = "linux", target_os = "android"))]
        const BOOT: ClockId = ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        const BOOT: ClockId = ClockId::Monotonic;
        let read = clock_gettime(BOOT);
        Self(read.tv_sec.unsigned_abs() * 1_000_000 + read.tv_nsec.unsigned_abs() / 1_000)
    }

    /// Reads the machine's monotonic clock, counted from this process' first reading.
    #[cfg(windows)]
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "one of the two clocks of this crate")]
    pub fn of_boot_clock() -> Self {
        static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        Self(micros_up(ORIGIN.get_or_init(std::time::Instant::now).elapsed()))
    }
}

impl StoreTime {
    /// Reads the machine's wall clock, in microseconds since 1970 (zero before it).
    ///
    /// For a store that has no better clock: when somebody sets this one back, everybody waits by that much.
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
    fn adding_a_duration_rounds_up_and_stops_at_the_end_of_time() {
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
