//! The throttle: several seams on one store, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::{events, seam, starts};
use futures_util::future::join_all;
use stitchapi::trace::{Event, EventKind};
use stitchapi::{
    BoxFuture, ErrorKind, MemoryStore, OutagePolicy, Rate, Result, Retry, Runtime, Seam, SplitStore, Stitch,
    StitchStore, StoreError, StoreErrorKind, Throttle, Tick, async_trait, decode,
};
use stitchapi_core::pace::{Booking, LimitId, Reservation, ReserveRequest};
use stitchapi_core::{Counter, Key, Pacer, StoreLimits, StoreTime};
use stitchapi_testing::starts::most_in_any_window;
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);

fn api() -> MockTransport {
    MockTransport::new(|_| http::Response::new(Bytes::new()))
}

fn get(seam: &Seam) -> Stitch<(), ()> {
    seam.get("/a").build_with(decode::empty).unwrap()
}

fn ten() -> Throttle {
    Throttle::rate("10/s")
}

/// Makes so many calls at once and waits for all of them.
async fn call(stitch: &Stitch<(), ()>, calls: usize) -> Vec<Result<()>> {
    join_all((0..calls).map(|_| async { stitch.call(()).await })).await
}

/// When calls started on these seams together.
fn all_starts(taken: &[Arc<Mutex<Vec<Event>>>]) -> Vec<u64> {
    let mut all: Vec<u64> = taken.iter().flat_map(|taken| starts(taken)).collect();
    all.sort_unstable();
    all
}

#[test]
fn calls_start_evenly_from_the_first_on() -> Result<()> {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let stitch = get(&seam(&sim, &api()).throttle(ten()).sink(sink).build()?);
    let begun = sim.now().0;
    sim.block_on(call(&stitch, 30)).into_iter().collect::<Result<Vec<_>>>()?;
    sim.block_on(sim.sleep(SECOND));
    let at: Vec<u64> = starts(&taken).iter().map(|at| at - begun).collect();
    let expected: Vec<u64> = (0..30).map(|n| n * 100_500).collect();
    assert_eq!(at, expected);
    Ok(())
}

#[test]
fn seams_of_several_processes_share_one_budget_on_one_store() -> Result<()> {
    let sim = SimRuntime::new(2);
    let store = MemoryStore::on(Arc::new(sim.clone()));
    let mut taken = Vec::new();
    let mut stitches = Vec::new();
    for _ in 0..4 {
        let (sink, events) = events();
        taken.push(events);
        stitches.push(get(&seam(&sim, &api()).store(store.clone()).throttle(ten().burst(3)).sink(sink).build()?));
    }
    sim.block_on(join_all(stitches.iter().map(|stitch| call(stitch, 25))));
    sim.block_on(sim.sleep(SECOND));
    let at = all_starts(&taken);
    assert_eq!(at.len(), 100);
    assert_eq!(most_in_any_window(&at, SECOND), 12);
    assert_eq!(most_in_any_window(&at, Duration::from_millis(100)), 3);
    Ok(())
}

#[test]
fn another_name_is_another_budget() -> Result<()> {
    let sim = SimRuntime::new(2);
    let store = MemoryStore::on(Arc::new(sim.clone()));
    let begun = sim.now();
    for name in ["a", "b", "c"] {
        let stitch = get(&seam(&sim, &api()).name(name).store(store.clone()).throttle(ten()).build()?);
        sim.block_on(stitch.call(()).send())?;
    }
    assert_eq!(sim.now(), begun);
    Ok(())
}

#[test]
fn a_cap_holds_beside_the_pace() -> Result<()> {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let throttle = ten().and_rate(Rate::per_minute(60)).burst(6);
    let stitch = get(&seam(&sim, &api()).throttle(throttle).sink(sink).build()?);
    sim.block_on(call(&stitch, 100));
    sim.block_on(sim.sleep(SECOND));
    let at = starts(&taken);
    assert_eq!(most_in_any_window(&at, SECOND), 6);
    assert!(most_in_any_window(&at, 60 * SECOND) <= 60);
    assert!(at.len() >= 55, "{}", at.len());
    Ok(())
}

