//! Budgets: costs, units, scopes, principals, the wait queue and cooldowns, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::spy_store::SpyStore;
use common::{recording_sink, seam, starts};
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use stitchapi::trace::{Event, EventKind};
use stitchapi::{
    Cost, ErrorKind, MemoryStore, Rate, Result, Retry, Runtime as _, Scope, Seam, Stitch, Throttle, decode,
};
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// Returns an API that accepts every request.
fn api() -> MockTransport {
    MockTransport::new(|_| http::Response::new(Bytes::new()))
}

fn get(seam: &Seam) -> Stitch<(), ()> {
    seam.get("/a").build_with(decode::empty).unwrap()
}

fn ten_per_second() -> Throttle {
    Throttle::rate("10/s")
}

fn store(sim: &SimRuntime) -> MemoryStore {
    MemoryStore::with_clock_of(Arc::new(sim.clone()))
}

/// Builds a seam on a shared store, or one without a store.
fn build(sim: &SimRuntime, throttle: Throttle, shared: bool) -> Result<Seam> {
    let builder = seam(sim, &api()).throttle(throttle);
    if shared { builder.store(store(sim)).build() } else { builder.build() }
}

/// Takes `count` permits, one after the other. Returns the time of each, in milliseconds since the call.
async fn permits(sim: &SimRuntime, seam: &Seam, count: u64) -> Vec<u64> {
    let (begun, mut at) = (sim.now(), Vec::new());
    for _ in 0..count {
        let _ = seam.permit(1).await.unwrap();
        at.push(sim.now().since(begun).as_millis() as u64);
    }
    at
}

/// Returns the number of `Held` events.
fn holds(recorded: &Mutex<Vec<Event>>) -> usize {
    recorded.lock().unwrap().iter().filter(|event| matches!(event.kind, EventKind::Held { .. })).count()
}

#[test]
fn permits_and_calls_use_one_budget() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let seam = build(&sim, ten_per_second(), shared)?;
        let stitch = get(&seam);
        let begun = sim.now();
        sim.block_on(stitch.call(()).send())?;
        assert_eq!(sim.block_on(permits(&sim, &seam, 2)), [100, 201]);
        sim.block_on(stitch.call(()).send())?;
        assert_eq!(sim.now().since(begun).as_millis(), 301);
    }
    Ok(())
}

#[test]
fn a_seam_without_a_throttle_returns_permits_at_once() -> Result<()> {
    let seam = seam(&SimRuntime::new(1), &api()).build()?;
    assert!(seam.permit(1).now_or_never().unwrap()?.at().is_none());
    Ok(())
}

#[test]
fn a_cost_delays_later_permits_and_settling_refunds_or_charges_the_difference() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let seam = build(&sim, ten_per_second().burst(5), shared)?;
        let begun = sim.now();
        let first = sim.block_on(seam.permit(5))?;
        assert!(first.waited().is_zero());
        assert!(sim.block_on(seam.permit(2))?.waited() >= Duration::from_millis(200));
        // The actual cost was 0, so all five units are refunded.
        sim.block_on(first.settle(0));
        let waited = sim.block_on(seam.permit(5))?.waited();
        assert!(waited <= Duration::from_millis(10), "{shared} {waited:?}");
        // A higher actual cost delays the next permits.
        let cheap = sim.block_on(seam.permit(1))?;
        sim.block_on(cheap.settle(11));
        assert!(sim.block_on(seam.permit(1))?.waited() >= SECOND);
        assert!(sim.now().since(begun) < 2 * SECOND);
    }
    Ok(())
}

#[test]
fn each_unit_has_its_own_budget_and_a_stitch_declares_the_cost_of_a_call() -> Result<()> {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let throttle = Throttle::rate("100/s").and_rate(Rate::per_second(10).of("tokens"));
    let seam = seam(&sim, &api()).throttle(throttle).sink(sink).build()?;
    let stitch: Stitch<(), ()> = seam
        .get("/a")
        .cost(|_| Cost::new(1).and("tokens", 2))
        .settle(|_, _| Some(Cost::new(1).and("tokens", 1)))
        .build_with(decode::empty)?;
    let calls = async {
        stitch.call(()).await?;
        stitch.call(()).await?;
        stitch.call(()).cost(1).await
    };
    sim.block_on(calls)?;
    sim.block_on(sim.sleep(SECOND));
    let at = starts(&recorded);
    // The second call waits for the settled cost of the first one, the third call only for the rate of calls.
    assert_eq!([at[1] - at[0], at[2] - at[1]], [100_500, 10_050]);
    Ok(())
}

