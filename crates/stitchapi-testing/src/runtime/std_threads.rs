//! Runtime on the threads and clocks of the standard library.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::time::SystemTime;

use stitchapi_core::{BoxFuture, Runtime, Tick, boot_timer};

/// [`Runtime`] on real time and `std` threads, for stores that need no async runtime.
///
/// * Each spawned task runs on a thread of its own.
/// * The clock is the machine's boot clock. One timer thread per process serves all sleeps; it starts with the first one.
///
/// ```
/// use stitchapi_testing::StdRuntime;
///
/// assert_eq!(StdRuntime::new().block_on(async { 1 + 1 }), 2);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct StdRuntime(());

impl StdRuntime {
    /// Creates the runtime, which has no settings and no state.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }

    /// Runs `future` to its end on the calling thread.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        futures_executor::block_on(future)
    }
}

impl Runtime for StdRuntime {
    fn now(&self) -> Tick {
        Tick::of_boot_clock()
    }

    #[expect(clippy::disallowed_methods, reason = "a `Runtime` reads the wall clock for others")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        Box::pin(boot_timer::sleep_until(at))
    }

    #[expect(clippy::disallowed_methods, reason = "a `Runtime` starts threads for others")]
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        std::thread::spawn(|| futures_executor::block_on(task));
    }

    fn random(&self) -> u64 {
        RandomState::new().build_hasher().finish()
    }

    fn joins_callers(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_channel::oneshot;
    use futures_util::future::{Either, join_all, select};

    use super::*;

    fn sleep(runtime: StdRuntime, millis: u64) -> BoxFuture<'static, ()> {
        runtime.sleep_until(runtime.now() + Duration::from_millis(millis))
    }

    #[test]
    fn a_sleep_never_ends_early() {
        let runtime = StdRuntime::new();
        let sleeps = [30, 1, 0, 20, 10].map(|millis| async move {
            let end = runtime.now() + Duration::from_millis(millis);
            runtime.sleep_until(end).await;
            assert!(runtime.now() >= end);
        });
        runtime.block_on(join_all(sleeps));
    }

    #[test]
    fn a_spawned_task_runs_without_being_awaited() {
        let runtime = StdRuntime::new();
        let (sender, receiver) = oneshot::channel();
        runtime.spawn(Box::pin(async move {
            sleep(runtime, 5).await;
            sender.send(7).unwrap();
        }));
        assert_eq!(runtime.block_on(receiver), Ok(7));
    }

    #[test]
    fn a_dropped_sleep_delays_nothing() {
        let runtime = StdRuntime::new();
        let first = runtime.block_on(select(sleep(runtime, 10), sleep(runtime, 3_600_000)));
        assert!(matches!(first, Either::Left(_)));
    }

    #[test]
    fn random_numbers_differ() {
        let runtime = StdRuntime::new();
        assert_ne!(runtime.random(), runtime.random());
    }
}
