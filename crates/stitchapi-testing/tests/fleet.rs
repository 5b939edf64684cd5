//! Every fault and setting of a simulated fleet has the documented effect, observed through the store's facets.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{Either, select};
use http::{Request, Response};
use stitchapi_core::pace::{Limit, LimitId, ReserveRequest};
use stitchapi_core::{
    Body, Counter, Key, Runtime as _, StitchStore, StoreErrorKind, StoreLimits, StoreTime, Tick, Transport,
};
use stitchapi_testing::{Fault, FaultKind, FleetReport, SimFleet, Worker};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// Result of one `incr`, as a worker observed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Observed {
    Count(u64),
    Failed(StoreErrorKind),
    /// No response within 250 ms.
    TimedOut,
}
use Observed::{Count, Failed, TimedOut};

/// Returns a fleet of one worker whose latency to the store is one millisecond.
fn fleet() -> SimFleet {
    SimFleet::new(1).workers(1).latency(MILLI..MILLI)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn counter(worker: &Worker) -> Arc<dyn Counter> {
    Arc::new(worker.store()).counter().unwrap()
}

async fn count(worker: &Worker) -> Observed {
    let (counter, key) = (counter(worker), Key::new("count"));
    let incr = counter.incr(&key, 3_600 * SECOND);
    match select(incr, worker.sleep(250 * MILLI)).await {
        Either::Left((Ok(count), _)) => Count(count),
        Either::Left((Err(error), _)) => Failed(error.kind()),
        Either::Right(_) => TimedOut,
    }
}

/// Lets each worker count at these times, and returns worker, time of the result in milliseconds, and result.
fn counts(fleet: &SimFleet, at: &'static [u64]) -> Vec<(usize, u64, Observed)> {
    let results = Arc::new(Mutex::new(Vec::new()));
    let log = results.clone();
    fleet.run(10 * SECOND, move |worker| {
        let (log, begun) = (log.clone(), worker.runtime().now());
        async move {
            for at in at {
                worker.runtime().sleep_until(begun + millis(*at)).await;
                let result = count(&worker).await;
                let millis = worker.runtime().now().since(begun).as_millis() as u64;
                log.lock().unwrap().push((worker.number(), millis, result));
            }
        }
    });
    Arc::try_unwrap(results).unwrap().into_inner().unwrap()
}

/// Lets each worker log a start every `millis` milliseconds.
fn start_every(millis: u32, fleet: &SimFleet) -> FleetReport {
    fleet.run(4 * SECOND, move |worker| async move {
        loop {
            worker.start([]);
            worker.sleep(millis * MILLI).await;
        }
    })
}

#[test]
fn an_operation_takes_the_latency_of_both_ways() {
    assert_eq!(counts(&fleet(), &[0, 100]), [(0, 2, Count(1)), (0, 102, Count(2))]);
}

/// Lets one worker count a thousand times, and returns the results.
fn count_a_thousand_times(fleet: &SimFleet) -> Vec<Observed> {
    let results = Arc::new(Mutex::new(Vec::new()));
    let log = results.clone();
    fleet.run(1_000 * SECOND, move |worker| {
        let log = log.clone();
        async move {
            for _ in 0..1_000 {
                let result = count(&worker).await;
                log.lock().unwrap().push(result);
            }
        }
    });
    Arc::try_unwrap(results).unwrap().into_inner().unwrap()
}

#[test]
fn a_lost_request_is_not_done() {
    let results = count_a_thousand_times(&fleet().loss(0.3, 0.0));
    let responses: Vec<Observed> = results.iter().copied().filter(|result| *result != TimedOut).collect();
    assert!((600..800).contains(&responses.len()), "{}", responses.len());
    assert!((1..).zip(&responses).all(|(number, result)| *result == Count(number)));
}

#[test]
fn an_operation_whose_response_is_lost_is_done() {
    let results = count_a_thousand_times(&fleet().loss(0.0, 0.3));
    let lost = results.iter().filter(|result| **result == TimedOut).count();
    assert!((200..400).contains(&lost), "{lost}");
    assert!((1..).zip(&results).all(|(number, result)| matches!(result, TimedOut) || *result == Count(number)));
}

#[test]
fn a_flushed_store_loses_its_content() {
    let fleet = fleet().fault(500 * MILLI, Fault::Flush);
    assert_eq!(counts(&fleet, &[0, 499, 600]), [(0, 2, Count(1)), (0, 501, Count(1)), (0, 602, Count(2))]);
}

#[test]
fn a_restart_fails_operations_under_way_and_those_sent_until_it_ends() {
    for keeps_state in [true, false] {
        let fleet = fleet().fault(501 * MILLI + MILLI / 2, Fault::Restart { lasts: 100 * MILLI, keeps_state });
        let results = counts(&fleet, &[0, 500, 550, 700]);
        let refused = Failed(StoreErrorKind::Unavailable);
        // The second one was done, but its response was under way.
        let last = if keeps_state { 3 } else { 1 };
        assert_eq!(results, [(0, 2, Count(1)), (0, 502, refused), (0, 552, refused), (0, 702, Count(last))]);
    }
}

#[test]
fn a_frozen_store_does_later_what_arrived_meanwhile_even_if_its_caller_timed_out() {
    let fleet = fleet().fault(100 * MILLI, Fault::FreezeStore(400 * MILLI));
    assert_eq!(counts(&fleet, &[0, 200, 600]), [(0, 2, Count(1)), (0, 450, TimedOut), (0, 602, Count(3))]);
    assert_eq!(counts(&fleet, &[0, 300]), [(0, 2, Count(1)), (0, 501, Count(2))]);
}

#[test]
fn a_store_that_is_down_refuses_at_once_and_loses_nothing() {
    let fleet = fleet().fault(100 * MILLI, Fault::Down(400 * MILLI));
    let refused = Failed(StoreErrorKind::Unavailable);
    assert_eq!(counts(&fleet, &[0, 200, 600]), [(0, 2, Count(1)), (0, 202, refused), (0, 602, Count(2))]);
}

#[test]
fn a_partial_outage_cuts_off_the_stated_number_of_workers() {
    let fleet = fleet().workers(4).fault(100 * MILLI, Fault::Partial { workers: 3, lasts: 400 * MILLI });
    let results = counts(&fleet, &[200, 600]);
    assert_eq!(results.iter().filter(|(.., result)| *result == TimedOut).count(), 3);
    assert_eq!(results.iter().filter(|(.., result)| matches!(result, Count(2..=5))).count(), 4);
}

#[test]
fn a_response_does_not_reach_a_worker_that_was_cut_off_meanwhile() {
    let fleet = fleet().fault(100 * MILLI + MILLI / 2, Fault::Partial { workers: 1, lasts: 400 * MILLI });
    assert_eq!(counts(&fleet, &[100, 600]), [(0, 350, TimedOut), (0, 602, Count(2))]);
}

#[test]
fn no_task_of_a_stopped_worker_runs_until_it_continues() {
    let fault = Fault::Freeze { worker: 0, lasts: 1_500 * MILLI };
    let fleet = fleet().workers(2).fault(1_001 * MILLI, fault);
    let report = start_every(10, &fleet);
    let at = |worker| report.starts.iter().filter(move |start| start.worker == worker).map(|start| start.at);
    assert_eq!(at(0).find(|at| *at > SECOND), Some(2_501 * MILLI));
    assert_eq!(at(1).count(), 400);
}

#[test]
fn a_request_of_a_stopped_worker_is_done_meanwhile() {
    let results = counts(
        &fleet().workers(2).fault(100 * MILLI + MILLI / 2, Fault::Freeze { worker: 0, lasts: 300 * MILLI }),
        &[100, 200],
    );
    assert_eq!(results.len(), 4);
    // Both counted at 101 ms. The stopped worker receives its response when it continues, at 400 ms.
    let first = results.iter().find(|(worker, ..)| *worker == 0).unwrap();
    assert!(first.1 == 400 && matches!(first.2, Count(1 | 2)), "{first:?}");
    assert!(results.contains(&(1, 202, Count(3))), "{results:?}");
}

#[test]
fn a_killed_worker_never_runs_again() {
    let report = start_every(10, &fleet().workers(2).fault(1_001 * MILLI, Fault::Kill { worker: 1 }));
    assert_eq!(report.per_worker(), [400, 101]);
}

/// Returns the store's time in milliseconds, at these milliseconds of the run.
fn store_times(fleet: &SimFleet, at: &'static [u64]) -> Vec<u64> {
    let times = Arc::new(Mutex::new(Vec::new()));
    let log = times.clone();
    fleet.run(20 * SECOND, move |worker| {
        let (log, begun) = (log.clone(), worker.runtime().now());
        async move {
            let pacer = Arc::new(worker.store()).pacer().unwrap();
            let limit = Limit { id: LimitId::calls(SECOND), permits: 10, burst: 1 };
            for at in at {
                worker.runtime().sleep_until(begun + millis(*at)).await;
                let touch = ReserveRequest::new(vec![limit.clone()], 5 * MILLI, 1);
                let StoreTime(now) = pacer.reserve(&Key::new("cell"), &touch).await.unwrap().now;
                log.lock().unwrap().push(now / 1_000);
            }
        }
    });
    Arc::try_unwrap(times).unwrap().into_inner().unwrap()
}

#[test]
fn the_stores_clock_has_an_origin_and_a_speed_of_its_own_and_can_be_set() {
    let fleet = fleet().store_clock(StoreTime(0), 100_000);
    assert_eq!(store_times(&fleet, &[999, 9_999]), [1_100, 11_000]);
    let back = fleet.clone().fault(SECOND, Fault::StoreClockBack(600 * MILLI));
    assert_eq!(store_times(&back, &[999, 1_999]), [500, 1_600]);
    let ahead = fleet.fault(SECOND, Fault::StoreClockAhead(600 * MILLI));
    assert_eq!(store_times(&ahead, &[999, 1_999]), [1_700, 2_800]);
}

#[test]
fn wall_clocks_differ_and_the_machines_clock_is_shared() {
    let clocks = Arc::new(Mutex::new(Vec::new()));
    let log = clocks.clone();
    fleet().workers(3).wall_clock_step(3_600 * SECOND).run(SECOND, move |worker| {
        let (now, wall) = (worker.runtime().now(), worker.runtime().wall());
        log.lock().unwrap().push((now, wall));
        async {}
    });
    let clocks = clocks.lock().unwrap();
    assert!(clocks.windows(2).all(|pair| pair[1] == (pair[0].0, pair[0].1 + 3_600 * SECOND)), "{clocks:?}");
}

#[test]
fn a_sleep_ends_later_than_requested_by_the_timer_lag() {
    let lags: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let log = lags.clone();
    fleet().timer_lag(MILLI..3 * MILLI).run(20 * SECOND, move |worker| {
        let log = log.clone();
        async move {
            for _ in 0..100 {
                let Tick(due) = worker.runtime().now() + 10 * MILLI;
                worker.sleep(10 * MILLI).await;
                log.lock().unwrap().push(Duration::from_micros(worker.runtime().now().0 - due));
            }
        }
    });
    let lags = lags.lock().unwrap();
    assert_eq!(lags.len(), 100);
    assert!(lags.iter().all(|lag| (MILLI..3 * MILLI).contains(lag)));
}

#[test]
fn the_api_responds_as_set_and_logs_the_worker_and_the_cost() {
    let report = fleet().workers(2).run(SECOND, |worker| async move {
        let api = worker
            .upstream()
            .latency(5 * MILLI..5 * MILLI)
            .costing(|request| vec![("tokens", request.uri().path().len() as u32)])
            .responding(|_, start| {
                Response::builder().status(500 + start.drawn("tokens") as u16).body("".into()).unwrap()
            });
        let before = worker.runtime().now();
        let response = api.send(Request::get("/seven/").body(Body::default()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 507);
        assert_eq!(worker.runtime().now().since(before), 5 * MILLI);
    });
    assert_eq!((report.per_worker(), report.starts[1].drawn("tokens")), (vec![1, 1], 7));
}

#[test]
fn the_store_states_the_limits_of_the_fleet() {
    let limits = StoreLimits::unlimited().with_volatile();
    fleet().store_limits(limits).run(SECOND, move |worker| async move { assert_eq!(worker.store().limits(), limits) });
}

/// Runs workers that count and log starts, at random times and with random faults.
fn random_run(seed: u64) -> FleetReport {
    let kinds = [FaultKind::Flush, FaultKind::Freeze, FaultKind::Kill, FaultKind::FreezeStore, FaultKind::Partial];
    let fleet = SimFleet::new(seed).loss(0.01, 0.01).random_faults(3, &kinds, Duration::ZERO..2 * SECOND);
    fleet.run(3 * SECOND, |worker| async move {
        for _ in 0..5 {
            let worker = worker.clone();
            worker.clone().spawn(async move {
                loop {
                    worker.sleep(Duration::from_micros(worker.runtime().random() % 10_000)).await;
                    count(&worker).await;
                    worker.start([]);
                }
            });
        }
    })
}

#[test]
fn one_seed_repeats_its_run_and_another_seed_gives_another_one() {
    assert_eq!(random_run(1), random_run(1));
    assert_ne!(random_run(1).starts, random_run(2).starts);
}

#[test]
fn random_faults_have_the_requested_kinds_and_times() {
    let kinds = [FaultKind::Flush, FaultKind::Kill];
    let fleet = SimFleet::new(3).random_faults(50, &kinds, SECOND..2 * SECOND).fault(5 * SECOND, Fault::Flush);
    let faults = fleet.faults();
    assert_eq!((faults.len(), faults.last()), (51, Some(&(5 * SECOND, Fault::Flush))));
    assert!(faults.iter().all(|(_, fault)| matches!(fault, Fault::Flush | Fault::Kill { worker: 0..4 })));
    assert!(faults[..50].iter().all(|(at, _)| (SECOND..2 * SECOND).contains(at)));
    assert!(faults.windows(2).all(|pair| pair[0].0 <= pair[1].0));
}

#[test]
#[should_panic(expected = "index out of bounds")]
fn a_fault_of_a_worker_that_does_not_exist_panics() {
    start_every(10, &fleet().fault(MILLI, Fault::Kill { worker: 1 }));
}
