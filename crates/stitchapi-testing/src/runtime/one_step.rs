//! Polling a future so that it makes as little progress as possible.
//!
//! In: a future that the kit steps. Out: its poll, in which it completes at most one operation of tokio. The clauses of
//! contention call it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Polls `future` once and lets it complete at most one operation of tokio: a send, a receive, a read or a write.
///
/// Without this limit a future can send a request, receive the reply and send the next request in one poll, if the thread
/// that polls is paused while another one runs the connection. Tokio counts the operations of a task (its cooperative
/// budget) and lets each further one return `Pending` and wake the task. Outside tokio this is an ordinary poll.
pub(crate) fn poll_one_step<F: Future + ?Sized>(future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
    #[cfg(feature = "tokio")]
    leave_one_operation(context);
    future.poll(context)
}

/// Uses up the budget of the current tokio task, except for one operation.
#[cfg(feature = "tokio")]
fn leave_one_operation(context: &mut Context<'_>) {
    use tokio::task::coop;

    // Larger than every budget. Outside a task of tokio the budget has no end.
    for _ in 0..=u8::MAX {
        match coop::poll_proceed(context) {
            Poll::Ready(operation) if coop::has_budget_remaining() => operation.made_progress(),
            // The last operation returns to the budget when it is dropped.
            Poll::Ready(_) | Poll::Pending => return,
        }
    }
}
