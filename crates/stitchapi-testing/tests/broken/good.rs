//! What the broken stores break: a memory store, with a way around it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::pace::step::Stepped;
use stitchapi_core::pace::{Cell, Pace, Reservation};
use stitchapi_core::{
    Cells, Change, Counter, Key, MemoryStore, Pacer, StitchStore, StoreError, StoreErrorKind, StoreTime,
};
use stitchapi_testing::SimRuntime;

/// A client of a store that keeps its contract.
#[derive(Debug, Clone)]
pub(crate) struct Good {
    pub(crate) store: MemoryStore,
    pub(crate) counter: Arc<dyn Counter>,
    pub(crate) pacer: Arc<dyn Pacer>,
    pub(crate) sim: SimRuntime,
    pub(crate) id: Id,
}

/// Which client it is, and in which process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id {
    pub(crate) client: usize,
    pub(crate) process: usize,
}

/// Tag, format and deadline stand before what a store of cells keeps.
const HEAD: usize = 10;

impl Good {
    pub(crate) fn new(store: MemoryStore, sim: SimRuntime, id: Id) -> Self {
        let shared = Arc::new(store.clone());
        let (counter, pacer) = (shared.clone().counter(), shared.pacer());
        Self { store, counter: counter.expect("it counts"), pacer: pacer.expect("it paces"), sim, id }
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
        step: impl FnOnce(Option<&Cell>, StoreTime) -> Stepped<Reservation> + Send,
    ) -> Result<Reservation, StoreError> {
        let pace = Pace { expires: Some(StoreTime(0)), ..Pace::new(Vec::new(), Duration::ZERO, 1) };
        // Refuses what is no cell, and writes nothing.
        self.pacer.reserve(key, &pace).await?;
        let (cell, now) = (self.cell(key).await, self.now().await);
        self.pause().await;
        let Stepped { reply, write } = step(cell.as_ref(), now);
        if let Some(cell) = write {
            self.put_cell(key, &cell).await;
        }
        Ok(reply)
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
        let done = inside.await;
        self.0.lock().expect("nobody panics with it").remove(&owner);
        done
    }
}
