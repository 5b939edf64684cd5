//! A throttle on a store that can only count, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::process::Process;
use common::spy::Spy;
use common::{events, seam};
use futures_util::future::join_all;
use stitchapi::trace::EventKind;
use stitchapi::{Cost, ErrorKind, OutagePolicy, Rate, Result, Runtime as _, Seam, Throttle};
use stitchapi_core::{Counter, Key, StitchStore, StoreError, StoreErrorKind, StoreLimits, async_trait};
use stitchapi_testing::starts::most_in_any_window;
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);
const GUARD: Duration = Duration::from_millis(5);

/// A store that can only count.
#[derive(Debug, Clone)]
struct Counting(Spy);

#[async_trait]
impl StitchStore for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }
    fn limits(&self) -> StoreLimits {
        StoreLimits::unlimited()
    }
    async fn get(&self, key: &Key) -> std::result::Result<Option<Bytes>, StoreError> {
        self.0.get(key).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> std::result::Result<(), StoreError> {
        self.0.set(key, value, ttl).await
    }
    async fn delete(&self, key: &Key) -> std::result::Result<(), StoreError> {
        self.0.delete(key).await
    }
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        Arc::new(self.0.clone()).counter()
    }
}

fn api() -> MockTransport {
    MockTransport::new(|_| http::Response::new(Bytes::new()))
}

fn on(sim: &SimRuntime, spy: &Spy, throttle: Throttle) -> Seam {
    seam(sim, &api()).store(Counting(spy.clone())).throttle(throttle).build().unwrap()
}

fn ten() -> Throttle {
    Throttle::rate("10/s")
}

/// Result of a run of a fleet.
struct Run {
    /// Starts of the calls, in microseconds.
    starts: Vec<u64>,
    /// Number of increments of counters.
    additions: usize,
    lasted: Duration,
}

impl Run {
    /// Returns the largest number of starts in any half-open window of one second.
    fn most(&self) -> usize {
        most_in_any_window(&self.starts, SECOND)
    }

    fn utilisation(&self, rate: u32) -> f64 {
        self.starts.len() as f64 / (f64::from(rate) * self.lasted.as_secs_f64())
    }
}

/// Runs one process for each of these wall clocks, each with this number of tasks that take permits without a pause. On odd
/// seeds the first process is alone for a while.
fn saturated(seed: u64, rate: u32, ahead: &[Duration], tasks: usize, way: Duration) -> Run {
    let (sim, lasts) = (SimRuntime::new(seed), 5 * SECOND);
    let spy = Spy::on(sim.clone()).far(way);
    // The window of the first start has begun before it.
    sim.block_on(sim.sleep(Duration::from_micros(sim.random() % 1_000_000)));
    let starts = Arc::new(Mutex::new(Vec::new()));
    let begun = sim.now();
    for (number, ahead) in ahead.iter().enumerate() {
        let begins = begun + 2 * SECOND * u32::from(number > 0 && seed % 2 == 1);
        let process = Process::on(&sim).ahead(*ahead);
        let store = Counting(spy.clone());
        let throttle = Throttle::rate(Rate::per_second(rate));
        let builder = seam(&sim, &api()).runtime(process.clone()).store(store).throttle(throttle);
        let seam = builder.build().unwrap();
        for _ in 0..tasks {
            let (seam, starts, runtime) = (seam.clone(), starts.clone(), sim.clone());
            sim.spawn(process.run(async move {
                runtime.sleep_until(begins).await;
                while let Ok(permit) = seam.permit(1).await {
                    starts.lock().unwrap().push(permit.at().unwrap().0);
                }
            }));
        }
    }
    sim.block_on(sim.sleep(lasts));
    let mut starts = starts.lock().unwrap().clone();
    starts.retain(|at| *at < (begun + lasts).0);
    starts.sort_unstable();
    Run { starts, additions: spy.operations(), lasted: lasts }
}

