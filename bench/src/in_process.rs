//! Without a shared store: the arithmetic, a permit, a whole call.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_executor::block_on;
use governor::{Quota, RateLimiter};
use measure::transport::Instantly;
use stitchapi::{Seam, Stitch, Throttle, decode};
use stitchapi_core::pace::{LimitId, LimitSpec, ReserveRequest, limits, transition};
use stitchapi_core::{Body, Key, MemoryStore, StitchStore, StoreTime, Transport as _};
use stitchapi_testing::StdRuntime;

use crate::turns::{Table, nanos};

/// A budget that never makes anybody wait.
pub const PERMITS: u32 = 1_000_000;
/// So much of it at once.
pub const BURST: u32 = 1_000_000;

fn request(calls: usize) -> ReserveRequest {
    let id = LimitId::calls(Duration::from_secs(1));
    let declared = LimitSpec { id, permits: PERMITS, burst: Some(BURST) };
    ReserveRequest::new(limits(&[declared]).expect("a rate that can be"), Duration::from_millis(5), 7).with_calls(calls)
}

pub fn measure(table: &mut Table) {
    let quota = Quota::per_second(NonZeroU32::MAX);
    let governor = RateLimiter::direct(quota);
    let check = || nanos(200_000, || drop(black_box(governor.check())));

    let one = request(1);
    let mut cell = None;
    let mut now = 0;
    let steps = || {
        nanos(50_000, || {
            now += 10;
            let stepped = transition::reserve(cell.as_ref(), StoreTime(now), black_box(&one));
            cell = stepped.write.or(cell.take());
        })
    };
    table.compare("pure step, one call", steps, "governor check", check);

    let many = request(100);
    let mut cell = None;
    let mut now = 0;
    let steps = || {
        nanos(2_000, || {
            now += 1_000;
            let stepped = transition::reserve(cell.as_ref(), StoreTime(now), black_box(&many));
            cell = stepped.write.or(cell.take());
        }) / 100.0
    };
    table.compare("pure step, one of 100 calls", steps, "governor check", check);

    let pacer = Arc::new(MemoryStore::new()).pacer().expect("a memory store has a pacer");
    let key = Key::new("bench");
    let reserve = || nanos(20_000, || drop(black_box(block_on(pacer.reserve(&key, &one)))));
    table.compare("memory store, reserve one", reserve, "governor check", check);

    let throttled = call(Some(Throttle::rate(format!("{PERMITS}/s")).burst(BURST)));
    let free = call(None);
    let call = |stitch: &Stitch<u32, ()>| nanos(20_000, || block_on(stitch.call(7).send()).map(drop).expect("a call"));
    table.compare("call with a throttle", || call(&throttled), "call without one", || call(&free));
    let bare = || nanos(20_000, || drop(black_box(block_on(Instantly.send(http::Request::new(Body::default()))))));
    table.compare("call without a throttle", || call(&free), "bare transport that answers at once", bare);
}

fn call(throttle: Option<Throttle>) -> Stitch<u32, ()> {
    let seam = Seam::builder("https://api.example.com").runtime(StdRuntime::new()).transport(Instantly);
    let seam = throttle.into_iter().fold(seam, |seam, throttle| seam.throttle(throttle));
    let seam = seam.build().expect("a seam");
    seam.get("/users/{id}").build_with(decode::empty).expect("a stitch")
}
