//! When an API is left alone, and by whom: in virtual time.

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

/// An API whose answers have the status that it has just now.
#[derive(Clone)]
struct Api {
    status: Arc<AtomicU16>,
    transport: MockTransport,
}

impl Api {
    fn answering(status: u16) -> Self {
        let status = Arc::new(AtomicU16::new(status));
        let transport = MockTransport::new({
            let status = status.clone();
            move |_| http::Response::builder().status(status.load(Ordering::Relaxed)).body(Bytes::new()).unwrap()
        });
        Self { status, transport }
    }

    fn taking(mut self, duration: Duration, sim: &SimRuntime) -> Self {
        self.transport = self.transport.taking(duration, Arc::new(sim.clone()));
        self
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    fn requests(&self) -> usize {
        self.transport.requests().len()
    }
}

/// A seam without retries.
fn plain(sim: &SimRuntime, api: &Api) -> SeamBuilder {
    seam(sim, &api.transport).retry(Retry::none())
}

fn get(seam: &Seam, path: &str) -> Stitch<(), ()> {
    seam.get(path).build_with(decode::empty).unwrap()
}

/// Calls so often, one after the other.
async fn calls(stitch: &Stitch<(), ()>, calls: usize) -> Vec<Result<(), ErrorKind>> {
    let mut ends = Vec::new();
    for _ in 0..calls {
        ends.push(stitch.call(()).await.map_err(|error| error.kind()));
    }
    ends
}

async fn fail(stitch: &Stitch<(), ()>) -> Error {
    stitch.call(()).await.unwrap_err()
}

/// Calls until it knows that the circuit is open, for at most a second.
async fn comes_to_know(sim: &SimRuntime, stitch: &Stitch<(), ()>) {
    for _ in 0..20 {
        if calls(stitch, 1).await == [Err(ErrorKind::CircuitOpen)] {
            return;
        }
        sim.sleep(SECOND / 20).await;
    }
    panic!("it has not come to know");
}

fn store(sim: &SimRuntime) -> MemoryStore {
    MemoryStore::on(Arc::new(sim.clone()))
}

/// A process of a fleet, its circuit that of `/a` after one failure; and what it tells.
fn worker_that_tells(
    sim: &SimRuntime,
    api: &Api,
    process: &Process,
    store: &(impl StitchStore + Clone),
) -> (Stitch<(), ()>, Arc<Mutex<Vec<Event>>>) {
    let (sink, taken) = events();
    let builder = plain(sim, api).runtime(process.clone()).store(store.clone()).circuit(Circuit::after(1)).sink(sink);
    (get(&builder.build().unwrap(), "/a"), taken)
}

fn worker(sim: &SimRuntime, api: &Api, process: &Process, store: &(impl StitchStore + Clone)) -> Stitch<(), ()> {
    worker_that_tells(sim, api, process, store).0
}

fn told(taken: &Mutex<Vec<Event>>) -> Vec<&'static str> {
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
fn after_the_declared_failures_calls_fail_at_once_and_send_nothing() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::answering(503));
    let stitch = get(&plain(&sim, &api).circuit(Circuit::after(3)).build()?, "/a");
    assert_eq!(sim.block_on(calls(&stitch, 3)), [Err(ErrorKind::Status); 3]);
    let error = sim.block_on(fail(&stitch));
    assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::CircuitOpen, 0, true));
    assert_eq!(error.retry_after(), Some(OPEN_FOR));
    assert_eq!(error.to_string(), "GET /a: its circuit is open: GET /a was answered 503");
    assert_eq!(api.requests(), 3);
    Ok(())
}

#[test]
fn a_rate_of_failures_opens_it_when_enough_was_called() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::answering(200));
    let stitch = get(&plain(&sim, &api).circuit(Circuit::default()).build()?, "/a");
    sim.block_on(calls(&stitch, 5));
    api.answers(500);
    assert_eq!(sim.block_on(calls(&stitch, 6))[4..], [Err(ErrorKind::Status), Err(ErrorKind::CircuitOpen)]);
    Ok(())
}

