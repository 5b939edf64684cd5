//! [`StoreClock`]: estimate of the offset between a store's clock and the clock of this process.
//!
//! It takes the store's time in each reservation, with the local times of request and response. It returns a [`ClockOffset`],
//! which converts a start on the store's clock into a local time that is never early.
//! [`CellView`](super::cell_view::CellView) owns one.

use std::time::Duration;

use stitchapi_core::{StoreTime, Tick};

/// Assumed drift between two clocks: 500 parts per million, as in NTP.
const DRIFT_PPM: i64 = 500;

/// Bounds of the offset between a store's clock and the runtime's clock.
///
/// A request is sent at the local time `s`, and its response is received at the local time `r`. Between these two the store
/// reads its clock; the response carries the reading, `now`. Therefore the offset (store minus local) is at least `now - r`
/// and at most `now - s`. The tightest value of each bound is kept, and widened by the drift as it ages.
///
/// To convert a store's time, subtract the offset. With the lower bound the result is never earlier than the true local
/// time, with the upper bound never later. The *spread*, the difference of the bounds, is about the shortest round trip.
///
/// If both clocks are the same, as on SQLite, nothing is estimated. The starts of several processes are then exact
/// relative to each other, however long their round trips take.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoreClock {
    bounds: Option<Bounds>,
    /// Whether both clocks are the same, because the store declares it and no response contradicts it.
    is_shared: bool,
}

/// Each bound in microseconds, with the time at which it was measured.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    lower: (i64, Tick),
    upper: (i64, Tick),
}

/// What a response shows about the store's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Observation {
    /// The clock agrees with the bounds, or has been set ahead.
    Steady,
    /// The clock has been set back: every earlier booking is void.
    WentBack,
}

impl StoreClock {
    /// `is_shared` says whether the store's clock is the clock of this process.
    pub(super) fn new(is_shared: bool) -> Self {
        Self { bounds: None, is_shared }
    }

    /// Tightens the bounds by a response that carries the store's time `now`.
    pub(super) fn observe(&mut self, now: StoreTime, sent: Tick, received: Tick) -> Observation {
        let (lower, upper) = (difference(now, received), difference(now, sent));
        // A response can contradict a shared clock if the runtime has another clock than the machine, such as a virtual
        // one.
        self.is_shared &= lower <= 0 && upper >= 0;
        let fresh = Bounds { lower: (lower, received), upper: (upper, received) };
        let Some((known_lower, known_upper)) = self.bounds(received) else {
            self.bounds = Some(fresh);
            return Observation::Steady;
        };
        let went_back = upper < known_lower;
        match &mut self.bounds {
            Some(bounds) if !went_back && lower <= known_upper => {
                if lower >= known_lower {
                    bounds.lower = fresh.lower;
                }
                if upper <= known_upper {
                    bounds.upper = fresh.upper;
                }
            }
            // A clock that was set, back or ahead, is estimated anew.
            bounds => *bounds = Some(fresh),
        }
        if went_back { Observation::WentBack } else { Observation::Steady }
    }

    /// Returns the offset at `now`, with bounds widened by their age.
    pub(super) fn offset_at(&self, now: Tick) -> ClockOffset {
        ClockOffset { now, bounds: self.bounds(now) }
    }

    fn bounds(&self, now: Tick) -> Option<(i64, i64)> {
        if self.is_shared {
            return Some((0, 0));
        }
        let Bounds { lower, upper } = self.bounds?;
        Some((lower.0 - drift(lower.1, now), upper.0.saturating_add(drift(upper.1, now))))
    }
}

/// Offset between the two clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockOffset {
    now: Tick,
    /// Lower and upper bound in microseconds. `None` before the first response, unless the clocks are the same.
    bounds: Option<(i64, i64)>,
}

impl ClockOffset {
    /// Returns the latest local time at which the store's clock may show `time`. It is never before the local time at which
    /// the clock does show it. Without bounds it is the time at which this offset was taken.
    pub(super) fn latest_local(&self, time: StoreTime) -> Tick {
        self.bounds.map_or(self.now, |(lower, _)| subtract(time, lower))
    }

    /// Returns the earliest local time at which the store's clock may show `time`. It is never after the local time at which
    /// the clock does show it. Without bounds it is the time at which this offset was taken.
    pub(super) fn earliest_local(&self, time: StoreTime) -> Tick {
        self.bounds.map_or(self.now, |(_, upper)| subtract(time, upper))
    }

    /// Returns the earliest and the latest time that the store's clock may show at the local time `at`. `None` without
    /// bounds.
    pub(super) fn store_time(&self, at: Tick) -> Option<(StoreTime, StoreTime)> {
        let (lower, upper) = self.bounds?;
        let at = StoreTime(at.0);
        Some((StoreTime(subtract(at, -lower).0), StoreTime(subtract(at, upper.saturating_neg()).0)))
    }

