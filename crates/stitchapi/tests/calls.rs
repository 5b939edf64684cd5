//! One call: decoding, errors, retries, redirects, deadlines and secrets.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{recording_sink, seam};
use http::{Method, Response};
use serde::Deserialize;
use stitchapi::trace::EventKind;
use stitchapi::{
    Body, BoxError, Error, ErrorKind, Result, Retry, Runtime, Seam, Stitch, Transport, TransportError,
    TransportErrorKind, auth, decode,
};
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);

/// Returns a response with these headers and this body.
fn respond(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn get(seam: &Seam) -> Stitch<(), ()> {
    seam.get("/a").build_with(decode::empty).unwrap()
}

#[test]
fn a_response_is_decoded_as_json_text_bytes_or_by_a_custom_decoder() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), MockTransport::new(|_| respond(200, &[], "7")));
    let seam = seam(&sim, &api).build()?;
    let json: Stitch<(), u8> = seam.get("/").build()?;
    let text: Stitch<(), String> = seam.get("/").build_with(decode::text)?;
    let bytes: Stitch<(), Bytes> = seam.get("/").build_with(decode::bytes)?;
    let custom: Stitch<(), usize> = seam.get("/").build_with(|_, body| Ok::<_, BoxError>(body.len()))?;
    sim.block_on(async {
        assert_eq!(json.call(()).await?, 7);
        assert_eq!(text.call(()).await?, "7");
        assert_eq!(bytes.call(()).await?, "7");
        assert_eq!(custom.call(()).await?, 1);
        let response = json.call(()).send().await?;
        assert_eq!((response.value, response.status.as_u16(), response.report.attempts), (7, 200, 1));
        Ok(())
    })
}

#[test]
fn a_status_error_carries_the_response() {
    #[derive(Deserialize)]
    struct Problem {
        code: u16,
    }
    let api = MockTransport::new(|_| respond(422, &[("x-request-id", "r1")], r#"{"code":17}"#));
    let sim = SimRuntime::new(1);
    let stitch = get(&seam(&sim, &api).build().unwrap());
    let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
    assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::Status, 1, false));
    assert_eq!(error.to_string(), "GET /a: API responded 422 Unprocessable Entity");
    let response = error.response().unwrap();
    assert_eq!(response.headers["x-request-id"], "r1");
    assert_eq!(response.json::<Problem>().unwrap().code, 17);
}

#[test]
fn a_body_that_is_not_json_is_a_decode_error_with_the_response() {
    let api = MockTransport::new(|_| respond(200, &[("content-type", "text/html")], "<html>"));
    let sim = SimRuntime::new(1);
    let stitch: Stitch<(), u8> = seam(&sim, &api).build().unwrap().get("/a").build().unwrap();
    let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 1));
    assert_eq!(error.response().unwrap().body, "<html>");
}

