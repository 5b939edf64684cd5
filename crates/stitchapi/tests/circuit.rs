//! The circuit breaker in virtual time: in one process, and in a fleet with a store.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::process::{Process, within_a_minute};
use common::spy::Spy;
use common::{events, seam};
use futures_util::FutureExt as _;
use futures_util::future::{Either, join_all, select};
use stitchapi::trace::{Event, EventKind};
use stitchapi::{
    BoxFuture, Cache, Circuit, Error, ErrorKind, MemoryStore, Result, Retry, Runtime, Seam, SeamBuilder, Stitch,
    StitchStore, Throttle, Tick, TransportErrorKind, auth, decode, env,
};
use stitchapi_core::StoreErrorKind;
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);
const OPEN_FOR: Duration = Duration::from_secs(30);

/// An API whose responses have the status that is set at the time of their request.
#[derive(Clone)]
struct Api {
    status: Arc<AtomicU16>,
    transport: MockTransport,
}

impl Api {
    fn responding(status: u16) -> Self {
        let status = Arc::new(AtomicU16::new(status));
        let transport = MockTransport::new({
            let status = status.clone();
            move |_| http::Response::builder().status(status.load(Ordering::Relaxed)).body(Bytes::new()).unwrap()
        });
        Self { status, transport }
    }

    fn latency(mut self, duration: Duration, sim: &SimRuntime) -> Self {
        self.transport = self.transport.latency(duration, Arc::new(sim.clone()));
        self
    }

    fn respond(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    fn requests(&self) -> usize {
        self.transport.requests().len()
    }
}

/// A seam without retries.
fn without_retries(sim: &SimRuntime, api: &Api) -> SeamBuilder {
    seam(sim, &api.transport).retry(Retry::none())
}

fn get(seam: &Seam, path: &str) -> Stitch<(), ()> {
    seam.get(path).build_with(decode::empty).unwrap()
}

/// Makes `number` calls, one after the other.
async fn calls(stitch: &Stitch<(), ()>, number: usize) -> Vec<Result<(), ErrorKind>> {
    let mut results = Vec::new();
    for _ in 0..number {
        results.push(stitch.call(()).await.map_err(|error| error.kind()));
    }
    results
}

async fn fail(stitch: &Stitch<(), ()>) -> Error {
    stitch.call(()).await.unwrap_err()
}

/// Makes calls until one finds the circuit open, for at most a second.
async fn wait_until_open(sim: &SimRuntime, stitch: &Stitch<(), ()>) {
    for _ in 0..20 {
        if calls(stitch, 1).await == [Err(ErrorKind::CircuitOpen)] {
            return;
        }
        sim.sleep(SECOND / 20).await;
    }
    panic!("the process has not learned that the circuit is open");
}

fn store(sim: &SimRuntime) -> MemoryStore {
    MemoryStore::on(Arc::new(sim.clone()))
}

/// A process of a fleet whose circuit of `/a` opens after one failure, and its events.
fn worker_with_events(
    sim: &SimRuntime,
    api: &Api,
    process: &Process,
    store: &(impl StitchStore + Clone),
) -> (Stitch<(), ()>, Arc<Mutex<Vec<Event>>>) {
    let (sink, taken) = events();
    let builder =
        without_retries(sim, api).runtime(process.clone()).store(store.clone()).circuit(Circuit::after(1)).sink(sink);
    (get(&builder.build().unwrap(), "/a"), taken)
}

fn worker(sim: &SimRuntime, api: &Api, process: &Process, store: &(impl StitchStore + Clone)) -> Stitch<(), ()> {
    worker_with_events(sim, api, process, store).0
}

/// Returns the names of the circuit's events.
fn changes(taken: &Mutex<Vec<Event>>) -> Vec<&'static str> {
    let name = |event: &Event| match event.kind {
        EventKind::CircuitOpened { elsewhere: false, .. } => Some("opened"),
        EventKind::CircuitOpened { .. } => Some("opened elsewhere"),
        EventKind::CircuitHalfOpen { .. } => Some("half open"),
        EventKind::CircuitClosed { elsewhere: false, .. } => Some("closed"),
        EventKind::CircuitClosed { .. } => Some("closed elsewhere"),
        _ => None,
    };
    taken.lock().unwrap().iter().filter_map(name).collect()
}