#[test]
fn every_attempt_counts_and_a_retry_that_finds_it_open_ends_with_what_came_before() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::answering(503));
    let stitch = get(&seam(&sim, &api.transport).circuit(Circuit::after(2)).build()?, "/a");
    let error = sim.block_on(fail(&stitch));
    assert_eq!((error.kind(), error.attempts(), api.requests()), (ErrorKind::Status, 2, 2));
    Ok(())
}

#[test]
fn an_attempt_without_an_answer_is_a_failure() -> Result<()> {
    for kind in [TransportErrorKind::Connect, TransportErrorKind::Broken, TransportErrorKind::Timeout] {
        let (sim, mut api) = (SimRuntime::new(1), Api::answering(200));
        api.transport = api.transport.failing(1, kind);
        let stitch = get(&plain(&sim, &api).circuit(Circuit::after(1)).build()?, "/a");
        assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Transport), Err(ErrorKind::CircuitOpen)]);
    }
    let sim = SimRuntime::new(1);
    let api = Api::answering(200).taking(11 * SECOND, &sim);
    let stitch = get(&plain(&sim, &api).circuit(Circuit::after(1)).build()?, "/a");
    assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Timeout), Err(ErrorKind::CircuitOpen)]);
    Ok(())
}

#[test]
fn an_answer_that_is_the_callers_affair_is_no_failure() -> Result<()> {
    for status in [400, 401, 403, 404, 429, 501] {
        let (sim, api) = (SimRuntime::new(1), Api::answering(status));
        let stitch = get(&plain(&sim, &api).circuit(Circuit::after(1)).build()?, "/a");
        assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Status); 2], "{status}");
    }
    Ok(())
}

#[test]
fn what_says_nothing_about_the_api_is_not_counted() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = Api::answering(200).taking(SECOND, &sim);
    let once = || plain(&sim, &api).circuit(Circuit::after(1));
    // An answer that does not decode.
    let stitch: Stitch<(), u8> = once().build()?.get("/a").build()?;
    assert_eq!(sim.block_on(stitch.call(()).send()).err().unwrap().kind(), ErrorKind::Decode);
    assert_eq!(sim.block_on(stitch.call(()).send()).err().unwrap().kind(), ErrorKind::Decode);
    // A credential that cannot be made ready.
    let stitch = get(&once().auth(auth::bearer(env("STITCHAPI_NO_SUCH_VARIABLE"))).build()?, "/a");
    assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Auth); 2]);
    // A caller that leaves, and one in a hurry.
    let stitch = get(&once().build()?, "/a");
    let left = select(Box::pin(stitch.call(()).send()), sim.sleep(SECOND / 2));
    assert!(matches!(sim.block_on(left), Either::Right(_)));
    let hurried = sim.block_on(stitch.call(()).deadline(SECOND / 2).send()).err().unwrap();
    assert_eq!(hurried.kind(), ErrorKind::Timeout);
    assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())]);
    // Who waits for a slot until the time is up.
    let stitch = get(&once().throttle(Throttle::rate("1/m")).deadline(2 * SECOND).build()?, "/a");
    sim.block_on(calls(&stitch, 1))[0].unwrap();
    assert!(matches!(sim.block_on(calls(&stitch, 2))[..], [Err(ErrorKind::Throttled), Err(ErrorKind::Throttled)]));
    Ok(())
}

