//! From the calls to the sinks, off the calls' path.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use stitchapi_core::{Runtime, Tick};

use super::{CallId, Event, EventKind, TraceSink};

/// So many events wait at most.
const CAPACITY: usize = 8_192;
/// So many are taken before others may run.
const AT_ONCE: usize = 16;

/// The events of a seam on their way to its sinks.
///
/// The first event of a silence spawns a task that empties the queue and ends: nothing has to live on between calls.
#[derive(Debug)]
pub(crate) struct Dispatch {
    sinks: Vec<Arc<dyn TraceSink>>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    lost: u64,
    draining: bool,
}

impl Dispatch {
    pub(crate) fn new(sinks: Vec<Arc<dyn TraceSink>>) -> Arc<Self> {
        Arc::new(Self { sinks, queue: Mutex::default() })
    }

    fn emit(self: &Arc<Self>, runtime: &dyn Runtime, event: Event) {
        let mut queue = self.queue();
        if queue.events.len() >= CAPACITY {
            queue.lost += 1;
            return;
        }
        if queue.lost > 0 {
            let lost = EventKind::EventsLost { events: std::mem::take(&mut queue.lost) };
            queue.events.push_back(Event { kind: lost, ..event.clone() });
        }
        queue.events.push_back(event);
        let idle = !std::mem::replace(&mut queue.draining, true);
        drop(queue);
        if idle {
            runtime.spawn(Box::pin(Draining { dispatch: self.clone(), finished: false }.run()));
        }
    }

    /// Waits until the sinks have had every event so far.
    pub(crate) async fn flushed(&self) {
        while self.queue().draining {
            yield_once().await;
        }
    }

    /// Lets others run after every few events: the runtime may have one thread only.
    async fn drain(&self) {
        loop {
            let events: Vec<Event> = {
                let mut queue = self.queue();
                if queue.events.is_empty() {
                    queue.draining = false;
                    return;
                }
                let few = queue.events.len().min(AT_ONCE);
                queue.events.drain(..few).collect()
            };
            for (event, sink) in events.iter().flat_map(|event| self.sinks.iter().map(move |sink| (event, sink))) {
                // A sink that panics has said so itself; the others and the calls go on.
                let _ = catch_unwind(AssertUnwindSafe(|| sink.record(event)));
            }
            yield_once().await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that empties the queue. Should it end before that, with its runtime, the next event starts another.
struct Draining {
    dispatch: Arc<Dispatch>,
    finished: bool,
}

impl Draining {
    async fn run(mut self) {
        self.dispatch.drain().await;
        self.finished = true;
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        if !self.finished {
            self.dispatch.queue().draining = false;
        }
    }
}

/// Goes to the end of the runtime's queue, once.
pub(crate) async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The events of one call.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) seam: Arc<str>,
    pub(crate) stitch: Arc<str>,
    pub(crate) call: CallId,
}

impl Trace {
    /// The events of a seam that are no single call's.
    pub(crate) fn of_seam(dispatch: Arc<Dispatch>, runtime: Arc<dyn Runtime>, seam: Arc<str>) -> Self {
        Self { dispatch, runtime, seam, stitch: Arc::from(""), call: CallId(0) }
    }

    /// Something happened, now.
    pub(crate) fn emit(&self, kind: EventKind) {
        if !self.dispatch.sinks.is_empty() {
            self.emit_at(self.runtime.now(), kind);
        }
    }

    /// Something happened, at the time of this reading.
    pub(crate) fn emit_at(&self, at: Tick, kind: EventKind) {
        if self.dispatch.sinks.is_empty() {
            return;
        }
        let (seam, stitch) = (self.seam.clone(), self.stitch.clone());
        self.dispatch.emit(&*self.runtime, Event { at, seam, stitch, call: self.call, kind });
    }
}
