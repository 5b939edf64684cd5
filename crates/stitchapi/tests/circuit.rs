//! Circuit breakers of one process, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::circuit::*;
use common::{recording_sink, seam};
use futures_util::FutureExt as _;
use futures_util::future::{Either, join_all, select};
use stitchapi::{
    Cache, Circuit, ErrorKind, Result, Retry, Runtime as _, Stitch, Throttle, TransportErrorKind, auth, decode, env,
};
use stitchapi_testing::{MockTransport, SimRuntime};

#[test]
fn after_the_declared_failures_calls_fail_at_once_without_a_request() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), StatusApi::new(503));
    let stitch = get(&seam_without_retries(&sim, &api).circuit(Circuit::after(3)).build()?, "/a");
    assert_eq!(sim.block_on(calls(&stitch, 3)), [Err(ErrorKind::Status); 3]);
    let error = sim.block_on(fail(&stitch));
    assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::CircuitOpen, 0, true));
    assert_eq!(error.retry_after(), Some(OPEN_FOR));
    assert_eq!(error.to_string(), "GET /a: the circuit of the stitch is open: GET /a received status 503");
    assert_eq!(api.requests(), 3);
    Ok(())
}

#[test]
fn a_failure_rate_opens_the_circuit_after_the_minimum_number_of_calls() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), StatusApi::new(200));
    let stitch = get(&seam_without_retries(&sim, &api).circuit(Circuit::default()).build()?, "/a");
    sim.block_on(calls(&stitch, 5));
    api.respond_with(500);
    assert_eq!(sim.block_on(calls(&stitch, 6))[4..], [Err(ErrorKind::Status), Err(ErrorKind::CircuitOpen)]);
    Ok(())
}

#[test]
fn every_attempt_counts_and_a_retry_on_an_open_circuit_returns_the_previous_error() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), StatusApi::new(503));
    let stitch = get(&seam(&sim, &api.transport).circuit(Circuit::after(2)).build()?, "/a");
    let error = sim.block_on(fail(&stitch));
    assert_eq!((error.kind(), error.attempts(), api.requests()), (ErrorKind::Status, 2, 2));
    Ok(())
}

#[test]
fn an_attempt_without_a_response_is_a_failure() -> Result<()> {
    for kind in [TransportErrorKind::Connect, TransportErrorKind::Broken, TransportErrorKind::Timeout] {
        let (sim, mut api) = (SimRuntime::new(1), StatusApi::new(200));
        api.transport = api.transport.failing(1, kind);
        let stitch = get(&seam_without_retries(&sim, &api).circuit(Circuit::after(1)).build()?, "/a");
        assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Transport), Err(ErrorKind::CircuitOpen)]);
    }
    let sim = SimRuntime::new(1);
    let api = StatusApi::new(200).latency(11 * SECOND, &sim);
    let stitch = get(&seam_without_retries(&sim, &api).circuit(Circuit::after(1)).build()?, "/a");
    assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Timeout), Err(ErrorKind::CircuitOpen)]);
    Ok(())
}

#[test]
fn a_client_error_status_is_not_a_failure() -> Result<()> {
    for status in [400, 401, 403, 404, 429, 501] {
        let (sim, api) = (SimRuntime::new(1), StatusApi::new(status));
        let stitch = get(&seam_without_retries(&sim, &api).circuit(Circuit::after(1)).build()?, "/a");
        assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Status); 2], "{status}");
    }
    Ok(())
}

