//! Tickets that one process has drawn, and where it draws the next one. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stitchapi_core::{Tick, micros_up};

use super::windows::{USUAL_WINDOW_TICKETS, Windows};

/// Microseconds by which a wall clock must go back to count as set back.
const CLOCK_STEP: u64 = 10_000;

/// Readings of a process' clocks at one moment: its own, and the wall clock in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    pub(super) now: Tick,
    pub(super) wall: u64,
}

impl Clocks {
    /// Converts a wall time to the process' own clock.
    fn to_tick(self, wall: u64) -> Tick {
        Tick(self.now.0.saturating_add(wall).saturating_sub(self.wall))
    }

    /// Converts a time of the process' own clock to a wall time.
    fn to_wall(self, tick: Tick) -> u64 {
        self.wall.saturating_add(tick.0).saturating_sub(self.now.0)
    }
}

/// Tickets that this process has drawn.
#[derive(Debug, Default)]
pub(super) struct TicketPool {
    /// First window that may have tickets left. The tickets of every earlier window are drawn, or the window was
    /// skipped.
    first_open: u64,
    /// Counters of the windows that this process has incremented.
    counters: BTreeMap<u64, Counter>,
    /// Drawn tickets that no call has used.
    unused: BTreeSet<u64>,
    /// Tickets that were handed out, by their starts.
    handed_out: BTreeMap<Tick, u64>,
    /// Latest ticket that was drawn.
    latest: Option<u64>,
    held_until: Tick,
    /// Last readings of the clocks.
    last_clocks: Option<Clocks>,
}

/// Counter of a window, as far as this process has observed it.
#[derive(Debug, Default)]
struct Counter {
    /// Highest count that the store has returned.
    count: u64,
    /// Increments in flight.
    in_flight: u64,
}

/// How to obtain the next ticket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextTicket {
    /// This process has drawn the ticket, which starts at this time.
    Drawn(Tick),
    /// The next ticket starts at this time, which is too late.
    TooLate(Tick),
    /// This process must increment the counter of a window this number of times.
    Increment { window: u64, times: u64 },
}

impl TicketPool {
    /// Returns how to obtain the first ticket that is not late by more than `max_lateness` and starts at `until` at the
    /// latest.
    ///
    /// A ticket whose time has passed is burnt: the counter of its window is incremented once more to get past it. At
    /// most 8 increments are made at once; a window with more burnt tickets is passed over. After the windows that are
    /// known to be exhausted, `skip` further windows are skipped.
    pub(super) fn next(
        &mut self,
        windows: Windows,
        max_lateness: Duration,
        clocks: Clocks,
        until: Tick,
        skip: u64,
    ) -> NextTicket {
        self.reset_if_clock_set_back(clocks);
        let in_time = clocks.wall.saturating_sub(micros_up(max_lateness)) + 1;
        let first = windows.first_from(in_time.max(clocks.to_wall(self.held_until)));
        self.discard_before(windows, first, clocks.now);
        let start = |ticket| clocks.to_tick(windows.start(ticket));
        if let Some(ticket) = self.unused.first().copied() {
            let at = start(ticket);
            if at <= until {
                self.unused.remove(&ticket);
                self.handed_out.insert(at, ticket);
                return NextTicket::Drawn(at);
            }
            return NextTicket::TooLate(at);
        }
        let mut window = windows.window_of(first).max(self.first_open) + skip;
        let (window, times) = loop {
            let counted = self.counters.get(&window).map_or(0, |counter| counter.count + counter.in_flight);
            let burnt = first.saturating_sub(windows.ticket(window, counted));
            // If this process has not incremented the counter of a window, the count is unknown, and one increment
            // reads it.
            if counted < windows.tickets && (counted == 0 || burnt < USUAL_WINDOW_TICKETS.into()) {
                break (window, if counted == 0 { 1 } else { burnt + 1 });
            }
            window += 1;
        };
        let earliest = start(first.max(windows.ticket(window, 0)));
        if earliest > until {
            return NextTicket::TooLate(earliest);
        }
        self.counters.entry(window).or_default().in_flight += times;
        NextTicket::Increment { window, times }
    }

