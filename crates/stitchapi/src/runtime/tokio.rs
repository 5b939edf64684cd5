//! Time, tasks and chance from tokio.

use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use stitchapi_core::{BoxFuture, Runtime, Tick};
use tokio::runtime::Handle;

/// The tokio runtime that is current when it is made, and the machine's boot clock.
///
/// Its timer has a grain of a millisecond and is rounded up: a sleep ends up to a millisecond late, never early.
#[derive(Debug, Clone)]
pub struct TokioRuntime {
    handle: Handle,
}

impl TokioRuntime {
    /// The current runtime; `None` outside one.
    #[must_use]
    pub fn current() -> Option<Self> {
        Handle::try_current().ok().map(|handle| Self { handle })
    }
}

impl Runtime for TokioRuntime {
    fn now(&self) -> Tick {
        Tick::of_boot_clock()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door to the wall clock")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door to the timer")]
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        let handle = self.handle.clone();
        Box::pin(async move {
            // The timer runs on another clock than `now`, so it is asked again until `now` says so.
            loop {
                let now = Tick::of_boot_clock();
                if now >= at {
                    return;
                }
                let sleep = {
                    // Whoever awaits this need not be on the runtime itself.
                    let _entered = handle.enter();
                    tokio::time::sleep(at.since(now))
                };
                sleep.await;
            }
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(self.handle.spawn(task));
    }

    /// The hash of nothing, under keys that the standard library draws from the system and changes each time.
    fn random(&self) -> u64 {
        RandomState::new().hash_one(())
    }

    fn joins_callers(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_sleep_is_never_early() {
        let runtime = TokioRuntime::current().unwrap();
        for micros in [0, 1, 999, 1_500, 3_333] {
            let at = runtime.now() + Duration::from_micros(micros);
            runtime.sleep_until(at).await;
            assert!(runtime.now() >= at);
        }
    }

    #[tokio::test]
    async fn chance_does_not_repeat_itself() {
        let runtime = TokioRuntime::current().unwrap();
        let drawn: std::collections::HashSet<u64> = (0..1_000).map(|_| runtime.random()).collect();
        assert_eq!(drawn.len(), 1_000);
    }
}
