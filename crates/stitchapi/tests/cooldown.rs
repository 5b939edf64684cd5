//! Cooldowns that a response requests: the header dialects, and the hold of a whole fleet, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::spy_store::SpyStore;
use common::{recording_sink, seam, starts};
use futures_util::future::join_all;
use proptest::prelude::*;
use stitchapi::trace::{Event, EventKind, HoldReason};
use stitchapi::{Result, Retry, Runtime as _, Seam, Stitch, Throttle, decode};
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);

type Response = http::Response<Bytes>;
/// One process of a fleet: its stitch and its recorded events.
type Member = (Stitch<(), ()>, Arc<Mutex<Vec<Event>>>);

/// Returns an empty response with these header fields.
fn respond(status: u16, fields: &[(&str, &str)]) -> Response {
    let mut response = http::Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(Bytes::new()).unwrap()
}

/// Returns an API that sends each of these responses once and status 200 afterwards, and the times at which it sent
/// them, in microseconds.
fn api(sim: &SimRuntime, responses: Vec<Response>) -> (MockTransport, Arc<Mutex<Vec<u64>>>) {
    let (responses, sent_at) = (Mutex::new(responses.into_iter()), Arc::new(Mutex::new(Vec::new())));
    let (sim, times) = (sim.clone(), sent_at.clone());
    let api = MockTransport::new(move |_| {
        let Some(response) = responses.lock().unwrap().next() else { return respond(200, &[]) };
        times.lock().unwrap().push(sim.now().0);
        response
    });
    (api, sent_at)
}

fn get(seam: &Seam) -> Stitch<(), ()> {
    seam.get("/a").retry(Retry::none()).build_with(decode::empty).unwrap()
}

/// Returns four processes on one store. Each request to the store and each reply takes less than `latency`.
fn fleet(sim: &SimRuntime, api: &MockTransport, throttle: &Throttle, latency: Duration) -> Vec<Member> {
    let store = SpyStore::new(sim.clone()).latency(latency);
    let process = |_| {
        let (sink, recorded) = recording_sink();
        let seam = seam(sim, api).store(store.clone()).throttle(throttle.clone()).deadline(600 * SECOND).sink(sink);
        (get(&seam.build().unwrap()), recorded)
    };
    (0..4).map(process).collect()
}

/// Returns the duration and the reason of every `Held` event.
fn holds(recorded: &Mutex<Vec<Event>>) -> Vec<(Duration, HoldReason)> {
    let held = |event: &Event| match event.kind {
        EventKind::Held { by, reason } => Some((by, reason)),
        _ => None,
    };
    recorded.lock().unwrap().iter().filter_map(held).collect()
}

/// Makes a call whose response is given. Returns the wait of the next permit in milliseconds, and the reason of the hold.
fn wait_after(status: u16, fields: &[(&str, &str)]) -> (u128, Option<HoldReason>) {
    let sim = SimRuntime::new(1);
    let (api, _) = api(&sim, vec![respond(status, fields)]);
    let (sink, recorded) = recording_sink();
    let seam = seam(&sim, &api).throttle(Throttle::rate("100/s")).deadline(99 * SECOND).sink(sink).build().unwrap();
    let _ = sim.block_on(get(&seam).call(()).send());
    let responded_at = sim.now();
    let permit = sim.block_on(seam.permit(1)).unwrap();
    let waited = permit.at().unwrap().since(responded_at).as_millis();
    sim.block_on(sim.sleep(SECOND));
    (waited, holds(&recorded).first().map(|(_, reason)| *reason))
}