#[test]
fn after_the_declared_failures_calls_fail_at_once_without_a_request() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::responding(503));
    let stitch = get(&without_retries(&sim, &api).circuit(Circuit::after(3)).build()?, "/a");
    assert_eq!(sim.block_on(calls(&stitch, 3)), [Err(ErrorKind::Status); 3]);
    let error = sim.block_on(fail(&stitch));
    assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::CircuitOpen, 0, true));
    assert_eq!(error.retry_after(), Some(OPEN_FOR));
    assert_eq!(error.to_string(), "GET /a: the circuit of the stitch is open: GET /a received status 503");
    assert_eq!(api.requests(), 3);
    Ok(())
}

#[test]
fn a_failure_rate_opens_the_circuit_from_the_minimum_number_of_attempts_on() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::responding(200));
    let stitch = get(&without_retries(&sim, &api).circuit(Circuit::default()).build()?, "/a");
    sim.block_on(calls(&stitch, 5));
    api.respond(500);
    assert_eq!(sim.block_on(calls(&stitch, 6))[4..], [Err(ErrorKind::Status), Err(ErrorKind::CircuitOpen)]);
    Ok(())
}

#[test]
fn every_attempt_counts_and_a_retry_that_the_circuit_refuses_fails_with_the_failure_before() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::responding(503));
    let stitch = get(&seam(&sim, &api.transport).circuit(Circuit::after(2)).build()?, "/a");
    let error = sim.block_on(fail(&stitch));
    assert_eq!((error.kind(), error.attempts(), api.requests()), (ErrorKind::Status, 2, 2));
    Ok(())
}

#[test]
fn an_attempt_without_a_response_is_a_failure() -> Result<()> {
    for kind in [TransportErrorKind::Connect, TransportErrorKind::Broken, TransportErrorKind::Timeout] {
        let (sim, mut api) = (SimRuntime::new(1), Api::responding(200));
        api.transport = api.transport.failing(1, kind);
        let stitch = get(&without_retries(&sim, &api).circuit(Circuit::after(1)).build()?, "/a");
        assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Transport), Err(ErrorKind::CircuitOpen)]);
    }
    let sim = SimRuntime::new(1);
    let api = Api::responding(200).latency(11 * SECOND, &sim);
    let stitch = get(&without_retries(&sim, &api).circuit(Circuit::after(1)).build()?, "/a");
    assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Timeout), Err(ErrorKind::CircuitOpen)]);
    Ok(())
}

#[test]
fn a_response_that_concerns_the_caller_is_no_failure() -> Result<()> {
    for status in [400, 401, 403, 404, 429, 501] {
        let (sim, api) = (SimRuntime::new(1), Api::responding(status));
        let stitch = get(&without_retries(&sim, &api).circuit(Circuit::after(1)).build()?, "/a");
        assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Status); 2], "{status}");
    }
    Ok(())
}

#[test]
fn an_attempt_that_says_nothing_about_the_api_is_not_counted() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = Api::responding(200).latency(SECOND, &sim);
    let once = || without_retries(&sim, &api).circuit(Circuit::after(1));
    // A response that cannot be decoded.
    let stitch: Stitch<(), u8> = once().build()?.get("/a").build()?;
    assert_eq!(sim.block_on(stitch.call(()).send()).err().unwrap().kind(), ErrorKind::Decode);
    assert_eq!(sim.block_on(stitch.call(()).send()).err().unwrap().kind(), ErrorKind::Decode);
    // A credential that cannot be prepared.
    let stitch = get(&once().auth(auth::bearer(env("STITCHAPI_NO_SUCH_VARIABLE"))).build()?, "/a");
    assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Auth); 2]);
    // A caller that is dropped, and a call with a short deadline.
    let stitch = get(&once().build()?, "/a");
    let dropped = select(Box::pin(stitch.call(()).send()), sim.sleep(SECOND / 2));
    assert!(matches!(sim.block_on(dropped), Either::Right(_)));
    let short = sim.block_on(stitch.call(()).deadline(SECOND / 2).send()).err().unwrap();
    assert_eq!(short.kind(), ErrorKind::Timeout);
    assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())]);
    // A call that waits for a slot until its deadline.
    let stitch = get(&once().throttle(Throttle::rate("1/m")).deadline(2 * SECOND).build()?, "/a");
    sim.block_on(calls(&stitch, 1))[0].unwrap();
    assert!(matches!(sim.block_on(calls(&stitch, 2))[..], [Err(ErrorKind::Throttled), Err(ErrorKind::Throttled)]));
    Ok(())
}

