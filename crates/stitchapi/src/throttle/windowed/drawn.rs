//! What one process has drawn from the windows of a bucket, and where it draws next. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stitchapi_core::{Tick, micros_up};

use super::windows::Windows;

/// So many tickets are asked for at once, and so many are burnt at once to get at one whose time has not passed.
pub(super) const AT_ONCE: u8 = 8;

/// A wall clock that has gone back by more than this has been set.
const STEP: u64 = 10_000;

/// A process' clocks: its own, and the wall clock in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    pub(super) now: Tick,
    pub(super) wall: u64,
}

impl Clocks {
    fn tick(self, wall: u64) -> Tick {
        Tick(self.now.0.saturating_add(wall).saturating_sub(self.wall))
    }

    fn wall(self, tick: Tick) -> u64 {
        self.wall.saturating_add(tick.0).saturating_sub(self.now.0)
    }
}

/// What has been drawn.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    /// Every window before this one is taken.
    open: u64,
    asked: BTreeMap<u64, Asked>,
    /// Tickets that nobody uses yet.
    kept: BTreeSet<u64>,
    /// Tickets that were handed out, by their times.
    given: BTreeMap<Tick, u64>,
    /// The last ticket that was drawn.
    latest: Option<u64>,
    held_until: Tick,
    /// The clocks when they were read last.
    clocks: Option<Clocks>,
}

/// What is known of a window.
#[derive(Debug, Default)]
struct Asked {
    count: u64,
    under_way: u64,
}

/// How to get at a ticket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is there, for a start at this time.
    Ticket(Tick),
    /// There is none before this time, which is too late.
    Beyond(Tick),
    /// By adding to the counter of a window, so often.
    Ask { window: u64, times: u64 },
}

impl Drawn {
    /// The way to the first ticket that starts before it is late, and at `until` at the latest. So many windows are left out
    /// behind those that are known to be taken.
    pub(super) fn next(&mut self, windows: Windows, guard: Duration, clocks: Clocks, until: Tick, leap: u64) -> Next {
        self.notice_a_step(clocks);
        let in_time = clocks.wall.saturating_sub(micros_up(guard)) + 1;
        let first = windows.first_from(in_time.max(clocks.wall(self.held_until)));
        self.forget_before(windows, first, clocks.now);
        let start = |ticket| clocks.tick(windows.start(ticket));
        if let Some(ticket) = self.kept.first().copied() {
            let at = start(ticket);
            if at <= until {
                self.kept.remove(&ticket);
                self.given.insert(at, ticket);
                return Next::Ticket(at);
            }
            return Next::Beyond(at);
        }
        let mut window = windows.window_of(first).max(self.open) + leap;
        let (window, times) = loop {
            let asked = self.asked.get(&window).map_or(0, |asked| asked.count + asked.under_way);
            let burnt = first.saturating_sub(windows.behind(window, asked));
            // Of a window that nobody here has asked yet it is not known how many are gone.
            if asked < windows.tickets && (asked == 0 || burnt < AT_ONCE.into()) {
                break (window, if asked == 0 { 1 } else { burnt + 1 });
            }
            window += 1;
        };
        let earliest = start(first.max(windows.behind(window, 0)));
        if earliest > until {
            return Next::Beyond(earliest);
        }
        self.asked.entry(window).or_default().under_way += times;
        Next::Ask { window, times }
    }

    /// Of the windows that a clock which was set back comes to again it is not known which are taken.
    fn notice_a_step(&mut self, clocks: Clocks) {
        let last = self.clocks.replace(clocks);
        if last.is_some_and(|last| clocks.wall + STEP < last.wall(clocks.now)) {
            let held_until = self.held_until;
            *self = Self { held_until, clocks: Some(clocks), ..Self::default() };
        }
    }

    fn forget_before(&mut self, windows: Windows, first: u64, now: Tick) {
        self.kept = self.kept.split_off(&first);
        self.asked = self.asked.split_off(&windows.window_of(first).max(self.open));
        self.given = self.given.split_off(&now);
    }

    /// The counter of a window has told these numbers; whether none of them is a ticket.
    pub(super) fn take_in(&mut self, windows: Windows, window: u64, counts: &[u64]) -> bool {
        let highest = counts.iter().copied().max().unwrap_or(0);
        if let Some(asked) = self.asked.get_mut(&window) {
            asked.count = asked.count.max(highest);
        }
        let drawn = counts.iter().filter(|count| (1..=windows.tickets).contains(*count));
        let before = self.kept.len();
        self.kept.extend(drawn.map(|count| windows.behind(window, count - 1)));
        self.latest = self.latest.max(self.kept.last().copied());
        if highest >= windows.tickets {
            self.open = self.open.max(window + 1);
        }
        self.kept.len() == before
    }

    /// Requests for tickets of a window are not under way any more.
    pub(super) fn ends(&mut self, window: u64, times: u64) {
        if let Some(asked) = self.asked.get_mut(&window) {
            asked.under_way = asked.under_way.saturating_sub(times);
        }
    }

