//! A future bounded in time.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use stitchapi_core::{Runtime, Tick};

/// The deadline passed before the future was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeUp;

/// Polls `future` until it is ready or the deadline `at` passes. A future that is ready at the first poll succeeds even
/// after the deadline.
pub(crate) async fn within<F: Future + Send>(runtime: &dyn Runtime, at: Tick, future: F) -> Result<F::Output, TimeUp>
where
    F::Output: Send,
{
    match select(pin!(future), runtime.sleep_until(at)).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(((), _)) => Err(TimeUp),
    }
}
