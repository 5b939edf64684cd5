//! Concurrency limits in one process and in a fleet, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::busy::Busy;
use common::events;
use common::process::{Process, within_a_minute};
use common::spy::Spy;
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all, select};
use stitchapi::trace::EventKind;
use stitchapi::{
    BoxFuture, ErrorKind, MemoryStore, Result, Retry, Runtime, Seam, SeamBuilder, Stitch, StitchStore, Throttle, decode,
};
use stitchapi_testing::SimRuntime;

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn seam(runtime: impl Runtime, api: &Busy, throttle: Throttle) -> SeamBuilder {
    Seam::builder("https://api.example.com").runtime(runtime).transport(api.clone()).throttle(throttle)
}

fn get(seam: &Seam, path: &str) -> Stitch<(), ()> {
    seam.get(path).build_with(decode::empty).unwrap()
}

/// Creates four processes on one store, each with a stitch.
fn fleet(sim: &SimRuntime, api: &Busy, store: &(impl StitchStore + Clone), throttle: &Throttle) -> Vec<Stitch<(), ()>> {
    let process = || seam(Process::on(sim), api, throttle.clone()).store(store.clone()).build().unwrap();
    (0..4).map(|number| get(&process(), &format!("/{number}"))).collect()
}

/// Starts this number of calls at once.
fn calls(stitch: &Stitch<(), ()>, calls: usize) -> BoxFuture<'static, Vec<Result<()>>> {
    let stitch = stitch.clone();
    Box::pin(async move { join_all((0..calls).map(|_| async { stitch.call(()).await })).await })
}

fn memory(sim: &SimRuntime) -> MemoryStore {
    MemoryStore::on(Arc::new(sim.clone()))
}

#[test]
fn a_fleet_never_runs_more_calls_than_the_limit_while_callers_leave() {
    for seed in 0..30 {
        let sim = SimRuntime::new(seed);
        let limit = 1 + u32::try_from(seed % 5).unwrap();
        let (api, store) = (Busy::up_to(&sim, 200 * MILLI), Spy::on(sim.clone()).far(3 * MILLI));
        let throttle = Throttle::concurrency(limit);
        let fleet = fleet(&sim, &api, &store, &throttle);
        let caller = |stitch: &Stitch<(), ()>| {
            let (stitch, sim) = (stitch.clone(), sim.clone());
            async move {
                for _ in 0..5 {
                    let patience = Duration::from_millis(sim.random() % 2_000);
                    let leaves = sim.random().is_multiple_of(3);
                    let call = Box::pin(async { stitch.call(()).await });
                    if leaves {
                        select(call, sim.sleep(patience)).await;
                    } else {
                        call.await.unwrap();
                    }
                }
            }
        };
        let all = join_all(fleet.iter().flat_map(|stitch| (0..5).map(|_| caller(stitch))));
        within_a_minute(&sim, all);
        assert!(api.most() == limit as usize, "seed {seed}: {} of {limit}", api.most());
        // No caller waits, and no permit is in use.
        sim.block_on(sim.sleep(SECOND));
        let begun = sim.now();
        let at_once = join_all((0..limit).map(|_| async { fleet[0].call(()).await }));
        sim.block_on(at_once);
        assert!(sim.now().since(begun) < 260 * MILLI, "seed {seed}");
    }
}

#[test]
fn all_permits_are_in_use_while_calls_wait() {
    for (seed, longest) in [(1, 20), (2, 100), (3, 700)] {
        let sim = SimRuntime::new(seed);
        let (api, store) = (Busy::up_to(&sim, longest * MILLI), Spy::on(sim.clone()).far(MILLI));
        let fleet = fleet(&sim, &api, &store, &Throttle::concurrency(6));
        let caller = |stitch: &Stitch<(), ()>| {
            let stitch = stitch.clone();
            async move { while stitch.call(()).await.is_ok() {} }
        };
        let all = join_all(fleet.iter().flat_map(|stitch| (0..10).map(|_| caller(stitch))));
        let begun = sim.now();
        sim.block_on(select(all, sim.sleep(20 * SECOND)));
        let used = api.used().as_secs_f64() / sim.now().since(begun).as_secs_f64() / 6.0;
        println!("{longest} ms: {used:.3}, {} operations", store.operations());
        assert!(used > 0.95, "{longest} ms: {used}");
    }
}

