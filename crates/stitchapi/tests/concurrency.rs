//! Concurrency limits in one process and in a fleet, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::recording_sink;
use common::sim_process::{SimProcess, within_a_minute};
use common::slow_api::SlowApi;
use common::spy_store::SpyStore;
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all, select};
use stitchapi::trace::EventKind;
use stitchapi::{
    BoxFuture, ErrorKind, MemoryStore, Result, Retry, Runtime, Seam, SeamBuilder, Stitch, StitchStore, Throttle, decode,
};
use stitchapi_testing::SimRuntime;

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn seam(runtime: impl Runtime, api: &SlowApi, throttle: Throttle) -> SeamBuilder {
    Seam::builder("https://api.example.com").runtime(runtime).transport(api.clone()).throttle(throttle)
}

fn get(seam: &Seam, path: &str) -> Stitch<(), ()> {
    seam.get(path).build_with(decode::empty).unwrap()
}

/// Returns the stitches of four processes on one store.
fn fleet(
    sim: &SimRuntime,
    api: &SlowApi,
    store: &(impl StitchStore + Clone),
    throttle: &Throttle,
) -> Vec<Stitch<(), ()>> {
    let process = || seam(SimProcess::new(sim), api, throttle.clone()).store(store.clone()).build().unwrap();
    (0..4).map(|number| get(&process(), &format!("/{number}"))).collect()
}

/// Makes `number` calls at once.
fn calls(stitch: &Stitch<(), ()>, number: usize) -> BoxFuture<'static, Vec<Result<()>>> {
    let stitch = stitch.clone();
    Box::pin(async move { join_all((0..number).map(|_| async { stitch.call(()).await })).await })
}

fn memory(sim: &SimRuntime) -> MemoryStore {
    MemoryStore::with_clock_of(Arc::new(sim.clone()))
}

#[test]
fn a_fleet_never_exceeds_its_concurrency_limit_when_callers_are_dropped() {
    for seed in 0..30 {
        let sim = SimRuntime::new(seed);
        let limit = 1 + u32::try_from(seed % 5).unwrap();
        let (api, store) =
            (SlowApi::with_random_delay(&sim, 200 * MILLI), SpyStore::new(sim.clone()).latency(3 * MILLI));
        let throttle = Throttle::concurrency(limit);
        let fleet = fleet(&sim, &api, &store, &throttle);
        let caller = |stitch: &Stitch<(), ()>| {
            let (stitch, sim) = (stitch.clone(), sim.clone());
            async move {
                for _ in 0..5 {
                    let dropped_after = Duration::from_millis(sim.random() % 2_000);
                    let is_dropped = sim.random().is_multiple_of(3);
                    let call = Box::pin(async { stitch.call(()).await });
                    if is_dropped {
                        select(call, sim.sleep(dropped_after)).await;
                    } else {
                        call.await.unwrap();
                    }
                }
            }
        };
        let all = join_all(fleet.iter().flat_map(|stitch| (0..5).map(|_| caller(stitch))));
        within_a_minute(&sim, all);
        assert!(api.max_in_flight() == limit as usize, "seed {seed}: {} of {limit}", api.max_in_flight());
        // No caller is left, so all concurrency permits are free.
        sim.block_on(sim.sleep(SECOND));
        let begun = sim.now();
        let at_once = join_all((0..limit).map(|_| async { fleet[0].call(()).await }));
        sim.block_on(at_once);
        assert!(sim.now().since(begun) < 260 * MILLI, "seed {seed}");
    }
}

