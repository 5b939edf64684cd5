//! What a throttle counts, for whom, and how it holds: in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::process::Process;
use common::spy::Spy;
use common::{events, seam, starts};
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use stitchapi::trace::{Event, EventKind};
use stitchapi::{
    Cost, ErrorKind, FleetSize, MemoryStore, Rate, Result, Retry, Runtime as _, Scope, Seam, Stitch, Throttle, decode,
};
use stitchapi_core::StoreErrorKind;
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

fn api() -> MockTransport {
    MockTransport::new(|_| http::Response::new(Bytes::new()))
}

fn get(seam: &Seam) -> Stitch<(), ()> {
    seam.get("/a").build_with(decode::empty).unwrap()
}

fn ten() -> Throttle {
    Throttle::rate("10/s")
}

fn store(sim: &SimRuntime) -> MemoryStore {
    MemoryStore::on(Arc::new(sim.clone()))
}

/// A seam of this process alone, or one on a store.
fn build(sim: &SimRuntime, throttle: Throttle, shared: bool) -> Result<Seam> {
    let builder = seam(sim, &api()).throttle(throttle);
    if shared { builder.store(store(sim)).build() } else { builder.build() }
}

/// Takes so many permits one after the other; when each was given, in milliseconds.
async fn permits(sim: &SimRuntime, seam: &Seam, permits: u64) -> Vec<u64> {
    let (begun, mut at) = (sim.now(), Vec::new());
    for _ in 0..permits {
        let _ = seam.permit(1).await.unwrap();
        at.push(sim.now().since(begun).as_millis() as u64);
    }
    at
}

fn held(taken: &Mutex<Vec<Event>>) -> usize {
    taken.lock().unwrap().iter().filter(|event| matches!(event.kind, EventKind::Held { .. })).count()
}

#[test]
fn permits_and_calls_draw_on_one_budget() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let seam = build(&sim, ten(), shared)?;
        let stitch = get(&seam);
        let begun = sim.now();
        sim.block_on(stitch.call(()).send())?;
        assert_eq!(sim.block_on(permits(&sim, &seam, 2)), [100, 201]);
        sim.block_on(stitch.call(()).send())?;
        assert_eq!(sim.now().since(begun).as_millis(), 301);
    }
    Ok(())
}

#[test]
fn a_seam_without_a_throttle_gives_permits_at_once() -> Result<()> {
    let seam = seam(&SimRuntime::new(1), &api()).build()?;
    assert!(seam.permit(1).now_or_never().unwrap()?.at().is_none());
    Ok(())
}

#[test]
fn a_dear_call_pays_for_what_comes_after_it_and_what_it_gives_back_counts() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let seam = build(&sim, ten().burst(5), shared)?;
        let begun = sim.now();
        let first = sim.block_on(seam.permit(5))?;
        assert!(first.waited().is_zero());
        assert!(sim.block_on(seam.permit(2))?.waited() >= Duration::from_millis(200));
        // It has cost nothing after all.
        sim.block_on(first.settle(0));
        let waited = sim.block_on(seam.permit(5))?.waited();
        assert!(waited <= Duration::from_millis(10), "{shared} {waited:?}");
        // A debt is paid by those who come next.
        let cheap = sim.block_on(seam.permit(1))?;
        sim.block_on(cheap.settle(11));
        assert!(sim.block_on(seam.permit(1))?.waited() >= SECOND);
        assert!(sim.now().since(begun) < 2 * SECOND);
    }
    Ok(())
}

#[test]
fn units_have_budgets_of_their_own_and_a_stitch_says_what_a_call_costs() -> Result<()> {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let throttle = Throttle::rate("100/s").and_rate(Rate::per_second(10).of("tokens"));
    let seam = seam(&sim, &api()).throttle(throttle).sink(sink).build()?;
    let stitch: Stitch<(), ()> = seam
        .get("/a")
        .cost(|_| Cost::new(1).and("tokens", 2))
        .settle(|_, _| Some(Cost::new(1).and("tokens", 1)))
        .build_with(decode::empty)?;
    let calls = async {
        stitch.call(()).await?;
        stitch.call(()).await?;
        stitch.call(()).cost(1).await
    };
    sim.block_on(calls)?;
    sim.block_on(sim.sleep(SECOND));
    let at = starts(&taken);
    // The second one waits for what the first was charged and has really cost, the third only for a call.
    assert_eq!([at[1] - at[0], at[2] - at[1]], [100_500, 10_050]);
    Ok(())
}