#[test]
fn a_call_that_the_circuit_refuses_takes_no_slot() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::responding(503));
    let seam = without_retries(&sim, &api).circuit(Circuit::after(1)).throttle(Throttle::rate("1/s")).build()?;
    let stitch = get(&seam, "/a");
    sim.block_on(calls(&stitch, 1));
    sim.block_on(sim.sleep(2 * SECOND));
    let before = sim.now();
    assert_eq!(sim.block_on(calls(&stitch, 50)), [Err(ErrorKind::CircuitOpen); 50]);
    assert!(sim.block_on(seam.permit(1))?.waited().is_zero());
    assert_eq!(sim.now(), before);
    Ok(())
}

#[test]
fn a_call_that_waits_for_a_slot_fails_as_soon_as_the_circuit_opens() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = Api::responding(503).latency(SECOND / 2, &sim);
    let seam = without_retries(&sim, &api).circuit(Circuit::after(1)).throttle(Throttle::rate("1/s")).build()?;
    let (stitch, before) = (get(&seam, "/a"), sim.now());
    let results = sim.block_on(join_all((0..20).map(|_| calls(&stitch, 1)))).concat();
    assert_eq!(results.iter().filter(|end| **end == Err(ErrorKind::CircuitOpen)).count(), 19);
    assert_eq!((sim.now(), api.requests()), (before + SECOND / 2, 1));
    Ok(())
}

#[test]
fn a_response_of_another_origin_is_not_counted() -> Result<()> {
    let sim = SimRuntime::new(1);
    let transport = MockTransport::new(|request| {
        let is_own_origin = request.uri().host() == Some("api.example.com");
        let answer = http::Response::builder().status(if is_own_origin { 302 } else { 503 });
        answer.header("location", "https://elsewhere.example.com/a").body(Bytes::new()).unwrap()
    });
    let builder = seam(&sim, &transport).retry(Retry::none()).redirects(1).circuit(Circuit::after(1));
    assert_eq!(sim.block_on(calls(&get(&builder.build()?, "/a"), 3)), [Err(ErrorKind::Status); 3]);
    Ok(())
}

#[test]
fn one_call_probes_and_closes_the_circuit_or_opens_it_again() -> Result<()> {
    let ((sink, taken), sim) = (events(), SimRuntime::new(1));
    let api = Api::responding(503).latency(SECOND, &sim);
    let stitch = get(&without_retries(&sim, &api).circuit(Circuit::after(1)).sink(sink).build()?, "/a");
    sim.block_on(calls(&stitch, 1));
    for status in [503, 200] {
        sim.block_on(sim.sleep(OPEN_FOR));
        api.respond(status);
        let before = api.requests();
        let results = sim.block_on(join_all((0..50).map(|_| calls(&stitch, 1)))).concat();
        assert_eq!(results.iter().filter(|end| **end == Err(ErrorKind::CircuitOpen)).count(), 49);
        assert_eq!(api.requests(), before + 1);
    }
    assert_eq!(sim.block_on(calls(&stitch, 9)), [Ok(()); 9]);
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(changes(&taken), ["opened", "half open", "opened", "half open", "closed"]);
    Ok(())
}

#[test]
fn after_a_probe_that_is_dropped_the_next_call_probes() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let api = Api::responding(503).latency(SECOND, &sim);
        let mut builder = without_retries(&sim, &api).circuit(Circuit::after(1));
        if shared {
            builder = builder.store(store(&sim));
        }
        let stitch = get(&builder.build()?, "/a");
        sim.block_on(calls(&stitch, 1));
        sim.block_on(sim.sleep(OPEN_FOR));
        api.respond(200);
        let dropped = select(Box::pin(stitch.call(()).send()), sim.sleep(SECOND / 2));
        assert!(matches!(sim.block_on(dropped), Either::Right(_)));
        sim.block_on(sim.sleep(Duration::from_millis(1)));
        assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())], "shared: {shared}");
    }
    Ok(())
}