#[test]
fn clocks_that_agree_stay_within_the_budget_and_use_it() {
    let (mut most, mut least_used, mut dearest) = (0, 1.0_f64, 0.0_f64);
    for seed in 0..30 {
        let way = [0, 300, 8_000][seed as usize % 3];
        let run = saturated(seed, 200, &[Duration::ZERO; 4], 20, Duration::from_micros(way));
        assert!(run.most() <= 200, "seed {seed}: {} in a second", run.most());
        assert!(run.utilisation(200) >= 0.9, "seed {seed}: {}", run.utilisation(200));
        most = most.max(run.most());
        least_used = least_used.min(run.utilisation(200));
        dearest = dearest.max(run.additions as f64 / run.starts.len() as f64);
    }
    println!("at most {most} of 200, at least {least_used:.3} used, at most {dearest:.2} additions a start");
}

#[test]
fn clocks_that_are_apart_exceed_the_budget_by_that_share_of_a_period() {
    let (mut most, mut least_used) = (0, 1.0_f64);
    for seed in 0..30 {
        let ahead = [0, 150, 300, 450].map(Duration::from_millis);
        let way = [0, 300, 8_000][seed as usize % 3];
        let run = saturated(seed, 200, &ahead, 20, Duration::from_micros(way));
        // 200 * (1 + 450 ms / 1 s).
        assert!(run.most() <= 290, "seed {seed}: {} in a second", run.most());
        assert!(run.utilisation(200) >= 0.9, "seed {seed}: {}", run.utilisation(200));
        most = most.max(run.most());
        least_used = least_used.min(run.utilisation(200));
    }
    println!("at most {most} of 200, at least {least_used:.3} used");
    assert!(most >= 270, "the bound is not loose: {most}");
}

#[test]
fn a_single_caller_waits_for_the_next_ticket_and_takes_few_increments() {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone()).far(Duration::from_millis(2));
    let seam = on(&sim, &spy, ten());
    let (mut worst, calls) = (Duration::ZERO, 100);
    for _ in 0..calls {
        sim.block_on(sim.sleep(Duration::from_micros(SECOND.as_micros() as u64 + sim.random() % 1_000_000)));
        worst = worst.max(sim.block_on(seam.permit(1)).unwrap().waited());
    }
    let additions = spy.operations() as f64 / f64::from(calls);
    println!("waited at most {worst:?}, {additions:.2} additions a start");
    assert!(worst <= Duration::from_millis(225), "{worst:?}");
    assert!(additions <= 8.0, "{additions}");
}

#[test]
fn callers_that_arrive_together_start_on_no_past_ticket() {
    for seed in 0..40 {
        let sim = SimRuntime::new(seed);
        let spy = Spy::on(sim.clone()).far(Duration::from_millis(seed));
        let seam = on(&sim, &spy, ten());
        sim.block_on(sim.sleep(Duration::from_micros(sim.random() % 3_000_000)));
        let mut at = sim.block_on(join_all((0..12).map(|_| async { seam.permit(1).await.unwrap().at().unwrap() })));
        at.sort_unstable();
        let close = at.windows(2).map(|pair| pair[1].since(pair[0])).min().unwrap();
        assert!(close >= Duration::from_micros(100_500) - GUARD, "seed {seed}: {close:?}");
        let all = at[11].since(at[0]);
        assert!(all <= Duration::from_millis(2_500), "seed {seed}: {all:?}");
    }
}

#[test]
fn a_process_that_was_stopped_gives_up_its_past_tickets() {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone());
    let process = Process::on(&sim);
    let builder = seam(&sim, &api()).runtime(process.clone()).store(Counting(spy.clone())).throttle(ten());
    let (seam, starts) = (builder.build().unwrap(), Arc::new(Mutex::new(Vec::new())));
    for _ in 0..10 {
        let (seam, starts) = (seam.clone(), starts.clone());
        sim.spawn(process.run(async move {
            let at = seam.permit(1).await.unwrap().at().unwrap();
            starts.lock().unwrap().push(at.0);
        }));
    }
    sim.block_on(sim.sleep(Duration::from_millis(330)));
    process.stop();
    sim.block_on(sim.sleep(Duration::from_millis(440)));
    process.resume();
    sim.block_on(sim.sleep(3 * SECOND));
    let starts = starts.lock().unwrap();
    assert_eq!(starts.len(), 10);
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 95_000), "{starts:?}");
}

