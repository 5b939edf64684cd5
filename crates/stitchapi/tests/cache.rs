//! The response cache: one fetch for a fleet, also if the process that fetches fails.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::events;
use common::process::{Process, within_a_minute};
use common::spy::Spy;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::{Method, Response, StatusCode};
use stitchapi::trace::{CacheOutcome, Event, EventKind, Unreadable};
use stitchapi::{
    Cache, ErrorKind, Retry, Runtime, Seam, SeamBuilder, Stitch, StitchStore, StoreErrorKind, auth, decode,
};
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);
/// Longest time of one way to the store.
const WAY: Duration = Duration::from_millis(5);
const FETCH: Duration = Duration::from_millis(300);

/// Responds with the number of the request, after 300 ms.
fn numbers(sim: &SimRuntime) -> MockTransport {
    responding(sim, |number| Response::new(number.to_string().into()))
}

fn responding(sim: &SimRuntime, respond: impl Fn(usize) -> Response<Bytes> + Send + Sync + 'static) -> MockTransport {
    let requests = Mutex::new(0);
    let api = MockTransport::new(move |_| {
        let mut number = requests.lock().unwrap();
        *number += 1;
        respond(*number)
    });
    api.latency(FETCH, Arc::new(sim.clone()))
}

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

fn page(seam: &Seam) -> Stitch<u32, String> {
    seam.get("/page").query("n", "{n}").cache(minute().shared()).build_with(decode::text).unwrap()
}

/// Four processes on one store, each with its stitch.
fn fleet(
    sim: &SimRuntime,
    api: &MockTransport,
    store: &(impl StitchStore + Clone),
) -> Vec<(Process, Stitch<u32, String>)> {
    let process = |_| {
        let process = Process::on(sim);
        let seam = seam(process.clone(), api).store(store.clone()).build().unwrap();
        (process, page(&seam))
    };
    (0..4).map(process).collect()
}

type Ended = Result<String, stitchapi::Error>;

async fn calls(process: &Process, stitch: &Stitch<u32, String>, number: usize) -> Vec<Ended> {
    let stitch = stitch.clone();
    process.run(async move { join_all((0..number).map(|_| async { stitch.call(1).await })).await }).await
}

async fn all_calls(fleet: &[(Process, Stitch<u32, String>)], each: usize) -> Vec<Ended> {
    let ended = join_all(fleet.iter().map(|(process, stitch)| calls(process, stitch, each))).await;
    ended.into_iter().flatten().collect()
}

fn all_are(ended: &[Ended], text: &str) -> bool {
    ended.iter().all(|ended| ended.as_ref().is_ok_and(|ended| ended == text))
}

fn count(events: &Mutex<Vec<Event>>, wanted: &EventKind) -> usize {
    events.lock().unwrap().iter().filter(|event| event.kind == *wanted).count()
}

#[test]
fn a_fleet_fetches_once_for_100_interleavings() {
    for seed in 0..100 {
        let sim = SimRuntime::new(seed);
        let api = numbers(&sim);
        let fleet = fleet(&sim, &api, &Spy::on(sim.clone()).far(WAY));
        let begun = sim.now();
        assert!(all_are(&within_a_minute(&sim, all_calls(&fleet, 25)), "1"));
        let took = sim.now().since(begun);
        assert!(
            took < FETCH + Duration::from_millis(130),
            "every caller waits at most 130 ms beyond the fetch: {took:?}"
        );
        assert!(all_are(&within_a_minute(&sim, all_calls(&fleet, 25)), "1"));
        assert_eq!(api.requests().len(), 1);
    }
}

#[test]
fn a_response_is_fetched_again_after_its_ttl() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
    let fleet = fleet(&sim, &api, &Spy::on(sim.clone()));
    assert!(all_are(&sim.block_on(all_calls(&fleet, 2)), "1"));
    sim.block_on(sim.sleep(59 * SECOND));
    assert!(all_are(&sim.block_on(all_calls(&fleet, 2)), "1"));
    sim.block_on(sim.sleep(2 * SECOND));
    assert!(all_are(&sim.block_on(all_calls(&fleet, 2)), "2"));
}

