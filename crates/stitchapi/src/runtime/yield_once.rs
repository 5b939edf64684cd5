//! A yield to the other tasks of any runtime.

use std::future::poll_fn;
use std::task::Poll;

/// Yields to the other tasks of the runtime once.
pub(crate) async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
