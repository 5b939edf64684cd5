//! The wait-queue agent: a task that serves the callers that wait for one limit in this process, and sends requests to the
//! store for them.
//!
//! The rate limit and the concurrency limit of a [`Bucket`](super::Bucket) have one agent each. The agent runs the
//! steps of its [`WaitQueue`] and sends the requests that a step plans. Between steps it sleeps until a response
//! arrives, the next step is due, or a caller notifies it through its [`AgentWaker`]. It stops when the queue has no
//! work left.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use stitchapi_core::{BoxFuture, Runtime, Tick};

use crate::runtime::yield_once;
use crate::trace::{EventKind, Trace};

/// The wait queue of one limit, as its agent sees it. Each method locks the limit's state only while it runs.
pub(super) trait WaitQueue: Send + Sync + 'static {
    /// One operation on the store.
    type Request: Send;

    /// Returns the runtime that the agent runs on.
    fn runtime(&self) -> &Arc<dyn Runtime>;

    /// Returns the trace to which the events of a step are emitted.
    fn trace(&self) -> &Trace;

    /// Serves the waiters that can be served now, and plans the next requests and the time of the next step.
    fn step(&self) -> Effects<Self::Request>;

    /// Sends one request and applies its response to the state. If the future is dropped, the request may have taken
    /// effect in the store, but it has no result.
    fn send(self: Arc<Self>, request: Self::Request) -> impl Future<Output = ()> + Send;

    /// Marks the agent as running. Returns `false` if it runs already, or if it is known to have no work.
    fn try_start_agent(&self) -> bool;

    /// Marks the agent as stopped if it has no work; the next caller starts another one. Returns `false` if it has work.
    fn try_stop_agent(&self) -> bool;

    /// Marks the agent as stopped although it has work, because the runtime has dropped it. Returns the wakers of all
    /// waiters.
    fn abort(&self) -> Vec<Waker>;

    /// Stores `waker` for the next notification. Returns `true` if the agent was notified since its last step began.
    fn poll_notified(&self, waker: &Waker) -> bool;
}

/// What to do after a change of a limit's state, once the state is unlocked.
#[derive(Debug)]
pub(super) struct Effects<R> {
    /// Wakers of the waiters that were served.
    pub(super) wakers: Vec<Waker>,
    /// Events to emit.
    pub(super) events: Vec<EventKind>,
    /// Requests to send. While a step returns any, another step follows at once.
    pub(super) requests: Vec<R>,
    /// Time of the next step, if no response and no notification comes before.
    pub(super) next_step: Option<Tick>,
}

impl<R> Default for Effects<R> {
    fn default() -> Self {
        Self { wakers: Vec::new(), events: Vec::new(), requests: Vec::new(), next_step: None }
    }
}

impl<R> Effects<R> {
    /// Plans the next step for `at`, unless it is planned for an earlier time.
    pub(super) fn step_at(&mut self, at: Tick) {
        self.next_step = Some(self.next_step.map_or(at, |other| other.min(at)));
    }

    /// Wakes the served waiters and emits the events.
    pub(super) fn wake_and_emit(&mut self, trace: &Trace) {
        self.wakers.drain(..).for_each(Waker::wake);
        self.events.drain(..).for_each(|event| trace.emit(event));
    }
}

/// How callers start, wake and stop an agent. Part of the limit's state, under its lock.
#[derive(Debug, Default)]
pub(super) struct AgentWaker {
    is_running: bool,
    waker: Option<Waker>,
    is_notified: bool,
}

impl AgentWaker {
    /// Returns `true` if the agent is running.
    pub(super) fn is_running(&self) -> bool {
        self.is_running
    }

    /// Marks the agent as running. Returns `false` if it was running already.
    pub(super) fn start(&mut self) -> bool {
        !std::mem::replace(&mut self.is_running, true)
    }

    /// Marks the agent as stopped.
    pub(super) fn stop(&mut self) {
        self.is_running = false;
        self.waker = None;
    }

    /// Notifies the agent of a change. If the agent sleeps, returns its waker: the caller wakes it after unlocking the
    /// state.
    pub(super) fn notify(&mut self) -> Option<Waker> {
        self.is_notified = true;
        self.waker.take()
    }

    /// Clears the notification, because the step that begins now sees all changes so far.
    pub(super) fn begin_step(&mut self) {
        self.is_notified = false;
    }

    /// Stores `waker` for the next notification. Returns `true` if there was one since the last step began.
    pub(super) fn poll_notified(&mut self, waker: &Waker) -> bool {
        if !self.is_notified {
            self.waker = Some(waker.clone());
        }
        self.is_notified
    }
}

/// Starts the agent of `queue`, unless it runs already or has no work.
pub(super) fn ensure_running<Q: WaitQueue>(queue: &Arc<Q>) {
    if queue.try_start_agent() {
        queue.runtime().spawn(Box::pin(Agent { queue: queue.clone(), is_stopped: false }.run()));
    }
}

struct Agent<Q: WaitQueue> {
    queue: Arc<Q>,
    /// Whether the agent has stopped because it had no work. Another agent may be running since.
    is_stopped: bool,
}

impl<Q: WaitQueue> Agent<Q> {
    async fn run(mut self) {
        let queue = &self.queue.clone();
        let mut responses = FuturesUnordered::new();
        let mut sleep: Option<(Tick, BoxFuture<'static, ()>)> = None;
        loop {
            let mut effects = queue.step();
            effects.wake_and_emit(queue.trace());
            if !effects.requests.is_empty() {
                responses.extend(effects.requests.into_iter().map(|request| queue.clone().send(request)));
                continue;
            }
            if responses.is_empty() && queue.try_stop_agent() {
                self.is_stopped = true;
                return;
            }
            // The timer is kept while the time of the next step stays the same.
            sleep = sleep.filter(|(until, _)| Some(*until) == effects.next_step);
            if let (None, Some(at)) = (&sleep, effects.next_step) {
                sleep = Some((at, queue.runtime().sleep_until(at)));
            }
            let slept = poll_fn(|context| {
                let responded = !responses.is_empty() && responses.poll_next_unpin(context).is_ready();
                let slept = sleep.as_mut().is_some_and(|(_, sleep)| sleep.as_mut().poll(context).is_ready());
                let notified = queue.poll_notified(context.waker());
                if responded || slept || notified { Poll::Ready(slept) } else { Poll::Pending }
            })
            .await;
            if slept {
                sleep = None;
            } else {
                // Callers that were woken together join the queue again one by one. Yielding lets all of them join
                // before the next request.
                yield_once().await;
            }
        }
    }
}

/// Wakes the waiters if the runtime drops the agent before its end, so that one of them starts another agent.
impl<Q: WaitQueue> Drop for Agent<Q> {
    fn drop(&mut self) {
        if !self.is_stopped {
            self.queue.abort().into_iter().for_each(Waker::wake);
        }
    }
}

/// A future that continues in a spawned task if it is dropped before its end, because its request may have taken effect.
pub(super) struct SpawnOnDrop {
    future: Option<BoxFuture<'static, ()>>,
    runtime: Arc<dyn Runtime>,
}

impl SpawnOnDrop {
    pub(super) fn new(runtime: Arc<dyn Runtime>, future: BoxFuture<'static, ()>) -> Self {
        Self { future: Some(future), runtime }
    }
}

impl Future for SpawnOnDrop {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &mut self.future else { return Poll::Ready(()) };
        let done = future.as_mut().poll(context);
        if done.is_ready() {
            self.future = None;
        }
        done
    }
}

impl Drop for SpawnOnDrop {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            self.runtime.spawn(future);
        }
    }
}
