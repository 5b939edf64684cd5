//! What happened in one half.

use stitchapi::Tick;

use super::said::Errand;
use super::upstream::Counts;

/// What the workers said, and what our own upstream counted.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// When all began, on the boot clock, in microseconds as every time here.
    pub(super) begins: u64,
    /// Of each worker, by its number.
    pub(super) workers: Vec<Track>,
    /// What our own upstream counted.
    pub(super) upstream: Option<Counts>,
}

/// What one worker did.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// When it started calls within the run.
    pub(super) starts: Vec<u64>,
    /// What it did for all.
    pub(super) trips: Vec<Trip>,
    /// How many of its calls were answered 429.
    pub(super) rejected: u64,
    /// Why others failed.
    pub(super) failures: Vec<String>,
    /// When it was killed on purpose, and on which errand.
    pub(super) killed: Option<(Errand, u64)>,
}

/// One login, or one fetch of the cached resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trip {
    pub(super) errand: Errand,
    pub(super) from: u64,
    /// Unknown if the worker did not live to say it.
    pub(super) until: Option<u64>,
}

impl Outcome {
    /// Every start with its worker, in the order of time.
    pub(super) fn starts(&self) -> Vec<(usize, u64)> {
        let of = |(worker, track): (usize, &Track)| track.starts.iter().map(move |start| (worker, *start)).collect();
        let mut all: Vec<_> = self.workers.iter().enumerate().flat_map::<Vec<_>, _>(of).collect();
        all.sort_by_key(|(_, start)| *start);
        all
    }

    /// How many calls were answered 429: what the upstream counted is worth more than what the workers say.
    pub(super) fn rejected(&self) -> u64 {
        let said = || self.workers.iter().map(|track| track.rejected).sum();
        self.upstream.as_ref().map_or_else(said, |counts| counts.rejected)
    }

    /// How many calls failed for another reason.
    pub(super) fn failures(&self) -> usize {
        self.workers.iter().map(|track| track.failures.len()).sum()
    }

    /// Which worker was killed on purpose.
    pub(super) fn killed_worker(&self) -> Option<usize> {
        self.workers.iter().position(|track| track.killed.is_some())
    }
}

impl Track {
    /// An errand begins.
    pub(super) fn began(&mut self, errand: Errand, at: Tick) {
        self.trips.push(Trip { errand, from: at.0, until: None });
    }

    /// The one that began last is over.
    pub(super) fn ended(&mut self, errand: Errand, at: Tick) {
        let mut open = self.trips.iter_mut().rev().filter(|trip| trip.errand == errand && trip.until.is_none());
        if let Some(trip) = open.next() {
            trip.until = Some(at.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_stand_in_the_order_of_time() {
        let track = |starts: &[u64]| Track { starts: starts.to_vec(), ..Track::default() };
        let outcome = Outcome { workers: vec![track(&[5, 9]), track(&[7])], ..Outcome::default() };
        assert_eq!(outcome.starts(), [(0, 5), (1, 7), (0, 9)]);
    }

    #[test]
    fn a_trip_without_its_end_stays_open() {
        let mut track = Track::default();
        track.began(Errand::Login, Tick(1));
        track.began(Errand::Fetch, Tick(2));
        track.ended(Errand::Fetch, Tick(3));
        track.ended(Errand::Fetch, Tick(4));
        let ends: Vec<_> = track.trips.iter().map(|trip| trip.until).collect();
        assert_eq!(ends, [None, Some(3)]);
    }
}