#[test]
fn an_open_circuit_draws_no_slot() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::answering(503));
    let seam = plain(&sim, &api).circuit(Circuit::after(1)).throttle(Throttle::rate("1/s")).build()?;
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
fn who_waits_for_a_slot_fails_as_soon_as_it_opens() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = Api::answering(503).taking(SECOND / 2, &sim);
    let seam = plain(&sim, &api).circuit(Circuit::after(1)).throttle(Throttle::rate("1/s")).build()?;
    let (stitch, before) = (get(&seam, "/a"), sim.now());
    let ends = sim.block_on(join_all((0..20).map(|_| calls(&stitch, 1)))).concat();
    assert_eq!(ends.iter().filter(|end| **end == Err(ErrorKind::CircuitOpen)).count(), 19);
    assert_eq!((sim.now(), api.requests()), (before + SECOND / 2, 1));
    Ok(())
}

#[test]
fn what_a_redirect_meets_at_another_origin_is_not_counted() -> Result<()> {
    let sim = SimRuntime::new(1);
    let transport = MockTransport::new(|request| {
        let at_home = request.uri().host() == Some("api.example.com");
        let answer = http::Response::builder().status(if at_home { 302 } else { 503 });
        answer.header("location", "https://elsewhere.example.com/a").body(Bytes::new()).unwrap()
    });
    let builder = seam(&sim, &transport).retry(Retry::none()).redirects(1).circuit(Circuit::after(1));
    assert_eq!(sim.block_on(calls(&get(&builder.build()?, "/a"), 3)), [Err(ErrorKind::Status); 3]);
    Ok(())
}

#[test]
fn one_call_sees_whether_the_api_is_back_and_closes_it_or_opens_it_again() -> Result<()> {
    let ((sink, taken), sim) = (events(), SimRuntime::new(1));
    let api = Api::answering(503).taking(SECOND, &sim);
    let stitch = get(&plain(&sim, &api).circuit(Circuit::after(1)).sink(sink).build()?, "/a");
    sim.block_on(calls(&stitch, 1));
    for status in [503, 200] {
        sim.block_on(sim.sleep(OPEN_FOR));
        api.answers(status);
        let before = api.requests();
        let ends = sim.block_on(join_all((0..50).map(|_| calls(&stitch, 1)))).concat();
        assert_eq!(ends.iter().filter(|end| **end == Err(ErrorKind::CircuitOpen)).count(), 49);
        assert_eq!(api.requests(), before + 1);
    }
    assert_eq!(sim.block_on(calls(&stitch, 9)), [Ok(()); 9]);
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(told(&taken), ["opened", "half open", "opened", "half open", "closed"]);
    Ok(())
}

#[test]
fn a_probe_that_leaves_gives_its_place_to_the_next_call() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let api = Api::answering(503).taking(SECOND, &sim);
        let mut builder = plain(&sim, &api).circuit(Circuit::after(1));
        if shared {
            builder = builder.store(store(&sim));
        }
        let stitch = get(&builder.build()?, "/a");
        sim.block_on(calls(&stitch, 1));
        sim.block_on(sim.sleep(OPEN_FOR));
        api.answers(200);
        let left = select(Box::pin(stitch.call(()).send()), sim.sleep(SECOND / 2));
        assert!(matches!(sim.block_on(left), Either::Right(_)));
        sim.block_on(sim.sleep(Duration::from_millis(1)));
        assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())], "shared: {shared}");
    }
    Ok(())
}

#[test]
fn what_was_sent_before_a_change_does_not_count_when_it_is_answered_after_it() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = Api::answering(200).taking(5 * SECOND, &sim);
    let circuit = Circuit::after(1).open_for(SECOND);
    let stitch = get(&plain(&sim, &api).circuit(circuit).build()?, "/a");
    let begin = |status: u16| {
        api.answers(status);
        let mut call = Box::pin(stitch.call(()).send());
        assert!((&mut call).now_or_never().is_none());
        call
    };
    // Decided when they are sent, 503 twice and 200, and answered one second after the other.
    let first = begin(503);
    sim.block_on(sim.sleep(SECOND));
    let second = begin(503);
    let third = begin(200);
    assert!(sim.block_on(first).is_err());
    // Opened by the first.
    assert!(sim.block_on(third).is_ok());
    assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())], "half open by now, and closed by this one");
    assert!(sim.block_on(second).is_err());
    assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())]);
    Ok(())
}

