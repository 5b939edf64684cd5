//! Circuit breakers that processes share through a store, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::time::{Duration, SystemTime};

use common::circuit::*;
use common::recording_sink;
use common::sim_process::{SimProcess, within_a_minute};
use common::spy_store::SpyStore;
use futures_util::future::join_all;
use stitchapi::trace::EventKind;
use stitchapi::{BoxFuture, Circuit, ErrorKind, Result, Runtime, Tick};
use stitchapi_core::StoreErrorKind;
use stitchapi_testing::SimRuntime;

/// Runtime that can spawn no task, so that everything happens within a call.
#[derive(Debug)]
struct TasklessRuntime(SimRuntime);

impl Runtime for TasklessRuntime {
    fn now(&self) -> Tick {
        self.0.now()
    }
    fn wall(&self) -> SystemTime {
        self.0.wall()
    }
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        self.0.sleep_until(at)
    }
    fn spawn(&self, _: BoxFuture<'static, ()>) {
        panic!("a task was spawned");
    }
    fn random(&self) -> u64 {
        self.0.random()
    }
    fn joins_callers(&self) -> bool {
        false
    }
}

#[test]
fn a_fleet_sends_one_probe_which_closes_the_circuit_for_all() {
    (0..6).for_each(assert_fleet_sends_one_probe);
}

fn assert_fleet_sends_one_probe(seed: u64) {
    let sim = SimRuntime::new(seed);
    let api = StatusApi::new(503).latency(3 * SECOND, &sim);
    let (store, processes) =
        (SpyStore::new(sim.clone()).latency(Duration::from_millis(50)), [(); 4].map(|()| SimProcess::new(&sim)));
    let (workers, recorded_by): (Vec<_>, Vec<_>) =
        processes.iter().map(|process| recorded_worker(&sim, &api, process, &store)).unzip();
    let all =
        || async { join_all(workers.iter().flat_map(|worker| (0..50).map(move |_| calls(worker, 1)))).await.concat() };
    sim.block_on(async {
        calls(&workers[0], 1).await;
        api.respond_with(200);
        join_all(workers.iter().map(|worker| wait_until_open(&sim, worker))).await;
        sim.sleep(20 * SECOND).await;
        let before = api.requests();
        all().await;
        assert_eq!(api.requests(), before, "the circuit is open in every process");

        sim.sleep(10 * SECOND).await;
        let begun = sim.now();
        // The rounds overlap, so that calls begin while the probe is in flight and when it ends.
        let rounds = (0..40).map(|round| {
            let (sim, all) = (&sim, &all);
            async move {
                sim.sleep(round * SECOND / 10).await;
                all().await
            }
        });
        let results = join_all(rounds).await;
        assert_eq!(results[..29].concat().iter().filter(|result| result.is_ok()).count(), 1, "expected one probe");
        // A process that makes calls sees the closed circuit within a second.
        assert!(sim.now().since(begun) < 8 * SECOND);
        assert!(all().await.iter().all(Result::is_ok));
    });
    let changes: Vec<_> = recorded_by.iter().flat_map(|recorded| state_changes(recorded)).collect();
    let times = |change| changes.iter().filter(|other| **other == change).count();
    assert_eq!((times("opened"), times("half open"), times("closed")), (1, 1, 1), "{changes:?}");
    assert_eq!((times("opened by another process"), times("closed by another process")), (3, 3), "{changes:?}");
}

#[test]
fn another_process_sees_an_opened_circuit_within_a_second() {
    let (sim, api) = (SimRuntime::new(3), StatusApi::new(200));
    let store = SpyStore::new(sim.clone()).latency(Duration::from_millis(5));
    let [one, other] = [(); 2].map(|()| worker(&sim, &api, &SimProcess::new(&sim), &store));
    sim.block_on(async {
        let mut opened = None;
        for turn in 0..40 {
            if turn == 13 {
                api.respond_with(503);
                assert_eq!(calls(&one, 1).await, [Err(ErrorKind::Status)]);
                api.respond_with(200);
                opened = Some(sim.now());
            }
            let result = other.call(()).await;
            if let (Some(at), Err(error)) = (opened, &result) {
                assert!(sim.now().since(at) <= SECOND);
                assert_eq!(
                    error.to_string(),
                    "GET /a: the circuit of the stitch is open: GET /a in another process received status 503"
                );
                return;
            }
            assert!(result.is_ok());
            sim.sleep(SECOND / 20).await;
        }
        panic!("the circuit is not open after 40 calls");
    });
}

