//! The cache: one response for many calls, and one fetch for a fleet, also if the fetching process is killed.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::recording_sink;
use common::sim_process::{SimProcess, within_a_minute};
use common::spy_store::SpyStore;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::{Method, Response, StatusCode};
use stitchapi::trace::{CacheOutcome, Event, EventKind, Unreadable};
use stitchapi::{
    Cache, ErrorKind, Retry, Runtime, Seam, SeamBuilder, Stitch, StitchStore, StoreErrorKind, auth, decode,
};
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);
/// Upper bound of the latency of one direction between a process and the store.
const STORE_LATENCY: Duration = Duration::from_millis(5);
/// Response time of the API.
const FETCH: Duration = Duration::from_millis(300);

/// Returns an API whose response body is the number of the request.
fn numbered_api(sim: &SimRuntime) -> MockTransport {
    responding(sim, |number| Response::new(number.to_string().into()))
}

/// Returns an API that calls `respond` with the number of each request, and takes [`FETCH`].
fn responding(sim: &SimRuntime, respond: impl Fn(usize) -> Response<Bytes> + Send + Sync + 'static) -> MockTransport {
    let requests = Mutex::new(0);
    let api = MockTransport::new(move |_| {
        let mut number = requests.lock().unwrap();
        *number += 1;
        respond(*number)
    });
    api.latency(FETCH, Arc::new(sim.clone()))
}

/// Returns a response with this status.
fn status(status: u16) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"no"));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn seam(runtime: impl Runtime, api: &MockTransport) -> SeamBuilder {
    Seam::builder("https://api.example.com").runtime(runtime).transport(api.clone()).retry(Retry::none())
}

fn minute() -> Cache {
    Cache::ttl(Duration::from_secs(60))
}

/// Declares a stitch with a shared cache, whose input is the query parameter `n`.
fn page(seam: &Seam) -> Stitch<u32, String> {
    seam.get("/page").query("n", "{n}").cache(minute().shared()).build_with(decode::text).unwrap()
}

/// Returns four processes on one store, each with its stitch.
fn fleet(
    sim: &SimRuntime,
    api: &MockTransport,
    store: &(impl StitchStore + Clone),
) -> Vec<(SimProcess, Stitch<u32, String>)> {
    let process = |_| {
        let process = SimProcess::new(sim);
        let seam = seam(process.clone(), api).store(store.clone()).build().unwrap();
        (process, page(&seam))
    };
    (0..4).map(process).collect()
}

/// Result of one call.
type CallResult = Result<String, stitchapi::Error>;

/// Makes `number` calls at once in a process.
async fn calls(process: &SimProcess, stitch: &Stitch<u32, String>, number: usize) -> Vec<CallResult> {
    let stitch = stitch.clone();
    process.run(async move { join_all((0..number).map(|_| async { stitch.call(1).await })).await }).await
}

/// Makes `each` calls at once in every process.
async fn all_calls(fleet: &[(SimProcess, Stitch<u32, String>)], each: usize) -> Vec<CallResult> {
    let results = join_all(fleet.iter().map(|(process, stitch)| calls(process, stitch, each))).await;
    results.into_iter().flatten().collect()
}

/// Returns `true` if all calls succeeded with this text.
fn all_are(results: &[CallResult], text: &str) -> bool {
    results.iter().all(|result| result.as_ref().is_ok_and(|value| value == text))
}

/// Returns the number of recorded events of a kind.
fn count(events: &Mutex<Vec<Event>>, kind: &EventKind) -> usize {
    events.lock().unwrap().iter().filter(|event| event.kind == *kind).count()
}

#[test]
fn a_fleet_fetches_once_for_any_interleaving() {
    for seed in 0..100 {
        let sim = SimRuntime::new(seed);
        let api = numbered_api(&sim);
        let fleet = fleet(&sim, &api, &SpyStore::new(sim.clone()).latency(STORE_LATENCY));
        let begun = sim.now();
        assert!(all_are(&within_a_minute(&sim, all_calls(&fleet, 25)), "1"));
        let took = sim.now().since(begun);
        assert!(
            took < FETCH + Duration::from_millis(130),
            "a caller waited much longer than the fetch takes: {took:?}"
        );
        assert!(all_are(&within_a_minute(&sim, all_calls(&fleet, 25)), "1"));
        assert_eq!(api.requests().len(), 1);
    }
}