#[test]
fn a_cost_above_the_burst_of_a_cap_fails_as_input() -> Result<()> {
    let sim = SimRuntime::new(1);
    let seam = seam(&sim, &api()).throttle(ten().and_rate("100/h")).build()?;
    let error = sim.block_on(seam.permit(51)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("cost of 51 calls exceeds the burst of 50 that may start at once"), "{error}");
    let _ = sim.block_on(seam.permit(50))?;
    Ok(())
}

#[test]
fn a_stitch_may_tighten_the_throttle_for_itself_only() -> Result<()> {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let seam = seam(&sim, &api()).store(store(&sim)).throttle(ten()).sink(sink).build()?;
    let slow: Stitch<(), ()> = seam.get("/slow").throttle(Throttle::rate("1/s")).build_with(decode::empty)?;
    let again: Stitch<(), ()> = seam.get("/slow").throttle(Throttle::rate("1/s")).build_with(decode::empty)?;
    let quick = get(&seam);
    sim.block_on(async {
        let slow = join_all([&slow, &again, &slow].map(|slow| async { slow.call(()).await }));
        let quick = join_all((0..10).map(|_| async { quick.call(()).await }));
        join(slow, quick).await
    });
    sim.block_on(sim.sleep(SECOND));
    let of = |name: &str| -> Vec<u64> {
        let taken = taken.lock().unwrap();
        let requests = taken.iter().filter(|event| matches!(event.kind, EventKind::Request { .. }));
        requests.filter(|event| &*event.stitch == name).map(|event| event.at.0).collect()
    };
    let slow = of("GET /slow");
    assert!(slow.len() == 3 && slow.windows(2).all(|pair| pair[1] - pair[0] >= 800_000), "{slow:?}");
    let quick = of("GET /a");
    assert!(quick.last().unwrap() - quick[0] < 1_100_000, "{quick:?}");
    Ok(())
}

#[test]
fn buckets_of_one_name_are_one_and_must_say_the_same() -> Result<()> {
    let (sim, (sink, taken)) = (SimRuntime::new(1), events());
    let seam = seam(&sim, &api()).sink(sink).build()?;
    let search = |rate: &str| Throttle::rate(rate.to_owned()).scope(Scope::bucket("search"));
    let stitch = |path: &str| seam.get(path).throttle(search("10/s")).build_with::<(), ()>(decode::empty);
    let both = [stitch("/a")?, stitch("/b")?];
    sim.block_on(join_all(both.iter().map(|stitch| async { stitch.call(()).await })));
    sim.block_on(sim.sleep(SECOND));
    let at = starts(&taken);
    assert_eq!(at[1] - at[0], 100_500);
    let error = seam.get("/c").throttle(search("5/s")).build_with::<(), ()>(decode::empty).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let seams = seam.get("/d").throttle(ten().scope(Scope::Seam)).build_with::<(), ()>(decode::empty);
    assert_eq!(seams.unwrap_err().kind(), ErrorKind::Config);
    Ok(())
}

#[test]
fn seams_to_one_host_share_the_hosts_budget() -> Result<()> {
    let sim = SimRuntime::new(1);
    let memory = store(&sim);
    let throttle = ten().scope(Scope::Host);
    let seams: Vec<Seam> = ["one", "two"]
        .into_iter()
        .map(|name| seam(&sim, &api()).name(name).store(memory.clone()).throttle(throttle.clone()).build())
        .collect::<Result<_>>()?;
    let _ = sim.block_on(seams[0].permit(1))?;
    assert_eq!(sim.block_on(permits(&sim, &seams[1], 1)), [100]);
    Ok(())
}

#[test]
fn each_principal_has_a_budget_and_leaves_nothing_behind() -> Result<()> {
    let sim = SimRuntime::new(1);
    let memory = store(&sim);
    let seam = seam(&sim, &api()).store(memory.clone()).throttle(ten().per_principal()).build()?;
    let begun = sim.now();
    sim.block_on(join_all((0..50).map(|user| {
        let seam = seam.as_principal(format!("user {user}"));
        async move { seam.permit(1).await.map(drop) }
    })));
    assert_eq!(sim.now(), begun);
    assert!(sim.block_on(seam.as_principal("user 7").permit(1))?.waited() >= Duration::from_millis(100));
    assert_eq!(sim.block_on(seam.permit(1)).unwrap_err().kind(), ErrorKind::Input);
    assert_eq!(memory.len(), 50);
    // An hour later the store has forgotten them, too.
    sim.block_on(sim.sleep(Duration::from_secs(3_700)));
    sim.block_on(join_all((0..20).map(|_| async { seam.as_principal("user 7").permit(1).await.map(drop) })));
    assert_eq!(memory.len(), 1);
    Ok(())
}

