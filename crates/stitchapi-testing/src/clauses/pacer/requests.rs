//! Reserve requests that the clauses send.

use std::time::Duration;

use stitchapi_core::pace::{LimitId, LimitSpec, ReserveRequest, default_max_lateness, limits};

use crate::harness::Fixture;

/// Spacing of the starts of [`fast`].
pub(crate) const FAST_SPACING: Duration = Duration::from_micros(1_005);

/// Requests at `permits` per `period` with `burst`, and a random epoch. No calls yet.
pub(crate) fn with_rate(fixture: &Fixture, permits: u32, period: Duration, burst: u32) -> ReserveRequest {
    let rate = LimitSpec { id: LimitId::calls(period), permits, burst: Some(burst) };
    with_limits(&[rate], fixture.runtime().random())
}

/// Requests at six calls a minute. Starts are ten seconds apart, so the duration of an operation does not matter.
pub(crate) fn slow(fixture: &Fixture) -> ReserveRequest {
    with_rate(fixture, 6, Duration::from_secs(60), 1)
}

/// Requests at a thousand calls a second. Starts are [`FAST_SPACING`] apart.
pub(crate) fn fast(epoch_if_new: u64) -> ReserveRequest {
    with_limits(&[LimitSpec { id: LimitId::calls(Duration::from_secs(1)), permits: 1_000, burst: None }], epoch_if_new)
}

/// Requests with these limits and a horizon of an hour.
pub(crate) fn with_limits(specs: &[LimitSpec], epoch_if_new: u64) -> ReserveRequest {
    let shortest = specs.iter().map(|spec| spec.id.period()).min().unwrap_or_default();
    let limits = limits(specs).expect("the kit declares valid limits");
    let request = ReserveRequest::new(limits, default_max_lateness(shortest), epoch_if_new.max(1));
    ReserveRequest { horizon: Fixture::HOUR, ..request }
}
