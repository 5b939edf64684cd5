//! The two clocks of a file: the boot clock for facets, the wall clock for plain values.

use std::io;

use stitchapi_core::{StoreTime, Tick};

use crate::error::Failure;

/// Where the kernel tells the boot apart from all others, if it has a boot clock that all processes share.
const BOOT_ID: Option<&str> =
    if cfg!(any(target_os = "linux", target_os = "android")) { Some("/proc/sys/kernel/random/boot_id") } else { None };

/// Which boot of which machine the boot clock belongs to.
///
/// The boot clock starts again with every boot, so the rows that end on it name the boot. On Linux it is
/// `CLOCK_BOOTTIME`, the same in every process, and the kernel's random boot id. Elsewhere the wall clock takes its
/// place, under one name for all boots.
#[derive(Debug)]
pub(crate) struct Clock {
    boot: String,
}

impl Clock {
    /// Whether the time of the facets is the machine's boot clock.
    pub(crate) const IS_BOOT: bool = BOOT_ID.is_some();

    /// Learns the boot id, once for each open file.
    pub(crate) fn read() -> Result<Self, Failure> {
        let Some(path) = BOOT_ID else { return Ok(Self { boot: "wall".to_owned() }) };
        let boot = std::fs::read_to_string(path).map_err(Failure::NoBootId)?;
        match boot.trim() {
            "" => Err(Failure::NoBootId(io::ErrorKind::UnexpectedEof.into())),
            boot => Ok(Self { boot: boot.to_owned() }),
        }
    }

    /// The name of this boot, never empty.
    pub(crate) fn boot(&self) -> &str {
        &self.boot
    }

    /// The time of the facets.
    pub(crate) fn now(&self) -> StoreTime {
        if BOOT_ID.is_some() { StoreTime(Tick::of_boot_clock().0) } else { self.wall() }
    }

    /// The time of plain values.
    pub(crate) fn wall(&self) -> StoreTime {
        StoreTime::from_system_clock()
    }
}

/// A time as SQLite's signed integer; what is beyond its end, in 292,000 years, stops there.
pub(crate) fn column(time: StoreTime) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reading_names_the_same_boot() {
        let boot = Clock::read().unwrap().boot().to_owned();
        assert!(!boot.is_empty() && boot.trim() == boot);
        assert_eq!(Clock::read().unwrap().boot(), boot);
    }

    #[test]
    fn a_time_beyond_sqlites_integers_stops_at_their_end() {
        assert_eq!(column(StoreTime(7)), 7);
        assert_eq!(column(StoreTime(u64::MAX)), i64::MAX);
    }
}
