//! Exponential back-off: the length of a hold (a pause of all starts) after a refusal that states no length.

use std::time::Duration;

use stitchapi_core::Tick;

/// Length of the first hold. It is the shortest pause that an API can request with `Retry-After`, which counts whole
/// seconds.
const FIRST_LENGTH: Duration = Duration::from_secs(1);

/// Length of the next hold. It doubles with each refusal that follows a hold, and halves while requests are not
/// refused.
///
/// * A refusal of a request that started before the last hold was set causes no other hold: the last hold is for the same
///   cause. A burst of refusals therefore causes one hold.
/// * The length halves each time that a time of this length has passed without a refusal or a hold, and with each accepted
///   request that started after the last hold. It is never less than the first length.
/// * Each process has its own length. The longest hold that a process sets applies to the fleet.
#[derive(Debug)]
pub(in crate::throttle) struct BackOff {
    next_length: Duration,
    /// Time at which this process set or received the newest hold.
    last_hold: Option<Tick>,
    /// Time from which quiet time counts towards the next halving: the end of the last hold, the last refusal, or the
    /// last halving for quiet time, whichever is latest.
    quiet_since: Tick,
}

impl BackOff {
    pub(in crate::throttle) fn new() -> Self {
        Self { next_length: FIRST_LENGTH, last_hold: None, quiet_since: Tick(0) }
    }

    /// Records a hold until `until` that this process or another one has set.
    pub(in crate::throttle) fn on_hold(&mut self, until: Tick, now: Tick) {
        self.decay(now);
        self.last_hold = Some(now);
        self.quiet_since = self.quiet_since.max(until);
    }

    /// Records the refusal of a request that started at `started`. Returns the length of the hold for it, at most `cap`, or
    /// `None` if the last hold covers it.
    pub(in crate::throttle) fn on_refusal(&mut self, started: Tick, now: Tick, cap: Duration) -> Option<Duration> {
        if self.last_hold.is_some_and(|last_hold| started <= last_hold) {
            return None;
        }
        self.decay(now);
        self.quiet_since = self.quiet_since.max(now);
        let length = self.next_length.min(cap);
        self.next_length = length.saturating_mul(2).min(cap).max(FIRST_LENGTH);
        Some(length)
    }

    /// Records that the API accepted a request that started at `started`.
    pub(in crate::throttle) fn on_acceptance(&mut self, started: Tick, now: Tick) {
        if self.next_length > FIRST_LENGTH && started >= self.quiet_since {
            self.decay(now);
            self.next_length = (self.next_length / 2).max(FIRST_LENGTH);
        }
    }

    /// Halves the length for the quiet time until `now`. Each halving uses up a quiet time of the length before it.
    fn decay(&mut self, now: Tick) {
        while self.next_length > FIRST_LENGTH && now.since(self.quiet_since) >= self.next_length {
            self.quiet_since = self.quiet_since + self.next_length;
            self.next_length = (self.next_length / 2).max(FIRST_LENGTH);
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

    /// Reports a refusal and sets the hold that follows, in seconds.
    fn refused(back_off: &mut BackOff, started: u64, now: u64) -> Option<u64> {
        let length = back_off.on_refusal(at(started), at(now), CAP)?;
        back_off.on_hold(at(now) + length, at(now));
        Some(length.as_secs())
    }

    #[test]
    fn each_refusal_after_a_hold_doubles_the_next_hold_up_to_the_cap() {
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
    fn refusals_of_requests_that_started_before_the_hold_count_once() {
        let mut back_off = BackOff::new();
        assert_eq!(refused(&mut back_off, 100, 103), Some(1));
        assert_eq!(refused(&mut back_off, 101, 103), None);
        assert_eq!(refused(&mut back_off, 102, 105), None);
        assert_eq!(refused(&mut back_off, 105, 105), Some(2));
    }

    #[test]
    fn the_length_halves_with_each_such_time_of_quiet() {
        let (mut back_off, mut now) = (BackOff::new(), 100);
        for _ in 0..8 {
            now += refused(&mut back_off, now, now).unwrap();
        }
        assert_eq!(back_off.next_length, CAP);
        assert_eq!(refused(&mut back_off, now + 60, now + 60), Some(30));
        let later = now + 60 + 30 + 120;
        assert_eq!(refused(&mut back_off, later, later), Some(1));
    }

    #[test]
    fn each_accepted_request_after_the_hold_halves_the_length() {
        let (mut back_off, mut now) = (BackOff::new(), 100);
        for _ in 0..4 {
            now += refused(&mut back_off, now, now).unwrap();
        }
        assert_eq!(back_off.next_length, Duration::from_secs(16));
        back_off.on_acceptance(at(now - 1), at(now));
        assert_eq!(back_off.next_length, Duration::from_secs(16));
        for next in [8, 4, 2, 1, 1] {
            back_off.on_acceptance(at(now), at(now));
            assert_eq!(back_off.next_length, Duration::from_secs(next));
        }
    }

    proptest! {
        #[test]
        fn the_length_never_exceeds_the_cap_and_is_the_first_again_after_three_caps_of_quiet(
            steps in proptest::collection::vec((0..3_u8, 0..200_u64, 0..200_u64), 0..100),
            cap in 0..100_u64,
        ) {
            let (mut back_off, mut now, cap) = (BackOff::new(), at(1_000), Duration::from_secs(cap));
            for (what, pause, ago) in steps {
                now = now + Duration::from_secs(pause);
                let started = Tick(now.0 - ago * 1_000_000);
                match what {
                    0 => {
                        let length = back_off.on_refusal(started, now, cap);
                        prop_assert!(length.is_none_or(|length| length <= cap));
                        length.into_iter().for_each(|length| back_off.on_hold(now + length, now));
                    }
                    1 => back_off.on_hold(now + Duration::from_secs(ago).min(cap), now),
                    _ => back_off.on_acceptance(started, now),
                }
            }
            let quiet = now + cap * 3;
            back_off.decay(quiet);
            prop_assert_eq!(back_off.next_length, FIRST_LENGTH);
        }
    }
}