#[test]
fn an_expired_response_is_fetched_again() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let fleet = fleet(&sim, &api, &SpyStore::new(sim.clone()));
    assert!(all_are(&sim.block_on(all_calls(&fleet, 2)), "1"));
    sim.block_on(sim.sleep(59 * SECOND));
    assert!(all_are(&sim.block_on(all_calls(&fleet, 2)), "1"));
    sim.block_on(sim.sleep(2 * SECOND));
    assert!(all_are(&sim.block_on(all_calls(&fleet, 2)), "2"));
}

#[test]
fn a_report_states_the_cache_outcome_and_the_attempts_of_the_call() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let (sink, recorded) = recording_sink();
    let page = page(&seam(sim.clone(), &api).sink(sink).build().unwrap());
    let (first, second) = sim.block_on(futures_util::future::join(page.call(1).send(), page.call(1).send()));
    let third = sim.block_on(page.call(1).send());
    let reports = [first, second, third].map(|sent| sent.unwrap().report);
    let outcomes = reports.map(|report| (report.cache.unwrap(), report.attempts));
    assert_eq!(outcomes, [(CacheOutcome::Miss, 1), (CacheOutcome::Joined, 0), (CacheOutcome::Hit, 0)]);
    sim.block_on(sim.sleep(SECOND));
    for outcome in [CacheOutcome::Miss, CacheOutcome::Joined, CacheOutcome::Hit] {
        assert_eq!(count(&recorded, &EventKind::Cache { outcome }), 1);
    }
}

#[test]
fn a_hit_is_the_whole_response_without_cookies() {
    let sim = SimRuntime::new(1);
    let api = responding(&sim, |_| {
        Response::builder().header("etag", "\"1\"").header("set-cookie", "a=b").body(Bytes::from_static(b"x")).unwrap()
    });
    let page = page(&seam(sim.clone(), &api).build().unwrap());
    sim.block_on(page.call(1).send()).unwrap();
    let hit = sim.block_on(page.call(1).send()).unwrap();
    assert_eq!((hit.report.cache, hit.status, &*hit.value), (Some(CacheOutcome::Hit), StatusCode::OK, "x"));
    assert_eq!(hit.headers["etag"], "\"1\"");
    assert!(!hit.headers.contains_key("set-cookie"));
}

#[test]
fn query_headers_and_seam_are_part_of_the_cache_key() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let store = SpyStore::new(sim.clone());
    let page = page(&seam(sim.clone(), &api).store(store.clone()).build().unwrap());
    let text = |call: stitchapi::Call<String>| sim.block_on(call.send()).unwrap().value;
    assert_eq!(text(page.call(1)), "1");
    assert_eq!(text(page.call(2)), "2");
    assert_eq!(text(page.call(1).header("accept-language", "fr")), "3");
    let other = self::page(&seam(sim.clone(), &api).name("other").store(store).build().unwrap());
    assert_eq!(text(other.call(1)), "4");
    assert_eq!([text(page.call(1)), text(page.call(2))], ["1", "2"]);
}

#[test]
fn one_other_process_fetches_when_the_lease_holder_is_killed() {
    for seed in 0..20 {
        let sim = SimRuntime::new(seed);
        let api = numbered_api(&sim);
        let fleet = fleet(&sim, &api, &SpyStore::new(sim.clone()).latency(STORE_LATENCY));
        let (victim, rest) = fleet.split_first().unwrap();
        let scenario = async {
            let killed = victim.1.clone();
            victim.0.spawn(Box::pin(async move { drop(killed.call(1).await) }));
            sim.sleep(Duration::from_millis(150)).await;
            assert_eq!(api.requests().len(), 1);
            victim.0.stop();
            let begun = sim.now();
            (all_calls(rest, 25).await, sim.now().since(begun))
        };
        let (results, took) = within_a_minute(&sim, scenario);
        assert!(all_are(&results, "2"));
        assert_eq!(api.requests().len(), 2);
        assert!(took < Duration::from_millis(1_400), "expected at most the lease of a second and one fetch: {took:?}");
    }
}

