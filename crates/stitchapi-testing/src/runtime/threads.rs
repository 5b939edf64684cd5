//! A runtime on the threads of the standard library.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::time::SystemTime;

use stitchapi_core::{BoxFuture, Runtime, Tick, boot_timer};

/// A [`Runtime`] on std threads, for tests that need no other: each task has a thread of its own.
///
/// Its clock is the machine's boot clock. One timer thread serves the whole process, from the first sleep to the end.
#[derive(Debug, Clone, Copy, Default)]
pub struct StdRuntime(());

impl StdRuntime {
    /// There is nothing to set.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }

    /// Runs a future to its end on this thread.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        futures_executor::block_on(future)
    }
}

impl Runtime for StdRuntime {
    fn now(&self) -> Tick {
        Tick::of_boot_clock()
    }

    #[expect(clippy::disallowed_methods, reason = "a door to the wall clock")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        Box::pin(boot_timer::sleep_until(at))
    }

    #[expect(clippy::disallowed_methods, reason = "a door to threads")]
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

    fn after(runtime: StdRuntime, millis: u64) -> BoxFuture<'static, ()> {
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
    fn a_task_runs_on_its_own() {
        let runtime = StdRuntime::new();
        let (tell, told) = oneshot::channel();
        runtime.spawn(Box::pin(async move {
            after(runtime, 5).await;
            tell.send(7).unwrap();
        }));
        assert_eq!(runtime.block_on(told), Ok(7));
    }

    #[test]
    fn a_dropped_sleep_wakes_nobody() {
        let runtime = StdRuntime::new();
        let first = runtime.block_on(select(after(runtime, 10), after(runtime, 3_600_000)));
        assert!(matches!(first, Either::Left(_)));
    }

    #[test]
    fn it_does_not_repeat_its_random_numbers() {
        let runtime = StdRuntime::new();
        assert_ne!(runtime.random(), runtime.random());
    }
}
