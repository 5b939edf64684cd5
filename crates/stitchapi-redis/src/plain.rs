//! Plain values: the byte `s` and what was given.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use stitchapi_core::Key;

use crate::RedisStore;
use crate::client::Reply;
use crate::error::Failure;
use crate::script::{Arguments, SET};
use crate::store::check_value;

const TAG: u8 = b's';

pub(crate) async fn get(store: &RedisStore, key: &Key) -> Result<Option<Bytes>, Failure> {
    match store.stored(key).await? {
        Some(value) if value.first() == Some(&TAG) => Ok(Some(value.slice(1..))),
        Some(_) => Err(Failure::Foreign),
        None => Ok(None),
    }
}

pub(crate) async fn set(store: &RedisStore, key: &Key, value: &Bytes, ttl: Option<Duration>) -> Result<(), Failure> {
    check_value(value)?;
    let mut tagged = BytesMut::with_capacity(1 + value.len());
    tagged.put_u8(TAG);
    tagged.put_slice(value);
    match store.run(&SET, key, &Arguments::default().bytes(&*tagged).ttl(ttl)).await? {
        Reply::Int(1) => Ok(()),
        _ => Err(Failure::OddReply),
    }
}
