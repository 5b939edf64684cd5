//! Cooldowns that responses request, applied by the whole fleet, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::spy::Spy;
use common::{events, seam, starts};
use futures_util::future::join_all;
use proptest::prelude::*;
use stitchapi::trace::{Event, EventKind, HoldReason};
use stitchapi::{Result, Retry, Runtime as _, Seam, Stitch, Throttle, decode};
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);

type Answer = http::Response<Bytes>;
/// One process: its stitch and its events.
type Process = (Stitch<(), ()>, Arc<Mutex<Vec<Event>>>);

fn respond(status: u16, fields: &[(&str, &str)]) -> Answer {
    let mut answer = http::Response::builder().status(status);
    for (name, value) in fields {
        answer = answer.header(*name, *value);
    }
    answer.body(Bytes::new()).unwrap()
}

/// An API that sends each of these responses once and then accepts every call. It records when it sent them.
fn api(sim: &SimRuntime, answers: Vec<Answer>) -> (MockTransport, Arc<Mutex<Vec<u64>>>) {
    let (answers, given) = (Mutex::new(answers.into_iter()), Arc::new(Mutex::new(Vec::new())));
    let (sim, times) = (sim.clone(), given.clone());
    let api = MockTransport::new(move |_| {
        let Some(answer) = answers.lock().unwrap().next() else { return respond(200, &[]) };
        times.lock().unwrap().push(sim.now().0);
        answer
    });
    (api, given)
}

fn get(seam: &Seam) -> Stitch<(), ()> {
    seam.get("/a").retry(Retry::none()).build_with(decode::empty).unwrap()
}

/// Creates the seams of several processes on one store with this one-way latency, each with its events.
fn fleet(sim: &SimRuntime, api: &MockTransport, throttle: &Throttle, way: Duration) -> Vec<Process> {
    let store = Spy::on(sim.clone()).far(way);
    let process = |_| {
        let (sink, taken) = events();
        let seam = seam(sim, api).store(store.clone()).throttle(throttle.clone()).deadline(600 * SECOND).sink(sink);
        (get(&seam.build().unwrap()), taken)
    };
    (0..4).map(process).collect()
}

/// Returns every hold that was emitted, with its reason.
fn holds(taken: &Mutex<Vec<Event>>) -> Vec<(Duration, HoldReason)> {
    let held = |event: &Event| match event.kind {
        EventKind::Held { by, reason } => Some((by, reason)),
        _ => None,
    };
    taken.lock().unwrap().iter().filter_map(held).collect()
}

/// Sends this first response to a single process, and returns how long its next call waits, in milliseconds.
fn waits_after(status: u16, fields: &[(&str, &str)]) -> (u128, Option<HoldReason>) {
    let sim = SimRuntime::new(1);
    let (api, _) = api(&sim, vec![respond(status, fields)]);
    let (sink, taken) = events();
    let seam = seam(&sim, &api).throttle(Throttle::rate("100/s")).deadline(99 * SECOND).sink(sink).build().unwrap();
    let _ = sim.block_on(get(&seam).call(()).send());
    let answered = sim.now();
    let permit = sim.block_on(seam.permit(1)).unwrap();
    let waited = permit.at().unwrap().since(answered).as_millis();
    sim.block_on(sim.sleep(SECOND));
    (waited, holds(&taken).first().map(|(_, reason)| *reason))
}

