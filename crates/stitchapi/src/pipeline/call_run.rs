//! The state of one call between its stages.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{Runtime, Tick};

use super::declaration::Declaration;
use super::report::Report;
use crate::auth::AuthContext;
use crate::context::CallContext;
use crate::error::Error;
use crate::seam::Seam;
use crate::throttle::{Cost, WaitBounds};
use crate::trace::Trace;

/// The state of one call, or of one fetch for the cache, whose response several calls may receive.
pub(super) struct CallRun {
    pub(super) declaration: Arc<Declaration>,
    /// The seam of the declaration, or its copy for the principal of the call.
    pub(super) seam: Seam,
    pub(super) context: CallContext,
    /// The call's own longest wait for a concurrency permit and for each slot.
    pub(super) max_wait: Option<Duration>,
    /// The cost that the call itself states.
    pub(super) cost: Option<Cost>,
    pub(super) report: Report,
    /// The start of the current attempt: the clock reading at which the throttle released it. Before the first attempt,
    /// the time at which this state was created.
    pub(super) attempt_started_at: Tick,
    /// Number of retries so far.
    pub(super) retries: u32,
    /// The failure that caused the last retry.
    pub(super) last_failure: Option<Error>,
    /// Whether a rejected credential (401) of this call was already reported to the auth strategy, which happens once.
    pub(super) has_reported_rejection: bool,
    /// Number of redirects followed so far.
    pub(super) redirects: u8,
}

impl CallRun {
    pub(super) fn new(
        declaration: Arc<Declaration>,
        seam: Seam,
        context: CallContext,
        max_wait: Option<Duration>,
        cost: Option<Cost>,
    ) -> Self {
        let attempt_started_at = context.runtime().now();
        Self {
            declaration,
            seam,
            context,
            max_wait,
            cost,
            report: Report::default(),
            attempt_started_at,
            retries: 0,
            last_failure: None,
            has_reported_rejection: false,
            redirects: 0,
        }
    }

    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        self.context.runtime()
    }

    pub(super) fn trace(&self) -> &Trace {
        &self.context.trace
    }

    /// Returns the bounds of a wait for a concurrency permit or a slot: the deadline, and the call's own longest wait.
    pub(super) fn wait_bounds(&self) -> WaitBounds {
        WaitBounds { deadline: self.context.deadline, max_wait: self.max_wait }
    }

    pub(super) fn auth_context(&self) -> AuthContext<'_> {
        AuthContext::new(&self.context, self.seam.login_settings())
    }
}
