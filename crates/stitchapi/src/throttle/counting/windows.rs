//! Times of the tickets of a rate, and the windows that contain them. Pure.

use std::time::Duration;

use stitchapi_core::micros_up;
use stitchapi_core::pace::Limit;

/// Number of tickets in a usual window, and upper bound of the tickets that one process draws at once.
pub(in crate::throttle) const USUAL_WINDOW_TICKETS: u8 = 8;
/// Lower bound of a window's length, because each window has a key in the store.
const MIN_LENGTH: Duration = Duration::from_millis(100);
/// Upper bound of a window's length, unless one ticket takes longer. A process that draws first in the middle of a
/// window draws tickets whose time has passed, and a long window has more of them.
const MAX_LENGTH: Duration = Duration::from_secs(1);

/// Tickets of a rate, numbered from 1970 on, and the windows that contain them. Times are in microseconds of a wall clock.
///
/// A window has eight tickets; fewer if eight take longer than a second, and more if they take less than 100 ms. The
/// period is extended by the maximum lateness, as in every throttle, so that with clocks that agree no period has more
/// starts than the rate permits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    permits: u128,
    /// Length of `permits` tickets, in microseconds.
    period: u128,
    /// Number of tickets of a window.
    pub(super) tickets: u64,
}

impl Windows {
    pub(super) fn new(limit: &Limit, max_lateness: Duration) -> Self {
        let permits = u128::from(limit.permits.max(1));
        let period = u128::from(micros_up(limit.id.period() + max_lateness));
        let tickets_in = |length: Duration| length.as_micros() * permits / period;
        let tickets = tickets_in(MAX_LENGTH).min(USUAL_WINDOW_TICKETS.into()).max(tickets_in(MIN_LENGTH)).max(1);
        Self { permits, period, tickets: u64::try_from(tickets).unwrap_or(u64::MAX) }
    }

    /// Returns the start of a ticket, rounded up to the microsecond.
    pub(super) fn start(self, ticket: u64) -> u64 {
        to_u64((u128::from(ticket) * self.period).div_ceil(self.permits))
    }

    /// Returns the first ticket that starts at `time` or later.
    pub(super) fn first_from(self, time: u64) -> u64 {
        // A start is rounded up, so it is at `time` or later exactly if the time before rounding is later than `time - 1`.
        time.checked_sub(1).map_or(0, |before| to_u64(u128::from(before) * self.permits / self.period + 1))
    }

    /// Returns the window that contains a ticket.
    pub(super) fn window_of(self, ticket: u64) -> u64 {
        ticket / self.tickets
    }

    /// Returns the ticket at `index` of a window.
    pub(super) fn ticket(self, window: u64, index: u64) -> u64 {
        window.saturating_mul(self.tickets).saturating_add(index)
    }

    /// Returns the name of a window in the store. No two rates share a name.
    pub(super) fn name(self, window: u64) -> String {
        format!("{}-{}-{window}", self.permits, self.period)
    }
}

fn to_u64(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
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
    fn tickets_are_evenly_spaced_across_windows() {
        let windows = windows(3, Duration::from_secs(1));
        let starts: Vec<u64> = (0..5).map(|ticket| windows.start(ticket)).collect();
        assert_eq!(starts, [0, 335_000, 670_000, 1_005_000, 1_340_000]);
    }

    #[test]
    fn the_first_ticket_from_its_own_start_is_the_ticket_itself() {
        // 1,005,000 µs do not divide by 7: starts are rounded up.
        let windows = windows(7, Duration::from_secs(1));
        assert_eq!(windows.start(1), 143_572);
        assert_eq!([143_571, 143_572, 143_573].map(|time| windows.first_from(time)), [1, 1, 2]);
        assert_eq!(windows.first_from(0), 0);
    }

    proptest! {
        #[test]
        fn the_first_ticket_from_a_time_starts_then_or_later_and_the_one_before_it_earlier(
            permits in 1..2_000_000_u32,
            seconds in 1..4_000_u64,
            time in 0..1_767_225_600_000_000_u64,
        ) {
            let windows = windows(permits, Duration::from_secs(seconds));
            let first = windows.first_from(time);
            prop_assert!(windows.start(first) >= time);
            prop_assert!(first.checked_sub(1).is_none_or(|before| windows.start(before) < time));
        }
    }
}
