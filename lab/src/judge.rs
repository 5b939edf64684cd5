//! The judge: the starts of a fleet against what is promised of every window.

use std::fmt;

use crate::clock::SECOND;
use crate::promise::{Bound, Promise};

/// One start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Start {
    /// When, in microseconds of the boot clock.
    pub at: u64,
    /// Of which worker.
    pub worker: usize,
    /// What it cost.
    pub units: u32,
}

/// The fullest window of a length, beside what is promised of it.
#[derive(Debug, Clone, Copy)]
pub struct Worst {
    /// What is promised.
    pub bound: Bound,
    /// The most units in one window.
    pub most: u64,
    /// Where that window begins.
    pub from: u64,
}

/// The fullest windows; `starts` are in order.
#[must_use]
pub fn worst_windows(starts: &[Start], promise: &Promise) -> Vec<Worst> {
    promise.bounds().into_iter().map(|bound| worst_window(starts, bound)).collect()
}

/// The fullest half-open window; one of the fullest begins with a start.
fn worst_window(starts: &[Start], bound: Bound) -> Worst {
    let mut worst = Worst { bound, most: 0, from: 0 };
    let (mut units, mut end) = (0, 0);
    for first in starts {
        while let Some(next) = starts.get(end).filter(|next| next.at - first.at < bound.window) {
            units += u64::from(next.units);
            end += 1;
        }
        if units > worst.most {
            worst = Worst { most: units, from: first.at, ..worst };
        }
        units -= u64::from(first.units);
    }
    worst
}

impl Worst {
    /// Whether the promise is kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.most as f64 <= self.bound.most
    }
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bound: Bound { window, most: promised }, most, .. } = self;
        write!(f, "{most} of {promised:.1} in {} s", *window as f64 / SECOND as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(at: impl IntoIterator<Item = u64>) -> Vec<Start> {
        at.into_iter().enumerate().map(|(index, at)| Start { at, worker: index % 2, units: 1 }).collect()
    }

    fn kept(starts: &[Start], promise: &Promise) -> bool {
        worst_windows(starts, promise).iter().all(Worst::is_kept)
    }

    fn most_in_a_second(starts: &[Start], promise: &Promise) -> u64 {
        let worst = worst_windows(starts, promise);
        worst.iter().find(|worst| worst.bound.window == SECOND).unwrap().most
    }

    #[test]
    fn an_even_fleet_keeps_the_promise_to_the_last_permit() {
        let even = starts((0..1_000).map(|n| n * 5_000));
        let promise = Promise::of(&["200/s"], 1);
        assert!(kept(&even, &promise));
        assert_eq!(most_in_a_second(&even, &promise), 200);
    }

    #[test]
    fn one_start_too_many_in_one_window_breaks_it() {
        let mut at: Vec<u64> = (0..1_000).map(|n| n * 5_000).collect();
        at.push(2_502_000);
        at.sort_unstable();
        assert!(!kept(&starts(at), &Promise::of(&["200/s"], 1)));
    }

    #[test]
    fn a_window_is_half_open() {
        // The 201st start is exactly one period after the first one.
        let full = starts((0..=200).map(|n| n * 5_000));
        assert_eq!(most_in_a_second(&full, &Promise::of(&["200/s"], 1)), 200);
    }

    #[test]
    fn units_count_and_not_starts() {
        let mut dear = starts((0..10).map(|n| n * 100_000));
        dear[5].units = 3;
        assert!(!kept(&dear, &Promise::of(&["10/s"], 1)));
        assert!(kept(&dear, &Promise::of(&["10/s"], 3)));
    }
}
