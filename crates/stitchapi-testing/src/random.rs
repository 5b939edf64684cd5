//! Seeded pseudo-random numbers for the simulated runtime and the simulated fleet.

use std::ops::Range;
use std::time::Duration;

use stitchapi_core::micros_up;

/// SplitMix64 generator: the same seed gives the same sequence.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns an independent generator: number `number` of the same seed.
    pub(crate) fn stream(seed: u64, number: u64) -> Self {
        Self(Self(seed ^ Self(number).next()).next())
    }

    /// Returns the next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from 0 to `end - 1`.
    pub(crate) fn below_u64(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Returns a number from 0 to `end - 1`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.below_u64(end as u64)).unwrap_or(0)
    }

    /// Returns a duration within `range`, in whole microseconds; the start of `range` if it is empty.
    pub(crate) fn between(&mut self, range: &Range<Duration>) -> Duration {
        let width = micros_up(range.end.saturating_sub(range.start));
        range.start + Duration::from_micros(self.next().checked_rem(width).unwrap_or(0))
    }

    /// Returns `true` with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        ((self.next() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_follows_its_probability() {
        let mut random = Random::new(1);
        assert!((0..1_000).all(|_| random.chance(1.0) && !random.chance(0.0)));
        let hits = (0..100_000).filter(|_| random.chance(0.25)).count();
        assert!((24_000..26_000).contains(&hits), "{hits}");
    }

    #[test]
    fn a_duration_lies_in_its_range() {
        let (from, to) = (Duration::from_micros(5), Duration::from_micros(8));
        let mut random = Random::new(1);
        assert!((0..20).all(|_| (from..to).contains(&random.between(&(from..to)))));
        assert_eq!(random.between(&(to..from)), to);
    }

    #[test]
    fn the_streams_of_one_seed_differ() {
        assert_ne!(Random::stream(1, 0).next(), Random::stream(1, 1).next());
        assert_ne!(Random::stream(1, 0).next(), Random::stream(2, 0).next());
    }
}
