//! Shutdown of a seam, and the status of its throttle, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::sim_process::SimProcess;
use common::spy_store::SpyStore;
use common::{recording_sink, seam, starts};
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all, join3};
use stitchapi::trace::EventKind;
use stitchapi::{
    BucketStatus, Cost, ErrorKind, MemoryStore, Rate, Result, Retry, Runtime as _, Seam, Stitch, Throttle,
};
use stitchapi::{ThrottleStatus, decode};
use stitchapi_core::StoreErrorKind;
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns an API that accepts every request.
fn api() -> MockTransport {
    MockTransport::new(|_| http::Response::new(Bytes::new()))
}

fn get(seam: &Seam) -> Stitch<(), ()> {
    seam.get("/a").build_with(decode::empty).unwrap()
}

fn status(sim: &SimRuntime, seam: &Seam) -> ThrottleStatus {
    sim.block_on(seam.throttle_status())
}

/// Returns the only bucket of a status.
fn only_bucket(status: ThrottleStatus) -> BucketStatus {
    assert_eq!(status.buckets.len(), 1);
    status.buckets.into_iter().next().unwrap()
}

#[test]
fn shutdown_waits_for_calls_in_flight_and_rejects_new_ones() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (sink, recorded) = recording_sink();
    let seam = seam(&sim, &api()).throttle(Throttle::rate("10/s")).sink(sink).build()?;
    let stitch = get(&seam);
    let calls = join_all((0..5).map(|_| stitch.call(()).send()));
    let ending = async {
        sim.sleep(ms(50)).await;
        let result = seam.shutdown(SECOND).await;
        (result, sim.now(), stitch.call(()).send().await, seam.permit(1).await.map(drop))
    };
    let begun = sim.now();
    let (results, (ended, at, call, permit)) = sim.block_on(join(calls, ending));
    assert!(results.iter().all(Result::is_ok));
    ended?;
    assert_eq!(at.since(begun).as_millis(), 402);
    for error in [call.map(drop).unwrap_err(), permit.unwrap_err()] {
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::ShutDown, false));
    }
    // Shutdown has delivered all events to the sinks before it returns.
    assert_eq!(starts(&recorded).len(), 5);
    let done = |event: &&stitchapi::trace::Event| matches!(event.kind, EventKind::CallEnded { .. });
    assert_eq!(recorded.lock().unwrap().iter().filter(done).count(), 5);
    Ok(())
}

#[test]
fn callers_that_still_wait_when_the_grace_ends_are_rejected() -> Result<()> {
    let sim = SimRuntime::new(1);
    for shared in [false, true] {
        let mut builder = seam(&sim, &api()).throttle(Throttle::rate("10/s"));
        if shared {
            builder = builder.store(MemoryStore::with_clock_of(Arc::new(sim.clone())));
        }
        let seam = builder.build()?;
        let stitch = get(&seam);
        let calls = join_all((0..20).map(|_| stitch.call(()).send()));
        let permits = join_all((0..20).map(|_| seam.permit(1)));
        let ending = async {
            let result = seam.shutdown(ms(450)).await;
            (result, sim.now())
        };
        let begun = sim.now();
        let all = join3(calls, permits, ending);
        let (calls, permits, (ended, at)) = sim.block_on(all);
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(at.since(begun), ms(450));
        assert_eq!(sim.now(), at, "a caller waited longer than the grace");
        let calls = calls.into_iter().map(|call| call.map(drop));
        let (succeeded, rejected): (Vec<_>, Vec<_>) =
            calls.chain(permits.into_iter().map(|it| it.map(drop))).partition(Result::is_ok);
        assert_eq!((succeeded.len(), rejected.len()), (5, 35));
        assert!(rejected.into_iter().all(|result| result.unwrap_err().kind() == ErrorKind::ShutDown));
    }
    Ok(())
}

#[test]
fn a_call_in_backoff_is_not_retried_after_the_grace() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = MockTransport::new(|_| {
        http::Response::builder().status(503).header("retry-after", "2").body(Bytes::new()).unwrap()
    });
    let seam = seam(&sim, &api).build()?;
    let stitch = get(&seam);
    let both = join(stitch.call(()).send(), seam.shutdown(Duration::ZERO));
    let (call, ended) = sim.block_on(both);
    assert!(call.is_err());
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(api.requests().len(), 1);
    Ok(())
}

#[test]
fn shutdown_may_be_repeated_and_a_dropped_shutdown_leaves_the_seam_shut() -> Result<()> {
    let sim = SimRuntime::new(1);
    let seam = seam(&sim, &api().latency(SECOND, Arc::new(sim.clone()))).build()?;
    let stitch = get(&seam);
    let call = stitch.call(()).send();
    let endings = async {
        sim.sleep(ms(1)).await;
        assert!(seam.shutdown(SECOND).now_or_never().is_none());
        assert_eq!(stitch.call(()).send().await.map(drop).unwrap_err().kind(), ErrorKind::ShutDown);
        join(seam.shutdown(2 * SECOND), seam.shutdown(2 * SECOND)).await
    };
    let (call, (one, other)) = sim.block_on(join(call, endings));
    call?;
    one.and(other)
}