#[test]
fn outcomes_without_information_about_the_api_are_not_counted() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = StatusApi::new(200).latency(SECOND, &sim);
    let once = || seam_without_retries(&sim, &api).circuit(Circuit::after(1));
    // A response that does not decode.
    let stitch: Stitch<(), u8> = once().build()?.get("/a").build()?;
    assert_eq!(sim.block_on(stitch.call(()).send()).err().unwrap().kind(), ErrorKind::Decode);
    assert_eq!(sim.block_on(stitch.call(()).send()).err().unwrap().kind(), ErrorKind::Decode);
    // A credential that cannot be resolved.
    let stitch = get(&once().auth(auth::bearer(env("STITCHAPI_NO_SUCH_VARIABLE"))).build()?, "/a");
    assert_eq!(sim.block_on(calls(&stitch, 2)), [Err(ErrorKind::Auth); 2]);
    // A dropped call, and a call whose deadline expires.
    let stitch = get(&once().build()?, "/a");
    let dropped = select(Box::pin(stitch.call(()).send()), sim.sleep(SECOND / 2));
    assert!(matches!(sim.block_on(dropped), Either::Right(_)));
    let expired = sim.block_on(stitch.call(()).deadline(SECOND / 2).send()).err().unwrap();
    assert_eq!(expired.kind(), ErrorKind::Timeout);
    assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())]);
    // A call that gets no slot before its deadline.
    let stitch = get(&once().throttle(Throttle::rate("1/m")).deadline(2 * SECOND).build()?, "/a");
    sim.block_on(calls(&stitch, 1))[0].unwrap();
    assert!(matches!(sim.block_on(calls(&stitch, 2))[..], [Err(ErrorKind::Throttled), Err(ErrorKind::Throttled)]));
    Ok(())
}

#[test]
fn a_call_on_an_open_circuit_books_no_slot() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), StatusApi::new(503));
    let seam = seam_without_retries(&sim, &api).circuit(Circuit::after(1)).throttle(Throttle::rate("1/s")).build()?;
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
fn callers_that_wait_for_a_slot_fail_when_the_circuit_opens() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = StatusApi::new(503).latency(SECOND / 2, &sim);
    let seam = seam_without_retries(&sim, &api).circuit(Circuit::after(1)).throttle(Throttle::rate("1/s")).build()?;
    let (stitch, before) = (get(&seam, "/a"), sim.now());
    let results = sim.block_on(join_all((0..20).map(|_| calls(&stitch, 1)))).concat();
    assert_eq!(results.iter().filter(|result| **result == Err(ErrorKind::CircuitOpen)).count(), 19);
    assert_eq!((sim.now(), api.requests()), (before + SECOND / 2, 1));
    Ok(())
}

#[test]
fn a_failure_at_the_origin_of_a_redirect_is_not_counted() -> Result<()> {
    let sim = SimRuntime::new(1);
    let transport = MockTransport::new(|request| {
        let is_first_origin = request.uri().host() == Some("api.example.com");
        let response = http::Response::builder().status(if is_first_origin { 302 } else { 503 });
        response.header("location", "https://other.example.com/a").body(Bytes::new()).unwrap()
    });
    let builder = seam(&sim, &transport).retry(Retry::none()).redirects(1).circuit(Circuit::after(1));
    assert_eq!(sim.block_on(calls(&get(&builder.build()?, "/a"), 3)), [Err(ErrorKind::Status); 3]);
    Ok(())
}

#[test]
fn one_half_open_probe_closes_the_circuit_or_opens_it_again() -> Result<()> {
    let ((sink, recorded), sim) = (recording_sink(), SimRuntime::new(1));
    let api = StatusApi::new(503).latency(SECOND, &sim);
    let stitch = get(&seam_without_retries(&sim, &api).circuit(Circuit::after(1)).sink(sink).build()?, "/a");
    sim.block_on(calls(&stitch, 1));
    for status in [503, 200] {
        sim.block_on(sim.sleep(OPEN_FOR));
        api.respond_with(status);
        let before = api.requests();
        let results = sim.block_on(join_all((0..50).map(|_| calls(&stitch, 1)))).concat();
        assert_eq!(results.iter().filter(|result| **result == Err(ErrorKind::CircuitOpen)).count(), 49);
        assert_eq!(api.requests(), before + 1);
    }
    assert_eq!(sim.block_on(calls(&stitch, 9)), [Ok(()); 9]);
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(state_changes(&recorded), ["opened", "half open", "opened", "half open", "closed"]);
    Ok(())
}

