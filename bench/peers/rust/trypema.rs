//! `trypema` with the exact one of its two Redis limiters. A rejected task waits for the `retry_after` of the response.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use trypema::redis::{RedisKey, RedisRateLimiterProvider};
use trypema::{BucketSize, RateLimit, RateLimitDecision, RateLimiterBuilder as _, WindowSize};

use crate::arguments::WorkerArgs;
use crate::incr::manager;
use crate::limiter::Limiter;

/// Limiter of the crate `trypema`.
pub struct Trypema {
    provider: Arc<RedisRateLimiterProvider>,
    key: RedisKey,
    rate: RateLimit,
}

impl Limiter for Trypema {
    async fn start(arguments: &WorkerArgs) -> Result<Self, Box<dyn Error>> {
        let provider = RedisRateLimiterProvider::builder(manager(&arguments.url).await?)
            .prefix(RedisKey::try_from("trypema".to_owned())?)
            .window_size(WindowSize::seconds_or_panic(1))
            .bucket_size(BucketSize::milliseconds_or_panic(10))
            .build()?;
        let rate = RateLimit::per_second_or_panic(arguments.budget.into());
        Ok(Self { provider, key: RedisKey::try_from(arguments.key.clone())?, rate })
    }

    async fn permit(&self) {
        loop {
            match self.provider.absolute().inc(&self.key, &self.rate, 1).await.expect("the provider replies") {
                RateLimitDecision::Rejected { retry_after, .. } => {
                    tokio::time::sleep(retry_after.max(Duration::from_millis(1))).await;
                }
                RateLimitDecision::Allowed => return,
                other => panic!("expected Allowed or Rejected, got {other:?}"),
            }
        }
    }
}
