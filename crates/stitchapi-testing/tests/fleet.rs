//! Every trouble of a simulated fleet does what it says, seen through the store's own facets.

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

/// What a worker saw of one `incr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Count(u64),
    Failed(StoreErrorKind),
    /// No answer within 250 ms.
    Silence,
}
use Seen::{Count, Failed, Silence};

/// A fleet whose ways take one millisecond each.
fn fleet() -> SimFleet {
    SimFleet::new(1).workers(1).way(MILLI..MILLI)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn counter(worker: &Worker) -> Arc<dyn Counter> {
    Arc::new(worker.store()).counter().unwrap()
}

async fn count(worker: &Worker) -> Seen {
    let (counter, key) = (counter(worker), Key::new("count"));
    let counted = counter.incr(&key, 3_600 * SECOND);
    match select(counted, worker.sleep(250 * MILLI)).await {
        Either::Left((Ok(count), _)) => Count(count),
        Either::Left((Err(error), _)) => Failed(error.kind()),
        Either::Right(_) => Silence,
    }
}

/// What each worker sees that counts at these times of the run, with when it saw it, in milliseconds.
fn counts(fleet: &SimFleet, at: &'static [u64]) -> Vec<(usize, u64, Seen)> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    fleet.run(10 * SECOND, move |worker| {
        let (told, begun) = (told.clone(), worker.runtime().now());
        async move {
            for at in at {
                worker.runtime().sleep_until(begun + millis(*at)).await;
                let seen = count(&worker).await;
                let millis = worker.runtime().now().since(begun).as_millis() as u64;
                told.lock().unwrap().push((worker.number(), millis, seen));
            }
        }
    });
    Arc::try_unwrap(seen).unwrap().into_inner().unwrap()
}

fn starting_every(millis: u32, fleet: &SimFleet) -> FleetReport {
    fleet.run(4 * SECOND, move |worker| async move {
        loop {
            worker.start([]);
            worker.sleep(millis * MILLI).await;
        }
    })
}

#[test]
fn a_trip_takes_both_ways() {
    assert_eq!(counts(&fleet(), &[0, 100]), [(0, 2, Count(1)), (0, 102, Count(2))]);
}

/// What one worker sees that counts a thousand times.
fn a_thousand(fleet: &SimFleet) -> Vec<Seen> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    fleet.run(1_000 * SECOND, move |worker| {
        let told = told.clone();
        async move {
            for _ in 0..1_000 {
                let seen = count(&worker).await;
                told.lock().unwrap().push(seen);
            }
        }
    });
    Arc::try_unwrap(seen).unwrap().into_inner().unwrap()
}

#[test]
fn a_lost_request_was_not_done() {
    let seen = a_thousand(&fleet().loss(0.3, 0.0));
    let answered: Vec<Seen> = seen.iter().copied().filter(|seen| *seen != Silence).collect();
    assert!((600..800).contains(&answered.len()), "{}", answered.len());
    assert!((1..).zip(&answered).all(|(number, seen)| *seen == Count(number)));
}

#[test]
fn an_operation_whose_answer_is_lost_was_done() {
    let seen = a_thousand(&fleet().loss(0.0, 0.3));
    let silent = seen.iter().filter(|seen| **seen == Silence).count();
    assert!((200..400).contains(&silent), "{silent}");
    assert!((1..).zip(&seen).all(|(number, seen)| matches!(seen, Silence) || *seen == Count(number)));
}

#[test]
fn a_flushed_store_has_forgotten() {
    let fleet = fleet().fault(500 * MILLI, Fault::Flush);
    assert_eq!(counts(&fleet, &[0, 499, 600]), [(0, 2, Count(1)), (0, 501, Count(1)), (0, 602, Count(2))]);
}

#[test]
fn a_restart_breaks_what_is_under_way_and_refuses_until_it_is_over() {
    for keeps_state in [true, false] {
        let fleet = fleet().fault(501 * MILLI + MILLI / 2, Fault::Restart { lasts: 100 * MILLI, keeps_state });
        let seen = counts(&fleet, &[0, 500, 550, 700]);
        let refused = Failed(StoreErrorKind::Unavailable);
        // The second one was done, and its answer was on its way back.
        let last = if keeps_state { 3 } else { 1 };
        assert_eq!(seen, [(0, 2, Count(1)), (0, 502, refused), (0, 552, refused), (0, 702, Count(last))]);
    }
}