#[test]
fn a_report_states_the_cache_outcome_and_counts_requests_for_the_call_that_fetched() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
    let (sink, taken) = events();
    let page = page(&seam(sim.clone(), &api).sink(sink).build().unwrap());
    let (first, second) = sim.block_on(futures_util::future::join(page.call(1).send(), page.call(1).send()));
    let third = sim.block_on(page.call(1).send());
    let reports = [first, second, third].map(|sent| sent.unwrap().report);
    let told = reports.map(|report| (report.cache.unwrap(), report.attempts));
    assert_eq!(told, [(CacheOutcome::Miss, 1), (CacheOutcome::Joined, 0), (CacheOutcome::Hit, 0)]);
    sim.block_on(sim.sleep(SECOND));
    for outcome in [CacheOutcome::Miss, CacheOutcome::Joined, CacheOutcome::Hit] {
        assert_eq!(count(&taken, &EventKind::Cache { outcome }), 1);
    }
}

#[test]
fn a_hit_is_the_whole_response_without_its_cookies() {
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
fn calls_that_differ_in_query_header_or_seam_share_no_response() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
    let store = Spy::on(sim.clone());
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
fn when_the_fetching_process_is_killed_one_other_fetches_and_no_other_call_fails() {
    for seed in 0..20 {
        let sim = SimRuntime::new(seed);
        let api = numbers(&sim);
        let fleet = fleet(&sim, &api, &Spy::on(sim.clone()).far(WAY));
        let (victim, rest) = fleet.split_first().unwrap();
        let story = async {
            let doomed = victim.1.clone();
            victim.0.spawn(Box::pin(async move { drop(doomed.call(1).await) }));
            sim.sleep(Duration::from_millis(150)).await;
            assert_eq!(api.requests().len(), 1);
            victim.0.stop();
            let begun = sim.now();
            (all_calls(rest, 25).await, sim.now().since(begun))
        };
        let (ended, took) = within_a_minute(&sim, story);
        assert!(all_are(&ended, "2"));
        assert_eq!(api.requests().len(), 2);
        assert!(took < Duration::from_millis(1_400), "a lease of a second, and a fetch: {took:?}");
    }
}

#[test]
fn a_fetch_paused_beyond_its_lease_does_not_overwrite_a_newer_entry() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
    let fleet = fleet(&sim, &api, &Spy::on(sim.clone()));
    let (frozen, rest) = fleet.split_first().unwrap();
    let story = async {
        frozen.0.spawn(Box::pin({
            let stitch = frozen.1.clone();
            async move { assert_eq!(stitch.call(1).await.unwrap(), "1") }
        }));
        sim.sleep(Duration::from_millis(150)).await;
        frozen.0.stop();
        assert!(all_are(&all_calls(rest, 5).await, "2"));
        frozen.0.resume();
        sim.sleep(SECOND).await;
        assert!(all_are(&all_calls(&fleet, 1).await, "2"));
    };
    within_a_minute(&sim, story);
    assert_eq!(api.requests().len(), 2);
}

#[test]
fn a_dropped_first_caller_causes_no_second_fetch_and_the_last_one_releases_the_lease() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
    let fleet = fleet(&sim, &api, &Spy::on(sim.clone()));
    let page = &fleet[0].1;
    let story = async {
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
        assert!(took < FETCH + Duration::from_millis(100), "the lease was free at once: {took:?}");
    };
    within_a_minute(&sim, story);
    assert_eq!(api.requests().len(), 3);
}

