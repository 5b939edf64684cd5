//! Count of what runs on a seam, and the two steps of its shutdown.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::error::{Error, Result};

/// Bit that is set when no new call may begin.
const CLOSED: usize = 1 << (usize::BITS - 1);
/// Bit that is set when no running call may start another request. The lower bits hold the count.
const ENDED: usize = CLOSED >> 1;

/// Counter of the calls and tasks in flight on a seam, until the seam is shut down.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    state: AtomicUsize,
    /// Wakers of the futures that wait for the count to reach zero.
    drained: Mutex<Vec<Waker>>,
}

/// One call or task in flight. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct InFlightGuard(Arc<InFlight>);

impl InFlight {
    /// Begins a call.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown) after [`close`](Self::close).
    pub(crate) fn begin(self: &Arc<Self>) -> Result<InFlightGuard> {
        let guard = self.begin_nested();
        self.may_begin()?;
        Ok(guard)
    }

    /// Begins a task on behalf of a call in flight. It succeeds even after [`close`](Self::close).
    pub(crate) fn begin_nested(self: &Arc<Self>) -> InFlightGuard {
        self.state.fetch_add(1, Ordering::Relaxed);
        InFlightGuard(self.clone())
    }

    /// Checks that a new call may begin.
    #[inline]
    pub(crate) fn may_begin(&self) -> Result<()> {
        self.check(CLOSED)
    }

    /// Checks that a call in flight may start another request.
    pub(crate) fn may_start(&self) -> Result<()> {
        self.check(ENDED)
    }

    #[inline]
    fn check(&self, bit: usize) -> Result<()> {
        if self.state.load(Ordering::Relaxed) & bit == 0 { Ok(()) } else { Err(Error::shut_down()) }
    }

    /// Refuses new calls from now on.
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::Relaxed);
    }

    /// Refuses further requests of the calls in flight from now on.
    pub(crate) fn end(&self) {
        self.state.fetch_or(ENDED, Ordering::Relaxed);
    }

    /// Returns the number of calls and tasks in flight.
    pub(crate) fn count(&self) -> usize {
        self.state.load(Ordering::Acquire) & !(CLOSED | ENDED)
    }

    /// Waits until nothing is in flight.
    pub(crate) async fn drained(&self) {
        poll_fn(|context| {
            // The waker is stored before the count is read, so that a guard dropped in between wakes it.
            self.wakers().push(context.waker().clone());
            if self.count() == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.drained.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let before = self.0.state.fetch_sub(1, Ordering::AcqRel);
        let was_last = before & !ENDED == CLOSED | 1;
        if was_last {
            let wakers = std::mem::take(&mut *self.0.wakers());
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}
