//! The facet that grants leases. The stored value is the byte `l` and the text of
//! [`LeaseCell`](stitchapi_core::lease::LeaseCell).

use std::time::Duration;

use stitchapi_core::{Key, Lease, Leases, Owner, StoreError, async_trait, check_limit, check_ttl};

use crate::RedisStore;
use crate::client::Reply;
use crate::error::{Failure, STORE};
use crate::script::{ACQUIRE, Arguments, RELEASE, RENEW, Script};

impl RedisStore {
    /// Runs a script whose reply is an array of numbers, the first of them the time. Returns the others.
    async fn run_to_numbers<const N: usize>(
        &self,
        script: &Script,
        key: &Key,
        arguments: &Arguments<'_>,
    ) -> Result<[u64; N], Failure> {
        let Reply::Array(reply) = self.run(script, key, arguments).await? else { return Err(Failure::UnexpectedReply) };
        let numbers = reply.into_iter().skip(1).map(|number| match number {
            Reply::Int(number) => u64::try_from(number).ok(),
            _ => None,
        });
        let numbers: Option<Vec<_>> = numbers.collect();
        numbers.and_then(|numbers| numbers.try_into().ok()).ok_or(Failure::UnexpectedReply)
    }
}

#[async_trait]
impl Leases for RedisStore {
    /// Implements [`Leases::acquire`]. It replies at once, whatever `queue_ttl` is.
    async fn acquire(
        &self,
        key: &Key,
        limit: u32,
        ttl: Duration,
        owner: &Owner,
        queue_ttl: Duration,
    ) -> Result<Lease, StoreError> {
        check_ttl(ttl, STORE, "acquire")?;
        check_limit(limit, STORE, "acquire")?;
        let arguments = Arguments::default().number(limit.into()).micros(ttl).text(owner.to_string()).micros(queue_ttl);
        match self.run_to_numbers(&ACQUIRE, key, &arguments).await {
            Ok([1, fence]) => Ok(Lease::Held { fence }),
            Ok([_, micros]) => Ok(Lease::Busy { retry_after: Duration::from_micros(micros) }),
            Err(failure) => Err(failure.of("acquire")),
        }
    }

    async fn renew(&self, key: &Key, ttl: Duration, owner: &Owner) -> Result<bool, StoreError> {
        check_ttl(ttl, STORE, "renew")?;
        let arguments = Arguments::default().micros(ttl).text(owner.to_string());
        let renewed = self.run_to_numbers(&RENEW, key, &arguments).await;
        renewed.map(|[held]| held == 1).map_err(|failure| failure.of("renew"))
    }

    async fn release(&self, key: &Key, owner: &Owner) -> Result<(), StoreError> {
        let released = self.run_to_numbers(&RELEASE, key, &Arguments::default().text(owner.to_string())).await;
        released.map(|[]| ()).map_err(|failure| failure.of("release"))
    }
}
