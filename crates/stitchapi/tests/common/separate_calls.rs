//! A runtime in which calls share nothing.

use std::time::SystemTime;

use stitchapi::{BoxFuture, Runtime, Tick};

/// Runtime in which no call may wait for another one: `joins_callers` returns `false`.
#[derive(Debug, Clone)]
pub struct SeparateCallsRuntime<R>(pub R);

impl<R: Runtime> Runtime for SeparateCallsRuntime<R> {
    fn now(&self) -> Tick {
        self.0.now()
    }
    fn wall(&self) -> SystemTime {
        self.0.wall()
    }
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        self.0.sleep_until(at)
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
    fn random(&self) -> u64 {
        self.0.random()
    }
    fn joins_callers(&self) -> bool {
        false
    }
}
