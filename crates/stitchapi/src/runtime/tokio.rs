//! The runtime of an application that uses tokio.

use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use stitchapi_core::{BoxFuture, Runtime, Tick, boot_timer};
use tokio::runtime::Handle;

/// [`Runtime`] that spawns on tokio and reads the boot clock of the machine.
///
/// * A task is spawned on the tokio runtime that is current when it is spawned, or else on the runtime that was current
///   when this value was created.
/// * Sleeps use [`boot_timer`], whose thread starts with the first sleep. Tokio's own timer has a resolution of 1 ms,
///   which is too coarse for a slot whose maximum lateness is 1 ms.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
/// use stitchapi::{Seam, runtime::TokioRuntime};
///
/// let runtime = TokioRuntime::current().expect("called inside a tokio runtime");
/// let api = Seam::builder("https://api.example.com").runtime(runtime).build()?;
/// # let _ = api; Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct TokioRuntime {
    handle: Handle,
}

impl TokioRuntime {
    /// Returns the current tokio runtime; `None` outside of one.
    #[must_use]
    pub fn current() -> Option<Self> {
        Handle::try_current().ok().map(|handle| Self { handle })
    }
}

impl Runtime for TokioRuntime {
    fn now(&self) -> Tick {
        Tick::of_boot_clock()
    }

    #[expect(clippy::disallowed_methods, reason = "the runtime is where the wall clock is read")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        Box::pin(boot_timer::sleep_until(at))
    }

    /// Prefers the tokio runtime of the caller, because a seam may outlive the runtime in which it was built, for
    /// example in tests.
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(Handle::try_current().as_ref().unwrap_or(&self.handle).spawn(task));
    }

    /// Returns the hash of an empty value under the random keys of [`RandomState`], which differ each time.
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
    async fn random_numbers_do_not_repeat() {
        let runtime = TokioRuntime::current().unwrap();
        let drawn: std::collections::HashSet<u64> = (0..1_000).map(|_| runtime.random()).collect();
        assert_eq!(drawn.len(), 1_000);
    }
}
