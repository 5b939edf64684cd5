//! What happened in one phase.

use super::worker_record::WorkerRecord;
use crate::fleet::upstream::RequestCounts;

/// Events of all workers and the counts of the upstream. All times are microseconds on the boot clock.
#[derive(Debug, Default)]
pub(crate) struct PhaseRecord {
    /// Time at which all workers began.
    pub(crate) begins: u64,
    /// Record of each worker, indexed by its number.
    pub(crate) workers: Vec<WorkerRecord>,
    /// Counts of the built-in upstream; `None` for an external API.
    pub(crate) upstream: Option<RequestCounts>,
}

impl PhaseRecord {
    /// Returns every start as worker number and time, sorted by time.
    pub(crate) fn starts(&self) -> Vec<(usize, u64)> {
        let numbered = |(number, worker): (usize, &WorkerRecord)| -> Vec<_> {
            worker.starts.iter().map(|start| (number, *start)).collect()
        };
        let mut starts: Vec<_> = self.workers.iter().enumerate().flat_map(numbered).collect();
        starts.sort_by_key(|(_, start)| *start);
        starts
    }

    /// Returns the number of responses with status 429. The upstream's count takes precedence over the workers'
    /// reports.
    pub(crate) fn rejected(&self) -> u64 {
        let reported = || self.workers.iter().map(|worker| worker.rejected).sum();
        self.upstream.as_ref().map_or_else(reported, |counts| counts.rejected)
    }

    /// Returns the number of calls that failed for another reason than a 429.
    pub(crate) fn failures(&self) -> usize {
        self.workers.iter().map(|worker| worker.failures.len()).sum()
    }

    /// Returns the number of the worker that `--kill` killed.
    pub(crate) fn killed_worker(&self) -> Option<usize> {
        self.workers.iter().position(|worker| worker.killed.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_of_all_workers_are_sorted_by_time() {
        let worker = |starts: &[u64]| WorkerRecord { starts: starts.to_vec(), ..WorkerRecord::default() };
        let record = PhaseRecord { workers: vec![worker(&[5, 9]), worker(&[7])], ..PhaseRecord::default() };
        assert_eq!(record.starts(), [(0, 5), (1, 7), (0, 9)]);
    }
}