#[test]
fn a_cooldown_of_one_process_holds_every_other_process_from_100_ms_later_until_its_end() {
    let mut latest = 0;
    // The first three cases have no new callers, so that touches alone show the hold; the last one has new callers.
    for (rate, calls, times) in [("10/s", 6, 1), ("50/s", 20, 1), ("200/s", 60, 1), ("200/s", 10, 4)] {
        for (seed, way) in (0..20).map(|seed| (seed, Duration::from_millis(seed % 4))) {
            let sim = SimRuntime::new(seed);
            let quiet = vec![respond(200, &[]); 2 + seed as usize % 19];
            let (api, given) = api(&sim, [quiet, vec![respond(429, &[("retry-after", "2")])]].concat());
            let fleet = fleet(&sim, &api, &Throttle::rate(rate), way);
            let all = fleet.iter().flat_map(|(stitch, _)| {
                (0..calls).map(move |_| async move {
                    for _ in 0..times {
                        let _ = stitch.call(()).await;
                    }
                })
            });
            sim.block_on(join_all(all));
            sim.block_on(sim.sleep(SECOND));
            let asked = *given.lock().unwrap().last().unwrap();
            let over = asked + 2_000_000;
            let mut at: Vec<u64> = fleet.iter().flat_map(|(_, taken)| starts(taken)).collect();
            at.sort_unstable();
            let held: Vec<u64> = at.iter().filter(|at| (asked + 1..over).contains(at)).map(|at| at - asked).collect();
            latest = held.iter().copied().chain([latest]).max().unwrap();
            assert!(held.iter().all(|after| *after < 100_000), "{rate}, seed {seed}: starts after {held:?} us");
            assert!(at.iter().any(|at| (over..over + 300_000).contains(at)), "{rate}, seed {seed}: not used again");
        }
    }
    println!("{latest} us after the answer");
}

#[test]
fn a_process_with_bookings_touches_the_store_at_most_eleven_times_a_second() {
    let sim = SimRuntime::new(1);
    let (api, _) = api(&sim, Vec::new());
    let spy = Spy::on(sim.clone());
    let seam = seam(&sim, &api).store(spy.clone()).throttle(Throttle::rate("10/s")).build().unwrap();
    let _ = sim.block_on(seam.permit(1)).unwrap();
    let (begun, before) = (sim.now(), spy.operations());
    sim.block_on(join_all((0..10).map(|_| seam.permit(1))));
    // One booking for all callers, and the touches.
    let (seconds, touches) = (sim.now().since(begun).as_secs_f64(), spy.operations() - before - 1);
    assert!((9.0..=10.6).contains(&(touches as f64 / seconds)), "{touches} in {seconds} s");
}

/// Asserts that such a first response holds the next call for this number of milliseconds, for this reason.
fn assert_holds(status: u16, fields: &[(&str, &str)], millis: u128, reason: HoldReason) {
    let (waited, said) = waits_after(status, fields);
    assert!((millis..=millis + 1).contains(&waited), "{status} {fields:?}: {waited} ms");
    assert_eq!(said, Some(reason), "{status} {fields:?}");
}

/// Asserts that such a first response holds no call.
fn assert_free(status: u16, fields: &[(&str, &str)]) {
    let (waited, said) = waits_after(status, fields);
    // The spacing of the rate.
    assert!(waited <= 11, "{status} {fields:?}: {waited} ms");
    assert_eq!(said, None, "{status} {fields:?}");
}

#[test]
fn a_refusal_holds_for_its_stated_time() {
    use HoldReason::RetryAfter;
    assert_holds(429, &[("retry-after", "3")], 3_000, RetryAfter);
    assert_holds(429, &[("retry-after", "1.25")], 1_250, RetryAfter);
    assert_holds(429, &[("retry-after", "3, 1")], 3_000, RetryAfter);
    assert_holds(429, &[("retry-after", "Thu, 01 Jan 2026 00:00:07 GMT")], 7_000, RetryAfter);
    assert_holds(429, &[("retry-after", "99999999999999999999")], 60_000, RetryAfter);
    assert_holds(503, &[("retry-after", "3")], 3_000, RetryAfter);
    assert_free(503, &[]);
    assert_free(500, &[("retry-after", "3")]);
    assert_free(200, &[("retry-after", "3")]);
    assert_free(403, &[("retry-after", "3")]);
    assert_free(429, &[("retry-after", "0")]);
    assert_free(429, &[("retry-after", "Wed, 31 Dec 2025 00:00:00 GMT")]);
}

