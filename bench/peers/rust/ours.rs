//! `Seam::permit`, on the Redis store.

use std::error::Error;

use measure::transport::Instantly;
use stitchapi::{Rate, Seam, Throttle};
use stitchapi_redis::RedisStore;

use crate::Peer;
use crate::worker::Told;

pub struct Ours(Seam);

impl Peer for Ours {
    async fn start(told: &Told) -> Result<Self, Box<dyn Error>> {
        let seam = Seam::builder("https://api.example.com")
            .name(&told.key)
            .store(RedisStore::connect(&told.url).await?)
            .throttle(Throttle::rate(Rate::per_second(told.budget)))
            .transport(Instantly)
            .build()?;
        Ok(Self(seam))
    }

    async fn permit(&self) {
        let _ = self.0.permit(1).await.expect("a permit");
    }
}
