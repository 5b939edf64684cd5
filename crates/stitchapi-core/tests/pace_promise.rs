//! Tests the promise of `stitchapi_core::pace` on random limits, costs, times, delays, losses and holds.

use std::time::Duration;

use proptest::prelude::*;
use stitchapi_core::StoreTime;
use stitchapi_core::pace::{
    Cell, CellSnapshot, Costs, Limit, LimitId, LimitSpec, ReserveRequest, Tat, default_max_lateness, limits, transition,
};

/// Request of one process.
#[derive(Debug, Clone)]
struct RandomRequest {
    /// Microseconds since the request before it.
    after: u64,
    /// Costs of the calls, per limit.
    calls: Vec<Vec<u32>>,
    horizon: u64,
    lead: u64,
    /// Lateness of each start, in thousandths of the maximum lateness.
    late: u64,
    /// Index of the first call whose booking is refunded.
    refund_from: Option<usize>,
}

fn declared() -> impl Strategy<Value = Vec<LimitSpec>> {
    let rate = |period: std::ops::Range<u64>, top: u32| {
        (period, 1..top, proptest::option::of(1..8u32)).prop_map(|(millis, permits, burst)| LimitSpec {
            id: LimitId::calls(Duration::from_millis(millis)),
            permits,
            burst: burst.map(|burst| burst.min(permits)),
        })
    };
    (rate(100..1_100, 40), proptest::option::of(rate(1_200..8_000, 60)), proptest::option::of(rate(9_000..20_000, 90)))
        .prop_map(|(request, cap, long)| [Some(request), cap, long].into_iter().flatten().collect())
}

fn random_request(limits: usize) -> impl Strategy<Value = RandomRequest> {
    let cost = proptest::collection::vec(0..4u32, limits);
    let calls = proptest::collection::vec(cost, 0..6);
    let times = (prop_oneof![Just(0), 0..300_000u64, 0..4_000_000u64], 0..30_000_000u64, 0..50_000u64, 0..1_000u64);
    (times, calls, proptest::option::of(0..4usize)).prop_map(|((after, horizon, lead, late), calls, refund_from)| {
        RandomRequest { after, calls, horizon, lead, late, refund_from }
    })
}

/// Actual start of a call: its time, and its costs per limit.
type Started = (u64, Vec<u32>);

/// Runs the requests on one cell, and calls `before_each` with the number of the request and the stored cell. Each start is
/// late by the request's share of the maximum lateness.
fn run(
    limits: &[Limit],
    max_lateness: Duration,
    random_requests: &[RandomRequest],
    mut before_each: impl FnMut(usize, &mut Option<Cell>),
) -> Vec<Started> {
    let (mut cell, mut now, mut snapshot, mut started) = (None::<Cell>, 1_000_000, None::<CellSnapshot>, Vec::new());
    for (number, random) in random_requests.iter().enumerate() {
        now += random.after;
        before_each(number, &mut cell);
        let mut request = ReserveRequest::new(limits.to_vec(), max_lateness, number as u64 + 1);
        request.horizon = Duration::from_micros(random.horizon);
        request.lead = Duration::from_micros(random.lead);
        request.snapshot = snapshot.take();
        // The library refuses a call whose cost exceeds the burst of a cap, before it reaches the pacing.
        let fits = |costs: &[u32]| costs.iter().zip(limits).skip(1).all(|(cost, limit)| *cost <= limit.burst);
        let drawing = random.calls.iter().filter(|costs| costs.iter().any(|cost| *cost > 0) && fits(costs));
        request.calls = drawing.map(|costs| Costs(costs.as_slice().into())).collect();

        let reserved = transition::reserve(cell.as_ref(), StoreTime(now), &request);
        cell = reserved.write.or(cell);
        let reply = reserved.reply;
        let mut starts: Vec<_> = reply.starts(&request).collect();
        assert_eq!(starts.len(), reply.granted);
        assert!(starts.iter().all(|start| *start <= reply.e_min + request.horizon));
        snapshot = Some(reply.snapshot(&request));
        if let Some(keep) = random.refund_from {
            let refund = transition::refund(cell.as_ref(), &reply.tail(&request, keep));
            assert!(refund.reply);
            cell = refund.write.or(cell);
            starts.truncate(keep);
        }
        let late = (max_lateness.as_micros() as u64 - 1) * random.late / 1_000;
        started.extend(starts.iter().zip(&request.calls).map(|(start, costs)| (start.0 + late, costs.0.to_vec())));
    }
    started.sort();
    started
}

/// Returns the largest number of units of limit `k` in any half-open window of `length`. Such a window begins at a start.
fn most_in_a_window(started: &[Started], k: usize, length: u64) -> u64 {
    let window = |(from, (at, _)): (usize, &Started)| {
        let inside = started[from..].iter().take_while(|(other, _)| *other < at + length);
        inside.map(|(_, costs)| u64::from(costs[k])).sum()
    };
    started.iter().enumerate().map(window).max().unwrap_or(0)
}