#[test]
fn a_hold_of_one_process_reaches_the_fleet_within_100_ms_and_ends_on_time() {
    let mut latest = 0;
    // In the first three cases all calls are booked at once, so that only touches reveal the hold. In the last case
    // callers book all the time.
    for (rate, calls, times) in [("10/s", 6, 1), ("50/s", 20, 1), ("200/s", 60, 1), ("200/s", 10, 4)] {
        for (seed, latency) in (0..20).map(|seed| (seed, Duration::from_millis(seed % 4))) {
            let sim = SimRuntime::new(seed);
            let quiet = vec![respond(200, &[]); 2 + seed as usize % 19];
            let (api, sent_at) = api(&sim, [quiet, vec![respond(429, &[("retry-after", "2")])]].concat());
            let fleet = fleet(&sim, &api, &Throttle::rate(rate), latency);
            let all = fleet.iter().flat_map(|(stitch, _)| {
                (0..calls).map(move |_| async move {
                    for _ in 0..times {
                        let _ = stitch.call(()).await;
                    }
                })
            });
            sim.block_on(join_all(all));
            sim.block_on(sim.sleep(SECOND));
            let refused_at = *sent_at.lock().unwrap().last().unwrap();
            let hold_ends = refused_at + 2_000_000;
            let mut at: Vec<u64> = fleet.iter().flat_map(|(_, recorded)| starts(recorded)).collect();
            at.sort_unstable();
            let held: Vec<u64> =
                at.iter().filter(|at| (refused_at + 1..hold_ends).contains(at)).map(|at| at - refused_at).collect();
            latest = held.iter().copied().chain([latest]).max().unwrap();
            assert!(held.iter().all(|after| *after < 100_000), "{rate}, seed {seed}: starts after {held:?} us");
            assert!(
                at.iter().any(|at| (hold_ends..hold_ends + 300_000).contains(at)),
                "{rate}, seed {seed}: no start after the hold"
            );
        }
    }
    println!("last start {latest} us after the response");
}

#[test]
fn a_process_with_bookings_touches_the_store_at_most_eleven_times_per_second() {
    let sim = SimRuntime::new(1);
    let (api, _) = api(&sim, Vec::new());
    let spy = SpyStore::new(sim.clone());
    let seam = seam(&sim, &api).store(spy.clone()).throttle(Throttle::rate("10/s")).build().unwrap();
    let _ = sim.block_on(seam.permit(1)).unwrap();
    let (begun, before) = (sim.now(), spy.operations());
    sim.block_on(join_all((0..10).map(|_| seam.permit(1))));
    // One booking serves all ten permits; every other operation is a touch.
    let (seconds, touches) = (sim.now().since(begun).as_secs_f64(), spy.operations() - before - 1);
    assert!((9.0..=10.6).contains(&(touches as f64 / seconds)), "{touches} in {seconds} s");
}

/// Asserts that such a response holds the next call for `millis`, for this reason.
fn assert_holds(status: u16, fields: &[(&str, &str)], millis: u128, reason: HoldReason) {
    let (waited, held_for) = wait_after(status, fields);
    assert!((millis..=millis + 1).contains(&waited), "{status} {fields:?}: {waited} ms");
    assert_eq!(held_for, Some(reason), "{status} {fields:?}");
}

/// Asserts that such a response causes no hold.
fn assert_no_hold(status: u16, fields: &[(&str, &str)]) {
    let (waited, held_for) = wait_after(status, fields);
    // 10 ms is the spacing of the rate.
    assert!(waited <= 11, "{status} {fields:?}: {waited} ms");
    assert_eq!(held_for, None, "{status} {fields:?}");
}

#[test]
fn a_refusal_holds_for_its_retry_after() {
    use HoldReason::RetryAfter;
    assert_holds(429, &[("retry-after", "3")], 3_000, RetryAfter);
    assert_holds(429, &[("retry-after", "1.25")], 1_250, RetryAfter);
    assert_holds(429, &[("retry-after", "3, 1")], 3_000, RetryAfter);
    assert_holds(429, &[("retry-after", "Thu, 01 Jan 2026 00:00:07 GMT")], 7_000, RetryAfter);
    assert_holds(429, &[("retry-after", "99999999999999999999")], 60_000, RetryAfter);
    assert_holds(503, &[("retry-after", "3")], 3_000, RetryAfter);
    assert_no_hold(503, &[]);
    assert_no_hold(500, &[("retry-after", "3")]);
    assert_no_hold(200, &[("retry-after", "3")]);
    assert_no_hold(403, &[("retry-after", "3")]);
    assert_no_hold(429, &[("retry-after", "0")]);
    assert_no_hold(429, &[("retry-after", "Wed, 31 Dec 2025 00:00:00 GMT")]);
}

