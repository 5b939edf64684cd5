//! Concurrency limits on a store: processes that are killed or paused, and outages of the store, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::recording_sink;
use common::separate_calls::SeparateCallsRuntime;
use common::sim_process::{SimProcess, within_a_minute};
use common::slow_api::SlowApi;
use common::spy_store::SpyStore;
use futures_util::future::{join, join_all};
use stitchapi::trace::{Event, EventKind};
use stitchapi::{
    BoxFuture, ErrorKind, MemoryStore, OutagePolicy, Result, Runtime, Seam, SeamBuilder, SplitStore, Stitch,
    StitchStore, StoreError, Throttle, Tick, decode,
};
use stitchapi_core::{Key, StoreErrorKind, StoreLimits, async_trait};
use stitchapi_testing::SimRuntime;

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn seam(runtime: impl Runtime, api: &SlowApi, throttle: Throttle) -> SeamBuilder {
    let attempt_timeout = Duration::from_secs(50);
    let builder = Seam::builder("https://api.example.com").runtime(runtime).transport(api.clone()).throttle(throttle);
    builder.attempt_timeout(attempt_timeout)
}

fn get(seam: &Seam) -> Stitch<(), ()> {
    seam.get("/a").build_with(decode::empty).unwrap()
}

/// Makes `number` calls at once.
fn calls(stitch: &Stitch<(), ()>, number: usize) -> BoxFuture<'static, Vec<Result<()>>> {
    let stitch = stitch.clone();
    Box::pin(async move { join_all((0..number).map(|_| async { stitch.call(()).await })).await })
}

type RecordedEvents = Arc<Mutex<Vec<Event>>>;

/// Returns the number of recorded events of a kind.
fn count(events: &Mutex<Vec<Event>>, is_wanted: fn(&EventKind) -> bool) -> usize {
    events.lock().unwrap().iter().filter(|event| is_wanted(&event.kind)).count()
}

fn is_lost(kind: &EventKind) -> bool {
    matches!(kind, EventKind::ConcurrencyPermitLost)
}

#[test]
fn the_concurrency_permits_of_a_killed_process_are_free_when_its_leases_expire() {
    let sim = SimRuntime::new(1);
    let (long, short) = (SlowApi::with_delay(&sim, 40 * SECOND), SlowApi::with_delay(&sim, MILLI));
    let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let (killed, other) = (SimProcess::new(&sim), SimProcess::new(&sim));
    let build = |process: &SimProcess, api: &SlowApi| {
        get(&seam(process.clone(), api, Throttle::concurrency(2)).store(store.clone()).build().unwrap())
    };
    let (long_calls, waiting) = (build(&killed, &long), build(&other, &short));
    killed.spawn(Box::pin(async move { drop(calls(&long_calls, 2).await) }));
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(long.in_flight(), 2);
    killed.stop();
    let killed_at = sim.now();
    within_a_minute(&sim, calls(&waiting, 1));
    let waited = sim.now().since(killed_at);
    assert!(waited > 8 * SECOND && waited < 10 * SECOND + 50 * MILLI, "{waited:?}");
}

#[test]
fn a_call_longer_than_its_lease_keeps_its_concurrency_permit() {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let (api, store) = (SlowApi::with_delay(&sim, 40 * SECOND), SpyStore::new(sim.clone()));
    let build = || seam(SimProcess::new(&sim), &api, Throttle::concurrency(1)).store(store.clone());
    let (first, second) = (get(&build().sink(sink).build().unwrap()), get(&build().build().unwrap()));
    let begun = sim.now();
    let long = sim.block_on(async {
        join(first.call(()).into_future(), async {
            sim.sleep(39 * SECOND).await;
            store.operations()
        })
        .await
    });
    long.0.unwrap();
    assert_eq!(sim.now().since(begun), 40 * SECOND);
    assert!(long.1 <= 1 + 12, "{} operations", long.1);
    let both = join(calls(&first, 1), async {
        sim.sleep(MILLI).await;
        calls(&second, 1).await
    });
    sim.block_on(both);
    assert_eq!((api.max_in_flight(), count(&recorded, is_lost)), (1, 0));
}

#[test]
fn a_process_paused_beyond_its_lease_loses_its_concurrency_permit_and_emits_an_event() {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let api = SlowApi::with_delay(&sim, 30 * SECOND);
    let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let (paused, other) = (SimProcess::new(&sim), SimProcess::new(&sim));
    let build = |process: &SimProcess| seam(process.clone(), &api, Throttle::concurrency(1)).store(store.clone());
    let (first, second) = (get(&build(&paused).sink(sink).build().unwrap()), get(&build(&other).build().unwrap()));
    let (paused_stitch, other_calls) = (first.clone(), calls(&second, 1));
    paused.spawn(Box::pin(async move { drop(calls(&paused_stitch, 2).await) }));
    sim.block_on(sim.sleep(SECOND));
    paused.stop();
    other.spawn(Box::pin(async move { drop(other_calls.await) }));
    sim.block_on(sim.sleep(15 * SECOND));
    assert_eq!(api.in_flight(), 2);
    paused.resume();
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(count(&recorded, is_lost), 1);
    // The second call of the paused process waits for the other process, whose call ends ten seconds after its first one.
    sim.block_on(sim.sleep(14 * SECOND + 500 * MILLI));
    assert_eq!((api.in_flight(), api.starts_ms(Tick(0)).len()), (1, 2));
    sim.block_on(sim.sleep(11 * SECOND));
    assert_eq!((api.in_flight(), api.starts_ms(Tick(0)).len()), (1, 3));
}

