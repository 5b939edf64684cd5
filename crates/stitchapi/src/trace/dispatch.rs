//! The queue between the calls and the sinks: a call pushes its events, and a spawned task delivers them.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use stitchapi_core::Runtime;

use super::{Event, EventKind, TraceSink};
use crate::runtime::yield_once;

/// Maximum number of events in the queue. Further events are dropped and counted.
const CAPACITY: usize = 8_192;
/// Number of events delivered between two yields to the runtime.
const EVENTS_PER_BATCH: usize = 16;

/// Queue of the events of a seam on their way to its sinks.
///
/// The first event in an empty queue spawns a task, which delivers until the queue is empty, and then ends. No task
/// runs while there is no event.
#[derive(Debug)]
pub(crate) struct Dispatch {
    sinks: Vec<Arc<dyn TraceSink>>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    /// Number of events dropped since the last event that was queued.
    lost: u64,
    is_delivering: bool,
    /// Wakers of the futures that wait until everything is delivered.
    delivered_wakers: Vec<Waker>,
}

impl Dispatch {
    pub(crate) fn new(sinks: Vec<Arc<dyn TraceSink>>) -> Arc<Self> {
        Arc::new(Self { sinks, queue: Mutex::default() })
    }

    /// Returns `true` if no sink receives events, so that emitting can be skipped.
    pub(super) fn is_disabled(&self) -> bool {
        self.sinks.is_empty()
    }

    pub(super) fn emit(self: &Arc<Self>, runtime: &dyn Runtime, event: Event) {
        let mut queue = self.lock_queue();
        if queue.events.len() >= CAPACITY {
            queue.lost += 1;
            return;
        }
        if queue.lost > 0 {
            let lost = EventKind::EventsLost { events: std::mem::take(&mut queue.lost) };
            queue.events.push_back(Event { kind: lost, ..event.clone() });
        }
        queue.events.push_back(event);
        let was_idle = !std::mem::replace(&mut queue.is_delivering, true);
        drop(queue);
        if was_idle {
            runtime.spawn(Box::pin(Delivery { dispatch: self.clone(), is_finished: false }.run()));
        }
    }

    /// Waits until the sinks have received every event emitted so far.
    pub(crate) async fn wait_until_delivered(&self) {
        poll_fn(|context| {
            let mut queue = self.lock_queue();
            if !queue.is_delivering {
                return Poll::Ready(());
            }
            queue.delivered_wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Delivers until the queue is empty. It yields after every batch, because the runtime may have a single thread.
    async fn deliver(&self) {
        loop {
            let batch: Vec<Event> = {
                let mut queue = self.lock_queue();
                if queue.events.is_empty() {
                    return end_delivery(queue);
                }
                let length = queue.events.len().min(EVENTS_PER_BATCH);
                queue.events.drain(..length).collect()
            };
            for (event, sink) in batch.iter().flat_map(|event| self.sinks.iter().map(move |sink| (event, sink))) {
                // The panic hook has reported the panic of a sink; the other sinks still receive the event.
                let _ = catch_unwind(AssertUnwindSafe(|| sink.record(event)));
            }
            yield_once().await;
        }
    }

    fn lock_queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that delivers. If the runtime drops it before the queue is empty, the next event spawns another one.
struct Delivery {
    dispatch: Arc<Dispatch>,
    is_finished: bool,
}

impl Delivery {
    async fn run(mut self) {
        self.dispatch.deliver().await;
        self.is_finished = true;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.is_finished {
            end_delivery(self.dispatch.lock_queue());
        }
    }
}

/// Marks the delivery as ended, and wakes the futures that wait for its end.
fn end_delivery(mut queue: MutexGuard<'_, Queue>) {
    queue.is_delivering = false;
    let wakers = std::mem::take(&mut queue.delivered_wakers);
    drop(queue);
    wakers.into_iter().for_each(Waker::wake);
}
