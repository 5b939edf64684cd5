//! Compares the starts of a fleet with what is promised for every window.
//!
//! Input: starts in order and a [`Promise`]. Output: the fullest window of each length beside its bound.

use std::fmt;
use std::time::Duration;

use stitchapi_testing::starts;

use crate::clock::SECOND;
use crate::promise::{Bound, Promise};

/// One start of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Start {
    /// Reading of the boot clock in microseconds.
    pub at: u64,
    /// Index of the worker.
    pub worker: usize,
    /// Cost of the call in units.
    pub units: u32,
}

/// The fullest window of one length.
#[derive(Debug, Clone, Copy)]
pub struct FullestWindow {
    /// Length of the window and the units that are promised for it.
    pub bound: Bound,
    /// Units in the window.
    pub units: u64,
    /// Begin of the window on the boot clock in microseconds.
    pub from: u64,
}

/// Returns the fullest window of each length that the promise bounds. `starts` are in order.
#[must_use]
pub fn fullest_windows(starts: &[Start], promise: &Promise) -> Vec<FullestWindow> {
    promise.bounds().into_iter().map(|bound| fullest_window(starts, bound)).collect()
}

fn fullest_window(starts: &[Start], bound: Bound) -> FullestWindow {
    let starts: Vec<(u64, u64)> = starts.iter().map(|start| (start.at, start.units.into())).collect();
    let fullest = starts::fullest_window(&starts, Duration::from_micros(bound.window));
    let (units, from) = fullest.map_or((0, 0), |window| (window.units, window.from));
    FullestWindow { bound, units, from }
}

impl FullestWindow {
    /// Returns `true` if the window holds at most what is promised.
    #[must_use]
    pub fn is_within_bound(&self) -> bool {
        self.units as f64 <= self.bound.units
    }
}

impl fmt::Display for FullestWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bound: Bound { window, units: promised }, units, .. } = self;
        write!(f, "{units} of {promised:.1} in {} s", *window as f64 / SECOND as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(at: impl IntoIterator<Item = u64>) -> Vec<Start> {
        at.into_iter().enumerate().map(|(index, at)| Start { at, worker: index % 2, units: 1 }).collect()
    }

    fn are_within_bounds(starts: &[Start], promise: &Promise) -> bool {
        fullest_windows(starts, promise).iter().all(FullestWindow::is_within_bound)
    }

    fn units_in_a_second(starts: &[Start], promise: &Promise) -> u64 {
        let windows = fullest_windows(starts, promise);
        windows.iter().find(|window| window.bound.window == SECOND).unwrap().units
    }

    #[test]
    fn an_even_fleet_keeps_the_promise_to_the_last_permit() {
        let even = starts((0..1_000).map(|n| n * 5_000));
        let promise = Promise::of(&["200/s"], 1);
        assert!(are_within_bounds(&even, &promise));
        assert_eq!(units_in_a_second(&even, &promise), 200);
    }

    #[test]
    fn one_start_too_many_in_one_window_breaks_it() {
        let mut at: Vec<u64> = (0..1_000).map(|n| n * 5_000).collect();
        at.push(2_502_000);
        at.sort_unstable();
        assert!(!are_within_bounds(&starts(at), &Promise::of(&["200/s"], 1)));
    }

    #[test]
    fn units_are_counted_and_not_starts() {
        let mut starts = starts((0..10).map(|n| n * 100_000));
        starts[5].units = 3;
        assert!(!are_within_bounds(&starts, &Promise::of(&["10/s"], 1)));
        assert!(are_within_bounds(&starts, &Promise::of(&["10/s"], 3)));
    }
}
