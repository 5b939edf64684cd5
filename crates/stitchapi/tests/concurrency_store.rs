//! Concurrency permits whose process dies, pauses or loses its store, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::busy::Busy;
use common::events;
use common::process::{Process, within_a_minute};
use common::spy::Spy;
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

fn seam(runtime: impl Runtime, api: &Busy, throttle: Throttle) -> SeamBuilder {
    let patient = Duration::from_secs(50);
    let builder = Seam::builder("https://api.example.com").runtime(runtime).transport(api.clone()).throttle(throttle);
    builder.attempt_timeout(patient)
}

fn get(seam: &Seam) -> Stitch<(), ()> {
    seam.get("/a").build_with(decode::empty).unwrap()
}

/// Starts this number of calls at once.
fn calls(stitch: &Stitch<(), ()>, calls: usize) -> BoxFuture<'static, Vec<Result<()>>> {
    let stitch = stitch.clone();
    Box::pin(async move { join_all((0..calls).map(|_| async { stitch.call(()).await })).await })
}

type Told = Arc<Mutex<Vec<Event>>>;

fn count(events: &Mutex<Vec<Event>>, wanted: fn(&EventKind) -> bool) -> usize {
    events.lock().unwrap().iter().filter(|event| wanted(&event.kind)).count()
}

fn is_lost(kind: &EventKind) -> bool {
    matches!(kind, EventKind::ConcurrencyPermitLost)
}

#[test]
fn the_permits_of_a_killed_process_are_free_when_its_leases_expire_and_not_earlier() {
    let sim = SimRuntime::new(1);
    let (long, short) = (Busy::always(&sim, 40 * SECOND), Busy::always(&sim, MILLI));
    let store = MemoryStore::on(Arc::new(sim.clone()));
    let (killed, other) = (Process::on(&sim), Process::on(&sim));
    let build = |process: &Process, api: &Busy| {
        get(&seam(process.clone(), api, Throttle::concurrency(2)).store(store.clone()).build().unwrap())
    };
    let (doomed, waiting) = (build(&killed, &long), build(&other, &short));
    killed.spawn(Box::pin(async move { drop(calls(&doomed, 2).await) }));
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(long.under_way(), 2);
    killed.stop();
    let killed_at = sim.now();
    within_a_minute(&sim, calls(&waiting, 1));
    let waited = sim.now().since(killed_at);
    assert!(waited > 8 * SECOND && waited < 10 * SECOND + 50 * MILLI, "{waited:?}");
}

#[test]
fn a_long_call_keeps_its_permit() {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let (api, store) = (Busy::always(&sim, 40 * SECOND), Spy::on(sim.clone()));
    let build = || seam(Process::on(&sim), &api, Throttle::concurrency(1)).store(store.clone());
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
    assert_eq!((api.most(), count(&taken, is_lost)), (1, 0));
}

#[test]
fn a_process_paused_beyond_its_lease_loses_the_permit_and_emits_it() {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let api = Busy::always(&sim, 30 * SECOND);
    let store = MemoryStore::on(Arc::new(sim.clone()));
    let (paused, other) = (Process::on(&sim), Process::on(&sim));
    let build = |process: &Process| seam(process.clone(), &api, Throttle::concurrency(1)).store(store.clone());
    let (first, second) = (get(&build(&paused).sink(sink).build().unwrap()), get(&build(&other).build().unwrap()));
    let (mine, theirs) = (first.clone(), calls(&second, 1));
    paused.spawn(Box::pin(async move { drop(calls(&mine, 2).await) }));
    sim.block_on(sim.sleep(SECOND));
    paused.stop();
    other.spawn(Box::pin(async move { drop(theirs.await) }));
    sim.block_on(sim.sleep(15 * SECOND));
    assert_eq!(api.under_way(), 2);
    paused.resume();
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(count(&taken, is_lost), 1);
    // The second call waits for the lease of the other process, which has ten seconds left when the first call ends.
    sim.block_on(sim.sleep(14 * SECOND + 500 * MILLI));
    assert_eq!((api.under_way(), api.starts(Tick(0)).len()), (1, 2));
    sim.block_on(sim.sleep(11 * SECOND));
    assert_eq!((api.under_way(), api.starts(Tick(0)).len()), (1, 3));
}

