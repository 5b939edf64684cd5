//! StitchAPI: `Seam::permit` on the Redis store.

use std::error::Error;

use ::stitchapi::{Rate, Seam, Throttle};
use measure::transport::InstantTransport;
use stitchapi_redis::RedisStore;

use crate::arguments::WorkerArgs;
use crate::limiter::Limiter;

/// Limiter of StitchAPI: a seam with a throttle.
pub struct StitchApi(Seam);

impl Limiter for StitchApi {
    async fn start(arguments: &WorkerArgs) -> Result<Self, Box<dyn Error>> {
        let seam = Seam::builder("https://api.example.com")
            .name(&arguments.key)
            .store(RedisStore::connect(&arguments.url).await?)
            .throttle(Throttle::rate(Rate::per_second(arguments.budget)))
            .transport(InstantTransport)
            .build()?;
        Ok(Self(seam))
    }

    async fn permit(&self) {
        let _ = self.0.permit(1).await.expect("the permit is given");
    }
}
