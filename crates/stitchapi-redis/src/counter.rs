//! The facet that counts. The stored value is the number in decimal digits.

use std::time::Duration;

use stitchapi_core::{Counter, Key, StoreError, async_trait, check_ttl};

use crate::RedisStore;
use crate::client::Reply;
use crate::error::{Failure, STORE};
use crate::script::{Arguments, INCR};

#[async_trait]
impl Counter for RedisStore {
    async fn incr(&self, key: &Key, ttl: Duration) -> Result<u64, StoreError> {
        check_ttl(ttl, STORE, "incr")?;
        let count = match self.run(&INCR, key, &Arguments::default().ttl(ttl)).await {
            Ok(Reply::Int(count)) => u64::try_from(count).map_err(|_| Failure::UnexpectedReply),
            Ok(_) => Err(Failure::UnexpectedReply),
            Err(failure) => Err(failure),
        };
        count.map_err(|failure| failure.of("incr"))
    }
}
