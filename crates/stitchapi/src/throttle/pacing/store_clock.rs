//! From a store's time to this process' time, never early.

use std::time::Duration;

use stitchapi_core::{StoreTime, Tick};

/// How fast two clocks may drift apart: 500 parts per million, as in NTP.
const DRIFT_PPM: i64 = 500;

/// What is known of the offset between a store's clock and the runtime's.
///
/// A reply that was sent for at `s` and received at `r` read the store's clock somewhere between: the offset
/// (store minus local) is at least `now - r` and at most `now - s`. The best of each bound is kept, aged by the drift. A
/// store's time less the lower bound is never before the true local time, less the upper bound never after it; the two are
/// apart by the *spread*, about the shortest trip seen.
///
/// Where both clocks are one, as on SQLite, nothing is estimated and the starts of several processes are exact beside each
/// other, however long their trips take.
#[derive(Debug, Clone, Copy)]
pub(in crate::throttle) struct StoreClock {
    bounds: Option<Bounds>,
    /// The two are one clock, as the store says, and no reply has shown otherwise.
    is_one: bool,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    lower: (i64, Tick),
    upper: (i64, Tick),
}

/// What a reply told about the store's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::throttle) enum Observed {
    /// It agrees with what was known.
    Steady,
    /// It has been set back: everything booked before is void.
    WentBack,
}

impl StoreClock {
    /// `is_one` where the store says that its clock is this process' own.
    pub(in crate::throttle) fn new(is_one: bool) -> Self {
        Self { bounds: None, is_one }
    }

    /// Takes in a reply that carried the store's `now`.
    pub(in crate::throttle) fn observe(&mut self, now: StoreTime, sent: Tick, received: Tick) -> Observed {
        let (lower, upper) = (difference(now, received), difference(now, sent));
        // A runtime may have another clock than the machine's, such as a virtual one.
        self.is_one &= lower <= 0 && upper >= 0;
        let fresh = Bounds { lower: (lower, received), upper: (upper, received) };
        let Some((kept_lower, kept_upper)) = self.bounds(received) else {
            self.bounds = Some(fresh);
            return Observed::Steady;
        };
        let went_back = upper < kept_lower;
        match &mut self.bounds {
            // A clock that was set, back or ahead, begins anew.
            Some(bounds) if !went_back && lower <= kept_upper => {
                if lower >= kept_lower {
                    bounds.lower = fresh.lower;
                }
                if upper <= kept_upper {
                    bounds.upper = fresh.upper;
                }
            }
            bounds => *bounds = Some(fresh),
        }
        if went_back { Observed::WentBack } else { Observed::Steady }
    }

    /// What is known of the offset at `now`: the bounds have aged.
    pub(in crate::throttle) fn at(&self, now: Tick) -> Offset {
        Offset { now, bounds: self.bounds(now) }
    }

    fn bounds(&self, now: Tick) -> Option<(i64, i64)> {
        if self.is_one {
            return Some((0, 0));
        }
        let Bounds { lower, upper } = self.bounds?;
        Some((lower.0 - drift(lower.1, now), upper.0.saturating_add(drift(upper.1, now))))
    }
}

/// What is known of the offset at a moment.
#[derive(Debug, Clone, Copy)]
pub(in crate::throttle) struct Offset {
    now: Tick,
    /// Nothing before any reply.
    bounds: Option<(i64, i64)>,
}

impl Offset {
    /// The local time of `time`, at or after the true one. Before any reply it is now.
    pub(in crate::throttle) fn local(&self, time: StoreTime) -> Tick {
        self.bounds.map_or(self.now, |(lower, _)| less(time, lower))
    }

    /// The local time of `time`, at or before the true one. Before any reply it is now.
    pub(in crate::throttle) fn local_at_least(&self, time: StoreTime) -> Tick {
        self.bounds.map_or(self.now, |(_, upper)| less(time, upper))
    }

    /// The store's time at a local one, at the earliest and at the latest; `None` before any reply.
    pub(in crate::throttle) fn store_time(&self, at: Tick) -> Option<(StoreTime, StoreTime)> {
        let (lower, upper) = self.bounds?;
        Some((StoreTime(less(StoreTime(at.0), -lower).0), StoreTime(less(StoreTime(at.0), upper.saturating_neg()).0)))
    }

    /// How far the two bounds are apart. Before any reply nothing is known.
    pub(in crate::throttle) fn spread(&self) -> Duration {
        let apart = |(lower, upper): (i64, i64)| u64::try_from(upper.saturating_sub(lower)).unwrap_or(0);
        self.bounds.map_or(Duration::MAX, |bounds| Duration::from_micros(apart(bounds)))
    }
}