#[test]
fn a_call_whose_lease_expired_while_it_waited_for_a_slot_takes_another_concurrency_permit() {
    for seed in 0..10 {
        let sim = SimRuntime::new(seed);
        let api = SlowApi::with_delay(&sim, 30 * SECOND);
        let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
        let (paused, other) = (SimProcess::new(&sim), SimProcess::new(&sim));
        let throttle = Throttle::rate("1/m").burst(2).and_concurrency(1);
        let build = |process: &SimProcess| {
            let seam = seam(process.clone(), &api, throttle.clone()).store(store.clone()).deadline(600 * SECOND);
            seam.attempt_timeout(50 * SECOND).build().unwrap()
        };
        let (first, second) = (build(&paused), build(&other));
        // The burst is used up, so the next slot is a minute away.
        sim.block_on(async {
            drop(first.permit(1).await.unwrap());
            drop(first.permit(1).await.unwrap());
        });
        let waiting = calls(&get(&first), 1);
        paused.spawn(Box::pin(async move { drop(waiting.await) }));
        sim.block_on(sim.sleep(20 * SECOND));
        paused.stop();
        sim.block_on(sim.sleep(15 * SECOND));
        let held = sim.block_on(async { second.permit(0).await.unwrap() });
        paused.resume();
        sim.block_on(sim.sleep(80 * SECOND));
        assert_eq!(api.max_in_flight(), 0);
        drop(held);
        sim.block_on(sim.sleep(120 * SECOND));
        assert_eq!(api.max_in_flight(), 1);
    }
}

/// Returns four processes on one store, the store, and the events of the first process.
fn fleet(sim: &SimRuntime, api: &SlowApi, throttle: &Throttle) -> (SpyStore, Vec<Stitch<(), ()>>, RecordedEvents) {
    let (sink, recorded) = recording_sink();
    let (store, mut sink) = (SpyStore::new(sim.clone()), Some(sink));
    let fleet = (0..4).map(|_| {
        let builder = seam(SimProcess::new(sim), api, throttle.clone()).store(store.clone()).deadline(600 * SECOND);
        let builder = match sink.take() {
            Some(sink) => builder.sink(sink),
            None => builder,
        };
        get(&builder.build().unwrap())
    });
    let fleet = fleet.collect();
    (store, fleet, recorded)
}

#[test]
fn during_an_outage_each_process_has_its_share_of_the_limit_and_rejoins_afterwards() {
    for (seed, hangs) in [(1, false), (2, true), (3, false), (4, true)] {
        let sim = SimRuntime::new(seed);
        let api = SlowApi::with_random_delay(&sim, 300 * MILLI);
        let (store, fleet, recorded) = fleet(&sim, &api, &Throttle::concurrency(10).fleet_size(4));
        let scenario = async {
            sim.sleep(5 * SECOND).await;
            assert_eq!(api.max_in_flight(), 10);
            if hangs {
                store.hang(true);
            } else {
                store.fail(Some(StoreErrorKind::Unavailable));
            }
            // Calls in flight continue. New calls use the share of their process.
            sim.sleep(SECOND).await;
            api.reset_max_in_flight();
            sim.sleep(9 * SECOND).await;
            assert_eq!(api.max_in_flight(), 8, "seed {seed}");
            api.reset_max_in_flight();
            store.hang(false);
            store.fail(None);
            let before = api.total_time();
            sim.sleep(10 * SECOND).await;
            assert!(api.max_in_flight() == 10, "seed {seed}: {}", api.max_in_flight());
            assert!(api.total_time() - before > 90 * SECOND, "seed {seed}: {:?}", api.total_time() - before);
        };
        for stitch in &fleet {
            let all = calls(stitch, 1_000);
            sim.spawn(Box::pin(async move { drop(all.await) }));
        }
        sim.block_on(scenario);
        assert_eq!(count(&recorded, |kind| matches!(kind, EventKind::OutageBegan { fleet_size: 4, .. })), 1);
        assert_eq!(count(&recorded, |kind| matches!(kind, EventKind::OutageEnded { .. })), 1);
        assert_eq!(count(&recorded, is_lost), 0);
    }
}