#[test]
fn a_sink_that_receives_nothing_does_not_hold_a_shutdown_beyond_its_grace() -> Result<()> {
    let sim = SimRuntime::new(1);
    // Tasks of a stopped process do not run, so events stay in the queue.
    let process = SimProcess::new(&sim);
    process.stop();
    let (sink, recorded) = recording_sink();
    let builder = Seam::builder("https://api.example.com").runtime(process.clone()).transport(api()).sink(sink);
    let seam = builder.build()?;
    sim.block_on(get(&seam).call(()).send())?;
    let begun = sim.now();
    let error = sim.block_on(seam.shutdown(SECOND)).unwrap_err();
    assert_eq!((error.kind(), sim.now().since(begun)), (ErrorKind::Timeout, SECOND));
    assert!(error.to_string().contains("sinks") && recorded.lock().unwrap().is_empty(), "{error}");
    process.resume();
    sim.block_on(seam.shutdown(SECOND))?;
    assert!(!recorded.lock().unwrap().is_empty(), "events are delivered once tasks run");
    Ok(())
}

#[test]
fn throttle_status_shows_waiters_bookings_and_the_next_possible_start() -> Result<()> {
    let sim = SimRuntime::new(1);
    let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let throttle = Throttle::rate("10/s").and_rate(Rate::per_hour(100).of("tokens"));
    let build = || seam(&sim, &api()).store(store.clone()).throttle(throttle.clone()).build();
    let (one, other) = (build()?, build()?);
    let mut calls = Box::pin(join_all((0..20).map(|_| one.permit(Cost::new(1).and("tokens", 2)))));
    let _ = sim.block_on(async { futures_util::future::select(&mut calls, sim.sleep(ms(450))).await });

    let bucket = only_bucket(status(&sim, &one));
    assert_eq!(bucket.name, "https://api.example.com/v1");
    assert_eq!(bucket.waiting, 15);
    // The next request to the store may still be delayed to cover more callers.
    assert!((9..=10).contains(&bucket.booked), "{}", bucket.booked);
    assert_eq!(bucket.age, Some(Duration::ZERO));
    assert_eq!((bucket.held, bucket.outage, bucket.is_stricter_elsewhere), (None, None, false));
    // Fifteen waiters are ahead of a new call.
    let wait = bucket.next_start.unwrap().as_millis();
    assert!((1_500..1_600).contains(&wait), "{wait}");
    let units: Vec<&str> = bucket.limits.iter().map(|limit| &*limit.unit).collect();
    assert_eq!(units, ["calls", "tokens"]);
    assert!(bucket.limits.iter().all(|limit| limit.full_in.unwrap() > Duration::ZERO));

    // Another process sees the bookings, but not the waiters.
    let bucket = only_bucket(status(&sim, &other));
    assert_eq!((bucket.waiting, bucket.booked), (0, 0));
    assert!(bucket.next_start.unwrap() > ms(900));
    Ok(())
}

#[test]
fn throttle_status_shows_a_hold_and_an_outage() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone());
    let api = MockTransport::new(|_| {
        http::Response::builder().status(429).header("retry-after", "7").body(Bytes::new()).unwrap()
    });
    let seam = seam(&sim, &api).store(spy.clone()).throttle(Throttle::rate("10/s")).retry(Retry::none()).build()?;
    assert!(sim.block_on(get(&seam).call(()).send()).is_err());
    let bucket = only_bucket(status(&sim, &seam));
    assert_eq!(bucket.held, Some(7 * SECOND));
    assert_eq!(bucket.next_start, Some(7 * SECOND));

    spy.fail(Some(StoreErrorKind::Unavailable));
    assert_eq!(only_bucket(status(&sim, &seam)).outage, Some(Duration::ZERO));
    sim.block_on(sim.sleep(SECOND));
    let before = spy.operations();
    assert_eq!(only_bucket(status(&sim, &seam)).outage, Some(SECOND));
    assert_eq!(spy.operations(), before, "the store was asked during an outage");
    Ok(())
}

#[test]
fn throttle_status_shows_the_bucket_of_the_principal_and_the_number_of_principals() -> Result<()> {
    let sim = SimRuntime::new(1);
    let seam = seam(&sim, &api()).throttle(Throttle::rate("10/s").per_principal()).build()?;
    let (one, other) = (seam.as_principal("one"), seam.as_principal("other"));
    let _ = sim.block_on(one.permit(1))?;
    assert_eq!(status(&sim, &other), {
        let mut expected = ThrottleStatus::default();
        expected.principals = 1;
        expected
    });
    assert_eq!(only_bucket(status(&sim, &one)).next_start.map(|wait| wait.as_millis()), Some(100));
    Ok(())
}

#[test]
fn throttle_status_shows_the_concurrency_permits_in_use() -> Result<()> {
    let sim = SimRuntime::new(1);
    let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let seam = seam(&sim, &api()).store(store).throttle(Throttle::concurrency(2)).build()?;
    let held = sim.block_on(join_all((0..2).map(|_| seam.permit(1))));
    let mut more = Box::pin(seam.permit(1));
    let _ = sim.block_on(async { futures_util::future::select(&mut more, sim.sleep(ms(10))).await });
    let concurrency = only_bucket(status(&sim, &seam)).concurrency.unwrap();
    assert_eq!((concurrency.limit, concurrency.in_use, concurrency.waiting), (2, 2, 1));
    drop(held);
    let _ = sim.block_on(more)?;
    Ok(())
}

#[test]
fn status_lists_limits_in_the_order_of_their_declaration() -> Result<()> {
    let sim = SimRuntime::new(1);
    let throttle = Throttle::rate("100/m").burst(10).and_rate("10/s");
    let seam = seam(&sim, &api()).throttle(throttle).build()?;
    let limits = only_bucket(status(&sim, &seam)).limits;
    let numbers: Vec<_> = limits.iter().map(|limit| (limit.period.as_secs(), limit.permits, limit.burst)).collect();
    assert_eq!(numbers, [(60, 91, 10), (1, 10, 1)]);
    Ok(())
}
