//! Places that the clauses ask for.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{Key, Lease, Leases, Owner, StoreError, Tick};

use crate::contract::{Checked, Scene, Trouble, ensure};

/// So many owners.
pub(crate) fn owners<const N: usize>(scene: &Scene) -> [Owner; N] {
    std::array::from_fn(|_| Owner::random(scene.runtime()))
}

/// The fence of a place that is held.
pub(crate) fn fence(lease: Lease) -> Option<u64> {
    match lease {
        Lease::Held { fence } => Some(fence),
        Lease::Busy { .. } => None,
    }
}

/// The places under one key, and two clients that ask for them.
///
/// An owner asks through one client, renews and releases through the other: it is known by its name alone.
pub(crate) struct Places {
    pub(crate) first: Arc<dyn Leases>,
    pub(crate) second: Arc<dyn Leases>,
    pub(crate) key: Key,
    limit: u32,
}

impl Places {
    pub(crate) fn new(scene: &Scene, name: &str, limit: u32) -> Result<Self, Trouble> {
        let (first, second) = (scene.first.leases()?, scene.second.leases()?);
        Ok(Self { first, second, key: scene.key(name), limit })
    }

    /// Asks for a place for `ttl`, without waiting for one: its fence, if there is one.
    pub(crate) async fn ask_for(&self, ttl: Duration, owner: &Owner) -> Result<Option<u64>, StoreError> {
        self.first.acquire(&self.key, self.limit, ttl, owner, Duration::ZERO).await.map(fence)
    }

    /// Asks for a place for an hour.
    pub(crate) async fn ask(&self, owner: &Owner) -> Result<Option<u64>, StoreError> {
        self.ask_for(Scene::HOUR, owner).await
    }

    /// Takes a place that must be free.
    pub(crate) async fn take(&self, owner: &Owner, when: &str) -> Result<u64, Trouble> {
        self.ask(owner).await?.ok_or_else(|| Trouble::Violated(format!("{when} no place was given")))
    }

    /// Asks for a place where none must be free, through the other client.
    pub(crate) async fn find_none(&self, owner: &Owner, when: &str) -> Checked {
        let lease = self.second.acquire(&self.key, self.limit, Scene::HOUR, owner, Duration::ZERO).await?;
        ensure!(fence(lease).is_none(), "{when} a place was given");
        Ok(())
    }

    /// Takes a place in the queue, for `park`, scaled.
    pub(crate) async fn wait(&self, scene: &Scene, owner: &Owner, park: Duration) -> Result<Waits, Trouble> {
        let park = scene.options.scaled(park);
        let lease = self.second.acquire(&self.key, self.limit, Scene::HOUR, owner, park).await?;
        ensure!(fence(lease).is_none(), "a place was given where somebody else holds it or waits for it longer");
        Ok(Waits { until: scene.runtime().now() + park - scene.options.scaled(Duration::from_millis(20)) })
    }

    pub(crate) async fn renew(&self, owner: &Owner) -> Result<bool, StoreError> {
        self.second.renew(&self.key, Scene::HOUR, owner).await
    }

    pub(crate) async fn release(&self, owner: &Owner) -> Result<(), StoreError> {
        self.second.release(&self.key, owner).await
    }
}

/// A place in the queue.
#[must_use = "what is seen counts only while it waits"]
pub(crate) struct Waits {
    until: Tick,
}

impl Waits {
    /// What was seen by now was seen while it waited, or cannot be judged.
    pub(crate) fn still(&self, scene: &Scene) -> Checked {
        if scene.runtime().now() < self.until { Ok(()) } else { Err(Trouble::too_slow()) }
    }
}
