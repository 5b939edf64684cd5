//! Killing one worker in the middle of what it does for all, once.

use std::sync::atomic::{AtomicBool, Ordering};

use stitchapi::Tick;
use tokio::process::Child;

use super::said::Errand;
use super::upstream::Upstream;

/// Whom to kill: who is on this errand first.
pub(super) struct Killing<'u> {
    victim: Option<(Errand, &'u Upstream)>,
    done: AtomicBool,
}

impl<'u> Killing<'u> {
    pub(super) fn nobody() -> Self {
        Self { victim: None, done: AtomicBool::new(false) }
    }

    pub(super) fn who_is_on(errand: Errand, upstream: &'u Upstream) -> Self {
        Self { victim: Some((errand, upstream)), done: AtomicBool::new(false) }
    }

    /// Whether a worker that begins this errand is to be killed.
    pub(super) fn is_for(&self, errand: Errand) -> bool {
        self.victim.is_some_and(|(victim, _)| victim == errand) && !self.done.load(Ordering::Relaxed)
    }

    /// Waits until the request is in flight: the upstream has seen it.
    pub(super) async fn may_strike(&self) {
        match self.victim {
            Some((errand, upstream)) => upstream.seen(errand).await,
            None => std::future::pending().await,
        }
    }

    /// Sends SIGKILL, if nobody has been killed yet; on which errand, and when.
    pub(super) fn strike(&self, process: &mut Child) -> Option<(Errand, u64)> {
        let (errand, _) = self.victim?;
        if self.done.swap(true, Ordering::Relaxed) || process.start_kill().is_err() {
            return None;
        }
        Some((errand, Tick::of_boot_clock().0))
    }
}
