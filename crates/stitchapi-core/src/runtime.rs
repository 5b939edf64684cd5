//! The only door to time, tasks and chance.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use crate::Tick;

/// A future on the heap that can be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything the library wants of its surroundings.
///
/// A virtual one replays a whole fleet from a seed; a Worker's one lets the same code run on wasm32.
pub trait Runtime: Debug + Send + Sync + 'static {
    /// The clock by which lateness is judged and events are stamped. It never goes back and counts through a suspend
    /// ([`Tick::of_boot_clock`] on machines).
    fn now(&self) -> Tick;

    /// The wall clock, for dates in headers and the lifetimes of credentials.
    fn wall(&self) -> SystemTime;

    /// Sleeps until `at`, never less: an implementation rounds up to its timer's grain.
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()>;

    /// Runs `task` on its own. In a Worker it lives until the request's `wait_until` ends.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// 64 random bits, for jitter and for epochs. Never for secrets.
    fn random(&self) -> u64;

    /// Whether one call may wait for another's future; in a Worker none may.
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