#[test]
fn a_dropped_probe_is_replaced_by_the_next_call() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let api = StatusApi::new(503).latency(SECOND, &sim);
        let mut builder = seam_without_retries(&sim, &api).circuit(Circuit::after(1));
        if shared {
            builder = builder.store(store(&sim));
        }
        let stitch = get(&builder.build()?, "/a");
        sim.block_on(calls(&stitch, 1));
        sim.block_on(sim.sleep(OPEN_FOR));
        api.respond_with(200);
        let dropped = select(Box::pin(stitch.call(()).send()), sim.sleep(SECOND / 2));
        assert!(matches!(sim.block_on(dropped), Either::Right(_)));
        sim.block_on(sim.sleep(Duration::from_millis(1)));
        assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())], "shared: {shared}");
    }
    Ok(())
}

#[test]
fn a_response_to_a_request_sent_before_a_state_change_is_not_counted() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = StatusApi::new(200).latency(5 * SECOND, &sim);
    let circuit = Circuit::after(1).open_for(SECOND);
    let stitch = get(&seam_without_retries(&sim, &api).circuit(circuit).build()?, "/a");
    let begin = |status: u16| {
        api.respond_with(status);
        let mut call = Box::pin(stitch.call(()).send());
        assert!((&mut call).now_or_never().is_none());
        call
    };
    // The API decides each status on arrival: 503, 503, 200. It responds five seconds after each arrival.
    let first = begin(503);
    sim.block_on(sim.sleep(SECOND));
    let second = begin(503);
    let third = begin(200);
    assert!(sim.block_on(first).is_err());
    // The first response has opened the circuit.
    assert!(sim.block_on(third).is_ok());
    assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())], "the circuit is half open, and this call closes it");
    assert!(sim.block_on(second).is_err());
    assert_eq!(sim.block_on(calls(&stitch, 1)), [Ok(())]);
    Ok(())
}

#[test]
fn cached_responses_are_served_while_the_circuit_is_open() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), StatusApi::new(200));
    let seam = seam_without_retries(&sim, &api).circuit(Circuit::after(1)).cache(Cache::ttl(60 * SECOND)).build()?;
    let stitch: Stitch<u8, ()> = seam.get("/a/{id}").build_with(decode::empty)?;
    sim.block_on(stitch.call(1).send())?;
    api.respond_with(503);
    assert_eq!(sim.block_on(stitch.call(2).send()).err().unwrap().kind(), ErrorKind::Status);
    assert_eq!(sim.block_on(stitch.call(2).send()).err().unwrap().kind(), ErrorKind::CircuitOpen);
    sim.block_on(stitch.call(1).send())?;
    Ok(())
}

#[test]
fn each_stitch_has_its_own_circuit_unless_it_has_none() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), StatusApi::new(503));
    let seam = seam_without_retries(&sim, &api).circuit(Circuit::after(1)).build()?;
    let none: Stitch<(), ()> = seam.get("/none").circuit(Circuit::none()).build_with(decode::empty)?;
    let two_failures: Stitch<(), ()> = seam.get("/two").circuit(Circuit::after(2)).build_with(decode::empty)?;
    sim.block_on(calls(&get(&seam, "/a"), 2));
    assert_eq!(sim.block_on(calls(&get(&seam, "/a"), 1)), [Err(ErrorKind::CircuitOpen)]);
    let status = Err(ErrorKind::Status);
    assert_eq!(sim.block_on(calls(&get(&seam, "/b"), 1)), [status]);
    assert_eq!(sim.block_on(calls(&none, 3)), [status; 3]);
    assert_eq!(sim.block_on(calls(&two_failures, 3)), [status, status, Err(ErrorKind::CircuitOpen)]);
    Ok(())
}

#[test]
fn different_circuits_for_one_host_are_a_config_error() -> Result<()> {
    let seam = seam_without_retries(&SimRuntime::new(1), &StatusApi::new(200))
        .circuit(Circuit::after(1).per_host())
        .build()?;
    let _ = get(&seam, "/a");
    let built = seam.get("/b").circuit(Circuit::after(2).per_host()).build_with::<(), _>(decode::empty);
    let error = built.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("already has a circuit with other settings"), "{error}");
    let wrong = seam_without_retries(&SimRuntime::new(1), &StatusApi::new(200)).circuit(Circuit::after(0)).build();
    assert_eq!(wrong.err().unwrap().kind(), ErrorKind::Config);
    Ok(())
}
