//! `trypema` with its Redis provider, the exact one of its two; who is refused waits as long as it says.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use trypema::redis::{RedisKey, RedisRateLimiterProvider};
use trypema::{BucketSize, RateLimit, RateLimitDecision, RateLimiterBuilder as _, WindowSize};

use crate::Peer;
use crate::incr::manager;
use crate::worker::Told;

pub struct Trypema {
    provider: Arc<RedisRateLimiterProvider>,
    key: RedisKey,
    rate: RateLimit,
}

impl Peer for Trypema {
    async fn start(told: &Told) -> Result<Self, Box<dyn Error>> {
        let provider = RedisRateLimiterProvider::builder(manager(&told.url).await?)
            .prefix(RedisKey::try_from("trypema".to_owned())?)
            .window_size(WindowSize::seconds_or_panic(1))
            .bucket_size(BucketSize::milliseconds_or_panic(10))
            .build()?;
        let rate = RateLimit::per_second_or_panic(told.budget.into());
        Ok(Self { provider, key: RedisKey::try_from(told.key.clone())?, rate })
    }

    async fn permit(&self) {
        loop {
            match self.provider.absolute().inc(&self.key, &self.rate, 1).await.expect("an answer") {
                RateLimitDecision::Rejected { retry_after, .. } => {
                    tokio::time::sleep(retry_after.max(Duration::from_millis(1))).await;
                }
                RateLimitDecision::Allowed => return,
                other => panic!("asked to decide, it said {other:?}"),
            }
        }
    }
}