#[test]
fn a_wall_clock_one_hour_ahead_delays_no_caller() {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone());
    let early = Process::on(&sim);
    let late = early.clone().ahead(Duration::from_secs(3600));
    for process in [early, late] {
        let builder = seam(&sim, &api()).runtime(process).store(Counting(spy.clone())).throttle(ten());
        let seam = builder.build().unwrap();
        assert!(sim.block_on(seam.permit(1)).unwrap().waited() <= Duration::from_millis(101));
    }
}

#[test]
fn a_caller_that_cannot_wait_is_refused_and_draws_no_ticket() {
    let sim = SimRuntime::new(3);
    let spy = Spy::on(sim.clone()).far(Duration::from_millis(1));
    let throttle = Throttle::rate("200/s").max_wait(Duration::from_millis(100)).max_queue(1_000);
    let seams: Vec<Seam> = (0..4).map(|_| on(&sim, &spy, throttle.clone())).collect();
    let (started, refused) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    // Four times the budget, for five seconds.
    for arrival in 0..4_000_u64 {
        let (seam, runtime) = (seams[arrival as usize % 4].clone(), sim.clone());
        let (started, refused) = (started.clone(), refused.clone());
        sim.spawn(Box::pin(async move {
            runtime.sleep(Duration::from_micros(arrival * 1_250)).await;
            match seam.permit(1).await {
                Ok(permit) => {
                    assert!(permit.waited() <= Duration::from_millis(102), "{:?}", permit.waited());
                    *started.lock().unwrap() += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Throttled);
                    *refused.lock().unwrap() += 1;
                }
            }
        }));
    }
    sim.block_on(sim.sleep(6 * SECOND));
    let (started, refused) = (*started.lock().unwrap(), *refused.lock().unwrap());
    println!("{started} started of 1000, {refused} refused");
    assert_eq!(started + refused, 4_000);
    assert!(started >= 900, "{started}");
}

#[test]
fn a_cooldown_holds_the_process_that_received_it() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone());
    let api = MockTransport::new(|_| {
        let busy = http::Response::builder().status(503).header("retry-after", "2");
        busy.body(Bytes::new()).unwrap()
    });
    let builder = seam(&sim, &api).store(Counting(spy.clone())).throttle(ten());
    let asked = builder.retry(stitchapi::Retry::none()).build()?;
    let other = on(&sim, &spy, ten());
    let stitch = asked.get("/a").build_with::<(), ()>(stitchapi::decode::empty)?;
    assert!(sim.block_on(stitch.call(()).send()).is_err());
    let (held, before) = (sim.now(), spy.operations());
    let both = futures_util::future::join(asked.permit(1), other.permit(1));
    let (asked, other) = sim.block_on(both);
    assert!(asked?.at().unwrap().since(held) >= 2 * SECOND);
    assert!(other?.waited() < SECOND);
    // Other processes have drawn the tickets of the hold.
    let additions = spy.operations() - before;
    assert!(additions <= 12, "{additions}");
    Ok(())
}

#[test]
fn a_debt_draws_tickets_and_a_credit_returns_none() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone());
    let (one, other) = (on(&sim, &spy, ten()), on(&sim, &spy, ten()));
    let permit = sim.block_on(one.permit(1))?;
    let before = sim.now();
    sim.block_on(permit.settle(6));
    let permit = sim.block_on(other.permit(1))?;
    assert!(permit.at().unwrap().since(before) >= Duration::from_millis(550));
    sim.block_on(permit.settle(0));
    let before = sim.now();
    assert!(sim.block_on(other.permit(1))?.at().unwrap().since(before) >= Duration::from_millis(95));
    Ok(())
}

