//! What an answer asks for is done.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use stitchapi_core::Tick;

use super::super::bucket::Bucket;
use super::super::pacing::Work;
use super::asked::{Asked, Pause};
use crate::trace::HoldReason;

impl Bucket {
    /// Lets nobody start for as long as the answer asks that has just come to a call that started at `started`.
    pub(crate) fn answered(self: &Arc<Self>, asked: Asked, started: Tick) {
        let cap = self.settings().max_hold;
        let now = self.runtime().now();
        let (length, reason) = match asked.pause {
            Pause::No => return,
            Pause::For(length, reason) => (Some(length), reason),
            Pause::Unstated => (self.state().back_off.refused(started, now, cap), HoldReason::Refusal),
        };
        if let Some(length) = length.map(|length| length.min(cap)).filter(|length| !length.is_zero()) {
            self.hold(length, reason, now);
        }
    }

    /// A call that started at `started` was answered, and its pace was not refused.
    pub(crate) fn went_through(&self, asked: Asked, started: Tick) {
        if asked.went_through {
            let now = self.runtime().now();
            self.state().back_off.went_through(started, now);
        }
    }

    /// Lets nobody start for so long, in the whole fleet.
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