#[test]
fn a_call_that_would_wait_too_long_is_refused_at_once_and_told_when() -> Result<()> {
    let sim = SimRuntime::new(1);
    let stitch = get(&seam(&sim, &api()).throttle(ten().max_wait(SECOND)).build()?);
    let begun = sim.now();
    let outcomes = sim.block_on(call(&stitch, 30));
    let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 20);
    for error in &refused {
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
fn the_deadline_bounds_the_wait_for_a_slot() -> Result<()> {
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
fn every_retry_and_every_redirect_takes_a_slot() -> Result<()> {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let api = MockTransport::new(|request| {
        let (status, location) = if request.uri().path() == "/v1/a" { (307, "/v1/b") } else { (503, "") };
        http::Response::builder().status(status).header("location", location).body(Bytes::new()).unwrap()
    });
    let retry = Retry::times(2).backoff(Duration::ZERO, Duration::ZERO);
    let stitch = get(&seam(&sim, &api).throttle(ten()).retry(retry).redirects(1).sink(sink).build()?);
    let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
    assert_eq!(error.attempts(), 4);
    sim.block_on(sim.sleep(SECOND));
    let at = starts(&taken);
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] == 100_500), "{at:?}");
    Ok(())
}

#[test]
fn a_retry_that_gets_no_slot_fails_with_the_answer_that_asked_for_it() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = MockTransport::new(|_| http::Response::builder().status(503).body(Bytes::new()).unwrap());
    let stitch = get(&seam(&sim, &api).throttle(Throttle::rate("1/m")).build()?);
    let error = sim.block_on(async { stitch.call(()).deadline(30 * SECOND).await }).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Status, 1));
    Ok(())
}

