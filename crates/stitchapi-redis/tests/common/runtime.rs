//! Waiting without tokio's timer.

use std::time::Duration;

use stitchapi_core::Runtime as _;
use stitchapi_testing::StdRuntime;

/// Sleeps for `duration` on the timer of the kit.
pub(crate) async fn sleep(duration: Duration) {
    let std = StdRuntime::new();
    std.sleep_until(std.now() + duration).await;
}
