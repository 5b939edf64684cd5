//! The number of processes that use a bucket.

use std::time::Duration;

use crate::{StoreTime, micros_up};

/// Length of a window of a [`ProcessCount`].
///
/// A process that waits for bookings sends a request every 100 ms, so that a window of ten seconds misses no such
/// process and costs one additional write per process and window. A process that has ended is counted for ten to twenty
/// seconds more. Until then the other processes compute shares of the budget that are too small.
pub const COUNT_WINDOW: Duration = Duration::from_secs(10);

/// Count of the processes that sent a request in the current window of the store's time, and in the previous one.
///
/// * Its size does not depend on the number of processes. Each process states the window in which it was counted last
///   ([`ReserveRequest::counted`](super::ReserveRequest::counted)), and is counted once in each window.
/// * A process whose reply was lost does not know that it was counted, and is counted again. A count that is too large
///   makes shares of the budget too small, never too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessCount {
    /// Number of the current window: the store's time divided by [`COUNT_WINDOW`], rounded down.
    pub window: u64,
    /// Number of processes in the current window.
    pub current: u32,
    /// Number of processes in the previous window.
    pub previous: u32,
}

impl ProcessCount {
    /// Returns the number of the window that contains `time`.
    #[must_use]
    pub fn window_at(time: StoreTime) -> u64 {
        time.0 / micros_up(COUNT_WINDOW)
    }

    /// Returns the number of active processes at `now`: the larger of the two counts.
    #[must_use]
    pub fn active(self, now: StoreTime) -> u32 {
        let processes = self.at(now);
        processes.current.max(processes.previous)
    }

    /// Returns the count, advanced to the window that contains `now`.
    #[must_use]
    pub fn at(self, now: StoreTime) -> Self {
        let window = Self::window_at(now);
        if self.window == window {
            return self;
        }
        let previous = if window.checked_sub(1) == Some(self.window) { self.current } else { 0 };
        Self { window, current: 0, previous }
    }

    /// Counts the process that sends a request at `now`, unless the window `counted`, in which it was counted last, is
    /// the current one.
    pub(super) fn count(self, counted: Option<u64>, now: StoreTime) -> Self {
        let processes = self.at(now);
        let is_new = counted != Some(processes.window);
        Self { current: processes.current.saturating_add(is_new.into()), ..processes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> StoreTime {
        StoreTime(second * 1_000_000)
    }

    #[test]
    fn a_process_is_counted_once_in_each_window() {
        let first = ProcessCount::default().count(None, second(20));
        assert_eq!(first, ProcessCount { window: 2, current: 1, previous: 0 });
        assert_eq!(first.count(Some(2), second(29)), first);
        assert_eq!(first.count(Some(1), second(29)).current, 2);
    }

    #[test]
    fn the_count_of_a_window_is_kept_for_the_next_window_only() {
        let processes = ProcessCount { window: 2, current: 3, previous: 5 };
        assert_eq!(processes.count(Some(2), second(30)), ProcessCount { window: 3, current: 1, previous: 3 });
        assert_eq!(processes.count(Some(2), second(40)), ProcessCount { window: 4, current: 1, previous: 0 });
        let active = [29, 39, 40].map(|at| processes.active(second(at)));
        assert_eq!(active, [5, 3, 0]);
    }

    #[test]
    fn a_clock_that_was_set_back_starts_a_new_count() {
        let processes = ProcessCount { window: 2, current: 3, previous: 5 };
        assert_eq!(processes.count(Some(2), second(19)), ProcessCount { window: 1, current: 1, previous: 0 });
        assert_eq!(processes.count(None, second(0)), ProcessCount { window: 0, current: 1, previous: 0 });
    }
}
