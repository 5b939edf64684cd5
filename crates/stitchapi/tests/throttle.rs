//! The throttle on a store that paces: even starts, limits on waiting, store outages and lost state, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::counting_store::CountingStore;
use common::{recording_sink, seam, starts};
use futures_util::future::join_all;
use stitchapi::trace::{Event, EventKind};
use stitchapi::{
    BoxFuture, ErrorKind, MemoryStore, OutagePolicy, Rate, Result, Retry, Runtime, Seam, SplitStore, Stitch,
    StitchStore, StoreError, StoreErrorKind, Throttle, Tick, async_trait, decode,
};
use stitchapi_core::pace::{Booking, LimitId, Reservation, ReserveRequest};
use stitchapi_core::{Key, Pacer, StoreLimits, StoreTime};
use stitchapi_testing::starts::most_in_any_window;
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);

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

/// Makes `calls` calls at once and returns their results.
async fn call(stitch: &Stitch<(), ()>, calls: usize) -> Vec<Result<()>> {
    join_all((0..calls).map(|_| async { stitch.call(()).await })).await
}

/// Returns the sorted start times of all seams, in microseconds.
fn all_starts(recorded: &[Arc<Mutex<Vec<Event>>>]) -> Vec<u64> {
    let mut all: Vec<u64> = recorded.iter().flat_map(|recorded| starts(recorded)).collect();
    all.sort_unstable();
    all
}

#[test]
fn calls_start_evenly_from_the_first_one() -> Result<()> {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let stitch = get(&seam(&sim, &api()).throttle(ten_per_second()).sink(sink).build()?);
    let begun = sim.now().0;
    sim.block_on(call(&stitch, 30)).into_iter().collect::<Result<Vec<_>>>()?;
    sim.block_on(sim.sleep(SECOND));
    let at: Vec<u64> = starts(&recorded).iter().map(|at| at - begun).collect();
    let expected: Vec<u64> = (0..30).map(|n| n * 100_500).collect();
    assert_eq!(at, expected);
    Ok(())
}

#[test]
fn processes_on_one_store_share_one_budget() -> Result<()> {
    let sim = SimRuntime::new(2);
    let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let mut recorded = Vec::new();
    let mut stitches = Vec::new();
    for _ in 0..4 {
        let (sink, events) = recording_sink();
        recorded.push(events);
        stitches.push(get(&seam(&sim, &api())
            .store(store.clone())
            .throttle(ten_per_second().burst(3))
            .sink(sink)
            .build()?));
    }
    sim.block_on(join_all(stitches.iter().map(|stitch| call(stitch, 25))));
    sim.block_on(sim.sleep(SECOND));
    let at = all_starts(&recorded);
    assert_eq!(at.len(), 100);
    assert_eq!(most_in_any_window(&at, SECOND), 12);
    assert_eq!(most_in_any_window(&at, Duration::from_millis(100)), 3);
    Ok(())
}

#[test]
fn seams_with_different_names_have_separate_budgets() -> Result<()> {
    let sim = SimRuntime::new(2);
    let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let begun = sim.now();
    for name in ["a", "b", "c"] {
        let stitch = get(&seam(&sim, &api()).name(name).store(store.clone()).throttle(ten_per_second()).build()?);
        sim.block_on(stitch.call(()).send())?;
    }
    assert_eq!(sim.now(), begun);
    Ok(())
}

#[test]
fn a_longer_rate_caps_a_shorter_one() -> Result<()> {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let throttle = ten_per_second().and_rate(Rate::per_minute(60)).burst(6);
    let stitch = get(&seam(&sim, &api()).throttle(throttle).sink(sink).build()?);
    sim.block_on(call(&stitch, 100));
    sim.block_on(sim.sleep(SECOND));
    let at = starts(&recorded);
    assert_eq!(most_in_any_window(&at, SECOND), 6);
    assert!(most_in_any_window(&at, 60 * SECOND) <= 60);
    assert!(at.len() >= 55, "{}", at.len());
    Ok(())
}

