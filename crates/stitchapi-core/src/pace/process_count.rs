//! How many processes use a bucket.

use std::time::Duration;

use crate::{StoreTime, micros_up};

/// How long a window of a [`ProcessCount`] is.
///
/// A process that waits for bookings asks every 100 ms, so ten seconds miss none of them and cost each one write more. One
/// that has gone is counted for ten to twenty seconds: a share that is too small for so long.
pub const COUNT_WINDOW: Duration = Duration::from_secs(10);

/// How many processes have asked lately: those of a window of the store's time, and of the one before it.
///
/// Of one size whatever their number: a process says when it was counted last ([`ReserveRequest::counted`](super::ReserveRequest::counted)),
/// and is counted once in each window. One whose answer was lost does not know, and is counted again: a number that is too
/// large makes shares of it too small, never too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessCount {
    /// The number of the window: the store's time by [`COUNT_WINDOW`], rounded down.
    pub window: u64,
    /// How many have asked in it.
    pub current: u32,
    /// How many asked in the window before it.
    pub previous: u32,
}

impl ProcessCount {
    /// The number of the window that a time is in.
    #[must_use]
    pub fn window_at(now: StoreTime) -> u64 {
        now.0 / micros_up(COUNT_WINDOW)
    }

    /// The larger of the two counts, as they are at `now`.
    #[must_use]
    pub fn active(self, now: StoreTime) -> u32 {
        let processes = self.at(now);
        processes.current.max(processes.previous)
    }

    /// The same, in the window of `now`.
    #[must_use]
    pub fn at(self, now: StoreTime) -> Self {
        let window = Self::window_at(now);
        if self.window == window {
            return self;
        }
        let previous = if window.checked_sub(1) == Some(self.window) { self.current } else { 0 };
        Self { window, current: 0, previous }
    }

    /// Somebody asks who was counted in the window `counted` last.
    pub(super) fn ask(self, counted: Option<u64>, now: StoreTime) -> Self {
        let processes = self.at(now);
        let is_news = counted != Some(processes.window);
        Self { current: processes.current.saturating_add(is_news.into()), ..processes }
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
        let first = ProcessCount::default().ask(None, second(20));
        assert_eq!(first, ProcessCount { window: 2, current: 1, previous: 0 });
        assert_eq!(first.ask(Some(2), second(29)), first);
        assert_eq!(first.ask(Some(1), second(29)).current, 2);
    }

    #[test]
    fn the_count_of_a_window_is_remembered_in_the_next_one_and_no_longer() {
        let processes = ProcessCount { window: 2, current: 3, previous: 5 };
        assert_eq!(processes.ask(Some(2), second(30)), ProcessCount { window: 3, current: 1, previous: 3 });
        assert_eq!(processes.ask(Some(2), second(40)), ProcessCount { window: 4, current: 1, previous: 0 });
        assert_eq!(
            (processes.active(second(29)), processes.active(second(39)), processes.active(second(40))),
            (5, 3, 0)
        );
    }

    #[test]
    fn a_clock_that_went_back_starts_it_again() {
        let processes = ProcessCount { window: 2, current: 3, previous: 5 };
        assert_eq!(processes.ask(Some(2), second(19)), ProcessCount { window: 1, current: 1, previous: 0 });
        assert_eq!(processes.ask(None, second(0)), ProcessCount { window: 0, current: 1, previous: 0 });
    }
}