#[test]
fn one_principal_with_many_calls_does_not_keep_another_one_waiting() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let seam = build(&sim, ten(), shared)?;
        let (greedy, modest) = (seam.as_principal("greedy"), seam.as_principal("modest"));
        let late = async {
            sim.sleep(Duration::from_millis(150)).await;
            modest.permit(1).await
        };
        let many = join_all((0..40).map(|_| greedy.permit(1)));
        let (_, late) = sim.block_on(join(many, late));
        assert!(late?.waited() < Duration::from_millis(250));
    }
    Ok(())
}

#[test]
fn callers_that_leave_pass_their_places_on() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let seam = build(&sim, Throttle::rate("100/s"), shared)?;
        let done = Mutex::new(Vec::new());
        let callers = (0..400).map(|caller| {
            let (seam, sim, done) = (seam.clone(), sim.clone(), &done);
            async move {
                // Every second caller leaves at some time before the others are done.
                let leaves = if caller % 2 == 0 { 10 * caller } else { 60_000 };
                let permit = Box::pin(seam.permit(1));
                match futures_util::future::select(permit, sim.sleep(Duration::from_millis(leaves))).await {
                    futures_util::future::Either::Left(_) => done.lock().unwrap().push(sim.now().0),
                    futures_util::future::Either::Right(_) => {}
                }
            }
        });
        sim.block_on(join_all(callers));
        let done = done.into_inner().unwrap();
        let took = done[done.len() - 1] - done[0];
        // Of the time that as many starts take nearly nothing was wasted.
        assert!(done.len() >= 200 && took <= done.len() as u64 * 10_050 * 103 / 100, "{} in {took} us", done.len());
    }
    Ok(())
}

#[test]
fn one_that_leaves_when_it_is_served_passes_its_slot_on() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let seam = build(&sim, ten(), shared)?;
        let _ = sim.block_on(seam.permit(1))?;
        let (mut first, mut second) = (Box::pin(seam.permit(1)), Box::pin(seam.permit(1)));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        sim.block_on(sim.sleep(Duration::from_millis(102)));
        drop(first);
        assert!(sim.block_on(second)?.waited() <= Duration::from_millis(102));
    }
    Ok(())
}

#[test]
fn a_permit_that_does_not_come_is_given_up_at_the_deadline() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone()).timeout(60 * SECOND);
    let seam = seam(&sim, &api()).store(spy.clone()).throttle(ten()).deadline(SECOND).build()?;
    spy.hang(true);
    let begun = sim.now();
    assert_eq!(sim.block_on(seam.permit(1)).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(sim.now().since(begun), SECOND);
    Ok(())
}

#[test]
fn a_short_patience_ends_in_time_while_the_store_does_not_answer() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone()).timeout(60 * SECOND);
    let seam = seam(&sim, &api()).store(spy.clone()).throttle(ten()).deadline(10 * SECOND).build()?;
    let stitch = get(&seam);
    // By then it knows the store's clock, and may have two requests under way.
    sim.block_on(permits(&sim, &seam, 5));
    sim.block_on(sim.sleep(SECOND));
    spy.hang(true);
    let begun = sim.now();
    // One leads, and two more are asked for together: as many requests as may be are under way.
    let patient = join_all((0..3).map(|_| seam.permit(1)));
    let impatient = async {
        sim.sleep(SECOND).await;
        let refused = stitch.call(()).max_wait(100 * MILLI).await.unwrap_err();
        (refused.kind(), sim.now().since(begun))
    };
    let (patient, impatient) = sim.block_on(join(patient, impatient));
    assert_eq!(impatient, (ErrorKind::Throttled, SECOND + 100 * MILLI + Duration::from_micros(1)));
    assert!(patient.into_iter().all(|permit| permit.unwrap_err().kind() == ErrorKind::Timeout));
    assert_eq!(sim.now().since(begun), 10 * SECOND);
    Ok(())
}

