//! Runtime on real time and tokio tasks, for stores whose client needs tokio.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use stitchapi_core::{BoxFuture, Runtime, Tick};
use tokio::runtime::{Builder, Handle};

use super::std_threads::StdRuntime;

/// [`Runtime`] on real time whose tasks run on a tokio runtime.
///
/// A client built on tokio opens connections and timers on the runtime in which it is called. Run the kit on this runtime
/// if the driver's client is such a client; on [`StdRuntime`] its calls would panic.
///
/// * [`new`](Self::new) starts a tokio runtime of its own, which ends with the last clone.
/// * [`current`](Self::current) uses the tokio runtime of the caller, such as that of `#[tokio::test]`.
/// * Clock and sleeps are those of [`StdRuntime`]: tokio's timer has a grain of 1 ms, too coarse for a slot.
///
/// ```
/// use std::sync::Arc;
///
/// use stitchapi_testing::{ContractOptions, TokioRuntime};
///
/// # struct Client;
/// # impl Client { async fn connect() -> Self { Self } }
/// let tokio = TokioRuntime::new();
/// let options = ContractOptions::new(Arc::new(tokio.clone()));
/// tokio.block_on(async {
///     let client = Client::connect().await;
///     // verify_store_contract(|| .., options).await.assert_clean();
/// });
/// ```
#[derive(Clone)]
pub struct TokioRuntime {
    handle: Handle,
    std: StdRuntime,
    _owned: Option<Arc<OwnedRuntime>>,
}

/// A tokio runtime that may be dropped anywhere, also inside a task: it ends in the background.
struct OwnedRuntime(Option<tokio::runtime::Runtime>);

impl Drop for OwnedRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl TokioRuntime {
    /// Starts a multi-threaded tokio runtime with two workers and every driver that tokio was compiled with.
    ///
    /// # Panics
    ///
    /// If the operating system starts no thread.
    #[expect(clippy::new_without_default, reason = "it starts threads, which `default` would hide")]
    #[must_use]
    pub fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("the operating system starts threads");
        let handle = runtime.handle().clone();
        Self { handle, std: StdRuntime::new(), _owned: Some(Arc::new(OwnedRuntime(Some(runtime)))) }
    }

    /// Uses the tokio runtime of the caller.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn current() -> Self {
        Self { handle: Handle::current(), std: StdRuntime::new(), _owned: None }
    }

    /// Runs `future` to its end on the calling thread, inside the tokio runtime.
    ///
    /// # Panics
    ///
    /// If it is called from a task of a tokio runtime.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
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
        drop(self.handle.spawn(task));
    }

    fn random(&self) -> u64 {
        self.std.random()
    }

    fn joins_callers(&self) -> bool {
        self.std.joins_callers()
    }
}

impl fmt::Debug for TokioRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioRuntime").field("is_owned", &self._owned.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_channel::oneshot;

    use super::*;

    #[test]
    fn tasks_run_inside_tokio() {
        let runtime = TokioRuntime::new();
        let (sender, receiver) = oneshot::channel();
        runtime.spawn(Box::pin(async move { sender.send(Handle::try_current().is_ok()).unwrap() }));
        assert_eq!(runtime.block_on(receiver), Ok(true));
    }

    #[test]
    fn a_sleep_never_ends_early() {
        let runtime = TokioRuntime::new();
        let end = runtime.now() + Duration::from_millis(3);
        runtime.block_on(runtime.sleep_until(end));
        assert!(runtime.now() >= end);
    }

    #[test]
    fn current_uses_the_callers_runtime() {
        let outer = TokioRuntime::new();
        let id = outer.block_on(async {
            let (sender, receiver) = oneshot::channel();
            TokioRuntime::current().spawn(Box::pin(async move { sender.send(Handle::current().id()).unwrap() }));
            receiver.await.unwrap()
        });
        assert_eq!(id, outer.handle.id());
    }

    #[test]
    fn the_last_clone_may_be_dropped_inside_a_task() {
        let runtime = TokioRuntime::new();
        let outer = TokioRuntime::new();
        outer.block_on(async move { drop(runtime) });
    }
}
