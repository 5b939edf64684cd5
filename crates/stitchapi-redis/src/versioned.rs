//! The facet that compares versions before it writes. The stored value is the byte `v`, the 16 bytes of the version, and the
//! caller's bytes.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use stitchapi_core::{Key, StoreError, Version, Versioned, async_trait, check_ttl};

use crate::RedisStore;
use crate::client::Reply;
use crate::error::{Failure, STORE};
use crate::script::{Arguments, WRITE_IF};
use crate::store::check_value;

const TAG: u8 = b'v';
/// Length of the tag and the version.
const HEAD: usize = 17;

impl RedisStore {
    async fn read_version(&self, key: &Key) -> Result<Option<(Bytes, Version)>, Failure> {
        let Some(value) = self.stored(key).await? else { return Ok(None) };
        match value.first_chunk::<HEAD>() {
            Some([TAG, version @ ..]) => Ok(Some((value.slice(HEAD..), Version::from_bytes(*version)))),
            _ => Err(Failure::Foreign),
        }
    }

    async fn write_version(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &Version,
        value: &Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool, Failure> {
        check_value(value)?;
        let mut whole = BytesMut::with_capacity(HEAD + value.len());
        whole.put_u8(TAG);
        whole.put_slice(new.as_bytes());
        whole.put_slice(value);
        let expected = expected.map_or(&[][..], |version| version.as_bytes());
        let arguments = Arguments::default().bytes(expected).bytes(&new.as_bytes()[..]).bytes(&*whole).ttl(ttl);
        match self.run(&WRITE_IF, key, &arguments).await? {
            Reply::Int(written) => Ok(written == 1),
            _ => Err(Failure::UnexpectedReply),
        }
    }
}

#[async_trait]
impl Versioned for RedisStore {
    async fn read(&self, key: &Key) -> Result<Option<(Bytes, Version)>, StoreError> {
        self.read_version(key).await.map_err(|failure| failure.of("read"))
    }

    async fn write_if(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        check_ttl(ttl, STORE, "write_if")?;
        self.write_version(key, expected, new, &value, ttl).await.map_err(|failure| failure.of("write_if"))
    }
}
