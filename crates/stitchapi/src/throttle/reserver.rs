//! Talks to the store for everybody who waits in this process, and serves them when their time comes.
//!
//! While a request is under way callers queue, and the next one books for all of them: the trips per call fall as the load
//! rises. A caller who is alone makes its request itself; with company the [agent](super::agent) makes the requests, keeps
//! the bookings confirmed and serves the queue.

use std::future::Future;
use std::sync::Arc;
use std::task::Waker;

use stitchapi_core::pace::{Booking, Reservation};
use stitchapi_core::{Runtime, StoreError, StoreTime};

use super::agent::WaitQueue;
use super::bucket::Bucket;
use super::pacing::Request;
use super::pacing::Work;
use crate::trace::Trace;

impl Bucket {
    /// Makes one request to the store and takes in what it answers. Dropped, it is as if it had not been answered.
    pub(super) async fn fetch(self: Arc<Self>, request: Request) {
        let mut under_way = UnderWay { bucket: &self, request: Some(request) };
        if let Some(request) = &under_way.request {
            let answer = self.ask(request).await;
            let request = under_way.request.take();
            if let Some(request) = request {
                self.take_in(&request, answer);
            }
        }
    }

    async fn ask(&self, request: &Request) -> Result<Reservation, Arc<StoreError>> {
        let Some(cell) = &self.cell else { unreachable!("only a bucket of a store makes requests") };
        cell.reserve(&request.pace).await.map_err(Arc::new)
    }

    fn take_in(self: &Arc<Self>, request: &Request, answer: Result<Reservation, Arc<StoreError>>) {
        let now = self.runtime().now();
        let mut work = Work::default();
        let (left_over, agent) = {
            let mut state = self.state();
            let left_over = state.take_in(self.settings(), request, answer, now, &mut work);
            state.serve(self.settings(), now, &mut work);
            (left_over, state.agent.notify())
        };
        self.apply(work);
        agent.into_iter().for_each(Waker::wake);
        if let Some(booking) = left_over {
            self.runtime().spawn(Box::pin(self.clone().refund(booking)));
        }
    }

    /// Gives bookings back, if nobody has booked behind them; whether that worked changes nothing here.
    async fn refund(self: Arc<Self>, booking: Booking) {
        let Some(cell) = &self.cell else { return };
        let _ = cell.refund(&booking).await;
    }

    /// Tells the store of a hold. Saying it twice is saying it once, so it is said again if the first time failed.
    pub(super) async fn tell_hold(self: Arc<Self>, until: StoreTime) {
        let (Some(cell), cap) = (&self.cell, self.settings().max_hold) else { return };
        if cell.hold(until, cap).await.is_err() {
            let _ = cell.hold(until, cap).await;
        }
    }

    /// Corrects what one limit was charged. A debt may be said twice, what is given back never.
    pub(super) async fn settle_in_store(&self, index: usize, delta: i64) {
        let (Some(cell), Some(limit)) = (&self.cell, self.settings().limits.get(index)) else { return };
        if cell.settle(&limit.id, delta).await.is_err() && delta > 0 {
            let _ = cell.settle(&limit.id, delta).await;
        }
    }

    /// Wakes the served waiters and emits the events.
    pub(super) fn apply(&self, mut work: Work) {
        work.wake_and_emit(self.trace());
    }
}

impl WaitQueue for Bucket {
    type Request = Request;

    fn runtime(&self) -> &Arc<dyn Runtime> {
        self.runtime()
    }

    fn trace(&self) -> &Trace {
        self.trace()
    }

    fn turn(&self) -> Work {
        let (now, random) = (self.runtime().now(), self.runtime().random());
        self.state().turn(self.settings(), now, random)
    }

    fn send(self: Arc<Self>, request: Request) -> impl Future<Output = ()> + Send {
        self.fetch(request)
    }

    fn try_start(&self) -> bool {
        self.state().agent.start()
    }

    fn try_stop(&self) -> bool {
        let mut state = self.state();
        let is_done = state.queue.len() == 0;
        if is_done {
            state.agent.stop();
        }
        is_done
    }

    fn abort(&self) -> Vec<Waker> {
        let mut state = self.state();
        state.agent.stop();
        state.queue.wake_all()
    }

    fn poll_notified(&self, waker: &Waker) -> bool {
        self.state().agent.poll_notified(waker)
    }
}

/// A request that somebody runs.
struct UnderWay<'b> {
    bucket: &'b Arc<Bucket>,
    request: Option<Request>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let Some(request) = self.request.take() else { return };
        let now = self.bucket.runtime().now();
        let agent = {
            let mut state = self.bucket.state();
            state.forget(&request, now);
            state.agent.notify()
        };
        agent.into_iter().for_each(Waker::wake);
    }
}