#[test]
fn a_failed_store_begins_an_outage_as_every_store_does() {
    let outage = |policy: OutagePolicy| {
        let sim = SimRuntime::new(1);
        let spy = Spy::on(sim.clone());
        let seam = on(&sim, &spy, Throttle::rate("80/s").on_outage(policy));
        let _ = sim.block_on(seam.permit(1)).unwrap();
        spy.fail(Some(StoreErrorKind::Unavailable));
        (sim, spy, seam)
    };
    let (sim, _, seam) = outage(OutagePolicy::Closed);
    assert_eq!(sim.block_on(seam.permit(1)).unwrap_err().kind(), ErrorKind::Store);

    let (sim, _, seam) = outage(OutagePolicy::Open);
    let begun = sim.now();
    let _ = sim.block_on(join_all((0..50).map(|_| async { seam.permit(1).await.unwrap() })));
    assert!(sim.now().since(begun) < Duration::from_millis(300));

    let (sim, spy, seam) = outage(OutagePolicy::Local);
    let permits = |count: usize| {
        let begun = sim.now();
        sim.block_on(async {
            for _ in 0..count {
                let _ = seam.permit(1).await.unwrap();
            }
        });
        sim.now().since(begun)
    };
    // From one second after the failure on, an eighth of the budget.
    permits(1);
    assert!(permits(10) >= Duration::from_millis(995));
    spy.fail(None);
    permits(5);
    assert!(permits(20) <= Duration::from_millis(300));
}

#[test]
fn a_hanging_store_costs_a_caller_one_timeout() {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone());
    let seam = on(&sim, &spy, ten().on_outage(OutagePolicy::Closed));
    spy.hang(true);
    let begun = sim.now();
    assert_eq!(sim.block_on(seam.permit(1)).unwrap_err().kind(), ErrorKind::Store);
    assert!(sim.now().since(begun) <= Duration::from_millis(251));
}

#[test]
fn each_principal_has_tickets_of_its_own() -> Result<()> {
    let sim = SimRuntime::new(1);
    let seam = on(&sim, &Spy::on(sim.clone()), ten().per_principal());
    let begun = sim.now();
    let users = ["ada", "bob", "eve"].map(|user| seam.as_principal(user));
    let starts = sim.block_on(join_all(users.iter().map(|user| async { user.permit(1).await.unwrap().at() })));
    assert!(starts.iter().all(|at| at.unwrap().since(begun) <= Duration::from_millis(101)), "{starts:?}");
    Ok(())
}

#[test]
fn a_throttle_is_one_rate_of_calls_that_cost_one_each() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone());
    let wrong = [ten().burst(2), ten().and_rate("100/m"), Throttle::rate(Rate::per_second(10).of("tokens"))];
    for throttle in wrong {
        let error = seam(&sim, &api()).store(Counting(spy.clone())).throttle(throttle).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("the counting store can only count"), "{error}");
    }
    let seam = on(&sim, &spy, ten());
    let error = sim.block_on(seam.permit(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    let _ = sim.block_on(seam.permit(Cost::new(1).and("tokens", 7)))?;
    Ok(())
}

#[test]
fn the_weaker_promise_is_emitted_once() -> Result<()> {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let builder = seam(&sim, &api()).store(Counting(Spy::on(sim.clone()))).throttle(ten()).sink(sink);
    let seam = builder.build()?;
    let _ = sim.block_on(seam.permit(1))?;
    let _ = sim.block_on(seam.permit(1))?;
    sim.block_on(sim.sleep(SECOND));
    let taken = taken.lock().unwrap();
    let told = taken.iter().filter(|event| event.kind == EventKind::WeakerPromise { store: "counting" });
    assert_eq!(told.count(), 1);
    Ok(())
}
