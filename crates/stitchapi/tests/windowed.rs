//! The throttle on a store that has only a counter: windowed tickets, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::counting_store::CountingStore;
use common::sim_process::SimProcess;
use common::spy_store::SpyStore;
use common::{recording_sink, seam};
use futures_util::future::join_all;
use stitchapi::trace::EventKind;
use stitchapi::{Cost, ErrorKind, OutagePolicy, Rate, Result, Runtime as _, Seam, Throttle};
use stitchapi_core::StoreErrorKind;
use stitchapi_testing::starts::most_in_any_window;
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);
/// Guard of a rate per second.
const MAX_LATENESS: Duration = Duration::from_millis(5);

/// Returns an API that accepts every request.
fn api() -> MockTransport {
    MockTransport::new(|_| http::Response::new(Bytes::new()))
}

/// Builds a seam on a counting store.
fn seam_on(sim: &SimRuntime, spy: &SpyStore, throttle: Throttle) -> Seam {
    seam(sim, &api()).store(CountingStore(spy.clone())).throttle(throttle).build().unwrap()
}

fn ten_per_second() -> Throttle {
    Throttle::rate("10/s")
}

/// Result of a saturated fleet.
struct Run {
    /// Sorted start times, in microseconds.
    starts: Vec<u64>,
    /// Number of additions to counters.
    additions: usize,
    /// Duration of the run.
    duration: Duration,
}

impl Run {
    /// Returns the maximum number of starts in any half-open window of a second.
    fn max_in_a_second(&self) -> usize {
        most_in_any_window(&self.starts, SECOND)
    }

    /// Returns the starts divided by the starts that the rate per second allows.
    fn utilisation(&self, rate: u32) -> f64 {
        self.starts.len() as f64 / (f64::from(rate) * self.duration.as_secs_f64())
    }
}

/// Runs a fleet in which `tasks` tasks of each process take permits without a pause.
///
/// There is one process per offset in `wall_clocks_ahead`. On odd seeds the first process runs two seconds alone.
fn run_saturated(seed: u64, rate: u32, wall_clocks_ahead: &[Duration], tasks: usize, latency: Duration) -> Run {
    let (sim, duration) = (SimRuntime::new(seed), 5 * SECOND);
    let spy = SpyStore::new(sim.clone()).latency(latency);
    // The fleet begins in the middle of a window.
    sim.block_on(sim.sleep(Duration::from_micros(sim.random() % 1_000_000)));
    let starts = Arc::new(Mutex::new(Vec::new()));
    let begun = sim.now();
    for (number, ahead) in wall_clocks_ahead.iter().enumerate() {
        let begins = begun + 2 * SECOND * u32::from(number > 0 && seed % 2 == 1);
        let process = SimProcess::new(&sim).wall_clock_ahead(*ahead);
        let store = CountingStore(spy.clone());
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
    sim.block_on(sim.sleep(duration));
    let mut starts = starts.lock().unwrap().clone();
    starts.retain(|at| *at < (begun + duration).0);
    starts.sort_unstable();
    Run { starts, additions: spy.operations(), duration }
}

#[test]
fn with_equal_wall_clocks_a_fleet_keeps_to_its_budget_and_uses_it() {
    let (mut max, mut min_used, mut max_additions) = (0, 1.0_f64, 0.0_f64);
    for seed in 0..30 {
        let latency = [0, 300, 8_000][seed as usize % 3];
        let run = run_saturated(seed, 200, &[Duration::ZERO; 4], 20, Duration::from_micros(latency));
        assert!(run.max_in_a_second() <= 200, "seed {seed}: {} in a second", run.max_in_a_second());
        assert!(run.utilisation(200) >= 0.9, "seed {seed}: {}", run.utilisation(200));
        max = max.max(run.max_in_a_second());
        min_used = min_used.min(run.utilisation(200));
        max_additions = max_additions.max(run.additions as f64 / run.starts.len() as f64);
    }
    println!("at most {max} of 200, at least {min_used:.3} used, at most {max_additions:.2} additions per start");
}

#[test]
fn with_different_wall_clocks_a_fleet_exceeds_its_budget_by_that_share_of_a_period() {
    let (mut max, mut min_used) = (0, 1.0_f64);
    for seed in 0..30 {
        let wall_clocks_ahead = [0, 150, 300, 450].map(Duration::from_millis);
        let latency = [0, 300, 8_000][seed as usize % 3];
        let run = run_saturated(seed, 200, &wall_clocks_ahead, 20, Duration::from_micros(latency));
        // 200 * (1 + 450 ms / 1 s).
        assert!(run.max_in_a_second() <= 290, "seed {seed}: {} in a second", run.max_in_a_second());
        assert!(run.utilisation(200) >= 0.9, "seed {seed}: {}", run.utilisation(200));
        max = max.max(run.max_in_a_second());
        min_used = min_used.min(run.utilisation(200));
    }
    println!("at most {max} of 200, at least {min_used:.3} used");
    assert!(max >= 270, "the bound is never nearly reached: {max}");
}

#[test]
fn a_single_caller_waits_for_the_next_ticket_and_needs_few_additions() {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone()).latency(Duration::from_millis(2));
    let seam = seam_on(&sim, &spy, ten_per_second());
    let (mut worst, calls) = (Duration::ZERO, 100);
    for _ in 0..calls {
        sim.block_on(sim.sleep(Duration::from_micros(SECOND.as_micros() as u64 + sim.random() % 1_000_000)));
        worst = worst.max(sim.block_on(seam.permit(1)).unwrap().waited());
    }
    let additions = spy.operations() as f64 / f64::from(calls);
    println!("waited at most {worst:?}, {additions:.2} additions per start");
    assert!(worst <= Duration::from_millis(225), "{worst:?}");
    assert!(additions <= 8.0, "{additions}");
}

