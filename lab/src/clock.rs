//! The clock of the tests, which is that of the workers: the boot clock, in microseconds.

use std::time::Duration;

use stitchapi::Tick;

/// A millisecond of it.
pub const MILLISECOND: u64 = 1_000;
/// A second of it.
pub const SECOND: u64 = 1_000 * MILLISECOND;

/// What it reads.
#[must_use]
pub fn now() -> u64 {
    Tick::of_boot_clock().0
}

/// Waits until it reads `at`.
#[expect(clippy::disallowed_methods, reason = "a test waits on no runtime")]
pub fn sleep_until(at: u64) {
    std::thread::sleep(Duration::from_micros(at.saturating_sub(now())));
}

/// Asks until it is so, for at most ten seconds; whether it came to be.
#[must_use]
pub fn comes_true(mut is_so: impl FnMut() -> bool) -> bool {
    let end = now() + 10 * SECOND;
    while now() < end {
        if is_so() {
            return true;
        }
        sleep_until(now() + 2 * MILLISECOND);
    }
    false
}
