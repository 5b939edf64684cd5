//! What a clause gets to work with.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::future::join_all;
use stitchapi_core::{Counter, Key, Leases, Pacer, Runtime, StitchStore, StoreError, Versioned};

use super::Trouble;
use crate::ContractOptions;

/// A client of the backend, its facets asked for once.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) store: Arc<dyn StitchStore>,
    counter: Option<Arc<dyn Counter>>,
    pacer: Option<Arc<dyn Pacer>>,
    leases: Option<Arc<dyn Leases>>,
    versioned: Option<Arc<dyn Versioned>>,
}

impl Client {
    pub(crate) fn new(store: Arc<dyn StitchStore>) -> Self {
        let (counter, pacer) = (store.clone().counter(), store.clone().pacer());
        let (leases, versioned) = (store.clone().leases(), store.clone().versioned());
        Self { store, counter, pacer, leases, versioned }
    }

    pub(crate) fn counter(&self) -> Result<Arc<dyn Counter>, Trouble> {
        self.counter.clone().ok_or_else(|| Trouble::NotApplicable("the store has no counter".into()))
    }

    pub(crate) fn pacer(&self) -> Result<Arc<dyn Pacer>, Trouble> {
        self.pacer.clone().ok_or_else(|| Trouble::NotApplicable("the store has no pacer".into()))
    }

    pub(crate) fn leases(&self) -> Result<Arc<dyn Leases>, Trouble> {
        self.leases.clone().ok_or_else(|| Trouble::NotApplicable("the store has no leases".into()))
    }

    pub(crate) fn versioned(&self) -> Result<Arc<dyn Versioned>, Trouble> {
        self.versioned.clone().ok_or_else(|| Trouble::NotApplicable("the store has no versioned values".into()))
    }
}

/// Two clients of one backend, and keys that nobody else uses.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) first: Client,
    pub(crate) second: Client,
    pub(crate) options: Arc<ContractOptions>,
    pub(crate) namespace: String,
}

impl Scene {
    /// How long what a clause writes is meant to stay, unless its ttl is the point.
    pub(crate) const HOUR: Duration = Duration::from_secs(3600);

    pub(crate) fn new(first: Client, second: Client, options: Arc<ContractOptions>) -> Self {
        let namespace = format!("{:016x}", options.runtime.random());
        Self { first, second, options, namespace }
    }

    pub(crate) fn store(&self) -> &dyn StitchStore {
        &*self.first.store
    }

    pub(crate) fn runtime(&self) -> &dyn Runtime {
        &*self.options.runtime
    }

    pub(crate) fn key(&self, name: impl AsRef<[u8]>) -> Key {
        Self::key_in(&self.namespace, name)
    }

    pub(crate) fn key_in(namespace: &str, name: impl AsRef<[u8]>) -> Key {
        Key::new("kit").part(namespace).part(name)
    }

    /// Puts a value that stays for the rest of the clause.
    pub(crate) async fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreError> {
        self.store().set(key, Bytes::copy_from_slice(value), Some(Self::HOUR)).await
    }

    /// Sleeps, scaled.
    pub(crate) async fn sleep(&self, duration: Duration) {
        let runtime = self.runtime();
        runtime.sleep_until(runtime.now() + self.options.scaled(duration)).await;
    }

    /// Runs all of them at once, as tasks of the runtime.
    pub(crate) async fn at_once<T, F>(&self, futures: impl IntoIterator<Item = F>) -> Result<Vec<T>, Trouble>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let answers: Vec<_> = futures
            .into_iter()
            .map(|future| {
                let (tell, told) = oneshot::channel();
                self.runtime().spawn(Box::pin(async move { drop(tell.send(future.await)) }));
                told
            })
            .collect();
        let answers: Result<Vec<_>, _> = join_all(answers).await.into_iter().collect();
        answers.map_err(|_| Trouble::Violated("a task ended without an answer".into()))
    }
}
