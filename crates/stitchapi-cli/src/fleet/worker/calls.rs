//! The work of one task.

use std::time::Duration;

use stitchapi::runtime::TokioRuntime;
use stitchapi::{Error, ErrorKind, Runtime, Tick};

use super::declare::Stitches;
use crate::failure::with_causes;
use crate::fleet::said::Said;

/// How long a call that started before the end may take to be answered.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after a call that failed for another reason than the limit.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Calls the API and reads the resource, again and again while a slot can come before the end.
pub(super) async fn work_until(stitches: &Stitches, clock: &TokioRuntime, ends: Tick) {
    loop {
        let left = ends.since(clock.now());
        if left.is_zero() {
            return;
        }
        if let Err(error) = stitches.api.call(()).max_wait(left).deadline(left + GRACE).await {
            match (error.kind(), error.status()) {
                (ErrorKind::Throttled, _) => return,
                (ErrorKind::Status, Some(status)) if status.as_u16() == 429 => println!("{}", Said::Rejected),
                _ => fail(&error, clock).await,
            }
        }
        let left = ends.since(clock.now());
        let Some(resource) = stitches.resource.as_ref().filter(|_| !left.is_zero()) else { continue };
        if let Err(error) = resource.call(()).deadline(left + GRACE).await {
            fail(&error, clock).await;
        }
    }
}

async fn fail(error: &Error, clock: &TokioRuntime) {
    println!("{}", Said::Failed(with_causes("call", error)));
    clock.sleep_until(clock.now() + AFTER_FAILURE).await;
}