#[test]
fn a_fetch_paused_beyond_its_lease_does_not_overwrite_a_newer_response() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let fleet = fleet(&sim, &api, &SpyStore::new(sim.clone()));
    let (paused, rest) = fleet.split_first().unwrap();
    let scenario = async {
        paused.0.spawn(Box::pin({
            let stitch = paused.1.clone();
            async move { assert_eq!(stitch.call(1).await.unwrap(), "1") }
        }));
        sim.sleep(Duration::from_millis(150)).await;
        paused.0.stop();
        assert!(all_are(&all_calls(rest, 5).await, "2"));
        paused.0.resume();
        sim.sleep(SECOND).await;
        assert!(all_are(&all_calls(&fleet, 1).await, "2"));
    };
    within_a_minute(&sim, scenario);
    assert_eq!(api.requests().len(), 2);
}

#[test]
fn a_dropped_leader_causes_no_second_fetch_and_the_last_dropped_caller_releases_the_lease() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let fleet = fleet(&sim, &api, &SpyStore::new(sim.clone()));
    let page = &fleet[0].1;
    let scenario = async {
        let mut first = Box::pin(page.call(1).send());
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(page.call(1).send());
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        assert_eq!(second.await.unwrap().value, "1");

        let mut only = Box::pin(page.call(2).send());
        let half = sim.sleep(FETCH / 2);
        assert!(matches!(futures_util::future::select(&mut only, half).await, futures_util::future::Either::Right(_)));
        drop(only);
        let begun = sim.now();
        fleet[1].1.call(2).send().await.unwrap();
        let took = sim.now().since(begun);
        assert!(took < FETCH + Duration::from_millis(100), "the lease was not released at once: {took:?}");
    };
    within_a_minute(&sim, scenario);
    assert_eq!(api.requests().len(), 3);
}

#[test]
fn the_deadline_of_one_caller_does_not_cancel_the_shared_fetch() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let page = page(&seam(sim.clone(), &api).build().unwrap());
    let both = futures_util::future::join(page.call(1).deadline(FETCH / 2).send(), page.call(1).send());
    let (short, long) = sim.block_on(both);
    assert_eq!(short.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(long.unwrap().value, "1");
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn a_failed_fetch_fails_its_waiters_and_no_later_call() {
    for seed in 0..20 {
        let sim = SimRuntime::new(seed);
        let api = responding(&sim, |number| if number == 1 { status(503) } else { Response::new("fine".into()) });
        let fleet = fleet(&sim, &api, &SpyStore::new(sim.clone()));
        let results = within_a_minute(&sim, all_calls(&fleet, 25));
        for error in results.into_iter().map(Result::unwrap_err) {
            assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Status, 503));
            assert!(error.is_retryable());
        }
        assert_eq!(api.requests().len(), 1);
        assert!(all_are(&within_a_minute(&sim, all_calls(&fleet, 25)), "fine"));
        assert_eq!(api.requests().len(), 2);
    }
}

