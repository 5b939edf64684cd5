//! Counting starts in sliding windows: the test of every rate limit.
//!
//! A window is half-open: it contains its beginning and not its end. The fullest window of a length always begins with a
//! start, so only those windows are counted.
//!
//! ```
//! use std::time::Duration;
//!
//! use stitchapi_testing::starts;
//!
//! // Microseconds, in order: 0, 0.5, 0.999999 and 1 s.
//! let at = [0, 500_000, 999_999, 1_000_000];
//! assert_eq!(starts::most_in_any_window(&at, Duration::from_secs(1)), 3);
//!
//! // The same starts with a cost each.
//! let costs = at.map(|at| (at, 10));
//! let fullest = starts::fullest_window(&costs, Duration::from_secs(1)).unwrap();
//! assert_eq!((fullest.from, fullest.units), (0, 30));
//! ```

use std::time::Duration;

use stitchapi_core::micros_up;

/// A window of starts, and the sum of their units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartWindow {
    /// Beginning of the window, in microseconds: the time of its first start.
    pub from: u64,
    /// Units of the starts within the window.
    pub units: u64,
}

/// Returns the largest number of starts in any half-open window of `length`.
///
/// `starts` are times in microseconds, in ascending order. `length` is rounded up to whole microseconds, at least one.
#[must_use]
pub fn most_in_any_window(starts: &[u64], length: Duration) -> usize {
    let windows = windows(starts.iter().map(|at| (*at, 1)), length);
    windows.map(|window| usize::try_from(window.units).unwrap_or(usize::MAX)).max().unwrap_or(0)
}

/// Returns the first of the fullest half-open windows of `length`; `None` without starts.
///
/// `starts` are times in microseconds and units, in ascending order of time. `length` is rounded up as above.
#[must_use]
pub fn fullest_window(starts: &[(u64, u64)], length: Duration) -> Option<StartWindow> {
    windows(starts.iter().copied(), length).reduce(
        |fullest, window| {
            if window.units > fullest.units { window } else { fullest }
        },
    )
}

/// Returns the half-open window of `length` that begins with each start.
///
/// `starts` are times in microseconds and units, in ascending order of time.
pub(crate) fn windows(
    starts: impl Iterator<Item = (u64, u64)> + Clone,
    length: Duration,
) -> impl Iterator<Item = StartWindow> {
    let length = micros_up(length).max(1);
    let mut later = starts.clone().peekable();
    let mut sum = 0;
    starts.map(move |(from, first)| {
        while let Some((_, units)) = later.next_if(|(at, _)| at - from < length) {
            sum += units;
        }
        let window = StartWindow { from, units: sum };
        sum -= first;
        window
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_window_contains_its_beginning_and_not_its_end() {
        assert_eq!(most_in_any_window(&[0, 500_000, 999_999, 1_000_000], SECOND), 3);
        assert_eq!(most_in_any_window(&[0, 1_000_000, 2_000_000], SECOND), 1);
        assert_eq!(most_in_any_window(&[0, 1_000_000], SECOND + Duration::from_micros(1)), 2);
    }

    #[test]
    fn starts_at_the_same_time_are_counted_together() {
        assert_eq!(most_in_any_window(&[5, 5, 5], SECOND), 3);
        assert_eq!(most_in_any_window(&[5, 5, 5], Duration::from_micros(1)), 3);
        assert_eq!(most_in_any_window(&[], SECOND), 0);
    }

    #[test]
    fn the_fullest_window_is_the_first_one_with_the_most_units() {
        let starts = [(0, 1), (100, 5), (2_000_000, 3), (2_000_001, 3), (9_000_000, 6)];
        assert_eq!(fullest_window(&starts, SECOND), Some(StartWindow { from: 0, units: 6 }));
        assert_eq!(fullest_window(&[], SECOND), None);
    }

    /// Compares with the definition, for all windows of random starts.
    #[test]
    fn the_sliding_count_equals_the_definition() {
        let mut random = crate::random::Random::new(1);
        for _ in 0..200 {
            let mut starts: Vec<u64> = (0..random.below(30)).map(|_| random.below_u64(100)).collect();
            starts.sort_unstable();
            let length = 1 + random.below_u64(40);
            let within = |from: u64| starts.iter().filter(|at| (from..from + length).contains(*at)).count();
            let expected = (0..100).map(within).max().unwrap_or(0);
            assert_eq!(most_in_any_window(&starts, Duration::from_micros(length)), expected, "{starts:?} {length}");
        }
    }
}