#[test]
fn no_concurrency_permit_is_idle_while_calls_wait() {
    for (seed, max_delay_ms) in [(1, 20), (2, 100), (3, 700)] {
        let sim = SimRuntime::new(seed);
        let (api, store) =
            (SlowApi::with_random_delay(&sim, max_delay_ms * MILLI), SpyStore::new(sim.clone()).latency(MILLI));
        let fleet = fleet(&sim, &api, &store, &Throttle::concurrency(6));
        let caller = |stitch: &Stitch<(), ()>| {
            let stitch = stitch.clone();
            async move { while stitch.call(()).await.is_ok() {} }
        };
        let all = join_all(fleet.iter().flat_map(|stitch| (0..10).map(|_| caller(stitch))));
        let begun = sim.now();
        sim.block_on(select(all, sim.sleep(20 * SECOND)));
        let used = api.total_time().as_secs_f64() / sim.now().since(begun).as_secs_f64() / 6.0;
        println!("{max_delay_ms} ms: {used:.3}, {} operations", store.operations());
        assert!(used > 0.95, "{max_delay_ms} ms: {used}");
    }
}

#[test]
fn callers_of_one_process_are_served_in_order() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let api = SlowApi::with_delay(&sim, 100 * MILLI);
        let mut builder = seam(sim.clone(), &api, Throttle::concurrency(2));
        if shared {
            builder = builder.store(memory(&sim));
        }
        let seam = builder.build()?;
        let begun = sim.now();
        let all = (0..6).map(|number| {
            let (stitch, sim) = (get(&seam, &format!("/{number}")), sim.clone());
            async move {
                sim.sleep(number * MILLI).await;
                stitch.call(()).await
            }
        });
        sim.block_on(join_all(all)).into_iter().collect::<Result<Vec<_>>>()?;
        assert_eq!(api.paths(), ["/0", "/1", "/2", "/3", "/4", "/5"]);
        assert_eq!(api.starts_ms(begun), [0, 1, 100, 101, 200, 201]);
    }
    Ok(())
}

#[test]
fn a_released_concurrency_permit_goes_to_the_process_that_has_waited_longest() {
    let sim = SimRuntime::new(1);
    let (api, store) = (SlowApi::with_delay(&sim, 100 * MILLI), memory(&sim));
    let fleet = fleet(&sim, &api, &store, &Throttle::concurrency(1));
    let all = fleet.iter().zip(0..).map(|(stitch, number)| {
        let (stitch, sim) = (stitch.clone(), sim.clone());
        async move {
            sim.sleep(number * 10 * MILLI).await;
            stitch.call(()).await
        }
    });
    sim.block_on(join_all(all));
    assert_eq!(api.paths(), ["/0", "/1", "/2", "/3"]);
}

#[test]
fn a_caller_dropped_from_the_queue_does_not_delay_other_processes() {
    let sim = SimRuntime::new(1);
    let (api, store) = (SlowApi::with_delay(&sim, 200 * MILLI), memory(&sim));
    let fleet = fleet(&sim, &api, &store, &Throttle::concurrency(1));
    let begun = sim.now();
    let call_dropped_after = |number: usize, pause: u32, limit: Duration| {
        let (stitch, sim) = (fleet[number].clone(), sim.clone());
        async move {
            sim.sleep(pause * MILLI).await;
            select(Box::pin(async { stitch.call(()).await }), sim.sleep(limit)).await;
        }
    };
    // The second call is dropped while the first one is in flight, just after it has asked the store.
    let (first, second) = (call_dropped_after(0, 0, SECOND), call_dropped_after(1, 10, 180 * MILLI));
    sim.block_on(join(join(first, second), call_dropped_after(2, 20, SECOND)));
    let starts = api.starts_ms(begun);
    assert!(starts.len() == 2 && starts[1] < 240, "{starts:?}");
}

#[test]
fn principals_take_turns() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = SlowApi::with_delay(&sim, 100 * MILLI);
    let seam = seam(sim.clone(), &api, Throttle::concurrency(1)).build()?;
    let of = |user: &'static str, count| calls(&get(&seam.as_principal(user), &format!("/{user}")), count);
    let (many, few) = (of("many", 4), of("few", 2));
    sim.block_on(join(many, async {
        sim.sleep(MILLI).await;
        few.await
    }));
    assert_eq!(api.paths(), ["/many", "/many", "/few", "/many", "/few", "/many"]);
    Ok(())
}