fn drift(since: Tick, now: Tick) -> i64 {
    let age = i64::try_from(now.0.saturating_sub(since.0)).unwrap_or(i64::MAX);
    age / 1_000_000 * DRIFT_PPM + age % 1_000_000 * DRIFT_PPM / 1_000_000
}

fn less(time: StoreTime, offset: i64) -> Tick {
    Tick(u64::try_from(i128::from(time.0) - i128::from(offset)).unwrap_or(0))
}

/// Both clocks count microseconds in 63 bits for longer than anybody waits.
fn difference(store: StoreTime, local: Tick) -> i64 {
    i64::try_from(i128::from(store.0) - i128::from(local.0)).unwrap_or(if store.0 > local.0 {
        i64::MAX
    } else {
        i64::MIN
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_step_back_restarts_the_bound() {
        let mut clock = StoreClock::new(false);
        assert_eq!(clock.observe(StoreTime(1_000_000), Tick(0), Tick(100)), Observed::Steady);
        assert_eq!(clock.observe(StoreTime(951_000), Tick(1_000), Tick(1_100)), Observed::WentBack);
        assert_eq!(clock.at(Tick(1_100)).local(StoreTime(951_000)), Tick(1_100));
    }

    #[test]
    fn a_quick_reply_is_better_than_a_slow_one_until_it_is_old() {
        let mut clock = StoreClock::new(false);
        clock.observe(StoreTime(1_000_000), Tick(0), Tick(50_000));
        assert_eq!(clock.at(Tick(50_000)).local(StoreTime(2_000_000)), Tick(1_050_000));
        clock.observe(StoreTime(1_060_000), Tick(60_000), Tick(60_100));
        assert_eq!(clock.at(Tick(60_100)).local(StoreTime(2_000_000)), Tick(1_000_100));
        clock.observe(StoreTime(1_070_000), Tick(69_000), Tick(79_000));
        assert!(clock.at(Tick(79_000)).local(StoreTime(2_000_000)) < Tick(1_000_200));
    }

    #[test]
    fn the_spread_is_about_the_shortest_trip_and_grows_with_its_age() {
        let mut clock = StoreClock::new(false);
        assert_eq!(clock.at(Tick(0)).spread(), Duration::MAX);
        clock.observe(StoreTime(1_002_500), Tick(0), Tick(5_000));
        assert_eq!(clock.at(Tick(5_000)).spread(), Duration::from_micros(5_000));
        clock.observe(StoreTime(1_010_000), Tick(9_950), Tick(10_050));
        assert_eq!(clock.at(Tick(10_050)).spread(), Duration::from_micros(100));
        assert_eq!(clock.at(Tick(10_010_050)).spread(), Duration::from_micros(100 + 2 * 5_000));
    }

    #[test]
    fn a_step_ahead_begins_anew() {
        let mut clock = StoreClock::new(false);
        clock.observe(StoreTime(1_000_000), Tick(0), Tick(100));
        assert_eq!(clock.observe(StoreTime(9_000_000), Tick(1_000), Tick(1_100)), Observed::Steady);
        assert_eq!(clock.at(Tick(1_100)).local(StoreTime(9_000_000)), Tick(1_100));
        assert_eq!(clock.at(Tick(1_100)).local_at_least(StoreTime(9_000_000)), Tick(1_000));
    }

    #[test]
    fn one_clock_is_not_estimated_until_a_reply_shows_that_they_are_two() {
        let mut clock = StoreClock::new(true);
        clock.observe(StoreTime(1_000), Tick(900), Tick(9_000));
        assert_eq!(clock.at(Tick(9_000)).local(StoreTime(20_000)), Tick(20_000));
        clock.observe(StoreTime(5_000), Tick(9_900), Tick(10_000));
        assert_eq!(clock.at(Tick(10_000)).local(StoreTime(20_000)), Tick(25_000));
    }

    proptest! {
        #[test]
        fn the_local_time_is_never_early(
            offset in 0..1_000_000_000_u64,
            replies in proptest::collection::vec((1..10_000_u64, 0..5_000_u64, 0..5_000_u64), 1..30),
            ahead in 0..60_000_000_u64,
        ) {
            let mut clock = StoreClock::new(false);
            let mut now = 1_000_000;
            for (pause, there, back) in replies {
                let sent = now + pause;
                now = sent + there + back;
                let seen = clock.observe(StoreTime(sent + there + offset), Tick(sent), Tick(now));
                prop_assert_eq!(seen, Observed::Steady);
                let there = StoreTime(now + ahead + offset);
                prop_assert!(clock.at(Tick(now)).local(there) >= Tick(now + ahead));
                prop_assert!(clock.at(Tick(now)).local_at_least(there) <= Tick(now + ahead));
            }
        }
    }
}