    /// Forgets everything but the hold if the wall clock was set back, because the clock passes the same windows again, and
    /// it is unknown which of their tickets are drawn.
    fn reset_if_clock_set_back(&mut self, clocks: Clocks) {
        let last = self.last_clocks.replace(clocks);
        if last.is_some_and(|last| clocks.wall + CLOCK_STEP < last.to_wall(clocks.now)) {
            let held_until = self.held_until;
            *self = Self { held_until, last_clocks: Some(clocks), ..Self::default() };
        }
    }

    fn discard_before(&mut self, windows: Windows, first: u64, now: Tick) {
        self.unused = self.unused.split_off(&first);
        self.counters = self.counters.split_off(&windows.window_of(first).max(self.first_open));
        self.handed_out = self.handed_out.split_off(&now);
    }

    /// Records the counts that increments of a window's counter returned. Returns `false` if they yield no unused
    /// ticket.
    pub(super) fn record_counts(&mut self, windows: Windows, window: u64, counts: &[u64]) -> bool {
        let highest = counts.iter().copied().max().unwrap_or(0);
        if let Some(counter) = self.counters.get_mut(&window) {
            counter.count = counter.count.max(highest);
        }
        let drawn = counts.iter().filter(|count| (1..=windows.tickets).contains(*count));
        let unused_before = self.unused.len();
        self.unused.extend(drawn.map(|count| windows.ticket(window, count - 1)));
        self.latest = self.latest.max(self.unused.last().copied());
        if highest >= windows.tickets {
            self.first_open = self.first_open.max(window + 1);
        }
        self.unused.len() > unused_before
    }

    /// Records that increments of a window's counter are no longer in flight.
    pub(super) fn end_increments(&mut self, window: u64, times: u64) {
        if let Some(counter) = self.counters.get_mut(&window) {
            counter.in_flight = counter.in_flight.saturating_sub(times);
        }
    }

    /// Returns the start of the ticket after the latest one that this process has drawn.
    pub(super) fn start_after_latest(&self, windows: Windows, clocks: Clocks) -> Tick {
        self.latest.map_or(Tick(0), |ticket| clocks.to_tick(windows.start(ticket + 1)))
    }

    /// Takes back the ticket that starts at `at`, for the next call of this process. Returns `false` if no such ticket
    /// was handed out.
    pub(super) fn take_back(&mut self, at: Tick) -> bool {
        self.handed_out.remove(&at).is_some_and(|ticket| self.unused.insert(ticket))
    }

