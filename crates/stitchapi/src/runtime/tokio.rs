//! Time, tasks and chance from tokio.

use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use stitchapi_core::{BoxFuture, Runtime, Tick, boot_timer};
use tokio::runtime::Handle;

/// The tasks of the tokio runtime that is current, or else of the one that was when this was made, and the machine's boot
/// clock.
///
/// It sleeps by [`boot_timer`], whose thread starts with the first sleep: tokio's own timer has a grain of a millisecond
/// and more, too coarse for a slot whose guard is one.
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

    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        Box::pin(boot_timer::sleep_until(at))
    }

    /// A seam may outlive the runtime that it was built in, as in tests: the caller's own comes first.
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(Handle::try_current().as_ref().unwrap_or(&self.handle).spawn(task));
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