#[test]
fn a_cost_above_the_burst_of_a_cap_is_an_input_error() -> Result<()> {
    let sim = SimRuntime::new(1);
    let seam = seam(&sim, &api()).throttle(ten_per_second().and_rate("100/h")).build()?;
    let error = sim.block_on(seam.permit(51)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("cost of 51 calls exceeds the burst of 50 that may start at once"), "{error}");
    let _ = sim.block_on(seam.permit(50))?;
    Ok(())
}

#[test]
fn a_throttle_of_a_stitch_does_not_slow_other_stitches_of_the_seam() -> Result<()> {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let seam = seam(&sim, &api()).store(store(&sim)).throttle(ten_per_second()).sink(sink).build()?;
    let slow: Stitch<(), ()> = seam.get("/slow").throttle(Throttle::rate("1/s")).build_with(decode::empty)?;
    let slow_too: Stitch<(), ()> = seam.get("/slow").throttle(Throttle::rate("1/s")).build_with(decode::empty)?;
    let quick = get(&seam);
    sim.block_on(async {
        let slow = join_all([&slow, &slow_too, &slow].map(|slow| async { slow.call(()).await }));
        let quick = join_all((0..10).map(|_| async { quick.call(()).await }));
        join(slow, quick).await
    });
    sim.block_on(sim.sleep(SECOND));
    let of = |name: &str| -> Vec<u64> {
        let recorded = recorded.lock().unwrap();
        let requests = recorded.iter().filter(|event| matches!(event.kind, EventKind::Request { .. }));
        requests.filter(|event| &*event.stitch == name).map(|event| event.at.0).collect()
    };
    let slow = of("GET /slow");
    assert!(slow.len() == 3 && slow.windows(2).all(|pair| pair[1] - pair[0] >= 800_000), "{slow:?}");
    let quick = of("GET /a");
    assert!(quick.last().unwrap() - quick[0] < 1_100_000, "{quick:?}");
    Ok(())
}

#[test]
fn stitches_with_the_same_bucket_share_it_and_must_declare_the_same_limits() -> Result<()> {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let seam = seam(&sim, &api()).sink(sink).build()?;
    let search = |rate: &str| Throttle::rate(rate.to_owned()).scope(Scope::bucket("search"));
    let stitch = |path: &str| seam.get(path).throttle(search("10/s")).build_with::<(), ()>(decode::empty);
    let both = [stitch("/a")?, stitch("/b")?];
    sim.block_on(join_all(both.iter().map(|stitch| async { stitch.call(()).await })));
    sim.block_on(sim.sleep(SECOND));
    let at = starts(&recorded);
    assert_eq!(at[1] - at[0], 100_500);
    let error = seam.get("/c").throttle(search("5/s")).build_with::<(), ()>(decode::empty).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let seams = seam.get("/d").throttle(ten_per_second().scope(Scope::Seam)).build_with::<(), ()>(decode::empty);
    assert_eq!(seams.unwrap_err().kind(), ErrorKind::Config);
    Ok(())
}

#[test]
fn seams_with_host_scope_share_the_budget_of_their_host() -> Result<()> {
    let sim = SimRuntime::new(1);
    let memory = store(&sim);
    let throttle = ten_per_second().scope(Scope::Host);
    let seams: Vec<Seam> = ["one", "two"]
        .into_iter()
        .map(|name| seam(&sim, &api()).name(name).store(memory.clone()).throttle(throttle.clone()).build())
        .collect::<Result<_>>()?;
    let _ = sim.block_on(seams[0].permit(1))?;
    assert_eq!(sim.block_on(permits(&sim, &seams[1], 1)), [100]);
    Ok(())
}

#[test]
fn each_principal_has_a_budget_that_expires_from_the_store() -> Result<()> {
    let sim = SimRuntime::new(1);
    let memory = store(&sim);
    let seam = seam(&sim, &api()).store(memory.clone()).throttle(ten_per_second().per_principal()).build()?;
    let begun = sim.now();
    sim.block_on(join_all((0..50).map(|user| {
        let seam = seam.as_principal(format!("user {user}"));
        async move { seam.permit(1).await.map(drop) }
    })));
    assert_eq!(sim.now(), begun);
    assert!(sim.block_on(seam.as_principal("user 7").permit(1))?.waited() >= Duration::from_millis(100));
    assert_eq!(sim.block_on(seam.permit(1)).unwrap_err().kind(), ErrorKind::Input);
    assert_eq!(memory.len(), 50);
    // After an hour their cells have expired from the store.
    sim.block_on(sim.sleep(Duration::from_secs(3_700)));
    sim.block_on(join_all((0..20).map(|_| async { seam.as_principal("user 7").permit(1).await.map(drop) })));
    assert_eq!(memory.len(), 1);
    Ok(())
}

