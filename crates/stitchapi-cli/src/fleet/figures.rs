//! What a run's starts say.

use std::time::Duration;

use serde::Serialize;

use super::options::Options;
use super::outcome::Outcome;
use super::said::Errand;

/// The figures of one half.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Half {
    pub(super) workers: usize,
    pub(super) tasks: usize,
    pub(super) rate: String,
    pub(super) burst: u32,
    pub(super) duration_s: f64,
    /// Calls that passed the lateness test, of all workers.
    pub(super) starts: usize,
    /// The most starts in any half-open window of the rate's period.
    pub(super) max_in_any_period: usize,
    /// Starts by what the budget allows in that time.
    pub(super) utilisation: f64,
    pub(super) rejected_429: u64,
    /// What our own upstream answered 401, which none should be.
    pub(super) rejected_401: Option<u64>,
    /// Calls that failed for another reason than the limit, which none should.
    pub(super) failures: usize,
    /// Requests for a token that our own upstream counted.
    pub(super) token_requests: Option<usize>,
    /// Requests of the cached resource that our own upstream counted.
    pub(super) cached_resource_fetches: Option<usize>,
    /// Between two starts of the fleet.
    pub(super) min_gap_ms: Option<f64>,
    /// The standard deviation of those gaps by their mean: 0 is perfectly even.
    pub(super) gap_cv: Option<f64>,
    /// The fewest starts of a worker by the most: 1 is perfectly fair.
    pub(super) fairness: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts and microseconds of an hour fit a double")]
impl Half {
    pub(super) fn of(options: &Options, outcome: &Outcome) -> Self {
        let starts: Vec<u64> = outcome.starts().into_iter().map(|(_, start)| start).collect();
        let gaps: Vec<f64> = starts.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1_000.0).collect();
        let of_worker = || outcome.workers.iter().map(|track| track.starts.len());
        let counts = outcome.upstream.as_ref();
        let most = of_worker().max().unwrap_or(0);
        Self {
            workers: options.workers,
            tasks: options.tasks,
            rate: options.rate.text.clone(),
            burst: options.burst,
            duration_s: options.duration.as_secs_f64(),
            starts: starts.len(),
            max_in_any_period: most_within(&starts, options.rate.rate.period()),
            utilisation: starts.len() as f64 / (options.rate.per_second() * options.duration.as_secs_f64()),
            rejected_429: outcome.rejected(),
            rejected_401: counts.map(|counts| counts.unauthorized),
            failures: outcome.failures(),
            token_requests: counts.map(|counts| counts.of(Errand::Login)),
            cached_resource_fetches: counts.map(|counts| counts.of(Errand::Fetch)),
            min_gap_ms: gaps.iter().copied().min_by(f64::total_cmp),
            gap_cv: variation(&gaps),
            fairness: (most > 0).then(|| of_worker().min().unwrap_or(0) as f64 / most as f64),
        }
    }
}

/// The most of the sorted `starts` in any half-open window of this length; it is reached at some start.
pub(super) fn most_within(starts: &[u64], window: Duration) -> usize {
    let length = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
    let mut end = 0;
    let mut most = 0;
    for (from, start) in starts.iter().enumerate() {
        while starts.get(end).is_some_and(|other| other - start < length) {
            end += 1;
        }
        most = most.max(end - from);
    }
    most
}

/// The standard deviation by the mean.
#[expect(clippy::cast_precision_loss, reason = "a number of gaps fits a double")]
fn variation(gaps: &[f64]) -> Option<f64> {
    let count = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / count;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
    (mean > 0.0).then(|| variance.sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_half_open() {
        let second = Duration::from_secs(1);
        assert_eq!(most_within(&[0, 500_000, 999_999, 1_000_000], second), 3);
        assert_eq!(most_within(&[0, 1_000_000, 2_000_000], second), 1);
        assert_eq!(most_within(&[5, 5, 5], second), 3);
        assert_eq!(most_within(&[], second), 0);
    }

    #[test]
    fn even_gaps_do_not_vary() {
        assert_eq!(variation(&[20.0, 20.0, 20.0]), Some(0.0));
        assert_eq!(variation(&[0.0, 40.0]), Some(1.0));
        assert_eq!(variation(&[]), None);
    }
}