#[test]
fn at_four_times_the_load_a_bounded_wait_wastes_nothing() -> Result<()> {
    for shared in [false, true] {
        let sim = SimRuntime::new(1);
        let throttle = Throttle::rate("100/s").max_wait(Duration::from_millis(300));
        let seam = build(&sim, throttle, shared)?;
        let calls = (0..4_000).map(|call| {
            let (seam, sim) = (seam.clone(), sim.clone());
            async move {
                sim.sleep(Duration::from_micros(call * 2_500)).await;
                seam.permit(1).await.map_err(|error| (error.kind(), error.retry_after()))
            }
        });
        let done = sim.block_on(join_all(calls));
        let good = done.iter().filter(|done| done.is_ok()).count();
        assert!(good >= 970, "{good}");
        let refused = done.iter().filter_map(|done| done.as_ref().err());
        assert!(refused.clone().all(|(kind, after)| *kind == ErrorKind::Throttled && after.is_some()));
        assert!(done.iter().flatten().all(|permit| permit.waited() <= Duration::from_millis(310)));
    }
    Ok(())
}

#[test]
fn a_full_queue_takes_nobody_more() -> Result<()> {
    let sim = SimRuntime::new(1);
    let seam = seam(&sim, &api()).throttle(ten().max_queue(3)).build()?;
    let done = sim.block_on(join_all((0..6).map(|_| seam.permit(1))));
    let refused: Vec<_> = done.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|error| error.retry_after() > Some(Duration::from_millis(300))));
    Ok(())
}

#[test]
fn an_answer_that_asks_for_a_pause_holds_the_whole_fleet_and_leaves_no_burst_behind() -> Result<()> {
    for seed in 0..20 {
        let sim = SimRuntime::new(seed);
        let memory = store(&sim);
        let asks = Arc::new(AtomicBool::new(false));
        let asking = asks.clone();
        let api = MockTransport::new(move |_| {
            let mut answer = http::Response::new(Bytes::new());
            if asking.swap(false, Ordering::Relaxed) {
                *answer.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
                answer.headers_mut().insert("retry-after", "2".parse().unwrap());
            }
            answer
        });
        let mut fleet = Vec::new();
        for _ in 0..4 {
            let (sink, taken) = events();
            let throttle = Throttle::rate("200/s").burst(5);
            let builder = seam(&sim, &api).store(memory.clone()).throttle(throttle).retry(Retry::none()).sink(sink);
            fleet.push((get(&builder.build()?), taken));
        }
        let calls = join_all(fleet.iter().flat_map(|(stitch, _)| {
            (0..25).map(move |_| async move {
                for _ in 0..20 {
                    let _ = stitch.call(()).await;
                }
            })
        }));
        let pause = async {
            sim.sleep(SECOND).await;
            asks.store(true, Ordering::Relaxed);
            sim.now().0
        };
        let (_, asked) = sim.block_on(join(calls, pause));
        sim.block_on(sim.sleep(SECOND));
        let mut at: Vec<u64> = fleet.iter().flat_map(|(_, taken)| starts(taken)).collect();
        at.sort_unstable();
        let (first, last) = (asked + 110_000, asked + 2_000_000);
        assert!(at.iter().all(|at| !(first..last).contains(at)), "seed {seed}: a start in the pause");
        let after: Vec<u64> = at.iter().copied().filter(|at| *at >= last).collect();
        assert!(after[10] - after[0] >= 9 * 5_025, "seed {seed}: {:?}", &after[..11]);
        assert!(fleet.iter().all(|(_, taken)| held(taken) == 1), "seed {seed}");
    }
    Ok(())
}

#[test]
fn odd_pauses_are_none_or_no_longer_than_the_longest_hold() -> Result<()> {
    for (text, millis) in [
        ("99999999999999999999", 60_000),
        ("0", 0),
        // No time is said: a second.
        ("-5", 1_000),
        ("soon", 1_000),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("3", 3_000),
    ] {
        let sim = SimRuntime::new(1);
        let api = MockTransport::new(move |_| {
            http::Response::builder().status(429).header("retry-after", text).body(Bytes::new()).unwrap()
        });
        let seam = seam(&sim, &api).throttle(ten()).retry(Retry::none()).deadline(99 * SECOND).build()?;
        assert_eq!(sim.block_on(get(&seam).call(()).send()).unwrap_err().kind(), ErrorKind::Status);
        let waited = sim.block_on(seam.permit(1))?.waited().as_millis();
        assert!((millis..=millis + 101).contains(&waited), "{text}: {waited} ms");
    }
    Ok(())
}