#[test]
fn a_response_that_cannot_be_cached_is_fetched_by_each_process_in_parallel() {
    for is_too_large in [false, true] {
        let sim = SimRuntime::new(1);
        let api = responding(&sim, move |_| {
            let mut response = Response::new(Bytes::from(vec![b'x'; if is_too_large { 20_000 } else { 1 }]));
            *response.status_mut() = if is_too_large { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
            response
        });
        let fleet = fleet(&sim, &api, &SpyStore::new(sim.clone()));
        let begun = sim.now();
        assert!(within_a_minute(&sim, all_calls(&fleet, 5)).iter().all(Result::is_ok));
        assert_eq!(api.requests().len(), 4);
        let took = sim.now().since(begun);
        assert!(took < 2 * FETCH + Duration::from_millis(60), "{took:?}");
        let begun = sim.now();
        assert!(within_a_minute(&sim, all_calls(&fleet, 5)).iter().all(Result::is_ok));
        assert!(
            sim.now().since(begun) < FETCH + Duration::from_millis(60),
            "the process remembers that the response cannot be cached"
        );
    }
}

#[test]
fn a_store_outage_fails_no_call() {
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Corrupt, StoreErrorKind::Denied] {
        let sim = SimRuntime::new(1);
        let (api, store) = (numbered_api(&sim), SpyStore::new(sim.clone()));
        let fleet = fleet(&sim, &api, &store);
        store.fail(Some(kind));
        let results = within_a_minute(&sim, all_calls(&fleet, 5));
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(api.requests().len(), 4, "expected one fetch per process");
        store.fail(None);
        let sent = sim.block_on(fleet[0].1.call(1).send()).unwrap();
        assert_eq!(sent.report.cache, Some(CacheOutcome::Miss), "a response was cached during the outage");
    }
}

#[test]
fn a_store_outage_during_the_fetch_fails_no_call() {
    let sim = SimRuntime::new(1);
    let (api, store) = (numbered_api(&sim), SpyStore::new(sim.clone()));
    let fleet = fleet(&sim, &api, &store);
    let scenario = async {
        let outage = async {
            sim.sleep(FETCH / 2).await;
            store.fail(Some(StoreErrorKind::Unavailable));
        };
        futures_util::future::join(all_calls(&fleet, 5), outage).await.0
    };
    assert!(within_a_minute(&sim, scenario).iter().all(Result::is_ok));
}

#[test]
fn an_unreadable_cached_response_is_a_miss_and_emits_an_event() {
    let sim = SimRuntime::new(1);
    let (api, store) = (numbered_api(&sim), SpyStore::new(sim.clone()));
    let (sink, recorded) = recording_sink();
    let page = page(&seam(sim.clone(), &api).store(store.clone()).sink(sink).build().unwrap());
    sim.block_on(page.call(1).send()).unwrap();
    sim.block_on(store.set(&store.keys("cache")[0], "damaged".into(), Some(60 * SECOND))).unwrap();
    assert_eq!(sim.block_on(page.call(1).send()).unwrap().value, "2");
    sim.block_on(sim.sleep(SECOND));
    assert!(count(&recorded, &EventKind::Unreadable { what: Unreadable::CachedResponse }) > 0);
    assert_eq!(sim.block_on(page.call(1).send()).unwrap().report.cache, Some(CacheOutcome::Hit));
}

