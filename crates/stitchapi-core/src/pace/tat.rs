//! The theoretical arrival time of a limit.

use crate::StoreTime;

/// Theoretical arrival time (tat) of a limit: whole microseconds, and a remainder in `1/N` microsecond for a limit of
/// `N` permits, so that no rounding accumulates.
///
/// ```
/// use stitchapi_core::StoreTime;
/// use stitchapi_core::pace::Tat;
///
/// let tat = Tat { micros: 41, remainder: 2 };
/// assert_eq!(tat.rounded_up(), StoreTime(42));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tat {
    /// Whole microseconds of the store's clock.
    pub micros: u64,
    /// Remainder in `1/N` microsecond, below `N`.
    pub remainder: u32,
}

impl Tat {
    /// Rounds up to a whole microsecond.
    #[must_use]
    pub fn rounded_up(self) -> StoreTime {
        StoreTime(self.micros + u64::from(self.remainder > 0))
    }
}
