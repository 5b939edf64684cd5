//! Operations in process, in nanoseconds: the pure transition and a memory store beside `governor`, and whole calls.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_executor::block_on;
use governor::{Quota, RateLimiter};
use measure::transport::InstantTransport;
use stitchapi::{Seam, Stitch, Throttle, decode};
use stitchapi_core::pace::{LimitId, LimitSpec, ReserveRequest, limits, transition};
use stitchapi_core::{Body, Key, MemoryStore, StitchStore, StoreTime, Transport as _};
use stitchapi_testing::StdRuntime;

use crate::comparison::{ComparisonTable, nanos_per_run};

/// Calls per second of a budget that delays no caller.
pub const PERMITS: u32 = 1_000_000;
/// Burst of that budget, in calls.
pub const BURST: u32 = 1_000_000;

/// Returns a request that reserves this number of calls.
fn request(calls: usize) -> ReserveRequest {
    let id = LimitId::calls(Duration::from_secs(1));
    let declared = LimitSpec { id, permits: PERMITS, burst: Some(BURST) };
    ReserveRequest::new(limits(&[declared]).expect("the rate is valid"), Duration::from_millis(5), 7).with_calls(calls)
}

/// Measures the operations in process.
pub fn measure(table: &mut ComparisonTable) {
    let quota = Quota::per_second(NonZeroU32::MAX);
    let governor = RateLimiter::direct(quota);
    let check = || nanos_per_run(200_000, || drop(black_box(governor.check())));

    let one = request(1);
    let mut cell = None;
    let mut now = 0;
    let transitions = || {
        nanos_per_run(50_000, || {
            now += 10;
            let result = transition::reserve(cell.as_ref(), StoreTime(now), black_box(&one));
            cell = result.write.or(cell.take());
        })
    };
    table.compare("pure transition, one call", transitions, "governor check", check);

    let many = request(100);
    let mut cell = None;
    let mut now = 0;
    let transitions = || {
        nanos_per_run(2_000, || {
            now += 1_000;
            let result = transition::reserve(cell.as_ref(), StoreTime(now), black_box(&many));
            cell = result.write.or(cell.take());
        }) / 100.0
    };
    table.compare("pure transition, one of 100 calls", transitions, "governor check", check);

    let pacer = Arc::new(MemoryStore::new()).pacer().expect("a memory store has a pacer");
    let key = Key::new("bench");
    let reserve = || nanos_per_run(20_000, || drop(black_box(block_on(pacer.reserve(&key, &one)))));
    table.compare("memory store, reserve one", reserve, "governor check", check);

    let throttled = call(Some(Throttle::rate(format!("{PERMITS}/s")).burst(BURST)));
    let free = call(None);
    let call = |stitch: &Stitch<u32, ()>| {
        nanos_per_run(20_000, || block_on(stitch.call(7).send()).map(drop).expect("the call succeeds"))
    };
    table.compare("call with a throttle", || call(&throttled), "call without one", || call(&free));
    let bare = || {
        nanos_per_run(20_000, || drop(black_box(block_on(InstantTransport.send(http::Request::new(Body::default()))))))
    };
    table.compare("call without a throttle", || call(&free), "bare transport that responds at once", bare);
}

/// Declares a stitch in process, with this throttle.
fn call(throttle: Option<Throttle>) -> Stitch<u32, ()> {
    let seam = Seam::builder("https://api.example.com").runtime(StdRuntime::new()).transport(InstantTransport);
    let seam = throttle.into_iter().fold(seam, |seam, throttle| seam.throttle(throttle));
    let seam = seam.build().expect("the seam is valid");
    seam.get("/users/{id}").build_with(decode::empty).expect("the stitch is valid")
}