#[test]
fn the_response_to_a_request_from_before_a_change_does_not_count() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = Api::responding(200).latency(5 * SECOND, &sim);
    let circuit = Circuit::after(1).open_for(SECOND);
    let stitch = get(&without_retries(&sim, &api).circuit(circuit).build()?, "/a");
    let begin = |status: u16| {
        api.respond(status);
        let mut call = Box::pin(stitch.call(()).send());
        assert!((&mut call).now_or_never().is_none());
        call
    };
    // The statuses are set when the requests are sent: 503, 503, 200. The responses arrive one second apart.
    let first = begin(503);
    sim.block_on(sim.sleep(SECOND));
    let second = begin(503);
    let third = begin(200);
    assert!(sim.block_on(first).is_err());
    // The first response opens the circuit.
    assert!(sim.block_on(third).is_ok());
    assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())], "the circuit is half open, and this call closes it");
    assert!(sim.block_on(second).is_err());
    assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())]);
    Ok(())
}

#[test]
fn a_fleet_sends_one_probe_and_closes_every_circuit() {
    (0..6).for_each(a_fleet_probes_and_closes);
}

fn a_fleet_probes_and_closes(seed: u64) {
    let sim = SimRuntime::new(seed);
    let api = Api::responding(503).latency(3 * SECOND, &sim);
    let (store, processes) = (Spy::on(sim.clone()).far(Duration::from_millis(50)), [(); 4].map(|()| Process::on(&sim)));
    let (workers, events): (Vec<_>, Vec<_>) =
        processes.iter().map(|process| worker_with_events(&sim, &api, process, &store)).unzip();
    let all =
        || async { join_all(workers.iter().flat_map(|worker| (0..50).map(move |_| calls(worker, 1)))).await.concat() };
    sim.block_on(async {
        calls(&workers[0], 1).await;
        api.respond(200);
        join_all(workers.iter().map(|worker| wait_until_open(&sim, worker))).await;
        sim.sleep(20 * SECOND).await;
        let before = api.requests();
        all().await;
        assert_eq!(api.requests(), before, "the circuit is open in every process");

        sim.sleep(10 * SECOND).await;
        let begun = sim.now();
        // The rounds overlap, so that calls are made while the probe is running and as it ends.
        let rounds = (0..40).map(|round| {
            let (sim, all) = (&sim, &all);
            async move {
                sim.sleep(round * SECOND / 10).await;
                all().await
            }
        });
        let results = join_all(rounds).await;
        assert_eq!(results[..29].concat().iter().filter(|end| end.is_ok()).count(), 1, "one probe");
        // A process that makes calls learns of the change within a second.
        assert!(sim.now().since(begun) < 8 * SECOND);
        assert!(all().await.iter().all(Result::is_ok));
    });
    let changes: Vec<_> = events.iter().flat_map(|taken| changes(taken)).collect();
    let times = |change| changes.iter().filter(|other| **other == change).count();
    assert_eq!((times("opened"), times("half open"), times("closed")), (1, 1, 1), "{changes:?}");
    assert_eq!((times("opened elsewhere"), times("closed elsewhere")), (3, 3), "{changes:?}");
}

#[test]
fn another_process_learns_within_a_second_that_the_circuit_is_open() {
    let (sim, api) = (SimRuntime::new(3), Api::responding(200));
    let store = Spy::on(sim.clone()).far(Duration::from_millis(5));
    let [here, there] = [(); 2].map(|()| worker(&sim, &api, &Process::on(&sim), &store));
    sim.block_on(async {
        let mut opened = None;
        for turn in 0..40 {
            if turn == 13 {
                api.respond(503);
                assert_eq!(calls(&here, 1).await, [Err(ErrorKind::Status)]);
                api.respond(200);
                opened = Some(sim.now());
            }
            let end = there.call(()).await;
            if let (Some(at), Err(error)) = (opened, &end) {
                assert!(sim.now().since(at) <= SECOND);
                assert_eq!(
                    error.to_string(),
                    "GET /a: the circuit of the stitch is open: GET /a in another process received status 503"
                );
                return;
            }
            assert!(end.is_ok());
            sim.sleep(SECOND / 20).await;
        }
        panic!("the process has not learned that the circuit is open");
    });
}

#[test]
fn after_the_death_of_the_probing_process_another_process_probes() {
    let sim = SimRuntime::new(1);
    let (api, store) = (Api::responding(503).latency(SECOND / 2, &sim), store(&sim));
    let dying = Process::on(&sim);
    let here = worker(&sim, &api, &Process::on(&sim), &store);
    let there = worker(&sim, &api, &dying, &store);
    sim.block_on(async {
        calls(&here, 1).await;
        calls(&there, 1).await;
        sim.sleep(OPEN_FOR + SECOND).await;
        api.respond(200);
        let before = api.requests();
        sim.spawn(dying.run(async move { drop(there.call(()).await) }));
        sim.sleep(SECOND / 4).await;
        dying.stop();
        assert_eq!(api.requests(), before + 1);
        assert_eq!(calls(&here, 1).await, [Err(ErrorKind::CircuitOpen)]);
        sim.sleep(SECOND + SECOND / 4).await;
        assert_eq!(calls(&here, 1).await, [Ok(())]);
    });
}