#[test]
fn a_process_reuses_its_concurrency_permit_without_a_store_trip_for_half_a_second() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (api, store) = (SlowApi::with_delay(&sim, 10 * MILLI), SpyStore::new(sim.clone()));
    let fleet = fleet(&sim, &api, &store, &Throttle::concurrency(1));
    sim.block_on(calls(&fleet[0], 40)).into_iter().collect::<Result<Vec<_>>>()?;
    sim.block_on(sim.sleep(SECOND));
    // One operation acquires the lease and one releases it. The others poll for a second lease while none is free.
    let polls = 400 / 12;
    assert!(store.operations() <= 4 + polls, "{}", store.operations());
    // Another process gets the permit after half a second.
    let begun = sim.now();
    let waited = sim.block_on(join(calls(&fleet[0], 100), async {
        sim.sleep(MILLI).await;
        fleet[1].call(()).await.map(|()| sim.now().since(begun))
    }));
    let waited = waited.1?;
    assert!(waited > 500 * MILLI && waited < 550 * MILLI, "{waited:?}");
    Ok(())
}

#[test]
fn a_call_in_backoff_holds_no_concurrency_permit() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (api, bad) = (SlowApi::with_delay(&sim, 10 * MILLI), SlowApi::with_delay(&sim, 10 * MILLI).status(503));
    let store = memory(&sim);
    let build = |api: &SlowApi| seam(sim.clone(), api, Throttle::concurrency(1)).store(store.clone());
    let retry = Retry::times(1).backoff(10 * SECOND, 10 * SECOND);
    let failing = get(&build(&bad).retry(retry).build()?, "/a");
    let succeeding = get(&build(&api).build()?, "/b");
    let begun = sim.now();
    let (failed, waited) = sim.block_on(join(async { failing.call(()).await }, async {
        sim.sleep(MILLI).await;
        succeeding.call(()).await.unwrap();
        sim.now().since(begun)
    }));
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Status);
    assert!(waited < 50 * MILLI, "{waited:?}");
    assert!(bad.starts_ms(begun)[1] > 100, "{:?}", bad.starts_ms(begun));
    Ok(())
}

#[test]
fn a_call_that_waits_for_a_concurrency_permit_books_no_slot() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (api, store) = (SlowApi::with_delay(&sim, SECOND), memory(&sim));
    let throttle = Throttle::rate("2/s").burst(2).and_concurrency(1);
    let seams = [(); 2].map(|()| seam(sim.clone(), &api, throttle.clone()).store(store.clone()).build().unwrap());
    let begun = sim.now();
    let [holder, waiter] = [0, 1].map(|seam| get(&seams[seam], "/a"));
    let both = join(async { holder.call(()).await }, async {
        sim.sleep(MILLI).await;
        // If the waiter had booked a slot at once and a second one with its concurrency permit, the burst would be used up.
        waiter.call(()).await.unwrap();
        drop(seams[1].permit(1).await);
        seams[1].permit(1).await
    });
    let (first, last) = sim.block_on(both);
    first?;
    assert!(last?.waited() < 20 * MILLI);
    assert!(api.starts_ms(begun)[1] < 1_050);
    Ok(())
}

#[test]
fn a_permit_is_released_when_it_is_dropped_or_settled() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let mut builder = seam(sim.clone(), &SlowApi::with_delay(&sim, MILLI), Throttle::concurrency(1));
        if shared {
            builder = builder.store(memory(&sim));
        }
        let seam = builder.build()?;
        let first = sim.block_on(seam.permit(1))?;
        assert_eq!((first.at(), first.waited()), (None, Duration::ZERO));
        let late = sim.block_on(select(Box::pin(seam.permit(1)), sim.sleep(5 * SECOND)));
        assert!(matches!(late, futures_util::future::Either::Right(_)));
        drop(late);
        sim.block_on(first.settle(1));
        let second = sim.block_on(seam.permit(1))?;
        drop(second);
        assert!(sim.block_on(seam.permit(1))?.waited() < 10 * MILLI);
    }
    Ok(())
}