/// A runtime whose sleeps end late by what a test says.
#[derive(Debug, Clone)]
struct Sleepy(SimRuntime, Arc<AtomicU64>);
impl Runtime for Sleepy {
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
fn a_call_that_wakes_late_starts_nothing_and_takes_another_slot() -> Result<()> {
    let (sim, (sink, taken), late) = (SimRuntime::new(1), events(), Arc::new(AtomicU64::new(4_999)));
    let store = MemoryStore::on(Arc::new(sim.clone()));
    let runtime = Sleepy(sim.clone(), late.clone());
    let stitch = get(&seam(&sim, &api()).store(store).runtime(runtime).throttle(ten()).sink(sink).build()?);
    let begun = sim.now().0;
    sim.block_on(async {
        stitch.call(()).await?;
        stitch.call(()).await?;
        late.store(5_000, Ordering::Relaxed);
        let third = stitch.call(());
        let stirred = async {
            sim.sleep(Duration::from_millis(50)).await;
            late.store(0, Ordering::Relaxed);
        };
        futures_util::future::join(async { third.await }, stirred).await.0
    })?;
    sim.block_on(sim.sleep(SECOND));
    let at: Vec<u64> = starts(&taken).iter().map(|at| at - begun).collect();
    assert_eq!(at, [0, 105_499, 301_500]);
    let lates = taken.lock().unwrap().iter().filter(|event| matches!(event.kind, EventKind::SlotMissed { .. })).count();
    assert_eq!(lates, 1);
    Ok(())
}

/// A store that a test can break: its pacer fails, hangs, or forgets.
#[derive(Debug)]
struct Moody {
    sim: SimRuntime,
    inner: MemoryStore,
    mood: Arc<Mutex<Mood>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Well,
    Failing,
    Hanging,
    /// Its clock is this much behind.
    Behind(u64),
    /// So many answers take this long on their way back.
    SlowAnswers(u32, Duration),
}

#[async_trait]
impl StitchStore for Moody {
    fn name(&self) -> &'static str {
        "moody"
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
impl Pacer for Moody {
    async fn reserve(&self, key: &Key, pace: &ReserveRequest) -> Result<Reservation, StoreError> {
        let mood = *self.mood.lock().unwrap();
        let reserve = Arc::new(self.inner.clone()).pacer().unwrap();
        match mood {
            Mood::Well => reserve.reserve(key, pace).await,
            Mood::Failing => Err(StoreError::new(StoreErrorKind::Unavailable, "moody", "reserve")),
            Mood::Hanging => std::future::pending().await,
            Mood::SlowAnswers(0, _) => reserve.reserve(key, pace).await,
            Mood::SlowAnswers(more, way) => {
                *self.mood.lock().unwrap() = Mood::SlowAnswers(more - 1, way);
                let reply = reserve.reserve(key, pace).await;
                self.sim.sleep(way).await;
                reply
            }
            Mood::Behind(micros) => {
                let mut reply = reserve.reserve(key, pace).await?;
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

fn moody(sim: &SimRuntime) -> (Moody, Arc<Mutex<Mood>>, MemoryStore) {
    let inner = MemoryStore::on(Arc::new(sim.clone()));
    let mood = Arc::new(Mutex::new(Mood::Well));
    (Moody { sim: sim.clone(), inner: inner.clone(), mood: mood.clone() }, mood, inner)
}

#[test]
fn a_closed_throttle_fails_at_once_while_the_store_is_away_and_opens_by_itself() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (store, mood, _) = moody(&sim);
    let stitch = get(&seam(&sim, &api()).store(store).throttle(ten().on_outage(OutagePolicy::Closed)).build()?);
    *mood.lock().unwrap() = Mood::Hanging;
    for took in [250, 0, 0] {
        let begun = sim.now();
        let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
        assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::Store, 0, true));
        assert_eq!(sim.now().since(begun), Duration::from_millis(took));
    }
    *mood.lock().unwrap() = Mood::Well;
    sim.block_on(sim.sleep(Duration::from_millis(250)));
    // This one still fails, and has the store looked for.
    assert!(sim.block_on(stitch.call(()).send()).is_err());
    sim.block_on(sim.sleep(SECOND));
    sim.block_on(stitch.call(()).send())?;
    Ok(())
}

#[test]
fn while_the_store_is_away_a_process_paces_at_its_share_and_comes_back_by_itself() -> Result<()> {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let (store, mood, _) = moody(&sim);
    let throttle = Throttle::rate("100/s").fleet_size(5);
    let stitch = get(&seam(&sim, &api()).store(store).throttle(throttle).sink(sink).build()?);
    sim.block_on(stitch.call(()).send())?;
    sim.block_on(sim.sleep(SECOND));
    *mood.lock().unwrap() = Mood::Failing;
    let begun = sim.now();
    let calls = call(&stitch, 400);
    let back = async {
        sim.sleep(5 * SECOND).await;
        *mood.lock().unwrap() = Mood::Well;
        sim.now()
    };
    let (answers, well) = sim.block_on(futures_util::future::join(calls, back));
    assert!(answers.iter().all(Result::is_ok));
    sim.block_on(sim.sleep(SECOND));
    let at: Vec<Tick> = starts(&taken).into_iter().map(Tick).collect();
    let between = |from: Tick, to: Tick| at.iter().filter(|at| (from..to).contains(at)).count();
    let half = Duration::from_millis(500);
    assert_eq!(between(begun, begun + SECOND), 0);
    assert_eq!(between(begun + 2 * SECOND, begun + 4 * SECOND), 40);
    assert!(between(well + SECOND + half, well + 2 * SECOND + half) >= 99);
    let kinds =
        |wanted: fn(&EventKind) -> bool| taken.lock().unwrap().iter().filter(|event| wanted(&event.kind)).count();
    assert_eq!(kinds(|kind| matches!(kind, EventKind::OutageBegan { fleet_size: 5, .. })), 1);
    assert_eq!(kinds(|kind| matches!(kind, EventKind::OutageEnded { .. })), 1);
    Ok(())
}

#[test]
fn while_a_store_does_not_answer_time_goes_on() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (store, mood, _) = moody(&sim);
    let stitch = get(&seam(&sim, &api()).store(store).throttle(Throttle::rate("100/s").fleet_size(5)).build()?);
    *mood.lock().unwrap() = Mood::Hanging;
    let begun = sim.now();
    sim.block_on(call(&stitch, 100)).into_iter().collect::<Result<Vec<_>>>()?;
    // A second that others may have booked ahead, and a hundred starts at 20/s.
    assert!(sim.now().since(begun) < 7 * SECOND, "{:?}", sim.now().since(begun));
    Ok(())
}

#[test]
fn a_store_whose_answers_take_longer_than_touches_are_apart_is_used_to_the_end() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (store, mood, _) = moody(&sim);
    let throttle = Throttle::rate("100/s").guard(Duration::from_millis(200));
    let stitch = get(&seam(&sim, &api()).store(store).throttle(throttle).build()?);
    *mood.lock().unwrap() = Mood::SlowAnswers(u32::MAX, Duration::from_millis(150));
    let begun = sim.now();
    sim.block_on(call(&stitch, 300)).into_iter().collect::<Result<Vec<_>>>()?;
    assert!(sim.now().since(begun) < 5 * SECOND, "{:?}", sim.now().since(begun));
    Ok(())
}

#[test]
fn an_open_throttle_lets_everybody_go_while_the_store_is_away() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (store, mood, _) = moody(&sim);
    let stitch = get(&seam(&sim, &api()).store(store).throttle(ten().on_outage(OutagePolicy::Open)).build()?);
    *mood.lock().unwrap() = Mood::Failing;
    let begun = sim.now();
    sim.block_on(call(&stitch, 50)).into_iter().collect::<Result<Vec<_>>>()?;
    assert_eq!(sim.now(), begun);
    Ok(())
}