#[test]
fn wrong_wall_clocks_cause_no_second_probe_and_no_longer_open_period() {
    let hour = Duration::from_secs(3600);
    for (opens_ahead, other_ahead) in [(hour, Duration::ZERO), (Duration::ZERO, hour)] {
        let sim = SimRuntime::new(1);
        let (api, store) = (Api::responding(503), store(&sim));
        let opens = worker(&sim, &api, &Process::on(&sim).ahead(opens_ahead), &store);
        let other = worker(&sim, &api, &Process::on(&sim).ahead(other_ahead), &store);
        within_a_minute(&sim, async {
            calls(&opens, 1).await;
            api.respond(200);
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
    let (api, store) = (Api::responding(503), store(&sim));
    // Its wall clock is ahead, so that other processes expect the whole open period.
    let opens = worker(&sim, &api, &Process::on(&sim).ahead(Duration::from_secs(3600)), &store);
    let late = worker(&sim, &api, &Process::on(&sim), &store);
    sim.block_on(async {
        calls(&opens, 1).await;
        api.respond(200);
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
fn a_failed_store_fails_no_call_and_each_process_has_its_own_circuit() {
    let (sim, api) = (SimRuntime::new(1), Api::responding(200));
    let store = Spy::on(sim.clone());
    let [here, there] = [(); 2].map(|()| worker(&sim, &api, &Process::on(&sim), &store));
    store.fail(Some(StoreErrorKind::Unavailable));
    sim.block_on(async {
        assert_eq!(calls(&here, 3).await, [Ok(()); 3]);
        api.respond(503);
        assert_eq!(calls(&here, 2).await, [Err(ErrorKind::Status), Err(ErrorKind::CircuitOpen)]);
        api.respond(200);
        sim.sleep(SECOND).await;
        assert_eq!(calls(&there, 1).await, [Ok(())]);
        sim.sleep(OPEN_FOR).await;
        assert_eq!(calls(&here, 3).await, [Ok(()); 3]);
        // A store that hangs delays the probe by two timeouts, and no other call.
        api.respond(503);
        store.fail(None);
        store.hang(true);
        calls(&here, 1).await;
        let before = sim.now();
        assert_eq!(calls(&here, 9).await, [Err(ErrorKind::CircuitOpen); 9]);
        assert_eq!(sim.now(), before);
        sim.sleep(OPEN_FOR).await;
        api.respond(200);
        let before = sim.now();
        assert_eq!(calls(&here, 1).await, [Ok(())]);
        assert_eq!(sim.now().since(before), Duration::from_millis(500));
    });
}

#[test]
fn cached_responses_are_returned_while_the_circuit_is_open() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::responding(200));
    let seam = without_retries(&sim, &api).circuit(Circuit::after(1)).cache(Cache::ttl(60 * SECOND)).build()?;
    let stitch: Stitch<u8, ()> = seam.get("/a/{id}").build_with(decode::empty)?;
    sim.block_on(stitch.call(1).send())?;
    api.respond(503);
    assert_eq!(sim.block_on(stitch.call(2).send()).err().unwrap().kind(), ErrorKind::Status);
    assert_eq!(sim.block_on(stitch.call(2).send()).err().unwrap().kind(), ErrorKind::CircuitOpen);
    sim.block_on(stitch.call(1).send())?;
    Ok(())
}

#[test]
fn each_stitch_has_a_circuit_of_its_own_and_one_may_have_none() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::responding(503));
    let seam = without_retries(&sim, &api).circuit(Circuit::after(1)).build()?;
    let none: Stitch<(), ()> = seam.get("/none").circuit(Circuit::none()).build_with(decode::empty)?;
    let patient: Stitch<(), ()> = seam.get("/patient").circuit(Circuit::after(2)).build_with(decode::empty)?;
    sim.block_on(calls(&get(&seam, "/a"), 2));
    assert_eq!(sim.block_on(calls(&get(&seam, "/a"), 1)), [Err(ErrorKind::CircuitOpen)]);
    let status = Err(ErrorKind::Status);
    assert_eq!(sim.block_on(calls(&get(&seam, "/b"), 1)), [status]);
    assert_eq!(sim.block_on(calls(&none, 3)), [status; 3]);
    assert_eq!(sim.block_on(calls(&patient, 3)), [status, status, Err(ErrorKind::CircuitOpen)]);
    Ok(())
}

#[test]
fn the_circuit_of_a_host_serves_all_its_stitches_and_other_seams_on_the_store() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::responding(503));
    let store = store(&sim);
    let of = |name| {
        without_retries(&sim, &api).name(name).circuit(Circuit::after(1).per_host()).store(store.clone()).build()
    };
    let (one, other) = (of("one")?, of("other")?);
    sim.block_on(calls(&get(&one, "/a"), 1));
    let error = sim.block_on(fail(&get(&one, "/b")));
    assert_eq!(error.to_string(), "GET /b: the circuit of api.example.com is open: GET /a received status 503");
    api.respond(200);
    let elsewhere = get(&other, "/c");
    sim.block_on(wait_until_open(&sim, &elsewhere));
    Ok(())
}