#[test]
fn a_cache_on_a_seam_with_credentials_must_declare_shared_or_per_principal() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let with_auth = || seam(sim.clone(), &api).auth(auth::bearer(auth::Secret::value("token".to_owned())));
    assert_eq!(with_auth().cache(minute()).build().unwrap_err().kind(), ErrorKind::Config);
    let stitch = |cache: Cache| with_auth().build().unwrap().get("/a").cache(cache).build_with::<(), _>(decode::text);
    let error = stitch(minute()).unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains(".per_principal()"), "{error}");
    assert!(stitch(minute().shared()).is_ok() && stitch(minute().per_principal()).is_ok());
    assert_eq!(stitch(Cache::ttl(Duration::ZERO).shared()).unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn a_per_principal_cache_keeps_one_response_per_principal() {
    let sim = SimRuntime::new(1);
    let (api, store) = (numbered_api(&sim), SpyStore::new(sim.clone()));
    let seam = seam(sim.clone(), &api).store(store.clone()).build().unwrap();
    let own: Stitch<(), String> = seam.get("/me").cache(minute().per_principal()).build_with(decode::text).unwrap();
    let text = |user: &str| sim.block_on(own.as_principal(user).call(()).send()).unwrap().value;
    assert_eq!([text("ada@x"), text("grace@x"), text("ada@x")], ["1", "2", "1"]);
    assert_eq!(
        sim.block_on(own.call(()).send()).unwrap().value,
        "3",
        "a call without a principal shares no principal's response"
    );
    assert!(!store.contains_text("ada"));
    let shared = page(&seam);
    let text = |user: &str| sim.block_on(shared.as_principal(user).call(1).send()).unwrap().value;
    assert_eq!([text("ada@x"), text("grace@x")], ["4", "4"]);
}

#[test]
fn the_cache_of_a_seam_applies_to_cacheable_methods_and_a_stitch_may_disable_it() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let seam = seam(sim.clone(), &api).cache(minute()).build().unwrap();
    let build = |method: Method| seam.request(method, "/a").build_with::<(), String>(decode::text).unwrap();
    let text = |stitch: &Stitch<(), String>| sim.block_on(stitch.call(()).send()).unwrap().value;
    let (get, post) = (build(Method::GET), build(Method::POST));
    assert_eq!([text(&get), text(&get), text(&post), text(&post)], ["1", "1", "2", "3"]);
    let uncached: Stitch<(), String> = seam.get("/a").cache(Cache::none()).build_with(decode::text).unwrap();
    assert_eq!([text(&uncached), text(&uncached)], ["4", "5"]);
    let error = seam.post("/a").cache(minute()).build_with::<(), String>(decode::text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn a_fetch_uses_a_slot_of_the_throttle_and_a_hit_does_not() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let page = page(&seam(sim.clone(), &api).throttle(stitchapi::Throttle::rate("1/s")).build().unwrap());
    sim.block_on(page.call(1).send()).unwrap();
    let begun = sim.now();
    for _ in 0..10 {
        sim.block_on(page.call(1).send()).unwrap();
    }
    assert_eq!(sim.now(), begun);
    let waited = sim.block_on(page.call(2).send()).unwrap().report.waited;
    assert!(waited > Duration::from_millis(600), "{waited:?}");
}

#[test]
fn a_failing_fetch_longer_than_its_lease_is_made_once() {
    let sim = SimRuntime::new(1);
    let api = responding(&sim, |_| status(503)).latency(7 * SECOND, Arc::new(sim.clone()));
    let fleet = fleet(&sim, &api, &SpyStore::new(sim.clone()).latency(STORE_LATENCY));
    for fetches in 1..=3 {
        assert!(within_a_minute(&sim, all_calls(&fleet, 3)).iter().all(Result::is_err));
        assert_eq!(api.requests().len(), fetches);
        sim.block_on(sim.sleep(SECOND));
    }
}

#[test]
fn a_per_principal_cache_with_credentials_needs_a_principal() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let bearer = auth::bearer(auth::Secret::value("token".to_owned()));
    let seam = seam(sim.clone(), &api).auth(bearer).build().unwrap();
    let own: Stitch<(), String> = seam.get("/me").cache(minute().per_principal()).build_with(decode::text).unwrap();
    assert_eq!(sim.block_on(own.call(()).send()).unwrap_err().kind(), ErrorKind::Input);
    assert!(api.requests().is_empty());
    sim.block_on(own.as_principal("ada").call(()).send()).unwrap();
}

#[test]
fn a_403_for_one_principal_is_not_shared_with_another() {
    let sim = SimRuntime::new(1);
    let api = responding(&sim, |number| if number == 1 { status(403) } else { Response::new("fine".into()) });
    let page = page(&seam(sim.clone(), &api).store(SpyStore::new(sim.clone())).build().unwrap());
    let (ada, grace) = (page.as_principal("ada"), page.as_principal("grace"));
    let (first, second) = sim.block_on(futures_util::future::join(ada.call(1).send(), grace.call(1).send()));
    assert_eq!(first.unwrap_err().status(), Some(StatusCode::FORBIDDEN));
    assert_eq!(second.unwrap().value, "fine");
}

