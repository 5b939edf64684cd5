//! The handle through which a call emits events.

use std::sync::Arc;

use stitchapi_core::{Runtime, Tick};

use super::{CallId, Dispatch, Event, EventKind};

/// Emitter of the events of one call, or of the events of a seam that belong to no call.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) seam: Arc<str>,
    pub(crate) stitch: Arc<str>,
    pub(crate) call: CallId,
}

impl Trace {
    /// Returns the emitter of the events that belong to a seam and to no call.
    pub(crate) fn of_seam(dispatch: Arc<Dispatch>, runtime: Arc<dyn Runtime>, seam: Arc<str>) -> Self {
        Self { dispatch, runtime, seam, stitch: Arc::from(""), call: CallId(0) }
    }

    /// Emits an event with the current time.
    pub(crate) fn emit(&self, kind: EventKind) {
        if !self.dispatch.is_disabled() {
            self.emit_at(self.runtime.now(), kind);
        }
    }

    /// Emits an event with the time `at`.
    pub(crate) fn emit_at(&self, at: Tick, kind: EventKind) {
        if self.dispatch.is_disabled() {
            return;
        }
        let (seam, stitch) = (self.seam.clone(), self.stitch.clone());
        self.dispatch.emit(&*self.runtime, Event { at, seam, stitch, call: self.call, kind });
    }
}
