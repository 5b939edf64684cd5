//! Helpers that the test files share.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

pub(crate) mod clock;
pub(crate) mod dice;
pub(crate) mod proxy;
pub(crate) mod recorder;
pub(crate) mod runtime;

pub(crate) use clock::SetBackClient;
pub(crate) use dice::Dice;
pub(crate) use proxy::Proxy;
pub(crate) use recorder::Recorder;
pub(crate) use stitchapi_testing::{RedisServer, TokioRuntime};

use std::time::Duration;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Creates the tokio runtime of one test.
pub(crate) fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Starts a server. Without a `redis-server` it prints that the test is skipped, and returns from the test.
#[macro_export]
macro_rules! server {
    () => {
        match $crate::common::RedisServer::start(&[]) {
            Some(server) => server,
            None => return,
        }
    };
}