#[test]
fn a_call_beyond_max_wait_is_rejected_at_once_with_retry_after() -> Result<()> {
    let sim = SimRuntime::new(1);
    let stitch = get(&seam(&sim, &api()).throttle(ten_per_second().max_wait(SECOND)).build()?);
    let begun = sim.now();
    let results = sim.block_on(call(&stitch, 30));
    let rejected: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert_eq!(rejected.len(), 20);
    for error in &rejected {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Throttled, 0));
        assert_eq!(error.retry_after(), Some(Duration::from_micros(5_000)));
    }
    assert_eq!(sim.now().since(begun), Duration::from_micros(904_500));
    let error = sim.block_on(async {
        let _queue = join_all((0..5).map(|_| async { stitch.call(()).await })).await;
        let calls = (0..3).map(|_| async { stitch.call(()).max_wait(Duration::from_millis(150)).await });
        join_all(calls).await.into_iter().find_map(Result::err)
    });
    assert_eq!(error.unwrap().kind(), ErrorKind::Throttled);
    Ok(())
}

#[test]
fn a_call_without_a_slot_before_its_deadline_is_rejected_at_once() -> Result<()> {
    let sim = SimRuntime::new(1);
    let stitch = get(&seam(&sim, &api()).throttle(Throttle::rate("1/m")).build()?);
    sim.block_on(stitch.call(()).send())?;
    let begun = sim.now();
    let error = sim.block_on(async { stitch.call(()).deadline(30 * SECOND).await }).unwrap_err();
    assert_eq!((error.kind(), sim.now()), (ErrorKind::Throttled, begun));
    assert!(error.retry_after().unwrap() > 30 * SECOND);
    Ok(())
}

#[test]
fn every_retry_and_every_redirect_uses_a_slot() -> Result<()> {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let api = MockTransport::new(|request| {
        let (status, location) = if request.uri().path() == "/v1/a" { (307, "/v1/b") } else { (503, "") };
        http::Response::builder().status(status).header("location", location).body(Bytes::new()).unwrap()
    });
    let retry = Retry::times(2).backoff(Duration::ZERO, Duration::ZERO);
    let stitch = get(&seam(&sim, &api).throttle(ten_per_second()).retry(retry).redirects(1).sink(sink).build()?);
    let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
    assert_eq!(error.attempts(), 4);
    sim.block_on(sim.sleep(SECOND));
    let at = starts(&recorded);
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] == 100_500), "{at:?}");
    Ok(())
}

#[test]
fn a_retry_without_a_slot_returns_the_response_that_caused_it() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = MockTransport::new(|_| http::Response::builder().status(503).body(Bytes::new()).unwrap());
    let stitch = get(&seam(&sim, &api).throttle(Throttle::rate("1/m")).build()?);
    let error = sim.block_on(async { stitch.call(()).deadline(30 * SECOND).await }).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Status, 1));
    Ok(())
}

/// Runtime whose sleeps end late, by a settable number of microseconds.
#[derive(Debug, Clone)]
struct LateRuntime(SimRuntime, Arc<AtomicU64>);
impl Runtime for LateRuntime {
    fn now(&self) -> Tick {
        self.0.now()
    }
    fn wall(&self) -> SystemTime {
        self.0.wall()
    }
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        self.0.sleep_until(at + Duration::from_micros(self.1.load(Ordering::Relaxed)))
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
    fn random(&self) -> u64 {
        self.0.random()
    }
    fn joins_callers(&self) -> bool {
        self.0.joins_callers()
    }
}

