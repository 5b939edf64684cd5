//! Clocks, timers, tasks and random numbers: everything that the library takes from its surroundings.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use crate::Tick;

/// Future on the heap that can be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Source of time, timers, tasks and random numbers for the library.
///
/// `stitchapi` implements it for tokio. `stitchapi-testing` has an implementation for threads of the standard library,
/// and one on a virtual clock, which replays the run of a whole fleet from a seed. In a Worker (a serverless function
/// on wasm32), an implementation over the Worker's API lets the same code run.
///
/// ```
/// use std::time::SystemTime;
///
/// use stitchapi_core::{BoxFuture, Runtime, Tick, boot_timer};
///
/// /// Runs each task on a thread of its own.
/// #[derive(Debug)]
/// struct ThreadRuntime;
///
/// impl Runtime for ThreadRuntime {
///     fn now(&self) -> Tick {
///         Tick::of_boot_clock()
///     }
///     fn wall(&self) -> SystemTime {
///         SystemTime::now()
///     }
///     fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
///         Box::pin(boot_timer::sleep_until(at))
///     }
///     fn spawn(&self, task: BoxFuture<'static, ()>) {
///         std::thread::spawn(|| futures_executor::block_on(task));
///     }
///     fn random(&self) -> u64 {
///         use std::hash::{BuildHasher, RandomState};
///         RandomState::new().hash_one(())
///     }
///     fn joins_callers(&self) -> bool {
///         true
///     }
/// }
/// ```
pub trait Runtime: Debug + Send + Sync + 'static {
    /// Reads the clock of deadlines, lateness and event times. The clock never goes back, and it counts the time in
    /// which the machine is suspended. [`Tick::of_boot_clock`] is such a clock.
    fn now(&self) -> Tick;

    /// Reads the wall clock, for dates in headers and the expiry of credentials.
    fn wall(&self) -> SystemTime;

    /// Returns a future that completes at `at` or later, never earlier: an implementation rounds up to the resolution
    /// of its timer.
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()>;

    /// Runs `task` in the background. In a Worker the task ends at the latest when the `wait_until` of the incoming
    /// request ends.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Returns 64 random bits, for jitter and identifiers. They must not be used as secrets.
    fn random(&self) -> u64;

    /// Returns `true` if a call may wait for the future of another call. A Worker returns `false`, because there a
    /// future ends with the incoming request that created it.
    fn joins_callers(&self) -> bool;
}

#[deny(clippy::missing_trait_methods)]
impl<R: Runtime + ?Sized> Runtime for Arc<R> {
    fn now(&self) -> Tick {
        (**self).now()
    }
    fn wall(&self) -> SystemTime {
        (**self).wall()
    }
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        (**self).sleep_until(at)
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        (**self).spawn(task);
    }
    fn random(&self) -> u64 {
        (**self).random()
    }
    fn joins_callers(&self) -> bool {
        (**self).joins_callers()
    }
}
