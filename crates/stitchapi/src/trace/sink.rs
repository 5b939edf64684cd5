//! Where events go.

use std::fmt::{self, Debug};
use std::sync::Arc;

use super::Event;

/// Takes events.
///
/// It is called by a task of its own, one event after the other in the order of their happening: no call waits for it
/// (events beyond 8,192 waiting ones are dropped and counted), and a panic in it breaks none. It runs on the seam's
/// runtime, so like any code there it must not block: hand what takes time to a channel.
pub trait TraceSink: Debug + Send + Sync + 'static {
    /// Takes one event.
    fn record(&self, event: &Event);
}

impl<S: TraceSink + ?Sized> TraceSink for Arc<S> {
    fn record(&self, event: &Event) {
        (**self).record(event);
    }
}

/// A sink that is a function: see [`sink_fn`].
#[derive(Clone, Copy)]
pub struct SinkFn<F>(F);

/// Makes a sink of a function.
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