#[test]
fn the_deadline_of_a_waiting_call_does_not_end_the_fetch() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
    let page = page(&seam(sim.clone(), &api).build().unwrap());
    let both = futures_util::future::join(page.call(1).deadline(FETCH / 2).send(), page.call(1).send());
    let (hasty, patient) = sim.block_on(both);
    assert_eq!(hasty.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(patient.unwrap().value, "1");
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn a_failure_is_shared_by_the_calls_that_waited_and_not_by_later_ones() {
    for seed in 0..20 {
        let sim = SimRuntime::new(seed);
        let api = responding(&sim, |number| if number == 1 { status(503) } else { Response::new("fine".into()) });
        let fleet = fleet(&sim, &api, &Spy::on(sim.clone()));
        let ended = within_a_minute(&sim, all_calls(&fleet, 25));
        for error in ended.into_iter().map(Result::unwrap_err) {
            assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Status, 503));
            assert!(error.is_retryable());
        }
        assert_eq!(api.requests().len(), 1);
        assert!(all_are(&within_a_minute(&sim, all_calls(&fleet, 25)), "fine"));
        assert_eq!(api.requests().len(), 2);
    }
}

#[test]
fn a_response_that_cannot_be_stored_is_fetched_by_all_processes_at_the_same_time() {
    for large_or_partial in [false, true] {
        let sim = SimRuntime::new(1);
        let api = responding(&sim, move |_| {
            let mut response = Response::new(Bytes::from(vec![b'x'; if large_or_partial { 20_000 } else { 1 }]));
            *response.status_mut() = if large_or_partial { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
            response
        });
        let fleet = fleet(&sim, &api, &Spy::on(sim.clone()));
        let begun = sim.now();
        assert!(within_a_minute(&sim, all_calls(&fleet, 5)).iter().all(Result::is_ok));
        assert_eq!(api.requests().len(), 4);
        let took = sim.now().since(begun);
        assert!(took < 2 * FETCH + Duration::from_millis(60), "{took:?}");
        let begun = sim.now();
        assert!(within_a_minute(&sim, all_calls(&fleet, 5)).iter().all(Result::is_ok));
        assert!(
            sim.now().since(begun) < FETCH + Duration::from_millis(60),
            "the outcome that nothing is stored is kept for some seconds"
        );
    }
}

#[test]
fn a_store_that_fails_does_not_fail_a_call() {
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Corrupt, StoreErrorKind::Denied] {
        let sim = SimRuntime::new(1);
        let (api, store) = (numbers(&sim), Spy::on(sim.clone()));
        let fleet = fleet(&sim, &api, &store);
        store.fail(Some(kind));
        let ended = within_a_minute(&sim, all_calls(&fleet, 5));
        assert!(ended.iter().all(Result::is_ok));
        assert_eq!(api.requests().len(), 4, "each process fetches once");
        store.fail(None);
        let sent = sim.block_on(fleet[0].1.call(1).send()).unwrap();
        assert_eq!(sent.report.cache, Some(CacheOutcome::Miss), "no response was stored");
    }
}

#[test]
fn a_store_that_fails_during_the_fetch_does_not_fail_a_call() {
    let sim = SimRuntime::new(1);
    let (api, store) = (numbers(&sim), Spy::on(sim.clone()));
    let fleet = fleet(&sim, &api, &store);
    let story = async {
        let outage = async {
            sim.sleep(FETCH / 2).await;
            store.fail(Some(StoreErrorKind::Unavailable));
        };
        futures_util::future::join(all_calls(&fleet, 5), outage).await.0
    };
    assert!(within_a_minute(&sim, story).iter().all(Result::is_ok));
}

#[test]
fn an_entry_that_cannot_be_decoded_is_a_miss_and_an_event() {
    let sim = SimRuntime::new(1);
    let (api, store) = (numbers(&sim), Spy::on(sim.clone()));
    let (sink, taken) = events();
    let page = page(&seam(sim.clone(), &api).store(store.clone()).sink(sink).build().unwrap());
    sim.block_on(page.call(1).send()).unwrap();
    sim.block_on(store.set(&store.keys("cache")[0], "damaged".into(), Some(60 * SECOND))).unwrap();
    assert_eq!(sim.block_on(page.call(1).send()).unwrap().value, "2");
    sim.block_on(sim.sleep(SECOND));
    assert!(count(&taken, &EventKind::Unreadable { what: Unreadable::CachedResponse }) > 0);
    assert_eq!(sim.block_on(page.call(1).send()).unwrap().report.cache, Some(CacheOutcome::Hit));
}

