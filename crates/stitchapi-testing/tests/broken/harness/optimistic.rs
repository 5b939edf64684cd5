//! A store whose updates are compare-and-set with retries, as a driver for an SQL database might be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{
    CellFacets, CellStore, Cells, Change, Key, MemoryStore, Runtime as _, StoreError, StoreErrorKind, StoreLimits,
    StoreTime,
};

use super::sound::SoundClient;

/// What an update does after it has lost this many races.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AfterLostRaces {
    /// Fails as contended.
    Fail(usize),
    /// Takes a lock that all updates respect.
    Lock(usize),
}

#[derive(Debug)]
pub(crate) struct Optimistic {
    sound: SoundClient,
    after: AfterLostRaces,
    is_locked: Arc<AtomicBool>,
}

impl Optimistic {
    pub(crate) fn new(sound: &SoundClient, after: AfterLostRaces, is_locked: &Arc<AtomicBool>) -> Arc<Self> {
        Arc::new(Self { sound: sound.clone(), after, is_locked: is_locked.clone() })
    }

    pub(crate) fn facets(self: Arc<Self>) -> Arc<CellFacets<Self>> {
        CellFacets::new(self)
    }

    async fn wait_while_locked(&self) {
        while self.is_locked.load(Ordering::Relaxed) {
            self.sound.sim.sleep(Duration::from_micros(100)).await;
        }
    }

    /// Reads, lets other tasks run, and writes if the value is unchanged and `may_write` agrees. `None`: lost the race.
    async fn attempt<R>(
        &self,
        key: &Key,
        step: &(impl Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Sync),
        may_write: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<Option<R>, StoreError>
    where
        R: Send + 'static,
    {
        let store: &MemoryStore = &self.sound.store;
        let (read, now) = store.update(key, |old, now| (Change::Keep, (old.map(Bytes::copy_from_slice), now))).await?;
        let (change, reply) = step(read.as_deref(), now);
        let jitter = self.sound.sim.random() % 8;
        self.sound.sim.sleep(Duration::from_micros(1 + jitter)).await;
        let is_written = store
            .update(key, move |old, _| {
                let is_unchanged = old == read.as_deref() && may_write();
                (if is_unchanged { change.clone() } else { Change::Keep }, is_unchanged)
            })
            .await?;
        Ok(is_written.then_some(reply))
    }
}

/// Releases the lock, also when the future of the update is dropped.
struct Unlock<'a>(&'a AtomicBool);

impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Cells for Optimistic {
    async fn update<R, F>(&self, key: &Key, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        let (AfterLostRaces::Fail(attempts) | AfterLostRaces::Lock(attempts)) = self.after;
        for _ in 0..attempts {
            self.wait_while_locked().await;
            let is_locked = self.is_locked.clone();
            let may_write = move || !is_locked.load(Ordering::Relaxed);
            if let Some(reply) = self.attempt(key, &step, may_write).await? {
                return Ok(reply);
            }
        }
        if let AfterLostRaces::Fail(_) = self.after {
            return Err(StoreError::new(StoreErrorKind::Contended, "optimistic", "update"));
        }
        while self.is_locked.swap(true, Ordering::Relaxed) {
            self.sound.sim.sleep(Duration::from_micros(100)).await;
        }
        let _unlock = Unlock(&self.is_locked);
        let locked = self.attempt(key, &step, || true).await?;
        Ok(locked.expect("no other update writes while this one holds the lock"))
    }
}

impl CellStore for Optimistic {
    fn store_name(&self) -> &'static str {
        "optimistic"
    }
    fn store_limits(&self) -> StoreLimits {
        StoreLimits::unlimited()
    }
}