    /// When the ticket behind the last one that was drawn here starts.
    pub(super) fn behind_the_last(&self, windows: Windows, clocks: Clocks) -> Tick {
        self.latest.map_or(Tick(0), |ticket| clocks.tick(windows.start(ticket + 1)))
    }

    /// The ticket for a start at `at` is not used; whether that was one.
    pub(super) fn give_back(&mut self, at: Tick) -> bool {
        self.given.remove(&at).is_some_and(|ticket| self.kept.insert(ticket))
    }

    /// No ticket before `until` is of use.
    pub(super) fn hold(&mut self, until: Tick) {
        self.held_until = self.held_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use stitchapi_core::pace::{Limit, LimitId};

    use super::*;

    const GUARD: Duration = Duration::from_millis(5);
    const LATER: Tick = Tick(u64::MAX);

    /// Tickets are 100.5 ms apart, eight in a window of 804 ms.
    fn ten() -> Windows {
        Windows::new(&Limit { id: LimitId::calls(Duration::from_secs(1)), permits: 10, burst: 1 }, GUARD)
    }

    /// The wall clock is 1 s ahead.
    fn clocks(wall: u64) -> Clocks {
        Clocks { now: Tick(wall - 1_000_000), wall }
    }

    /// Window 10 begins here.
    const TEN: u64 = 8_040_000;

    fn next(drawn: &mut Drawn, wall: u64) -> Next {
        drawn.next(ten(), GUARD, clocks(wall), LATER, 0)
    }

    fn answer(drawn: &mut Drawn, window: u64, counts: &[u64]) -> bool {
        let is_full = drawn.take_in(ten(), window, counts);
        drawn.ends(window, counts.len() as u64);
        is_full
    }

    #[test]
    fn a_ticket_is_used_within_the_guard_of_its_time_and_burnt_later() {
        let mut drawn = Drawn::default();
        assert_eq!(next(&mut drawn, TEN), Next::Ask { window: 10, times: 1 });
        assert!(!answer(&mut drawn, 10, &[1]));
        assert_eq!(next(&mut drawn, TEN + 4_999), Next::Ticket(Tick(TEN - 1_000_000)));
        assert_eq!(next(&mut drawn, TEN + 4_999), Next::Ask { window: 10, times: 1 });
        assert!(!answer(&mut drawn, 10, &[2]));
        // Ticket 2 was for 100.5 ms. Of the next one it is known that its time has passed, too.
        assert_eq!(next(&mut drawn, TEN + 300_000), Next::Ask { window: 10, times: 2 });
        assert!(!answer(&mut drawn, 10, &[3, 4]));
        assert_eq!(next(&mut drawn, TEN + 300_000), Next::Ticket(Tick(TEN + 301_500 - 1_000_000)));
    }

    #[test]
    fn a_window_that_is_taken_is_not_asked_again() {
        let mut drawn = Drawn::default();
        assert!(answer(&mut drawn, 10, &[9]));
        assert_eq!(next(&mut drawn, TEN), Next::Ask { window: 11, times: 1 });
        assert_eq!(drawn.next(ten(), GUARD, clocks(TEN), LATER, 3), Next::Ask { window: 14, times: 1 });
        assert!(!answer(&mut drawn, 11, &[8]));
        assert_eq!(next(&mut drawn, TEN), Next::Ticket(Tick(TEN + 804_000 + 703_500 - 1_000_000)));
        assert_eq!(next(&mut drawn, TEN), Next::Ask { window: 12, times: 1 });
    }

    #[test]
    fn nothing_is_drawn_for_those_who_cannot_wait_for_it() {
        let mut drawn = Drawn::default();
        let until = Tick(TEN + 100_000 - 1_000_000);
        assert!(answer(&mut drawn, 10, &[9]));
        let eleven = Tick(TEN + 804_000 - 1_000_000);
        assert_eq!(drawn.next(ten(), GUARD, clocks(TEN), until, 0), Next::Beyond(eleven));
        assert!(!answer(&mut drawn, 11, &[1]));
        assert_eq!(drawn.next(ten(), GUARD, clocks(TEN), until, 0), Next::Beyond(eleven));
        assert_eq!(next(&mut drawn, TEN), Next::Ticket(eleven));
        assert!(drawn.give_back(eleven) && !drawn.give_back(eleven));
        assert_eq!(next(&mut drawn, TEN), Next::Ticket(eleven));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_wait_until_it_is_where_it_was() {
        let mut drawn = Drawn::default();
        assert_eq!(next(&mut drawn, TEN), Next::Ask { window: 10, times: 1 });
        assert!(answer(&mut drawn, 10, &[9]));
        let back = Clocks { now: clocks(TEN + 1).now, wall: TEN - 8_040_000 + 804_000 };
        assert_eq!(drawn.next(ten(), GUARD, back, LATER, 0), Next::Ask { window: 1, times: 1 });
    }

    #[test]
    fn a_hold_makes_earlier_tickets_useless() {
        let mut drawn = Drawn::default();
        assert!(!answer(&mut drawn, 10, &[1]));
        drawn.hold(clocks(TEN + 2_000_000).now);
        assert_eq!(next(&mut drawn, TEN), Next::Ask { window: 12, times: 1 });
    }
}
