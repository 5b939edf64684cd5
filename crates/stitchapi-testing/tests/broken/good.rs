//! What the broken stores break: a memory store, with a way around it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::lease::{self, LeaseCell};
use stitchapi_core::pace::transition::Transition;
use stitchapi_core::pace::{Cell, Reservation, ReserveRequest};
use stitchapi_core::{
    Cells, Change, Counter, Key, Lease, Leases, MemoryStore, Owner, Pacer, StitchStore, StoreError, StoreErrorKind,
    StoreTime, Version, Versioned,
};
use stitchapi_testing::SimRuntime;

/// A client of a store that keeps its contract.
#[derive(Debug, Clone)]
pub(crate) struct Good {
    pub(crate) store: MemoryStore,
    pub(crate) counter: Arc<dyn Counter>,
    pub(crate) pacer: Arc<dyn Pacer>,
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) versioned: Arc<dyn Versioned>,
    pub(crate) sim: SimRuntime,
    pub(crate) id: Id,
}

/// Which client it is, and in which process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id {
    pub(crate) client: usize,
    pub(crate) process: usize,
}

/// What an owner asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) limit: u32,
    pub(crate) ttl: Duration,
    pub(crate) owner: Owner,
    pub(crate) park: Duration,
}

/// What is to be written.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) expected: Option<Version>,
    pub(crate) new: Version,
    pub(crate) value: Bytes,
    pub(crate) ttl: Option<Duration>,
}

/// Tag, format and deadline stand before what a store of cells keeps.
const HEAD: usize = 10;

impl Good {
    pub(crate) fn new(store: MemoryStore, sim: SimRuntime, id: Id) -> Self {
        let shared = Arc::new(store.clone());
        let (counter, pacer) = (shared.clone().counter(), shared.clone().pacer());
        let (counter, pacer) = (counter.expect("it counts"), pacer.expect("it paces"));
        let (leases, versioned) = (shared.clone().leases(), shared.versioned());
        let (leases, versioned) = (leases.expect("it lends"), versioned.expect("it compares"));
        Self { store, counter, pacer, leases, versioned, sim, id }
    }

    /// A moment in which others may run.
    pub(crate) async fn pause(&self) {
        self.sim.sleep(Duration::from_micros(1)).await;
    }

    /// What is under a key, whatever it is, without its head; and how long it has left.
    pub(crate) async fn raw(&self, key: &Key) -> Option<(Bytes, Option<Duration>)> {
        let read = self.store.update(key, |old, now| {
            let raw = old.map(|old| {
                let deadline = old[2..HEAD].try_into().map_or(0, u64::from_be_bytes);
                let left = StoreTime(deadline).since(now);
                (Bytes::copy_from_slice(&old[HEAD..]), Some(left).filter(|_| deadline != u64::MAX))
            });
            (Change::Keep, raw)
        });
        read.await.expect("a memory store does not fail")
    }

    /// Puts a value of any sort.
    pub(crate) async fn put_raw(&self, key: &Key, tag: u8, body: Bytes, ttl: Option<Duration>) {
        let write = self.store.update(key, move |_, now| {
            let deadline = ttl.map_or(u64::MAX, |ttl| (now + ttl).0);
            (Change::Put([&[tag, 1], &deadline.to_be_bytes()[..], &body].concat().into(), ttl), ())
        });
        write.await.expect("a memory store does not fail");
    }

    pub(crate) async fn now(&self) -> StoreTime {
        let key = Key::new("clock");
        let read = self.store.update(&key, |_, now| (Change::Keep, now));
        read.await.expect("a memory store does not fail")
    }

    pub(crate) async fn cell(&self, key: &Key) -> Option<Cell> {
        let read = self.store.update(key, |old, _| {
            let text = old.filter(|old| old[0] == b'p').and_then(|old| std::str::from_utf8(&old[HEAD..]).ok());
            (Change::Keep, text.and_then(|text| text.parse().ok()))
        });
        read.await.expect("a memory store does not fail")
    }

    pub(crate) async fn put_cell(&self, key: &Key, cell: &Cell) {
        let ttl = cell.ttl(self.now().await);
        self.put_raw(key, b'p', cell.to_text().into(), Some(ttl)).await;
    }

    /// Changes a cell that is there.
    pub(crate) async fn mend(&self, key: &Key, change: impl FnOnce(&mut Cell) + Send) {
        if let Some(mut cell) = self.cell(key).await {
            change(&mut cell);
            self.put_cell(key, &cell).await;
        }
    }

    /// What another driver might do: read, compute, and write later.
    pub(crate) async fn step_slowly(
        &self,
        key: &Key,
        step: impl FnOnce(Option<&Cell>, StoreTime) -> Transition<Reservation> + Send,
    ) -> Result<Reservation, StoreError> {
        let request =
            ReserveRequest { expires: Some(StoreTime(0)), ..ReserveRequest::new(Vec::new(), Duration::ZERO, 1) };
        // Refuses what is no cell, and writes nothing.
        self.pacer.reserve(key, &request).await?;
        let (cell, now) = (self.cell(key).await, self.now().await);
        self.pause().await;
        let Transition { reply, write } = step(cell.as_ref(), now);
        if let Some(cell) = write {
            self.put_cell(key, &cell).await;
        }
        Ok(reply)
    }
}