#[test]
fn a_fleet_sends_one_probe_and_closes_for_all() {
    (0..6).for_each(a_fleet_probes_and_closes);
}

fn a_fleet_probes_and_closes(seed: u64) {
    let sim = SimRuntime::new(seed);
    let api = Api::answering(503).taking(3 * SECOND, &sim);
    let (store, processes) = (Spy::on(sim.clone()).far(Duration::from_millis(50)), [(); 4].map(|()| Process::on(&sim)));
    let (workers, told_by): (Vec<_>, Vec<_>) =
        processes.iter().map(|process| worker_that_tells(&sim, &api, process, &store)).unzip();
    let all =
        || async { join_all(workers.iter().flat_map(|worker| (0..50).map(move |_| calls(worker, 1)))).await.concat() };
    sim.block_on(async {
        calls(&workers[0], 1).await;
        api.answers(200);
        join_all(workers.iter().map(|worker| comes_to_know(&sim, worker))).await;
        sim.sleep(20 * SECOND).await;
        let before = api.requests();
        all().await;
        assert_eq!(api.requests(), before, "it is open everywhere");

        sim.sleep(10 * SECOND).await;
        let begun = sim.now();
        // The rounds overlap: those who come while the probe is under way, and as it ends.
        let rounds = (0..40).map(|round| {
            let (sim, all) = (&sim, &all);
            async move {
                sim.sleep(round * SECOND / 10).await;
                all().await
            }
        });
        let ends = join_all(rounds).await;
        assert_eq!(ends[..29].concat().iter().filter(|end| end.is_ok()).count(), 1, "one probe");
        // Whoever calls comes to know within a second.
        assert!(sim.now().since(begun) < 8 * SECOND);
        assert!(all().await.iter().all(Result::is_ok));
    });
    let told: Vec<_> = told_by.iter().flat_map(|taken| told(taken)).collect();
    let times = |what| told.iter().filter(|told| **told == what).count();
    assert_eq!((times("opened"), times("half open"), times("closed")), (1, 1, 1), "{told:?}");
    assert_eq!((times("opened elsewhere"), times("closed elsewhere")), (3, 3), "{told:?}");
}

#[test]
fn an_opening_reaches_another_process_within_a_second() {
    let (sim, api) = (SimRuntime::new(3), Api::answering(200));
    let store = Spy::on(sim.clone()).far(Duration::from_millis(5));
    let [here, there] = [(); 2].map(|()| worker(&sim, &api, &Process::on(&sim), &store));
    sim.block_on(async {
        let mut opened = None;
        for turn in 0..40 {
            if turn == 13 {
                api.answers(503);
                assert_eq!(calls(&here, 1).await, [Err(ErrorKind::Status)]);
                api.answers(200);
                opened = Some(sim.now());
            }
            let end = there.call(()).await;
            if let (Some(at), Err(error)) = (opened, &end) {
                assert!(sim.now().since(at) <= SECOND);
                assert_eq!(
                    error.to_string(),
                    "GET /a: its circuit is open: GET /a, in another process, was answered 503"
                );
                return;
            }
            assert!(end.is_ok());
            sim.sleep(SECOND / 20).await;
        }
        panic!("it has not come to know");
    });
}