#[test]
fn concurrent_callers_do_not_start_on_past_tickets() {
    for seed in 0..40 {
        let sim = SimRuntime::new(seed);
        let spy = SpyStore::new(sim.clone()).latency(Duration::from_millis(seed));
        let seam = seam_on(&sim, &spy, ten_per_second());
        sim.block_on(sim.sleep(Duration::from_micros(sim.random() % 3_000_000)));
        let mut at = sim.block_on(join_all((0..12).map(|_| async { seam.permit(1).await.unwrap().at().unwrap() })));
        at.sort_unstable();
        let min_gap = at.windows(2).map(|pair| pair[1].since(pair[0])).min().unwrap();
        assert!(min_gap >= Duration::from_micros(100_500) - MAX_LATENESS, "seed {seed}: {min_gap:?}");
        let span = at[11].since(at[0]);
        assert!(span <= Duration::from_millis(2_500), "seed {seed}: {span:?}");
    }
}

#[test]
fn a_stopped_process_gives_up_its_past_tickets() {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone());
    let process = SimProcess::new(&sim);
    let builder =
        seam(&sim, &api()).runtime(process.clone()).store(CountingStore(spy.clone())).throttle(ten_per_second());
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
fn a_wall_clock_an_hour_ahead_delays_no_caller() {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone());
    let on_time = SimProcess::new(&sim);
    let ahead = on_time.clone().wall_clock_ahead(Duration::from_secs(3600));
    for process in [on_time, ahead] {
        let builder = seam(&sim, &api()).runtime(process).store(CountingStore(spy.clone())).throttle(ten_per_second());
        let seam = builder.build().unwrap();
        assert!(sim.block_on(seam.permit(1)).unwrap().waited() <= Duration::from_millis(101));
    }
}

#[test]
fn rejected_callers_use_no_tickets() {
    let sim = SimRuntime::new(3);
    let spy = SpyStore::new(sim.clone()).latency(Duration::from_millis(1));
    let throttle = Throttle::rate("200/s").max_wait(Duration::from_millis(100)).max_queue(1_000);
    let seams: Vec<Seam> = (0..4).map(|_| seam_on(&sim, &spy, throttle.clone())).collect();
    let (started, rejected) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    // Four times the budget arrives for five seconds.
    for arrival in 0..4_000_u64 {
        let (seam, runtime) = (seams[arrival as usize % 4].clone(), sim.clone());
        let (started, rejected) = (started.clone(), rejected.clone());
        sim.spawn(Box::pin(async move {
            runtime.sleep(Duration::from_micros(arrival * 1_250)).await;
            match seam.permit(1).await {
                Ok(permit) => {
                    assert!(permit.waited() <= Duration::from_millis(102), "{:?}", permit.waited());
                    *started.lock().unwrap() += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Throttled);
                    *rejected.lock().unwrap() += 1;
                }
            }
        }));
    }
    sim.block_on(sim.sleep(6 * SECOND));
    let (started, rejected) = (*started.lock().unwrap(), *rejected.lock().unwrap());
    println!("{started} started of 1000, {rejected} rejected");
    assert_eq!(started + rejected, 4_000);
    assert!(started >= 900, "{started}");
}