#[test]
fn callers_of_one_process_are_served_first_come_first_served() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let api = Busy::always(&sim, 100 * MILLI);
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
        assert_eq!(api.starts(begun), [0, 1, 100, 101, 200, 201]);
    }
    Ok(())
}

#[test]
fn a_permit_goes_to_the_process_that_has_waited_longest() {
    let sim = SimRuntime::new(1);
    let (api, store) = (Busy::always(&sim, 100 * MILLI), memory(&sim));
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
fn a_caller_that_leaves_the_queue_delays_no_caller_of_another_process() {
    let sim = SimRuntime::new(1);
    let (api, store) = (Busy::always(&sim, 200 * MILLI), memory(&sim));
    let fleet = fleet(&sim, &api, &store, &Throttle::concurrency(1));
    let begun = sim.now();
    let after = |number: usize, pause: u32, patience: Duration| {
        let (stitch, sim) = (fleet[number].clone(), sim.clone());
        async move {
            sim.sleep(pause * MILLI).await;
            select(Box::pin(async { stitch.call(()).await }), sim.sleep(patience)).await;
        }
    };
    // The second caller leaves while the first call runs, just after it has requested a lease.
    let (first, second) = (after(0, 0, SECOND), after(1, 10, 180 * MILLI));
    sim.block_on(join(join(first, second), after(2, 20, SECOND)));
    let starts = api.starts(begun);
    assert!(starts.len() == 2 && starts[1] < 240, "{starts:?}");
}

#[test]
fn principals_take_turns() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = Busy::always(&sim, 100 * MILLI);
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
fn a_process_passes_a_permit_on_without_a_round_trip_and_releases_it_after_half_a_second() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (api, store) = (Busy::always(&sim, 10 * MILLI), Spy::on(sim.clone()));
    let fleet = fleet(&sim, &api, &store, &Throttle::concurrency(1));
    sim.block_on(calls(&fleet[0], 40)).into_iter().collect::<Result<Vec<_>>>()?;
    sim.block_on(sim.sleep(SECOND));
    // One request acquires the lease, one releases it, and the others request a second lease while none is free.
    let asking = 400 / 12;
    assert!(store.operations() <= 4 + asking, "{}", store.operations());
    // Callers of other processes get the lease meanwhile.
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
fn a_call_that_waits_for_its_retry_has_no_permit() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (api, bad) = (Busy::always(&sim, 10 * MILLI), Busy::always(&sim, 10 * MILLI).status(503));
    let store = memory(&sim);
    let build = |api: &Busy| seam(sim.clone(), api, Throttle::concurrency(1)).store(store.clone());
    let retry = Retry::times(1).backoff(10 * SECOND, 10 * SECOND);
    let failing = get(&build(&bad).retry(retry).build()?, "/a");
    let well = get(&build(&api).build()?, "/b");
    let begun = sim.now();
    let (failed, waited) = sim.block_on(join(async { failing.call(()).await }, async {
        sim.sleep(MILLI).await;
        well.call(()).await.unwrap();
        sim.now().since(begun)
    }));
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Status);
    assert!(waited < 50 * MILLI, "{waited:?}");
    assert!(bad.starts(begun)[1] > 100, "{:?}", bad.starts(begun));
    Ok(())
}

#[test]
fn a_caller_that_waits_for_a_concurrency_permit_draws_no_slot() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (api, store) = (Busy::always(&sim, SECOND), memory(&sim));
    let throttle = Throttle::rate("2/s").burst(2).and_concurrency(1);
    let seams = [(); 2].map(|()| seam(sim.clone(), &api, throttle.clone()).store(store.clone()).build().unwrap());
    let begun = sim.now();
    let [holder, waiter] = [0, 1].map(|seam| get(&seams[seam], "/a"));
    let both = join(async { holder.call(()).await }, async {
        sim.sleep(MILLI).await;
        // A slot drawn before the permit would have spent the burst.
        waiter.call(()).await.unwrap();
        drop(seams[1].permit(1).await);
        seams[1].permit(1).await
    });
    let (first, last) = sim.block_on(both);
    first?;
    assert!(last?.waited() < 20 * MILLI);
    assert!(api.starts(begun)[1] < 1_050);
    Ok(())
}