#[test]
fn on_a_seam_with_credentials_a_cache_without_an_audience_does_not_build() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
    let with_auth = || seam(sim.clone(), &api).auth(auth::bearer(auth::Secret::value("token".to_owned())));
    assert_eq!(with_auth().cache(minute()).build().unwrap_err().kind(), ErrorKind::Config);
    let stitch = |cache: Cache| with_auth().build().unwrap().get("/a").cache(cache).build_with::<(), _>(decode::text);
    let error = stitch(minute()).unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains(".per_principal()"), "{error}");
    assert!(stitch(minute().shared()).is_ok() && stitch(minute().per_principal()).is_ok());
    assert_eq!(stitch(Cache::ttl(Duration::ZERO).shared()).unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn responses_kept_per_principal_are_not_shared_between_users() {
    let sim = SimRuntime::new(1);
    let (api, store) = (numbers(&sim), Spy::on(sim.clone()));
    let seam = seam(sim.clone(), &api).store(store.clone()).build().unwrap();
    let own: Stitch<(), String> = seam.get("/me").cache(minute().per_principal()).build_with(decode::text).unwrap();
    let text = |user: &str| sim.block_on(own.as_principal(user).call(()).send()).unwrap().value;
    assert_eq!([text("ada@x"), text("grace@x"), text("ada@x")], ["1", "2", "1"]);
    assert_eq!(
        sim.block_on(own.call(()).send()).unwrap().value,
        "3",
        "a call without a principal shares no user's response"
    );
    assert!(!store.has_seen("ada"));
    let shared = page(&seam);
    let text = |user: &str| sim.block_on(shared.as_principal(user).call(1).send()).unwrap().value;
    assert_eq!([text("ada@x"), text("grace@x")], ["4", "4"]);
}

#[test]
fn a_seams_cache_applies_to_get_and_head_unless_a_stitch_declares_its_own() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
    let seam = seam(sim.clone(), &api).cache(minute()).build().unwrap();
    let build = |method: Method| seam.request(method, "/a").build_with::<(), String>(decode::text).unwrap();
    let text = |stitch: &Stitch<(), String>| sim.block_on(stitch.call(()).send()).unwrap().value;
    let (get, post) = (build(Method::GET), build(Method::POST));
    assert_eq!([text(&get), text(&get), text(&post), text(&post)], ["1", "1", "2", "3"]);
    let never: Stitch<(), String> = seam.get("/a").cache(Cache::none()).build_with(decode::text).unwrap();
    assert_eq!([text(&never), text(&never)], ["4", "5"]);
    let error = seam.post("/a").cache(minute()).build_with::<(), String>(decode::text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn a_fetch_takes_a_slot_of_the_throttle_and_a_hit_does_not() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
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
fn a_fetch_longer_than_a_lease_and_an_outcome_is_the_only_one_even_if_it_fails() {
    let sim = SimRuntime::new(1);
    let api = responding(&sim, |_| status(503)).latency(7 * SECOND, Arc::new(sim.clone()));
    let fleet = fleet(&sim, &api, &Spy::on(sim.clone()).far(WAY));
    for fetches in 1..=3 {
        assert!(within_a_minute(&sim, all_calls(&fleet, 3)).iter().all(Result::is_err));
        assert_eq!(api.requests().len(), fetches);
        sim.block_on(sim.sleep(SECOND));
    }
}

#[test]
fn responses_kept_per_principal_require_a_principal_on_a_seam_with_credentials() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
    let bearer = auth::bearer(auth::Secret::value("token".to_owned()));
    let seam = seam(sim.clone(), &api).auth(bearer).build().unwrap();
    let own: Stitch<(), String> = seam.get("/me").cache(minute().per_principal()).build_with(decode::text).unwrap();
    assert_eq!(sim.block_on(own.call(()).send()).unwrap_err().kind(), ErrorKind::Input);
    assert!(api.requests().is_empty());
    sim.block_on(own.as_principal("ada").call(()).send()).unwrap();
}

#[test]
fn a_403_of_one_user_is_not_shared_with_another() {
    let sim = SimRuntime::new(1);
    let api = responding(&sim, |number| if number == 1 { status(403) } else { Response::new("fine".into()) });
    let page = page(&seam(sim.clone(), &api).store(Spy::on(sim.clone())).build().unwrap());
    let (ada, grace) = (page.as_principal("ada"), page.as_principal("grace"));
    let (first, second) = sim.block_on(futures_util::future::join(ada.call(1).send(), grace.call(1).send()));
    assert_eq!(first.unwrap_err().status(), Some(StatusCode::FORBIDDEN));
    assert_eq!(second.unwrap().value, "fine");
}

#[test]
fn a_call_that_waits_for_a_fetch_receives_neither_its_cookies_nor_the_error_body_of_another_user() {
    let sim = SimRuntime::new(1);
    let api = responding(&sim, |_| {
        let mut response = status(404);
        response.headers_mut().insert("set-cookie", "adas=1".parse().unwrap());
        response
    });
    let page = page(&seam(sim.clone(), &api).build().unwrap());
    let (ada, grace) = (page.as_principal("ada"), page.as_principal("grace"));
    let both = sim.block_on(futures_util::future::join(ada.call(1).send(), grace.call(1).send()));
    let own = both.0.unwrap_err();
    assert_eq!((&*own.response().unwrap().body, own.response().unwrap().headers.len()), (&b"no"[..], 1));
    let theirs = both.1.unwrap_err();
    assert_eq!(theirs.status(), Some(StatusCode::NOT_FOUND));
    assert!(theirs.response().unwrap().body.is_empty() && theirs.response().unwrap().headers.is_empty());
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn max_wait_and_deadline_apply_to_each_call_alone() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
    let throttle = stitchapi::Throttle::rate("1/s");
    let page = page(&seam(sim.clone(), &api).throttle(throttle).build().unwrap());
    sim.block_on(page.call(0).send()).unwrap();
    let hasty = page.call(1).max_wait(Duration::from_millis(10)).send();
    let (hasty, patient) = sim.block_on(futures_util::future::join(hasty, page.call(1).send()));
    assert_eq!(hasty.unwrap_err().kind(), ErrorKind::Throttled);
    assert_eq!(patient.unwrap().value, "2");

    let brief = seam(sim.clone(), &api).deadline(FETCH / 2).build().unwrap();
    let brief = self::page(&brief);
    let long = sim.block_on(brief.call(1).deadline(SECOND).send());
    assert_eq!(long.unwrap().report.attempts, 1);
    let late = async {
        sim.sleep(FETCH / 3).await;
        brief.call(2).deadline(SECOND).send().await
    };
    let (short, late) = sim.block_on(futures_util::future::join(brief.call(2).send(), late));
    assert_eq!(short.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(late.is_ok());
}

#[test]
fn stitches_with_different_ttls_or_methods_share_no_response() {
    let sim = SimRuntime::new(1);
    let api = numbers(&sim);
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
fn a_store_that_hangs_delays_a_call_by_its_timeout_and_does_not_fail_it() {
    let sim = SimRuntime::new(1);
    let (api, store) = (numbers(&sim), Spy::on(sim.clone()));
    store.hang(true);
    let page = page(&seam(sim.clone(), &api).store(store).build().unwrap());
    let begun = sim.now();
    let sent = sim.block_on(page.call(1).send()).unwrap();
    assert_eq!((sent.report.cache, sent.report.attempts), (Some(CacheOutcome::Bypassed), 1));
    assert_eq!(sim.now().since(begun), FETCH + Duration::from_millis(250));
}

#[test]
fn the_source_of_a_shared_failure_is_in_its_error_chain() {
    let sim = SimRuntime::new(1);
    let api = MockTransport::routes().failing(1, stitchapi::TransportErrorKind::Other);
    let page = page(&seam(sim.clone(), &api).build().unwrap());
    let error = sim.block_on(page.call(1).send()).unwrap_err();
    let mut chain = std::iter::successors(std::error::Error::source(&error), |error| error.source());
    assert!(chain.any(<dyn std::error::Error>::is::<stitchapi::TransportError>));
}