    /// Returns the difference of the two bounds; `Duration::MAX` without bounds.
    pub(super) fn spread(&self) -> Duration {
        let distance = |(lower, upper): (i64, i64)| u64::try_from(upper.saturating_sub(lower)).unwrap_or(0);
        self.bounds.map_or(Duration::MAX, |bounds| Duration::from_micros(distance(bounds)))
    }
}

fn drift(since: Tick, now: Tick) -> i64 {
    let age = i64::try_from(now.0.saturating_sub(since.0)).unwrap_or(i64::MAX);
    age / 1_000_000 * DRIFT_PPM + age % 1_000_000 * DRIFT_PPM / 1_000_000
}

fn subtract(time: StoreTime, offset: i64) -> Tick {
    Tick(u64::try_from(i128::from(time.0) - i128::from(offset)).unwrap_or(0))
}

/// Returns the store's time minus the local time, in microseconds. 63 bits suffice for 292,000 years.
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
    fn a_clock_set_back_is_estimated_anew() {
        let mut clock = StoreClock::new(false);
        assert_eq!(clock.observe(StoreTime(1_000_000), Tick(0), Tick(100)), Observation::Steady);
        assert_eq!(clock.observe(StoreTime(951_000), Tick(1_000), Tick(1_100)), Observation::WentBack);
        assert_eq!(clock.offset_at(Tick(1_100)).latest_local(StoreTime(951_000)), Tick(1_100));
    }

    #[test]
    fn a_short_round_trip_tightens_the_bounds_until_it_is_old() {
        let mut clock = StoreClock::new(false);
        clock.observe(StoreTime(1_000_000), Tick(0), Tick(50_000));
        assert_eq!(clock.offset_at(Tick(50_000)).latest_local(StoreTime(2_000_000)), Tick(1_050_000));
        clock.observe(StoreTime(1_060_000), Tick(60_000), Tick(60_100));
        assert_eq!(clock.offset_at(Tick(60_100)).latest_local(StoreTime(2_000_000)), Tick(1_000_100));
        clock.observe(StoreTime(1_070_000), Tick(69_000), Tick(79_000));
        assert!(clock.offset_at(Tick(79_000)).latest_local(StoreTime(2_000_000)) < Tick(1_000_200));
    }

    #[test]
    fn spread_is_the_shortest_round_trip_widened_by_its_age() {
        let mut clock = StoreClock::new(false);
        assert_eq!(clock.offset_at(Tick(0)).spread(), Duration::MAX);
        clock.observe(StoreTime(1_002_500), Tick(0), Tick(5_000));
        assert_eq!(clock.offset_at(Tick(5_000)).spread(), Duration::from_micros(5_000));
        clock.observe(StoreTime(1_010_000), Tick(9_950), Tick(10_050));
        assert_eq!(clock.offset_at(Tick(10_050)).spread(), Duration::from_micros(100));
        assert_eq!(clock.offset_at(Tick(10_010_050)).spread(), Duration::from_micros(100 + 2 * 5_000));
    }

    #[test]
    fn a_clock_set_ahead_is_estimated_anew() {
        let mut clock = StoreClock::new(false);
        clock.observe(StoreTime(1_000_000), Tick(0), Tick(100));
        assert_eq!(clock.observe(StoreTime(9_000_000), Tick(1_000), Tick(1_100)), Observation::Steady);
        assert_eq!(clock.offset_at(Tick(1_100)).latest_local(StoreTime(9_000_000)), Tick(1_100));
        assert_eq!(clock.offset_at(Tick(1_100)).earliest_local(StoreTime(9_000_000)), Tick(1_000));
    }

    #[test]
    fn a_shared_clock_has_no_spread_until_a_response_contradicts_it() {
        let mut clock = StoreClock::new(true);
        clock.observe(StoreTime(1_000), Tick(900), Tick(9_000));
        assert_eq!(clock.offset_at(Tick(9_000)).latest_local(StoreTime(20_000)), Tick(20_000));
        clock.observe(StoreTime(5_000), Tick(9_900), Tick(10_000));
        assert_eq!(clock.offset_at(Tick(10_000)).latest_local(StoreTime(20_000)), Tick(25_000));
    }

    proptest! {
        #[test]
        fn latest_local_is_never_early_and_earliest_local_never_late(
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
                prop_assert_eq!(seen, Observation::Steady);
                let there = StoreTime(now + ahead + offset);
                prop_assert!(clock.offset_at(Tick(now)).latest_local(there) >= Tick(now + ahead));
                prop_assert!(clock.offset_at(Tick(now)).earliest_local(there) <= Tick(now + ahead));
            }
        }
    }
}
