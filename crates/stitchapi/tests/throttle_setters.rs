//! Setters of a throttle that have no effect fail `build()`: every setter with every constructor, and the store that decides.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::seam;
use stitchapi::{
    BoxFuture, ErrorKind, MemoryStore, OutagePolicy, Rate, Runtime, Scope, Seam, SeamBuilder, SplitStore, StitchStore,
    StoreError, Throttle, Tick, async_trait, decode,
};
use stitchapi_core::{Counter, Key, StoreLimits};
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);

fn ten() -> Throttle {
    Throttle::rate("10/s")
}

fn four() -> Throttle {
    Throttle::concurrency(4)
}

fn builder(sim: &SimRuntime, throttle: Throttle) -> SeamBuilder {
    seam(sim, &MockTransport::new(|_| http::Response::new(Bytes::new()))).throttle(throttle)
}

fn in_process(throttle: Throttle) -> stitchapi::Result<Seam> {
    builder(&SimRuntime::new(1), throttle).build()
}

fn on_store(throttle: Throttle) -> stitchapi::Result<Seam> {
    let sim = SimRuntime::new(1);
    builder(&sim, throttle).store(MemoryStore::on(Arc::new(sim.clone()))).build()
}

/// The error text of a build that fails as `Config`.
fn rejected(built: stitchapi::Result<Seam>) -> String {
    let error = built.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    error.to_string()
}

/// Store with a counter and no pacer.
#[derive(Debug, Clone)]
struct Counting(MemoryStore);

#[async_trait]
impl StitchStore for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }
    fn limits(&self) -> StoreLimits {
        self.0.limits()
    }
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.0.get(key).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.0.set(key, value, ttl).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.0.delete(key).await
    }
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        Arc::new(self.0.clone()).counter()
    }
}

/// Runtime on which no call waits for another one.
#[derive(Debug, Clone)]
struct Apart(SimRuntime);

impl Runtime for Apart {
    fn now(&self) -> Tick {
        self.0.now()
    }
    fn wall(&self) -> SystemTime {
        self.0.wall()
    }
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        self.0.sleep_until(at)
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
    fn random(&self) -> u64 {
        self.0.random()
    }
    fn joins_callers(&self) -> bool {
        false
    }
}

#[test]
fn setters_of_slots_fail_without_a_rate() {
    let cases = [
        ("burst", four().burst(3)),
        ("guard", four().guard(Duration::from_millis(5))),
        ("fresh_start", four().fresh_start(Duration::ZERO)),
        ("max_hold", four().max_hold(SECOND)),
    ];
    for (setter, throttle) in cases {
        for built in [in_process(throttle.clone()), on_store(throttle.clone())] {
            let text = rejected(built);
            assert!(text.starts_with(&format!("throttle: {setter}(..) has no effect")), "{text}");
        }
    }
}

#[test]
fn a_burst_before_its_rate_fails_even_if_a_rate_follows() {
    let text = rejected(in_process(four().burst(3).and_rate("10/s")));
    assert_eq!(text, "throttle: burst(..) has no effect before a rate: call it after rate(..) or and_rate(..)");
    in_process(four().and_rate("10/s").burst(3)).unwrap();
}

#[test]
fn setters_of_an_outage_fail_without_a_store() {
    for throttle in [ten(), four(), ten().and_concurrency(4)] {
        let cases = [
            ("on_outage", throttle.clone().on_outage(OutagePolicy::Closed)),
            ("on_outage", throttle.clone().on_outage(OutagePolicy::Local)),
            ("fleet_size", throttle.clone().fleet_size(4)),
        ];
        for (setter, throttle) in cases {
            let text = rejected(in_process(throttle.clone()));
            assert!(text.starts_with(&format!("throttle: {setter}(..) has no effect without a store")), "{text}");
            on_store(throttle).unwrap();
        }
    }
}

#[test]
fn setters_of_an_outage_of_a_stitch_fail_without_a_store() {
    let seam = in_process(ten()).unwrap();
    let built = seam.get("/a").throttle(four().fleet_size(2)).build_with::<(), ()>(decode::empty);
    assert_eq!(built.map(drop).unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn a_fresh_start_fails_on_a_store_that_can_only_count() {
    let sim = SimRuntime::new(1);
    let memory = MemoryStore::on(Arc::new(sim.clone()));
    let throttle = ten().fresh_start(SECOND);
    let text = rejected(builder(&sim, throttle.clone()).store(Counting(memory.clone())).build());
    assert!(text.starts_with("throttle: fresh_start(..) has no effect on the counting store"), "{text}");
    builder(&sim, throttle).store(SplitStore::new(Counting(memory.clone()), memory.clone())).build().unwrap();
    builder(&sim, ten()).store(Counting(memory)).build().unwrap();
}

#[test]
fn max_queue_of_a_concurrency_limit_fails_where_no_call_waits_for_another_one() {
    let sim = SimRuntime::new(1);
    let store = MemoryStore::on(Arc::new(sim.clone()));
    let build = |throttle| builder(&sim, throttle).runtime(Apart(sim.clone())).store(store.clone()).build();
    let text = rejected(build(four().max_queue(9)));
    assert!(text.starts_with("throttle: max_queue(..) has no effect"), "{text}");
    build(four()).unwrap();
    build(ten().max_queue(9)).unwrap();
    build(four().and_rate("10/s").max_queue(9)).unwrap();
}

#[test]
fn numbers_of_zero_are_named() {
    let cases = [
        ("concurrency", Throttle::concurrency(0)),
        ("max_queue", ten().max_queue(0)),
        ("fleet_size", ten().fleet_size(0)),
    ];
    for (setter, throttle) in cases {
        assert_eq!(rejected(on_store(throttle)), format!("throttle: {setter}(0) lets no call start: it is at least 1"));
    }
}

#[test]
fn every_setter_that_has_an_effect_builds() {
    let rate = ten().burst(2).guard(Duration::from_millis(2)).fresh_start(SECOND).max_hold(SECOND);
    let common = |throttle: Throttle| throttle.max_wait(SECOND).max_queue(9).scope(Scope::Host);
    for throttle in [common(rate), common(four()), common(ten().and_concurrency(4))] {
        in_process(throttle.clone()).unwrap();
        in_process(throttle.clone().per_principal()).unwrap();
        on_store(throttle.on_outage(OutagePolicy::Closed).fleet_size(4)).unwrap();
    }
}

#[test]
fn units_and_bucket_names_come_from_any_string() {
    let (unit, name) = (String::from("tokens"), String::from("search"));
    let throttle = ten().and_rate(Rate::per_minute(500).of(unit)).scope(Scope::bucket(name));
    let seam = in_process(throttle).unwrap();
    let status = SimRuntime::new(1).block_on(seam.throttle_status());
    assert_eq!(status.buckets[0].name, "bucket/search");
    assert_eq!(status.buckets[0].limits[1].unit, "tokens");
}