#[test]
fn a_follower_with_another_principal_gets_the_status_of_a_failure_without_body_and_headers() {
    let sim = SimRuntime::new(1);
    let api = responding(&sim, |_| {
        let mut response = status(404);
        response.headers_mut().insert("set-cookie", "ada=1".parse().unwrap());
        response
    });
    let page = page(&seam(sim.clone(), &api).build().unwrap());
    let (ada, grace) = (page.as_principal("ada"), page.as_principal("grace"));
    let both = sim.block_on(futures_util::future::join(ada.call(1).send(), grace.call(1).send()));
    let leader = both.0.unwrap_err();
    assert_eq!((&*leader.response().unwrap().body, leader.response().unwrap().headers.len()), (&b"no"[..], 1));
    let other = both.1.unwrap_err();
    assert_eq!(other.status(), Some(StatusCode::NOT_FOUND));
    assert!(other.response().unwrap().body.is_empty() && other.response().unwrap().headers.is_empty());
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn max_wait_and_deadline_apply_to_each_caller_separately() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let throttle = stitchapi::Throttle::rate("1/s");
    let page = page(&seam(sim.clone(), &api).throttle(throttle).build().unwrap());
    sim.block_on(page.call(0).send()).unwrap();
    let short = page.call(1).max_wait(Duration::from_millis(10)).send();
    let (short, long) = sim.block_on(futures_util::future::join(short, page.call(1).send()));
    assert_eq!(short.unwrap_err().kind(), ErrorKind::Throttled);
    assert_eq!(long.unwrap().value, "2");

    let short_deadline = seam(sim.clone(), &api).deadline(FETCH / 2).build().unwrap();
    let short_deadline = self::page(&short_deadline);
    let long = sim.block_on(short_deadline.call(1).deadline(SECOND).send());
    assert_eq!(long.unwrap().report.attempts, 1);
    let late = async {
        sim.sleep(FETCH / 3).await;
        short_deadline.call(2).deadline(SECOND).send().await
    };
    let (short, late) = sim.block_on(futures_util::future::join(short_deadline.call(2).send(), late));
    assert_eq!(short.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(late.is_ok());
}

#[test]
fn ttl_and_method_are_part_of_the_cache_key() {
    let sim = SimRuntime::new(1);
    let api = numbered_api(&sim);
    let seam = seam(sim.clone(), &api).build().unwrap();
    let build = |method: Method, ttl: u64| {
        let cache = Cache::ttl(Duration::from_secs(ttl)).shared();
        seam.request(method, "/a").cache(cache).build_with::<(), String>(decode::text).unwrap()
    };
    let text = |stitch: &Stitch<(), String>| sim.block_on(stitch.call(()).send()).unwrap().value;
    assert_eq!(text(&build(Method::GET, 3600)), "1");
    sim.block_on(sim.sleep(1800 * SECOND));
    assert_eq!(text(&build(Method::GET, 1)), "2");
    assert_eq!(text(&build(Method::HEAD, 3600)), "3");
    assert_eq!(text(&build(Method::GET, 3600)), "1");
}

#[test]
fn a_hanging_store_delays_a_call_by_one_timeout_and_fails_none() {
    let sim = SimRuntime::new(1);
    let (api, store) = (numbered_api(&sim), SpyStore::new(sim.clone()));
    store.hang(true);
    let page = page(&seam(sim.clone(), &api).store(store).build().unwrap());
    let begun = sim.now();
    let sent = sim.block_on(page.call(1).send()).unwrap();
    assert_eq!((sent.report.cache, sent.report.attempts), (Some(CacheOutcome::Bypassed), 1));
    assert_eq!(sim.now().since(begun), FETCH + Duration::from_millis(250));
}

#[test]
fn a_shared_failure_keeps_its_source() {
    let sim = SimRuntime::new(1);
    let api = MockTransport::routes().failing(1, stitchapi::TransportErrorKind::Other);
    let page = page(&seam(sim.clone(), &api).build().unwrap());
    let error = sim.block_on(page.call(1).send()).unwrap_err();
    let mut chain = std::iter::successors(std::error::Error::source(&error), |error| error.source());
    assert!(chain.any(<dyn std::error::Error>::is::<stitchapi::TransportError>));
}