#[test]
fn a_foreign_value_under_our_key_is_an_outage_and_stays() -> Result<()> {
    let sim = SimRuntime::new(1);
    let store = MemoryStore::on(Arc::new(sim.clone()));
    let key = Key::new("pace").part("https://api.example.com/v1");
    sim.block_on(store.set(&key, Bytes::from_static(b"mine"), None)).unwrap();
    let throttle = ten().on_outage(OutagePolicy::Closed);
    let stitch = get(&seam(&sim, &api()).store(store.clone()).throttle(throttle).build()?);
    let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Store, false));
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<Arc<StoreError>>().unwrap();
    assert_eq!((source.kind(), source.operation()), (StoreErrorKind::Corrupt, "reserve"));
    assert_eq!(sim.block_on(store.get(&key)).unwrap().unwrap(), "mine");
    Ok(())
}

#[test]
fn a_lost_cell_costs_no_extra_start_and_bookings_of_the_old_one_are_void() -> Result<()> {
    for seed in 0..50 {
        let (sim, (sink, taken)) = (SimRuntime::new(seed), events());
        let store = MemoryStore::on(Arc::new(sim.clone()));
        let stitch = get(&seam(&sim, &api()).store(store.clone()).throttle(ten()).sink(sink).build()?);
        let lose = async {
            sim.sleep(Duration::from_millis(1_030)).await;
            store.delete(&Key::new("pace").part("https://api.example.com/v1")).await.unwrap();
            // Somebody asks, and so notices.
            stitch.call(()).await
        };
        sim.block_on(futures_util::future::join(call(&stitch, 30), lose)).1?;
        sim.block_on(sim.sleep(SECOND));
        let at = starts(&taken);
        assert_eq!(at.len(), 31);
        assert!(most_in_any_window(&at, SECOND) <= 10, "{at:?}");
        let count =
            |wanted: fn(&EventKind) -> bool| taken.lock().unwrap().iter().filter(|event| wanted(&event.kind)).count();
        assert_eq!(count(|kind| *kind == EventKind::StateLost), 1);
        assert!(count(|kind| matches!(kind, EventKind::SlotsVoided { .. })) > 0);
    }
    Ok(())
}

#[test]
fn a_store_clock_that_goes_back_voids_the_bookings_and_does_not_make_idle_callers_late() -> Result<()> {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let (store, mood, _) = moody(&sim);
    let stitch = get(&seam(&sim, &api()).store(store).throttle(ten()).sink(sink).build()?);
    sim.block_on(stitch.call(()).send())?;
    sim.block_on(sim.sleep(SECOND));
    *mood.lock().unwrap() = Mood::Behind(50_000);
    let begun = sim.now();
    sim.block_on(stitch.call(()).send())?;
    assert_eq!(sim.now(), begun);
    sim.block_on(sim.sleep(SECOND));
    let went_back = |event: &Event| event.kind == EventKind::StoreClockWentBack;
    assert_eq!(taken.lock().unwrap().iter().filter(|event| went_back(event)).count(), 1);
    Ok(())
}

