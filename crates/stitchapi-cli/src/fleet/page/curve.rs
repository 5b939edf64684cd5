//! How many calls started in the last period, at every moment.

use std::time::Duration;

/// In each of `columns` equal parts of the run, the most starts that any period, half open, that ends in it holds.
///
/// `starts` are sorted and count from the beginning, in microseconds. So the highest column is the most in any period.
pub(super) fn most_in_columns(starts: &[u64], period: Duration, length: Duration, columns: usize) -> Vec<usize> {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let (period, length) = (micros(period), micros(length));
    let begin = |column: usize| (u128::from(length) * column as u128 / columns as u128) as u64;
    // Starts before `entered` have begun, those before `left` are more than a period ago.
    let (mut entered, mut left) = (0, 0);
    let within = |entered: &mut usize, left: &mut usize, now: u64| {
        *entered += starts[*entered..].iter().take_while(|start| **start <= now).count();
        *left += starts[*left..*entered].iter().take_while(|start| start.saturating_add(period) <= now).count();
        *entered - *left
    };
    let column = |column: usize| {
        let mut most = within(&mut entered, &mut left, begin(column));
        let end = begin(column + 1);
        // It grows at a start only.
        while let Some(next) = starts.get(entered).filter(|next| **next < end) {
            most = most.max(within(&mut entered, &mut left, *next));
        }
        most
    };
    (0..columns).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_start_counts_for_one_period() {
        let columns = most_in_columns(&[0, 1_000_000], SECOND, Duration::from_secs(3), 6);
        assert_eq!(columns, [1, 1, 1, 1, 0, 0]);
    }

    #[test]
    fn the_highest_column_is_the_most_in_any_period() {
        let starts = [0, 400_000, 500_000, 999_999, 1_000_000, 1_400_000, 2_600_000];
        let most = crate::fleet::figures::most_within(&starts, SECOND);
        for columns in [1, 3, 7, 1_000] {
            let highest = most_in_columns(&starts, SECOND, Duration::from_secs(3), columns).into_iter().max();
            assert_eq!(highest, Some(most), "{columns}");
        }
    }

    #[test]
    fn starts_at_one_moment_count_each() {
        assert_eq!(most_in_columns(&[5, 5, 5], SECOND, SECOND, 2), [3, 3]);
        assert_eq!(most_in_columns(&[], SECOND, SECOND, 2), [0, 0]);
    }
}
