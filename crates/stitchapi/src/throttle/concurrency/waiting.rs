//! One who waits for a place.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use stitchapi_core::Tick;

use super::places::{Places, refused};
use super::register::Verdict;
use super::taken::Taken;
use crate::Result;
use crate::throttle::agent;
use crate::throttle::queue::WaiterId;

/// A place in this process' queue.
pub(super) struct Waiting {
    places: Arc<Places>,
    ticket: WaiterId,
    asked: Tick,
    /// Whether it has left the queue.
    is_done: bool,
}

impl Waiting {
    pub(super) fn new(places: Arc<Places>, ticket: WaiterId, asked: Tick) -> Self {
        Self { places, ticket, asked, is_done: false }
    }

    /// Whether the store has still to be asked on its behalf, or has not answered yet.
    pub(super) fn is_open(&self) -> bool {
        self.places.register().is_open(self.asked, self.places.terms())
    }

    /// Leaves the queue; takes what has come for it meanwhile.
    pub(super) fn give_up(mut self) -> Result<Taken> {
        match self.look(Waker::noop()) {
            Poll::Ready(taken) => taken,
            Poll::Pending => Err(refused()),
        }
    }

    /// What has become of it, if anything.
    fn look(&mut self, waker: &Waker) -> Poll<Result<Taken>> {
        let places = &self.places;
        let mut register = places.register();
        let Some((served, verdict)) = register.queue.poll(self.ticket, waker) else {
            let orphaned = !register.agent.is_running();
            drop(register);
            if orphaned {
                agent::ensure_running(places);
            }
            return Poll::Pending;
        };
        let owner = match verdict {
            Verdict::Place(owner) => owner,
            Verdict::Failed(error) => {
                self.is_done = true;
                return Poll::Ready(Err(error.into()));
            }
        };
        // Read under the lock: what was lost is known before the test.
        let now = places.runtime().now();
        if register.is_held(owner.as_ref(), now) {
            self.is_done = true;
            drop(register);
            return Poll::Ready(Ok(Taken::new(places.clone(), owner, now.since(self.asked))));
        }
        // This process was paused for longer than a lease: another place, in its old place in the queue.
        self.ticket = register.queue.requeue(served);
        let _ = register.queue.poll(self.ticket, waker);
        drop(register);
        places.give_back(owner);
        Poll::Pending
    }
}

impl Future for Waiting {
    type Output = Result<Taken>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.look(context.waker())
    }
}

/// Passes on the place in the queue, and the one that came too late for this caller.
impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let left = self.places.register().queue.leave(self.ticket);
        if let Some(Verdict::Place(owner)) = left {
            self.places.give_back(owner);
            return;
        }
        let agent = self.places.register().agent.notify();
        agent.into_iter().for_each(Waker::wake);
    }
}