#[test]
fn a_probe_whose_process_dies_is_replaced() {
    let sim = SimRuntime::new(1);
    let (api, store) = (Api::answering(503).taking(SECOND / 2, &sim), store(&sim));
    let dying = Process::on(&sim);
    let here = worker(&sim, &api, &Process::on(&sim), &store);
    let there = worker(&sim, &api, &dying, &store);
    sim.block_on(async {
        calls(&here, 1).await;
        calls(&there, 1).await;
        sim.sleep(OPEN_FOR + SECOND).await;
        api.answers(200);
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
fn wrong_wall_clocks_make_no_second_probe_and_no_longer_opening() {
    let hour = Duration::from_secs(3600);
    for (opens_ahead, other_ahead) in [(hour, Duration::ZERO), (Duration::ZERO, hour)] {
        let sim = SimRuntime::new(1);
        let (api, store) = (Api::answering(503), store(&sim));
        let opens = worker(&sim, &api, &Process::on(&sim).ahead(opens_ahead), &store);
        let other = worker(&sim, &api, &Process::on(&sim).ahead(other_ahead), &store);
        within_a_minute(&sim, async {
            calls(&opens, 1).await;
            api.answers(200);
            comes_to_know(&sim, &other).await;
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
fn who_hears_of_it_late_waits_no_longer_than_the_others() {
    let sim = SimRuntime::new(1);
    let (api, store) = (Api::answering(503), store(&sim));
    // Its wall clock has the others believe in the whole of its time.
    let opens = worker(&sim, &api, &Process::on(&sim).ahead(Duration::from_secs(3600)), &store);
    let late = worker(&sim, &api, &Process::on(&sim), &store);
    sim.block_on(async {
        calls(&opens, 1).await;
        api.answers(200);
        sim.sleep(20 * SECOND).await;
        comes_to_know(&sim, &late).await;
        assert!(fail(&late).await.retry_after().unwrap() > 25 * SECOND);
        sim.sleep(10 * SECOND).await;
        // By asking, and not by the time it was told.
        calls(&late, 1).await;
        sim.sleep(SECOND / 10).await;
        assert_eq!(calls(&late, 1).await, [Ok(())]);
    });
}

#[test]
fn a_store_that_fails_costs_no_call_and_each_process_has_the_circuit_for_itself() {
    let (sim, api) = (SimRuntime::new(1), Api::answering(200));
    let store = Spy::on(sim.clone());
    let [here, there] = [(); 2].map(|()| worker(&sim, &api, &Process::on(&sim), &store));
    store.fail(Some(StoreErrorKind::Unavailable));
    sim.block_on(async {
        assert_eq!(calls(&here, 3).await, [Ok(()); 3]);
        api.answers(503);
        assert_eq!(calls(&here, 2).await, [Err(ErrorKind::Status), Err(ErrorKind::CircuitOpen)]);
        api.answers(200);
        sim.sleep(SECOND).await;
        assert_eq!(calls(&there, 1).await, [Ok(())]);
        sim.sleep(OPEN_FOR).await;
        assert_eq!(calls(&here, 3).await, [Ok(()); 3]);
        // One that does not answer takes a probe two of its timeouts, and nobody else any time.
        api.answers(503);
        store.fail(None);
        store.hang(true);
        calls(&here, 1).await;
        let before = sim.now();
        assert_eq!(calls(&here, 9).await, [Err(ErrorKind::CircuitOpen); 9]);
        assert_eq!(sim.now(), before);
        sim.sleep(OPEN_FOR).await;
        api.answers(200);
        let before = sim.now();
        assert_eq!(calls(&here, 1).await, [Ok(())]);
        assert_eq!(sim.now().since(before), Duration::from_millis(500));
    });
}

#[test]
fn what_the_cache_has_is_served_while_it_is_open() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::answering(200));
    let seam = plain(&sim, &api).circuit(Circuit::after(1)).cache(Cache::ttl(60 * SECOND)).build()?;
    let stitch: Stitch<u8, ()> = seam.get("/a/{id}").build_with(decode::empty)?;
    sim.block_on(stitch.call(1).send())?;
    api.answers(503);
    assert_eq!(sim.block_on(stitch.call(2).send()).err().unwrap().kind(), ErrorKind::Status);
    assert_eq!(sim.block_on(stitch.call(2).send()).err().unwrap().kind(), ErrorKind::CircuitOpen);
    sim.block_on(stitch.call(1).send())?;
    Ok(())
}

#[test]
fn each_stitch_has_its_own_and_one_may_have_none() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::answering(503));
    let seam = plain(&sim, &api).circuit(Circuit::after(1)).build()?;
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
fn a_host_has_one_for_all_its_stitches_and_for_other_seams_on_the_store() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::answering(503));
    let store = store(&sim);
    let of = |name| plain(&sim, &api).name(name).circuit(Circuit::after(1).per_host()).store(store.clone()).build();
    let (one, other) = (of("one")?, of("other")?);
    sim.block_on(calls(&get(&one, "/a"), 1));
    let error = sim.block_on(fail(&get(&one, "/b")));
    assert_eq!(error.to_string(), "GET /b: the circuit of api.example.com is open: GET /a was answered 503");
    api.answers(200);
    let elsewhere = get(&other, "/c");
    sim.block_on(comes_to_know(&sim, &elsewhere));
    Ok(())
}

#[test]
fn a_host_whose_stitches_do_not_agree_does_not_build() -> Result<()> {
    let seam = plain(&SimRuntime::new(1), &Api::answering(200)).circuit(Circuit::after(1).per_host()).build()?;
    let _ = get(&seam, "/a");
    let built = seam.get("/b").circuit(Circuit::after(2).per_host()).build_with::<(), _>(decode::empty);
    let error = built.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("another one of this name"), "{error}");
    let wrong = plain(&SimRuntime::new(1), &Api::answering(200)).circuit(Circuit::after(0)).build();
    assert_eq!(wrong.err().unwrap().kind(), ErrorKind::Config);
    Ok(())
}

/// A runtime in which nobody does anything beside a call.
#[derive(Debug)]
struct Alone(SimRuntime);

impl Runtime for Alone {
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
        panic!("a task beside the call");
    }
    fn random(&self) -> u64 {
        self.0.random()
    }
    fn joins_callers(&self) -> bool {
        false
    }
}