#[test]
fn a_call_beyond_max_wait_or_max_queue_is_rejected() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let throttle = Throttle::concurrency(1).max_wait(100 * MILLI).max_queue(1);
        let mut builder = seam(sim.clone(), &SlowApi::with_delay(&sim, SECOND), throttle);
        if shared {
            builder = builder.store(memory(&sim));
        }
        let seam = builder.build()?;
        let held = sim.block_on(seam.permit(1))?;
        let begun = sim.now();
        let stitch = get(&seam, "/a");
        let waiter = async { (stitch.call(()).await.unwrap_err(), sim.now().since(begun)) };
        let third = async {
            sim.sleep(MILLI).await;
            (stitch.call(()).await.unwrap_err(), sim.now().since(begun))
        };
        let ((late, after), (rejected, at)) = sim.block_on(join(waiter, third));
        assert_eq!((late.kind(), late.retry_after(), after.as_millis()), (ErrorKind::Throttled, None, 100));
        assert_eq!((rejected.kind(), rejected.retry_after(), at), (ErrorKind::Throttled, None, MILLI));
        let bounded = sim.block_on(async { stitch.call(()).max_wait(10 * MILLI).await });
        assert_eq!(bounded.unwrap_err().kind(), ErrorKind::Throttled);
        let late = sim.block_on(async { stitch.call(()).deadline(50 * MILLI).await });
        assert_eq!(late.unwrap_err().kind(), ErrorKind::Timeout);
        drop(held);
        sim.block_on(async { stitch.call(()).await })?;
    }
    Ok(())
}

#[test]
fn max_wait_of_zero_gets_a_free_concurrency_permit() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (api, store) = (SlowApi::with_delay(&sim, SECOND), SpyStore::new(sim.clone()).latency(20 * MILLI));
    let fleet = fleet(&sim, &api, &store, &Throttle::concurrency(2));
    let call_now = |number: usize| {
        let stitch = fleet[number].clone();
        async move { stitch.call(()).max_wait(Duration::ZERO).await }
    };
    let begun = sim.now();
    let (two, third) = sim.block_on(join(join(call_now(0), call_now(1)), async {
        sim.sleep(100 * MILLI).await;
        (call_now(2).await, sim.now().since(begun))
    }));
    assert!(two.0.is_ok() && two.1.is_ok());
    assert_eq!(third.0.unwrap_err().kind(), ErrorKind::Throttled);
    assert!(third.1 < 150 * MILLI, "{:?}", third.1);
    Ok(())
}

#[test]
fn without_a_store_a_free_concurrency_permit_is_returned_at_once() -> Result<()> {
    let sim = SimRuntime::new(1);
    let seam = seam(sim.clone(), &SlowApi::with_delay(&sim, MILLI), Throttle::concurrency(2)).build()?;
    let first = seam.permit(1).now_or_never().unwrap()?;
    let second = seam.permit(1).now_or_never().unwrap()?;
    assert!(seam.permit(1).now_or_never().is_none());
    let mut waiting = Box::pin(seam.permit(1));
    assert!((&mut waiting).now_or_never().is_none());
    drop((first, second));
    // A dropped caller that was just served releases its permit.
    drop(waiting);
    let both = (seam.permit(1).now_or_never(), seam.permit(1).now_or_never());
    assert!(both.0.is_some() && both.1.is_some());
    Ok(())
}

#[test]
fn the_wait_for_a_concurrency_permit_is_reported_and_emitted() -> Result<()> {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let api = SlowApi::with_delay(&sim, 100 * MILLI);
    let stitch = get(&seam(sim.clone(), &api, Throttle::concurrency(1)).sink(sink).build()?, "/a");
    let reports = sim.block_on(join_all((0..2).map(|_| async { stitch.call(()).send().await.unwrap().report })));
    assert_eq!([reports[0].waited, reports[1].waited], [Duration::ZERO, 100 * MILLI]);
    sim.block_on(sim.sleep(SECOND));
    let events = recorded.lock().unwrap();
    let waits =
        events.iter().filter(|event| matches!(event.kind, EventKind::Waited { waited } if waited == 100 * MILLI));
    assert_eq!(waits.count(), 1);
    Ok(())
}
