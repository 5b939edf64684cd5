//! A fleet during an outage of its store, and its rejoin afterwards, in virtual time.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use common::sim_process::SimProcess;
use common::spy_store::SpyStore;
use common::{recording_sink, seam, starts};
use futures_util::future::{join, join_all};
use stitchapi::trace::EventKind;
use stitchapi::{FleetSize, Result, Runtime as _, Seam, Stitch, Throttle, decode};
use stitchapi_core::StoreErrorKind;
use stitchapi_testing::starts::most_in_any_window;
use stitchapi_testing::{MockTransport, SimRuntime};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// Returns an API that accepts every request.
fn api() -> MockTransport {
    MockTransport::new(|_| http::Response::new(Bytes::new()))
}

fn get(seam: &Seam) -> Stitch<(), ()> {
    seam.get("/a").build_with(decode::empty).unwrap()
}

#[test]
fn a_process_that_was_stopped_when_its_store_failed_continues_alone() -> Result<()> {
    let sim = SimRuntime::new(1);
    let process = SimProcess::new(&sim);
    let spy = SpyStore::new(sim.clone());
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

/// Runs four busy processes whose store fails after `after`, and continues for six seconds.
///
/// Returns the time of the failure, the times of the permits of each process, and the fleet size that each process
/// assumed, all times in microseconds.
fn run_four_until_outage(
    rate: &'static str,
    latency: Duration,
    after: Duration,
) -> (u64, Vec<Vec<u64>>, Vec<(u32, FleetSize)>) {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone()).latency(latency);
    let (mut fleet, mut recorded) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let (sink, events) = recording_sink();
        let throttle = Throttle::rate(rate);
        fleet.push(seam(&sim, &api()).store(spy.clone()).throttle(throttle).sink(sink).build().unwrap());
        recorded.push(events);
    }
    let (begun, ends) = (sim.now(), sim.now() + after + 6 * SECOND);
    let process = |seam: Seam| {
        let sim = sim.clone();
        async move {
            let permits = Mutex::new(Vec::new());
            let callers = (0..20).map(|_| async {
                while sim.now() < ends {
                    let _ = seam.permit(1).await.unwrap();
                    permits.lock().unwrap().push(sim.now().0);
                }
            });
            join_all(callers).await;
            permits.into_inner().unwrap()
        }
    };
    let outage = async {
        sim.sleep(after).await;
        spy.fail(Some(StoreErrorKind::Unavailable));
    };
    let all = join_all(fleet.into_iter().map(process));
    let (permits, ()) = sim.block_on(join(all, outage));
    let sizes = recorded.iter().map(|recorded| {
        let recorded = recorded.lock().unwrap();
        let size = recorded.iter().find_map(|event| match event.kind {
            EventKind::OutageBegan { fleet_size, fleet_size_source, .. } => Some((fleet_size, fleet_size_source)),
            _ => None,
        });
        size.unwrap()
    });
    ((begun + after).0, permits, sizes.collect())
}

#[test]
fn processes_counted_by_their_store_share_the_budget_during_an_outage() {
    let (failed_at, permits, sizes) = run_four_until_outage("40/s", 3 * MILLI, 12 * SECOND);
    assert_eq!(sizes, [(4, FleetSize::Counted); 4]);
    let alone = failed_at + 4_000_000..failed_at + 6_000_000;
    for permits in &permits {
        let share = permits.iter().filter(|at| alone.contains(at)).count();
        assert!((19..=20).contains(&share), "{share} of 20");
    }
    let mut all = permits.concat();
    all.sort_unstable();
    let max = most_in_any_window(&all, SECOND);
    assert!(max <= 40, "{max} in a second");
}

#[test]
fn a_process_count_of_less_than_one_window_is_not_used() {
    let (_, _, sizes) = run_four_until_outage("40/s", 3 * MILLI, 2 * SECOND);
    assert_eq!(sizes, [(8, FleetSize::Assumed); 4]);
}

#[test]
fn a_process_with_two_requests_in_flight_is_counted_once() {
    let (_, _, sizes) = run_four_until_outage("400/s", 40 * MILLI, 13 * SECOND);
    assert_eq!(sizes, [(4, FleetSize::Counted); 4]);
}

