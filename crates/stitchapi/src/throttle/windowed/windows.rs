//! Where the tickets of a rate lie in time.

use std::time::Duration;

use stitchapi_core::micros_up;
use stitchapi_core::pace::Limit;

use super::drawn::AT_ONCE;

/// A window is no shorter, whatever the rate: each has a key in the store.
const SHORTEST: Duration = Duration::from_millis(100);
/// A window is no longer, if it can be shorter: half of it may have passed, and its tickets with it.
const LONGEST: Duration = Duration::from_secs(1);

/// The tickets of a rate, numbered from 1970 on, and the windows that they lie in. Times are in microseconds of a wall clock.
///
/// A window has eight tickets, fewer if it were longer than a second and more if it were shorter than 100 ms. Tickets are
/// the guard wider apart than the rate alone would have it, as everywhere: with clocks that agree no period holds
/// more starts than the rate says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    permits: u128,
    /// What so many permits take, in microseconds.
    period: u128,
    /// Tickets a window.
    pub(super) tickets: u64,
}

impl Windows {
    pub(super) fn new(limit: &Limit, guard: Duration) -> Self {
        let permits = u128::from(limit.permits.max(1));
        let period = u128::from(micros_up(limit.id.period() + guard));
        let within = |time: Duration| time.as_micros() * permits / period;
        let tickets = within(LONGEST).min(AT_ONCE.into()).max(within(SHORTEST)).max(1);
        Self { permits, period, tickets: u64::try_from(tickets).unwrap_or(u64::MAX) }
    }

    /// When this ticket may start.
    pub(super) fn start(self, ticket: u64) -> u64 {
        narrow((u128::from(ticket) * self.period).div_ceil(self.permits))
    }

    /// The first ticket that starts at `time` or after it.
    pub(super) fn first_from(self, time: u64) -> u64 {
        narrow((u128::from(time) * self.permits).div_ceil(self.period))
    }

    pub(super) fn window_of(self, ticket: u64) -> u64 {
        ticket / self.tickets
    }

    /// The ticket behind the first `count` of a window.
    pub(super) fn behind(self, window: u64, count: u64) -> u64 {
        window.saturating_mul(self.tickets).saturating_add(count)
    }

    /// The name of a window: two rates have no window in common.
    pub(super) fn name(self, window: u64) -> String {
        format!("{}-{}-{window}", self.permits, self.period)
    }
}

fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use stitchapi_core::pace::LimitId;

    use super::*;

    fn windows(permits: u32, period: Duration) -> Windows {
        Windows::new(&Limit { id: LimitId::calls(period), permits, burst: 1 }, Duration::from_millis(5))
    }

    #[test]
    fn a_window_has_eight_tickets_or_lasts_between_100_ms_and_a_second() {
        let tickets = |permits, seconds| windows(permits, Duration::from_secs(seconds)).tickets;
        assert_eq!([tickets(1, 3600), tickets(1, 1), tickets(4, 1), tickets(10, 1)], [1, 1, 3, 8]);
        assert_eq!([tickets(50, 1), tickets(200, 1), tickets(1_000_000, 1)], [8, 19, 99_502]);
    }

    #[test]
    fn tickets_are_evenly_spaced_across_windows_and_never_early() {
        let windows = windows(3, Duration::from_secs(1));
        let starts: Vec<u64> = (0..5).map(|ticket| windows.start(ticket)).collect();
        assert_eq!(starts, [0, 335_000, 670_000, 1_005_000, 1_340_000]);
        for time in [0, 1, 334_999, 335_000, 335_001, 1_767_225_600_000_000] {
            let first = windows.first_from(time);
            assert!(
                windows.start(first) >= time && first.checked_sub(1).is_none_or(|last| windows.start(last) <= time)
            );
        }
    }
}