#[test]
fn a_frozen_store_does_what_came_meanwhile_when_it_thaws_even_for_one_who_gave_up() {
    let fleet = fleet().fault(100 * MILLI, Fault::FreezeStore(400 * MILLI));
    assert_eq!(counts(&fleet, &[0, 200, 600]), [(0, 2, Count(1)), (0, 450, Silence), (0, 602, Count(3))]);
    assert_eq!(counts(&fleet, &[0, 300]), [(0, 2, Count(1)), (0, 501, Count(2))]);
}

#[test]
fn a_store_that_is_down_refuses_at_once_and_loses_nothing() {
    let fleet = fleet().fault(100 * MILLI, Fault::Down(400 * MILLI));
    let refused = Failed(StoreErrorKind::Unavailable);
    assert_eq!(counts(&fleet, &[0, 200, 600]), [(0, 2, Count(1)), (0, 202, refused), (0, 602, Count(2))]);
}

#[test]
fn a_partial_outage_cuts_off_as_many_as_it_says_and_nobody_else() {
    let fleet = fleet().workers(4).fault(100 * MILLI, Fault::Partial { workers: 3, lasts: 400 * MILLI });
    let seen = counts(&fleet, &[200, 600]);
    let silent: Vec<usize> = seen.iter().filter(|(.., seen)| *seen == Silence).map(|(worker, ..)| *worker).collect();
    assert_eq!(silent.len(), 3);
    assert_eq!(seen.iter().filter(|(.., seen)| matches!(seen, Count(2..=5))).count(), 4);
}

#[test]
fn an_answer_does_not_reach_one_who_was_cut_off_meanwhile() {
    let fleet = fleet().fault(100 * MILLI + MILLI / 2, Fault::Partial { workers: 1, lasts: 400 * MILLI });
    assert_eq!(counts(&fleet, &[100, 600]), [(0, 350, Silence), (0, 602, Count(2))]);
}

#[test]
fn nothing_of_a_stopped_worker_runs_until_it_goes_on() {
    let fault = Fault::Freeze { worker: 0, lasts: 1_500 * MILLI };
    let fleet = fleet().workers(2).fault(1_001 * MILLI, fault);
    let report = starting_every(10, &fleet);
    let at = |worker| report.starts.iter().filter(move |start| start.worker == worker).map(|start| start.at);
    assert_eq!(at(0).find(|at| *at > SECOND), Some(2_501 * MILLI));
    assert_eq!(at(1).count(), 400);
}

#[test]
fn what_a_stopped_worker_has_sent_is_done_meanwhile() {
    let seen = counts(
        &fleet().workers(2).fault(100 * MILLI + MILLI / 2, Fault::Freeze { worker: 0, lasts: 300 * MILLI }),
        &[100, 200],
    );
    assert_eq!(seen.len(), 4);
    // Both counted at 101 ms; one of them learns of it when it goes on, not knowing how long that was.
    let first = seen.iter().find(|(worker, ..)| *worker == 0).unwrap();
    assert!(first.1 == 400 && matches!(first.2, Count(1 | 2)), "{first:?}");
    assert!(seen.contains(&(1, 202, Count(3))), "{seen:?}");
}

#[test]
fn a_killed_worker_never_runs_again() {
    let report = starting_every(10, &fleet().workers(2).fault(1_001 * MILLI, Fault::Kill { worker: 1 }));
    assert_eq!(report.per_worker(), [400, 101]);
}

