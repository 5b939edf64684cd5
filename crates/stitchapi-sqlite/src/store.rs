//! The store itself.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{
    CellFacets, Cells, Change, Counter, Key, Leases, Pacer, Prefix, StitchStore, StoreError, StoreLimits, StoreTime,
    Versioned, async_trait, check_ttl,
};

use crate::clock::Clock;
use crate::error::{Failure, STORE};
use crate::worker::{Session, Worker};
use crate::{rows, schema};

/// The longest key, in bytes, without the prefix.
const MAX_KEY: usize = 64 << 10;

/// A store in one SQLite file that any number of processes of one machine share.
///
/// * It has every facet. Clones share one connection and one thread, named `stitchapi-sqlite`, which is joined when
///   the last clone is dropped; [`with_prefix`](Self::with_prefix) gives a view with keys of its own.
/// * Every operation is one transaction. A future that is dropped before the thread comes to it leaves nothing done,
///   one that is dropped later leaves it done as a whole.
/// * Facets live on the machine's boot clock and are lost state after a boot; plain values on the wall clock.
/// * An operation that does not get the file's write lock for 200 ms fails as
///   [`Unavailable`](stitchapi_core::StoreErrorKind::Unavailable), and nothing has been changed.
#[derive(Clone)]
pub struct SqliteStore {
    worker: Arc<Worker>,
    prefix: Prefix,
}

impl SqliteStore {
    /// Opens the file at `path`, makes it if its folder is there, and starts the store's thread.
    ///
    /// * The file may be an application's own: all that is ours is the table `stitchapi` and its index. It is put into
    ///   [write-ahead mode](https://sqlite.org/wal.html) and stays there.
    /// * It must be on a local file system and must not be moved or removed while it is open. What begins with `file:`
    ///   is a [URI](https://sqlite.org/uri.html) to SQLite.
    /// * Blocks while it reads and, the first time, writes; at most 200 ms for a lock.
    ///
    /// # Errors
    ///
    /// * [`InvalidConfig`](stitchapi_core::StoreErrorKind::InvalidConfig): the path cannot be opened or created, is no
    ///   file (`:memory:`), no database, or has a table `stitchapi` that is not ours.
    /// * [`Denied`](stitchapi_core::StoreErrorKind::Denied): the file or its folder is read-only.
    /// * [`Unavailable`](stitchapi_core::StoreErrorKind::Unavailable): somebody else holds it locked, the disk is full.
    /// * [`Corrupt`](stitchapi_core::StoreErrorKind::Corrupt): the file is damaged.
    /// * [`Unsupported`](stitchapi_core::StoreErrorKind::Unsupported): a Linux that does not tell its boot id.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::start(path.as_ref()).map_err(|failure| failure.of("open"))
    }

    fn start(path: &Path) -> Result<Self, Failure> {
        let clock = Clock::read()?;
        let (connection, patience) = schema::open(path)?;
        let worker = Worker::start(Session { connection, patience, clock }).map_err(Failure::NoThread)?;
        Ok(Self { worker: Arc::new(worker), prefix: Prefix::default() })
    }

    /// The same file, seen through another prefix.
    #[must_use]
    pub fn with_prefix(&self, prefix: Prefix) -> Self {
        Self { prefix, ..self.clone() }
    }

    /// The text of `key`, if it is not too long.
    fn text(&self, key: &Key, operation: &'static str) -> Result<String, StoreError> {
        if key.rendered_len() > MAX_KEY {
            return Err(Failure::LongKey.of(operation));
        }
        Ok(key.render(&self.prefix))
    }
}

impl Cells for SqliteStore {
    async fn update<R, F>(&self, key: &Key, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        let key = self.text(key, "update")?;
        self.worker.run("update", move |session| rows::update(session, &key, step)).await
    }
}

#[async_trait]
impl StitchStore for SqliteStore {
    fn name(&self) -> &'static str {
        STORE
    }
    fn limits(&self) -> StoreLimits {
        let limits = StoreLimits::unlimited().with_sizes(MAX_KEY, rows::MAX_VALUE);
        if Clock::IS_BOOT { limits.with_boot_clock() } else { limits }
    }
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let key = self.text(key, "get")?;
        self.worker.run("get", move |session| rows::get(session, &key)).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        check_ttl(ttl, STORE, "set")?;
        let key = self.text(key, "set")?;
        if value.len() > rows::MAX_VALUE {
            return Err(Failure::LongValue.of("set"));
        }
        self.worker.run("set", move |session| rows::set(session, &key, &value, ttl)).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let key = self.text(key, "delete")?;
        self.worker.run("delete", move |session| rows::delete(session, &key)).await
    }
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        Some(CellFacets::new(self))
    }
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        Some(CellFacets::new(self))
    }
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        Some(CellFacets::new(self))
    }
    fn versioned(self: Arc<Self>) -> Option<Arc<dyn Versioned>> {
        Some(CellFacets::new(self))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use futures_executor::block_on;
    use futures_util::FutureExt as _;
    use stitchapi_core::StoreErrorKind;

    use super::*;

    #[test]
    fn a_full_disk_is_unavailable_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("fleet.db")).unwrap();
        let key = Key::new("test");
        let full = |session: &mut Session| Ok(session.connection.pragma_update(None, "max_page_count", 8)?);
        block_on(store.worker.run("test", full)).unwrap();
        block_on(store.set(&key, "hello".into(), None)).unwrap();
        let error = block_on(store.set(&key, vec![0; 100_000].into(), None)).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert_eq!(block_on(store.get(&key)).unwrap().as_deref(), Some(&b"hello"[..]));
        block_on(store.set(&key, "again".into(), None)).unwrap();
    }

    #[test]
    fn the_last_clone_may_be_dropped_on_the_stores_own_thread() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("fleet.db")).unwrap();
        let last = store.clone();
        let (go, wait) = channel();
        let (tell, told) = channel();
        let timeout = Duration::from_secs(10);
        let mut job = Box::pin(store.worker.run("test", move |_| {
            tell.send(()).unwrap();
            wait.recv().unwrap();
            drop(last);
            tell.send(()).unwrap();
            Ok(())
        }));
        assert!((&mut job).now_or_never().is_none());
        told.recv_timeout(timeout).unwrap();
        drop(job);
        drop(store);
        go.send(()).unwrap();
        told.recv_timeout(timeout).unwrap();
    }
}
