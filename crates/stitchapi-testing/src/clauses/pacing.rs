//! Paces that the clauses ask with.

use std::time::Duration;

use stitchapi_core::pace::{LimitId, LimitSpec, ReserveRequest, default_guard, limits};

use crate::contract::Scene;

/// Between two starts of [`quick`].
pub(crate) const QUICK: Duration = Duration::from_micros(1_005);

/// So many calls a period, with a burst, and the epoch at random.
pub(crate) fn rate(scene: &Scene, permits: u32, period: Duration, burst: u32) -> ReserveRequest {
    let rate = LimitSpec { id: LimitId::calls(period), permits, burst: Some(burst) };
    of(&[rate], scene.runtime().random())
}

/// Six calls a minute: ten seconds between two, so that the time an operation takes does not matter.
pub(crate) fn slow(scene: &Scene) -> ReserveRequest {
    rate(scene, 6, Duration::from_secs(60), 1)
}

/// A thousand calls a second: starts are 1,005 us apart.
pub(crate) fn quick(epoch_if_new: u64) -> ReserveRequest {
    of(&[LimitSpec { id: LimitId::calls(Duration::from_secs(1)), permits: 1_000, burst: None }], epoch_if_new)
}

/// Limits of these rates, and a horizon of an hour.
pub(crate) fn of(declared: &[LimitSpec], epoch_if_new: u64) -> ReserveRequest {
    let shortest = declared.iter().map(|rate| rate.id.period()).min().unwrap_or_default();
    let limits = limits(declared).expect("the kit declares rates that can be limits");
    let request = ReserveRequest::new(limits, default_guard(shortest), epoch_if_new.max(1));
    ReserveRequest { horizon: Scene::HOUR, ..request }
}
