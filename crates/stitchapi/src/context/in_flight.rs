//! The number of calls and tasks in flight on a seam, and the two steps of its shutdown.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::error::{Error, Result};

/// Bit that is set when no new call may begin.
const NO_NEW_CALLS: usize = 1 << (usize::BITS - 1);
/// Bit that is set when calls in flight may send no further request. The lower bits are the count.
const NO_NEW_REQUESTS: usize = NO_NEW_CALLS >> 1;

/// Counter of the calls and tasks in flight on a seam, with the flags of its shutdown.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    state: AtomicUsize,
    /// Wakers of the futures that wait for the count to reach zero.
    idle_wakers: Mutex<Vec<Waker>>,
}

/// One counted call or task. Dropping the guard subtracts it from the count.
#[derive(Debug)]
pub(crate) struct InFlightGuard(Arc<InFlight>);

impl InFlight {
    /// Counts a call until the guard is dropped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown) after [`refuse_new_calls`](Self::refuse_new_calls).
    pub(crate) fn count_call(self: &Arc<Self>) -> Result<InFlightGuard> {
        let guard = self.count_task();
        self.check_accepts_calls()?;
        Ok(guard)
    }

    /// Counts a task of a call in flight until the guard is dropped, even after
    /// [`refuse_new_calls`](Self::refuse_new_calls).
    pub(crate) fn count_task(self: &Arc<Self>) -> InFlightGuard {
        self.state.fetch_add(1, Ordering::Relaxed);
        InFlightGuard(self.clone())
    }

    /// Checks that the seam accepts new calls: [`refuse_new_calls`](Self::refuse_new_calls) has not been called.
    #[inline]
    pub(crate) fn check_accepts_calls(&self) -> Result<()> {
        self.check_unset(NO_NEW_CALLS)
    }

    /// Checks that calls in flight may send further requests:
    /// [`refuse_new_requests`](Self::refuse_new_requests) has not been called.
    pub(crate) fn check_accepts_requests(&self) -> Result<()> {
        self.check_unset(NO_NEW_REQUESTS)
    }

    #[inline]
    fn check_unset(&self, bit: usize) -> Result<()> {
        if self.state.load(Ordering::Relaxed) & bit == 0 { Ok(()) } else { Err(Error::shut_down()) }
    }

    /// Refuses new calls from now on, while calls in flight continue. This is the first step of a shutdown.
    pub(crate) fn refuse_new_calls(&self) {
        self.state.fetch_or(NO_NEW_CALLS, Ordering::Relaxed);
    }

    /// Refuses further requests of the calls in flight from now on. This is the second step of a shutdown, after its
    /// grace period.
    pub(crate) fn refuse_new_requests(&self) {
        self.state.fetch_or(NO_NEW_REQUESTS, Ordering::Relaxed);
    }

    /// Returns the number of calls and tasks in flight.
    pub(crate) fn count(&self) -> usize {
        self.state.load(Ordering::Acquire) & !(NO_NEW_CALLS | NO_NEW_REQUESTS)
    }

    /// Waits until nothing is in flight. Must be called after [`refuse_new_calls`](Self::refuse_new_calls), because
    /// before that the end of the last call wakes no waiter.
    pub(crate) async fn wait_until_idle(&self) {
        poll_fn(|context| {
            // The waker is stored before the count is read, so that a guard dropped in between wakes it.
            self.lock_wakers().push(context.waker().clone());
            if self.count() == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn lock_wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.idle_wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let before = self.0.state.fetch_sub(1, Ordering::AcqRel);
        let was_last = before & !NO_NEW_REQUESTS == NO_NEW_CALLS | 1;
        if was_last {
            let wakers = std::mem::take(&mut *self.0.lock_wakers());
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}
