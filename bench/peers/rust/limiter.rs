//! The interface between a worker and its limiter.

use std::error::Error;

use crate::arguments::WorkerArgs;

/// Connected limiter.
pub trait Limiter: Sized + Send + Sync + 'static {
    /// Connects as the limiter's documentation recommends.
    fn start(arguments: &WorkerArgs) -> impl Future<Output = Result<Self, Box<dyn Error>>>;

    /// Waits until one call may start.
    fn permit(&self) -> impl Future<Output = ()> + Send;
}
