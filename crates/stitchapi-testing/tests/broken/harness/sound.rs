//! A client of a correct store, with access to what is stored.

use std::sync::Arc;
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

/// Client of a store that satisfies its contract, with direct access to the stored bytes.
#[derive(Debug, Clone)]
pub(crate) struct SoundClient {
    pub(crate) store: MemoryStore,
    pub(crate) counter: Arc<dyn Counter>,
    pub(crate) pacer: Arc<dyn Pacer>,
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) versioned: Arc<dyn Versioned>,
    pub(crate) sim: SimRuntime,
    pub(crate) id: Id,
}

/// Number of a client and of its process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id {
    pub(crate) client: usize,
    pub(crate) process: usize,
}

/// Arguments of `acquire`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AcquireArgs {
    pub(crate) limit: u32,
    pub(crate) ttl: Duration,
    pub(crate) owner: Owner,
    pub(crate) queue_ttl: Duration,
}

/// Arguments of `write_if`.
#[derive(Debug, Clone)]
pub(crate) struct WriteArgs {
    pub(crate) expected: Option<Version>,
    pub(crate) new: Version,
    pub(crate) value: Bytes,
    pub(crate) ttl: Option<Duration>,
}

/// Length of tag, format and deadline, which a store of cells puts before the body.
const HEAD: usize = 10;

impl SoundClient {
    pub(crate) fn new(store: MemoryStore, sim: SimRuntime, id: Id) -> Self {
        let shared = Arc::new(store.clone());
        let (counter, pacer) = (shared.clone().counter(), shared.clone().pacer());
        let (counter, pacer) = (counter.expect("it has a counter"), pacer.expect("it has a pacer"));
        let (leases, versioned) = (shared.clone().leases(), shared.versioned());
        let (leases, versioned) = (leases.expect("it has leases"), versioned.expect("it has versioned values"));
        Self { store, counter, pacer, leases, versioned, sim, id }
    }

    /// Sleeps for a microsecond, in which other tasks may run.
    pub(crate) async fn pause(&self) {
        self.sim.sleep(Duration::from_micros(1)).await;
    }

    /// Returns the body of a value of any facet, and the rest of its ttl.
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

    /// Stores a value of any facet.
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

    /// Changes a cell unless it is absent.
    pub(crate) async fn change_cell(&self, key: &Key, change: impl FnOnce(&mut Cell) + Send) {
        if let Some(mut cell) = self.cell(key).await {
            change(&mut cell);
            self.put_cell(key, &cell).await;
        }
    }

    /// Reads a cell, computes, lets other tasks run, and writes it.
    pub(crate) async fn reserve_slowly(
        &self,
        key: &Key,
        step: impl FnOnce(Option<&Cell>, StoreTime) -> Transition<Cell, Reservation> + Send,
    ) -> Result<Reservation, StoreError> {
        let request =
            ReserveRequest { expires: Some(StoreTime(0)), ..ReserveRequest::new(Vec::new(), Duration::ZERO, 1) };
        // This expired request fails on another facet's value, and writes nothing.
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

impl SoundClient {
    /// Returns the tag of a value, which names its facet.
    pub(crate) async fn tag(&self, key: &Key) -> Option<u8> {
        let read = self.store.update(key, |old, _| (Change::Keep, old.map(|old| old[0])));
        read.await.expect("a memory store does not fail")
    }

    pub(crate) async fn acquire(&self, key: &Key, args: AcquireArgs) -> Result<Lease, StoreError> {
        self.leases.acquire(key, args.limit, args.ttl, &args.owner, args.queue_ttl).await
    }

    pub(crate) async fn write_if(&self, key: &Key, write: WriteArgs) -> Result<bool, StoreError> {
        let WriteArgs { expected, new, value, ttl } = write;
        self.versioned.write_if(key, expected.as_ref(), &new, value, ttl).await
    }

    pub(crate) async fn leases_of(&self, key: &Key) -> Option<LeaseCell> {
        let read = self.store.update(key, |old, _| {
            let text = old.filter(|old| old[0] == b'l').and_then(|old| std::str::from_utf8(&old[HEAD..]).ok());
            (Change::Keep, text.and_then(|text| text.parse().ok()))
        });
        read.await.expect("a memory store does not fail")
    }

    pub(crate) async fn put_leases(&self, key: &Key, cell: &LeaseCell) {
        let ttl = cell.ttl(self.now().await);
        self.put_raw(key, b'l', cell.to_text().into(), Some(ttl)).await;
    }

    /// Changes the leases of a key unless it is absent.
    pub(crate) async fn change_leases(&self, key: &Key, change: impl FnOnce(&mut LeaseCell) + Send) {
        if let Some(mut cell) = self.leases_of(key).await {
            change(&mut cell);
            self.put_leases(key, &cell).await;
        }
    }

    /// Returns `true` if the owner holds a lease now.
    pub(crate) async fn holds(&self, key: &Key, owner: &Owner) -> bool {
        let now = self.now().await;
        let is_holder =
            |cell: &LeaseCell| cell.holders.iter().any(|holder| holder.owner == *owner && holder.deadline > now);
        self.leases_of(key).await.as_ref().is_some_and(is_holder)
    }

    /// Reads the leases, computes, lets other tasks run, and writes them.
    pub(crate) async fn acquire_slowly(&self, key: &Key, args: AcquireArgs) -> Result<Lease, StoreError> {
        if self.tag(key).await.is_some_and(|tag| tag != b'l') || args.ttl.is_zero() || args.limit == 0 {
            return self.acquire(key, args).await;
        }
        let (cell, now) = (self.leases_of(key).await, self.now().await);
        self.pause().await;
        let stepped = lease::transition::acquire(cell.as_ref(), now, args.limit, args.ttl, &args.owner, args.queue_ttl);
        if let Some(cell) = stepped.write {
            self.put_leases(key, &cell).await;
        }
        Ok(stepped.reply)
    }

    /// Returns the version of a value, and the rest of its ttl.
    pub(crate) async fn version(&self, key: &Key) -> Option<(Version, Option<Duration>)> {
        let tag = self.tag(key).await?;
        let (body, left) = self.raw(key).await.filter(|_| tag == b'v')?;
        body[..16].try_into().ok().map(|version| (Version::from_bytes(version), left))
    }

    /// Stores a versioned value over any other.
    pub(crate) async fn put_version(&self, key: &Key, version: &Version, value: &[u8], ttl: Option<Duration>) {
        self.put_raw(key, b'v', [version.as_bytes(), value].concat().into(), ttl).await;
    }

    /// Compares the version, lets other tasks run, and writes.
    pub(crate) async fn write_slowly(&self, key: &Key, write: WriteArgs) -> Result<bool, StoreError> {
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
