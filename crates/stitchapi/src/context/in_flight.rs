//! What is under way on a seam, and its end.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::error::{Error, Result};

/// Set when nothing new may begin.
const CLOSED: usize = 1 << (usize::BITS - 1);
/// Set when what is under way may start no further request. What is below counts what is under way.
const OVER: usize = CLOSED >> 1;

/// Counts what is under way on a seam, until it is shut down.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    state: AtomicUsize,
    /// Who waits for the last one.
    waiting: Mutex<Vec<Waker>>,
}

/// One thing that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlightGuard(Arc<InFlight>);

impl InFlight {
    /// Begins something new.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown) after [`close`](Self::close).
    pub(crate) fn begin(self: &Arc<Self>) -> Result<InFlightGuard> {
        let under_way = self.go_on();
        self.may_begin()?;
        Ok(under_way)
    }

    /// Begins what something that is under way needs.
    pub(crate) fn go_on(self: &Arc<Self>) -> InFlightGuard {
        self.state.fetch_add(1, Ordering::Relaxed);
        InFlightGuard(self.clone())
    }

    /// Judges whether something new may begin.
    #[inline]
    pub(crate) fn may_begin(&self) -> Result<()> {
        self.judge(CLOSED)
    }

    /// Judges whether what is under way may start another request.
    pub(crate) fn may_start(&self) -> Result<()> {
        self.judge(OVER)
    }

    #[inline]
    fn judge(&self, bit: usize) -> Result<()> {
        if self.state.load(Ordering::Relaxed) & bit == 0 { Ok(()) } else { Err(Error::shut_down()) }
    }

    /// Lets nothing new begin.
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::Relaxed);
    }

    /// Lets nothing start.
    pub(crate) fn end(&self) {
        self.state.fetch_or(OVER, Ordering::Relaxed);
    }

    /// How many things are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.state.load(Ordering::Acquire) & !(CLOSED | OVER)
    }

    /// Waits until nothing is under way.
    pub(crate) async fn drained(&self) {
        poll_fn(|context| {
            // First the waker: what ends in between wakes it.
            self.waiting().push(context.waker().clone());
            if self.under_way() == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let before = self.0.state.fetch_sub(1, Ordering::AcqRel);
        let was_the_last = before & !OVER == CLOSED | 1;
        if was_the_last {
            let waiting = std::mem::take(&mut *self.0.waiting());
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}
