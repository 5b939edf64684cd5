//! How long to hold after a refusal that says no time.

use std::time::Duration;

use stitchapi_core::Tick;

/// The first hold: `Retry-After` counts whole seconds, so no API could ask for less by the standard.
const FIRST: Duration = Duration::from_secs(1);

/// A hold that doubles with every refusal that follows one, and comes back by itself.
///
/// * A refusal of a request that had started when the last hold was set is an answer to what that hold is for: it holds
///   nobody again. So a burst of refusals is one.
/// * The next hold is half as long for every such time without a refusal, and for every call that goes through after one;
///   never less than the first.
/// * Each process counts by itself: in a fleet the longest hold counts.
#[derive(Debug)]
pub(in crate::throttle) struct BackOff {
    /// How long the next hold is.
    next: Duration,
    /// When the newest hold was heard of here.
    set: Option<Tick>,
    /// Since when nothing was refused or held.
    quiet_since: Tick,
}

impl BackOff {
    pub(in crate::throttle) fn new() -> Self {
        Self { next: FIRST, set: None, quiet_since: Tick(0) }
    }

    /// A hold until then is known, whoever asked for it.
    pub(in crate::throttle) fn held(&mut self, until: Tick, now: Tick) {
        self.decay(now);
        self.set = Some(now);
        self.quiet_since = self.quiet_since.max(until);
    }

    /// A call that started at `started` was refused: how long to hold for that, at most the cap.
    pub(super) fn refused(&mut self, started: Tick, now: Tick, cap: Duration) -> Option<Duration> {
        if self.set.is_some_and(|set| started <= set) {
            return None;
        }
        self.decay(now);
        self.quiet_since = self.quiet_since.max(now);
        let length = self.next.min(cap);
        self.next = length.saturating_mul(2).min(cap).max(FIRST);
        Some(length)
    }

    /// A call that started at `started` was let through.
    pub(super) fn went_through(&mut self, started: Tick, now: Tick) {
        if self.next > FIRST && started >= self.quiet_since {
            self.decay(now);
            self.next = (self.next / 2).max(FIRST);
        }
    }

    fn decay(&mut self, now: Tick) {
        while self.next > FIRST && now.since(self.quiet_since) >= self.next {
            self.quiet_since = self.quiet_since + self.next;
            self.next = (self.next / 2).max(FIRST);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAP: Duration = Duration::from_secs(60);

    fn at(secs: u64) -> Tick {
        Tick(secs * 1_000_000)
    }

    /// A refusal and the hold for it, in seconds.
    fn refused(back_off: &mut BackOff, started: u64, now: u64) -> Option<u64> {
        let length = back_off.refused(at(started), at(now), CAP)?;
        back_off.held(at(now) + length, at(now));
        Some(length.as_secs())
    }

    #[test]
    fn every_refusal_that_follows_a_hold_doubles_the_next_one_up_to_the_cap() {
        let (mut back_off, mut now) = (BackOff::new(), 100);
        let mut holds = Vec::new();
        for _ in 0..8 {
            let hold = refused(&mut back_off, now, now).unwrap();
            holds.push(hold);
            now += hold;
        }
        assert_eq!(holds, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn refusals_of_what_had_started_before_the_hold_are_one() {
        let mut back_off = BackOff::new();
        assert_eq!(refused(&mut back_off, 100, 103), Some(1));
        assert_eq!(refused(&mut back_off, 101, 103), None);
        assert_eq!(refused(&mut back_off, 102, 105), None);
        assert_eq!(refused(&mut back_off, 105, 105), Some(2));
    }

    #[test]
    fn it_comes_back_by_itself() {
        let (mut back_off, mut now) = (BackOff::new(), 100);
        for _ in 0..8 {
            now += refused(&mut back_off, now, now).unwrap();
        }
        assert_eq!(back_off.next, CAP);
        assert_eq!(refused(&mut back_off, now + 60, now + 60), Some(30));
        let later = now + 60 + 30 + 120;
        assert_eq!(refused(&mut back_off, later, later), Some(1));
    }

    #[test]
    fn what_goes_through_after_the_hold_halves_it() {
        let (mut back_off, mut now) = (BackOff::new(), 100);
        for _ in 0..4 {
            now += refused(&mut back_off, now, now).unwrap();
        }
        assert_eq!(back_off.next, Duration::from_secs(16));
        back_off.went_through(at(now - 1), at(now));
        assert_eq!(back_off.next, Duration::from_secs(16));
        for next in [8, 4, 2, 1, 1] {
            back_off.went_through(at(now), at(now));
            assert_eq!(back_off.next, Duration::from_secs(next));
        }
    }

    proptest! {
        #[test]
        fn it_is_never_above_the_cap_and_always_back_after_two_caps_of_quiet(
            steps in proptest::collection::vec((0..3_u8, 0..200_u64, 0..200_u64), 0..100),
            cap in 0..100_u64,
        ) {
            let (mut back_off, mut now, cap) = (BackOff::new(), at(1_000), Duration::from_secs(cap));
            for (what, pause, ago) in steps {
                now = now + Duration::from_secs(pause);
                let started = Tick(now.0 - ago * 1_000_000);
                match what {
                    0 => {
                        let length = back_off.refused(started, now, cap);
                        prop_assert!(length.is_none_or(|length| length <= cap));
                        length.into_iter().for_each(|length| back_off.held(now + length, now));
                    }
                    1 => back_off.held(now + Duration::from_secs(ago).min(cap), now),
                    _ => back_off.went_through(started, now),
                }
            }
            let quiet = now + cap * 3;
            back_off.decay(quiet);
            prop_assert_eq!(back_off.next, FIRST);
        }
    }
}
