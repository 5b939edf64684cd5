//! [`CellStore`]: a whole store from [`Cells`], a name and limits.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::envelope::{Foreign, Tag, decode, encode};
use super::facets::CellFacets;
use super::update::{Cells, Change};
use crate::{
    Counter, Key, Leases, Pacer, StitchStore, StoreError, StoreErrorKind, StoreLimits, Versioned, check_key, check_ttl,
    check_value,
};

/// A store whose plain values and facets all use its [`Cells`].
///
/// Each implementor is a [`StitchStore`] with all four facets, and every operation is one [`Cells::update`]. Before the
/// backend is called, keys and values beyond the limits are refused as [`TooLarge`](StoreErrorKind::TooLarge), and a
/// ttl of zero as [`InvalidConfig`](StoreErrorKind::InvalidConfig).
///
/// See [`Cells`] for an example.
pub trait CellStore: Cells {
    /// Returns a short lower-case name for messages and events, such as `memory` or `postgres`. [`StitchStore::name`]
    /// returns it, too. The methods have different names, so that `store.name()` is never ambiguous.
    fn store_name(&self) -> &'static str;

    /// Returns the limits of the backend and the promises that it makes. [`StitchStore::limits`] returns them, too.
    fn store_limits(&self) -> StoreLimits;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: CellStore> StitchStore for S {
    fn name(&self) -> &'static str {
        self.store_name()
    }

    fn limits(&self) -> StoreLimits {
        self.store_limits()
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        check_key(key, self, "get")?;
        let read = self.update(key, |old, now| {
            let body = decode(Tag::Plain, old, now);
            (Change::Keep, body.map(|decoded| decoded.map(|decoded| Bytes::copy_from_slice(decoded.body))))
        });
        read.await
            .map_err(|error| error.with_operation("get"))?
            .map_err(|Foreign| StoreError::new(StoreErrorKind::Corrupt, self.store_name(), "get"))
    }

    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        check_ttl(ttl, self.store_name(), "set")?;
        check_key(key, self, "set")?;
        check_value(&value, self, "set")?;
        let write = self.update(key, move |old, now| match decode(Tag::Plain, old, now) {
            Ok(_) => (encode(Tag::Plain, &value, now, ttl), Ok(())),
            Err(foreign) => (Change::Keep, Err(foreign)),
        });
        write
            .await
            .map_err(|error| error.with_operation("set"))?
            .map_err(|Foreign| StoreError::new(StoreErrorKind::Corrupt, self.store_name(), "set"))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        check_key(key, self, "delete")?;
        let deleted = self.update(key, |_, _| (Change::Delete, ()));
        deleted.await.map_err(|error| error.with_operation("delete"))
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_executor::block_on;

    use super::*;
    use crate::{MAX_OVERHEAD, Owner, StoreTime, Version};

    /// Store of one value, which limits the length of keys and values.
    #[derive(Debug, Default)]
    struct SmallStore(Mutex<Option<Bytes>>);

    impl Cells for SmallStore {
        async fn update<R, F>(&self, _: &Key, step: F) -> Result<R, StoreError>
        where
            R: Send + 'static,
            F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
        {
            let mut stored = self.0.lock().unwrap();
            let (change, reply) = step(stored.as_deref(), StoreTime(0));
            match change {
                Change::Keep => {}
                Change::Put(value, _) => {
                    assert!(value.len() <= 100 + MAX_OVERHEAD);
                    *stored = Some(value);
                }
                Change::Delete => *stored = None,
            }
            Ok(reply)
        }
    }

    impl CellStore for SmallStore {
        fn store_name(&self) -> &'static str {
            "small"
        }
        fn store_limits(&self) -> StoreLimits {
            StoreLimits::unlimited().with_sizes(20, 100)
        }
    }

    fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
        result.unwrap_err().kind()
    }

    #[test]
    fn a_value_of_max_value_fits_and_one_byte_more_is_too_large() {
        let (store, key, new) = (Arc::new(SmallStore::default()), Key::new("k"), Version::from_bytes([1; 16]));
        let (fits, large) = (Bytes::from(vec![7; 100]), Bytes::from(vec![7; 101]));
        let versioned = store.clone().versioned().unwrap();
        assert_eq!(kind(block_on(store.set(&key, large.clone(), None))), StoreErrorKind::TooLarge);
        assert_eq!(kind(block_on(versioned.write_if(&key, None, &new, large, None))), StoreErrorKind::TooLarge);
        assert_eq!(store.0.lock().unwrap().as_deref(), None);
        block_on(store.set(&key, fits.clone(), None)).unwrap();
        assert_eq!(block_on(store.get(&key)).unwrap(), Some(fits.clone()));
        block_on(store.delete(&key)).unwrap();
        assert!(block_on(versioned.write_if(&key, None, &new, fits.clone(), None)).unwrap());
        assert_eq!(block_on(versioned.read(&key)).unwrap(), Some((fits, new)));
    }

    #[test]
    fn a_key_longer_than_max_key_is_too_large_for_every_operation() {
        let store = Arc::new(SmallStore::default());
        let (key, owner, hour) =
            (Key::new("k").part("a".repeat(17)), Owner::from_bytes([1; 16]), Duration::from_secs(3600));
        assert_eq!(key.rendered_len(), 21);
        let [counter, leases] = [store.clone(), store.clone()];
        let (counter, leases) = (counter.counter().unwrap(), leases.leases().unwrap());
        assert_eq!(kind(block_on(store.get(&key))), StoreErrorKind::TooLarge);
        assert_eq!(kind(block_on(store.set(&key, Bytes::new(), None))), StoreErrorKind::TooLarge);
        assert_eq!(kind(block_on(store.delete(&key))), StoreErrorKind::TooLarge);
        assert_eq!(kind(block_on(counter.incr(&key, hour))), StoreErrorKind::TooLarge);
        assert_eq!(kind(block_on(leases.release(&key, &owner))), StoreErrorKind::TooLarge);
    }
}