#[test]
fn a_body_over_the_limit_is_too_large_and_an_error_body_is_truncated() {
    let api = MockTransport::new(|request| {
        let status = if request.uri().path().ends_with("big") { 200 } else { 400 };
        respond(status, &[], &"x".repeat(100_000))
    });
    let sim = SimRuntime::new(1);
    let seam = seam(&sim, &api).body_limit(99_999).build().unwrap();
    let big: Stitch<(), ()> = seam.get("/big").build_with(decode::empty).unwrap();
    let error = sim.block_on(async { big.call(()).await }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let error = sim.block_on(async { get(&seam).call(()).await }).unwrap_err();
    assert_eq!(error.response().unwrap().body.len(), 64 << 10);
}

#[test]
fn a_503_is_retried_after_a_backoff_and_a_429_after_its_retry_after() -> Result<()> {
    let api = MockTransport::routes().on(Method::GET, "/v1/a", 503, "").on(Method::GET, "/v1/a", 200, "");
    let (sim, (sink, recorded)) = (SimRuntime::new(3), recording_sink());
    let stitch = get(&seam(&sim, &api).sink(sink).build()?);
    let report = sim.block_on(async { Ok::<_, Error>(stitch.call(()).send().await?.report) })?;
    assert_eq!(report.attempts, 2);
    sim.block_on(sim.sleep(SECOND));
    let kinds: Vec<_> = recorded.lock().unwrap().iter().map(|event| event.kind.clone()).collect();
    assert!(matches!(
        &kinds[..],
        [
            EventKind::CallBegan,
            EventKind::Request { attempt: 1 },
            EventKind::Response { .. },
            EventKind::Retry { pause },
            EventKind::Request { attempt: 2 },
            EventKind::Response { .. },
            EventKind::CallEnded { error: None, attempts: 2, .. },
        ] if *pause < Duration::from_millis(100)
    ));

    let api = MockTransport::new(|_| respond(429, &[("retry-after", "2")], ""));
    let stitch = get(&seam(&sim, &api).build()?);
    let begun = sim.now();
    let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
    assert_eq!((error.kind(), error.attempts(), error.retry_after()), (ErrorKind::Status, 3, Some(2 * SECOND)));
    assert!(error.is_retryable());
    let took = sim.now().since(begun);
    assert!((4 * SECOND..5 * SECOND).contains(&took), "{took:?}");
    Ok(())
}

#[test]
fn a_retry_after_above_the_maximum_ends_the_call_at_once() {
    let api = MockTransport::new(|_| respond(503, &[("retry-after", "99999999999999999999")], ""));
    let sim = SimRuntime::new(1);
    let stitch = get(&seam(&sim, &api).build().unwrap());
    let begun = sim.now();
    let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
    assert_eq!((error.attempts(), error.retry_after()), (1, Some(Duration::MAX)));
    assert_eq!(sim.now(), begun);
}

#[test]
fn only_idempotent_calls_and_retryable_statuses_are_retried() {
    let sim = SimRuntime::new(1);
    let attempts = |declare: fn(&Seam) -> Result<Stitch<(), ()>>, status: u16| {
        let api = MockTransport::new(move |_| respond(status, &[], ""));
        let stitch = declare(&seam(&sim, &api).build().unwrap()).unwrap();
        sim.block_on(async { stitch.call(()).await }).unwrap_err().attempts()
    };
    assert_eq!(attempts(|seam| seam.post("/").build(), 503), 1);
    assert_eq!(attempts(|seam| seam.post("/").idempotent().build(), 503), 3);
    assert_eq!(attempts(|seam| seam.put("/").build(), 503), 3);
    assert_eq!(attempts(|seam| seam.get("/").build(), 500), 1);
    assert_eq!(attempts(|seam| seam.get("/").retry(Retry::none()).build(), 503), 1);
}

#[test]
fn a_failed_connect_is_retried_and_a_broken_connection_is_not() {
    let sim = SimRuntime::new(1);
    for (kind, attempts) in [(TransportErrorKind::Connect, 3), (TransportErrorKind::Broken, 1)] {
        let api = MockTransport::routes().failing(9, kind);
        let stitch = get(&seam(&sim, &api).build().unwrap());
        let error = sim.block_on(async { stitch.call(()).await }).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Transport, attempts));
    }
}

#[test]
fn attempt_timeout_bounds_an_attempt_and_deadline_the_call() {
    let sim = SimRuntime::new(1);
    let slow = MockTransport::new(|_| respond(200, &[], "")).latency(60 * SECOND, std::sync::Arc::new(sim.clone()));
    let stitch = get(&seam(&sim, &slow).attempt_timeout(3 * SECOND).build().unwrap());
    for (deadline, took) in [(60, 3), (2, 2)] {
        let begun = sim.now();
        let error = sim.block_on(async { stitch.call(()).deadline(deadline * SECOND).await }).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1));
        assert_eq!(sim.now().since(begun), took * SECOND);
    }
}

#[test]
fn a_retry_that_would_begin_after_the_deadline_ends_the_call_at_once() {
    let api = MockTransport::new(|_| respond(503, &[("retry-after", "5")], ""));
    let sim = SimRuntime::new(1);
    let stitch = get(&seam(&sim, &api).build().unwrap());
    let begun = sim.now();
    let error = sim.block_on(async { stitch.call(()).deadline(4 * SECOND).await }).unwrap_err();
    assert_eq!((error.kind(), sim.now()), (ErrorKind::Status, begun));
}

#[test]
fn a_redirect_is_a_status_error_unless_redirects_are_allowed() {
    let api = MockTransport::new(|_| respond(302, &[("location", "/v1/b")], ""));
    let sim = SimRuntime::new(1);
    let error = sim.block_on(async { get(&seam(&sim, &api).build()?).call(()).await }).unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 302);
    let error = sim.block_on(async { get(&seam(&sim, &api).redirects(3).build()?).call(()).await }).unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (302, 4));
}

