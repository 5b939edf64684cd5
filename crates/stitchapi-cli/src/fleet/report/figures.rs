//! The figures of one phase, computed from its record.

use std::time::Duration;

use serde::Serialize;

use crate::fleet::options::Options;
use crate::fleet::phase::{PhaseRecord, WorkerRecord};
use crate::fleet::protocol::SharedRequest;

/// Figures of one phase. The field names are the keys of the JSON output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PhaseFigures {
    /// Number of worker processes.
    pub(super) workers: usize,
    /// Number of concurrent tasks in each worker.
    pub(super) tasks: usize,
    /// Declared rate, as text.
    pub(super) rate: String,
    /// Declared burst, in calls.
    pub(super) burst: u32,
    /// Duration of the phase, in seconds.
    pub(super) duration_s: f64,
    /// Number of starts, over all workers. A start is a call that was sent to the limited endpoint.
    pub(super) starts: usize,
    /// Maximum number of starts in any half-open window of the rate's period.
    pub(super) max_in_any_period: usize,
    /// Starts divided by the starts that the rate allows in the phase.
    pub(super) utilisation: f64,
    /// Number of responses with status 429.
    pub(super) rejected_429: u64,
    /// Number of responses with status 401 from the built-in upstream; 0 is expected.
    pub(super) rejected_401: Option<u64>,
    /// Number of calls that failed for another reason than a 429; 0 is expected.
    pub(super) failures: usize,
    /// Number of token requests at the built-in upstream.
    pub(super) token_requests: Option<usize>,
    /// Number of requests for the cached resource at the built-in upstream.
    pub(super) cached_resource_fetches: Option<usize>,
    /// Shortest time between two consecutive starts of the fleet, in milliseconds.
    pub(super) min_gap_ms: Option<f64>,
    /// Coefficient of variation of those times: standard deviation divided by mean. Even spacing gives 0.
    pub(super) gap_cv: Option<f64>,
    /// Fewest starts of a worker divided by the most starts of a worker. Equal shares give 1.
    pub(super) fairness: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts and microseconds of an hour fit a double")]
impl PhaseFigures {
    /// Computes the figures of a phase.
    pub(crate) fn new(options: &Options, record: &PhaseRecord) -> Self {
        let starts: Vec<u64> = record.starts().into_iter().map(|(_, start)| start).collect();
        let gaps_ms: Vec<f64> = starts.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1_000.0).collect();
        let starts_per_worker = || record.workers.iter().map(|worker: &WorkerRecord| worker.starts.len());
        let counts = record.upstream.as_ref();
        let most = starts_per_worker().max().unwrap_or(0);
        Self {
            workers: options.workers,
            tasks: options.tasks,
            rate: options.rate.text.clone(),
            burst: options.burst,
            duration_s: options.duration.as_secs_f64(),
            starts: starts.len(),
            max_in_any_period: max_starts_in_window(&starts, options.rate.rate.period()),
            utilisation: starts.len() as f64 / (options.rate.per_second() * options.duration.as_secs_f64()),
            rejected_429: record.rejected(),
            rejected_401: counts.map(|counts| counts.unauthorized),
            failures: record.failures(),
            token_requests: counts.map(|counts| counts.of(SharedRequest::Login)),
            cached_resource_fetches: counts.map(|counts| counts.of(SharedRequest::Fetch)),
            min_gap_ms: gaps_ms.iter().copied().min_by(f64::total_cmp),
            gap_cv: coefficient_of_variation(&gaps_ms),
            fairness: (most > 0).then(|| starts_per_worker().min().unwrap_or(0) as f64 / most as f64),
        }
    }
}

/// Returns the maximum number of the sorted `starts` in any half-open window of this length.
///
/// Only windows that begin at a start are counted: no other window holds more.
pub(super) fn max_starts_in_window(starts: &[u64], window: Duration) -> usize {
    let length = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
    let mut end = 0;
    let mut most = 0;
    for (first, start) in starts.iter().enumerate() {
        while starts.get(end).is_some_and(|other| other - start < length) {
            end += 1;
        }
        most = most.max(end - first);
    }
    most
}

/// Returns the standard deviation divided by the mean; `None` if the mean is not positive.
#[expect(clippy::cast_precision_loss, reason = "the number of gaps fits a double")]
fn coefficient_of_variation(gaps: &[f64]) -> Option<f64> {
    let count = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / count;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
    (mean > 0.0).then(|| variance.sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_excludes_its_end() {
        let second = Duration::from_secs(1);
        assert_eq!(max_starts_in_window(&[0, 500_000, 999_999, 1_000_000], second), 3);
        assert_eq!(max_starts_in_window(&[0, 1_000_000, 2_000_000], second), 1);
        assert_eq!(max_starts_in_window(&[5, 5, 5], second), 3);
        assert_eq!(max_starts_in_window(&[], second), 0);
    }

    #[test]
    fn even_gaps_have_a_variation_of_0() {
        assert_eq!(coefficient_of_variation(&[20.0, 20.0, 20.0]), Some(0.0));
        assert_eq!(coefficient_of_variation(&[0.0, 40.0]), Some(1.0));
        assert_eq!(coefficient_of_variation(&[]), None);
    }
}
