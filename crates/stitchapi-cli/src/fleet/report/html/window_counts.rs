//! The number of starts in the last period, as it changes over a phase.

use std::time::Duration;

/// Returns, for each of `columns` equal parts of the phase, the maximum number of starts in a half-open period that ends
/// within that part.
///
/// `starts` are sorted microseconds since the beginning of the phase. The highest column is the maximum number of starts
/// in any period.
pub(super) fn max_window_counts(starts: &[u64], period: Duration, length: Duration, columns: usize) -> Vec<usize> {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let (period, length) = (micros(period), micros(length));
    let column_begin = |column: usize| (u128::from(length) * column as u128 / columns as u128) as u64;
    // Of the sorted starts, the first `entered` are at or before `now`, and the first `left` are a period or more before it.
    let (mut entered, mut left) = (0, 0);
    let count_at = |entered: &mut usize, left: &mut usize, now: u64| {
        *entered += starts[*entered..].iter().take_while(|start| **start <= now).count();
        *left += starts[*left..*entered].iter().take_while(|start| start.saturating_add(period) <= now).count();
        *entered - *left
    };
    let max_of_column = |column: usize| {
        let mut max = count_at(&mut entered, &mut left, column_begin(column));
        let end = column_begin(column + 1);
        // The count only grows at a start, so the other moments of the column are skipped.
        while let Some(next) = starts.get(entered).filter(|next| **next < end) {
            max = max.max(count_at(&mut entered, &mut left, *next));
        }
        max
    };
    (0..columns).map(max_of_column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_start_is_counted_for_one_period() {
        let columns = max_window_counts(&[0, 1_000_000], SECOND, Duration::from_secs(3), 6);
        assert_eq!(columns, [1, 1, 1, 1, 0, 0]);
    }

    #[test]
    fn the_highest_column_is_the_maximum_in_any_period() {
        let starts = [0, 400_000, 500_000, 999_999, 1_000_000, 1_400_000, 2_600_000];
        let max = crate::fleet::report::figures::max_starts_in_window(&starts, SECOND);
        for columns in [1, 3, 7, 1_000] {
            let highest = max_window_counts(&starts, SECOND, Duration::from_secs(3), columns).into_iter().max();
            assert_eq!(highest, Some(max), "{columns}");
        }
    }

    #[test]
    fn simultaneous_starts_are_counted_separately() {
        assert_eq!(max_window_counts(&[5, 5, 5], SECOND, SECOND, 2), [3, 3]);
        assert_eq!(max_window_counts(&[], SECOND, SECOND, 2), [0, 0]);
    }
}
