//! `--kill`: kills one worker while its login or fetch is in flight.

use std::sync::atomic::{AtomicBool, Ordering};

use stitchapi::Tick;
use tokio::process::Child;

use crate::fleet::protocol::SharedRequest;
use crate::fleet::upstream::Upstream;

/// Kills at most one worker of a phase: the first one whose login or fetch is in flight.
pub(crate) struct KillSwitch<'u> {
    trigger: Option<(SharedRequest, &'u Upstream)>,
    is_used: AtomicBool,
}

impl<'u> KillSwitch<'u> {
    /// Creates a switch that kills no worker.
    pub(crate) fn disabled() -> Self {
        Self { trigger: None, is_used: AtomicBool::new(false) }
    }

    /// Creates a switch that kills the first worker that makes this request to the upstream.
    pub(crate) fn during(request: SharedRequest, upstream: &'u Upstream) -> Self {
        Self { trigger: Some((request, upstream)), is_used: AtomicBool::new(false) }
    }

    /// Returns `true` if a worker that begins this request is to be killed.
    pub(super) fn is_armed_for(&self, request: SharedRequest) -> bool {
        self.trigger.is_some_and(|(trigger, _)| trigger == request) && !self.is_used.load(Ordering::Relaxed)
    }

    /// Waits until the upstream has received the request, so that it is in flight. Never returns if disabled.
    pub(super) async fn wait_until_in_flight(&self) {
        match self.trigger {
            Some((request, upstream)) => upstream.wait_for(request).await,
            None => std::future::pending().await,
        }
    }

    /// Sends SIGKILL to the process, unless a worker has been killed before. Returns the interrupted request and the
    /// time of the kill in microseconds on the boot clock.
    pub(super) fn kill(&self, process: &mut Child) -> Option<(SharedRequest, u64)> {
        let (request, _) = self.trigger?;
        if self.is_used.swap(true, Ordering::Relaxed) || process.start_kill().is_err() {
            return None;
        }
        Some((request, Tick::of_boot_clock().0))
    }
}