#[test]
fn a_call_that_wakes_too_late_gives_up_its_slot_and_books_another_one() -> Result<()> {
    let (sim, (sink, recorded), late) = (SimRuntime::new(1), recording_sink(), Arc::new(AtomicU64::new(4_999)));
    let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let runtime = LateRuntime(sim.clone(), late.clone());
    let stitch =
        get(&seam(&sim, &api()).store(store).runtime(runtime).throttle(ten_per_second()).sink(sink).build()?);
    let begun = sim.now().0;
    sim.block_on(async {
        stitch.call(()).await?;
        stitch.call(()).await?;
        late.store(5_000, Ordering::Relaxed);
        let third = stitch.call(());
        let reset = async {
            sim.sleep(Duration::from_millis(50)).await;
            late.store(0, Ordering::Relaxed);
        };
        futures_util::future::join(async { third.await }, reset).await.0
    })?;
    sim.block_on(sim.sleep(SECOND));
    let at: Vec<u64> = starts(&recorded).iter().map(|at| at - begun).collect();
    assert_eq!(at, [0, 105_499, 301_500]);
    let missed =
        recorded.lock().unwrap().iter().filter(|event| matches!(event.kind, EventKind::SlotMissed { .. })).count();
    assert_eq!(missed, 1);
    Ok(())
}

/// Store whose pacer a test can make fail, hang, reply slowly, or set its clock back.
#[derive(Debug)]
struct FaultyStore {
    sim: SimRuntime,
    inner: MemoryStore,
    mode: Arc<Mutex<Mode>>,
}

/// Behaviour of the pacer of a [`FaultyStore`].
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Normal,
    Failing,
    Hanging,
    /// The clock is set back by this number of microseconds.
    ClockBehind(u64),
    /// This number of replies are delayed by this duration.
    SlowReplies(u32, Duration),
}

#[async_trait]
impl StitchStore for FaultyStore {
    fn name(&self) -> &'static str {
        "faulty"
    }
    fn limits(&self) -> StoreLimits {
        StoreLimits::unlimited()
    }
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(key).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.inner.set(key, value, ttl).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        Some(self)
    }
}

#[async_trait]
impl Pacer for FaultyStore {
    async fn reserve(&self, key: &Key, request: &ReserveRequest) -> Result<Reservation, StoreError> {
        let mode = *self.mode.lock().unwrap();
        let pacer = Arc::new(self.inner.clone()).pacer().unwrap();
        match mode {
            Mode::Normal => pacer.reserve(key, request).await,
            Mode::Failing => Err(StoreError::new(StoreErrorKind::Unavailable, "faulty", "reserve")),
            Mode::Hanging => std::future::pending().await,
            Mode::SlowReplies(0, _) => pacer.reserve(key, request).await,
            Mode::SlowReplies(left, delay) => {
                *self.mode.lock().unwrap() = Mode::SlowReplies(left - 1, delay);
                let reply = pacer.reserve(key, request).await;
                self.sim.sleep(delay).await;
                reply
            }
            Mode::ClockBehind(micros) => {
                let mut reply = pacer.reserve(key, request).await?;
                let back = |time: StoreTime| StoreTime(time.0 - micros);
                (reply.now, reply.e_min) = (back(reply.now), back(reply.e_min));
                for limit in &mut reply.cell.limits {
                    limit.tat.micros = limit.tat.micros.saturating_sub(micros);
                }
                Ok(reply)
            }
        }
    }
    async fn refund(&self, key: &Key, booking: &Booking) -> Result<bool, StoreError> {
        Arc::new(self.inner.clone()).pacer().unwrap().refund(key, booking).await
    }
    async fn settle(&self, _: &Key, _: &LimitId, _: i64) -> Result<(), StoreError> {
        Ok(())
    }
    async fn hold(&self, _: &Key, _: StoreTime, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Returns a store in normal mode, its mode, and the store in memory that holds its values.
fn faulty_store(sim: &SimRuntime) -> (FaultyStore, Arc<Mutex<Mode>>, MemoryStore) {
    let inner = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let mode = Arc::new(Mutex::new(Mode::Normal));
    (FaultyStore { sim: sim.clone(), inner: inner.clone(), mode: mode.clone() }, mode, inner)
}

#[test]
fn a_closed_throttle_fails_calls_at_once_during_an_outage_and_recovers() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (store, mode, _) = faulty_store(&sim);
    let stitch =
        get(&seam(&sim, &api()).store(store).throttle(ten_per_second().on_outage(OutagePolicy::Closed)).build()?);
    *mode.lock().unwrap() = Mode::Hanging;
    for took in [250, 0, 0] {
        let begun = sim.now();
        let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
        assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::Store, 0, true));
        assert_eq!(sim.now().since(begun), Duration::from_millis(took));
    }
    *mode.lock().unwrap() = Mode::Normal;
    sim.block_on(sim.sleep(Duration::from_millis(250)));
    // This call still fails and starts the probe of the store.
    assert!(sim.block_on(stitch.call(()).send()).is_err());
    sim.block_on(sim.sleep(SECOND));
    sim.block_on(stitch.call(()).send())?;
    Ok(())
}

