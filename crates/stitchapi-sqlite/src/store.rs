//! The store: a thread with an open file, and a prefix.

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

/// Longest key in bytes, without the prefix.
const MAX_KEY: usize = 64 << 10;

/// Store in one SQLite file that any number of processes of one machine share.
///
/// * It has every facet. Clones share one connection and one thread, named `stitchapi-sqlite`, which is joined when the last
///   clone is dropped; [`with_prefix`](Self::with_prefix) returns a view with keys of its own.
/// * Every operation is one transaction. A future that is dropped before the thread starts the operation leaves it not done;
///   a future that is dropped later leaves it done as a whole.
/// * Facets use the machine's boot clock, and their values are lost state after a boot. Plain values use the wall clock.
/// * An operation that waits for the file's write lock for 200 ms fails as
///   [`Unavailable`](stitchapi_core::StoreErrorKind::Unavailable), and nothing was changed.
///
/// ```
/// use stitchapi_core::{Key, StitchStore};
/// use stitchapi_sqlite::SqliteStore;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("fleet.db");
/// let store = SqliteStore::open(path)?;
/// # futures_executor::block_on(async {
/// store.set(&Key::new("greeting"), "hello".into(), None).await?;
/// # Ok::<(), stitchapi_core::StoreError>(())
/// # }).unwrap();
/// # Ok::<(), stitchapi_core::StoreError>(())
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    worker: Arc<Worker>,
    prefix: Prefix,
}

impl SqliteStore {
    /// Opens the file at `path`, creates it if its folder exists, and starts the store's thread.
    ///
    /// * The file may belong to an application: the store uses only the table `stitchapi` and its index. The file is
    ///   switched to [write-ahead mode](https://sqlite.org/wal.html) and stays in it.
    /// * The file must be on a local file system, and must not be moved or removed while it is open. To SQLite, a path that
    ///   begins with `file:` is a [URI](https://sqlite.org/uri.html).
    /// * The call blocks while it reads and, the first time, writes the file, and for a lock at most 200 ms.
    ///
    /// # Errors
    ///
    /// * [`InvalidConfig`](stitchapi_core::StoreErrorKind::InvalidConfig): the path cannot be opened or created, is not a
    ///   file (`:memory:`), is not a database, or has a table `stitchapi` with other columns.
    /// * [`Denied`](stitchapi_core::StoreErrorKind::Denied): the file or its folder is read-only.
    /// * [`Unavailable`](stitchapi_core::StoreErrorKind::Unavailable): another connection holds the lock, or the disk is
    ///   full.
    /// * [`Corrupt`](stitchapi_core::StoreErrorKind::Corrupt): the file is damaged.
    /// * [`Unsupported`](stitchapi_core::StoreErrorKind::Unsupported): Linux without a readable boot id.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::start(path.as_ref()).map_err(|failure| failure.of("open"))
    }

    fn start(path: &Path) -> Result<Self, Failure> {
        let clock = Clock::read()?;
        let (connection, lock_wait) = schema::open(path)?;
        let worker = Worker::start(Session { connection, lock_wait, clock }).map_err(Failure::NoThread)?;
        Ok(Self { worker: Arc::new(worker), prefix: Prefix::default() })
    }

    /// Returns a view of the same file with another prefix.
    #[must_use]
    pub fn with_prefix(&self, prefix: Prefix) -> Self {
        Self { prefix, ..self.clone() }
    }

    /// Renders a key with the prefix, and refuses one that is too long.
    fn render(&self, key: &Key, operation: &'static str) -> Result<String, StoreError> {
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
        let key = self.render(key, "update")?;
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
        let key = self.render(key, "get")?;
        self.worker.run("get", move |session| rows::get(session, &key)).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        check_ttl(ttl, STORE, "set")?;
        let key = self.render(key, "set")?;
        if value.len() > rows::MAX_VALUE {
            return Err(Failure::LongValue.of("set"));
        }
        self.worker.run("set", move |session| rows::set(session, &key, &value, ttl)).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let key = self.render(key, "delete")?;
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
        let fill_disk = |session: &mut Session| Ok(session.connection.pragma_update(None, "max_page_count", 8)?);
        block_on(store.worker.run("test", fill_disk)).unwrap();
        block_on(store.set(&key, "hello".into(), None)).unwrap();
        let error = block_on(store.set(&key, vec![0; 100_000].into(), None)).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert_eq!(block_on(store.get(&key)).unwrap().as_deref(), Some(&b"hello"[..]));
        block_on(store.set(&key, "again".into(), None)).unwrap();
    }

    #[test]
    fn the_last_clone_may_be_dropped_on_the_thread_of_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("fleet.db")).unwrap();
        let last = store.clone();
        let (release, released) = channel();
        let (report, reported) = channel();
        let timeout = Duration::from_secs(10);
        let mut job = Box::pin(store.worker.run("test", move |_| {
            report.send(()).unwrap();
            released.recv().unwrap();
            drop(last);
            report.send(()).unwrap();
            Ok(())
        }));
        assert!((&mut job).now_or_never().is_none());
        reported.recv_timeout(timeout).unwrap();
        drop(job);
        drop(store);
        release.send(()).unwrap();
        reported.recv_timeout(timeout).unwrap();
    }
}