#[test]
fn a_permit_keeps_its_concurrency_permit_until_it_is_dropped_or_settled() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let mut builder = seam(sim.clone(), &Busy::always(&sim, MILLI), Throttle::concurrency(1));
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
fn a_caller_is_refused_after_its_bound_and_behind_a_full_queue() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let throttle = Throttle::concurrency(1).max_wait(100 * MILLI).max_queue(1);
        let mut builder = seam(sim.clone(), &Busy::always(&sim, SECOND), throttle);
        if shared {
            builder = builder.store(memory(&sim));
        }
        let seam = builder.build()?;
        let held = sim.block_on(seam.permit(1))?;
        let begun = sim.now();
        let stitch = get(&seam, "/a");
        let waiter = async { (stitch.call(()).await.unwrap_err(), sim.now().since(begun)) };
        let crowd = async {
            sim.sleep(MILLI).await;
            (stitch.call(()).await.unwrap_err(), sim.now().since(begun))
        };
        let ((late, after), (crowded, at)) = sim.block_on(join(waiter, crowd));
        assert_eq!((late.kind(), late.retry_after(), after.as_millis()), (ErrorKind::Throttled, None, 100));
        assert_eq!((crowded.kind(), crowded.retry_after(), at), (ErrorKind::Throttled, None, MILLI));
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
fn a_free_permit_needs_no_wait_bound() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (api, store) = (Busy::always(&sim, SECOND), Spy::on(sim.clone()).far(20 * MILLI));
    let fleet = fleet(&sim, &api, &store, &Throttle::concurrency(2));
    let impatient = |number: usize| {
        let stitch = fleet[number].clone();
        async move { stitch.call(()).max_wait(Duration::ZERO).await }
    };
    let begun = sim.now();
    let (two, third) = sim.block_on(join(join(impatient(0), impatient(1)), async {
        sim.sleep(100 * MILLI).await;
        (impatient(2).await, sim.now().since(begun))
    }));
    assert!(two.0.is_ok() && two.1.is_ok());
    assert_eq!(third.0.unwrap_err().kind(), ErrorKind::Throttled);
    assert!(third.1 < 150 * MILLI, "{:?}", third.1);
    Ok(())
}

#[test]
fn a_free_permit_in_process_is_acquired_at_once() -> Result<()> {
    let sim = SimRuntime::new(1);
    let seam = seam(sim.clone(), &Busy::always(&sim, MILLI), Throttle::concurrency(2)).build()?;
    let first = seam.permit(1).now_or_never().unwrap()?;
    let second = seam.permit(1).now_or_never().unwrap()?;
    assert!(seam.permit(1).now_or_never().is_none());
    let mut waiting = Box::pin(seam.permit(1));
    assert!((&mut waiting).now_or_never().is_none());
    drop((first, second));
    // The permit of a caller that leaves just after the decision passes on.
    drop(waiting);
    let both = (seam.permit(1).now_or_never(), seam.permit(1).now_or_never());
    assert!(both.0.is_some() && both.1.is_some());
    Ok(())
}

#[test]
fn the_wait_for_a_concurrency_permit_is_emitted() -> Result<()> {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let api = Busy::always(&sim, 100 * MILLI);
    let stitch = get(&seam(sim.clone(), &api, Throttle::concurrency(1)).sink(sink).build()?, "/a");
    let reports = sim.block_on(join_all((0..2).map(|_| async { stitch.call(()).send().await.unwrap().report })));
    assert_eq!([reports[0].waited, reports[1].waited], [Duration::ZERO, 100 * MILLI]);
    sim.block_on(sim.sleep(SECOND));
    let events = taken.lock().unwrap();
    let waits =
        events.iter().filter(|event| matches!(event.kind, EventKind::Waited { waited } if waited == 100 * MILLI));
    assert_eq!(waits.count(), 1);
    Ok(())
}
