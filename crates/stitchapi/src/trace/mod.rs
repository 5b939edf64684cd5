//! One typed stream of events for every call, to sinks that can neither break nor slow it.

mod dispatch;
mod event;
mod sink;

pub(crate) use dispatch::{Dispatch, Trace, yield_once};
pub use event::{CacheOutcome, CallId, Event, EventKind, HoldReason, Unreadable};
pub use sink::{SinkFn, TraceSink, sink_fn};
