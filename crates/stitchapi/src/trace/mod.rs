//! Typed events of every call. They are delivered to sinks, for which no call waits.
//!
//! A call emits an [`Event`] through `Trace`, and `Dispatch` queues it. A task of its own passes each event to every
//! [`TraceSink`].

mod dispatch;
mod emitter;
mod event;
mod sink;

pub(crate) use dispatch::Dispatch;
pub(crate) use emitter::Trace;
pub use event::{CacheOutcome, CallId, Event, EventKind, HoldReason, Unreadable};
pub use sink::{SinkFn, TraceSink, sink_fn};