/// Calls `/v1/a`, which redirects to `location` with this status. Returns each request as text: method, URI, the names
/// of the credential headers that it has, and the body.
fn redirected_requests(method: Method, status: u16, location: &'static str) -> Vec<String> {
    let api = MockTransport::new(move |request| {
        if request.uri().path() == "/v1/a" {
            respond(status, &[("location", location)], "")
        } else {
            respond(200, &[], "")
        }
    });
    let sim = SimRuntime::new(1);
    let seam = seam(&sim, &api).auth(auth::bearer(auth::Secret::value("canary"))).redirects(1).build().unwrap();
    let stitch: Stitch<[u8], ()> = if method == Method::GET {
        seam.get("/a").header("cookie", "c=1").header("x-api-key", "k")
    } else {
        seam.request(method, "/a")
    }
    .build_with(decode::empty)
    .unwrap();
    let _ = sim.block_on(async { stitch.call(&[][..]).await });
    let describe = |request: &http::Request<Bytes>| {
        let has = |name| if request.headers().contains_key(name) { name } else { "-" };
        format!(
            "{} {} {} {} {} {}",
            request.method(),
            request.uri(),
            has("authorization"),
            has("cookie"),
            has("x-api-key"),
            std::str::from_utf8(request.body()).unwrap()
        )
    };
    api.requests().iter().map(describe).collect()
}

#[test]
fn credentials_are_not_sent_to_another_origin() {
    let first = "GET https://api.example.com/v1/a authorization cookie x-api-key ";
    let to = |location| redirected_requests(Method::GET, 302, location);
    assert_eq!(to("b"), [first, "GET https://api.example.com/v1/b authorization cookie x-api-key "]);
    assert_eq!(to("https://other.example/b"), [first, "GET https://other.example/b - - - "]);
    assert_eq!(to("https://api.example.com:444/b"), [first, "GET https://api.example.com:444/b - - - "]);
    for forbidden in ["http://api.example.com/b", "file:///etc/passwd", "https://u:p@api.example.com/b", "http://["] {
        assert_eq!(to(forbidden), [first], "{forbidden}");
    }
}

#[test]
fn a_redirect_repeats_the_body_only_for_307_and_308() {
    let first = "POST https://api.example.com/v1/a authorization - - []";
    let redirected_by = |status| redirected_requests(Method::POST, status, "/b");
    assert_eq!(redirected_by(307), [first, "POST https://api.example.com/b authorization - - []"]);
    assert_eq!(redirected_by(308), [first, "POST https://api.example.com/b authorization - - []"]);
    assert_eq!(redirected_by(303), [first, "GET https://api.example.com/b authorization - - "]);
    assert_eq!(redirected_by(301), [first]);
    assert_eq!(redirected_by(302), [first]);
}