#[test]
fn the_probe_of_a_killed_process_is_replaced() {
    let sim = SimRuntime::new(1);
    let (api, store) = (StatusApi::new(503).latency(SECOND / 2, &sim), store(&sim));
    let dying = SimProcess::new(&sim);
    let one = worker(&sim, &api, &SimProcess::new(&sim), &store);
    let other = worker(&sim, &api, &dying, &store);
    sim.block_on(async {
        calls(&one, 1).await;
        calls(&other, 1).await;
        sim.sleep(OPEN_FOR + SECOND).await;
        api.respond_with(200);
        let before = api.requests();
        sim.spawn(dying.run(async move { drop(other.call(()).await) }));
        sim.sleep(SECOND / 4).await;
        dying.stop();
        assert_eq!(api.requests(), before + 1);
        assert_eq!(calls(&one, 1).await, [Err(ErrorKind::CircuitOpen)]);
        sim.sleep(SECOND + SECOND / 4).await;
        assert_eq!(calls(&one, 1).await, [Ok(())]);
    });
}

#[test]
fn wrong_wall_clocks_cause_no_second_probe_and_no_longer_open_time() {
    let hour = Duration::from_secs(3600);
    for (opens_ahead, other_ahead) in [(hour, Duration::ZERO), (Duration::ZERO, hour)] {
        let sim = SimRuntime::new(1);
        let (api, store) = (StatusApi::new(503), store(&sim));
        let opens = worker(&sim, &api, &SimProcess::new(&sim).wall_clock_ahead(opens_ahead), &store);
        let other = worker(&sim, &api, &SimProcess::new(&sim).wall_clock_ahead(other_ahead), &store);
        within_a_minute(&sim, async {
            calls(&opens, 1).await;
            api.respond_with(200);
            wait_until_open(&sim, &other).await;
            let before = api.requests();
            for _ in 0..28 {
                let error = fail(&other).await;
                assert_eq!(error.kind(), ErrorKind::CircuitOpen);
                assert!(error.retry_after().unwrap() <= OPEN_FOR);
                sim.sleep(SECOND).await;
            }
            assert_eq!(api.requests(), before);
            sim.sleep(2 * SECOND).await;
            calls(&other, 1).await;
            sim.sleep(SECOND / 2).await;
            assert_eq!(calls(&other, 1).await, [Ok(())]);
        });
    }
}

#[test]
fn a_process_that_learns_late_probes_no_later_than_the_others() {
    let sim = SimRuntime::new(1);
    let (api, store) = (StatusApi::new(503), store(&sim));
    // Its fast wall clock makes other processes assume the whole open time from when they see it.
    let opens = worker(&sim, &api, &SimProcess::new(&sim).wall_clock_ahead(Duration::from_secs(3600)), &store);
    let late = worker(&sim, &api, &SimProcess::new(&sim), &store);
    sim.block_on(async {
        calls(&opens, 1).await;
        api.respond_with(200);
        sim.sleep(20 * SECOND).await;
        wait_until_open(&sim, &late).await;
        assert!(fail(&late).await.retry_after().unwrap() > 25 * SECOND);
        sim.sleep(10 * SECOND).await;
        // The record has expired, which ends the open period before the time that was read.
        calls(&late, 1).await;
        sim.sleep(SECOND / 10).await;
        assert_eq!(calls(&late, 1).await, [Ok(())]);
    });
}

#[test]
fn during_a_store_outage_each_process_has_its_own_circuit_and_no_call_fails() {
    let (sim, api) = (SimRuntime::new(1), StatusApi::new(200));
    let store = SpyStore::new(sim.clone());
    let [one, other] = [(); 2].map(|()| worker(&sim, &api, &SimProcess::new(&sim), &store));
    store.fail(Some(StoreErrorKind::Unavailable));
    sim.block_on(async {
        assert_eq!(calls(&one, 3).await, [Ok(()); 3]);
        api.respond_with(503);
        assert_eq!(calls(&one, 2).await, [Err(ErrorKind::Status), Err(ErrorKind::CircuitOpen)]);
        api.respond_with(200);
        sim.sleep(SECOND).await;
        assert_eq!(calls(&other, 1).await, [Ok(())]);
        sim.sleep(OPEN_FOR).await;
        assert_eq!(calls(&one, 3).await, [Ok(()); 3]);
        // A hanging store delays the probe by two timeouts and no other call.
        api.respond_with(503);
        store.fail(None);
        store.hang(true);
        calls(&one, 1).await;
        let before = sim.now();
        assert_eq!(calls(&one, 9).await, [Err(ErrorKind::CircuitOpen); 9]);
        assert_eq!(sim.now(), before);
        sim.sleep(OPEN_FOR).await;
        api.respond_with(200);
        let before = sim.now();
        assert_eq!(calls(&one, 1).await, [Ok(())]);
        assert_eq!(sim.now().since(before), Duration::from_millis(500));
    });
}