#[test]
fn calls_that_began_in_an_outage_count_towards_the_limit_after_it() {
    let sim = SimRuntime::new(1);
    let api = SlowApi::with_delay(&sim, 40 * SECOND);
    let (store, fleet, _) = fleet(&sim, &api, &Throttle::concurrency(4).fleet_size(4));
    store.fail(Some(StoreErrorKind::Unavailable));
    for stitch in &fleet {
        let all = calls(stitch, 3);
        sim.spawn(Box::pin(async move { drop(all.await) }));
    }
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(api.in_flight(), 4);
    store.fail(None);
    sim.block_on(sim.sleep(130 * SECOND));
    assert_eq!((api.max_in_flight(), api.starts_ms(Tick(0)).len()), (4, 12));
}

#[test]
fn a_closed_throttle_fails_calls_during_an_outage_only() {
    let sim = SimRuntime::new(1);
    let api = SlowApi::with_delay(&sim, MILLI);
    let (store, fleet, _) = fleet(&sim, &api, &Throttle::concurrency(1).on_outage(OutagePolicy::Closed));
    store.hang(true);
    let error = sim.block_on(calls(&fleet[0], 1)).remove(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    let begun = sim.now();
    assert!(sim.block_on(calls(&fleet[0], 10)).into_iter().all(|result| result.is_err()));
    assert_eq!(sim.now(), begun);
    store.hang(false);
    sim.block_on(sim.sleep(5 * SECOND));
    sim.block_on(calls(&fleet[0], 1)).remove(0).unwrap();
}

#[test]
fn an_open_throttle_limits_no_call_during_an_outage() {
    let sim = SimRuntime::new(1);
    let api = SlowApi::with_delay(&sim, SECOND);
    let (store, fleet, _) = fleet(&sim, &api, &Throttle::concurrency(1).on_outage(OutagePolicy::Open));
    store.fail(Some(StoreErrorKind::Unavailable));
    let begun = sim.now();
    assert!(sim.block_on(calls(&fleet[0], 20)).into_iter().all(|result| result.is_ok()));
    assert_eq!((sim.now().since(begun), api.max_in_flight()), (SECOND, 20));
    store.fail(None);
    sim.block_on(sim.sleep(2 * SECOND));
    api.reset_max_in_flight();
    sim.block_on(calls(&fleet[0], 3));
    assert_eq!(api.max_in_flight(), 1);
}

#[test]
fn a_release_that_failed_is_repeated_with_the_next_call() {
    let sim = SimRuntime::new(1);
    let api = SlowApi::with_delay(&sim, 100 * MILLI);
    let (store, fleet, _) = fleet(&sim, &api, &Throttle::concurrency(1));
    store.fail_once(2, StoreErrorKind::Unavailable);
    sim.block_on(calls(&fleet[0], 1)).remove(0).unwrap();
    sim.block_on(sim.sleep(SECOND));
    let begun = sim.now();
    // The process remembers the failed release and repeats it with its next call.
    let both = sim.block_on(join(calls(&fleet[0], 1), calls(&fleet[1], 1)));
    assert!(both.0[0].is_ok() && both.1[0].is_ok());
    assert!(sim.now().since(begun) < SECOND, "{:?}", sim.now().since(begun));
}

#[test]
fn in_a_runtime_without_shared_waiting_each_call_takes_its_own_lease() {
    let sim = SimRuntime::new(1);
    let (api, store) = (SlowApi::with_random_delay(&sim, 100 * MILLI), SpyStore::new(sim.clone()));
    let build = || seam(SeparateCallsRuntime(sim.clone()), &api, Throttle::concurrency(3));
    let stitch = get(&build().store(store.clone()).build().unwrap());
    within_a_minute(&sim, calls(&stitch, 40)).into_iter().collect::<Result<Vec<_>>>().unwrap();
    assert_eq!(api.max_in_flight(), 3);
    assert!(store.operations() >= 80);
    let error = build().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

/// Store with a pacer and without leases.
#[derive(Debug, Clone)]
struct LeaselessStore(MemoryStore);

#[async_trait]
impl StitchStore for LeaselessStore {
    fn name(&self) -> &'static str {
        "leaseless"
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
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn stitchapi_core::Pacer>> {
        Arc::new(self.0.clone()).pacer()
    }
}

#[test]
fn a_store_without_leases_is_a_config_error_that_names_split_store() {
    let sim = SimRuntime::new(1);
    let (api, memory) = (SlowApi::with_delay(&sim, MILLI), MemoryStore::with_clock_of(Arc::new(sim.clone())));
    let build = |throttle: Throttle| seam(sim.clone(), &api, throttle).store(LeaselessStore(memory.clone())).build();
    let error = build(Throttle::rate("1/s").and_concurrency(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("SplitStore::new(leaseless, other)"), "{error}");
    build(Throttle::rate("1/s")).unwrap();
    let split = SplitStore::new(LeaselessStore(memory.clone()), memory.clone());
    seam(sim.clone(), &api, Throttle::concurrency(1)).store(split).build().unwrap();
    let zero = seam(sim.clone(), &api, Throttle::concurrency(0)).build().unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::Config);
}