#[test]
fn during_an_outage_a_process_paces_at_its_share_and_rejoins_afterwards() -> Result<()> {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let (store, mode, _) = faulty_store(&sim);
    let throttle = Throttle::rate("100/s").fleet_size(5);
    let stitch = get(&seam(&sim, &api()).store(store).throttle(throttle).sink(sink).build()?);
    sim.block_on(stitch.call(()).send())?;
    sim.block_on(sim.sleep(SECOND));
    *mode.lock().unwrap() = Mode::Failing;
    let begun = sim.now();
    let calls = call(&stitch, 400);
    let back = async {
        sim.sleep(5 * SECOND).await;
        *mode.lock().unwrap() = Mode::Normal;
        sim.now()
    };
    let (results, available_at) = sim.block_on(futures_util::future::join(calls, back));
    assert!(results.iter().all(Result::is_ok));
    sim.block_on(sim.sleep(SECOND));
    let at: Vec<Tick> = starts(&recorded).into_iter().map(Tick).collect();
    let between = |from: Tick, to: Tick| at.iter().filter(|at| (from..to).contains(at)).count();
    let half = Duration::from_millis(500);
    assert_eq!(between(begun, begun + SECOND), 0);
    assert_eq!(between(begun + 2 * SECOND, begun + 4 * SECOND), 40);
    assert!(between(available_at + SECOND + half, available_at + 2 * SECOND + half) >= 99);
    let count = |is_wanted: fn(&EventKind) -> bool| {
        recorded.lock().unwrap().iter().filter(|event| is_wanted(&event.kind)).count()
    };
    assert_eq!(count(|kind| matches!(kind, EventKind::OutageBegan { fleet_size: 5, .. })), 1);
    assert_eq!(count(|kind| matches!(kind, EventKind::OutageEnded { .. })), 1);
    Ok(())
}

#[test]
fn a_hanging_store_delays_local_pacing_by_about_a_second() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (store, mode, _) = faulty_store(&sim);
    let stitch = get(&seam(&sim, &api()).store(store).throttle(Throttle::rate("100/s").fleet_size(5)).build()?);
    *mode.lock().unwrap() = Mode::Hanging;
    let begun = sim.now();
    sim.block_on(call(&stitch, 100)).into_iter().collect::<Result<Vec<_>>>()?;
    // One second for slots that other processes may have booked ahead, and five seconds for 100 starts at 20/s.
    assert!(sim.now().since(begun) < 7 * SECOND, "{:?}", sim.now().since(begun));
    Ok(())
}

#[test]
fn a_store_with_replies_slower_than_the_touch_interval_is_used_fully() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (store, mode, _) = faulty_store(&sim);
    let throttle = Throttle::rate("100/s").max_lateness(Duration::from_millis(200));
    let stitch = get(&seam(&sim, &api()).store(store).throttle(throttle).build()?);
    *mode.lock().unwrap() = Mode::SlowReplies(u32::MAX, Duration::from_millis(150));
    let begun = sim.now();
    sim.block_on(call(&stitch, 300)).into_iter().collect::<Result<Vec<_>>>()?;
    assert!(sim.now().since(begun) < 5 * SECOND, "{:?}", sim.now().since(begun));
    Ok(())
}