    /// Makes every ticket that starts before `until` unusable.
    pub(super) fn hold(&mut self, until: Tick) {
        self.held_until = self.held_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use stitchapi_core::pace::{Limit, LimitId};

    use super::*;

    const MAX_LATENESS: Duration = Duration::from_millis(5);
    const LATER: Tick = Tick(u64::MAX);

    /// Windows of 804 ms with eight tickets, 100.5 ms apart.
    fn ten() -> Windows {
        Windows::new(&Limit { id: LimitId::calls(Duration::from_secs(1)), permits: 10, burst: 1 }, MAX_LATENESS)
    }

    /// Readings of the two clocks, with the wall clock 1 s ahead.
    fn clocks(wall: u64) -> Clocks {
        Clocks { now: Tick(wall - 1_000_000), wall }
    }

    /// Start of window 10.
    const TEN: u64 = 8_040_000;

    fn next(pool: &mut TicketPool, wall: u64) -> NextTicket {
        pool.next(ten(), MAX_LATENESS, clocks(wall), LATER, 0)
    }

    fn record(pool: &mut TicketPool, window: u64, counts: &[u64]) -> bool {
        let has_ticket = pool.record_counts(ten(), window, counts);
        pool.end_increments(window, counts.len() as u64);
        has_ticket
    }

    #[test]
    fn a_ticket_is_used_within_the_maximum_lateness_after_its_start_and_burnt_later() {
        let mut pool = TicketPool::default();
        assert_eq!(next(&mut pool, TEN), NextTicket::Increment { window: 10, times: 1 });
        assert!(record(&mut pool, 10, &[1]));
        assert_eq!(next(&mut pool, TEN + 4_999), NextTicket::Drawn(Tick(TEN - 1_000_000)));
        assert_eq!(next(&mut pool, TEN + 4_999), NextTicket::Increment { window: 10, times: 1 });
        assert!(record(&mut pool, 10, &[2]));
        // Ticket 2 starts at 100.5 ms. The time of the next ticket has passed, too.
        assert_eq!(next(&mut pool, TEN + 300_000), NextTicket::Increment { window: 10, times: 2 });
        assert!(record(&mut pool, 10, &[3, 4]));
        assert_eq!(next(&mut pool, TEN + 300_000), NextTicket::Drawn(Tick(TEN + 301_500 - 1_000_000)));
    }

    #[test]
    fn the_counter_of_an_exhausted_window_is_not_incremented_again() {
        let mut pool = TicketPool::default();
        assert!(!record(&mut pool, 10, &[9]));
        assert_eq!(next(&mut pool, TEN), NextTicket::Increment { window: 11, times: 1 });
        assert_eq!(
            pool.next(ten(), MAX_LATENESS, clocks(TEN), LATER, 3),
            NextTicket::Increment { window: 14, times: 1 }
        );
        assert!(record(&mut pool, 11, &[8]));
        assert_eq!(next(&mut pool, TEN), NextTicket::Drawn(Tick(TEN + 804_000 + 703_500 - 1_000_000)));
        assert_eq!(next(&mut pool, TEN), NextTicket::Increment { window: 12, times: 1 });
    }

    #[test]
    fn no_ticket_is_drawn_that_starts_too_late() {
        let mut pool = TicketPool::default();
        let until = Tick(TEN + 100_000 - 1_000_000);
        assert!(!record(&mut pool, 10, &[9]));
        let eleven = Tick(TEN + 804_000 - 1_000_000);
        assert_eq!(pool.next(ten(), MAX_LATENESS, clocks(TEN), until, 0), NextTicket::TooLate(eleven));
        assert!(record(&mut pool, 11, &[1]));
        assert_eq!(pool.next(ten(), MAX_LATENESS, clocks(TEN), until, 0), NextTicket::TooLate(eleven));
        assert_eq!(next(&mut pool, TEN), NextTicket::Drawn(eleven));
        assert!(pool.take_back(eleven) && !pool.take_back(eleven));
        assert_eq!(next(&mut pool, TEN), NextTicket::Drawn(eleven));
    }

    #[test]
    fn a_wall_clock_that_was_set_back_draws_from_the_windows_of_its_new_time() {
        let mut pool = TicketPool::default();
        assert_eq!(next(&mut pool, TEN), NextTicket::Increment { window: 10, times: 1 });
        assert!(!record(&mut pool, 10, &[9]));
        let back = Clocks { now: clocks(TEN + 1).now, wall: TEN - 8_040_000 + 804_000 };
        assert_eq!(pool.next(ten(), MAX_LATENESS, back, LATER, 0), NextTicket::Increment { window: 1, times: 1 });
    }

    #[test]
    fn a_hold_makes_earlier_tickets_unusable() {
        let mut pool = TicketPool::default();
        assert!(record(&mut pool, 10, &[1]));
        pool.hold(clocks(TEN + 2_000_000).now);
        assert_eq!(next(&mut pool, TEN), NextTicket::Increment { window: 12, times: 1 });
    }
}
