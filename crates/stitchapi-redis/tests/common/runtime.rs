//! A runtime for the kit: clocks and timers of the standard library, and tasks of tokio, which the client needs.

use std::time::SystemTime;

use stitchapi_core::{BoxFuture, Runtime, Tick};
use stitchapi_testing::StdRuntime;
use tokio::runtime::Handle;

#[derive(Debug, Clone)]
pub(crate) struct TokioRuntime {
    tokio: Handle,
    std: StdRuntime,
}

impl TokioRuntime {
    /// Uses the tokio runtime of the caller.
    pub(crate) fn current() -> Self {
        Self { tokio: Handle::current(), std: StdRuntime::new() }
    }
}

impl Runtime for TokioRuntime {
    fn now(&self) -> Tick {
        self.std.now()
    }
    fn wall(&self) -> SystemTime {
        self.std.wall()
    }
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        self.std.sleep_until(at)
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.tokio.spawn(task);
    }
    fn random(&self) -> u64 {
        self.std.random()
    }
    fn joins_callers(&self) -> bool {
        true
    }
}

/// Sleeps on the timer of the kit.
pub(crate) async fn sleep(duration: std::time::Duration) {
    let std = StdRuntime::new();
    std.sleep_until(std.now() + duration).await;
}