#[test]
fn where_nothing_runs_beside_a_call_the_store_is_asked_by_the_call() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), Api::answering(503));
    let store = store(&sim);
    let of = || plain(&sim, &api).runtime(Alone(sim.clone())).store(store.clone()).circuit(Circuit::after(1)).build();
    assert_eq!(sim.block_on(calls(&get(&of()?, "/a"), 1)), [Err(ErrorKind::Status)]);
    // Each request has a seam of its own there.
    assert_eq!(sim.block_on(calls(&get(&of()?, "/a"), 1)), [Err(ErrorKind::CircuitOpen)]);
    sim.block_on(sim.sleep(OPEN_FOR + SECOND));
    api.answers(200);
    assert_eq!(sim.block_on(calls(&get(&of()?, "/a"), 2)), [Ok(()); 2]);
    Ok(())
}

#[test]
fn a_record_that_nobody_can_read_is_none() -> Result<()> {
    let (sim, api, (sink, taken)) = (SimRuntime::new(1), Api::answering(503), events());
    let store = Spy::on(sim.clone());
    let of = || plain(&sim, &api).store(store.clone()).circuit(Circuit::after(1));
    let (here, there) = (get(&of().build()?, "/a"), get(&of().sink(sink).build()?, "/a"));
    sim.block_on(calls(&here, 1));
    sim.block_on(sim.sleep(SECOND));
    sim.block_on(store.tamper("circuit"));
    api.answers(200);
    for _ in 0..5 {
        assert_eq!(sim.block_on(calls(&there, 1)), [Ok(())]);
        sim.block_on(sim.sleep(SECOND));
    }
    assert!(taken.lock().unwrap().iter().any(|event| matches!(event.kind, EventKind::Unreadable { .. })));
    sim.block_on(sim.sleep(OPEN_FOR));
    assert_eq!(sim.block_on(calls(&here, 2)), [Ok(()); 2]);
    Ok(())
}
