//! Plain values, and the accessors of the facets. The stored plain value is the byte `s` and the caller's bytes.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use stitchapi_core::{
    Counter, Key, Leases, Pacer, StitchStore, StoreError, StoreLimits, Versioned, async_trait, check_ttl,
};

use crate::RedisStore;
use crate::client::Reply;
use crate::error::{Failure, STORE};
use crate::script::{Arguments, SET};
use crate::store::{MAX_KEY, MAX_VALUE, check_value};

const TAG: u8 = b's';

impl RedisStore {
    async fn get_plain(&self, key: &Key) -> Result<Option<Bytes>, Failure> {
        match self.stored(key).await? {
            Some(value) if value.first() == Some(&TAG) => Ok(Some(value.slice(1..))),
            Some(_) => Err(Failure::Foreign),
            None => Ok(None),
        }
    }

    async fn set_plain(&self, key: &Key, value: &Bytes, ttl: Option<Duration>) -> Result<(), Failure> {
        check_value(value)?;
        let mut tagged = BytesMut::with_capacity(1 + value.len());
        tagged.put_u8(TAG);
        tagged.put_slice(value);
        match self.run(&SET, key, &Arguments::default().bytes(&*tagged).ttl(ttl)).await? {
            Reply::Int(1) => Ok(()),
            _ => Err(Failure::UnexpectedReply),
        }
    }
}

#[async_trait]
impl StitchStore for RedisStore {
    fn name(&self) -> &'static str {
        STORE
    }
    fn limits(&self) -> StoreLimits {
        StoreLimits::unlimited().with_sizes(MAX_KEY, MAX_VALUE).with_volatile()
    }
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.get_plain(key).await.map_err(|failure| failure.of("get"))
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        check_ttl(ttl, STORE, "set")?;
        self.set_plain(key, &value, ttl).await.map_err(|failure| failure.of("set"))
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.send("DEL", key).await.map(drop).map_err(|failure| failure.of("delete"))
    }
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        Some(self)
    }
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        Some(self)
    }
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        Some(self)
    }
    fn versioned(self: Arc<Self>) -> Option<Arc<dyn Versioned>> {
        Some(self)
    }
}