#[test]
fn many_calls_of_one_principal_do_not_delay_another_principal() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let seam = build(&sim, ten_per_second(), shared)?;
        let (busy, other) = (seam.as_principal("busy"), seam.as_principal("other"));
        let late = async {
            sim.sleep(Duration::from_millis(150)).await;
            other.permit(1).await
        };
        let many = join_all((0..40).map(|_| busy.permit(1)));
        let (_, late) = sim.block_on(join(many, late));
        assert!(late?.waited() < Duration::from_millis(250));
    }
    Ok(())
}

#[test]
fn slots_of_dropped_callers_go_to_the_next_waiters() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let seam = build(&sim, Throttle::rate("100/s"), shared)?;
        let done = Mutex::new(Vec::new());
        let callers = (0..400).map(|caller| {
            let (seam, sim, done) = (seam.clone(), sim.clone(), &done);
            async move {
                // Every second caller is dropped before the others have their permits.
                let dropped_after = if caller % 2 == 0 { 10 * caller } else { 60_000 };
                let permit = Box::pin(seam.permit(1));
                match futures_util::future::select(permit, sim.sleep(Duration::from_millis(dropped_after))).await {
                    futures_util::future::Either::Left(_) => done.lock().unwrap().push(sim.now().0),
                    futures_util::future::Either::Right(_) => {}
                }
            }
        });
        sim.block_on(join_all(callers));
        let done = done.into_inner().unwrap();
        let took = done[done.len() - 1] - done[0];
        // The starts took at most 3 % longer than the rate needs for them.
        assert!(done.len() >= 200 && took <= done.len() as u64 * 10_050 * 103 / 100, "{} in {took} us", done.len());
    }
    Ok(())
}

#[test]
fn the_slot_of_a_caller_dropped_on_its_turn_goes_to_the_next_waiter() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let seam = build(&sim, ten_per_second(), shared)?;
        let _ = sim.block_on(seam.permit(1))?;
        let (mut first, mut second) = (Box::pin(seam.permit(1)), Box::pin(seam.permit(1)));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        sim.block_on(sim.sleep(Duration::from_millis(102)));
        drop(first);
        assert!(sim.block_on(second)?.waited() <= Duration::from_millis(102));
    }
    Ok(())
}

#[test]
fn a_permit_fails_with_a_timeout_at_the_deadline() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone()).timeout(60 * SECOND);
    let seam = seam(&sim, &api()).store(spy.clone()).throttle(ten_per_second()).deadline(SECOND).build()?;
    spy.hang(true);
    let begun = sim.now();
    assert_eq!(sim.block_on(seam.permit(1)).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(sim.now().since(begun), SECOND);
    Ok(())
}

#[test]
fn max_wait_is_kept_while_the_store_does_not_reply() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone()).timeout(60 * SECOND);
    let seam = seam(&sim, &api()).store(spy.clone()).throttle(ten_per_second()).deadline(10 * SECOND).build()?;
    let stitch = get(&seam);
    // After these permits the process knows the store's clock, and may have two requests in flight.
    sim.block_on(permits(&sim, &seam, 5));
    sim.block_on(sim.sleep(SECOND));
    spy.hang(true);
    let begun = sim.now();
    // The first permit needs one request, the other two share a second one: no further request may be sent.
    let permits = join_all((0..3).map(|_| seam.permit(1)));
    let short_wait = async {
        sim.sleep(SECOND).await;
        let refused = stitch.call(()).max_wait(100 * MILLI).await.unwrap_err();
        (refused.kind(), sim.now().since(begun))
    };
    let (permits, short_wait) = sim.block_on(join(permits, short_wait));
    assert_eq!(short_wait, (ErrorKind::Throttled, SECOND + 100 * MILLI + Duration::from_micros(1)));
    assert!(permits.into_iter().all(|permit| permit.unwrap_err().kind() == ErrorKind::Timeout));
    assert_eq!(sim.now().since(begun), 10 * SECOND);
    Ok(())
}

