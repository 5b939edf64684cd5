//! The clock of the tests and the workers: the boot clock in microseconds.

use std::time::Duration;

use stitchapi::Tick;

/// A millisecond in microseconds.
pub const MILLISECOND: u64 = 1_000;
/// A second in microseconds.
pub const SECOND: u64 = 1_000 * MILLISECOND;

/// Returns the reading of the boot clock.
#[must_use]
pub fn now() -> u64 {
    Tick::of_boot_clock().0
}

/// Blocks until the boot clock reads `at`.
#[expect(clippy::disallowed_methods, reason = "a test waits on no runtime")]
pub fn sleep_until(at: u64) {
    std::thread::sleep(Duration::from_micros(at.saturating_sub(now())));
}

/// Evaluates the condition every 2 ms for at most ten seconds. Returns `true` as soon as it holds.
#[must_use]
pub fn wait_for(mut condition: impl FnMut() -> bool) -> bool {
    let end = now() + 10 * SECOND;
    while now() < end {
        if condition() {
            return true;
        }
        sleep_until(now() + 2 * MILLISECOND);
    }
    false
}
