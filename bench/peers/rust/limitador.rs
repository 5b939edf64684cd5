//! `limitador` with its Redis storage. It only accepts or rejects, so a rejected task asks again after 10 ms.

use std::error::Error;
use std::time::Duration;

use limitador::AsyncRateLimiter;
use limitador::limit::{Context, Expression, Limit, Predicate};
use limitador::storage::redis::AsyncRedisStorage;

use crate::arguments::WorkerArgs;
use crate::limiter::Limiter;

/// Limiter of the crate `limitador`.
pub struct Limitador {
    limiter: AsyncRateLimiter,
    namespace: String,
}

impl Limiter for Limitador {
    async fn start(arguments: &WorkerArgs) -> Result<Self, Box<dyn Error>> {
        let storage = AsyncRedisStorage::new(&arguments.url).await.map_err(|error| format!("{error:?}"))?;
        let limiter = AsyncRateLimiter::new_with_storage(Box::new(storage));
        let no_conditions: [Predicate; 0] = [];
        let no_variables: [Expression; 0] = [];
        limiter.add_limit(Limit::new(&*arguments.key, arguments.budget.into(), 1, no_conditions, no_variables));
        Ok(Self { limiter, namespace: arguments.key.clone() })
    }

    async fn permit(&self) {
        let (namespace, context) = (self.namespace.as_str().into(), Context::default());
        loop {
            let reply = self.limiter.check_rate_limited_and_update(&namespace, &context, 1).await;
            if !reply.expect("the storage replies").limited {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
