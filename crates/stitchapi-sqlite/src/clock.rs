//! The two clocks of a file: the boot clock for facets, and the wall clock for plain values.

use std::io;

use stitchapi_core::{StoreTime, Tick};

use crate::error::Failure;

/// File with the kernel's boot id, on systems whose boot clock all processes share.
const BOOT_ID: Option<&str> =
    if cfg!(any(target_os = "linux", target_os = "android")) { Some("/proc/sys/kernel/random/boot_id") } else { None };

/// Boot clock of the machine, with the id of the current boot.
///
/// The boot clock restarts with every boot, so each row whose deadline is on it contains the boot id. On Linux the clock is
/// `CLOCK_BOOTTIME`, with the same reading in every process, and the id is the kernel's random boot id. On other systems
/// the wall clock replaces it, with one id for all boots.
#[derive(Debug)]
pub(crate) struct Clock {
    boot: String,
}

impl Clock {
    /// Whether the facets use the machine's boot clock.
    pub(crate) const IS_BOOT: bool = BOOT_ID.is_some();

    /// Reads the boot id. Called once for each open file.
    pub(crate) fn read() -> Result<Self, Failure> {
        let Some(path) = BOOT_ID else { return Ok(Self { boot: "wall".to_owned() }) };
        let boot = std::fs::read_to_string(path).map_err(Failure::NoBootId)?;
        match boot.trim() {
            "" => Err(Failure::NoBootId(io::ErrorKind::UnexpectedEof.into())),
            boot => Ok(Self { boot: boot.to_owned() }),
        }
    }

    /// Returns the id of this boot, which is never empty.
    pub(crate) fn boot(&self) -> &str {
        &self.boot
    }

    /// Reads the clock of the facets.
    pub(crate) fn now(&self) -> StoreTime {
        if BOOT_ID.is_some() { StoreTime(Tick::of_boot_clock().0) } else { self.wall() }
    }

    /// Reads the clock of plain values.
    pub(crate) fn wall(&self) -> StoreTime {
        StoreTime::from_system_clock()
    }
}

/// Returns a time as a signed integer of SQLite; a time after its range of 292,000 years is its largest value.
pub(crate) fn to_column(time: StoreTime) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reading_has_the_same_boot_id() {
        let boot = Clock::read().unwrap().boot().to_owned();
        assert!(!boot.is_empty() && boot.trim() == boot);
        assert_eq!(Clock::read().unwrap().boot(), boot);
    }

    #[test]
    fn a_time_beyond_the_integers_of_sqlite_is_clamped() {
        assert_eq!(to_column(StoreTime(7)), 7);
        assert_eq!(to_column(StoreTime(u64::MAX)), i64::MAX);
    }
}