fn check(
    declared: &[LimitSpec],
    limits: &[Limit],
    max_lateness: Duration,
    started: &[Started],
) -> Result<(), TestCaseError> {
    for (k, limit) in limits.iter().enumerate() {
        let period = limit.id.period().as_micros() as u64;
        let largest_cost = started.iter().map(|(_, costs)| costs[k]).max().unwrap_or(0);
        let burst = u64::from(limit.burst.max(largest_cost));
        let at_most = u64::from(limit.permits) + burst - 1;
        let found = most_in_a_window(started, k, period);
        prop_assert!(found <= at_most, "{found} units in a period of {limit:?}, expected at most {at_most}");
        if k > 0 {
            prop_assert!(
                found <= u64::from(declared[k].permits),
                "{found} units under a cap of {}",
                declared[k].permits
            );
        }
        for (times, by) in [(1, 10), (1, 2), (5, 1), (7, 3)] {
            let length = period * times / by;
            let slack = if length < period { max_lateness.as_micros() as u64 } else { 0 };
            let bound = (length + slack) as f64 * f64::from(limit.permits) / period as f64 + burst as f64;
            let found = most_in_a_window(started, k, length);
            prop_assert!(found as f64 <= bound, "{found} units in {length} us of {limit:?}, expected at most {bound}");
        }
    }
    Ok(())
}

fn scenario() -> impl Strategy<Value = (Vec<LimitSpec>, Vec<RandomRequest>)> {
    declared().prop_flat_map(|declared| {
        let requests = proptest::collection::vec(random_request(declared.len()), 1..40);
        (Just(declared), requests)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_window_exceeds_the_promise((declared, requests) in scenario()) {
        let limits = limits(&declared).unwrap();
        let max_lateness = default_max_lateness(declared[0].id.period());
        let started = run(&limits, max_lateness, &requests, |_, _| {});
        check(&declared, &limits, max_lateness, &started)?;
    }

    #[test]
    fn no_window_exceeds_the_promise_after_a_lost_or_rolled_back_cell(
        (declared, requests) in scenario(),
        faults in proptest::collection::vec((0..40usize, 0..3usize), 1..4),
    ) {
        let limits = limits(&declared).unwrap();
        let max_lateness = default_max_lateness(declared[0].id.period());
        let mut history = vec![None; requests.len()];
        let started = run(&limits, max_lateness, &requests, |number, cell| {
            history[number] = cell.clone();
            for (_, steps) in faults.iter().filter(|(at, _)| *at == number && number > 0) {
                *cell = if *steps == 0 { None } else { history[number.saturating_sub(*steps)].clone() };
                // Earlier states belong to another epoch from now on, and are not restored a second time.
                history.fill(None);
            }
        });
        check(&declared, &limits, max_lateness, &started)?;
    }

    #[test]
    fn no_call_starts_during_a_hold_and_no_burst_follows_it(
        (declared, requests) in scenario(), at in 0..40usize, seconds in 1..20u64,
    ) {
        let limits = limits(&declared).unwrap();
        let max_lateness = default_max_lateness(declared[0].id.period());
        let mut hold = None;
        let mut now = 1_000_000;
        let times: Vec<u64> = requests.iter().map(|request| { now += request.after; now }).collect();
        let mut booked_before = Vec::new();
        let started = run(&limits, max_lateness, &requests, |number, cell| {
            if number == at {
                let until = StoreTime(times[number] + seconds * 1_000_000);
                let cap = Duration::from_secs(10);
                for _ in 0..2 {
                    let held = transition::hold(cell.as_ref(), StoreTime(times[number]), until, cap);
                    *cell = held.write.or(cell.take());
                }
                hold = Some((number, times[number], until.0.min(times[number] + 10_000_000)));
            }
        });
        // The library voids starts that were booked before the hold. Here they are not counted.
        if let Some((number, from, until)) = hold {
            booked_before.extend(run(&limits, max_lateness, &requests[..number], |_, _| {}));
            let after: Vec<_> = started.into_iter().filter(|start| !booked_before.contains(start)).collect();
            prop_assert!(after.iter().all(|(start, _)| *start >= until), "held from {from} until {until}: {after:?}");
            let largest_cost = after.iter().map(|(_, costs)| costs[0]).max().unwrap_or(0);
            let first_end = until + max_lateness.as_micros() as u64;
            let first: u32 = after.iter().take_while(|(start, _)| *start < first_end).map(|(_, costs)| costs[0]).sum();
            let spacing = (limits[0].id.period() + max_lateness).as_micros() as u64 / u64::from(limits[0].permits);
            if spacing > max_lateness.as_micros() as u64 {
                prop_assert!(first <= largest_cost.max(1), "{first} units started at once after the hold");
            }
        }
    }

    #[test]
    fn a_settlement_changes_one_limit_and_never_below_now((declared, requests) in scenario(), delta in -50..50i64) {
        let limits = limits(&declared).unwrap();
        let mut cell = None;
        run(&limits, default_max_lateness(declared[0].id.period()), &requests, |_, seen| cell = seen.clone());
        let Some(cell) = cell else { return Ok(()) };
        let now = StoreTime(1_000_000 + requests.iter().map(|request| request.after).sum::<u64>());
        let after = transition::settle(Some(&cell), now, &limits[0].id, delta).write;
        if delta == 0 {
            prop_assert_eq!(after, None);
            return Ok(());
        }
        let after = after.unwrap();
        prop_assert_eq!(&after.limits[1..], &cell.limits[1..]);
        let (before, tat) = (cell.limits[0].tat, after.limits[0].tat);
        if delta > 0 {
            let due = Tat { micros: now.0, remainder: 0 };
            prop_assert!(tat > before.max(due));
        } else {
            prop_assert!(tat <= before && tat.rounded_up() >= now.min(before.rounded_up()));
        }
    }

    #[test]
    fn the_text_of_every_cell_parses_back((declared, requests) in scenario()) {
        let limits = limits(&declared).unwrap();
        run(&limits, default_max_lateness(declared[0].id.period()), &requests, |_, cell| {
            if let Some(cell) = cell {
                assert_eq!(cell.to_text().parse::<Cell>().as_ref(), Ok(&*cell));
            }
        });
    }
}