#[test]
fn an_open_throttle_delays_no_call_during_an_outage() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (store, mode, _) = faulty_store(&sim);
    let stitch =
        get(&seam(&sim, &api()).store(store).throttle(ten_per_second().on_outage(OutagePolicy::Open)).build()?);
    *mode.lock().unwrap() = Mode::Failing;
    let begun = sim.now();
    sim.block_on(call(&stitch, 50)).into_iter().collect::<Result<Vec<_>>>()?;
    assert_eq!(sim.now(), begun);
    Ok(())
}

#[test]
fn a_foreign_value_under_the_key_is_an_outage_and_is_not_overwritten() -> Result<()> {
    let sim = SimRuntime::new(1);
    let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let key = Key::new("pace").part("https://api.example.com/v1");
    sim.block_on(store.set(&key, Bytes::from_static(b"foreign"), None)).unwrap();
    let throttle = ten_per_second().on_outage(OutagePolicy::Closed);
    let stitch = get(&seam(&sim, &api()).store(store.clone()).throttle(throttle).build()?);
    let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Store, false));
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<Arc<StoreError>>().unwrap();
    assert_eq!((source.kind(), source.operation()), (StoreErrorKind::Corrupt, "reserve"));
    assert_eq!(sim.block_on(store.get(&key)).unwrap().unwrap(), "foreign");
    Ok(())
}

#[test]
fn a_lost_cell_allows_no_extra_start_and_voids_its_bookings() -> Result<()> {
    for seed in 0..50 {
        let (sim, (sink, recorded)) = (SimRuntime::new(seed), recording_sink());
        let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
        let stitch = get(&seam(&sim, &api()).store(store.clone()).throttle(ten_per_second()).sink(sink).build()?);
        let lose = async {
            sim.sleep(Duration::from_millis(1_030)).await;
            store.delete(&Key::new("pace").part("https://api.example.com/v1")).await.unwrap();
            // This call sends a request to the store, which reveals the lost cell.
            stitch.call(()).await
        };
        sim.block_on(futures_util::future::join(call(&stitch, 30), lose)).1?;
        sim.block_on(sim.sleep(SECOND));
        let at = starts(&recorded);
        assert_eq!(at.len(), 31);
        assert!(most_in_any_window(&at, SECOND) <= 10, "{at:?}");
        let count = |is_wanted: fn(&EventKind) -> bool| {
            recorded.lock().unwrap().iter().filter(|event| is_wanted(&event.kind)).count()
        };
        assert_eq!(count(|kind| *kind == EventKind::StateLost), 1);
        assert!(count(|kind| matches!(kind, EventKind::SlotsVoided { .. })) > 0);
    }
    Ok(())
}

#[test]
fn a_store_clock_set_back_is_reported_and_does_not_delay_idle_callers() -> Result<()> {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let (store, mode, _) = faulty_store(&sim);
    let stitch = get(&seam(&sim, &api()).store(store).throttle(ten_per_second()).sink(sink).build()?);
    sim.block_on(stitch.call(()).send())?;
    sim.block_on(sim.sleep(SECOND));
    *mode.lock().unwrap() = Mode::ClockBehind(50_000);
    let begun = sim.now();
    sim.block_on(stitch.call(()).send())?;
    assert_eq!(sim.now(), begun);
    sim.block_on(sim.sleep(SECOND));
    let went_back = |event: &Event| event.kind == EventKind::StoreClockWentBack;
    assert_eq!(recorded.lock().unwrap().iter().filter(|event| went_back(event)).count(), 1);
    Ok(())
}