#[test]
fn after_an_idle_hour_a_process_waits_only_for_the_possible_lead_of_the_others() -> Result<()> {
    let (sim, throttle) = (SimRuntime::new(1), Throttle::rate("40/s").fleet_size(4));
    let spy = SpyStore::new(sim.clone());
    let seam = seam(&sim, &api()).store(spy.clone()).throttle(throttle).build()?;
    let _ = sim.block_on(seam.permit(1))?;
    sim.block_on(sim.sleep(3_600 * SECOND));
    spy.fail(Some(StoreErrorKind::Unavailable));
    let waited = sim.block_on(seam.permit(1))?.waited();
    assert!((SECOND..SECOND + SECOND / 5).contains(&waited), "{waited:?}");
    Ok(())
}

#[test]
fn processes_agree_on_the_time_of_the_rejoin_although_only_one_has_the_last_snapshot() -> Result<()> {
    for seed in 0..10 {
        let sim = SimRuntime::new(seed);
        let spy = SpyStore::new(sim.clone());
        let fleet: Vec<_> = (0..4)
            .map(|_| {
                let (sink, recorded) = recording_sink();
                let throttle = Throttle::rate("100/s").fleet_size(4);
                let seam = seam(&sim, &api()).store(spy.clone()).throttle(throttle).sink(sink).build()?;
                Ok((get(&seam), recorded))
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
        let (calls, available_at) = sim.block_on(join(calls, away));
        calls.into_iter().collect::<Result<()>>()?;
        sim.block_on(sim.sleep(SECOND));
        let mut at: Vec<u64> = fleet.iter().flat_map(|(_, recorded)| starts(recorded)).collect();
        at.sort_unstable();
        assert!(most_in_any_window(&at, SECOND) <= 100, "seed {seed}");
        for (_, recorded) in &fleet {
            let recorded = recorded.lock().unwrap();
            let ended = recorded.iter().find(|event| matches!(event.kind, EventKind::OutageEnded { .. })).unwrap();
            // Each process has this long to notice that the store is available again.
            let after = ended.at.since(available_at).as_millis();
            assert!((500..1_000).contains(&after), "seed {seed}: {after} ms");
        }
    }
    Ok(())
}

#[test]
fn slots_booked_for_the_time_of_local_pacing_are_not_used() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone());
    let fleet: Vec<_> = (0..4)
        .map(|_| {
            let (sink, recorded) = recording_sink();
            let throttle = Throttle::rate("100/s").fleet_size(4);
            Ok((get(&seam(&sim, &api()).store(spy.clone()).throttle(throttle).sink(sink).build()?), recorded))
        })
        .collect::<Result<_>>()?;
    // Each process has booked a hundred slots: together they have booked four seconds ahead.
    let calls = join_all(fleet.iter().flat_map(|(stitch, _)| (0..120).map(|_| async { stitch.call(()).await })));
    let away = async {
        sim.sleep(Duration::from_millis(500)).await;
        spy.hang(true);
    };
    let (calls, ()) = sim.block_on(join(calls, away));
    calls.into_iter().collect::<Result<Vec<_>>>()?;
    sim.block_on(sim.sleep(SECOND));
    let mut at: Vec<u64> = fleet.iter().flat_map(|(_, recorded)| starts(recorded)).collect();
    at.sort_unstable();
    assert!(most_in_any_window(&at, SECOND) <= 100, "{at:?}");
    Ok(())
}

#[test]
fn a_settlement_during_an_outage_is_local_and_sends_nothing_to_the_store() -> Result<()> {
    let sim = SimRuntime::new(1);
    let spy = SpyStore::new(sim.clone());
    let throttle = Throttle::rate("10/s").fleet_size(1);
    let seam = seam(&sim, &api()).store(spy.clone()).throttle(throttle).build()?;
    let _ = sim.block_on(seam.permit(1))?;
    spy.fail(Some(StoreErrorKind::Unavailable));
    let permit = sim.block_on(seam.permit(1))?;
    let (before, at) = (spy.operations(), sim.now());
    sim.block_on(permit.settle(6));
    assert_eq!(spy.operations(), before);
    let _ = sim.block_on(seam.permit(1))?;
    let waited = sim.now().since(at).as_millis();
    assert!((600..=610).contains(&waited), "{waited} ms");
    Ok(())
}