#[test]
fn a_call_whose_lease_expired_while_it_waited_for_a_slot_acquires_another_permit() {
    for seed in 0..10 {
        let sim = SimRuntime::new(seed);
        let api = Busy::always(&sim, 30 * SECOND);
        let store = MemoryStore::on(Arc::new(sim.clone()));
        let (paused, other) = (Process::on(&sim), Process::on(&sim));
        let throttle = Throttle::rate("1/m").burst(2).and_concurrency(1);
        let build = |process: &Process| {
            let seam = seam(process.clone(), &api, throttle.clone()).store(store.clone()).deadline(600 * SECOND);
            seam.attempt_timeout(50 * SECOND).build().unwrap()
        };
        let (first, second) = (build(&paused), build(&other));
        // The second slot of this process is one minute later.
        sim.block_on(async {
            drop(first.permit(1).await.unwrap());
            drop(first.permit(1).await.unwrap());
        });
        let mine = calls(&get(&first), 1);
        paused.spawn(Box::pin(async move { drop(mine.await) }));
        sim.block_on(sim.sleep(20 * SECOND));
        paused.stop();
        sim.block_on(sim.sleep(15 * SECOND));
        let held = sim.block_on(async { second.permit(0).await.unwrap() });
        paused.resume();
        sim.block_on(sim.sleep(80 * SECOND));
        assert_eq!(api.most(), 0);
        drop(held);
        sim.block_on(sim.sleep(120 * SECOND));
        assert_eq!(api.most(), 1);
    }
}

/// Creates four processes on one store that can fail.
fn fleet(sim: &SimRuntime, api: &Busy, throttle: &Throttle) -> (Spy, Vec<Stitch<(), ()>>, Told) {
    let (sink, taken) = events();
    let (store, mut sink) = (Spy::on(sim.clone()), Some(sink));
    let fleet = (0..4).map(|_| {
        let builder = seam(Process::on(sim), api, throttle.clone()).store(store.clone()).deadline(600 * SECOND);
        let builder = match sink.take() {
            Some(sink) => builder.sink(sink),
            None => builder,
        };
        get(&builder.build().unwrap())
    });
    let fleet = fleet.collect();
    (store, fleet, taken)
}

#[test]
fn each_process_has_its_share_during_an_outage_and_the_whole_limit_afterwards() {
    for (seed, hangs) in [(1, false), (2, true), (3, false), (4, true)] {
        let sim = SimRuntime::new(seed);
        let api = Busy::up_to(&sim, 300 * MILLI);
        let (store, fleet, taken) = fleet(&sim, &api, &Throttle::concurrency(10).fleet_size(4));
        let script = async {
            sim.sleep(5 * SECOND).await;
            assert_eq!(api.most(), 10);
            if hangs {
                store.hang(true);
            } else {
                store.fail(Some(StoreErrorKind::Unavailable));
            }
            // Running calls continue; new calls are of the outage shares.
            sim.sleep(SECOND).await;
            api.forget();
            sim.sleep(9 * SECOND).await;
            assert_eq!(api.most(), 8, "seed {seed}");
            api.forget();
            store.hang(false);
            store.fail(None);
            let used = api.used();
            sim.sleep(10 * SECOND).await;
            assert!(api.most() == 10, "seed {seed}: {}", api.most());
            assert!(api.used() - used > 90 * SECOND, "seed {seed}: {:?}", api.used() - used);
        };
        for stitch in &fleet {
            let all = calls(stitch, 1_000);
            sim.spawn(Box::pin(async move { drop(all.await) }));
        }
        sim.block_on(script);
        assert_eq!(count(&taken, |kind| matches!(kind, EventKind::OutageBegan { fleet_size: 4, .. })), 1);
        assert_eq!(count(&taken, |kind| matches!(kind, EventKind::OutageEnded { .. })), 1);
        assert_eq!(count(&taken, is_lost), 0);
    }
}

#[test]
fn calls_that_began_in_an_outage_count_when_it_is_over() {
    let sim = SimRuntime::new(1);
    let api = Busy::always(&sim, 40 * SECOND);
    let (store, fleet, _) = fleet(&sim, &api, &Throttle::concurrency(4).fleet_size(4));
    store.fail(Some(StoreErrorKind::Unavailable));
    for stitch in &fleet {
        let all = calls(stitch, 3);
        sim.spawn(Box::pin(async move { drop(all.await) }));
    }
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(api.under_way(), 4);
    store.fail(None);
    sim.block_on(sim.sleep(130 * SECOND));
    assert_eq!((api.most(), api.starts(Tick(0)).len()), (4, 12));
}