#[test]
fn two_declarations_of_one_circuit_must_be_equal() -> Result<()> {
    let seam =
        without_retries(&SimRuntime::new(1), &Api::responding(200)).circuit(Circuit::after(1).per_host()).build()?;
    let _ = get(&seam, "/a");
    let built = seam.get("/b").circuit(Circuit::after(2).per_host()).build_with::<(), _>(decode::empty);
    let error = built.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("already has a circuit with other settings"), "{error}");
    let wrong = without_retries(&SimRuntime::new(1), &Api::responding(200)).circuit(Circuit::after(0)).build();
    assert_eq!(wrong.err().unwrap().kind(), ErrorKind::Config);
    Ok(())
}

#[test]
fn a_process_reads_the_store_twice_a_second_and_requests_the_probe_four_times() {
    let sim = SimRuntime::new(1);
    let (api, store) = (Api::responding(503).latency(5 * SECOND, &sim), Spy::on(sim.clone()));
    let [probing, other] = [(); 2].map(|()| worker(&sim, &api, &Process::on(&sim), &store));
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

/// A runtime without tasks: nothing runs beside a call.
#[derive(Debug)]
struct WithoutTasks(SimRuntime);

impl Runtime for WithoutTasks {
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
        panic!("a task was spawned beside the call");
    }
    fn random(&self) -> u64 {
        self.0.random()
    }
    fn joins_callers(&self) -> bool {
        false
    }
}

#[test]
fn where_no_tasks_run_the_call_itself_reads_the_store() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::responding(503));
    let store = store(&sim);
    let of = || {
        without_retries(&sim, &api)
            .runtime(WithoutTasks(sim.clone()))
            .store(store.clone())
            .circuit(Circuit::after(1))
            .build()
    };
    assert_eq!(sim.block_on(calls(&get(&of()?, "/a"), 1)), [Err(ErrorKind::Status)]);
    // In such a runtime each request builds a seam of its own.
    assert_eq!(sim.block_on(calls(&get(&of()?, "/a"), 1)), [Err(ErrorKind::CircuitOpen)]);
    sim.block_on(sim.sleep(OPEN_FOR + SECOND));
    api.respond(200);
    assert_eq!(sim.block_on(calls(&get(&of()?, "/a"), 2)), [Ok(()); 2]);
    Ok(())
}

#[test]
fn an_unreadable_record_counts_as_missing() -> Result<()> {
    let (sim, api, (sink, taken)) = (SimRuntime::new(1), Api::responding(503), events());
    let store = Spy::on(sim.clone());
    let of = || without_retries(&sim, &api).store(store.clone()).circuit(Circuit::after(1));
    let (here, there) = (get(&of().build()?, "/a"), get(&of().sink(sink).build()?, "/a"));
    sim.block_on(calls(&here, 1));
    sim.block_on(sim.sleep(SECOND));
    sim.block_on(store.tamper("circuit"));
    api.respond(200);
    for _ in 0..5 {
        assert_eq!(sim.block_on(calls(&there, 1)), [Ok(())]);
        sim.block_on(sim.sleep(SECOND));
    }
    assert!(taken.lock().unwrap().iter().any(|event| matches!(event.kind, EventKind::Unreadable { .. })));
    sim.block_on(sim.sleep(OPEN_FOR));
    assert_eq!(sim.block_on(calls(&here, 2)), [Ok(()); 2]);
    Ok(())
}
