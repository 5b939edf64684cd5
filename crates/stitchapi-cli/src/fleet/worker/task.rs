//! The loop of one task in a worker.

use std::time::Duration;

use stitchapi::runtime::TokioRuntime;
use stitchapi::{Error, ErrorKind, Runtime, Tick};

use super::stitches::Stitches;
use crate::error::with_sources;
use crate::fleet::protocol::WorkerMessage;

/// Time that a call started before the end has for its response.
const RESPONSE_GRACE: Duration = Duration::from_secs(5);
/// Pause after a call that failed for another reason than the rate limit.
const FAILURE_PAUSE: Duration = Duration::from_millis(50);

/// Calls the limited endpoint and then reads the cached resource, in turn, until `ends` or until no slot before `ends`
/// is left.
pub(super) async fn run_task(stitches: &Stitches, clock: &TokioRuntime, ends: Tick) {
    loop {
        let left = ends.since(clock.now());
        if left.is_zero() {
            return;
        }
        if let Err(error) = stitches.limited.call(()).max_wait(left).deadline(left + RESPONSE_GRACE).await {
            match (error.kind(), error.status()) {
                (ErrorKind::Throttled, _) => return,
                (ErrorKind::Status, Some(status)) if status.as_u16() == 429 => {
                    println!("{}", WorkerMessage::CallRejected);
                }
                _ => report_failure(&error, clock).await,
            }
        }
        let left = ends.since(clock.now());
        let Some(resource) = stitches.resource.as_ref().filter(|_| !left.is_zero()) else { continue };
        if let Err(error) = resource.call(()).deadline(left + RESPONSE_GRACE).await {
            report_failure(&error, clock).await;
        }
    }
}

/// Reports a failed call to the parent and pauses.
async fn report_failure(error: &Error, clock: &TokioRuntime) {
    println!("{}", WorkerMessage::CallFailed(with_sources("call", error)));
    clock.sleep_until(clock.now() + FAILURE_PAUSE).await;
}