#[test]
fn a_closed_throttle_fails_calls_during_an_outage_only() {
    let sim = SimRuntime::new(1);
    let api = Busy::always(&sim, MILLI);
    let (store, fleet, _) = fleet(&sim, &api, &Throttle::concurrency(1).on_outage(OutagePolicy::Closed));
    store.hang(true);
    let error = sim.block_on(calls(&fleet[0], 1)).remove(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    let begun = sim.now();
    assert!(sim.block_on(calls(&fleet[0], 10)).into_iter().all(|answer| answer.is_err()));
    assert_eq!(sim.now(), begun);
    store.hang(false);
    sim.block_on(sim.sleep(5 * SECOND));
    sim.block_on(calls(&fleet[0], 1)).remove(0).unwrap();
}

#[test]
fn an_open_throttle_lets_every_call_run_during_an_outage() {
    let sim = SimRuntime::new(1);
    let api = Busy::always(&sim, SECOND);
    let (store, fleet, _) = fleet(&sim, &api, &Throttle::concurrency(1).on_outage(OutagePolicy::Open));
    store.fail(Some(StoreErrorKind::Unavailable));
    let begun = sim.now();
    assert!(sim.block_on(calls(&fleet[0], 20)).into_iter().all(|answer| answer.is_ok()));
    assert_eq!((sim.now().since(begun), api.most()), (SECOND, 20));
    store.fail(None);
    sim.block_on(sim.sleep(2 * SECOND));
    api.forget();
    sim.block_on(calls(&fleet[0], 3));
    assert_eq!(api.most(), 1);
}

#[test]
fn a_failed_release_is_repeated() {
    let sim = SimRuntime::new(1);
    let api = Busy::always(&sim, 100 * MILLI);
    let (store, fleet, _) = fleet(&sim, &api, &Throttle::concurrency(1));
    store.fail_once(2, StoreErrorKind::Unavailable);
    sim.block_on(calls(&fleet[0], 1)).remove(0).unwrap();
    sim.block_on(sim.sleep(SECOND));
    let begun = sim.now();
    // The process whose release failed releases the lease again with its next call.
    let both = sim.block_on(join(calls(&fleet[0], 1), calls(&fleet[1], 1)));
    assert!(both.0[0].is_ok() && both.1[0].is_ok());
    assert!(sim.now().since(begun) < SECOND, "{:?}", sim.now().since(begun));
}

/// A runtime on which no call waits for another one.
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
fn each_call_acquires_its_own_lease_on_a_runtime_where_calls_share_nothing() {
    let sim = SimRuntime::new(1);
    let (api, store) = (Busy::up_to(&sim, 100 * MILLI), Spy::on(sim.clone()));
    let build = || seam(Apart(sim.clone()), &api, Throttle::concurrency(3));
    let stitch = get(&build().store(store.clone()).build().unwrap());
    within_a_minute(&sim, calls(&stitch, 40)).into_iter().collect::<Result<Vec<_>>>().unwrap();
    assert_eq!(api.most(), 3);
    assert!(store.operations() >= 80);
    let error = build().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

/// A store with values and a pacer, without leases.
#[derive(Debug, Clone)]
struct Lendless(MemoryStore);

#[async_trait]
impl StitchStore for Lendless {
    fn name(&self) -> &'static str {
        "lendless"
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
fn a_store_without_leases_is_refused_with_a_remedy() {
    let sim = SimRuntime::new(1);
    let (api, memory) = (Busy::always(&sim, MILLI), MemoryStore::on(Arc::new(sim.clone())));
    let build = |throttle: Throttle| seam(sim.clone(), &api, throttle).store(Lendless(memory.clone())).build();
    let error = build(Throttle::rate("1/s").and_concurrency(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("SplitStore::new(lendless, other)"), "{error}");
    build(Throttle::rate("1/s")).unwrap();
    let split = SplitStore::new(Lendless(memory.clone()), memory.clone());
    seam(sim.clone(), &api, Throttle::concurrency(1)).store(split).build().unwrap();
    let nobody = seam(sim.clone(), &api, Throttle::concurrency(0)).build().unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Config);
}
