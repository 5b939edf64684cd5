//! Application of a response's rate-limit signal to a bucket.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use stitchapi_core::Tick;

use super::super::bucket::Bucket;
use super::super::pacing::Work;
use crate::rate_limit_headers::{Cooldown, RateLimitSignal};
use crate::trace::HoldReason;

impl Bucket {
    /// Applies the cooldown that a response requests, at most [`max_hold`](crate::Throttle::max_hold). `started` is the start
    /// of the request.
    pub(crate) fn apply_cooldown(self: &Arc<Self>, signal: RateLimitSignal, started: Tick) {
        let cap = self.settings().max_hold;
        let now = self.runtime().now();
        let (length, reason) = match signal.cooldown {
            Cooldown::None => return,
            Cooldown::Stated(length, reason) => (Some(length), reason),
            Cooldown::Unstated => (self.state().back_off.on_refusal(started, now, cap), HoldReason::Refusal),
        };
        if let Some(length) = length.map(|length| length.min(cap)).filter(|length| !length.is_zero()) {
            self.hold(length, reason, now);
        }
    }

    /// Shortens the next hold of unstated length if the API accepted the request that started at `started`.
    pub(crate) fn record_acceptance(&self, signal: RateLimitSignal, started: Tick) {
        if signal.is_accepted {
            let now = self.runtime().now();
            self.state().back_off.on_acceptance(started, now);
        }
    }

    /// Delays all starts for `length`: here at once, and in the fleet through the cell.
    fn hold(self: &Arc<Self>, length: Duration, reason: HoldReason, now: Tick) {
        let mut work = Work::default();
        let (told, agent) = {
            let mut state = self.state();
            (state.hold(now + length, reason, now, &mut work), state.agent.notify())
        };
        self.apply(work);
        agent.into_iter().for_each(Waker::wake);
        if let Some(until) = told {
            self.runtime().spawn(Box::pin(self.clone().tell_hold(until)));
        }
    }
}