#[test]
fn a_refusal_without_a_stated_time_holds_for_one_second() {
    for odd in ["-5", "soon", "", "1e3", "+2", "0x10", "Thu, 99 Jan 2026"] {
        assert_holds(429, &[("retry-after", odd)], 1_000, HoldReason::Refusal);
    }
    assert_holds(429, &[], 1_000, HoldReason::Refusal);
    assert_holds(429, &[("ratelimit", r#""d";r=0"#)], 1_000, HoldReason::Refusal);
    assert_holds(429, &[("x-ratelimit-remaining", "9"), ("x-ratelimit-reset", "30")], 1_000, HoldReason::Refusal);
}

#[test]
fn an_exhausted_quota_of_the_ietf_drafts_holds_even_after_a_success() {
    use HoldReason::RateLimit;
    for status in [200, 301, 404, 429, 503] {
        assert_holds(status, &[("ratelimit", r#""default";r=0;t=30"#)], 30_000, RateLimit);
    }
    let policy = ("ratelimit-policy", r#""default";q=100;w=60"#);
    assert_holds(200, &[("ratelimit", r#""default";r=0;t=5"#), policy], 5_000, RateLimit);
    assert_holds(200, &[("ratelimit", r#""default";r=0;t=999999999999999"#)], 60_000, RateLimit);
    assert_holds(200, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "4")], 4_000, RateLimit);
    assert_holds(200, &[("ratelimit", "limit=10, remaining=0, reset=6")], 6_000, RateLimit);
    assert_free(200, &[("ratelimit", r#""default";r=1;t=30"#)]);
    assert_free(200, &[("ratelimit", r#""default";r=0"#), policy]);
    assert_free(200, &[("ratelimit", r#""default";r=0;t=-30"#)]);
    assert_free(200, &[("ratelimit", r#""default";r=0;t=30"#), ("age", "12")]);
    let open = ("ratelimit-policy", r#""default";q=5;qu="concurrent-requests""#);
    assert_free(200, &[("ratelimit", r#""default";r=0;t=30"#), open]);
    assert_holds(429, &[("retry-after", "2"), ("ratelimit", r#""d";r=0;t=30"#)], 2_000, HoldReason::RetryAfter);
}

#[test]
fn the_fields_of_github_are_read() {
    let (id, reset) = (("x-github-request-id", "A1B2"), ("x-ratelimit-reset", "1767225620"));
    let spent = ("x-ratelimit-remaining", "0");
    assert_holds(403, &[id, spent, reset], 20_000, HoldReason::XRateLimit);
    assert_holds(200, &[id, spent, reset], 20_000, HoldReason::XRateLimit);
    assert_holds(403, &[id, ("retry-after", "9"), ("x-ratelimit-remaining", "14")], 9_000, HoldReason::RetryAfter);
    assert_holds(429, &[id, ("x-ratelimit-remaining", "14"), reset], 60_000, HoldReason::Refusal);
    assert_free(403, &[id, ("x-ratelimit-remaining", "14"), reset]);
    assert_free(200, &[id, ("x-ratelimit-remaining", "14"), reset]);
}

#[test]
fn the_fields_of_discord_are_read() {
    let (spent, bucket) = (("x-ratelimit-remaining", "0"), ("x-ratelimit-bucket", "abcd1234"));
    let reset = ("x-ratelimit-reset", "1767225699.123");
    assert_holds(200, &[spent, bucket, reset, ("x-ratelimit-reset-after", "4.57")], 4_570, HoldReason::XRateLimit);
    let shared = [("x-ratelimit-scope", "shared"), ("x-ratelimit-remaining", "9"), ("retry-after", "13"), bucket];
    assert_holds(429, &shared, 13_000, HoldReason::RetryAfter);
    let global = [("x-ratelimit-global", "true"), ("x-ratelimit-scope", "global"), ("retry-after", "6.5")];
    assert_holds(429, &global, 6_500, HoldReason::RetryAfter);
}

#[test]
fn the_field_of_shopify_is_read() {
    let full = ("x-shopify-shop-api-call-limit", "40/40");
    assert_holds(200, &[full], 500, HoldReason::Shopify);
    assert_holds(429, &[full, ("retry-after", "2.0")], 2_000, HoldReason::RetryAfter);
    assert_free(200, &[("x-shopify-shop-api-call-limit", "39/40")]);
}

#[test]
fn the_magnitude_of_a_reset_states_its_unit() {
    let spent = ("x-ratelimit-remaining", "0");
    for (reset, millis) in
        [("7", 7_000), ("1767225607", 7_000), ("1767225607500", 7_500), ("Thu, 01 Jan 2026 00:00:07 GMT", 7_000)]
    {
        assert_holds(200, &[spent, ("x-ratelimit-reset", reset)], millis, HoldReason::XRateLimit);
    }
    assert_holds(200, &[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "7")], 7_000, HoldReason::XRateLimit);
    for odd in ["99999999999999999999", "1767225599", "-1", "soon", ""] {
        assert_free(200, &[spent, ("x-ratelimit-reset", odd)]);
    }
}

#[test]
fn a_wrong_local_clock_changes_no_time_of_a_response_with_a_date() {
    // By the clock of this process that was one hour ago.
    let date = ("date", "Wed, 31 Dec 2025 23:00:00 GMT");
    let (spent, reset) = (("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1767222007"));
    assert_holds(200, &[date, spent, reset], 7_000, HoldReason::XRateLimit);
    assert_holds(429, &[date, ("retry-after", "Wed, 31 Dec 2025 23:00:09 GMT")], 9_000, HoldReason::RetryAfter);
}

#[test]
fn a_burst_of_refusals_causes_one_hold() {
    for fields in [&[][..], &[("retry-after", "2")]] {
        let sim = SimRuntime::new(1);
        let (api, _) = api(&sim, vec![respond(429, fields); 20]);
        let api = api.latency(Duration::from_millis(300), Arc::new(sim.clone()));
        let (sink, taken) = events();
        let seam = seam(&sim, &api).throttle(Throttle::rate("100/s").burst(20)).sink(sink).build().unwrap();
        let stitch = get(&seam);
        sim.block_on(join_all((0..20).map(|_| async { stitch.call(()).await })));
        let answered = sim.now();
        let at = sim.block_on(seam.permit(1)).unwrap().at().unwrap();
        let expected = if fields.is_empty() { SECOND } else { 2 * SECOND };
        assert_eq!(at.since(answered), expected, "{fields:?}");
        sim.block_on(sim.sleep(SECOND));
        assert_eq!(holds(&taken).len(), 1, "{fields:?}");
    }
}

#[test]
fn repeated_refusals_hold_longer_and_the_length_shrinks_again() {
    let sim = SimRuntime::new(1);
    let mut answers = vec![respond(429, &[]); 8];
    answers.extend(vec![respond(200, &[]); 6]);
    answers.push(respond(429, &[]));
    let (api, given) = api(&sim, answers);
    let (sink, taken) = events();
    let seam = seam(&sim, &api).throttle(Throttle::rate("10/s").max_hold(20 * SECOND)).deadline(99 * SECOND);
    let seam = seam.sink(sink).build().unwrap();
    let stitch = get(&seam);
    for _ in 0..16 {
        let _ = sim.block_on(stitch.call(()).send());
    }
    sim.block_on(sim.sleep(SECOND));
    let held: Vec<u64> = holds(&taken).iter().map(|(by, _)| by.as_secs()).collect();
    assert_eq!(held, [1, 2, 4, 8, 16, 20, 20, 20, 1]);
    assert_eq!(given.lock().unwrap().len(), 15);
}

#[test]
fn refusals_without_a_stated_time_in_a_fleet_cause_one_hold_of_one_second() -> Result<()> {
    for seed in 0..10 {
        let sim = SimRuntime::new(seed);
        let (api, given) = api(&sim, vec![respond(200, &[]), respond(429, &[])]);
        let fleet = fleet(&sim, &api, &Throttle::rate("50/s"), Duration::ZERO);
        let calls = fleet.iter().flat_map(|(stitch, _)| (0..25).map(move |_| async move { stitch.call(()).await }));
        sim.block_on(join_all(calls));
        sim.block_on(sim.sleep(SECOND));
        let asked = given.lock().unwrap()[1];
        let mut at: Vec<u64> = fleet.iter().flat_map(|(_, taken)| starts(taken)).collect();
        at.sort_unstable();
        let first = at.iter().find(|at| **at >= asked + 100_000).unwrap();
        assert!((asked + 1_000_000..asked + 1_030_000).contains(first), "seed {seed}: {}", first - asked);
        let told: Vec<_> = fleet.iter().map(|(_, taken)| holds(taken)).collect();
        assert!(told.iter().all(|holds| holds.len() == 1), "seed {seed}: {told:?}");
        let elsewhere = told.iter().filter(|holds| holds[0].1 == HoldReason::OtherProcess).count();
        assert_eq!(elsewhere, 3, "seed {seed}");
    }
    Ok(())
}

#[test]
fn the_limit_of_a_route_holds_the_stitchs_own_throttle_and_not_the_seams() -> Result<()> {
    let route = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "5"), ("x-ratelimit-bucket", "b")];
    for (scope, seams_wait, stitchs_wait) in [("user", 20, 5_000), ("global", 5_000, 5_000)] {
        let sim = SimRuntime::new(1);
        let fields: Vec<_> = route.into_iter().chain([("x-ratelimit-scope", scope)]).collect();
        let (api, _) = api(&sim, vec![respond(200, &fields)]);
        let seam = seam(&sim, &api).throttle(Throttle::rate("100/s")).build()?;
        let stitch = seam.get("/a").throttle(Throttle::rate("50/s")).build_with(decode::empty)?;
        let begun = sim.now();
        sim.block_on(stitch.call(()).send())?;
        let _ = sim.block_on(seam.permit(1))?;
        let waited = sim.now().since(begun).as_millis();
        assert!((seams_wait - 10..=seams_wait + 10).contains(&waited), "{scope}: {waited} ms");
        sim.block_on(stitch.call(()).send())?;
        let waited = sim.now().since(begun).as_millis();
        assert!((stitchs_wait..=stitchs_wait + 20).contains(&waited), "{scope}: {waited} ms");
    }
    Ok(())
}

#[test]
fn a_max_hold_of_zero_disables_cooldowns() -> Result<()> {
    let sim = SimRuntime::new(1);
    let (api, _) = api(&sim, vec![respond(429, &[("retry-after", "9")]), respond(429, &[])]);
    let (sink, taken) = events();
    let throttle = Throttle::rate("100/s").max_hold(Duration::ZERO);
    let seam = seam(&sim, &api).throttle(throttle).sink(sink).build()?;
    let begun = sim.now();
    for _ in 0..3 {
        let _ = sim.block_on(get(&seam).call(()).send());
    }
    assert!(sim.now().since(begun) < Duration::from_millis(30));
    sim.block_on(sim.sleep(SECOND));
    assert_eq!(holds(&taken), []);
    Ok(())
}

/// Every field that is read.
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

/// Numbers at every bound, early and late dates, structured fields, whole and malformed, and any text.
fn value() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
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
    prop_oneof![known.prop_map(str::to_owned), any::<u64>().prop_map(|number| number.to_string()), "[ -~]{0,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_an_answer_says_holds_for_no_longer_than_the_longest_hold(
        status in prop::sample::select(vec![200_u16, 204, 301, 403, 404, 429, 500, 503]),
        fields in prop::collection::vec((prop::sample::select(FIELDS.to_vec()), value()), 0..6),
    ) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (waited, _) = waits_after(status, &fields);
        prop_assert!(waited <= 60_011, "{} ms", waited);
    }
}