/// The store's time by its pacer, at these milliseconds of the run.
fn store_times(fleet: &SimFleet, at: &'static [u64]) -> Vec<u64> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    fleet.run(20 * SECOND, move |worker| {
        let (told, begun) = (told.clone(), worker.runtime().now());
        async move {
            let pacer = Arc::new(worker.store()).pacer().unwrap();
            let limit = Limit { id: LimitId::calls(SECOND), permits: 10, burst: 1 };
            for at in at {
                worker.runtime().sleep_until(begun + millis(*at)).await;
                let touch = ReserveRequest::new(vec![limit.clone()], 5 * MILLI, 1);
                let StoreTime(now) = pacer.reserve(&Key::new("cell"), &touch).await.unwrap().now;
                told.lock().unwrap().push(now / 1_000);
            }
        }
    });
    Arc::try_unwrap(seen).unwrap().into_inner().unwrap()
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
fn wall_clocks_are_apart_and_the_machines_clock_is_one() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    fleet().workers(3).walls_apart(3_600 * SECOND).run(SECOND, move |worker| {
        let (now, wall) = (worker.runtime().now(), worker.runtime().wall());
        told.lock().unwrap().push((now, wall));
        async {}
    });
    let seen = seen.lock().unwrap();
    assert!(seen.windows(2).all(|pair| pair[1] == (pair[0].0, pair[0].1 + 3_600 * SECOND)), "{seen:?}");
}

#[test]
fn late_timers_are_late_by_as_much_as_was_said_and_never_early() {
    let late: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let told = late.clone();
    fleet().timers_late(MILLI..3 * MILLI).run(20 * SECOND, move |worker| {
        let told = told.clone();
        async move {
            for _ in 0..100 {
                let Tick(due) = worker.runtime().now() + 10 * MILLI;
                worker.sleep(10 * MILLI).await;
                told.lock().unwrap().push(Duration::from_micros(worker.runtime().now().0 - due));
            }
        }
    });
    let late = late.lock().unwrap();
    assert_eq!(late.len(), 100);
    assert!(late.iter().all(|late| (MILLI..3 * MILLI).contains(late)));
}

#[test]
fn the_api_answers_as_it_is_told_and_writes_down_by_whom_it_was_called() {
    let report = fleet().workers(2).run(SECOND, |worker| async move {
        let api = worker
            .upstream()
            .taking(5 * MILLI..5 * MILLI)
            .costing(|request| vec![("tokens", request.uri().path().len() as u32)])
            .answering(|_, start| {
                Response::builder().status(500 + start.drawn("tokens") as u16).body("".into()).unwrap()
            });
        let before = worker.runtime().now();
        let answer = api.send(Request::get("/seven/").body(Body::default()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 507);
        assert_eq!(worker.runtime().now().since(before), 5 * MILLI);
    });
    assert_eq!((report.per_worker(), report.starts[1].drawn("tokens")), (vec![1, 1], 7));
}

#[test]
fn what_the_store_says_of_itself_is_the_fleets_to_say() {
    let limits = StoreLimits::unlimited().with_volatile();
    fleet().store_limits(limits).run(SECOND, move |worker| async move { assert_eq!(worker.store().limits(), limits) });
}

/// Workers that count and start something, at random.
fn at_random(seed: u64) -> FleetReport {
    let kinds = [FaultKind::Flush, FaultKind::Freeze, FaultKind::Kill, FaultKind::FreezeStore, FaultKind::Partial];
    let fleet = SimFleet::new(seed).loss(0.01, 0.01).draw_faults(3, &kinds, Duration::ZERO..2 * SECOND);
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
fn the_same_seed_gives_the_same_run_and_another_one_another() {
    assert_eq!(at_random(1), at_random(1));
    assert_ne!(at_random(1).starts, at_random(2).starts);
}

#[test]
fn faults_are_drawn_of_the_kinds_and_within_the_times_that_were_asked_for() {
    let kinds = [FaultKind::Flush, FaultKind::Kill];
    let fleet = SimFleet::new(3).draw_faults(50, &kinds, SECOND..2 * SECOND).fault(5 * SECOND, Fault::Flush);
    let faults = fleet.faults();
    assert_eq!((faults.len(), faults.last()), (51, Some(&(5 * SECOND, Fault::Flush))));
    assert!(faults.iter().all(|(_, fault)| matches!(fault, Fault::Flush | Fault::Kill { worker: 0..4 })));
    assert!(faults[..50].iter().all(|(at, _)| (SECOND..2 * SECOND).contains(at)));
    assert!(faults.windows(2).all(|pair| pair[0].0 <= pair[1].0));
}

#[test]
#[should_panic(expected = "index out of bounds")]
fn a_fault_of_a_worker_that_is_not_there_is_a_mistake() {
    starting_every(10, &fleet().fault(MILLI, Fault::Kill { worker: 1 }));
}
