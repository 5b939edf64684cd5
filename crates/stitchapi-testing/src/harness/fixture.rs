//! Two clients of one backend, with keys of their own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::future::join_all;
use stitchapi_core::{Key, Runtime, StitchStore, StoreError};

use super::client::Client;
use super::not_passed::NotPassed;
use super::options::ContractOptions;

/// Two clients of one backend, and a random namespace of keys that no other clause uses.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) first: Client,
    pub(crate) second: Client,
    pub(crate) options: Arc<ContractOptions>,
    pub(crate) namespace: String,
}

impl Fixture {
    /// Ttl of everything that a clause writes, unless the clause is about the ttl.
    pub(crate) const HOUR: Duration = Duration::from_secs(3600);

    pub(crate) fn new(first: Client, second: Client, options: Arc<ContractOptions>) -> Self {
        let namespace = format!("{:016x}", options.runtime.random());
        Self { first, second, options, namespace }
    }

    /// Returns the store of the first client.
    pub(crate) fn store(&self) -> &dyn StitchStore {
        &*self.first.store
    }

    pub(crate) fn runtime(&self) -> &dyn Runtime {
        &*self.options.runtime
    }

    /// Returns a key of this fixture's namespace.
    pub(crate) fn key(&self, name: impl AsRef<[u8]>) -> Key {
        Self::key_in(&self.namespace, name)
    }

    /// Returns a key of another fixture's namespace, for a part that runs in another process.
    pub(crate) fn key_in(namespace: &str, name: impl AsRef<[u8]>) -> Key {
        Key::new("kit").part(namespace).part(name)
    }

    /// Stores a plain value through the first client, for longer than the clause runs.
    pub(crate) async fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreError> {
        self.store().set(key, Bytes::copy_from_slice(value), Some(Self::HOUR)).await
    }

    /// Sleeps for `duration` times the time scale.
    pub(crate) async fn sleep(&self, duration: Duration) {
        let runtime = self.runtime();
        runtime.sleep_until(runtime.now() + self.options.scaled(duration)).await;
    }

    /// Runs all futures at the same time, each as a task of the runtime, and returns their outputs in order.
    pub(crate) async fn run_concurrently<T, F>(&self, futures: impl IntoIterator<Item = F>) -> Result<Vec<T>, NotPassed>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let outputs: Vec<_> = futures
            .into_iter()
            .map(|future| {
                let (sender, receiver) = oneshot::channel();
                self.runtime().spawn(Box::pin(async move { drop(sender.send(future.await)) }));
                receiver
            })
            .collect();
        let outputs: Result<Vec<_>, _> = join_all(outputs).await.into_iter().collect();
        outputs.map_err(|_| NotPassed::Violated("a task ended without a result: the store panicked".into()))
    }
}
