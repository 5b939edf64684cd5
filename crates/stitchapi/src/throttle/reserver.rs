//! Talks to the store for everybody who waits in this process, and serves them when their time comes.
//!
//! While a request is under way callers queue, and the next one books for all of them: the trips per call fall as the load
//! rises. A caller who is alone makes its request itself; with company a task, the *driver*, makes the requests, keeps
//! the bookings confirmed and serves the queue. It ends when nobody waits.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use stitchapi_core::pace::{Booking, Reservation};
use stitchapi_core::{BoxFuture, Key, Pacer, StoreError, StoreTime, Tick};

use super::bucket::Bucket;
use super::pacing::Request;
use super::pacing::Work;
use crate::runtime::yield_once;
use crate::store::watch;
use crate::trace::EventKind;

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
        let Some((pacer, name, key)) = self.store() else { unreachable!("only a bucket of a store makes requests") };
        let reserve = pacer.reserve(key, &request.pace);
        watch(&**self.runtime(), self.settings().timeout, name, "reserve", reserve).await.map_err(Arc::new)
    }

    fn take_in(self: &Arc<Self>, request: &Request, answer: Result<Reservation, Arc<StoreError>>) {
        let now = self.runtime().now();
        let mut work = Work::default();
        let (left_over, driver) = {
            let mut state = self.state();
            let left_over = state.take_in(self.settings(), request, answer, now, &mut work);
            state.serve(self.settings(), now, &mut work);
            (left_over, state.driver.ring())
        };
        self.tell(work);
        driver.into_iter().for_each(Waker::wake);
        if let Some(booking) = left_over {
            self.runtime().spawn(Box::pin(self.clone().refund(booking)));
        }
    }

    /// Gives bookings back, if nobody has booked behind them; whether that worked changes nothing here.
    async fn refund(self: Arc<Self>, booking: Booking) {
        let Some((pacer, name, key)) = self.store() else { return };
        let refund = pacer.refund(key, &booking);
        let _ = watch(&**self.runtime(), self.settings().timeout, name, "refund", refund).await;
    }

    /// Sees to it that somebody serves the queue.
    pub(super) fn drive(self: &Arc<Self>) {
        let starts = self.state().driver.attend();
        if starts {
            self.runtime().spawn(Box::pin(Driver { bucket: self.clone(), is_finished: false }.run()));
        }
    }

    /// One turn, and its consequences but for the request.
    pub(super) fn turn(&self, now: Tick) -> (Option<Request>, Option<Tick>) {
        let random = self.runtime().random();
        let mut work = self.state().turn(self.settings(), now, random);
        let next = (work.request.take(), work.look_again);
        self.tell(work);
        next
    }

    /// Tells the store of a hold. Saying it twice is saying it once, so it is said again if the first time failed.
    pub(super) async fn tell_hold(self: Arc<Self>, until: StoreTime) {
        let (Some((pacer, name, key)), settings) = (self.store(), self.settings()) else { return };
        let hold =
            || watch(&**self.runtime(), settings.timeout, name, "hold", pacer.hold(key, until, settings.max_hold));
        if self.is_failure(hold().await) {
            self.is_failure(hold().await);
        }
    }

    /// Corrects what one limit was charged. A debt may be said twice, what is given back never.
    pub(super) async fn settle_in_store(&self, index: usize, delta: i64) {
        let (Some((pacer, name, key)), settings) = (self.store(), self.settings()) else { return };
        let Some(limit) = settings.limits.get(index) else { return };
        let settle = || watch(&**self.runtime(), settings.timeout, name, "settle", pacer.settle(key, &limit.id, delta));
        if self.is_failure(settle().await) && delta > 0 {
            self.is_failure(settle().await);
        }
    }

    /// Whether the store has failed, which is told.
    fn is_failure(&self, done: Result<(), StoreError>) -> bool {
        let Err(error) = done else { return false };
        self.trace().emit(EventKind::StoreFailed { operation: error.operation(), kind: error.kind() });
        true
    }

    /// The store, and where the bucket lies in it.
    fn store(&self) -> Option<(&dyn Pacer, &'static str, &Key)> {
        let place = self.declared.place.as_ref()?;
        let tickets = self.tickets.as_ref().map(|tickets| tickets as &dyn Pacer);
        Some((tickets.or(place.pacer.as_deref())?, place.name, self.key.as_ref()?))
    }

    /// Wakes and tells whom a turn concerns.
    pub(super) fn tell(&self, work: Work) {
        work.wakers.into_iter().for_each(Waker::wake);
        for event in work.events {
            self.trace().emit(event);
        }
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
        let driver = {
            let mut state = self.bucket.state();
            state.forget(&request, now);
            state.driver.ring()
        };
        driver.into_iter().for_each(Waker::wake);
    }
}

/// A request that a caller makes itself. Should the caller leave, it goes on by itself: it may have booked.
pub(super) struct Inline {
    fetch: Option<BoxFuture<'static, ()>>,
    bucket: Arc<Bucket>,
}

impl Inline {
    pub(super) fn new(bucket: &Arc<Bucket>, request: Request) -> Self {
        Self { fetch: Some(Box::pin(bucket.clone().fetch(request))), bucket: bucket.clone() }
    }
}

impl Future for Inline {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(fetch) = &mut self.fetch else { return Poll::Ready(()) };
        let done = fetch.as_mut().poll(context);
        if done.is_ready() {
            self.fetch = None;
        }
        done
    }
}

impl Drop for Inline {
    fn drop(&mut self) {
        if let Some(fetch) = self.fetch.take() {
            self.bucket.runtime().spawn(fetch);
        }
    }
}

/// The task that serves a queue while anybody waits in it.
struct Driver {
    bucket: Arc<Bucket>,
    /// Whether it has ended by itself: another one may be there already.
    is_finished: bool,
}

impl Driver {
    async fn run(mut self) {
        let bucket = &self.bucket.clone();
        let mut requests = FuturesUnordered::new();
        let mut sleep: Option<(Tick, BoxFuture<'static, ()>)> = None;
        loop {
            let now = bucket.runtime().now();
            let (request, look_again) = bucket.turn(now);
            if let Some(request) = request {
                requests.push(bucket.clone().fetch(request));
                // There may be room for another one.
                continue;
            }
            if requests.is_empty() && self.is_done() {
                self.is_finished = true;
                return;
            }
            // What it slept for before may be what it sleeps for again.
            sleep = sleep.filter(|(until, _)| Some(*until) == look_again);
            if let (None, Some(at)) = (&sleep, look_again) {
                sleep = Some((at, bucket.runtime().sleep_until(at)));
            }
            let slept = poll_fn(|context| {
                let answered = !requests.is_empty() && requests.poll_next_unpin(context).is_ready();
                let slept = sleep.as_mut().is_some_and(|(_, sleep)| sleep.as_mut().poll(context).is_ready());
                let nudged = bucket.state().driver.listen(context.waker());
                if answered || slept || nudged { Poll::Ready(slept) } else { Poll::Pending }
            })
            .await;
            if slept {
                sleep = None;
            } else {
                // Those who were woken together come back one by one: the next request is for all of them.
                yield_once().await;
            }
        }
    }

    /// Nobody waits: whoever comes next finds no driver and brings one.
    fn is_done(&self) -> bool {
        let mut state = self.bucket.state();
        let done = state.queue.len() == 0;
        if done {
            state.driver.leave();
        }
        done
    }
}

/// Should it end before its time, with its runtime, those who wait bring another.
impl Drop for Driver {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        let wakers = {
            let mut state = self.bucket.state();
            state.driver.leave();
            state.queue.wake_all()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}