#[test]
fn a_refusal_without_a_time_holds_for_one_second() {
    for odd in ["-5", "soon", "", "1e3", "+2", "0x10", "Thu, 99 Jan 2026"] {
        assert_holds(429, &[("retry-after", odd)], 1_000, HoldReason::Refusal);
    }
    assert_holds(429, &[], 1_000, HoldReason::Refusal);
    assert_holds(429, &[("ratelimit", r#""d";r=0"#)], 1_000, HoldReason::Refusal);
    assert_holds(429, &[("x-ratelimit-remaining", "9"), ("x-ratelimit-reset", "30")], 1_000, HoldReason::Refusal);
}

#[test]
fn an_exhausted_ratelimit_field_holds_also_after_a_success() {
    use HoldReason::RateLimit;
    for status in [200, 301, 404, 429, 503] {
        assert_holds(status, &[("ratelimit", r#""default";r=0;t=30"#)], 30_000, RateLimit);
    }
    let policy = ("ratelimit-policy", r#""default";q=100;w=60"#);
    assert_holds(200, &[("ratelimit", r#""default";r=0;t=5"#), policy], 5_000, RateLimit);
    assert_holds(200, &[("ratelimit", r#""default";r=0;t=999999999999999"#)], 60_000, RateLimit);
    assert_holds(200, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "4")], 4_000, RateLimit);
    assert_holds(200, &[("ratelimit", "limit=10, remaining=0, reset=6")], 6_000, RateLimit);
    assert_no_hold(200, &[("ratelimit", r#""default";r=1;t=30"#)]);
    assert_no_hold(200, &[("ratelimit", r#""default";r=0"#), policy]);
    assert_no_hold(200, &[("ratelimit", r#""default";r=0;t=-30"#)]);
    assert_no_hold(200, &[("ratelimit", r#""default";r=0;t=30"#), ("age", "12")]);
    let open = ("ratelimit-policy", r#""default";q=5;qu="concurrent-requests""#);
    assert_no_hold(200, &[("ratelimit", r#""default";r=0;t=30"#), open]);
    assert_holds(429, &[("retry-after", "2"), ("ratelimit", r#""d";r=0;t=30"#)], 2_000, HoldReason::RetryAfter);
}

#[test]
fn github_headers_are_understood() {
    let (id, reset) = (("x-github-request-id", "A1B2"), ("x-ratelimit-reset", "1767225620"));
    let exhausted = ("x-ratelimit-remaining", "0");
    assert_holds(403, &[id, exhausted, reset], 20_000, HoldReason::XRateLimit);
    assert_holds(200, &[id, exhausted, reset], 20_000, HoldReason::XRateLimit);
    assert_holds(403, &[id, ("retry-after", "9"), ("x-ratelimit-remaining", "14")], 9_000, HoldReason::RetryAfter);
    assert_holds(429, &[id, ("x-ratelimit-remaining", "14"), reset], 60_000, HoldReason::Refusal);
    assert_no_hold(403, &[id, ("x-ratelimit-remaining", "14"), reset]);
    assert_no_hold(200, &[id, ("x-ratelimit-remaining", "14"), reset]);
}

#[test]
fn discord_headers_are_understood() {
    let (exhausted, bucket) = (("x-ratelimit-remaining", "0"), ("x-ratelimit-bucket", "abcd1234"));
    let reset = ("x-ratelimit-reset", "1767225699.123");
    assert_holds(200, &[exhausted, bucket, reset, ("x-ratelimit-reset-after", "4.57")], 4_570, HoldReason::XRateLimit);
    let shared = [("x-ratelimit-scope", "shared"), ("x-ratelimit-remaining", "9"), ("retry-after", "13"), bucket];
    assert_holds(429, &shared, 13_000, HoldReason::RetryAfter);
    let global = [("x-ratelimit-global", "true"), ("x-ratelimit-scope", "global"), ("retry-after", "6.5")];
    assert_holds(429, &global, 6_500, HoldReason::RetryAfter);
}

#[test]
fn shopify_headers_are_understood() {
    let full = ("x-shopify-shop-api-call-limit", "40/40");
    assert_holds(200, &[full], 500, HoldReason::Shopify);
    assert_holds(429, &[full, ("retry-after", "2.0")], 2_000, HoldReason::RetryAfter);
    assert_no_hold(200, &[("x-shopify-shop-api-call-limit", "39/40")]);
}

#[test]
fn a_reset_is_a_timestamp_or_seconds_depending_on_its_magnitude() {
    let exhausted = ("x-ratelimit-remaining", "0");
    for (reset, millis) in
        [("7", 7_000), ("1767225607", 7_000), ("1767225607500", 7_500), ("Thu, 01 Jan 2026 00:00:07 GMT", 7_000)]
    {
        assert_holds(200, &[exhausted, ("x-ratelimit-reset", reset)], millis, HoldReason::XRateLimit);
    }
    assert_holds(200, &[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "7")], 7_000, HoldReason::XRateLimit);
    for odd in ["99999999999999999999", "1767225599", "-1", "soon", ""] {
        assert_no_hold(200, &[exhausted, ("x-ratelimit-reset", odd)]);
    }
}

#[test]
fn times_in_a_response_are_relative_to_its_date_header() {
    // On the clock of the process, this date is an hour ago.
    let date = ("date", "Wed, 31 Dec 2025 23:00:00 GMT");
    let (exhausted, reset) = (("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1767222007"));
    assert_holds(200, &[date, exhausted, reset], 7_000, HoldReason::XRateLimit);
    assert_holds(429, &[date, ("retry-after", "Wed, 31 Dec 2025 23:00:09 GMT")], 9_000, HoldReason::RetryAfter);
}

#[test]
fn concurrent_refusals_are_one_hold() {
    for fields in [&[][..], &[("retry-after", "2")]] {
        let sim = SimRuntime::new(1);
        let (api, _) = api(&sim, vec![respond(429, fields); 20]);
        let api = api.latency(Duration::from_millis(300), Arc::new(sim.clone()));
        let (sink, recorded) = recording_sink();
        let seam = seam(&sim, &api).throttle(Throttle::rate("100/s").burst(20)).sink(sink).build().unwrap();
        let stitch = get(&seam);
        sim.block_on(join_all((0..20).map(|_| async { stitch.call(()).await })));
        let responded_at = sim.now();
        let at = sim.block_on(seam.permit(1)).unwrap().at().unwrap();
        let expected = if fields.is_empty() { SECOND } else { 2 * SECOND };
        assert_eq!(at.since(responded_at), expected, "{fields:?}");
        sim.block_on(sim.sleep(SECOND));
        assert_eq!(holds(&recorded).len(), 1, "{fields:?}");
    }
}

#[test]
fn repeated_refusals_double_the_hold_and_successes_reset_it() {
    let sim = SimRuntime::new(1);
    let mut responses = vec![respond(429, &[]); 8];
    responses.extend(vec![respond(200, &[]); 6]);
    responses.push(respond(429, &[]));
    let (api, sent_at) = api(&sim, responses);
    let (sink, recorded) = recording_sink();
    let seam = seam(&sim, &api).throttle(Throttle::rate("10/s").max_hold(20 * SECOND)).deadline(99 * SECOND);
    let seam = seam.sink(sink).build().unwrap();
    let stitch = get(&seam);
    for _ in 0..16 {
        let _ = sim.block_on(stitch.call(()).send());
    }
    sim.block_on(sim.sleep(SECOND));
    let held: Vec<u64> = holds(&recorded).iter().map(|(by, _)| by.as_secs()).collect();
    assert_eq!(held, [1, 2, 4, 8, 16, 20, 20, 20, 1]);
    assert_eq!(sent_at.lock().unwrap().len(), 15);
}

#[test]
fn a_refusal_without_a_time_holds_the_fleet_once_for_one_second() -> Result<()> {
    for seed in 0..10 {
        let sim = SimRuntime::new(seed);
        let (api, sent_at) = api(&sim, vec![respond(200, &[]), respond(429, &[])]);
        let fleet = fleet(&sim, &api, &Throttle::rate("50/s"), Duration::ZERO);
        let calls = fleet.iter().flat_map(|(stitch, _)| (0..25).map(move |_| async move { stitch.call(()).await }));
        sim.block_on(join_all(calls));
        sim.block_on(sim.sleep(SECOND));
        let refused_at = sent_at.lock().unwrap()[1];
        let mut at: Vec<u64> = fleet.iter().flat_map(|(_, recorded)| starts(recorded)).collect();
        at.sort_unstable();
        let first = at.iter().find(|at| **at >= refused_at + 100_000).unwrap();
        assert!(
            (refused_at + 1_000_000..refused_at + 1_030_000).contains(first),
            "seed {seed}: {}",
            first - refused_at
        );
        let all_holds: Vec<_> = fleet.iter().map(|(_, recorded)| holds(recorded)).collect();
        assert!(all_holds.iter().all(|holds| holds.len() == 1), "seed {seed}: {all_holds:?}");
        let from_others = all_holds.iter().filter(|holds| holds[0].1 == HoldReason::OtherProcess).count();
        assert_eq!(from_others, 3, "seed {seed}");
    }
    Ok(())
}

#[test]
fn a_route_budget_holds_the_throttle_of_the_stitch_and_a_global_one_that_of_the_seam() -> Result<()> {
    let route = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "5"), ("x-ratelimit-bucket", "b")];
    for (scope, seam_wait, stitch_wait) in [("user", 20, 5_000), ("global", 5_000, 5_000)] {
        let sim = SimRuntime::new(1);
        let fields: Vec<_> = route.into_iter().chain([("x-ratelimit-scope", scope)]).collect();
        let (api, _) = api(&sim, vec![respond(200, &fields)]);
        let seam = seam(&sim, &api).throttle(Throttle::rate("100/s")).build()?;
        let stitch = seam.get("/a").throttle(Throttle::rate("50/s")).build_with(decode::empty)?;
        let begun = sim.now();
        sim.block_on(stitch.call(()).send())?;
        let _ = sim.block_on(seam.permit(1))?;
        let waited = sim.now().since(begun).as_millis();
        assert!((seam_wait - 10..=seam_wait + 10).contains(&waited), "{scope}: {waited} ms");
        sim.block_on(stitch.call(()).send())?;
        let waited = sim.now().since(begun).as_millis();
        assert!((stitch_wait..=stitch_wait + 20).contains(&waited), "{scope}: {waited} ms");
    }
    Ok(())
}

#[test]
fn max_hold_of_zero_disables_holds() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (api, _) = api(&sim, vec![respond(429, &[("retry-after", "9")]), respond(429, &[])]);
    let (sink, recorded) = recording_sink();
    let throttle = Throttle::rate("100/s").max_hold(Duration::ZERO);
    let seam = seam(&sim, &api).throttle(throttle).sink(sink).build()?;
    let begun = sim.now();
    for _ in 0..3 {
        let _ = sim.block_on(get(&seam).call(()).send());
    }
    assert!(sim.now().since(begun) < Duration::from_millis(30));
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(holds(&recorded), []);
    Ok(())
}

/// Every header field that the library reads.
const FIELDS: [&str; 18] = [
    "retry-after",
    "date",
    "age",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-rate-limit-remaining",
    "x-rate-limit-reset",
    "x-ratelimit-reset-after",
    "x-ratelimit-bucket",
    "x-ratelimit-scope",
    "x-ratelimit-global",
    "x-ratelimit-resource",
    "x-github-request-id",
    "x-shopify-shop-api-call-limit",
];

/// Generates a field value: a boundary number, an extreme date, a valid or broken structured field, or any text.
fn value() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "0",
        "-0",
        "1",
        "9223372036854775807",
        "18446744073709551615.9999999",
        "99999999999999999999",
        "100000000000",
        "1e999",
        "NaN",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "\"d\";r=0;t=999999999999999",
        "\"d\";r=0;t=-1, \"e\";r=0",
        "limit=1, remaining=0, reset=999999999999999",
        "\"d\";q=1;qu=\"concurrent-requests\"",
        "\"d;r=0",
        "40/40",
        "0/0",
    ]);
    prop_oneof![special.prop_map(str::to_owned), any::<u64>().prop_map(|number| number.to_string()), "[ -~]{0,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_response_holds_for_longer_than_the_maximum_hold(
        status in prop::sample::select(vec![200_u16, 204, 301, 403, 404, 429, 500, 503]),
        fields in prop::collection::vec((prop::sample::select(FIELDS.to_vec()), value()), 0..6),
    ) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (waited, _) = wait_after(status, &fields);
        prop_assert!(waited <= 60_011, "{} ms", waited);
    }
}
