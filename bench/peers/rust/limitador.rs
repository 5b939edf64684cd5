//! `limitador` with its Redis storage. It only says yes or no: who is refused asks again 10 ms later.

use std::error::Error;
use std::time::Duration;

use limitador::AsyncRateLimiter;
use limitador::limit::{Context, Expression, Limit, Predicate};
use limitador::storage::redis::AsyncRedisStorage;

use crate::Peer;
use crate::worker::Told;

pub struct Limitador {
    limiter: AsyncRateLimiter,
    namespace: String,
}

impl Peer for Limitador {
    async fn start(told: &Told) -> Result<Self, Box<dyn Error>> {
        let storage = AsyncRedisStorage::new(&told.url).await.map_err(|error| format!("{error:?}"))?;
        let limiter = AsyncRateLimiter::new_with_storage(Box::new(storage));
        let always: [Predicate; 0] = [];
        let together: [Expression; 0] = [];
        limiter.add_limit(Limit::new(&*told.key, told.budget.into(), 1, always, together));
        Ok(Self { limiter, namespace: told.key.clone() })
    }

    async fn permit(&self) {
        let (namespace, context) = (self.namespace.as_str().into(), Context::default());
        loop {
            let asked = self.limiter.check_rate_limited_and_update(&namespace, &context, 1).await;
            if !asked.expect("an answer").limited {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
