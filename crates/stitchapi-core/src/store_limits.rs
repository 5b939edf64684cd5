//! The limits that a store states about its backend.

use std::time::Duration;

/// Sizes that a backend accepts, and the promises that it makes.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::StoreLimits;
///
/// // A server in memory that may restart empty, asked over HTTP.
/// let limits = StoreLimits::unlimited()
///     .with_sizes(512, 1 << 20)
///     .with_volatile()
///     .with_timeout(Duration::from_secs(2));
/// assert!(limits.volatile && !limits.boot_clock);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLimits {
    /// Longest [rendered key](crate::Key::rendered_len) in bytes, without the driver's prefix. The library replaces a
    /// longer key by a hash of it; the store refuses one as [`TooLarge`](crate::StoreErrorKind::TooLarge).
    pub max_key: usize,
    /// Longest value in bytes, as the **caller** passes it to `set` or `write_if`. A driver that wraps values must
    /// accept its own envelope on top ([`ENVELOPE_LEN`](crate::ENVELOPE_LEN) for [`Cells`](crate::Cells)). The library
    /// does not cache a longer response; the store refuses a longer value as
    /// [`TooLarge`](crate::StoreErrorKind::TooLarge).
    pub max_value: usize,
    /// Whether the backend may lose state that it has confirmed: by a restart, a failover, an eviction.
    ///
    /// The price of `true`: a new bucket waits 100 ms before its first start, so that bookings in a lost cell run out
    /// first (`Throttle::initial_delay`). The price of a wrong `false`: after a loss, the bookings of up to a second
    /// can start twice. Nothing else depends on it.
    pub volatile: bool,
    /// Time that the library waits for one operation: 250 ms by default, 2 s for a store over HTTP. The driver's own
    /// timeout should be a little shorter, so that its more precise error is the one reported.
    pub timeout: Duration,
    /// Whether the store's time is the boot clock of the machine that all its processes share
    /// ([`Tick::of_boot_clock`](crate::Tick::of_boot_clock)), to the microsecond. The library then does not estimate the
    /// offset between the two clocks.
    pub boot_clock: bool,
}

impl StoreLimits {
    /// Returns limits without bounds on keys and values, for a store that loses nothing while it lives and responds
    /// within 250 ms.
    #[must_use]
    pub const fn unlimited() -> Self {
        let timeout = Duration::from_millis(250);
        Self { max_key: usize::MAX, max_value: usize::MAX, volatile: false, timeout, boot_clock: false }
    }

    /// Sets the longest key and the longest value, in bytes.
    #[must_use]
    pub const fn with_sizes(mut self, max_key: usize, max_value: usize) -> Self {
        self.max_key = max_key;
        self.max_value = max_value;
        self
    }

    /// States that the backend may lose state that it has confirmed.
    #[must_use]
    pub const fn with_volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// States that the store's time is the machine's boot clock.
    #[must_use]
    pub const fn with_boot_clock(mut self) -> Self {
        self.boot_clock = true;
        self
    }

    /// Sets the time that the library waits for one operation.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}