impl Good {
    /// The tag of what is under a key.
    pub(crate) async fn tag(&self, key: &Key) -> Option<u8> {
        let read = self.store.update(key, |old, _| (Change::Keep, old.map(|old| old[0])));
        read.await.expect("a memory store does not fail")
    }

    pub(crate) async fn acquire(&self, key: &Key, ask: Ask) -> Result<Lease, StoreError> {
        self.leases.acquire(key, ask.limit, ask.ttl, &ask.owner, ask.park).await
    }

    pub(crate) async fn write_if(&self, key: &Key, write: Write) -> Result<bool, StoreError> {
        let Write { expected, new, value, ttl } = write;
        self.versioned.write_if(key, expected.as_ref(), &new, value, ttl).await
    }

    pub(crate) async fn lease(&self, key: &Key) -> Option<LeaseCell> {
        let read = self.store.update(key, |old, _| {
            let text = old.filter(|old| old[0] == b'l').and_then(|old| std::str::from_utf8(&old[HEAD..]).ok());
            (Change::Keep, text.and_then(|text| text.parse().ok()))
        });
        read.await.expect("a memory store does not fail")
    }

    pub(crate) async fn put_lease(&self, key: &Key, cell: &LeaseCell) {
        let ttl = cell.ttl(self.now().await);
        self.put_raw(key, b'l', cell.to_text().into(), Some(ttl)).await;
    }

    /// Changes a lease that is there.
    pub(crate) async fn mend_lease(&self, key: &Key, change: impl FnOnce(&mut LeaseCell) + Send) {
        if let Some(mut cell) = self.lease(key).await {
            change(&mut cell);
            self.put_lease(key, &cell).await;
        }
    }

    /// Whether the owner holds a place now.
    pub(crate) async fn holds(&self, key: &Key, owner: &Owner) -> bool {
        let now = self.now().await;
        let live = |cell: &LeaseCell| cell.holders.iter().any(|holder| holder.owner == *owner && holder.deadline > now);
        self.lease(key).await.as_ref().is_some_and(live)
    }

    /// What another driver might do: read, compute, and write later.
    pub(crate) async fn acquire_slowly(&self, key: &Key, ask: Ask) -> Result<Lease, StoreError> {
        if self.tag(key).await.is_some_and(|tag| tag != b'l') || ask.ttl.is_zero() || ask.limit == 0 {
            return self.acquire(key, ask).await;
        }
        let (cell, now) = (self.lease(key).await, self.now().await);
        self.pause().await;
        let stepped = lease::transition::acquire(cell.as_ref(), now, ask.limit, ask.ttl, &ask.owner, ask.park);
        if let Some(cell) = stepped.write {
            self.put_lease(key, &cell).await;
        }
        Ok(stepped.reply)
    }

    /// The version of what is under a key, and the ttl that it has left.
    pub(crate) async fn version(&self, key: &Key) -> Option<(Version, Option<Duration>)> {
        let tag = self.tag(key).await?;
        let (body, left) = self.raw(key).await.filter(|_| tag == b'v')?;
        body[..16].try_into().ok().map(|version| (Version::from_bytes(version), left))
    }

    /// Writes whatever is there.
    pub(crate) async fn put_version(&self, key: &Key, version: &Version, value: &[u8], ttl: Option<Duration>) {
        self.put_raw(key, b'v', [version.as_bytes(), value].concat().into(), ttl).await;
    }

    /// As one does that compares here and writes there.
    pub(crate) async fn write_slowly(&self, key: &Key, write: Write) -> Result<bool, StoreError> {
        if self.tag(key).await.is_some_and(|tag| tag != b'v') || write.ttl.is_some_and(|ttl| ttl.is_zero()) {
            return self.write_if(key, write).await;
        }
        let stored = self.version(key).await.map(|(version, _)| version);
        self.pause().await;
        if stored == Some(write.new) || stored != write.expected {
            return Ok(stored == Some(write.new));
        }
        self.put_version(key, &write.new, &write.value, write.ttl).await;
        Ok(true)
    }
}

pub(crate) fn is_corrupt<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(error) if error.kind() == StoreErrorKind::Corrupt)
}

/// A lock that reaches only as far as its owner thinks.
#[derive(Debug, Default)]
pub(crate) struct Lock(Mutex<BTreeSet<usize>>);

impl Lock {
    pub(crate) async fn with<T>(&self, owner: usize, good: &Good, inside: impl Future<Output = T> + Send) -> T {
        while !self.0.lock().expect("nobody panics with it").insert(owner) {
            good.pause().await;
        }
        let _locked = Locked(self, owner);
        inside.await
    }
}

/// Unlocks, also if what is inside is dropped.
struct Locked<'a>(&'a Lock, usize);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.0.lock().expect("nobody panics with it").remove(&self.1);
    }
}
