//! The task that talks to the store for everybody who waits for a place here, or has one.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::operation::{Answer, Answered, Kind, Operation};
use super::places::Places;
use crate::store::watch;

/// There while anybody waits or holds a place.
pub(super) struct Keeper {
    places: Arc<Places>,
    /// Whether it has ended by itself: another one may be there already.
    is_finished: bool,
}

impl Keeper {
    pub(super) fn new(places: Arc<Places>) -> Self {
        Self { places, is_finished: false }
    }

    pub(super) async fn run(mut self) {
        let places = &self.places.clone();
        let mut operations = FuturesUnordered::new();
        loop {
            let (planned, look_again) = places.turn();
            operations.extend(planned.into_iter().map(|operation| ask(places, operation)));
            if operations.is_empty() && self.is_done() {
                self.is_finished = true;
                return;
            }
            let mut sleep = look_again.map(|at| places.runtime().sleep_until(at));
            let answered = poll_fn(|context| {
                if !operations.is_empty()
                    && let Poll::Ready(answered) = operations.poll_next_unpin(context)
                {
                    return Poll::Ready(answered);
                }
                let slept = sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready());
                let nudged = places.register().keeper.listen(context.waker());
                if slept || nudged { Poll::Ready(None) } else { Poll::Pending }
            });
            if let Some(answered) = answered.await {
                places.take_in(&answered);
            }
        }
    }

    /// Nobody is here: whoever comes next finds no keeper and brings one.
    fn is_done(&self) -> bool {
        let now = self.places.runtime().now();
        let mut register = self.places.register();
        let done = register.is_done();
        if done {
            register.is_left(self.places.terms(), now);
        }
        done
    }
}

/// Should it end before its time, with its runtime, those who wait bring another.
impl Drop for Keeper {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        let now = self.places.runtime().now();
        let wakers = {
            let mut register = self.places.register();
            register.is_left(self.places.terms(), now);
            register.queue.wake_all()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

async fn ask(places: &Places, operation: Operation) -> Answered {
    let (terms, sent) = (places.terms(), places.runtime().now());
    let Some((leases, name, key)) = places.store() else { unreachable!("only places of a store have a keeper") };
    let Operation { kind, owner } = operation;
    let (what, asked) = match kind {
        Kind::Ask | Kind::Try | Kind::Adopt => {
            let park = if kind == Kind::Ask { terms.park } else { Duration::ZERO };
            let acquire = leases.acquire(key, terms.limit, terms.ttl, &owner, park);
            ("acquire", watch(&**places.runtime(), terms.timeout, name, "acquire", acquire).await.map(Answer::Lease))
        }
        Kind::Renew | Kind::Probe => {
            let renew = leases.renew(key, terms.ttl, &owner);
            ("renew", watch(&**places.runtime(), terms.timeout, name, "renew", renew).await.map(Answer::Renewed))
        }
        Kind::Release => {
            let release = leases.release(key, &owner);
            let done = watch(&**places.runtime(), terms.timeout, name, "release", release).await;
            ("release", done.map(|()| Answer::Done))
        }
    };
    let answer = asked.map_err(|error| places.tell_failure(what, error));
    Answered { operation, sent, answer }
}