#[test]
fn a_process_that_was_stopped_while_its_store_went_away_goes_on_alone() -> Result<()> {
    let sim = SimRuntime::new(1);
    let process = Process::on(&sim);
    let spy = Spy::on(sim.clone());
    let throttle = Throttle::rate("10/s").fleet_size(2);
    let (runtime, memory) = (process.clone(), spy.clone());
    let seam = Seam::builder("https://api.example.com").runtime(runtime).transport(api()).store(memory);
    let seam = seam.throttle(throttle).build()?;
    let all = process
        .run(async move { join_all((0..40).map(|_| seam.permit(1))).await.into_iter().collect::<Result<Vec<_>>>() });
    let stops = async {
        sim.sleep(Duration::from_millis(500)).await;
        process.stop();
        spy.fail(Some(StoreErrorKind::Unavailable));
        sim.sleep(2 * SECOND).await;
        process.resume();
    };
    let begun = sim.now();
    let (all, ()) = sim.block_on(join(all, stops));
    assert_eq!(all?.len(), 40);
    assert!(sim.now().since(begun) < 12 * SECOND, "{:?}", sim.now().since(begun));
    Ok(())
}

/// Four busy processes whose store goes away after this long, for six seconds: when permits were given in each of them, and
/// what each took the size of the fleet for.
fn four_without_their_store(
    rate: &'static str,
    way: Duration,
    after: Duration,
) -> (u64, Vec<Vec<u64>>, Vec<(u32, FleetSize)>) {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone()).far(way);
    let (mut fleet, mut taken) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let (sink, events) = events();
        let throttle = Throttle::rate(rate);
        fleet.push(seam(&sim, &api()).store(spy.clone()).throttle(throttle).sink(sink).build().unwrap());
        taken.push(events);
    }
    let (begun, ends) = (sim.now(), sim.now() + after + 6 * SECOND);
    let process = |seam: Seam| {
        let sim = sim.clone();
        async move {
            let given = Mutex::new(Vec::new());
            let callers = (0..20).map(|_| async {
                while sim.now() < ends {
                    let _ = seam.permit(1).await.unwrap();
                    given.lock().unwrap().push(sim.now().0);
                }
            });
            join_all(callers).await;
            given.into_inner().unwrap()
        }
    };
    let goes_away = async {
        sim.sleep(after).await;
        spy.fail(Some(StoreErrorKind::Unavailable));
    };
    let all = join_all(fleet.into_iter().map(process));
    let (given, ()) = sim.block_on(join(all, goes_away));
    let sizes = taken.iter().map(|taken| {
        let taken = taken.lock().unwrap();
        let size = taken.iter().find_map(|event| match event.kind {
            EventKind::OutageBegan { fleet_size, known, .. } => Some((fleet_size, known)),
            _ => None,
        });
        size.unwrap()
    });
    ((begun + after).0, given, sizes.collect())
}

#[test]
fn processes_that_their_store_has_counted_share_the_budget_while_it_is_away() {
    let (away, given, sizes) = four_without_their_store("40/s", 3 * MILLI, 12 * SECOND);
    assert_eq!(sizes, [(4, FleetSize::Counted); 4]);
    let alone = away + 4_000_000..away + 6_000_000;
    for given in &given {
        let share = given.iter().filter(|at| alone.contains(at)).count();
        assert!((19..=20).contains(&share), "{share} of 20");
    }
    let mut all = given.concat();
    all.sort_unstable();
    let most = all.iter().map(|from| all.iter().filter(|at| (*from..from + 1_000_000).contains(at)).count()).max();
    assert!(most <= Some(40), "{most:?} in a second");
}

#[test]
fn a_store_that_has_counted_for_less_than_a_window_is_not_believed_yet() {
    let (_, _, sizes) = four_without_their_store("40/s", 3 * MILLI, 2 * SECOND);
    assert_eq!(sizes, [(8, FleetSize::Assumed); 4]);
}

#[test]
fn a_process_with_two_requests_under_way_is_counted_once() {
    let (_, _, sizes) = four_without_their_store("400/s", 40 * MILLI, 13 * SECOND);
    assert_eq!(sizes, [(4, FleetSize::Counted); 4]);
}

#[test]
fn a_process_that_finds_its_store_away_after_an_idle_hour_waits_no_longer_than_others_may_have_booked() -> Result<()> {
    let (sim, throttle) = (SimRuntime::new(1), Throttle::rate("40/s").fleet_size(4));
    let spy = Spy::on(sim.clone());
    let seam = seam(&sim, &api()).store(spy.clone()).throttle(throttle).build()?;
    let _ = sim.block_on(seam.permit(1))?;
    sim.block_on(sim.sleep(3_600 * SECOND));
    spy.fail(Some(StoreErrorKind::Unavailable));
    let waited = sim.block_on(seam.permit(1))?.waited();
    assert!((SECOND..SECOND + SECOND / 5).contains(&waited), "{waited:?}");
    Ok(())
}

