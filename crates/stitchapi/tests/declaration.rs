//! Settings that are invalid, contradict each other or have no effect: `build` fails, and its error says what to write.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::seam;
use stitchapi::{
    Cache, Circuit, Cost, ErrorKind, MemoryStore, Result, Retry, SealingKey, Seam, SeamBuilder, Stitch, StitchBuilder,
    Throttle, Vault, decode,
};
use stitchapi_testing::{MockTransport, SimRuntime};

const MINUTE: Duration = Duration::from_secs(60);

fn build_seam(declare: impl FnOnce(SeamBuilder) -> SeamBuilder) -> Result<Seam> {
    declare(seam(&SimRuntime::new(1), &MockTransport::routes())).build()
}

fn build_stitch(seam: &Seam, declare: impl FnOnce(&Seam) -> StitchBuilder) -> Result<Stitch<(), ()>> {
    declare(seam).build_with(decode::empty)
}

/// Checks that a seam is rejected with an error that starts with `expected`.
fn seam_fails(expected: &str, declare: impl FnOnce(SeamBuilder) -> SeamBuilder) {
    let error = build_seam(declare).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with(expected), "{error}");
}

/// Checks that a stitch of a plain seam is rejected with an error that starts with `expected`, after the stitch's name.
fn stitch_fails(expected: &str, declare: impl FnOnce(&Seam) -> StitchBuilder) {
    let seam = build_seam(|seam| seam).unwrap();
    let error = build_stitch(&seam, declare).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    let stitch = error.stitch().unwrap();
    assert!(text.strip_prefix(&format!("{stitch}: ")).unwrap().starts_with(expected), "{text}");
}

#[test]
fn an_empty_name_is_rejected() {
    seam_fails("name: must not be empty", |seam| seam.name(""));
    stitch_fails("name: must not be empty", |seam| seam.get("/").name(""));
}

#[test]
fn a_time_limit_of_zero_is_rejected() {
    seam_fails("deadline: must be greater than zero", |seam| seam.deadline(Duration::ZERO));
    seam_fails("attempt timeout: must be greater than zero", |seam| seam.attempt_timeout(Duration::ZERO));
    stitch_fails("deadline: must be greater than zero", |seam| seam.get("/").deadline(Duration::ZERO));
}

#[test]
fn a_body_limit_of_zero_is_rejected() {
    seam_fails("body limit: must be greater than zero", |seam| seam.body_limit(0));
}

#[test]
fn an_invalid_header_is_rejected_without_showing_its_value() {
    let expected = "header `x-key`: value is not a valid HTTP header value";
    seam_fails(expected, |seam| seam.header("x-key", "a\nb"));
    stitch_fails(expected, |seam| seam.get("/").header("x-key", "a\nb"));
    seam_fails("header `x key`: not a valid HTTP header name", |seam| seam.header("x key", "a"));
    stitch_fails("header `x key`: not a valid HTTP header name", |seam| seam.get("/").header("x key", "a"));
}

#[test]
fn a_header_that_is_declared_twice_is_rejected() {
    let expected = "header `x-key`: declared twice";
    seam_fails(expected, |seam| seam.header("x-key", "1").header("X-Key", "2"));
    stitch_fails(expected, |seam| seam.get("/").header("x-key", "1").header("x-key", "2"));
}

#[test]
fn a_header_of_a_stitch_replaces_that_of_its_seam() -> Result<()> {
    let (sim, api) = (SimRuntime::new(1), MockTransport::new(|_| http::Response::new(bytes::Bytes::new())));
    let seam = seam(&sim, &api).header("x-key", "seam").build()?;
    let stitch = build_stitch(&seam, |seam| seam.get("/").header("x-key", "stitch"))?;
    sim.block_on(async { stitch.call(()).await })?;
    assert_eq!(api.requests()[0].headers()["x-key"], "stitch");
    Ok(())
}

