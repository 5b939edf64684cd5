//! A future, or the end of its time.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use stitchapi_core::{Runtime, Tick};

/// The time was up first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeUp;

/// Runs `future` until it is done or it is `at`; a future that is done at once wins even then.
pub(crate) async fn within<F: Future + Send>(runtime: &dyn Runtime, at: Tick, future: F) -> Result<F::Output, TimeUp>
where
    F::Output: Send,
{
    match select(pin!(future), runtime.sleep_until(at)).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(((), _)) => Err(TimeUp),
    }
}