/// Store without any facet: it only keeps values.
#[derive(Debug)]
struct ValueStore(MemoryStore);
#[async_trait]
impl StitchStore for ValueStore {
    fn name(&self) -> &'static str {
        "plain"
    }
    fn limits(&self) -> StoreLimits {
        StoreLimits::unlimited()
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
}

#[test]
fn a_throttle_needs_a_store_with_a_pacer_or_counter_and_the_error_names_split_store() {
    let (sim, memory) = (SimRuntime::new(1), MemoryStore::new());
    let on = |store: Arc<dyn StitchStore>| seam(&sim, &api()).store(store).throttle(ten_per_second()).build();
    let error = on(Arc::new(ValueStore(memory.clone()))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("has no pacer and no counter") && error.to_string().contains("SplitStore"));
    assert!(on(Arc::new(CountingStore(memory.clone()))).is_ok());
    assert!(on(Arc::new(SplitStore::new(ValueStore(memory.clone()), memory.clone()))).is_ok());
    assert!(seam(&sim, &api()).store(ValueStore(memory)).build().is_ok());
}

#[test]
fn fresh_start_delays_the_first_slot_of_a_new_bucket() -> Result<()> {
    let sim = SimRuntime::new(1);
    let stitch =
        get(&seam(&sim, &api()).throttle(ten_per_second().initial_delay(Duration::from_millis(100))).build()?);
    let begun = sim.now();
    sim.block_on(stitch.call(()).send())?;
    assert_eq!(sim.now().since(begun), Duration::from_millis(100));
    Ok(())
}

#[test]
fn a_process_with_slow_first_replies_starts_no_call_too_late() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (slow, mode, inner) = faulty_store(&sim);
    *mode.lock().unwrap() = Mode::SlowReplies(2, Duration::from_millis(20));
    let quick = FaultyStore { inner, ..faulty_store(&sim).0 };
    let mut recorded = Vec::new();
    let stitches: Vec<_> = [slow, quick]
        .into_iter()
        .map(|store| {
            let (sink, events) = recording_sink();
            recorded.push(events);
            get(&seam(&sim, &api()).store(store).throttle(ten_per_second()).sink(sink).build().unwrap())
        })
        .collect();
    sim.block_on(join_all(stitches.iter().map(|stitch| call(stitch, 10))));
    sim.block_on(sim.sleep(SECOND));
    let at = all_starts(&recorded);
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= 100_400), "{at:?}");
    Ok(())
}

#[test]
fn a_store_latency_above_the_maximum_lateness_is_reported_once() -> Result<()> {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let (slow, mode, _) = faulty_store(&sim);
    *mode.lock().unwrap() = Mode::SlowReplies(u32::MAX, Duration::from_millis(20));
    let stitch = get(&seam(&sim, &api()).store(slow).throttle(ten_per_second()).sink(sink).build()?);
    sim.block_on(call(&stitch, 10)).into_iter().collect::<Result<Vec<_>>>()?;
    sim.block_on(sim.sleep(SECOND));
    let uncertain = |event: &&Event| matches!(event.kind, EventKind::StoreClockUncertain { .. });
    assert_eq!(recorded.lock().unwrap().iter().filter(uncertain).count(), 1);
    Ok(())
}

#[test]
fn the_first_clock_measurement_does_not_count_towards_max_wait() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (slow, mode, _) = faulty_store(&sim);
    *mode.lock().unwrap() = Mode::SlowReplies(u32::MAX, Duration::from_millis(40));
    let stitch = get(&seam(&sim, &api()).store(slow).throttle(ten_per_second()).build()?);
    let max_wait = Duration::from_millis(200);
    let both = [stitch.call(()).max_wait(max_wait), stitch.call(()).max_wait(max_wait)];
    sim.block_on(join_all(both.map(stitchapi::Call::send))).into_iter().collect::<Result<Vec<_>>>()?;
    Ok(())
}