#[test]
fn secrets_are_in_the_request_and_in_no_debug_or_error_text() {
    let api = MockTransport::new(|_| respond(401, &[("set-cookie", "canary")], "canary"));
    let (sim, (sink, recorded)) = (SimRuntime::new(1), recording_sink());
    let seam = seam(&sim, &api).auth(auth::bearer(auth::Secret::value("canary"))).sink(sink).build().unwrap();
    let stitch: Stitch<(), ()> = seam.get("/a").query("key", "canary").build().unwrap();
    let error = sim.block_on(async { stitch.call(()).header("x-key", "canary").await }).unwrap_err();
    sim.block_on(sim.sleep(SECOND));
    let request = &api.requests()[0];
    assert_eq!(request.headers()["authorization"], "Bearer canary");
    assert!(request.headers()["authorization"].is_sensitive());
    let builder = Seam::builder("https://u:canary@api.example.com").header("x-key", "canary");
    let keyed = seam.get("/a").query("key", "canary").header("x-key", "canary");
    let api = MockTransport::new(|_| respond(200, &[("set-cookie", "canary")], "null"));
    let with_header = common::seam(&sim, &api).header("x-key", "canary").build().unwrap();
    let stitch_with_header: Stitch<(), ()> = with_header.get("/a").build().unwrap();
    let response = sim.block_on(stitch_with_header.call(()).send()).unwrap();
    for text in [
        format!("{builder:?} {keyed:?} {with_header:?} {response:?}"),
        format!("{error} {error:?} {:?}", error.response()),
        format!("{:?}", recorded.lock().unwrap()),
        format!("{stitch:?} {:?}", stitch.call(())),
        format!("{:?}", auth::bearer(auth::Secret::value("canary"))),
    ] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn a_decode_or_template_error_does_not_quote_the_value() {
    let api = MockTransport::new(|_| respond(200, &[], r#"{"token":"canary"}"#));
    let sim = SimRuntime::new(1);
    let seam = seam(&sim, &api).build().unwrap();
    let shape: Stitch<(), std::collections::BTreeMap<String, u8>> = seam.get("/a").build().unwrap();
    let error = sim.block_on(async { shape.call(()).await }).unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "JSON does not have the declared shape: line 1, column 17");
    assert!(!format!("{error:?} {source:?}").contains("canary"));
    let error = seam.get("/a").header("x-key", "canary{").build::<(), ()>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[test]
fn declared_headers_override_defaults() -> Result<()> {
    let api = MockTransport::new(|_| respond(200, &[], "null"));
    let sim = SimRuntime::new(1);
    let seam = seam(&sim, &api).header("accept", "application/vnd.github+json").header("x-m", "seam").build()?;
    let call: Stitch<(u8, u8), ()> =
        seam.post("/{a}").header("x-m", "{b}").header("content-type", "application/vnd.api+json").build()?;
    sim.block_on(call.call((1, 2)).send())?;
    let request = &api.requests()[0];
    assert_eq!(request.headers()["accept"], "application/vnd.github+json");
    assert_eq!(request.headers()["content-type"], "application/vnd.api+json");
    assert_eq!(request.headers().get_all("x-m").iter().collect::<Vec<_>>(), ["2"]);
    Ok(())
}

/// Transport whose responses have status 429 and a body that fails.
#[derive(Debug)]
struct BrokenBodyTransport;

/// Body that fails at its first chunk.
struct BrokenBody;
#[stitchapi::async_trait]
impl stitchapi_core::Chunks for BrokenBody {
    async fn next(&mut self) -> std::result::Result<Option<Bytes>, TransportError> {
        Err(TransportError::new(TransportErrorKind::Broken, "reset"))
    }
}
#[stitchapi::async_trait]
impl Transport for BrokenBodyTransport {
    async fn send(&self, _: http::Request<Body>) -> std::result::Result<Response<Body>, TransportError> {
        Ok(Response::builder().status(429).header("retry-after", "1").body(Body::chunks(BrokenBody)).unwrap())
    }
}

#[test]
fn an_error_status_takes_precedence_over_a_broken_body() {
    let sim = SimRuntime::new(1);
    let seam =
        Seam::builder("https://api.example.com").runtime(sim.clone()).transport(BrokenBodyTransport).build().unwrap();
    let error = sim.block_on(async { get(&seam).call(()).await }).unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (429, 3));
    assert_eq!(error.retry_after(), Some(SECOND));
}

#[test]
fn a_missing_credential_is_an_auth_error_that_names_the_variable() {
    let (sim, api) = (SimRuntime::new(1), MockTransport::routes());
    let seam = seam(&sim, &api).auth(auth::bearer(stitchapi::env("STITCHAPI_TEST_UNSET"))).build().unwrap();
    let error = sim.block_on(async { get(&seam).call(()).await }).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Auth, 0));
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the environment variable STITCHAPI_TEST_UNSET is not set to Unicode text");
}

#[test]
fn a_call_is_send_and_a_stitch_is_sync_for_any_types() {
    fn is_static<T: Send + 'static>(_: &T) {}
    fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let (sim, api) = (SimRuntime::new(1), MockTransport::routes());
    let seam = seam(&sim, &api).build().unwrap();
    let stitch: Stitch<std::cell::Cell<u8>, std::cell::Cell<u8>> =
        seam.get("/{id}").build_with(|_, _| Ok(std::cell::Cell::new(1))).unwrap();
    is_shared(&stitch);
    is_static(&stitch.call(std::cell::Cell::new(1)).send());
}

#[test]
fn an_invalid_seam_or_stitch_is_an_error_at_build() {
    let (sim, api) = (SimRuntime::new(1), MockTransport::routes());
    let base = |url: &str| Seam::builder(url).runtime(sim.clone()).transport(api.clone()).build();
    for wrong in ["", "api.example.com", "ftp://a", "https://a?x=1", "https://a#x", "https://u:canary@a", "https://"] {
        let error = base(wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{wrong}");
        assert!(!format!("{error:?}").contains("canary"));
    }
    assert!(seam(&sim, &api).header("bad name", "x").build().is_err());
    assert!(seam(&sim, &api).header("x", "a\nb").build().is_err());
    assert!(seam(&sim, &api).deadline(Duration::ZERO).build().is_err());
    let seam = seam(&sim, &api).build().unwrap();
    assert!(seam.get("/a").form().build::<(), ()>().is_err());
    assert!(seam.get("/a").header("bad name", "x").build::<(), ()>().is_err());
    assert!(seam.get("/a").query("q", "{").build::<(), ()>().is_err());
    let error = seam.get("/..").build::<(), ()>().unwrap_err();
    assert_eq!((error.kind(), error.stitch()), (ErrorKind::Config, Some("GET /..")));
}
