//! Typed events of every call, delivered to sinks that can neither break nor delay a call.
//!
//! A call emits through `Trace`; `Dispatch` queues; a task of its own passes each [`Event`] to every [`TraceSink`].

mod dispatch;
mod emitter;
mod event;
mod sink;

pub(crate) use dispatch::Dispatch;
pub(crate) use emitter::Trace;
pub use event::{CacheOutcome, CallId, Event, EventKind, HoldReason, Unreadable};
pub use sink::{SinkFn, TraceSink, sink_fn};
