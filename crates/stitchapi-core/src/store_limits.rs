//! [`StoreLimits`]: what a store states about its backend.

use std::time::Duration;

/// Sizes that a backend accepts, and promises that it makes.
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
    /// longer key by a hash of it. The store refuses a longer key as [`TooLarge`](crate::StoreErrorKind::TooLarge).
    pub max_key: usize,
    /// Longest value in bytes, as the **caller** passes it to `set` or `write_if`. If a driver adds bytes to each
    /// value, its backend must accept that much more ([`MAX_OVERHEAD`](crate::MAX_OVERHEAD) for
    /// [`Cells`](crate::Cells)). The library does not cache a longer response. The store refuses a longer value as
    /// [`TooLarge`](crate::StoreErrorKind::TooLarge).
    pub max_value: usize,
    /// Whether the backend may lose state that it has confirmed, by a restart, a failover or an eviction.
    ///
    /// If `true`, a new bucket (the shared budget of one throttle) waits 100 ms before its first start. Within that
    /// time other processes notice that the state was lost, and give up the start times that they had booked. If
    /// `false` is stated wrongly, calls booked before a loss, up to one second of the rate, can start in addition to
    /// the calls of the new bucket. `Throttle::initial_delay` overrides the delay.
    pub volatile: bool,
    /// Time that the library waits for one operation: 250 ms by default, and 2 s is suitable for a store over HTTP. The
    /// driver's own timeout should be a little shorter, so that the driver's more precise error is reported.
    pub timeout: Duration,
    /// Whether the store's time is exactly the boot clock ([`Tick::of_boot_clock`](crate::Tick::of_boot_clock)) of the
    /// one machine on which all its processes run. If so, the library does not estimate an offset between the two
    /// clocks.
    pub boot_clock: bool,
}

impl StoreLimits {
    /// Returns limits without bounds on keys and values, for a store that loses no confirmed state and responds within
    /// 250 ms.
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
