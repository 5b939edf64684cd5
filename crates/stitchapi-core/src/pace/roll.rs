//! How many processes use a bucket.

use std::time::Duration;

use crate::{StoreTime, micros_up};

/// How long a window of a [`Roll`] is.
///
/// A process that waits for bookings asks every 100 ms, so ten seconds miss none of them and cost each one write more. One
/// that has gone is counted for ten to twenty seconds: a share that is too small for so long.
pub const ROLL_WINDOW: Duration = Duration::from_secs(10);

/// How many processes have asked lately: those of a window of the store's time, and of the one before it.
///
/// Of one size whatever their number: a process says when it was counted last ([`Pace::counted`](super::Pace::counted)),
/// and is counted once in each window. One whose answer was lost does not know, and is counted again: a number that is too
/// large makes shares of it too small, never too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roll {
    /// The number of the window: the store's time by [`ROLL_WINDOW`], rounded down.
    pub window: u64,
    /// How many have asked in it.
    pub count: u32,
    /// How many asked in the window before it.
    pub last: u32,
}

impl Roll {
    /// The number of the window that a time is in.
    #[must_use]
    pub fn window_at(now: StoreTime) -> u64 {
        now.0 / micros_up(ROLL_WINDOW)
    }

    /// The larger of the two counts, as they are at `now`.
    #[must_use]
    pub fn living(self, now: StoreTime) -> u32 {
        let roll = self.at(now);
        roll.count.max(roll.last)
    }

    /// The same, in the window of `now`.
    #[must_use]
    pub fn at(self, now: StoreTime) -> Self {
        let window = Self::window_at(now);
        if self.window == window {
            return self;
        }
        let last = if window.checked_sub(1) == Some(self.window) { self.count } else { 0 };
        Self { window, count: 0, last }
    }

    /// Somebody asks who was counted in the window `counted` last.
    pub(super) fn ask(self, counted: Option<u64>, now: StoreTime) -> Self {
        let roll = self.at(now);
        let is_news = counted != Some(roll.window);
        Self { count: roll.count.saturating_add(is_news.into()), ..roll }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> StoreTime {
        StoreTime(second * 1_000_000)
    }

    #[test]
    fn a_process_is_counted_once_a_window() {
        let first = Roll::default().ask(None, second(20));
        assert_eq!(first, Roll { window: 2, count: 1, last: 0 });
        assert_eq!(first.ask(Some(2), second(29)), first);
        assert_eq!(first.ask(Some(1), second(29)).count, 2);
    }

    #[test]
    fn the_count_of_a_window_is_remembered_in_the_next_one_and_no_longer() {
        let roll = Roll { window: 2, count: 3, last: 5 };
        assert_eq!(roll.ask(Some(2), second(30)), Roll { window: 3, count: 1, last: 3 });
        assert_eq!(roll.ask(Some(2), second(40)), Roll { window: 4, count: 1, last: 0 });
        assert_eq!((roll.living(second(29)), roll.living(second(39)), roll.living(second(40))), (5, 3, 0));
    }

    #[test]
    fn a_clock_that_went_back_starts_it_again() {
        let roll = Roll { window: 2, count: 3, last: 5 };
        assert_eq!(roll.ask(Some(2), second(19)), Roll { window: 1, count: 1, last: 0 });
        assert_eq!(roll.ask(None, second(0)), Roll { window: 0, count: 1, last: 0 });
    }
}