#[test]
fn a_base_url_that_cannot_be_used_is_rejected_without_showing_a_password() {
    for (url, expected) in [
        ("no url", "base URL: not a valid URL"),
        ("ftp://api.example.com", "base URL: scheme is not http or https"),
        ("https://me:hunter2@api.example.com", "base URL: contains a user name or a password"),
        ("https://api.example.com/?q=1", "base URL: has a query"),
        ("https://api.example.com/#top", "base URL: has a fragment"),
    ] {
        let error =
            Seam::builder(url).runtime(SimRuntime::new(1)).transport(MockTransport::routes()).build().unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(expected) && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_vault_without_a_store_is_rejected() {
    let vault = || Vault::sealed(SealingKey::from_bytes("k1", [7; 32]));
    seam_fails("vault: has no effect without a store", |seam| seam.vault(vault()));
    let store = MemoryStore::with_clock_of(Arc::new(SimRuntime::new(1)));
    assert!(build_seam(|seam| seam.store(store).vault(vault())).is_ok());
}

#[test]
fn a_form_on_a_method_without_a_body_is_rejected() {
    stitch_fails("form: GET requests have no body", |seam| seam.get("/").form());
    stitch_fails("form: DELETE requests have no body", |seam| seam.delete("/").form());
}

#[test]
fn a_retry_of_a_method_that_is_not_idempotent_is_rejected() -> Result<()> {
    stitch_fails("retry: POST is not retried by default", |seam| seam.post("/").retry(Retry::times(1)));
    let seam = build_seam(|seam| seam.retry(Retry::times(3)))?;
    build_stitch(&seam, |seam| seam.post("/"))?;
    build_stitch(&seam, |seam| seam.post("/").retry(Retry::none()))?;
    build_stitch(&seam, |seam| seam.post("/").retry(Retry::times(1)).idempotent())?;
    build_stitch(&seam, |seam| seam.put("/").retry(Retry::times(1)))?;
    Ok(())
}

#[test]
fn a_setter_of_a_disabled_retry_and_a_backoff_beyond_its_cap_are_rejected() {
    let ineffective = || Retry::none().max_retry_after(MINUTE);
    seam_fails("retry: .max_retry_after(..) has no effect", |seam| seam.retry(ineffective()));
    stitch_fails("retry: .max_retry_after(..) has no effect", |seam| seam.get("/").retry(ineffective()));
    let inverted = || Retry::times(1).backoff(MINUTE, MINUTE / 2);
    seam_fails("retry: the backoff begins with 60s, beyond its cap of 30s", |seam| seam.retry(inverted()));
}

#[test]
fn a_setter_that_has_no_effect_on_a_circuit_is_rejected() {
    for ineffective in [Circuit::after(3).min_calls(9), Circuit::after(3).window(MINUTE), Circuit::none().per_host()] {
        seam_fails("circuit: .", |seam| seam.circuit(ineffective.clone()));
        stitch_fails("circuit: .", |seam| seam.get("/").circuit(ineffective.clone()));
    }
}

#[test]
fn a_cost_or_a_settlement_without_a_rate_is_rejected() -> Result<()> {
    stitch_fails("cost: has no effect without a rate", |seam| seam.get("/").cost(|_| Cost::new(2)));
    stitch_fails("settle: has no effect without a rate", |seam| seam.get("/").settle(|_, _| None));
    stitch_fails("settle: has no effect without a rate", |seam| {
        seam.get("/").throttle(Throttle::concurrency(1)).settle(|_, _| None)
    });
    let seam = build_seam(|seam| seam.throttle(Throttle::rate("10/s")))?;
    build_stitch(&seam, |seam| seam.get("/").cost(|_| Cost::new(2)).settle(|_, _| None))?;
    let seam = build_seam(|seam| seam)?;
    build_stitch(&seam, |seam| seam.get("/").throttle(Throttle::rate("10/s")).cost(|_| Cost::new(2)))?;
    Ok(())
}

#[test]
fn a_cache_of_responses_that_are_never_kept_is_rejected() -> Result<()> {
    stitch_fails("cache: responses to POST are not kept", |seam| seam.post("/").cache(Cache::ttl(MINUTE)));
    seam_fails("cache: a ttl of zero keeps nothing", |seam| seam.cache(Cache::ttl(Duration::ZERO)));
    let seam = build_seam(|seam| seam.cache(Cache::ttl(MINUTE)))?;
    build_stitch(&seam, |seam| seam.post("/"))?;
    build_stitch(&seam, |seam| seam.post("/").cache(Cache::none()))?;
    Ok(())
}

#[test]
fn an_audience_that_contradicts_another_or_has_no_effect_is_rejected() {
    let both = || Cache::ttl(MINUTE).shared().per_principal();
    seam_fails("cache: .shared() and .per_principal() exclude each other", |seam| seam.cache(both()));
    stitch_fails("cache: .shared() and .per_principal() exclude each other", |seam| seam.get("/").cache(both()));
    seam_fails("cache: Cache::none() keeps nothing", |seam| seam.cache(Cache::none().shared()));
}