/// Plain values and nothing else.
#[derive(Debug)]
struct Plain(MemoryStore);
#[async_trait]
impl StitchStore for Plain {
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

/// Counts, but cannot pace.
#[derive(Debug)]
struct Counting(MemoryStore);
#[async_trait]
impl StitchStore for Counting {
    fn name(&self) -> &'static str {
        "counting"
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
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        Arc::new(self.0.clone()).counter()
    }
}

#[test]
fn a_rate_on_a_store_without_pacer_and_counter_fails_build_with_the_way_out() {
    let (sim, memory) = (SimRuntime::new(1), MemoryStore::new());
    let on = |store: Arc<dyn StitchStore>| seam(&sim, &api()).store(store).throttle(ten()).build();
    let error = on(Arc::new(Plain(memory.clone()))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("has no pacer and no counter") && error.to_string().contains("SplitStore"));
    assert!(on(Arc::new(Counting(memory.clone()))).is_ok());
    assert!(on(Arc::new(SplitStore::new(Plain(memory.clone()), memory.clone()))).is_ok());
    assert!(seam(&sim, &api()).store(Plain(memory)).build().is_ok());
}

#[test]
fn a_volatile_store_makes_a_new_bucket_wait_before_its_first_slot() -> Result<()> {
    let sim = SimRuntime::new(1);
    let stitch = get(&seam(&sim, &api()).throttle(ten().fresh_start(Duration::from_millis(100))).build()?);
    let begun = sim.now();
    sim.block_on(stitch.call(()).send())?;
    assert_eq!(sim.now().since(begun), Duration::from_millis(100));
    Ok(())
}

#[test]
fn a_process_whose_first_answers_are_slow_starts_nothing_late() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (slow, mood, inner) = moody(&sim);
    *mood.lock().unwrap() = Mood::SlowAnswers(2, Duration::from_millis(20));
    let quick = Moody { inner, ..moody(&sim).0 };
    let mut taken = Vec::new();
    let stitches: Vec<_> = [slow, quick]
        .into_iter()
        .map(|store| {
            let (sink, events) = events();
            taken.push(events);
            get(&seam(&sim, &api()).store(store).throttle(ten()).sink(sink).build().unwrap())
        })
        .collect();
    sim.block_on(join_all(stitches.iter().map(|stitch| call(stitch, 10))));
    sim.block_on(sim.sleep(SECOND));
    let at = all_starts(&taken);
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= 100_400), "{at:?}");
    Ok(())
}

#[test]
fn a_store_that_is_too_far_for_the_guard_is_told_once() -> Result<()> {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let (far, mood, _) = moody(&sim);
    *mood.lock().unwrap() = Mood::SlowAnswers(u32::MAX, Duration::from_millis(20));
    let stitch = get(&seam(&sim, &api()).store(far).throttle(ten()).sink(sink).build()?);
    sim.block_on(call(&stitch, 10)).into_iter().collect::<Result<Vec<_>>>()?;
    sim.block_on(sim.sleep(SECOND));
    let uncertain = |event: &&Event| matches!(event.kind, EventKind::StoreClockUncertain { .. });
    assert_eq!(taken.lock().unwrap().iter().filter(uncertain).count(), 1);
    Ok(())
}

#[test]
fn what_a_process_learns_first_takes_nothing_of_a_callers_patience() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (far, mood, _) = moody(&sim);
    *mood.lock().unwrap() = Mood::SlowAnswers(u32::MAX, Duration::from_millis(40));
    let stitch = get(&seam(&sim, &api()).store(far).throttle(ten()).build()?);
    let patience = Duration::from_millis(200);
    let both = [stitch.call(()).max_wait(patience), stitch.call(()).max_wait(patience)];
    sim.block_on(join_all(both.map(stitchapi::Call::send))).into_iter().collect::<Result<Vec<_>>>()?;
    Ok(())
}