#[test]
fn a_retry_after_holds_only_the_process_that_received_it() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone());
    let api = MockTransport::new(|_| {
        let refusal = http::Response::builder().status(503).header("retry-after", "2");
        refusal.body(Bytes::new()).unwrap()
    });
    let builder = seam(&sim, &api).store(CountingStore(spy.clone())).throttle(ten_per_second());
    let held = builder.retry(stitchapi::Retry::none()).build()?;
    let other = seam_on(&sim, &spy, ten_per_second());
    let stitch = held.get("/a").build_with::<(), ()>(stitchapi::decode::empty)?;
    assert!(sim.block_on(stitch.call(()).send()).is_err());
    let (held_at, before) = (sim.now(), spy.operations());
    let both = futures_util::future::join(held.permit(1), other.permit(1));
    let (held, other) = sim.block_on(both);
    assert!(held?.at().unwrap().since(held_at) >= 2 * SECOND);
    assert!(other?.waited() < SECOND);
    // The held process leaves the tickets of the hold to other processes.
    let additions = spy.operations() - before;
    assert!(additions <= 12, "{additions}");
    Ok(())
}

#[test]
fn a_higher_actual_cost_uses_more_tickets_and_a_lower_one_refunds_none() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone());
    let (one, other) = (seam_on(&sim, &spy, ten_per_second()), seam_on(&sim, &spy, ten_per_second()));
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
fn a_store_failure_is_an_outage_with_the_declared_policy() {
    let outage = |policy: OutagePolicy| {
        let sim = SimRuntime::new(1);
        let spy = SpyStore::new(sim.clone());
        let seam = seam_on(&sim, &spy, Throttle::rate("80/s").on_outage(policy));
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
    // Local pacing begins a second after the failure, at an eighth of the budget.
    permits(1);
    assert!(permits(10) >= Duration::from_millis(995));
    spy.fail(None);
    permits(5);
    assert!(permits(20) <= Duration::from_millis(300));
}

#[test]
fn a_hanging_store_delays_a_caller_by_one_timeout() {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone());
    let seam = seam_on(&sim, &spy, ten_per_second().on_outage(OutagePolicy::Closed));
    spy.hang(true);
    let begun = sim.now();
    assert_eq!(sim.block_on(seam.permit(1)).unwrap_err().kind(), ErrorKind::Store);
    assert!(sim.now().since(begun) <= Duration::from_millis(251));
}

#[test]
fn each_principal_has_its_own_tickets() -> Result<()> {
    let sim = SimRuntime::new(1);
    let seam = seam_on(&sim, &SpyStore::new(sim.clone()), ten_per_second().per_principal());
    let begun = sim.now();
    let users = ["ada", "bob", "eve"].map(|user| seam.as_principal(user));
    let starts = sim.block_on(join_all(users.iter().map(|user| async { user.permit(1).await.unwrap().at() })));
    assert!(starts.iter().all(|at| at.unwrap().since(begun) <= Duration::from_millis(101)), "{starts:?}");
    Ok(())
}

#[test]
fn a_counting_store_supports_one_rate_of_calls_with_cost_one() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone());
    let unsupported = [
        ten_per_second().burst(2),
        ten_per_second().and_rate("100/m"),
        Throttle::rate(Rate::per_second(10).of("tokens")),
    ];
    for throttle in unsupported {
        let error = seam(&sim, &api()).store(CountingStore(spy.clone())).throttle(throttle).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("the counting store can only count"), "{error}");
    }
    let seam = seam_on(&sim, &spy, ten_per_second());
    let error = sim.block_on(seam.permit(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    let _ = sim.block_on(seam.permit(Cost::new(1).and("tokens", 7)))?;
    Ok(())
}

#[test]
fn weaker_promise_is_emitted_once() -> Result<()> {
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let builder =
        seam(&sim, &api()).store(CountingStore(SpyStore::new(sim.clone()))).throttle(ten_per_second()).sink(sink);
    let seam = builder.build()?;
    let _ = sim.block_on(seam.permit(1))?;
    let _ = sim.block_on(seam.permit(1))?;
    sim.block_on(sim.sleep(SECOND));
    let recorded = recorded.lock().unwrap();
    let warnings = recorded.iter().filter(|event| event.kind == EventKind::WeakerPromise { store: "counting" });
    assert_eq!(warnings.count(), 1);
    Ok(())
}