#[test]
fn a_host_circuit_is_shared_by_its_stitches_and_by_other_seams_on_the_store() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), StatusApi::new(503));
    let store = store(&sim);
    let seam = |name| {
        seam_without_retries(&sim, &api).name(name).circuit(Circuit::after(1).per_host()).store(store.clone()).build()
    };
    let (one, other) = (seam("one")?, seam("other")?);
    sim.block_on(calls(&get(&one, "/a"), 1));
    let error = sim.block_on(fail(&get(&one, "/b")));
    assert_eq!(error.to_string(), "GET /b: the circuit of api.example.com is open: GET /a received status 503");
    api.respond_with(200);
    let other = get(&other, "/c");
    sim.block_on(wait_until_open(&sim, &other));
    Ok(())
}

#[test]
fn a_process_reads_the_store_twice_a_second_and_requests_the_probe_four_times() {
    let sim = SimRuntime::new(1);
    let (api, store) = (StatusApi::new(503).latency(5 * SECOND, &sim), SpyStore::new(sim.clone()));
    let [probing, other] = [(); 2].map(|()| worker(&sim, &api, &SimProcess::new(&sim), &store));
    // The store operations of a second in which the process makes 100 calls, all of which the circuit refuses.
    let operations_of_a_second = || async {
        let before = store.operations();
        for _ in 0..100 {
            assert_eq!(calls(&other, 1).await, [Err(ErrorKind::CircuitOpen)]);
            sim.sleep(SECOND / 100).await;
        }
        store.operations() - before
    };
    sim.block_on(async {
        calls(&probing, 1).await;
        wait_until_open(&sim, &other).await;
        for _ in 0..3 {
            assert!((1..=2).contains(&operations_of_a_second().await), "open");
        }
        sim.sleep(OPEN_FOR).await;
        let probe = async {
            calls(&probing, 1).await;
        };
        let while_it_runs = async {
            sim.sleep(SECOND / 2).await;
            for _ in 0..3 {
                // Two reads; four requests for the lease with a read each; three renewals by the probing process.
                let operations = operations_of_a_second().await;
                assert!((8..=2 + 4 * 2 + 3).contains(&operations), "half open: {operations}");
            }
        };
        futures_util::future::join(probe, while_it_runs).await;
    });
}

#[test]
fn in_a_runtime_without_tasks_the_call_itself_reads_the_store() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), StatusApi::new(503));
    let store = store(&sim);
    let builder = || {
        seam_without_retries(&sim, &api)
            .runtime(TasklessRuntime(sim.clone()))
            .store(store.clone())
            .circuit(Circuit::after(1))
            .build()
    };
    assert_eq!(sim.block_on(calls(&get(&builder()?, "/a"), 1)), [Err(ErrorKind::Status)]);
    // Such a runtime builds a seam per request, so the second call has an empty seam.
    assert_eq!(sim.block_on(calls(&get(&builder()?, "/a"), 1)), [Err(ErrorKind::CircuitOpen)]);
    sim.block_on(sim.sleep(OPEN_FOR + SECOND));
    api.respond_with(200);
    assert_eq!(sim.block_on(calls(&get(&builder()?, "/a"), 2)), [Ok(()); 2]);
    Ok(())
}

#[test]
fn an_unreadable_record_is_ignored() -> Result<()> {
    let (sim, api, (sink, recorded)) = (SimRuntime::new(1), StatusApi::new(503), recording_sink());
    let store = SpyStore::new(sim.clone());
    let builder = || seam_without_retries(&sim, &api).store(store.clone()).circuit(Circuit::after(1));
    let (one, other) = (get(&builder().build()?, "/a"), get(&builder().sink(sink).build()?, "/a"));
    sim.block_on(calls(&one, 1));
    sim.block_on(sim.sleep(SECOND));
    sim.block_on(store.tamper("circuit"));
    api.respond_with(200);
    for _ in 0..5 {
        assert_eq!(sim.block_on(calls(&other, 1)), [Ok(())]);
        sim.block_on(sim.sleep(SECOND));
    }
    assert!(recorded.lock().unwrap().iter().any(|event| matches!(event.kind, EventKind::Unreadable { .. })));
    sim.block_on(sim.sleep(OPEN_FOR));
    assert_eq!(sim.block_on(calls(&one, 2)), [Ok(()); 2]);
    Ok(())
}
