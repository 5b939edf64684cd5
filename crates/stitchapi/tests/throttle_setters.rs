//! Setters of a throttle that have no effect fail `build()`: every setter with every constructor, and the store that decides.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::counting_store::CountingStore;
use common::seam;
use common::separate_calls::SeparateCallsRuntime;
use stitchapi::{ErrorKind, MemoryStore, OutagePolicy, Rate, Scope, Seam, SeamBuilder, SplitStore, Throttle};
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);

fn ten_per_second() -> Throttle {
    Throttle::rate("10/s")
}

fn four_at_once() -> Throttle {
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
    builder(&sim, throttle).store(MemoryStore::with_clock_of(Arc::new(sim.clone()))).build()
}

/// The error text of a build that fails as `Config`.
fn rejected(built: stitchapi::Result<Seam>) -> String {
    let error = built.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    error.to_string()
}

#[test]
fn setters_of_slots_fail_without_a_rate() {
    let cases = [
        ("burst", four_at_once().burst(3)),
        ("max_lateness", four_at_once().max_lateness(Duration::from_millis(5))),
        ("initial_delay", four_at_once().initial_delay(Duration::ZERO)),
        ("max_hold", four_at_once().max_hold(SECOND)),
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
    let text = rejected(in_process(four_at_once().burst(3).and_rate("10/s")));
    assert_eq!(text, "throttle: burst(..) has no effect before a rate: call it after rate(..) or and_rate(..)");
    in_process(four_at_once().and_rate("10/s").burst(3)).unwrap();
}

#[test]
fn a_throttle_for_a_fleet_is_valid_without_a_store() {
    for throttle in [ten_per_second(), four_at_once(), ten_per_second().and_concurrency(4)] {
        let throttle = throttle.on_outage(OutagePolicy::Closed).fleet_size(4);
        in_process(throttle.clone()).unwrap();
        on_store(throttle).unwrap();
    }
}

#[test]
fn a_fresh_start_fails_on_a_store_that_can_only_count() {
    let sim = SimRuntime::new(1);
    let memory = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let throttle = ten_per_second().initial_delay(SECOND);
    let text = rejected(builder(&sim, throttle.clone()).store(CountingStore(memory.clone())).build());
    assert!(text.starts_with("throttle: initial_delay(..) has no effect on the counting store"), "{text}");
    builder(&sim, throttle).store(SplitStore::new(CountingStore(memory.clone()), memory.clone())).build().unwrap();
    builder(&sim, ten_per_second()).store(CountingStore(memory)).build().unwrap();
}

#[test]
fn max_queue_of_a_concurrency_limit_fails_where_no_call_waits_for_another_one() {
    let sim = SimRuntime::new(1);
    let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let build =
        |throttle| builder(&sim, throttle).runtime(SeparateCallsRuntime(sim.clone())).store(store.clone()).build();
    let text = rejected(build(four_at_once().max_queue(9)));
    assert!(text.starts_with("throttle: max_queue(..) has no effect"), "{text}");
    build(four_at_once()).unwrap();
    build(ten_per_second().max_queue(9)).unwrap();
    build(four_at_once().and_rate("10/s").max_queue(9)).unwrap();
}

#[test]
fn numbers_of_zero_are_named() {
    let cases = [
        ("concurrency", Throttle::concurrency(0)),
        ("max_queue", ten_per_second().max_queue(0)),
        ("fleet_size", ten_per_second().fleet_size(0)),
    ];
    for (setter, throttle) in cases {
        assert_eq!(rejected(on_store(throttle)), format!("throttle: {setter}(0) lets no call start: it is at least 1"));
    }
}

#[test]
fn every_setter_that_has_an_effect_builds() {
    let rate = ten_per_second().burst(2).max_lateness(Duration::from_millis(2)).initial_delay(SECOND).max_hold(SECOND);
    let common = |throttle: Throttle| throttle.max_wait(SECOND).max_queue(9).scope(Scope::Host);
    for throttle in [common(rate), common(four_at_once()), common(ten_per_second().and_concurrency(4))] {
        in_process(throttle.clone()).unwrap();
        in_process(throttle.clone().per_principal()).unwrap();
        on_store(throttle).unwrap();
    }
}

#[test]
fn units_and_bucket_names_come_from_any_string() {
    let (unit, name) = (String::from("tokens"), String::from("search"));
    let throttle = ten_per_second().and_rate(Rate::per_minute(500).of(unit)).scope(Scope::bucket(name));
    let seam = in_process(throttle).unwrap();
    let status = SimRuntime::new(1).block_on(seam.throttle_status());
    assert_eq!(status.buckets[0].name, "bucket/search");
    assert_eq!(status.buckets[0].limits[1].unit, "tokens");
}