#[test]
fn processes_agree_on_when_they_share_again_though_only_one_of_them_has_seen_the_last_state_of_the_cell() -> Result<()>
{
    for seed in 0..10 {
        let sim = SimRuntime::new(seed);
        let spy = Spy::on(sim.clone());
        let fleet: Vec<_> = (0..4)
            .map(|_| {
                let (sink, taken) = events();
                let throttle = Throttle::rate("100/s").fleet_size(4);
                let seam = seam(&sim, &api()).store(spy.clone()).throttle(throttle).sink(sink).build()?;
                Ok((get(&seam), taken))
            })
            .collect::<Result<_>>()?;
        let caller = async |stitch: &Stitch<(), ()>| {
            for _ in 0..8 {
                stitch.call(()).await?;
            }
            Ok(())
        };
        let calls = join_all(fleet.iter().flat_map(|(stitch, _)| (0..25).map(move |_| caller(stitch))));
        let away = async {
            sim.sleep(SECOND).await;
            spy.hang(true);
            sim.sleep(3 * SECOND).await;
            spy.hang(false);
            sim.now()
        };
        let (calls, back) = sim.block_on(join(calls, away));
        calls.into_iter().collect::<Result<()>>()?;
        sim.block_on(sim.sleep(SECOND));
        let mut at: Vec<u64> = fleet.iter().flat_map(|(_, taken)| starts(taken)).collect();
        at.sort_unstable();
        let fullest = at.iter().map(|from| at.iter().filter(|at| (*from..from + 1_000_000).contains(at)).count());
        assert!(fullest.max() <= Some(100), "seed {seed}");
        for (_, taken) in &fleet {
            let taken = taken.lock().unwrap();
            let ended = taken.iter().find(|event| matches!(event.kind, EventKind::OutageEnded { .. })).unwrap();
            // Everybody has so long to find the store again.
            let after = ended.at.since(back).as_millis();
            assert!((500..1_000).contains(&after), "seed {seed}: {after} ms");
        }
    }
    Ok(())
}

#[test]
fn a_process_that_goes_on_alone_does_not_use_what_it_has_booked_for_when_the_others_are_alone_too() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone());
    let fleet: Vec<_> = (0..4)
        .map(|_| {
            let (sink, taken) = events();
            let throttle = Throttle::rate("100/s").fleet_size(4);
            Ok((get(&seam(&sim, &api()).store(spy.clone()).throttle(throttle).sink(sink).build()?), taken))
        })
        .collect::<Result<_>>()?;
    // Each of them holds a hundred slots: together they have booked four seconds ahead.
    let calls = join_all(fleet.iter().flat_map(|(stitch, _)| (0..120).map(|_| async { stitch.call(()).await })));
    let away = async {
        sim.sleep(Duration::from_millis(500)).await;
        spy.hang(true);
    };
    let (calls, ()) = sim.block_on(join(calls, away));
    calls.into_iter().collect::<Result<Vec<_>>>()?;
    sim.block_on(sim.sleep(SECOND));
    let mut at: Vec<u64> = fleet.iter().flat_map(|(_, taken)| starts(taken)).collect();
    at.sort_unstable();
    let fullest = at.iter().map(|from| at.iter().filter(|at| (*from..from + 1_000_000).contains(at)).count());
    assert!(fullest.max() <= Some(100), "{at:?}");
    Ok(())
}

#[test]
fn what_is_settled_while_the_store_is_away_is_settled_alone_and_the_store_is_not_told() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = Spy::on(sim.clone());
    let throttle = Throttle::rate("10/s").fleet_size(1);
    let seam = seam(&sim, &api()).store(spy.clone()).throttle(throttle).build()?;
    let _ = sim.block_on(seam.permit(1))?;
    spy.fail(Some(StoreErrorKind::Unavailable));
    let permit = sim.block_on(seam.permit(1))?;
    let (asked, at) = (spy.operations(), sim.now());
    sim.block_on(permit.settle(6));
    assert_eq!(spy.operations(), asked);
    let _ = sim.block_on(seam.permit(1))?;
    let waited = sim.now().since(at).as_millis();
    assert!((600..=610).contains(&waited), "{waited} ms");
    Ok(())
}
