//! The trait of an event receiver, and an adapter for functions.

use std::fmt::{self, Debug};
use std::sync::Arc;

use super::Event;

/// Receiver of events.
///
/// * A task of its own passes the events to the sink, one after the other, in the order in which they were emitted. No
///   call waits for the sink: if 8,192 events are queued, further events are dropped and counted in
///   [`EventKind::EventsLost`](super::EventKind::EventsLost).
/// * A panic in a sink affects no call and no other sink.
/// * A sink runs on the seam's runtime, so it must not block: pass slow work to a channel.
pub trait TraceSink: Debug + Send + Sync + 'static {
    /// Receives one event.
    fn record(&self, event: &Event);
}

impl<S: TraceSink + ?Sized> TraceSink for Arc<S> {
    fn record(&self, event: &Event) {
        (**self).record(event);
    }
}

/// [`TraceSink`] made of a function by [`sink_fn`].
#[derive(Clone, Copy)]
pub struct SinkFn<F>(F);

/// Wraps a function as a [`TraceSink`].
///
/// ```
/// use stitchapi::trace::{EventKind, sink_fn};
///
/// let sink = sink_fn(|event| {
///     if let EventKind::Waited { waited } = event.kind {
///         println!("{} waited {waited:?}", event.stitch);
///     }
/// });
/// # let _ = sink;
/// ```
pub fn sink_fn<F: Fn(&Event) + Send + Sync + 'static>(record: F) -> SinkFn<F> {
    SinkFn(record)
}

impl<F: Fn(&Event) + Send + Sync + 'static> TraceSink for SinkFn<F> {
    fn record(&self, event: &Event) {
        (self.0)(event);
    }
}

impl<F> Debug for SinkFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SinkFn")
    }
}