#[test]
fn a_bounded_wait_uses_the_whole_budget_at_four_times_the_load() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let throttle = Throttle::rate("100/s").max_wait(Duration::from_millis(300));
        let seam = build(&sim, throttle, shared)?;
        let calls = (0..4_000).map(|call| {
            let (seam, sim) = (seam.clone(), sim.clone());
            async move {
                sim.sleep(Duration::from_micros(call * 2_500)).await;
                seam.permit(1).await.map_err(|error| (error.kind(), error.retry_after()))
            }
        });
        let done = sim.block_on(join_all(calls));
        let permitted = done.iter().filter(|done| done.is_ok()).count();
        assert!(permitted >= 970, "{permitted}");
        let refused = done.iter().filter_map(|done| done.as_ref().err());
        assert!(refused.clone().all(|(kind, after)| *kind == ErrorKind::Throttled && after.is_some()));
        assert!(done.iter().flatten().all(|permit| permit.waited() <= Duration::from_millis(310)));
    }
    Ok(())
}

#[test]
fn a_full_queue_rejects_further_callers() -> Result<()> {
    let sim = SimRuntime::new(1);
    let seam = seam(&sim, &api()).throttle(ten_per_second().max_queue(3)).build()?;
    let done = sim.block_on(join_all((0..6).map(|_| seam.permit(1))));
    let refused: Vec<_> = done.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|error| error.retry_after() > Some(Duration::from_millis(300))));
    Ok(())
}

#[test]
fn a_retry_after_holds_the_whole_fleet_and_is_followed_by_no_burst() -> Result<()> {
    for seed in 0..20 {
        let sim = SimRuntime::new(seed);
        let memory = store(&sim);
        let refuse_next = Arc::new(AtomicBool::new(false));
        let refuse = refuse_next.clone();
        let api = MockTransport::new(move |_| {
            let mut response = http::Response::new(Bytes::new());
            if refuse.swap(false, Ordering::Relaxed) {
                *response.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
                response.headers_mut().insert("retry-after", "2".parse().unwrap());
            }
            response
        });
        let mut fleet = Vec::new();
        for _ in 0..4 {
            let (sink, recorded) = recording_sink();
            let throttle = Throttle::rate("200/s").burst(5);
            let builder = seam(&sim, &api).store(memory.clone()).throttle(throttle).retry(Retry::none()).sink(sink);
            fleet.push((get(&builder.build()?), recorded));
        }
        let calls = join_all(fleet.iter().flat_map(|(stitch, _)| {
            (0..25).map(move |_| async move {
                for _ in 0..20 {
                    let _ = stitch.call(()).await;
                }
            })
        }));
        let pause = async {
            sim.sleep(SECOND).await;
            refuse_next.store(true, Ordering::Relaxed);
            sim.now().0
        };
        let (_, refused_at) = sim.block_on(join(calls, pause));
        sim.block_on(sim.sleep(SECOND));
        let mut at: Vec<u64> = fleet.iter().flat_map(|(_, recorded)| starts(recorded)).collect();
        at.sort_unstable();
        let (first, last) = (refused_at + 110_000, refused_at + 2_000_000);
        assert!(at.iter().all(|at| !(first..last).contains(at)), "seed {seed}: a start during the hold");
        let after: Vec<u64> = at.iter().copied().filter(|at| *at >= last).collect();
        assert!(after[10] - after[0] >= 9 * 5_025, "seed {seed}: {:?}", &after[..11]);
        assert!(fleet.iter().all(|(_, recorded)| holds(recorded) == 1), "seed {seed}");
    }
    Ok(())
}

#[test]
fn an_unusual_retry_after_holds_at_most_for_the_maximum_hold() -> Result<()> {
    for (text, millis) in [
        ("99999999999999999999", 60_000),
        ("0", 0),
        // An unreadable time holds for one second.
        ("-5", 1_000),
        ("soon", 1_000),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("3", 3_000),
    ] {
        let sim = SimRuntime::new(1);
        let api = MockTransport::new(move |_| {
            http::Response::builder().status(429).header("retry-after", text).body(Bytes::new()).unwrap()
        });
        let seam = seam(&sim, &api).throttle(ten_per_second()).retry(Retry::none()).deadline(99 * SECOND).build()?;
        assert_eq!(sim.block_on(get(&seam).call(()).send()).unwrap_err().kind(), ErrorKind::Status);
        let waited = sim.block_on(seam.permit(1))?.waited().as_millis();
        assert!((millis..=millis + 101).contains(&waited), "{text}: {waited} ms");
    }
    Ok(())
}
